//! What is wrong with a document, and where. Knows positions and wording, no YAML.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

/// A place in a file, both counted from 1; the column counts characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl Position {
    /// The first character of a file: where a mistake about the whole file is reported.
    pub const START: Self = Self { line: 1, column: 1 };
}

/// One mistake: where it is, what is wrong, and what would have been right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The file's name as the reader of the message knows it.
    pub file: Arc<str>,
    /// Where in the file.
    pub at: Position,
    /// What is wrong, without a full stop: ``spec.rules[0]: unknown field `acton` ``.
    pub what: String,
    /// What would have been right: ``one of `block`, `redact` ``.
    pub expected: Option<String>,
    /// The nearest right word, if one is near.
    pub did_you_mean: Option<String>,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.at.line, self.at.column, self.what)?;
        if let Some(expected) = &self.expected {
            write!(f, "; expected {expected}")?;
        }
        if let Some(word) = &self.did_you_mean {
            write!(f, "; did you mean `{word}`?")?;
        }
        Ok(())
    }
}

/// All mistakes of one load, never empty, in order of file and position. `Display` writes one per line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes(Vec<Mistake>);

impl Mistakes {
    /// The mistakes in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Mistake> {
        self.0.iter()
    }

    /// How many there are; at least 1.
    #[expect(clippy::len_without_is_empty, reason = "there is no empty `Mistakes`")]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl<'a> IntoIterator for &'a Mistakes {
    type Item = &'a Mistake;
    type IntoIter = std::slice::Iter<'a, Mistake>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, mistake) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

/// Collects mistakes while documents are read; shared by reference so that reading stays free of plumbing.
#[derive(Debug, Default)]
pub struct Report(RefCell<Vec<Mistake>>);

impl Report {
    /// A report without mistakes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one mistake.
    pub fn add(&self, mistake: Mistake) {
        self.0.borrow_mut().push(mistake);
    }

    /// Adds a mistake about a file as a whole.
    pub fn about_file(&self, file: &str, what: &str, expected: Option<&str>) {
        let (file, at) = (Arc::from(file), Position::START);
        let (what, expected) = (what.to_owned(), expected.map(str::to_owned));
        self.add(Mistake { file, at, what, expected, did_you_mean: None });
    }

    /// How many mistakes there are so far.
    pub fn count(&self) -> usize {
        self.0.borrow().len()
    }

    /// True while nothing wrong was found.
    pub fn is_clean(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// `value` if nothing was wrong, else everything that was. A missing value without any mistake is a
    /// defect of the reader, not of the file, and is reported as such instead of passing silently.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Mistakes> {
        let mut mistakes = self.0.into_inner();
        match value {
            Some(value) if mistakes.is_empty() => return Ok(value),
            None if mistakes.is_empty() => mistakes.push(Mistake {
                file: Arc::from("(unknown)"),
                at: Position::START,
                what: "the document was refused without a reason; this is a defect of the program".into(),
                expected: None,
                did_you_mean: None,
            }),
            _ => {}
        }
        order(&mut mistakes);
        // What is looked at twice is wrong once.
        mistakes.dedup();
        Err(Mistakes(mistakes))
    }
}

/// Sorts by position inside each file and keeps the files in the order in which they were read.
fn order(mistakes: &mut [Mistake]) {
    let mut files: Vec<Arc<str>> = Vec::new();
    for mistake in mistakes.iter() {
        if !files.contains(&mistake.file) {
            files.push(mistake.file.clone());
        }
    }
    mistakes.sort_by_key(|m| (files.iter().position(|f| *f == m.file), m.at));
}

/// The candidate nearest to `word`, if it is near enough to be what was meant.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    // Long input is no typing mistake, and the distance is quadratic.
    if word.len() > 64 {
        return None;
    }
    let lower = word.to_lowercase();
    candidates
        .into_iter()
        .map(|c| (strsim::damerau_levenshtein(&lower, &c.to_lowercase()), c))
        .filter(|(distance, c)| *distance <= (c.chars().count().min(word.chars().count()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, c)| c.to_owned())
}

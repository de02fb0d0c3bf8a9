//! Names with `*` in them: `secret.*`, `azure-*`, `*`.

use std::fmt;

/// A name in which `*` stands for any characters, also none. Everything else stands for itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pattern(Box<str>);

/// Longest pattern of a name that is not the catalogue's: a path of a file, an image with its digest.
const LONGEST: usize = 512;

impl Pattern {
    /// Reads a pattern of lower-case letters, digits, `.`, `_`, `-` and `*`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-*".contains(c);
        (!text.is_empty() && text.len() <= 128 && text.chars().all(allowed)).then(|| Self(text.into()))
    }

    /// Reads a pattern of a name that others chose: paths, images, labels. `None` if it is empty, too long, or has
    /// blanks or control characters.
    pub fn parse_any(text: &str) -> Option<Self> {
        let allowed = |c: char| !c.is_control() && !c.is_whitespace();
        (!text.is_empty() && text.len() <= LONGEST && text.chars().all(allowed)).then(|| Self(text.into()))
    }

    /// Reads a pattern of a text that a tool is called with: blanks are allowed, line breaks are not.
    pub(super) fn parse_text(text: &str) -> Option<Self> {
        let allowed = |c: char| !c.is_control();
        (!text.is_empty() && text.len() <= LONGEST && text.chars().all(allowed)).then(|| Self(text.into()))
    }

    /// The same, to be compared with names in small letters.
    #[must_use]
    pub fn folded(self) -> Self {
        Self(self.0.to_ascii_lowercase().into())
    }

    /// The pattern that fits everything.
    pub fn any() -> Self {
        Self("*".into())
    }

    /// True if it holds a `*`.
    pub fn is_wild(&self) -> bool {
        self.0.contains('*')
    }

    /// True if it fits every name.
    pub fn is_any(&self) -> bool {
        self.0.bytes().all(|b| b == b'*')
    }

    /// The only name that fits, if there is only one.
    pub fn literal(&self) -> Option<&str> {
        (!self.is_wild()).then_some(&self.0)
    }

    /// True if `name` fits. Each part between stars is taken at its first place, which is enough: a later
    /// one leaves less room for the rest.
    pub fn fits(&self, name: &str) -> bool {
        let Some((head, rest)) = self.0.split_once('*') else { return *self.0 == *name };
        let Some(mut name) = name.strip_prefix(head) else { return false };
        let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
        for part in middle.split('*') {
            match name.find(part) {
                Some(at) => name = &name[at + part.len()..],
                None => return false,
            }
        }
        name.ends_with(tail)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A list of patterns, one of which has to fit.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Patterns(Box<[Pattern]>);

impl Patterns {
    pub(super) fn new(patterns: Vec<Pattern>) -> Self {
        Self(patterns.into())
    }

    pub(super) fn fit(&self, name: &str) -> bool {
        self.0.iter().any(|pattern| pattern.fits(name))
    }

    /// As [`Patterns::fit`]; nothing fits what is not known.
    pub(super) fn fit_known(&self, name: Option<&str>) -> bool {
        name.is_some_and(|name| self.fit(name))
    }

    /// True if one of them fits every name.
    pub(super) fn has_any(&self) -> bool {
        self.0.iter().any(Pattern::is_any)
    }

    /// Those of them that fit one name only.
    pub(super) fn each_literal(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(Pattern::literal)
    }

    /// The names that fit, if they can be counted.
    pub(super) fn literals(&self) -> Option<Vec<&str>> {
        self.0.iter().map(Pattern::literal).collect()
    }
}

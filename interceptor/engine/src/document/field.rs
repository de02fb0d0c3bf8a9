//! Typed access to a document tree. Every refusal lands in the report with the field's path and position,
//! and reading goes on, so that one run shows all mistakes.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use super::mistake::{Mistake, Position, Report, nearest};
use super::shape::{Kind, Member, Shape};
use super::tree::{Entry, Node, Value};
use super::units::{self, NetworkPrefix, UnitError};

/// A value at a known path. Readers return `None` after having reported what is wrong.
#[derive(Debug, Clone)]
pub struct Field<'a> {
    file: &'a Arc<str>,
    node: &'a Node,
    report: &'a Report,
    path: String,
    /// What its shape says of it, if it has one.
    kind: Option<&'static Kind>,
}

impl<'a> Field<'a> {
    pub(super) fn root(file: &'a Arc<str>, node: &'a Node, report: &'a Report) -> Self {
        Self { file, node, report, path: String::new(), kind: None }
    }

    /// Where the value starts.
    pub fn position(&self) -> Position {
        self.node.at
    }

    /// The file it stands in.
    pub fn file(&self) -> &'a Arc<str> {
        self.file
    }

    /// The dotted path from the root: `spec.rules[0].action`. Empty for the root.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The bare value, for readers that accept several shapes.
    pub fn value(&self) -> &'a Value {
        &self.node.value
    }

    /// How many mistakes were reported so far, in all files.
    pub fn mistakes(&self) -> usize {
        self.report.count()
    }

    /// Reports that this value is wrong. `expected` says what would have been right.
    pub fn mistake(&self, what: impl AsRef<str>, expected: Option<&str>) {
        self.complain(self.node.at, what.as_ref(), expected.map(str::to_owned), None);
    }

    /// Reports a word that is not among those it could have been.
    pub fn unknown_word<'w>(&self, kind: &str, word: &str, known: impl IntoIterator<Item = &'w str> + Clone) {
        let only = known.clone().into_iter().count() == 1;
        let expected = format!("{}{}", if only { "" } else { "one of " }, list(known.clone()));
        self.complain(
            self.node.at,
            &format!("unknown {kind} `{}`", excerpt(word)),
            Some(expected),
            nearest(word, known),
        );
    }

    /// As [`Field::unknown_word`], for vocabularies too long to be listed in a message.
    pub fn unknown_word_of_many<'w>(
        &self,
        kind: &str,
        word: &str,
        known: impl IntoIterator<Item = &'w str>,
        expected: &str,
    ) {
        let what = format!("unknown {kind} `{}`", excerpt(word));
        self.complain(self.node.at, &what, Some(expected.to_owned()), nearest(word, known));
    }

    /// A mapping with exactly these fields; every other field is reported as unknown.
    pub fn map(&self, known: &'static [&'static str]) -> Option<Fields<'a>> {
        self.fields(Known::Names(known))
    }

    /// A mapping with the fields of a shape; every other field is reported as unknown. Fields that the shape requires
    /// are asked for by [`Fields::required`], like others.
    pub fn shaped(&self, shape: &'static Shape) -> Option<Fields<'a>> {
        self.fields(Known::Shape(shape))
    }

    fn fields(&self, known: Known) -> Option<Fields<'a>> {
        let Value::Map(entries) = &self.node.value else {
            self.mistake(
                format!("is {}", self.node.value.kind()),
                Some(&format!("a mapping with {}", list(known.names()))),
            );
            return None;
        };
        for entry in entries.iter().filter(|entry| !known.has(&entry.key)) {
            self.complain(
                entry.at,
                &format!("unknown field `{}`", excerpt(&entry.key)),
                Some(format!("one of {}", list(known.names()))),
                nearest(&entry.key, known.names()),
            );
        }
        Some(Fields { this: self.clone(), entries, known })
    }

    /// A mapping with names of the writer's choice: each name with its value, in order.
    pub fn entries(&self) -> Option<Vec<(&'a str, Field<'a>)>> {
        let Value::Map(entries) = &self.node.value else {
            self.mistake(format!("is {}", self.node.value.kind()), Some("a mapping"));
            return None;
        };
        let kind = self.kind.and_then(Kind::elements);
        Some(
            entries
                .iter()
                .map(|e| (e.key.as_str(), self.child(&format!(".{}", e.key), &e.value).of(kind)))
                .collect(),
        )
    }

    /// A list.
    pub fn list(&self) -> Option<Vec<Field<'a>>> {
        let Value::List(items) = &self.node.value else {
            self.mistake(format!("is {}", self.node.value.kind()), Some("a list"));
            return None;
        };
        let kind = self.kind.and_then(Kind::elements);
        Some(items.iter().enumerate().map(|(i, item)| self.child(&format!("[{i}]"), item).of(kind)).collect())
    }

    /// A list with at least one element.
    pub fn filled_list(&self) -> Option<Vec<Field<'a>>> {
        let list = self.list()?;
        if list.is_empty() {
            self.mistake("is an empty list", Some("at least one element"));
            return None;
        }
        Some(list)
    }

    /// A list of which every element could be read by `read`. Elements that could not are reported by
    /// `read` and left out of the list, so a caller must consult the report before it trusts the list.
    pub fn list_of<T>(&self, read: impl Fn(&Field<'a>) -> Option<T>) -> Option<Vec<T>> {
        Some(self.list()?.iter().filter_map(read).collect())
    }

    /// A single value as text. A field that says nothing (`name:` or `name: null`) is refused.
    pub fn text(&self) -> Option<&'a str> {
        match &self.node.value {
            Value::Scalar { text, .. } if !self.node.value.is_null() => Some(text),
            other => {
                self.mistake(format!("is {}", other.kind()), Some("a word"));
                None
            }
        }
    }

    /// One of these words, with what each stands for.
    pub fn one_of<T: Clone>(&self, words: &[(&str, T)]) -> Option<T> {
        debug_assert!(
            self.kind.and_then(Kind::words).is_none_or(|declared| {
                declared.len() == words.len() && words.iter().all(|(word, _)| declared.contains(word))
            }),
            "the words of `{}` are not those of its shape",
            self.path
        );
        let text = self.text()?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(value.clone());
        }
        self.unknown_word("value", text, words.iter().map(|(word, _)| *word));
        None
    }

    /// `true` or `false`; YAML 1.1's `yes` and `on` are refused.
    pub fn boolean(&self) -> Option<bool> {
        self.one_of(&[("true", true), ("false", false)])
    }

    /// A whole number in a range.
    pub fn number(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let text = self.text()?;
        match text.parse::<u64>() {
            Ok(number) if range.contains(&number) => Some(number),
            _ => {
                let expected = format!("a whole number from {} to {}", range.start(), range.end());
                self.mistake(format!("`{}` is not allowed", excerpt(text)), Some(&expected));
                None
            }
        }
    }

    /// A duration with its unit: `30s`.
    pub fn duration(&self) -> Option<Duration> {
        self.unit(units::duration)
    }

    /// A number of bytes: `16MiB`.
    pub fn byte_size(&self) -> Option<u64> {
        self.unit(units::byte_size)
    }

    /// An address with a port.
    pub fn socket_address(&self) -> Option<SocketAddr> {
        self.unit(units::socket_address)
    }

    /// An address.
    pub fn ip(&self) -> Option<IpAddr> {
        self.parsed("an IP address", |text| text.parse().ok())
    }

    /// An address or a network prefix.
    pub fn network_prefix(&self) -> Option<NetworkPrefix> {
        self.unit(units::network_prefix)
    }

    /// Text that `read` turns into a value; `expected` says what it takes.
    pub fn parsed<T>(&self, expected: &str, read: impl FnOnce(&'a str) -> Option<T>) -> Option<T> {
        let text = self.text()?;
        let value = read(text);
        if value.is_none() {
            self.mistake(format!("`{}` is not allowed", excerpt(text)), Some(expected));
        }
        value
    }

    fn unit<T>(&self, read: fn(&str) -> Result<T, UnitError>) -> Option<T> {
        let text = self.text()?;
        match read(text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.mistake(format!("`{}` is not allowed", excerpt(text)), Some(error.expected));
                None
            }
        }
    }

    fn child(&self, step: &str, node: &'a Node) -> Self {
        let path = format!("{}{step}", self.path);
        Self { path: path.trim_start_matches('.').to_owned(), node, kind: None, ..*self }
    }

    fn of(self, kind: Option<&'static Kind>) -> Self {
        Self { kind, ..self }
    }

    fn complain(&self, at: Position, what: &str, expected: Option<String>, did_you_mean: Option<String>) {
        let what = if self.path.is_empty() { what.to_owned() } else { format!("{}: {what}", self.path) };
        self.report.add(Mistake { file: self.file.clone(), at, what, expected, did_you_mean });
    }
}

/// The fields of a mapping whose names are fixed.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    this: Field<'a>,
    entries: &'a [Entry],
    known: Known,
}

impl<'a> Fields<'a> {
    /// A field that must be there and say something; otherwise the mapping is reported.
    pub fn required(&self, name: &'static str) -> Option<Field<'a>> {
        let field = self.optional(name);
        if field.is_none() {
            self.this.mistake(format!("the field `{name}` is missing"), None);
        }
        field
    }

    /// A field that may be missing. `name:` without a value counts as missing.
    pub fn optional(&self, name: &'static str) -> Option<Field<'a>> {
        debug_assert!(self.known.has(name), "`{name}` is read but not declared");
        let entry = self.entries.iter().find(|entry| entry.key == name)?;
        let kind = self.known.member(name).map(|member| &member.kind);
        (!entry.value.value.is_null()).then(|| self.this.child(&format!(".{name}"), &entry.value).of(kind))
    }

    /// The mapping itself, for mistakes about several fields at once.
    pub fn this(&self) -> &Field<'a> {
        &self.this
    }
}

/// The names that a mapping may have.
#[derive(Debug, Clone, Copy)]
enum Known {
    Names(&'static [&'static str]),
    Shape(&'static Shape),
}

impl Known {
    fn names(self) -> impl Iterator<Item = &'static str> + Clone {
        let (names, members): (&'static [&'static str], &'static [Member]) = match self {
            Self::Names(names) => (names, &[]),
            Self::Shape(shape) => (&[], shape.fields),
        };
        names.iter().copied().chain(members.iter().map(|member| member.name))
    }

    fn has(self, name: &str) -> bool {
        self.names().any(|known| known == name)
    }

    fn member(self, name: &str) -> Option<&'static Member> {
        match self {
            Self::Names(_) => None,
            Self::Shape(shape) => shape.member(name),
        }
    }
}

/// "`a`, `b`, `c`".
fn list<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    words.into_iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// A value in a message: cut, because someone may have pasted a key where a word belongs.
fn excerpt(text: &str) -> String {
    const LONGEST: usize = 40;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

//! The tree of a YAML document with positions, built from the parser's events under hard limits.

use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::field::Field;
use super::mistake::{Mistake, Position, Report};

/// What a document may cost. The defaults fit every document that a person writes.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of one file.
    pub bytes: usize,
    /// Lists and mappings inside one another.
    pub depth: usize,
    /// Keys, values, lists and mappings of one file.
    pub nodes: usize,
}

impl Limits {
    /// 1 MiB, 32 levels, 100 000 nodes.
    pub const WRITTEN_BY_HAND: Self = Self { bytes: 1 << 20, depth: 32, nodes: 100_000 };
}

/// One document of a file (a file may hold several, separated by `---`).
#[derive(Debug, Clone)]
pub struct Document {
    file: Arc<str>,
    root: Node,
}

impl Document {
    /// The file's name as given to [`parse`].
    pub fn file(&self) -> &Arc<str> {
        &self.file
    }

    /// The root for typed reading; mistakes go to `report`.
    pub fn root<'a>(&'a self, report: &'a Report) -> Field<'a> {
        Field::root(&self.file, &self.root, report)
    }

    /// The bare tree.
    pub fn node(&self) -> &Node {
        &self.root
    }
}

/// A value and where it starts.
#[derive(Debug, Clone)]
pub struct Node {
    /// Where the value starts.
    pub at: Position,
    /// The value.
    pub value: Value,
}

/// What YAML can say. Scalars stay text: the reader of a field knows its type, the syntax does not.
#[derive(Debug, Clone)]
pub enum Value {
    /// A scalar. `plain` is false if it was quoted or a block: then `null` and `true` are just words.
    Scalar {
        /// The text, unescaped.
        text: String,
        /// Written without quotes.
        plain: bool,
    },
    /// A list.
    List(Vec<Node>),
    /// A mapping in the order of the file, keys unique.
    Map(Vec<Entry>),
}

/// One `key: value` of a mapping.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Where the key starts.
    pub at: Position,
    /// The key.
    pub key: String,
    /// The value.
    pub value: Node,
}

impl Value {
    /// True for an empty plain scalar, `~` and `null`: a field that is there but says nothing.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null"))
    }

    /// The word for messages: "a list".
    pub(super) fn kind(&self) -> &'static str {
        match self {
            value if value.is_null() => "nothing",
            Self::Scalar { .. } => "a single value",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

/// Reads every document of a file. Syntax mistakes, exceeded limits, anchors, aliases, tags and duplicate
/// keys go to `report`; what could be read before a syntax mistake is dropped, because its meaning is not
/// certain.
pub fn parse(file: &str, text: &str, limits: Limits, report: &Report) -> Vec<Document> {
    let file: Arc<str> = Arc::from(file);
    let mut builder = Builder {
        file: &file,
        report,
        limits,
        nodes: 0,
        open: Vec::new(),
        root: None,
        documents: Vec::new(),
    };
    if text.len() > limits.bytes {
        let what = format!("the file has {} bytes", text.len());
        builder.mistake(Position::START, what, Some(format!("at most {} bytes", limits.bytes)));
        return Vec::new();
    }
    let mut parser = Parser::new_from_str(text);
    while let Some(next) = parser.next_event() {
        match next {
            Ok((Event::StreamEnd, _)) => return builder.documents,
            Ok((event, span)) => {
                if builder.event(event, span).is_err() {
                    return Vec::new();
                }
            }
            Err(error) => {
                let at = position(*error.marker());
                builder.mistake(at, format!("not valid YAML: {}", error.info()), None);
                return Vec::new();
            }
        }
    }
    builder.documents
}

/// A list or mapping whose end has not come yet.
enum Open {
    List { at: Position, items: Vec<Node> },
    Map { at: Position, entries: Vec<Entry>, key: Option<(Position, String)> },
}

/// A limit was reached; the mistake is already reported.
struct GivenUp;

struct Builder<'a> {
    file: &'a Arc<str>,
    report: &'a Report,
    limits: Limits,
    nodes: usize,
    open: Vec<Open>,
    root: Option<Node>,
    documents: Vec<Document>,
}

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), GivenUp> {
        let at = position(span.start);
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) => {}
            Event::DocumentEnd => {
                // A document that is empty or only comments says nothing: not a document.
                if let Some(root) = self.root.take().filter(|root| !root.value.is_null()) {
                    self.documents.push(Document { file: self.file.clone(), root });
                }
            }
            Event::Alias(_) => {
                self.mistake(
                    at,
                    "aliases (`*name`) are not supported".into(),
                    Some("the value itself".into()),
                );
                self.complete(Node { at, value: Value::Scalar { text: String::new(), plain: false } })?;
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.no_extras(at, anchor, tag.is_some());
                let plain = style == ScalarStyle::Plain;
                self.complete(Node { at, value: Value::Scalar { text: text.into_owned(), plain } })?;
            }
            Event::SequenceStart(anchor, tag) => {
                self.no_extras(at, anchor, tag.is_some());
                self.descend(at, Open::List { at, items: Vec::new() })?;
            }
            Event::MappingStart(anchor, tag) => {
                self.no_extras(at, anchor, tag.is_some());
                self.descend(at, Open::Map { at, entries: Vec::new(), key: None })?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.ascend()?,
        }
        Ok(())
    }

    fn no_extras(&self, at: Position, anchor: usize, tagged: bool) {
        if anchor != 0 {
            self.mistake(at, "anchors (`&name`) are not supported".into(), None);
        }
        if tagged {
            self.mistake(at, "tags (`!name`) are not supported".into(), None);
        }
    }

    fn descend(&mut self, at: Position, open: Open) -> Result<(), GivenUp> {
        if self.open.len() == self.limits.depth {
            let expected = format!("at most {} levels", self.limits.depth);
            self.mistake(at, "lists and mappings are nested too deep".into(), Some(expected));
            return Err(GivenUp);
        }
        self.open.push(open);
        Ok(())
    }

    fn ascend(&mut self) -> Result<(), GivenUp> {
        match self.open.pop() {
            Some(Open::List { at, items }) => self.complete(Node { at, value: Value::List(items) }),
            Some(Open::Map { at, entries, .. }) => self.complete(Node { at, value: Value::Map(entries) }),
            // The parser balances starts and ends; without an open collection there is nothing to close.
            None => Ok(()),
        }
    }

    /// Puts a finished value where it belongs: into the open list, under the pending key, or as the root.
    fn complete(&mut self, node: Node) -> Result<(), GivenUp> {
        self.nodes += 1;
        if self.nodes > self.limits.nodes {
            let expected = format!("at most {}", self.limits.nodes);
            self.mistake(node.at, "the file has too many values".into(), Some(expected));
            return Err(GivenUp);
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, key, .. }) => match key.take() {
                Some((at, name)) => match entries.iter().find(|e| e.key == name).map(|e| e.at.line) {
                    Some(line) => {
                        self.mistake(
                            at,
                            format!("the key `{name}` is there twice (first in line {line})"),
                            None,
                        );
                    }
                    None => entries.push(Entry { at, key: name, value: node }),
                },
                None => match node.value {
                    Value::Scalar { text, .. } => *key = Some((node.at, text)),
                    _ => {
                        // Remember a key all the same, so that its value finds its place.
                        *key = Some((node.at, String::new()));
                        self.mistake(
                            node.at,
                            "a list or mapping cannot be a key".into(),
                            Some("a word".into()),
                        );
                    }
                },
            },
        }
        Ok(())
    }

    fn mistake(&self, at: Position, what: String, expected: Option<String>) {
        self.report.add(Mistake { file: self.file.clone(), at, what, expected, did_you_mean: None });
    }
}

/// The parser counts columns from 0.
fn position(marker: saphyr_parser::Marker) -> Position {
    Position { line: marker.line().max(1), column: marker.col() + 1 }
}

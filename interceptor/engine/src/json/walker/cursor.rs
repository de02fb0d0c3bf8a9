//! What the reader's calls carry: strings as they are written, literals, and where they stand.
//! Knows the table's names. Does not read.

use crate::json::table::{Class, Edge, State, StateId, Table};

/// What is called for every value. Strings and numbers come whole.
pub trait Sink {
    /// A string, or a key that the table does not name.
    fn text(&mut self, cursor: &Cursor<'_>, text: Text<'_>);
    /// A number as it is written.
    fn number(&mut self, cursor: &Cursor<'_>, raw: &[u8], start: usize);
    /// `true`, `false` or `null`.
    fn word(&mut self, _cursor: &Cursor<'_>, _word: Word) {}
    /// An object or array begins.
    fn open(&mut self, _cursor: &Cursor<'_>) {}
    /// It ends; the cursor stands where it stood when it began.
    fn close(&mut self, _cursor: &Cursor<'_>) {}
    /// An object begins in a list that is a member of the document, as messages are. What of it need not be read,
    /// because the sink knows what it says; none if it has to be.
    fn known(&mut self, _cursor: &Cursor<'_>, _here: Here<'_>) -> Option<Stretch> {
        None
    }
    /// Such an object ends here, and began in the same chunk.
    fn was_read(&mut self, _cursor: &Cursor<'_>, _here: Here<'_>) {}
}

/// How far a chunk was read.
#[derive(Clone, Copy)]
pub struct Here<'a> {
    /// The chunk.
    pub chunk: &'a [u8],
    /// How much of it was read.
    pub at: usize,
    /// Where in the document it begins.
    pub base: usize,
}

/// Elements that follow one another in a list, with the commas between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// How many bytes they are written with.
    pub bytes: usize,
    /// How many there are; at least one.
    pub elements: u32,
}

/// A literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// `true`
    True,
    /// `false`
    False,
    /// `null`
    Null,
}

impl Word {
    pub(super) fn spelling(self) -> &'static [u8] {
        self.as_str().as_bytes()
    }

    /// As it is written.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Word::True => "true",
            Word::False => "false",
            Word::Null => "null",
        }
    }
}

/// A string between its quotes.
#[derive(Clone, Copy)]
pub struct Text<'a> {
    /// The bytes as they are written, escapes and all.
    pub raw: &'a [u8],
    /// Offset of the first of them in the document.
    pub start: usize,
    /// True if there is a backslash among them.
    pub escaped: bool,
    /// True if it is the key of a member.
    pub key: bool,
}

impl Text<'_> {
    /// Where it lies in the document.
    pub fn range(&self) -> std::ops::Range<usize> {
        self.start..self.start + self.raw.len()
    }
}

/// How a value stands in the container around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Member<'a> {
    /// Under a key that the catalogue names.
    Named(&'a str),
    /// Under the key that was read last.
    Other,
    /// Among the elements of a list, or around everything.
    Element,
}

/// Where the reader stands.
pub struct Cursor<'a> {
    pub(super) table: &'a Table,
    pub(super) frames: &'a [Frame],
    /// The value's own state and edge; none for the containers' calls, where the last frame is meant.
    pub(super) value: Option<(StateId, Edge)>,
}

impl<'a> Cursor<'a> {
    /// What the value here is.
    pub fn class(&self) -> Class {
        self.state().class
    }

    /// Containers that are open around the value; the container itself counts in its own calls.
    pub fn depth(&self) -> usize {
        self.frames.len()
    }

    /// The number of the element that the value here is, or is in.
    pub(crate) fn index(&self) -> u32 {
        self.frames.last().map_or(0, |frame| frame.index)
    }

    /// The number of the table that the value's state is in.
    pub(crate) fn table_number(&self) -> u64 {
        self.table.number()
    }

    /// True if the value is a member of an object.
    pub(crate) fn is_member(&self) -> bool {
        self.frames.last().is_some_and(|frame| !frame.array)
    }

    /// How the value here stands in the container around it.
    pub(crate) fn member(&self) -> Member<'a> {
        let (around, edge) = match (self.value, self.frames) {
            (Some((_, edge)), [.., around]) => (around, edge),
            (None, [.., around, own]) => (around, own.edge),
            _ => return Member::Element,
        };
        if around.array {
            return Member::Element;
        }
        self.table.name(around.state, edge).map_or(Member::Other, Member::Named)
    }

    /// The number of the state of the value here.
    pub(crate) fn state_id(&self) -> StateId {
        match self.value {
            Some((state, _)) => state,
            None => self.frames.last().map_or(self.table.root(), |frame| frame.state),
        }
    }

    /// What is known of the value here.
    pub(crate) fn state(&self) -> &'a State {
        self.table.state(self.state_id())
    }

    /// What is known of the container around the value here.
    pub(crate) fn container(&self) -> Option<&'a State> {
        self.frames.last().map(|frame| self.table.state(frame.state))
    }

    /// The place in words: `messages[3].content`. Keys that the catalogue does not name are shown as `*`,
    /// since a peer may put anything there.
    pub fn place(&self) -> String {
        let mut place = String::new();
        // Every frame but the outermost was reached by a step from the one before it.
        for pair in self.frames.windows(2) {
            self.step(&mut place, &pair[0], pair[1].edge);
        }
        if let (Some((_, edge)), Some(last)) = (self.value, self.frames.last()) {
            self.step(&mut place, last, edge);
        }
        place
    }

    fn step(&self, place: &mut String, container: &Frame, edge: Edge) {
        if container.array {
            place.push_str(&format!("[{}]", container.index));
            return;
        }
        if !place.is_empty() {
            place.push('.');
        }
        place.push_str(self.table.name(container.state, edge).unwrap_or("*"));
    }
}

/// An open object or array.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) array: bool,
    /// What is known of the container.
    pub(super) state: StateId,
    /// How it was reached from the container around it.
    pub(super) edge: Edge,
    /// In an array: the number of the current element.
    pub(super) index: u32,
}

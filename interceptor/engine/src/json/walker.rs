//! The resumable reader: bytes in, calls to a [`Sink`] out.
//! What is between two chunks is here; what happens within one is in `reader`, what callers see in `cursor`.

mod cursor;
mod reader;

use super::table::{Edge, StateId, Table};
use cursor::Frame;
pub(crate) use cursor::Member;
pub use cursor::{Cursor, Here, Sink, Stretch, Text, Word};
use reader::Reader;

/// Deepest nesting that is read. Real requests stay below 30; parsers that recurse give up at 128 or more.
pub const MOST_DEPTH: usize = 256;

/// Why a text could not be read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WalkError {
    /// Not JSON.
    #[error("not JSON at byte {at}")]
    Malformed {
        /// Offset of the first byte that cannot be there.
        at: usize,
    },
    /// JSON, but nested deeper than [`MOST_DEPTH`].
    #[error("nested deeper than {MOST_DEPTH} levels")]
    TooDeep,
    /// The text ended in the middle.
    #[error("the text ends too early")]
    Incomplete,
}

/// What may come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    Value,
    ValueOrEnd,
    KeyOrEnd,
    Key,
    Colon,
    CommaOrEnd,
    /// Nothing but white space.
    Nothing,
}

/// A value that the last chunk cut in two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Within {
    Nothing,
    Text { key: bool, start: usize, escaped: bool, backslash: bool },
    Number { start: usize },
    Word { word: Word, read: usize },
}

/// Reads one JSON document in chunks.
#[derive(Debug)]
pub struct Walker {
    frames: Vec<Frame>,
    expect: Expect,
    within: Within,
    /// The bytes of a cut value that came so far.
    carry: Vec<u8>,
    /// Scratch for keys with escapes.
    key: Vec<u8>,
    /// State and edge of the value after the key that was read last.
    member: (StateId, Edge),
    /// Documents may follow one another, as in JSON lines.
    many: bool,
    /// Where in the table a document stands, if it is a part of another.
    root: Option<StateId>,
    failed: Option<WalkError>,
}

impl Walker {
    /// A reader for one document.
    pub fn new() -> Self {
        Walker {
            frames: Vec::new(),
            expect: Expect::Value,
            within: Within::Nothing,
            carry: Vec::new(),
            key: Vec::new(),
            member: (StateId::DEAD, Edge::UNNAMED),
            many: false,
            root: None,
            failed: None,
        }
    }

    /// A reader for any number of documents one after the other, as in JSON lines.
    pub fn many() -> Self {
        Walker { many: true, ..Self::new() }
    }

    /// The documents stand at this place of the table, not at its beginning.
    pub(crate) fn rooted(self, root: StateId) -> Self {
        Walker { root: Some(root), ..self }
    }

    /// Ready for another document; keeps its buffers.
    pub fn reset(&mut self) {
        self.frames.clear();
        self.carry.clear();
        self.expect = Expect::Value;
        self.within = Within::Nothing;
        self.failed = None;
    }

    /// Reads a chunk that begins at offset `base` of the document. After an error nothing more is read.
    pub fn feed(&mut self, table: &Table, chunk: &[u8], base: usize, sink: &mut impl Sink) {
        if self.failed.is_some() {
            return;
        }
        let mut reader = Reader { walker: self, table, chunk, base, at: 0, element: false, sink };
        if let Err(error) = reader.run() {
            self.failed = Some(error);
        }
    }

    /// The text has ended at offset `end`. Numbers at the very end are only complete now.
    pub fn finish(&mut self, table: &Table, end: usize, sink: &mut impl Sink) -> Result<(), WalkError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if let Within::Number { start } = self.within {
            let mut reader =
                Reader { walker: self, table, chunk: &[], base: end, at: 0, element: false, sink };
            reader.number(start);
        }
        let nothing_read = self.many && self.expect == Expect::Value && self.frames.is_empty();
        match (self.within, self.expect) {
            (Within::Nothing, Expect::Nothing) => Ok(()),
            (Within::Nothing, _) if nothing_read => Ok(()),
            _ => Err(WalkError::Incomplete),
        }
    }

    /// The string that has begun and not ended: where it begins, and what has come of it.
    pub(crate) fn pending_text(&self) -> Option<(usize, &[u8])> {
        match self.within {
            Within::Text { start, .. } => Some((start, &self.carry)),
            _ => None,
        }
    }

    /// True once a document has ended and nothing but white space has followed it.
    pub(crate) fn is_complete(&self) -> bool {
        self.failed.is_none() && self.expect == Expect::Nothing && self.within == Within::Nothing
    }

    /// Why reading stopped, if it did.
    pub fn error(&self) -> Option<WalkError> {
        self.failed
    }
}

impl Default for Walker {
    fn default() -> Self {
        Self::new()
    }
}

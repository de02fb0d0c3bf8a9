//! The resumable reader: bytes in, calls to a [`Sink`] out.

use super::table::{Class, Edge, State, StateId, Table};

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
    fn spelling(self) -> &'static [u8] {
        match self {
            Word::True => b"true",
            Word::False => b"false",
            Word::Null => b"null",
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

/// Where the reader stands.
pub struct Cursor<'a> {
    table: &'a Table,
    frames: &'a [Frame],
    /// The value's own state and edge; none for the containers' calls, where the last frame is meant.
    value: Option<(StateId, Edge)>,
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
struct Frame {
    array: bool,
    /// What is known of the container.
    state: StateId,
    /// How it was reached from the container around it.
    edge: Edge,
    /// In an array: the number of the current element.
    index: u32,
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
            failed: None,
        }
    }

    /// A reader for any number of documents one after the other, as in JSON lines.
    pub fn many() -> Self {
        Walker { many: true, ..Self::new() }
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
        let mut reader = Reader { walker: self, table, chunk, base, at: 0, sink };
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
            let mut reader = Reader { walker: self, table, chunk: &[], base: end, at: 0, sink };
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

/// One chunk on its way through the walker.
struct Reader<'a, S> {
    walker: &'a mut Walker,
    table: &'a Table,
    chunk: &'a [u8],
    base: usize,
    at: usize,
    sink: &'a mut S,
}

impl<S: Sink> Reader<'_, S> {
    fn run(&mut self) -> Result<(), WalkError> {
        loop {
            match self.walker.within {
                Within::Nothing => {}
                Within::Text { key, start, escaped, backslash } => {
                    if !self.rest_of_text(key, start, escaped, backslash) {
                        return Ok(());
                    }
                }
                Within::Number { start } => {
                    if !self.rest_of_number(start) {
                        return Ok(());
                    }
                }
                Within::Word { word, read } => {
                    if !self.rest_of_word(word, read)? {
                        return Ok(());
                    }
                }
            }
            while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.chunk.get(self.at) {
                self.at += 1;
            }
            let Some(&byte) = self.chunk.get(self.at) else { return Ok(()) };
            self.token(byte)?;
        }
    }

    /// One token that begins with `byte`.
    fn token(&mut self, byte: u8) -> Result<(), WalkError> {
        use Expect::{Colon, CommaOrEnd, Key, KeyOrEnd, Nothing, Value, ValueOrEnd};
        match (self.walker.expect, byte) {
            (Nothing, _) if self.walker.many => {
                self.walker.expect = Value;
                return Ok(());
            }
            (Value | ValueOrEnd, b'"') => self.begin_text(false),
            (Value | ValueOrEnd, b'{') => self.open(false)?,
            (Value | ValueOrEnd, b'[') => self.open(true)?,
            (Value | ValueOrEnd, b'-' | b'0'..=b'9') => {
                self.walker.within = Within::Number { start: self.base + self.at };
            }
            (Value | ValueOrEnd, b't') => self.walker.within = Within::Word { word: Word::True, read: 0 },
            (Value | ValueOrEnd, b'f') => self.walker.within = Within::Word { word: Word::False, read: 0 },
            (Value | ValueOrEnd, b'n') => self.walker.within = Within::Word { word: Word::Null, read: 0 },
            (KeyOrEnd | Key, b'"') => self.begin_text(true),
            (ValueOrEnd, b']') | (KeyOrEnd, b'}') => self.close(),
            (Colon, b':') => {
                self.at += 1;
                self.walker.expect = Value;
            }
            (CommaOrEnd, b',') => self.comma(),
            (CommaOrEnd, b']' | b'}') if self.inside_array() == Some(byte == b']') => self.close(),
            _ => return Err(WalkError::Malformed { at: self.base + self.at }),
        }
        Ok(())
    }

    fn inside_array(&self) -> Option<bool> {
        self.walker.frames.last().map(|frame| frame.array)
    }

    fn comma(&mut self) {
        self.at += 1;
        self.walker.expect = match self.walker.frames.last_mut() {
            Some(frame) if frame.array => {
                frame.index = frame.index.saturating_add(1);
                Expect::Value
            }
            _ => Expect::Key,
        };
    }

    /// State and edge of the value that stands here.
    fn here(&self) -> (StateId, Edge) {
        match self.walker.frames.last() {
            None => (self.table.root(), Edge::UNNAMED),
            Some(frame) if frame.array => (self.table.element(frame.state), Edge::UNNAMED),
            Some(_) => self.walker.member,
        }
    }

    fn open(&mut self, array: bool) -> Result<(), WalkError> {
        if self.walker.frames.len() == MOST_DEPTH {
            return Err(WalkError::TooDeep);
        }
        let (state, edge) = self.here();
        self.at += 1;
        self.walker.frames.push(Frame { array, state, edge, index: 0 });
        self.walker.expect = if array { Expect::ValueOrEnd } else { Expect::KeyOrEnd };
        self.sink.open(&Cursor { table: self.table, frames: &self.walker.frames, value: None });
        Ok(())
    }

    fn close(&mut self) {
        self.at += 1;
        self.sink.close(&Cursor { table: self.table, frames: &self.walker.frames, value: None });
        self.walker.frames.pop();
        self.value_done();
    }

    fn value_done(&mut self) {
        self.walker.within = Within::Nothing;
        let outermost = self.walker.frames.is_empty();
        self.walker.expect = if outermost { Expect::Nothing } else { Expect::CommaOrEnd };
    }

    fn begin_text(&mut self, key: bool) {
        self.at += 1;
        let start = self.base + self.at;
        self.walker.within = Within::Text { key, start, escaped: false, backslash: false };
    }

    /// Reads on to the closing quote; false if the chunk ended before it.
    fn rest_of_text(&mut self, key: bool, start: usize, mut escaped: bool, mut backslash: bool) -> bool {
        let from = self.at;
        if backslash && self.at < self.chunk.len() {
            self.at += 1;
            backslash = false;
        }
        while !backslash {
            match memchr::memchr2(b'"', b'\\', &self.chunk[self.at..]) {
                None => {
                    self.at = self.chunk.len();
                    break;
                }
                Some(found) if self.chunk[self.at + found] == b'"' => {
                    let end = self.at + found;
                    self.at = end + 1;
                    self.text(key, start, escaped, from..end);
                    return true;
                }
                Some(found) => {
                    escaped = true;
                    self.at += found + 2;
                    if self.at > self.chunk.len() {
                        self.at = self.chunk.len();
                        backslash = true;
                    }
                }
            }
        }
        self.walker.carry.extend_from_slice(&self.chunk[from..]);
        self.walker.within = Within::Text { key, start, escaped, backslash };
        false
    }

    /// A string is complete: its last piece lies in the chunk, the others were carried over.
    fn text(&mut self, key: bool, start: usize, escaped: bool, piece: std::ops::Range<usize>) {
        let mut carry = std::mem::take(&mut self.walker.carry);
        let piece = &self.chunk[piece];
        let raw = if carry.is_empty() {
            piece
        } else {
            carry.extend_from_slice(piece);
            &carry[..]
        };
        let text = Text { raw, start, escaped, key };
        if key {
            self.key(text);
        } else {
            let value = Some(self.here());
            self.sink.text(&Cursor { table: self.table, frames: &self.walker.frames, value }, text);
            self.value_done();
        }
        carry.clear();
        self.walker.carry = carry;
    }

    fn key(&mut self, text: Text<'_>) {
        let walker = &mut *self.walker;
        let from = walker.frames.last().map_or(StateId::DEAD, |frame| frame.state);
        walker.member = if text.escaped {
            walker.key.clear();
            super::escape::decode(text.raw, &mut walker.key);
            self.table.member(from, &walker.key)
        } else {
            self.table.member(from, text.raw)
        };
        walker.within = Within::Nothing;
        walker.expect = Expect::Colon;
        if walker.member.1 == Edge::UNNAMED {
            let value = Some(walker.member);
            self.sink.text(&Cursor { table: self.table, frames: &walker.frames, value }, text);
        }
    }

    fn rest_of_number(&mut self, start: usize) -> bool {
        let from = self.at;
        let inside = |byte: &u8| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-');
        while self.chunk.get(self.at).is_some_and(inside) {
            self.at += 1;
        }
        self.walker.carry.extend_from_slice(&self.chunk[from..self.at]);
        // A number ends with whatever is not part of it, so a chunk's end decides nothing.
        if self.at == self.chunk.len() {
            return false;
        }
        self.number(start);
        true
    }

    /// Its spelling is not checked further: `1-2` is scanned like any other number.
    fn number(&mut self, start: usize) {
        let mut carry = std::mem::take(&mut self.walker.carry);
        let value = Some(self.here());
        self.sink.number(&Cursor { table: self.table, frames: &self.walker.frames, value }, &carry, start);
        carry.clear();
        self.walker.carry = carry;
        self.value_done();
    }

    fn rest_of_word(&mut self, word: Word, mut read: usize) -> Result<bool, WalkError> {
        let spelling = word.spelling();
        while read < spelling.len() {
            match self.chunk.get(self.at) {
                None => {
                    self.walker.within = Within::Word { word, read };
                    return Ok(false);
                }
                Some(byte) if *byte == spelling[read] => {
                    self.at += 1;
                    read += 1;
                }
                Some(_) => return Err(WalkError::Malformed { at: self.base + self.at }),
            }
        }
        let value = Some(self.here());
        self.sink.word(&Cursor { table: self.table, frames: &self.walker.frames, value }, word);
        self.value_done();
        Ok(true)
    }
}

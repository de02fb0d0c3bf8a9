//! One chunk, token by token. What it cuts in two is left to the walker, for the next chunk.
//! Knows JSON's grammar. Does not know what becomes of the values.

use super::cursor::{Cursor, Frame, Here, Sink, Text, Word};
use super::{Expect, MOST_DEPTH, WalkError, Walker, Within};
use crate::json::table::{Edge, StateId, Table};
use crate::json::{escape, quote};

/// One chunk on its way through the walker.
pub(super) struct Reader<'a, S> {
    pub(super) walker: &'a mut Walker,
    pub(super) table: &'a Table,
    pub(super) chunk: &'a [u8],
    pub(super) base: usize,
    pub(super) at: usize,
    /// The element of a list that is being read began in this chunk.
    pub(super) element: bool,
    pub(super) sink: &'a mut S,
}

/// Containers around an element of a list that is a member of the document.
const ELEMENT_DEPTH: usize = 2;

impl<S: Sink> Reader<'_, S> {
    pub(super) fn run(&mut self) -> Result<(), WalkError> {
        loop {
            match self.walker.within {
                Within::Nothing => {}
                Within::Text { key, start, escaped, backslash } => {
                    if !self.rest_of_text(key, start, escaped, backslash) {
                        return Ok(());
                    }
                    // The next one may have begun already.
                    continue;
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
            (Value | ValueOrEnd, b'{') if self.passes_element() => {}
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
            None => (self.walker.root.unwrap_or(self.table.root()), Edge::UNNAMED),
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
        if self.element && self.walker.frames.len() == ELEMENT_DEPTH {
            self.element = false;
            let cursor = Cursor { table: self.table, frames: &self.walker.frames, value: Some(self.here()) };
            self.sink.was_read(&cursor, Here { chunk: self.chunk, at: self.at, base: self.base });
        }
    }

    /// Goes past the element that begins here, and those behind it, if the sink knows what they say.
    fn passes_element(&mut self) -> bool {
        if self.walker.frames.len() != ELEMENT_DEPTH || self.inside_array() != Some(true) {
            return false;
        }
        let cursor = Cursor { table: self.table, frames: &self.walker.frames, value: Some(self.here()) };
        match self.sink.known(&cursor, Here { chunk: self.chunk, at: self.at, base: self.base }) {
            None => {
                self.element = true;
                false
            }
            Some(stretch) => {
                self.at += stretch.bytes;
                if let Some(frame) = self.walker.frames.last_mut() {
                    frame.index = frame.index.saturating_add(stretch.elements - 1);
                }
                self.value_done();
                true
            }
        }
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
    fn rest_of_text(&mut self, key: bool, start: usize, escaped: bool, backslash: bool) -> bool {
        let from = self.at;
        let seen = quote::end(&self.chunk[from..], backslash);
        let escaped = escaped || seen.escaped;
        if let Some(length) = seen.end {
            self.at = from + length + 1;
            self.text(key, start, escaped, from..from + length);
            return true;
        }
        self.at = self.chunk.len();
        self.walker.carry.extend_from_slice(&self.chunk[from..]);
        self.walker.within = Within::Text { key, start, escaped, backslash: seen.open };
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
            self.pass_comma();
        }
        carry.clear();
        self.walker.carry = carry;
    }

    /// What most often follows a value, without a question what it is.
    fn pass_comma(&mut self) {
        if self.walker.expect == Expect::CommaOrEnd && self.chunk.get(self.at) == Some(&b',') {
            self.comma();
            self.pass_quote();
        }
    }

    /// What most often follows a colon or a comma.
    fn pass_quote(&mut self) {
        if self.chunk.get(self.at) == Some(&b'"') {
            self.begin_text(self.walker.expect == Expect::Key);
        }
    }

    fn key(&mut self, text: Text<'_>) {
        let walker = &mut *self.walker;
        let from = walker.frames.last().map_or(StateId::DEAD, |frame| frame.state);
        walker.member = if text.escaped {
            walker.key.clear();
            escape::decode(text.raw, &mut walker.key);
            self.table.member(from, &walker.key)
        } else {
            self.table.member(from, text.raw)
        };
        walker.within = Within::Nothing;
        // What most often follows a key, without a question what it is.
        let is_colon = self.chunk.get(self.at) == Some(&b':');
        self.at += usize::from(is_colon);
        walker.expect = if is_colon { Expect::Value } else { Expect::Colon };
        if walker.member.1 == Edge::UNNAMED {
            let value = Some(walker.member);
            self.sink.text(&Cursor { table: self.table, frames: &walker.frames, value }, text);
        }
        if is_colon {
            self.pass_quote();
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
    pub(super) fn number(&mut self, start: usize) {
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

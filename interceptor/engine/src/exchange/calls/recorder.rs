//! Notes what one call says, by the keys on the way to each value. Does not know where calls stand in a document.

use crate::json::{Cursor, Member, Sink, Text, Walker, Word, escape};
use crate::policy::Given;

use super::super::inspect::UNKNOWN;

/// JSON in a string in JSON, and once more: what is nested deeper is a text.
const DEEPEST: usize = 3;

/// What one call says, as it is read.
#[derive(Default)]
pub(super) struct Recorder {
    /// For each container that is open the key under which it stands, if it is a member.
    path: Vec<Option<String>>,
    /// The key that was read last.
    key: String,
    pub(super) given: Given,
    pub(super) left_out: bool,
}

impl Recorder {
    /// A text that is nothing else, wherever reading had come to.
    pub(super) fn plain(&mut self, text: &str) {
        self.path.clear();
        self.add(None, text);
    }

    /// A text that is a document of its own, or else a text.
    pub(super) fn document(&mut self, text: &str) {
        let is_json = looks_like_json(text) && self.json(text, 0);
        if !is_json {
            self.add(None, text);
        }
        if is_json || !looks_like_json(text) {
            self.given.is_whole();
        }
    }

    /// Reads JSON below the present place. False if it is none, or not all of it is.
    pub(super) fn json(&mut self, text: &str, nested: usize) -> bool {
        let (depth, key) = (self.path.len(), std::mem::take(&mut self.key));
        let mut walker = Walker::new();
        let mut sink = Nested { recorder: self, nested };
        walker.feed(&UNKNOWN, text.as_bytes(), 0, &mut sink);
        let read = walker.finish(&UNKNOWN, text.len(), &mut sink);
        self.path.truncate(depth);
        self.key = key;
        read.is_ok()
    }

    pub(super) fn text(&mut self, cursor: &Cursor<'_>, text: &Text<'_>, nested: usize) {
        let value = decoded(text);
        if text.key {
            self.key = value;
            return;
        }
        self.value(cursor.member(), &value);
        if nested < DEEPEST && looks_like_json(&value) {
            let key = self.step(cursor.member());
            self.path.push(key);
            self.json(&value, nested + 1);
            self.path.pop();
        }
    }

    pub(super) fn value(&mut self, member: Member<'_>, value: &str) {
        let key = self.step(member);
        self.add(key.as_deref(), value);
    }

    pub(super) fn open(&mut self, member: Member<'_>) {
        let key = self.step(member);
        self.path.push(key);
    }

    pub(super) fn close(&mut self) {
        self.path.pop();
    }

    fn step(&self, member: Member<'_>) -> Option<String> {
        match member {
            Member::Element => None,
            Member::Named(name) => Some(name.to_owned()),
            Member::Other => Some(self.key.clone()),
        }
    }

    fn add(&mut self, key: Option<&str>, value: &str) {
        let path = self.path.iter().flatten().map(String::as_str).chain(key);
        self.left_out |= !self.given.add(path, value);
    }
}

/// Reads JSON that is in a string.
pub(super) struct Nested<'r> {
    pub(super) recorder: &'r mut Recorder,
    pub(super) nested: usize,
}

impl Sink for Nested<'_> {
    fn text(&mut self, cursor: &Cursor<'_>, text: Text<'_>) {
        self.recorder.text(cursor, &text, self.nested);
    }

    fn number(&mut self, cursor: &Cursor<'_>, raw: &[u8], _start: usize) {
        self.recorder.value(cursor.member(), &String::from_utf8_lossy(raw));
    }

    fn word(&mut self, cursor: &Cursor<'_>, word: Word) {
        self.recorder.value(cursor.member(), word.as_str());
    }

    fn open(&mut self, cursor: &Cursor<'_>) {
        self.recorder.open(cursor.member());
    }

    fn close(&mut self, _cursor: &Cursor<'_>) {
        self.recorder.close();
    }
}

pub(super) fn looks_like_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '['])
}

pub(super) fn decoded(text: &Text<'_>) -> String {
    let mut decoded = Vec::new();
    let bytes = if text.escaped {
        escape::decode(text.raw, &mut decoded);
        &decoded[..]
    } else {
        text.raw
    };
    String::from_utf8_lossy(bytes).into_owned()
}

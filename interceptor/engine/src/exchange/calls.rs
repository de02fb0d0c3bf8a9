//! Picks the calls of tools out of bodies: the name of the tool, and what it is called with, said as JSON, as JSON in a
//! string or as plain text, all at once or in fragments. Looks for them only where a rule asks for arguments.
//! Knows where the catalogue says that such things stand. Decides nothing.

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};

use crate::json::{Capture, Cursor, Member, Sink, Text, Walker, Word, escape};
use crate::policy::{Direction, Given};

use super::inspect::UNKNOWN;

/// JSON in a string in JSON, and once more: what is nested deeper is a text.
const DEEPEST: usize = 3;
/// Most bytes that are kept of one call that comes in fragments.
const MOST_BYTES: usize = 256 << 10;
/// Most calls of one document, and most names that wait for theirs.
const MOST_CALLS: usize = 512;

/// A call of a tool.
pub(super) struct Call {
    /// What stands where its name belongs: usually one. None if the name stands elsewhere.
    pub(super) names: Vec<String>,
    pub(super) given: Given,
}

/// Calls that were ruled on: providers tell the same call twice, in pieces and as a whole.
#[derive(Debug, Default)]
pub(super) struct Told(HashSet<u64, RandomState>);

impl Told {
    /// True for a call that was not told before.
    pub(super) fn is_news(&mut self, direction: Direction, call: &Call) -> bool {
        let name = self.0.hasher().hash_one((direction, &call.names, &call.given));
        self.0.insert(name)
    }
}

/// The calls in documents.
#[derive(Default)]
pub(super) struct Calls {
    is_asked: bool,
    /// Names and arguments in objects that are still open, each with the depth of its object.
    names: Vec<(usize, String)>,
    given: Vec<(usize, Given)>,
    /// The arguments that are being read, and the depth of what they are.
    inside: Option<(usize, Recorder)>,
    read: Vec<Call>,
    /// There was more than could be kept.
    left_out: bool,
}

impl Calls {
    /// From now on calls are looked for.
    pub(super) fn ask(&mut self, is_asked: bool) {
        self.is_asked = is_asked;
    }

    pub(super) fn is_asked(&self) -> bool {
        self.is_asked
    }

    /// Ready for another document.
    pub(super) fn begin(&mut self) {
        self.names.clear();
        self.given.clear();
        self.inside = None;
    }

    /// The calls that were read since the last time, and whether one was left out.
    pub(super) fn take(&mut self) -> (Vec<Call>, bool) {
        (std::mem::take(&mut self.read), std::mem::take(&mut self.left_out))
    }

    pub(super) fn text(&mut self, cursor: &Cursor<'_>, text: &Text<'_>) {
        if !self.is_asked {
            return;
        }
        if let Some((_, recorder)) = &mut self.inside {
            return recorder.text(cursor, text, 0);
        }
        if text.key {
            return;
        }
        match cursor.state().capture {
            Some(Capture::Tool) if self.names.len() < MOST_CALLS => {
                self.names.push((cursor.depth(), decoded(text)));
            }
            Some(Capture::Tool) => self.left_out = true,
            Some(Capture::Arguments) => {
                let mut recorder = Recorder::default();
                recorder.document(&decoded(text));
                self.give(cursor.depth(), recorder);
            }
            _ => {}
        }
    }

    pub(super) fn number(&mut self, cursor: &Cursor<'_>, raw: &[u8]) {
        if let Some((_, recorder)) = &mut self.inside {
            recorder.value(cursor.member(), &String::from_utf8_lossy(raw));
        }
    }

    pub(super) fn word(&mut self, cursor: &Cursor<'_>, word: Word) {
        if let Some((_, recorder)) = &mut self.inside {
            recorder.value(cursor.member(), word.as_str());
        }
    }

    pub(super) fn open(&mut self, cursor: &Cursor<'_>) {
        if let Some((_, recorder)) = &mut self.inside {
            recorder.open(cursor.member());
        } else if self.is_asked && cursor.state().capture == Some(Capture::Arguments) {
            self.inside = Some((cursor.depth(), Recorder::default()));
        }
    }

    pub(super) fn close(&mut self, cursor: &Cursor<'_>) {
        let depth = cursor.depth();
        if let Some((_, mut recorder)) = self.inside.take_if(|(at, _)| *at == depth) {
            recorder.given.is_whole();
            self.give(depth - 1, recorder);
        } else if let Some((_, recorder)) = &mut self.inside {
            recorder.close();
        } else if self.is_asked {
            self.call(depth);
        }
    }

    fn give(&mut self, depth: usize, recorder: Recorder) {
        self.left_out |= recorder.left_out || self.given.len() == MOST_CALLS;
        if self.given.len() < MOST_CALLS {
            self.given.push((depth, recorder.given));
        }
    }

    /// An object is complete: its arguments are those of the tool that it names, in whatever order.
    fn call(&mut self, depth: usize) {
        let mut names = Vec::new();
        while let Some((_, name)) = self.names.pop_if(|(at, _)| *at >= depth) {
            names.push(name);
        }
        while let Some((_, given)) = self.given.pop_if(|(at, _)| *at >= depth) {
            self.left_out |= self.read.len() == MOST_CALLS;
            if self.read.len() < MOST_CALLS {
                self.read.push(Call { names: names.clone(), given });
            }
        }
    }
}

/// What one call says, as it is read.
#[derive(Default)]
struct Recorder {
    /// For each container that is open the key under which it stands, if it is a member.
    path: Vec<Option<String>>,
    /// The key that was read last.
    key: String,
    given: Given,
    left_out: bool,
}

impl Recorder {
    /// A text that is a document of its own, or else a text.
    fn document(&mut self, text: &str) {
        let is_json = looks_like_json(text) && self.json(text, 0);
        if !is_json {
            self.add(None, text);
        }
        if is_json || !looks_like_json(text) {
            self.given.is_whole();
        }
    }

    /// Reads JSON below the present place. False if it is none, or not all of it is.
    fn json(&mut self, text: &str, nested: usize) -> bool {
        let (depth, key) = (self.path.len(), std::mem::take(&mut self.key));
        let mut walker = Walker::new();
        let mut sink = Nested { recorder: self, nested };
        walker.feed(&UNKNOWN, text.as_bytes(), 0, &mut sink);
        let read = walker.finish(&UNKNOWN, text.len(), &mut sink);
        self.path.truncate(depth);
        self.key = key;
        read.is_ok()
    }

    fn text(&mut self, cursor: &Cursor<'_>, text: &Text<'_>, nested: usize) {
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

    fn value(&mut self, member: Member<'_>, value: &str) {
        let key = self.step(member);
        self.add(key.as_deref(), value);
    }

    fn open(&mut self, member: Member<'_>) {
        let key = self.step(member);
        self.path.push(key);
    }

    fn close(&mut self) {
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
struct Nested<'r> {
    recorder: &'r mut Recorder,
    nested: usize,
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

/// What a tool is called with, in fragments of its text.
pub(super) struct Fragments {
    walker: Walker,
    recorder: Recorder,
    text: Vec<u8>,
    /// It is JSON, and not any text.
    is_json: bool,
    is_told: bool,
    left_out: bool,
    /// Bytes that were counted.
    counted: usize,
}

impl Fragments {
    pub(super) fn new(is_json: bool) -> Self {
        let (walker, recorder) = (Walker::new(), Recorder::default());
        Self { walker, recorder, text: Vec::new(), is_json, is_told: false, left_out: false, counted: 0 }
    }

    /// Takes the next fragment, as the application will read it.
    pub(super) fn push(&mut self, fragment: &[u8]) {
        if self.text.len() + fragment.len() > MOST_BYTES {
            self.left_out = true;
            return;
        }
        let at = self.text.len();
        self.text.extend_from_slice(fragment);
        if self.is_json {
            let mut sink = Nested { recorder: &mut self.recorder, nested: 0 };
            self.walker.feed(&UNKNOWN, fragment, at, &mut sink);
        }
    }

    /// True if there was more than is kept.
    pub(super) fn is_cut(&self) -> bool {
        self.left_out || self.recorder.left_out
    }

    /// Bytes that came since the last time.
    pub(super) fn grown(&mut self) -> usize {
        let before = std::mem::replace(&mut self.counted, self.text.len());
        self.text.len() - before
    }

    /// What the call says, once that is complete: for JSON with its last byte. What goes on behind it, or is no JSON, is a
    /// text, and told when it ends.
    pub(super) fn take(&mut self, has_ended: bool) -> Option<Given> {
        if self.is_json && self.walker.is_complete() {
            let is_news = !std::mem::replace(&mut self.is_told, true);
            self.recorder.given.is_whole();
            return is_news.then(|| std::mem::take(&mut self.recorder.given));
        }
        if !has_ended || self.text.trim_ascii().is_empty() {
            return None;
        }
        let text = String::from_utf8_lossy(&self.text);
        let mut recorder = std::mem::take(&mut self.recorder);
        recorder.path.clear();
        if self.is_json {
            recorder.add(None, &text);
        } else {
            recorder.document(&text);
        }
        Some(recorder.given)
    }
}

// What tools are called with is payload, and payload is not for logs.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call({} names, {:?})", self.names.len(), self.given)
    }
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Calls({} read, {} open)", self.read.len(), self.given.len())
    }
}

impl fmt::Debug for Fragments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fragments({} bytes, {:?})", self.text.len(), self.recorder.given)
    }
}

fn looks_like_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '['])
}

fn decoded(text: &Text<'_>) -> String {
    let mut decoded = Vec::new();
    let bytes = if text.escaped {
        escape::decode(text.raw, &mut decoded);
        &decoded[..]
    } else {
        text.raw
    };
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What every cutting of a text into two says, and whether it is told with its last byte.
    fn told(text: &str) -> Vec<(Option<Given>, Option<Given>)> {
        let cuts = (0..text.len()).filter(|cut| text.is_char_boundary(*cut));
        cuts.map(|cut| {
            let mut fragments = Fragments::new(true);
            let (first, second) = text.split_at(cut);
            fragments.push(first.as_bytes());
            assert!(fragments.take(false).is_none(), "{text} at {cut}");
            fragments.push(second.as_bytes());
            (fragments.take(false), fragments.take(true))
        })
        .collect()
    }

    #[test]
    fn every_cutting_says_the_same_and_says_it_once() {
        let whole = r#"{"a":["x\u00e9",{"b":1.5e3}],"c":"{\"d\":true}"}"#;
        let all = told(whole);
        let mut expected = Given::default();
        for (path, value) in
            [(&["a"][..], "xé"), (&["a", "b"], "1.5e3"), (&["c"], r#"{"d":true}"#), (&["c", "d"], "true")]
        {
            assert!(expected.add(path.iter().copied(), value));
        }
        expected.is_whole();
        assert!(all.iter().all(|told| *told == (Some(expected.clone()), None)), "{all:?}");
        // No prefix of it is told before it ends, and what there is then is a text.
        for end in 1..whole.len() {
            let mut fragments = Fragments::new(true);
            fragments.push(&whole.as_bytes()[..end]);
            assert!(fragments.take(false).is_none(), "{end}");
            assert!(fragments.take(true).is_some_and(|given| !given.is_empty()), "{end}");
        }
    }

    #[test]
    fn nothing_of_a_call_is_printed() {
        let mut fragments = Fragments::new(true);
        fragments.push(br#"{"key":"value"#);
        let mut given = Given::default();
        assert!(given.add(["key"], "value"));
        let call = Call { names: vec!["tool".into()], given };
        let said = format!("{fragments:?} {call:?} {:?}", Calls::default());
        let expected = "Fragments(13 bytes, Given(0 values, 0 bytes)) Call(1 names, Given(1 values, 8 bytes)) Calls(0 read, 0 open)";
        assert_eq!(said, expected);
    }
}

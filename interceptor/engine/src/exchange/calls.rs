//! Picks the calls of tools out of bodies: the name of the tool, and what it is called with, said as JSON, as JSON in a
//! string or as plain text, all at once or in fragments. Looks for them only where a rule asks for arguments.
//! Knows where the catalogue says that such things stand. Decides nothing.

mod fragments;
mod recorder;

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};

use crate::json::{Capture, Cursor, Text, Word};
use crate::policy::{Direction, Given};

pub(super) use fragments::Fragments;
use recorder::{Recorder, decoded};

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

#[cfg(test)]
mod tests {
    use super::*;

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

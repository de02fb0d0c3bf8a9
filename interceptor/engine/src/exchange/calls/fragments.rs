//! What a tool is called with in fragments: it is told once, when it is whole. Does not know which call it belongs to.

use std::fmt;

use crate::json::Walker;
use crate::policy::Given;

use super::super::inspect::UNKNOWN;
use super::recorder::{Nested, Recorder};

/// Most bytes that are kept of one call that comes in fragments.
const MOST_BYTES: usize = 256 << 10;

/// What a tool is called with, in fragments of its text.
pub(in crate::exchange) struct Fragments {
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
    pub(in crate::exchange) fn new(is_json: bool) -> Self {
        let (walker, recorder) = (Walker::new(), Recorder::default());
        Self { walker, recorder, text: Vec::new(), is_json, is_told: false, left_out: false, counted: 0 }
    }

    /// Takes the next fragment, as the application will read it.
    pub(in crate::exchange) fn push(&mut self, fragment: &[u8]) {
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
    pub(in crate::exchange) fn is_cut(&self) -> bool {
        self.left_out || self.recorder.left_out
    }

    /// Bytes that came since the last time.
    pub(in crate::exchange) fn grown(&mut self) -> usize {
        let before = std::mem::replace(&mut self.counted, self.text.len());
        self.text.len() - before
    }

    /// What the call says, once that is complete: for JSON with its last byte. What goes on behind it, or is no JSON, is a
    /// text, and told when it ends.
    pub(in crate::exchange) fn take(&mut self, has_ended: bool) -> Option<Given> {
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
        if self.is_json {
            recorder.plain(&text);
        } else {
            recorder.document(&text);
        }
        Some(recorder.given)
    }
}

// Payload is not for logs.
impl fmt::Debug for Fragments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fragments({} bytes, {:?})", self.text.len(), self.recorder.given)
    }
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
}

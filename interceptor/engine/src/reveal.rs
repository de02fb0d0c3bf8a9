//! What was found, in words: for whoever measures detectors on texts of his own (`interceptor scan`).
//! Nothing here is made unless it was asked for, and nothing here prints what it holds.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::detect::Confidence;
use crate::policy::{Action, Direction};

/// One finding with its text. Everything that was found is here, also what no rule speaks of.
#[derive(Clone, Debug)]
pub struct Revealed {
    /// Name of the detector: `pii.email`.
    pub detector: Arc<str>,
    /// How sure it was.
    pub confidence: Confidence,
    /// Which way the text was going.
    pub direction: Direction,
    /// Where: `messages[3].content`.
    pub place: Arc<str>,
    /// What policy said.
    pub action: Action,
    /// The text itself.
    pub shown: Shown,
}

/// A piece of a text.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// Where it lies, in code points of the decoded text.
    pub chars: Range<usize>,
    /// What it says, decoded.
    pub value: Vec<u8>,
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shown({:?}, [{} bytes])", self.chars, self.value.len())
    }
}

/// Cuts pieces out of a text, from front to back, and counts code points on the way.
pub(crate) struct Shower<'a> {
    text: &'a [u8],
    at: usize,
    chars: usize,
}

impl<'a> Shower<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Shower { text, at: 0, chars: 0 }
    }

    /// The piece at `range`. Going back is allowed and costs a new count.
    pub(crate) fn show(&mut self, range: Range<usize>) -> Box<Shown> {
        let start = self.count_to(range.start);
        let end = self.count_to(range.end);
        let value = self.text.get(range).unwrap_or_default().to_vec();
        Box::new(Shown { chars: start..end, value })
    }

    /// Code points that begin before `to`.
    pub(crate) fn count_to(&mut self, to: usize) -> usize {
        if to < self.at {
            (self.at, self.chars) = (0, 0);
        }
        let to = to.min(self.text.len());
        // Every byte but the continuations of UTF-8 begins one.
        self.chars += self.text[self.at..to].iter().filter(|byte| **byte & 0xC0 != 0x80).count();
        self.at = to;
        self.chars
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_in_code_points() {
        let mut shower = Shower::new("aé😀b".as_bytes());
        assert_eq!(shower.show(3..8).chars, 2..4);
        assert_eq!(shower.show(1..3).chars, 1..2);
    }

    #[test]
    fn nothing_is_printed() {
        let shown = Shower::new(b"hunter2").show(0..7);
        assert_eq!(format!("{shown:?}"), "Shown(0..7, [7 bytes])");
    }
}

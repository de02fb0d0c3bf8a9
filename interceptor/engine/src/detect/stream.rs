//! The scanner for text that arrives in fragments. Keeps what is undecided and a little of what went before;
//! says how much may leave.

use std::sync::Arc;

use super::machine::Machine;
use super::text::{LOOKBACK, Text};
use super::{Confidence, DetectorId, Detectors, Finding, Work, email, iban, operator, secret};

/// A finding at absolute offsets of its channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamFinding {
    /// Which detector.
    pub detector: DetectorId,
    /// First byte, counted from the beginning of the channel. May lie before what was last held: the plain
    /// word before an `@` and the first digits of a number may be out already.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
    /// How sure.
    pub confidence: Confidence,
}

/// Bytes that a channel's buffer may keep although it does not need them.
const ROOMY: usize = 4 * 1024;

/// Scans one channel of a streamed answer. Finds what [`Detectors::scan`] finds in the whole text, however
/// it is cut into fragments.
///
/// Nothing is held back until an anchor was seen; then everything from the candidate's start on is held
/// until it is decided, at most [`super::HOLD_BOUND`] bytes.
pub struct StreamScanner {
    set: Arc<Detectors>,
    machine: Machine,
    /// How far the operator's detectors have come.
    own: operator::Walk,
    buffer: Vec<u8>,
    /// Absolute offset of the buffer's first byte.
    base: u64,
    released: u64,
    found: Vec<Finding>,
}

impl StreamScanner {
    /// A scanner at the beginning of a channel.
    pub fn new(set: Arc<Detectors>) -> Self {
        let (machine, own) = (Machine::default(), operator::Walk::default());
        Self { set, machine, own, buffer: Vec::new(), base: 0, released: 0, found: Vec::new() }
    }

    /// Appends a fragment, pushes what is certain now on `out`, and returns the absolute offset below which
    /// nothing can become part of a finding any more. The offset never goes back.
    pub fn push(&mut self, fragment: &[u8], out: &mut Vec<StreamFinding>) -> u64 {
        self.append(fragment);
        self.advance(false, out)
    }

    /// The first half of a push, for whoever wants to look at the text in between.
    pub(crate) fn append(&mut self, fragment: &[u8]) {
        self.buffer.extend_from_slice(fragment);
    }

    /// The second half.
    pub(crate) fn look(&mut self, out: &mut Vec<StreamFinding>) -> u64 {
        self.advance(false, out)
    }

    /// What is kept of the text, and the absolute offset of its first byte. A candidate that is alive begins in it, and what
    /// detectors look at before it is there, too.
    pub(crate) fn kept(&self) -> (&[u8], u64) {
        (&self.buffer, self.base)
    }

    /// What the last push returned.
    pub(crate) fn released(&self) -> u64 {
        self.released
    }

    /// A scanner of another text that was the same up to the end of `text`, which begins at `base`. What was found by then
    /// is not found again.
    pub(crate) fn resume(set: Arc<Detectors>, text: &[u8], base: u64) -> Self {
        let mut scanner = Self { base, ..Self::new(set) };
        scanner.push(text, &mut Vec::new());
        scanner
    }

    /// The channel is over: decides what is left and releases everything.
    pub fn finish(&mut self, out: &mut Vec<StreamFinding>) -> u64 {
        self.advance(true, out)
    }

    /// What the channel has cost so far.
    pub fn work(&self) -> Work {
        self.machine.work()
    }

    fn advance(&mut self, complete: bool, out: &mut Vec<StreamFinding>) -> u64 {
        let text = Text { bytes: &self.buffer, complete, floor: 0 };
        let paused = self.machine.run(&self.set.anchors, text, &mut self.found);
        let floor = self.machine.floor();
        let hold = match paused.hold {
            Some(hold) => hold,
            None if complete => self.buffer.len(),
            None => {
                let here = Text { floor, ..text };
                let held =
                    [email::tail(here), secret::tail(here), iban::tail(here)].into_iter().flatten().min();
                held.unwrap_or(self.buffer.len())
            }
        };
        let hold = match &self.set.own {
            Some(own) => {
                let held = own.run(&mut self.own, text, &mut self.found);
                super::in_order(&mut self.found);
                hold.min(held.unwrap_or(self.buffer.len()))
            }
            None => hold,
        };
        out.extend(self.found.drain(..).map(|f| StreamFinding {
            detector: f.detector,
            start: self.base + f.start as u64,
            end: self.base + f.end as u64,
            confidence: f.confidence,
        }));
        self.released = self.released.max(self.base + hold as u64);
        self.forget();
        self.released
    }

    /// Cuts off what no detector can look at any more. Done in large steps, because it moves the rest.
    fn forget(&mut self) {
        let keep = self.machine.needs_from().min(self.own.needs_from()).saturating_sub(LOOKBACK);
        if keep >= 4 * LOOKBACK {
            self.buffer.drain(..keep);
            self.machine.shift(keep);
            self.own.shift(keep);
            self.base += keep as u64;
            // One large fragment must not keep its memory for the life of the channel.
            self.buffer.shrink_to(self.buffer.len().max(ROOMY));
        }
    }
}

//! The form beneath a text: what is undone, what is found in it, and where that lies in the text.
//! Knows offsets on both sides. Does not know what becomes of a finding.

use std::collections::VecDeque;
use std::ops::Range;

use super::FragmentScanner;
use crate::detect::StreamFinding;
use crate::view::{Kind, Passing, Stretch};

/// Both forms have had the same text for so many bytes that no detector sees the difference any more.
const QUIET: u64 = 512;

/// See the head of this file.
pub(super) struct Beneath {
    inner: FragmentScanner,
    passing: Passing,
    way: Way,
    /// Where the text looks as if something were hidden that is not over.
    hold: Option<u64>,
    view: Vec<u8>,
    found: Vec<StreamFinding>,
}

/// The way back: what differs between both sides, in order. What lies between runs side by side.
#[derive(Debug)]
struct Way {
    changed: VecDeque<Changed>,
    /// The end of the last change that was forgotten, or where the form began.
    before: Changed,
}

#[derive(Clone, Debug)]
struct Changed {
    text: Range<u64>,
    view: Range<u64>,
}

impl Beneath {
    /// Begins at `from` of both sides.
    pub(super) fn new(inner: FragmentScanner, passing: Passing, from: u64) -> Self {
        let before = Changed { text: from..from, view: from..from };
        let way = Way { changed: VecDeque::new(), before };
        Beneath { inner, passing, way, hold: None, view: Vec::new(), found: Vec::new() }
    }

    /// Takes the next part of the text; what is found is pushed on `out`, with its place in the text.
    pub(super) fn push(&mut self, part: &[u8], complete: bool, out: &mut Vec<StreamFinding>) {
        self.view.clear();
        let (way, mut at) = (&mut self.way, self.inner.length);
        self.hold = self.passing.push(part, complete, &mut self.view, |Stretch { source, kind }, said| {
            let end = at + said.len() as u64;
            if kind != Kind::Same {
                way.changed.push_back(Changed { text: source, view: at..end });
            }
            at = end;
        });
        if !self.view.is_empty() {
            self.inner.push(&self.view, &mut self.found);
        }
        if complete {
            self.inner.finish(&mut self.found);
        }
        for finding in self.found.drain(..) {
            let (start, end) = (self.way.text_of(finding.start).start, self.way.text_of(finding.end - 1).end);
            out.push(StreamFinding { start, end, ..finding });
        }
        self.way.forget(self.inner.released.saturating_sub(QUIET));
    }

    /// Below this everything that is found beneath is known.
    pub(super) fn certain(&self) -> u64 {
        if self.inner.released < self.inner.length {
            self.way.text_of(self.inner.released).start
        } else {
            self.passing.settled()
        }
    }

    /// Below this nothing can become part of a finding beneath.
    pub(super) fn free(&self) -> u64 {
        let held = (self.inner.released < self.inner.length).then(|| self.certain());
        held.or(self.hold).unwrap_or(u64::MAX)
    }

    /// True if there has been nothing to undo for a while, and nothing waits.
    pub(super) fn is_over(&self) -> bool {
        let last = self.way.changed.back().unwrap_or(&self.way.before);
        self.hold.is_none()
            && self.inner.is_idle()
            && self.passing.settled().saturating_sub(last.text.end) > QUIET
    }

    pub(super) fn is_unfinished(&self) -> bool {
        self.inner.is_unfinished()
    }
}

impl Way {
    /// The part of the text that a byte of the view was made from.
    fn text_of(&self, view: u64) -> Range<u64> {
        let at = self.changed.partition_point(|changed| changed.view.end <= view);
        if let Some(changed) = self.changed.get(at).filter(|changed| changed.view.start <= view) {
            return changed.text.clone();
        }
        let before = at.checked_sub(1).map_or(&self.before, |at| &self.changed[at]);
        // What was alive when the form began stands before it, the same on both sides.
        let behind = before.view.end.saturating_sub(view);
        let start = before.text.end.saturating_sub(behind) + view.saturating_sub(before.view.end);
        start..start + 1
    }

    /// Nothing before `view` will be asked for.
    fn forget(&mut self, view: u64) {
        while self.changed.len() > 1 && self.changed[1].view.end <= view {
            if let Some(changed) = self.changed.pop_front() {
                self.before = changed;
            }
        }
    }
}

//! Scans a text that comes in fragments, in the forms in which something may hide in it: as written, with its encodings
//! undone, undone again. What `scan.rs` does for whole texts, but for tokens that were pulled apart.
//!
//! A form is followed only while it differs from the one before: it begins where something is to be undone, with what the
//! scanner above it still keeps, and ends when both have had the same text for a while.

mod beneath;

use std::sync::Arc;

use super::scan::{Spot, merge, share};
use crate::detect::{Detectors, StreamFinding, StreamScanner};
use crate::view::{self, Undo};

use beneath::Beneath;

/// How often encodings are undone. What is still encoded then is counted, and policy is asked.
const DEEPEST: u8 = 5;

/// Scans one text in one form, and those beneath it.
pub struct FragmentScanner {
    set: Arc<Detectors>,
    scanner: StreamScanner,
    /// The text with its encodings undone, where it is another.
    beneath: Option<Box<Beneath>>,
    /// How often they may still be undone.
    depth: u8,
    length: u64,
    released: u64,
    /// What was found in this form and beneath, until all forms have been read so far.
    waiting: [Vec<StreamFinding>; 2],
    unfinished: bool,
}

impl FragmentScanner {
    /// At the beginning of a text.
    pub fn new(set: Arc<Detectors>) -> Self {
        let scanner = StreamScanner::new(set.clone());
        Self::over(set, scanner, 0, DEEPEST)
    }

    fn over(set: Arc<Detectors>, scanner: StreamScanner, length: u64, depth: u8) -> Self {
        let released = scanner.released();
        FragmentScanner {
            set,
            scanner,
            beneath: None,
            depth,
            length,
            released,
            waiting: Default::default(),
            unfinished: false,
        }
    }

    /// Appends a fragment, pushes what is certain now on `out`, and returns the absolute offset below which nothing can
    /// become part of a finding any more. The offset never goes back.
    pub fn push(&mut self, fragment: &[u8], out: &mut Vec<StreamFinding>) -> u64 {
        self.scanner.append(fragment);
        self.length += fragment.len() as u64;
        match &mut self.beneath {
            Some(beneath) => beneath.push(fragment, false, &mut self.waiting[1]),
            None => self.dive(fragment),
        }
        if self.beneath.is_none() && self.waiting.iter().all(Vec::is_empty) {
            self.released = self.released.max(self.scanner.look(out));
            return self.released;
        }
        let own = self.scanner.look(&mut self.waiting[0]);
        self.settle(own, false, out)
    }

    /// The text is over: decides what is left and releases everything.
    pub fn finish(&mut self, out: &mut Vec<StreamFinding>) -> u64 {
        if let Some(beneath) = &mut self.beneath {
            beneath.push(b"", true, &mut self.waiting[1]);
        }
        self.scanner.finish(&mut self.waiting[0]);
        self.settle(self.length, true, out)
    }

    /// True if something was encoded more often than is undone.
    pub fn is_unfinished(&self) -> bool {
        self.unfinished || self.beneath.as_ref().is_some_and(|beneath| beneath.is_unfinished())
    }

    /// True if nothing is followed beneath, nothing waits and everything may leave.
    fn is_idle(&self) -> bool {
        self.beneath.is_none() && self.waiting.iter().all(Vec::is_empty) && self.released == self.length
    }

    /// Begins to follow the form beneath, if the fragment that was just appended has something to undo.
    fn dive(&mut self, fragment: &[u8]) {
        if self.depth == 0 {
            // Doubled backslashes go on for ever in some logs; they hide nothing that was not seen.
            self.unfinished = self.unfinished || Undo::worthwhile(fragment).is_some_and(view::hides);
            return;
        }
        let (text, base) = self.scanner.kept();
        let Some(at) = view::begins(text, text.len() - fragment.len()) else { return };
        let scanner = StreamScanner::resume(self.set.clone(), &text[..at], base);
        let from = base + at as u64;
        let inner = Self::over(self.set.clone(), scanner, from, self.depth - 1);
        let mut beneath = Box::new(Beneath::new(inner, view::Passing::begin(text, at, base), from));
        beneath.push(&text[at..], false, &mut self.waiting[1]);
        self.beneath = Some(beneath);
    }

    /// Hands out what all forms agree on, and says what may leave. `own` is what this form alone would let go.
    fn settle(&mut self, own: u64, complete: bool, out: &mut Vec<StreamFinding>) -> u64 {
        let (certain, free) = match &mut self.beneath {
            Some(beneath) if !complete => (own.min(beneath.certain()), own.min(beneath.free())),
            _ => (own, own),
        };
        self.merge(certain, complete, out);
        let waiting = self.waiting.iter().flatten().map(|finding| finding.start).min();
        self.released = self.released.max(free.min(waiting.unwrap_or(u64::MAX)));
        if self.beneath.as_ref().is_some_and(|beneath| beneath.is_over()) && waiting.is_none() {
            let over = self.beneath.take();
            self.unfinished |= over.is_some_and(|beneath| beneath.is_unfinished());
        }
        self.released
    }

    /// Makes one list of what was found in this form and beneath, as far as it ends before `certain`.
    fn merge(&mut self, certain: u64, complete: bool, out: &mut Vec<StreamFinding>) {
        let [own, beneath] = &mut self.waiting;
        if own.is_empty() && beneath.is_empty() {
            return;
        }
        own.sort_by_key(|finding| finding.start);
        beneath.sort_by_key(|finding| finding.start);
        let end = if complete { u64::MAX } else { decided(own, beneath, certain) };
        let first = own.iter().chain(&*beneath).map(|finding| finding.start).min().unwrap_or(0);
        let mut spots: Vec<Spot> = taken(own, end).map(|finding| spot(&finding, first)).collect();
        let middle = spots.len();
        spots.extend(taken(beneath, end).map(|finding| spot(&finding, first)));
        share(&mut spots[middle..]);
        merge(&mut spots, 0, middle, true);
        out.extend(spots.into_iter().map(|spot| StreamFinding {
            detector: spot.detector,
            start: first + spot.raw.start as u64,
            end: first + spot.raw.end as u64,
            confidence: spot.confidence,
        }));
    }
}

/// Where the first finding begins that is not decided, or that goes with one that is not.
fn decided(own: &[StreamFinding], beneath: &[StreamFinding], certain: u64) -> u64 {
    let mut all: Vec<(u64, u64)> = own.iter().chain(beneath).map(|f| (f.start, f.end)).collect();
    all.sort_unstable();
    let (mut group, mut reach) = (u64::MAX, 0);
    for (start, end) in all {
        if start >= reach {
            group = start;
        }
        reach = reach.max(end);
        if end > certain {
            return group;
        }
    }
    u64::MAX
}

/// Takes out those that begin before `end`; they are in order.
fn taken(findings: &mut Vec<StreamFinding>, end: u64) -> impl Iterator<Item = StreamFinding> + '_ {
    let count = findings.partition_point(|finding| finding.start < end);
    findings.drain(..count)
}

/// As the lists of whole texts have it, counted from `first`.
fn spot(finding: &StreamFinding, first: u64) -> Spot {
    let place = |offset: u64| usize::try_from(offset - first).unwrap_or(usize::MAX);
    Spot {
        detector: finding.detector,
        confidence: finding.confidence,
        start: finding.start,
        length: finding.end - finding.start,
        raw: place(finding.start)..place(finding.end),
        fixed: false,
        shown: None,
    }
}

#[cfg(test)]
mod tests;

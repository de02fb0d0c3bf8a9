//! Scans one text in all the forms in which something may hide in it: as written, with its escapes undone,
//! and with the escapes inside that undone again. Says where in the bytes as written each finding lies.
//! Knows no document: a text is what stands between two quotes, or a whole file.

use std::ops::Range;
use std::sync::Arc;

use crate::detect::{Confidence, DetectorId, Detectors, Finding};
use crate::json::escape;
use crate::reveal::{Shower, Shown};

/// How often escapes are undone: text in JSON, JSON inside that text, and JSON inside that once more.
const DEEPEST: usize = 3;

/// A finding, and the bytes it was written with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) detector: DetectorId,
    pub(super) confidence: Confidence,
    /// First byte, counted in the form in which it was found.
    pub(super) start: u64,
    /// Bytes in that form.
    pub(super) length: u64,
    /// Where it lies in the text as written.
    pub(super) raw: Range<usize>,
    /// What it says; only where that was asked for.
    pub(super) shown: Option<Box<Shown>>,
}

/// The detectors with the buffers they need, so that nothing is allocated for each text.
#[derive(Debug)]
pub(super) struct Scanner {
    /// None if no rule asks for anything.
    detectors: Option<Arc<Detectors>>,
    found: Vec<Finding>,
    views: [Vec<u8>; DEEPEST],
    /// What is found is shown, too.
    reveals: bool,
}

impl Scanner {
    pub(super) fn new(detectors: Option<Arc<Detectors>>) -> Self {
        Scanner { detectors, found: Vec::new(), views: Default::default(), reveals: false }
    }

    /// The set itself, for texts that come in fragments.
    pub(super) fn detectors(&self) -> Option<&Arc<Detectors>> {
        self.detectors.as_ref()
    }

    /// From now on spots carry what was found.
    pub(super) fn reveal(&mut self) {
        self.reveals = true;
    }

    /// True if spots carry what was found.
    pub(super) fn reveals(&self) -> bool {
        self.reveals
    }

    /// Scans the inside of a JSON string; `escaped` says whether it holds backslashes. Spots are pushed in order
    /// of position and do not overlap.
    pub(super) fn scan(&mut self, raw: &[u8], escaped: bool, out: &mut Vec<Spot>) {
        if escaped {
            let first = out.len();
            self.undone(raw, first, out);
        } else {
            self.as_written(raw, out);
        }
    }

    /// Scans a text that nothing was done to. It may hold JSON, whose escapes hide what is in it.
    pub(super) fn scan_plain(&mut self, text: &[u8], out: &mut Vec<Spot>) {
        let first = out.len();
        self.as_written(text, out);
        if memchr::memchr(b'\\', text).is_some() {
            self.undone(text, first, out);
        }
    }

    fn as_written(&mut self, raw: &[u8], out: &mut Vec<Spot>) {
        let Some(detectors) = &self.detectors else { return };
        self.found.clear();
        detectors.scan(raw, &mut self.found);
        let mut shower = self.reveals.then(|| Shower::new(raw));
        out.extend(self.found.iter().map(|finding| {
            let shown = shower.as_mut().map(|shower| shower.show(finding.start..finding.end));
            Spot::new(finding, finding.start..finding.end, shown)
        }));
    }

    /// Scans the forms of a text in which its escapes are undone, once and more often. What is in `out` from
    /// `first` on was found in it as written.
    fn undone(&mut self, raw: &[u8], first: usize, out: &mut Vec<Spot>) {
        let Some(detectors) = &self.detectors else { return };
        for depth in 1..=DEEPEST {
            let (above, below) = self.views.split_at_mut(depth - 1);
            let source = above.last().map_or(raw, Vec::as_slice);
            let view = &mut below[0];
            view.clear();
            escape::decode(source, view);
            // Nothing was undone: the form above has been scanned already.
            if depth > 1 && view.len() == source.len() {
                break;
            }
            self.found.clear();
            detectors.scan(view, &mut self.found);
            let more = memchr::memchr(b'\\', view).is_some();
            let middle = out.len();
            let mut shower = self.reveals.then(|| Shower::new(view));
            for finding in &self.found {
                let range = finding.start..finding.end;
                let shown = shower.as_mut().map(|shower| shower.show(range.clone()));
                out.push(Spot::new(finding, written(raw, above, range), shown));
            }
            prefer_deeper(out, first, middle);
            if !more {
                break;
            }
        }
    }
}

/// Merges what two forms of a text showed. Where they overlap the deeper form, which is the second, knows
/// better where a finding begins: in `\tjane@…` the `t` is part of an escape. Both are in order.
fn prefer_deeper(out: &mut Vec<Spot>, first: usize, middle: usize) {
    if first == middle {
        return;
    }
    let deeper = out.split_off(middle);
    let shallower = out.split_off(first);
    let mut next = deeper.into_iter().peekable();
    let mut end = 0;
    for spot in shallower {
        while let Some(spot) = next.next_if(|deeper| deeper.raw.start < spot.raw.end) {
            end = spot.raw.end;
            out.push(spot);
        }
        if end <= spot.raw.start {
            out.push(spot);
        }
    }
    out.extend(next);
    out[first..].sort_by_key(|spot| spot.raw.start);
}

impl Spot {
    fn new(finding: &Finding, raw: Range<usize>, shown: Option<Box<Shown>>) -> Spot {
        Spot {
            detector: finding.detector,
            confidence: finding.confidence,
            start: finding.start as u64,
            length: (finding.end - finding.start) as u64,
            raw,
            shown,
        }
    }
}

/// Follows a range in the deepest view back to the text as written.
fn written(raw: &[u8], views: &[Vec<u8>], range: Range<usize>) -> Range<usize> {
    let range = views.iter().rev().fold(range, |range, view| escape::raw_range(view, range));
    escape::raw_range(raw, range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_scanned() {
        let address = "jane.doe@example.com";
        let mut text = format!("x\n\t{address} \"quoted\"");
        let mut scanner = Scanner::new(Some(Detectors::builtin()));
        for _ in 0..DEEPEST {
            let quoted = serde_json::to_string(&text).unwrap();
            let raw = &quoted[1..quoted.len() - 1];
            let mut out = Vec::new();
            scanner.scan(raw.as_bytes(), true, &mut out);
            let found: Vec<&str> = out.iter().map(|spot| &raw[spot.raw.clone()]).collect();
            assert_eq!(found, [address], "{raw}");
            text = quoted;
        }
    }

    #[test]
    fn an_escaped_at_sign_hides_nothing() {
        let raw = r"write to jane.doe\u0040example.com \ud83d\ude00";
        let mut out = Vec::new();
        Scanner::new(Some(Detectors::builtin())).scan(raw.as_bytes(), true, &mut out);
        assert_eq!(&raw[out[0].raw.clone()], r"jane.doe\u0040example.com");
        assert_eq!((out[0].start, out[0].length), (9, 20));
    }
}

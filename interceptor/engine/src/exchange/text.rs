//! Scans a text that belongs to no exchange, as the texts of an exchange are scanned.
//! For tools around the engine; knows no policy.

use std::ops::Range;
use std::sync::Arc;

use super::scan::{Scanner, Spot};
use crate::detect::{Confidence, DetectorId, Detectors, Registry};
use crate::reveal::Shower;

/// Scans texts. Keeps its buffers from one to the next.
#[derive(Debug)]
pub struct TextScanner {
    scanner: Scanner,
    spots: Vec<Spot>,
    names: Registry,
}

/// Something found in a text.
#[derive(Clone, PartialEq, Eq)]
pub struct TextFinding {
    /// Which detector.
    pub detector: DetectorId,
    /// How sure it was.
    pub confidence: Confidence,
    /// Where it is written in the text, in code points.
    pub chars: Range<usize>,
    /// What it says, decoded.
    pub value: Vec<u8>,
}

impl std::fmt::Debug for TextFinding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TextFinding({:?}, {:?}, {:?})", self.detector, self.confidence, self.chars)
    }
}

impl TextScanner {
    /// A scanner with these detectors.
    pub fn new(detectors: Arc<Detectors>) -> Self {
        let names = detectors.registry().clone();
        let mut scanner = Scanner::new(Some(detectors));
        scanner.reveal();
        TextScanner { scanner, spots: Vec::new(), names }
    }

    /// The names of what it finds.
    pub fn registry(&self) -> &Registry {
        &self.names
    }

    /// Everything in the text, in order.
    pub fn scan(&mut self, text: &str) -> Vec<TextFinding> {
        self.scanner.scan_plain(text.as_bytes(), &mut self.spots);
        let mut shower = Shower::new(text.as_bytes());
        let found = self.spots.drain(..).map(|spot| TextFinding {
            detector: spot.detector,
            confidence: spot.confidence,
            chars: shower.count_to(spot.raw.start)..shower.count_to(spot.raw.end),
            value: spot.shown.map(|shown| shown.value).unwrap_or_default(),
        });
        found.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_placed_as_written_and_shown_as_meant() {
        let mut scanner = TextScanner::new(Detectors::builtin());
        let found = scanner.scan(r"é jane.doe\u0040example.com");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].chars, 2..27);
        assert_eq!(found[0].value, b"jane.doe@example.com");
    }
}

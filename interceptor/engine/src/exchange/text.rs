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

    /// Everything in the text, and behind each number that is no more than likely, with low confidence, what else the
    /// same characters may be. A text that is one value and nothing else is read so, too.
    pub fn readings(&mut self, text: &str) -> Vec<TextFinding> {
        /// No number is longer.
        const LONGEST: usize = 40;
        let found = self.scan(text);
        let value = text.trim();
        if found.is_empty() && value.len() <= LONGEST && value.is_ascii() {
            let start = text.chars().take_while(|c| c.is_whitespace()).count();
            return read(value.as_bytes(), start..start + value.len()).collect();
        }
        let mut all = Vec::new();
        for finding in found {
            let mut others: Vec<_> = read(&finding.value, finding.chars.clone()).collect();
            // Many numbers could be dialled somewhere; that says something only of one that stands alone.
            let alone = finding.value == value.as_bytes();
            others.retain(|other| {
                let dialled = other.detector.name() == "pii.phone";
                other.detector != finding.detector
                    && finding.confidence < Confidence::High
                    && (alone || !dialled)
            });
            all.push(finding);
            all.extend(others);
        }
        all
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

/// What a value may be by itself.
fn read(value: &[u8], chars: Range<usize>) -> impl Iterator<Item = TextFinding> + '_ {
    Detectors::readings(value).into_iter().map(move |detector| TextFinding {
        detector,
        confidence: Confidence::Low,
        chars: chars.clone(),
        value: value.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_listed_as_all_that_it_may_be() {
        let mut scanner = TextScanner::new(Detectors::builtin());
        for name in ["pii.il_id", "pii.ca_sin", "pii.pl_pesel", "pii.fr_siren", "pii.uk_nhs", "pii.kr_brn"] {
            let wanted = DetectorId::named(name).unwrap();
            for seed in 0..20 {
                let sample = wanted.detector().sample(&mut crate::detect::SampleSource::new(seed));
                // The words before it are left out: they would say which it is.
                let value = &sample[sample.find(|c: char| c.is_ascii_digit()).unwrap()..];
                let found = scanner.readings(value);
                assert!(found.iter().any(|found| found.detector == wanted), "{name} {value}: {found:?}");
                let whole = |found: &TextFinding| found.chars == (0..value.len());
                assert!(found.iter().filter(|found| !whole(found)).count() == 0, "{value}: {found:?}");
            }
        }
        // What is certain is nothing else, and words are no numbers.
        let iban = DetectorId::named("pii.iban")
            .unwrap()
            .detector()
            .sample(&mut crate::detect::SampleSource::new(1));
        assert_eq!(scanner.readings(&iban).len(), 1);
        assert_eq!(scanner.readings("nothing to see"), []);
    }

    #[test]
    fn a_finding_is_placed_as_written_and_shown_as_meant() {
        let mut scanner = TextScanner::new(Detectors::builtin());
        let found = scanner.scan(r"é jane.doe\u0040example.com");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].chars, 2..27);
        assert_eq!(found[0].value, b"jane.doe@example.com");
    }
}

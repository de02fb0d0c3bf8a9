//! What reaches into a text from those before it, beside what each of them shows by itself. Knows findings and places;
//! what is read across a seam is the business of `neighbours.rs`.

use super::{Hit, Inspector, Quoting};
use crate::detect::{DetectorId, Family};
use crate::exchange::neighbours::Across;
use crate::json::Text;

/// So many of the last findings can lie where two texts meet.
const MOST_NEAR: usize = 64;

impl Inspector {
    /// Looks at what reaches into a text from those before it. What a text shows by itself is left as it is.
    pub(super) fn look_across(&mut self, place: impl Fn() -> String, text: &Text<'_>) {
        if self.scanner.detectors().is_none() {
            return;
        }
        let mut across = std::mem::take(&mut self.across);
        self.neighbours.take(text, &mut self.scanner, &mut across);
        self.elements.spoilt += u64::from(!across.is_empty());
        for Across { spot, ranges } in across.drain(..) {
            let touches = |hit: &Hit| {
                let own = std::iter::once(&hit.raw).chain(&hit.rest);
                { own }.any(|own| ranges.iter().any(|range| range.start < own.end && own.start < range.end))
            };
            // Half a key may look a little like something else, and a secret that only its name gave away ends where
            // its text does.
            let half = |hit: &Hit| {
                let inside =
                    ranges.iter().any(|range| range.start <= hit.raw.start && hit.raw.end <= range.end);
                inside && hit.confidence == spot.confidence && is_secret(spot.detector)
            };
            let stands = |hit: &Hit| hit.rest.is_empty() && hit.confidence >= spot.confidence && !half(hit);
            if self.hits.iter().rev().take(MOST_NEAR).any(|hit| stands(hit) && touches(hit)) {
                continue;
            }
            // What was found before the last piece came was a part of this.
            let near = self.hits.split_off(self.hits.len().saturating_sub(MOST_NEAR));
            self.hits.extend(near.into_iter().filter(|hit| stands(hit) || !touches(hit)));
            self.hit(spot, place().into(), ranges[0].clone(), text, Quoting::Inside, false);
            if let Some(hit) = self.hits.last_mut() {
                hit.rest = ranges[1..].to_vec();
            }
        }
        self.across = across;
    }
}

fn is_secret(detector: DetectorId) -> bool {
    detector.is_builtin() && detector.detector().family == Family::Secret
}

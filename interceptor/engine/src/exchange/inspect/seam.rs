//! What reaches into a text from those before it, beside what each of them shows by itself. Knows findings and places;
//! what is read across a seam is the business of `neighbours.rs`.

use std::ops::Range;

use super::{Hit, Inspector, Quoting};
use crate::detect::{self, DetectorId, Family};
use crate::exchange::neighbours::Across;
use crate::exchange::scan::stands_alone;
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
        for Across { spot, ranges, begins_alone } in across.drain(..) {
            let touches = |hit: &Hit| {
                let own = std::iter::once(&hit.raw).chain(&hit.rest);
                { own }.any(|own| ranges.iter().any(|range| range.start < own.end && own.start < range.end))
            };
            let more = more(&ranges, text);
            let first_of_last = ranges.last().map_or(0, |last| last.start);
            // Half a key may look a little like something else, a secret that only its name gave away ends where its
            // text does, and so may an address. What is told by its form ends where that ends, unless another form goes
            // on.
            let half = |hit: &Hit| {
                let inside =
                    ranges.iter().any(|range| range.start <= hit.raw.start && hit.raw.end <= range.end);
                let formless = detect::is_general(hit.detector) || !detect::is_general(spot.detector);
                let goes_on = hit.detector == spot.detector || formless;
                let alone = if hit.raw.start < first_of_last { stands_alone(more) } else { begins_alone };
                inside
                    && hit.confidence == spot.confidence
                    && goes_on
                    && has_no_length(spot.detector)
                    && !alone
            };
            let stands = |hit: &Hit| hit.rest.is_empty() && hit.confidence >= spot.confidence && !half(hit);
            // It was put together of the texts before, and only a word or a setting follows.
            let ended = |hit: &Hit| {
                let end = hit.rest.last().unwrap_or(&hit.raw).end;
                let there = ranges.len() > 1 && ranges[ranges.len() - 2].end == end;
                there
                    && hit.confidence >= spot.confidence
                    && has_no_length(hit.detector)
                    && stands_alone(more)
            };
            let stays = |hit: &Hit| touches(hit) && (stands(hit) || ended(hit));
            if self.hits.iter().rev().take(MOST_NEAR).any(stays) {
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

/// What of the text that came last belongs to something that is found in pieces.
fn more<'t>(ranges: &[Range<usize>], text: &Text<'t>) -> &'t [u8] {
    let Some(last) = ranges.last().filter(|last| last.start >= text.start) else { return &[] };
    text.raw.get(last.start - text.start..last.end - text.start).unwrap_or_default()
}

/// True for what has no length that ends it: secrets and addresses. A number that goes on is another number.
fn has_no_length(detector: DetectorId) -> bool {
    detector.is_builtin() && (detector.detector().family == Family::Secret || detector == detect::EMAIL)
}

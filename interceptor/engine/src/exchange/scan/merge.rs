//! Makes one list of what several forms of a text showed. Knows places and how sure a finding is; does not know how a
//! form came about.

use std::ops::Range;

use super::Spot;
use crate::detect::{Confidence, DetectorId};

/// Findings of one form that lie in the same piece of the text, such as one run of base64, share all of it: what is
/// put in its place stands for both.
pub(in crate::exchange) fn share(spots: &mut [Spot]) {
    let mut from = 0;
    for at in 1..spots.len() {
        if spots[at].raw.start >= spots[at - 1].raw.end {
            from = at;
            continue;
        }
        let whole = spots[from].raw.start..spots[at].raw.end.max(spots[at - 1].raw.end);
        for spot in &mut spots[from..=at] {
            spot.raw = whole.clone();
        }
    }
}

/// Merges what two groups of forms showed, the second of them made from the first. Where they disagree about a place
/// the surer one is right, then the deeper one: in `\tjane@…` the `t` is part of an escape. What was put together on
/// a guess is only right where nothing else was found, or only a part of it. Both are in order.
pub(in crate::exchange) fn merge(out: &mut Vec<Spot>, first: usize, middle: usize, trust_deeper: bool) {
    if first == middle || middle == out.len() {
        return;
    }
    let deeper = out.split_off(middle);
    let mut shallower = out.split_off(first).into_iter().peekable();
    // The place of the last spot, its confidence, and whether it is a deeper one.
    let mut last: Option<(Range<usize>, Confidence, bool)> = None;
    let mut deeper = deeper.into_iter().peekable();
    loop {
        let take_deeper = match (shallower.peek(), deeper.peek()) {
            (None, None) => return,
            (Some(a), Some(b)) => b.raw.start < a.raw.start,
            (a, _) => a.is_none(),
        };
        let next = if take_deeper { deeper.next() } else { shallower.next() };
        let Some(spot) = next else { return };
        // What an operator looks for and what anybody looks for do not compete.
        let own = |detector: DetectorId| !detector.is_builtin();
        let clash = last.as_ref().filter(|(place, ..)| {
            spot.raw.start < place.end && out.last().is_some_and(|l| own(l.detector) == own(spot.detector))
        });
        if let Some((place, confidence, _)) = clash.filter(|(.., was_deeper)| *was_deeper != take_deeper) {
            let same = *place == spot.raw && out.last().is_some_and(|last| last.detector == spot.detector);
            let (deep, shallow) = if take_deeper { (&spot.raw, place) } else { (place, &spot.raw) };
            // Inside an encoded run all places are the run's: there the longer one is meant.
            let longer = out.last().is_some_and(|last| {
                let (deep, shallow) =
                    if take_deeper { (spot.length, last.length) } else { (last.length, spot.length) };
                deep > shallow
            });
            let within = deep.start <= shallow.start && shallow.end <= deep.end;
            let covers = within && (deep != shallow || longer);
            let better = take_deeper == (trust_deeper || covers);
            let wins = spot.confidence > *confidence || (spot.confidence == *confidence && better && !same);
            if !wins {
                continue;
            }
            // All spots that share the lost place are lost with it.
            while out.len() > first && out.last().is_some_and(|last| last.raw == *place) {
                out.pop();
            }
        }
        last = Some((spot.raw.clone(), spot.confidence, take_deeper));
        out.push(spot);
    }
}

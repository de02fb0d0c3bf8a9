//! Which of the readings of a number is the likeliest, and how sure it is: its form, its check and the words before it.

use super::super::super::{Confidence, Finding};
use super::super::form::Use;
use super::super::table::KINDS;
use super::super::words::{self, Heard, Meaning};

/// The likeliest reading so far and why.
pub(super) struct Best {
    pub(super) finding: Option<Finding>,
    pub(super) reason: Reason,
    /// The first byte of what more text may still turn into a candidate.
    pub(super) open: Option<usize>,
}

/// What makes a reading likelier than another, strongest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Reason {
    /// A word of its own, then its topic or country.
    pub(super) heard: u8,
    /// Where that word stands: nearer is later.
    pub(super) at: usize,
    pub(super) odds: u32,
    pub(super) len: usize,
}

impl Best {
    pub(super) fn offer(&mut self, finding: Finding, reason: Reason) {
        let better =
            self.finding.is_none_or(|best| (finding.confidence, reason) > (best.confidence, self.reason));
        if better {
            (self.finding, self.reason) = (Some(finding), reason);
        }
    }

    pub(super) fn leave_open(&mut self, start: usize) {
        self.open = Some(self.open.map_or(start, |open| open.min(start)));
    }
}

/// Of what case the letters of a value are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Upper,
    Lower,
    Mixed,
}

impl Case {
    pub(super) fn of(value: &[u8]) -> Self {
        let upper = value.iter().any(u8::is_ascii_uppercase);
        match (upper, value.iter().any(u8::is_ascii_lowercase)) {
            (_, false) => Self::Upper,
            (false, true) => Self::Lower,
            (true, true) => Self::Mixed,
        }
    }
}

/// Longer words in letters of both cases are keys.
const LONGEST_MIXED: usize = 12;

/// How sure a kind is, given the words before; `None` if it is not worth a report.
pub(super) fn weigh(
    used: Use,
    (checked, rare): (bool, bool),
    case: Case,
    heard: &Heard,
    (start, len): (usize, usize),
) -> Option<(Confidence, Reason)> {
    let kind = &KINDS[used.kind];
    let country = used.country;
    let reach = start.saturating_sub(words::REACH);
    let (mut own, mut topic, mut land, mut number) = (None, None, None, false);
    for (at, meaning) in heard.iter().filter(|(at, _)| *at >= reach && *at < start) {
        match meaning {
            Meaning::Kind(said) if usize::from(*said) == used.kind => own = Some(*at),
            Meaning::Topic(said) if *said == kind.topic => topic = Some(*at),
            Meaning::Country(said) if Some(*said) == country => land = Some(*at),
            Meaning::Number => number = true,
            _ => {}
        }
    }
    let announced = own.is_some() || (land.is_some() && (topic.is_some() || number));
    let confidence = if announced {
        if checked { kind.announced() } else { Confidence::Medium }
    } else if used.only_announced {
        return None;
    } else if case == Case::Mixed && len > LONGEST_MIXED {
        // Mixed case is what random keys look like.
        return None;
    } else if topic.is_some() && checked && kind.is_checked() {
        kind.alone(rare).max(Confidence::Medium)
    } else if checked && case == Case::Upper {
        kind.alone(rare)
    } else {
        Confidence::Low
    };
    // A kind of one country says more than one of any.
    let near = u8::from(topic.is_some()) + u8::from(land.is_some());
    let heard = if own.is_some() { 4 + u8::from(country.is_some()) + u8::from(land.is_some()) } else { near };
    let at = own.or(topic).or(land).unwrap_or(0);
    let odds = if checked { kind.odds } else { 0 };
    Some((confidence, Reason { heard, at, odds, len }))
}

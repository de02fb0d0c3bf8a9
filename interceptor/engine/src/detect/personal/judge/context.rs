//! The words before a number, and which kinds they announce. Looked up once for a run of groups, when somebody asks.

use smallvec::SmallVec;

use super::super::super::Work;
use super::super::super::text::Text;
use super::super::form::Use;
use super::super::kind::Topic;
use super::super::table::KINDS;
use super::super::words::{Heard, Meaning, Near};

/// The words before a run, looked up when somebody asks.
pub(super) struct Context<'n> {
    near: &'n mut Near,
    at: usize,
    heard: Heard,
    state: State,
    /// One bit for each kind that a word of its own announces.
    kinds: [u64; KINDS.len().div_ceil(64)],
    countries: SmallVec<[[u8; 2]; 4]>,
}

/// What is known of the words.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nobody has asked.
    Unasked,
    /// There is not so much as a letter.
    Quiet,
    Heard,
}

impl<'n> Context<'n> {
    pub(super) fn before(at: usize, near: &'n mut Near) -> Self {
        let kinds = [0; KINDS.len().div_ceil(64)];
        Self { near, at, heard: Heard::new(), state: State::Unasked, kinds, countries: SmallVec::new() }
    }

    /// The words, if somebody has asked for them.
    pub(super) fn known(&self) -> Option<&Heard> {
        (self.state != State::Unasked).then_some(&self.heard)
    }

    pub(super) fn heard(&mut self, text: Text<'_>, work: &mut Work) -> &Heard {
        if self.state == State::Unasked {
            let letters = self.near.before(text, self.at, &mut self.heard, &mut work.examined);
            self.state = if letters { State::Heard } else { State::Quiet };
            for (_, meaning) in &self.heard {
                match meaning {
                    Meaning::Kind(kind) => self.kinds[usize::from(*kind) / 64] |= 1 << (kind % 64),
                    Meaning::Country(country) => self.countries.push(*country),
                    _ => {}
                }
            }
        }
        &self.heard
    }

    /// No letter stands before.
    pub(super) fn is_quiet(&mut self, text: Text<'_>, work: &mut Work) -> bool {
        self.heard(text, work);
        self.state == State::Quiet
    }

    /// A word for telephones stands before.
    pub(super) fn hears_of_phones(&mut self, text: Text<'_>, work: &mut Work) -> bool {
        self.heard(text, work).iter().any(|(_, meaning)| *meaning == Meaning::Topic(Topic::Phone))
    }

    /// Some kind's own word or a country stands before.
    pub(super) fn announces(&mut self, text: Text<'_>, work: &mut Work) -> bool {
        self.heard(text, work);
        !self.heard.is_empty() && (!self.countries.is_empty() || self.kinds.iter().any(|bits| *bits != 0))
    }

    /// A word of the kind's own stands before, or one of its country.
    pub(super) fn may_announce(&mut self, used: &Use, text: Text<'_>, work: &mut Work) -> bool {
        self.heard(text, work);
        self.kinds[used.kind / 64] >> (used.kind % 64) & 1 == 1
            || used.country.is_some_and(|country| self.countries.contains(&country))
    }
}

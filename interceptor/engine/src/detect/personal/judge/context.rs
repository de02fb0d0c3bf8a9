//! The words before a number, and which kinds they announce. Looked up once for a run of groups, when somebody asks.

use super::super::super::Work;
use super::super::super::text::Text;
use super::super::table::KINDS;
use super::super::words::{self, Heard, Meaning};

/// The words before a run, looked up when somebody asks.
pub(super) struct Context {
    at: usize,
    pub(super) heard: Option<Heard>,
    /// One bit for each kind that a word of its own announces.
    kinds: [u64; KINDS.len().div_ceil(64)],
    country: bool,
}

impl Context {
    pub(super) fn before(at: usize) -> Self {
        Self { at, heard: None, kinds: [0; KINDS.len().div_ceil(64)], country: false }
    }

    pub(super) fn heard(&mut self, text: Text<'_>, work: &mut Work) -> &Heard {
        self.heard.get_or_insert_with(|| {
            work.examined += words::REACH as u64;
            let heard = words::before(text, self.at);
            for (_, meaning) in &heard {
                match meaning {
                    Meaning::Kind(kind) => self.kinds[usize::from(*kind) / 64] |= 1 << (kind % 64),
                    Meaning::Country(_) => self.country = true,
                    _ => {}
                }
            }
            heard
        })
    }

    /// Some kind's own word or a country stands before.
    pub(super) fn announces(&mut self, text: Text<'_>, work: &mut Work) -> bool {
        self.heard(text, work);
        self.country || self.kinds.iter().any(|bits| *bits != 0)
    }

    /// A word of the kind's own stands before, or one of a country.
    pub(super) fn may_announce(&mut self, kind: usize, text: Text<'_>, work: &mut Work) -> bool {
        self.heard(text, work);
        self.country || self.kinds[kind / 64] >> (kind % 64) & 1 == 1
    }
}

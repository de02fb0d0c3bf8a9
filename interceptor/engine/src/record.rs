//! What an exchange leaves behind: facts for the audit trail, for metrics and for spans.
//! Carries kinds, places and lengths. Never carries payload.

use std::sync::Arc;

use crate::budget::Why;
use crate::catalogue::ProviderId;
use crate::detect::Confidence;
use crate::policy::{Action, Answer, Direction, Shadow, Uncertainty};

/// Everything there is to say about one exchange.
#[derive(Clone, Debug)]
pub struct Record {
    /// Who was called.
    pub provider: ProviderId,
    /// Name of the format, or `unknown`.
    pub operation: Arc<str>,
    /// The model that was asked for, or that answered if the request did not say; at most 128 bytes.
    pub model: Option<String>,
    /// True if a streamed answer was asked for or came.
    pub streamed: bool,
    /// What happened in the end.
    pub verdict: Verdict,
    /// Everything that was found and that a rule speaks of, in order; at most [`MOST_FINDINGS`].
    pub findings: Vec<FindingRecord>,
    /// Findings beyond [`MOST_FINDINGS`]. They were acted upon like the others.
    pub findings_left_out: u64,
    /// What could not be decided, and how policy answered.
    pub doubts: Vec<Doubt>,
    /// What rules said of the exchange as such, if any did.
    pub ruled: Option<RuleRecord>,
    /// Tools of which a rule speaks, in order; at most [`MOST_FINDINGS`].
    pub tools: Vec<ToolRecord>,
    /// Limits that refused the exchange, or would have.
    pub limits: Vec<LimitRecord>,
    /// What was looked at in the request.
    pub request: Ledger,
    /// What was looked at in the answer.
    pub response: Ledger,
    /// Texts that were put back in the answer.
    pub restored: u64,
    /// Token counts, as far as the provider told.
    pub usage: Tokens,
    /// Version of the policy that decided.
    pub policy: Arc<str>,
}

/// Something about a limit.
#[derive(Clone, Debug)]
pub struct LimitRecord {
    /// Its name.
    pub limit: Arc<str>,
    /// What was short, or could not be counted.
    pub why: Why,
    /// True if the exchange was refused for it.
    pub refused: bool,
}

/// Most findings that a record lists one by one.
pub const MOST_FINDINGS: usize = 1_000;

/// How an exchange ended, as far as the engine decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Passed on as it was.
    #[default]
    Pass,
    /// Passed on with something replaced.
    Redact,
    /// Refused.
    Block,
}

/// One finding and what became of it.
#[derive(Clone, Debug)]
pub struct FindingRecord {
    /// Name of the detector: `pii.email`.
    pub detector: Arc<str>,
    /// How sure it was.
    pub confidence: Confidence,
    /// Which way the text was going.
    pub direction: Direction,
    /// Where: `messages[3].content`. Keys that the catalogue does not name are shown as `*`.
    pub place: Arc<str>,
    /// First byte, counted in the decoded text at that place.
    pub start: u64,
    /// Number of bytes.
    pub length: u64,
    /// What policy said.
    pub action: Action,
    /// The rule that said it.
    pub rule: Option<Arc<str>>,
    /// What rules in shadow would have done, if that is something else.
    pub shadow: Option<Shadow>,
    /// True if it was to be replaced but lies where nothing may be: see [`Uncertainty::Unrewritable`] and
    /// [`Uncertainty::SignedBody`].
    pub sealed: bool,
}

/// What rules said of an exchange as such.
#[derive(Clone, Debug)]
pub struct RuleRecord {
    /// What policy said.
    pub action: Action,
    /// The rule that said it.
    pub rule: Option<Arc<str>>,
    /// What rules in shadow would have done, if that is something else.
    pub shadow: Option<Shadow>,
}

/// A tool and what became of it.
#[derive(Clone, Debug)]
pub struct ToolRecord {
    /// Its name; `*` if it may not be told of.
    pub name: Box<str>,
    /// Offered in a request, or called in an answer.
    pub direction: Direction,
    /// What policy said.
    pub action: Action,
    /// The rule that said it.
    pub rule: Option<Arc<str>>,
    /// What rules in shadow would have done, if that is something else.
    pub shadow: Option<Shadow>,
}

/// Something the engine could not be sure of.
#[derive(Clone, Debug)]
pub struct Doubt {
    /// What.
    pub uncertainty: Uncertainty,
    /// Which way the bytes were going.
    pub direction: Direction,
    /// How policy answered.
    pub answer: Answer,
    /// What an event names as the rule: `uncertain.oversizedBody`.
    pub rule: &'static str,
}

/// What was looked at, in bytes: `seen` is the sum of the others. Each counts the text of its kind; what stands
/// between the texts (punctuation, names of members, small numbers) was read too, and counts as scanned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Bytes of the body after decoding.
    pub seen: u64,
    /// Text at known places, scanned.
    pub scanned: u64,
    /// Text sealed by the provider, and what stands in documents and in base64: scanned, never rewritten.
    pub sealed: u64,
    /// Not scanned: images, sound, token numbers, what could not be decoded, and what nobody asked about.
    pub binary: u64,
    /// Text at places that the catalogue does not name: scanned all the same.
    pub unknown: u64,
}

impl Ledger {
    /// What was counted since `before`. Bytes seen are counted elsewhere.
    pub(crate) fn minus(self, before: Self) -> Self {
        Ledger {
            seen: 0,
            scanned: self.scanned - before.scanned,
            sealed: self.sealed - before.sealed,
            binary: self.binary - before.binary,
            unknown: self.unknown - before.unknown,
        }
    }

    /// Both together.
    pub(crate) fn plus(self, more: Self) -> Self {
        Ledger {
            seen: self.seen + more.seen,
            scanned: self.scanned + more.scanned,
            sealed: self.sealed + more.sealed,
            binary: self.binary + more.binary,
            unknown: self.unknown + more.unknown,
        }
    }

    /// Counts what is not counted yet, so that the sum is right: as scanned if the body was read to its end.
    pub(crate) fn settled(mut self, read: bool) -> Self {
        let counted = self.scanned + self.sealed + self.binary + self.unknown;
        let rest = self.seen.saturating_sub(counted);
        *(if read { &mut self.scanned } else { &mut self.binary }) += rest;
        self
    }
}

/// Token counts; absent ones were not told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Tokens of the request.
    pub input: Option<u64>,
    /// Tokens of the answer.
    pub output: Option<u64>,
    /// Tokens of the request that came from the provider's cache.
    pub cache_read: Option<u64>,
    /// Tokens of the request that were put into the provider's cache.
    pub cache_write: Option<u64>,
    /// Tokens of the answer that were spent on reasoning.
    pub reasoning: Option<u64>,
}

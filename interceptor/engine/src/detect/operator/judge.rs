//! What decides about a match of an operator's detector once its place is known: the characters around it, words
//! before it, and a check digit. Knows nothing of automata.

use super::super::check::{iso7064, luhn, verhoeff};
use super::super::text::{LOOKBACK, Peek, Text, left};
use super::{DetectorId, Finding};
use crate::detect::Confidence;

/// How far before a match its words may stand.
pub(crate) const FARTHEST: usize = LOOKBACK - LONGEST_WORD;
/// The longest context word.
pub(crate) const LONGEST_WORD: usize = 64;

/// What is known of a detector apart from what it matches.
#[derive(Debug, Clone)]
pub(crate) struct Own {
    pub(crate) id: DetectorId,
    pub(crate) confidence: Confidence,
    /// A match inside a longer word is none.
    pub(crate) whole_word: bool,
    pub(crate) context: Option<Context>,
    pub(crate) validator: Option<Validator>,
}

/// Words before a match.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    /// In lower case.
    pub(crate) words: Vec<Box<[u8]>>,
    /// In how many bytes before the match one of them must lie.
    pub(crate) within: usize,
    /// Without one of them nothing is found; else it is only less sure.
    pub(crate) required: bool,
}

/// A check over the letters and digits of a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Validator {
    Luhn,
    Verhoeff,
    Mod97,
    Mod11,
    Mod37,
}

impl Validator {
    /// Each with its name in documents.
    pub(crate) const WORDS: [(&'static str, Self); 5] = [
        ("luhn", Self::Luhn),
        ("verhoeff", Self::Verhoeff),
        ("mod97-10", Self::Mod97),
        ("mod11-2", Self::Mod11),
        ("mod37-36", Self::Mod37),
    ];

    /// Separators are left out before anything is added up.
    pub(crate) fn accepts(self, text: &[u8]) -> bool {
        let plain: Vec<u8> =
            text.iter().filter(|b| b.is_ascii_alphanumeric()).map(u8::to_ascii_uppercase).collect();
        match self {
            Self::Luhn => luhn(&plain),
            Self::Verhoeff => verhoeff::check(&plain),
            Self::Mod97 => iso7064::mod97_10(&plain),
            Self::Mod11 => iso7064::mod11_2(&plain),
            Self::Mod37 => iso7064::mod37_36(&plain),
        }
    }
}

impl Own {
    /// True if a match may begin at `start`.
    pub(crate) fn may_begin(&self, bytes: &[u8], start: usize) -> bool {
        let inner = bytes.get(start).is_some_and(|b| in_word(*b));
        !(self.whole_word && inner && left(bytes, start).is_some_and(in_word))
    }

    /// True if a match may end at `end`. The byte there must have arrived, or the text be over.
    pub(crate) fn may_end(&self, text: Text<'_>, end: usize) -> bool {
        let next = text.peek(end);
        debug_assert!(next != Peek::Unknown, "decided before the next byte is there");
        let inner = text.before(end, 1).is_some_and(in_word);
        !(self.whole_word && inner && matches!(next, Peek::Byte(b) if in_word(b)))
    }

    /// The finding for a match whose ends are right, if the text before it and its check digit agree.
    pub(crate) fn judge(&self, bytes: &[u8], start: usize, end: usize) -> Option<Finding> {
        if self.validator.is_some_and(|validator| !validator.accepts(&bytes[start..end])) {
            return None;
        }
        let confidence = match &self.context {
            None => self.confidence,
            Some(context) if context.heard(&bytes[..start]) => self.confidence,
            Some(context) if context.required => return None,
            Some(_) => weaker(self.confidence),
        };
        Some(Finding { detector: self.id, start, end, confidence })
    }
}

impl Context {
    fn heard(&self, before: &[u8]) -> bool {
        let window = &before[before.len().saturating_sub(self.within)..];
        self.words.iter().any(|word| window.windows(word.len()).any(|there| there.eq_ignore_ascii_case(word)))
    }
}

fn weaker(confidence: Confidence) -> Confidence {
    match confidence {
        Confidence::High => Confidence::Medium,
        _ => Confidence::Low,
    }
}

/// What ties two bytes together to one word. Letters beyond ASCII do not: scripts without spaces have them on both
/// sides of everything.
fn in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

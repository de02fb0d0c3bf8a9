//! Whether a value may be the secret that a name announces: drawn, or chosen by a person, and no stand-in for one.
//! Knows values, and how they are written; does not look for them.

use std::ops::Range;

use super::super::rarity::{self, LONG, TELLING};
use super::super::read::{Against, Read};
use super::super::{ASSIGNED_KEY, ASSIGNED_PASSWORD, AUTHORIZATION};
use super::counts::Held;
use super::value::Assignment;
use super::{Named, SHORTEST, contains};
use crate::detect::text::is_varied;
use crate::detect::{Confidence, DetectorId, Work};

/// Values that hold such a word stand in for others.
pub(in super::super) const STAND_INS: [&str; 14] = [
    "example",
    "fake",
    "dummy",
    "placeholder",
    "redacted",
    "changeme",
    "change_me",
    "your",
    "sample",
    "xxxx",
    "1234-1234",
    "****",
    "....",
    "://",
];

/// A value, where it stands in a text, with what was read of that.
pub(super) struct Value<'t, 'r> {
    pub(super) bytes: &'t [u8],
    pub(super) at: Range<usize>,
    pub(super) read: &'r mut Read,
    pub(super) work: &'r mut Work,
}

impl<'t> Value<'t, '_> {
    pub(super) fn all(&self) -> &'t [u8] {
        &self.bytes[self.at.clone()]
    }

    fn held(&mut self) -> Held {
        self.read.values.counts.of(self.bytes, self.at.clone(), &mut self.work.examined)
    }

    /// As [`rarity::random`], of the first bytes of it.
    pub(super) fn begins_randomly(&mut self, most: usize, telling: i32) -> bool {
        let part = self.at.start..self.at.end.min(self.at.start + most);
        self.read.scores.random(self.bytes, part, telling)
    }

    fn is_random(&mut self, telling: i32) -> bool {
        self.begins_randomly(usize::MAX / 2, telling)
    }

    fn bits(&mut self) -> i32 {
        match self.at.len() {
            LONG.. => self.read.scores.bits(self.bytes, self.at.clone()),
            _ => rarity::bits(self.all()),
        }
    }

    /// Not a secret but what stands where one will be, or the code that fetches it.
    pub(super) fn is_stand_in(&mut self) -> bool {
        let (value, held, at) = (self.all(), self.held(), self.at.clone());
        if matches!(value[0], b'$' | b'<' | b'%' | b'{' | b'}' | b'*' | b'[' | b'(' | b'&')
            || held.has_calls()
        {
            return true;
        }
        let mut says = |against| self.read.says(against, self.bytes, at.clone(), self.work);
        says(Against::StandIn)
            || (value.len() >= 16
                && (!is_varied(value) || held.is_typed(value.len()) || says(Against::Placeholder)))
    }

    /// Which secret it is, of a value that is no stand-in.
    pub(super) fn judge(&mut self, how: Assignment) -> Option<(DetectorId, Confidence)> {
        if self.at.len() < 4 || is_apart(self.all()) {
            return None;
        }
        match how.named {
            Named::Password => self.password(how).map(|confidence| (ASSIGNED_PASSWORD, confidence)),
            Named::Key => self.key(how).map(|confidence| (ASSIGNED_KEY, confidence)),
            Named::Header => self.key(how).map(|confidence| (AUTHORIZATION, confidence)),
        }
    }

    /// A key was drawn: it looks random.
    fn key(&mut self, how: Assignment) -> Option<Confidence> {
        let (value, held) = (self.all(), self.held());
        if value.len() < SHORTEST || held.has_code() {
            return None;
        }
        let digits = held.digits();
        if digits == value.len() {
            let drawn = digits >= 22 && rarity::distinct(value) >= 7;
            return (drawn && how.separated).then_some(Confidence::Medium);
        }
        // Without quotes it may be a name in code, and without more than spaces before it just the next word.
        let sure = match (how.separated, how.quote) {
            (true, Some(_)) => TELLING,
            _ => TELLING + 4,
        };
        let long_enough = how.separated || value.len() >= 14;
        let letters_only = digits == 0 && (value.len() < 16 || self.bits() < 2 * TELLING);
        let number = value.starts_with(b"0x");
        (long_enough && !letters_only && !number && self.is_random(sure)).then_some(Confidence::Medium)
    }

    /// A password may be anything. It is one if it mixes kinds of characters; a plain word in quotes may be one.
    fn password(&mut self, how: Assignment) -> Option<Confidence> {
        const CODE: [&[u8]; 3] = [b"(", b"[", b"->"];
        if !how.separated && how.quote.is_none() {
            return None;
        }
        let (value, held) = (self.all(), self.held());
        // When it was used last is told as well.
        let time = matches!(value, [a, b, c, d, b'-', _, _, b'-', _, _, b'T', ..] if [a, b, c, d].iter().all(|b| b.is_ascii_digit()));
        let code = how.quote.is_none() && CODE.iter().any(|c| value.windows(c.len()).any(|w| w == *c));
        if code || time || (how.quote.is_none() && value.len() < 6) {
            return None;
        }
        let (digit, kinds, spaced) = (held.digits() > 0, held.mixed(), held.has_spaces());
        let long = value.len() >= 8;
        let likely = (long && !spaced && digit && (kinds >= 3 || self.bits() >= TELLING / 2))
            || (long && held.marks() >= 3 && kinds >= 2)
            || (value.len() >= 10 && !spaced && self.is_random(TELLING + 4));
        if likely && !contains(value, b"password") && !contains(value, b"passwd") {
            return Some(Confidence::Medium);
        }
        (how.quote.is_some() || digit).then_some(Confidence::Low)
    }
}

/// Characters that stand apart (`a-1-b-2`): put together they may be a key, and then they are found as it.
fn is_apart(value: &[u8]) -> bool {
    value.len() >= 15
        && !value[1].is_ascii_alphanumeric()
        && value.iter().skip(1).step_by(2).all(|byte| *byte == value[1])
}

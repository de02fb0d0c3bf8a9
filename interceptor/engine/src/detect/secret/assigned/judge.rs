//! Whether a value may be the secret that a name announces: drawn, or chosen by a person, and no stand-in for one.
//! Knows values, and how they are written; does not look for them.

use std::sync::LazyLock;

use super::super::rarity::{self, TELLING};
use super::super::words::Words;
use super::super::{ASSIGNED_KEY, ASSIGNED_PASSWORD, AUTHORIZATION};
use super::value::Assignment;
use super::{Named, SHORTEST, contains};
use crate::detect::text::is_placeholder;
use crate::detect::{Confidence, DetectorId};

/// Values that hold such a word stand in for others.
static STAND_INS: LazyLock<Words> = LazyLock::new(|| {
    let words = [
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
    Words::new(words.map(|word| (word, 0)))
});

pub(super) fn judge(value: &[u8], how: Assignment) -> Option<(DetectorId, Confidence)> {
    if value.len() < 4 || is_stand_in(value) || is_apart(value) {
        return None;
    }
    match how.named {
        Named::Password => password(value, how).map(|confidence| (ASSIGNED_PASSWORD, confidence)),
        Named::Key => key(value, how).map(|confidence| (ASSIGNED_KEY, confidence)),
        Named::Header => key(value, how).map(|confidence| (AUTHORIZATION, confidence)),
    }
}

/// Not a secret but what stands where one will be, or the code that fetches it.
pub(super) fn is_stand_in(value: &[u8]) -> bool {
    let code = |pair: &[u8]| matches!(pair, b"${" | b"$(" | b"{{" | b"}}" | b"%(" | b"()" | b"::");
    matches!(value[0], b'$' | b'<' | b'%' | b'{' | b'}' | b'*' | b'[' | b'(' | b'&')
        || value.windows(2).any(code)
        || STAND_INS.any(value)
        || (value.len() >= 16 && is_placeholder(value))
}

/// Characters that stand apart (`a-1-b-2`): put together they may be a key, and then they are found as it.
fn is_apart(value: &[u8]) -> bool {
    value.len() >= 15
        && !value[1].is_ascii_alphanumeric()
        && value.iter().skip(1).step_by(2).all(|byte| *byte == value[1])
}

/// A key was drawn: it looks random.
fn key(value: &[u8], how: Assignment) -> Option<Confidence> {
    let code = |b: u8| matches!(b, b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'<' | b'>' | b' ');
    if value.len() < SHORTEST || !value.is_ascii() || value.iter().any(|b| code(*b)) {
        return None;
    }
    let digits = value.iter().filter(|b| b.is_ascii_digit()).count();
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
    let letters_only = digits == 0 && (value.len() < 16 || rarity::bits(value) < 2 * TELLING);
    let number = value.starts_with(b"0x");
    (long_enough && !letters_only && !number && rarity::random(value, sure)).then_some(Confidence::Medium)
}

/// A password may be anything. It is one if it mixes kinds of characters; a plain word in quotes may be one.
fn password(value: &[u8], how: Assignment) -> Option<Confidence> {
    const CODE: [&[u8]; 3] = [b"(", b"[", b"->"];
    if !how.separated && how.quote.is_none() {
        return None;
    }
    let lower = value.iter().any(u8::is_ascii_lowercase);
    let upper = value.iter().any(u8::is_ascii_uppercase);
    let digit = value.iter().any(u8::is_ascii_digit);
    let mark = |b: u8| b.is_ascii_punctuation() && !matches!(b, b'_' | b'-' | b'.' | b'/' | b':' | b'=');
    let marks = value.iter().filter(|b| mark(**b)).count();
    let kinds = u32::from(lower) + u32::from(upper) + u32::from(digit) + u32::from(marks > 0);
    let spaced = value.contains(&b' ');
    // When it was used last is told as well.
    let time = matches!(value, [a, b, c, d, b'-', _, _, b'-', _, _, b'T', ..] if [a, b, c, d].iter().all(|b| b.is_ascii_digit()));
    let code = how.quote.is_none() && CODE.iter().any(|c| value.windows(c.len()).any(|w| w == *c));
    if code || time || (how.quote.is_none() && value.len() < 6) {
        return None;
    }
    let mixed = value.len() >= 8 && !spaced && digit && (kinds >= 3 || rarity::bits(value) >= TELLING / 2);
    let odd = value.len() >= 8 && marks >= 3 && kinds >= 2;
    let drawn = value.len() >= 10 && !spaced && rarity::random(value, TELLING + 4);
    let speaks = contains(value, b"password") || contains(value, b"passwd");
    if (mixed || odd || drawn) && !speaks {
        return Some(Confidence::Medium);
    }
    (how.quote.is_some() || digit).then_some(Confidence::Low)
}

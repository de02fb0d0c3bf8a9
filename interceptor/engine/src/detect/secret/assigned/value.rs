//! The value behind a name: where it ends, and what speaks against it. What a secret looks like stands in `judge.rs`.

use std::ops::Range;

use memchr::memchr_iter;

use super::super::keys;
use super::super::rarity::TELLING;
use super::super::read::Read;
use super::judge::Value;
use super::{Named, SHORTEST, contains};
use crate::detect::text::{Peek, Text, Verdict};
use crate::detect::{Confidence, Finding, Work};

/// A longer value is data, not a secret.
const LONGEST: usize = 512;
/// What the beginning of a drawn value shows; most other values need no look beyond.
const TELLTALE: usize = 32;
/// Fewer characters than this of a value are not worth holding.
const HOLD: usize = 6;
/// A longer value is no password.
pub(super) const PASSWORD: usize = 128;

/// How a value is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Assignment {
    pub(super) named: Named,
    /// More than spaces stand between name and value.
    pub(super) separated: bool,
    pub(super) quote: Option<u8>,
    /// The value was seen first, and the name looked for before it.
    pub(super) behind: bool,
}

/// Judges the value that begins at `start`.
pub(super) fn value(
    text: Text<'_>,
    start: usize,
    how: Assignment,
    resume: usize,
    read: &mut Read,
    work: &mut Work,
) -> Verdict {
    let no = Verdict::No { resume };
    if start < text.floor {
        return no;
    }
    // A key that can be told by itself is found as what it is. Where the look goes backward, the pass has
    // been there already.
    let mut misfit = how.behind && super::super::begins_known(&text.bytes[start..]);
    if !how.behind {
        match super::super::known_at(text, start, read, work) {
            None => {}
            Some(Verdict::No { .. }) => misfit = true,
            Some(verdict) => return verdict,
        }
    }
    let most = if how.named == Named::Password { PASSWORD } else { LONGEST };
    // What begins like words, or like another assignment, is not read to its end: that would be quadratic
    // in a text of nothing but names.
    let beginning = read.values.end(text, start, TELLTALE, how.quote, work);
    if beginning - start == TELLTALE && !may_go_on(text.bytes, start..beginning, how.named, read) {
        return no;
    }
    let end = read.values.end(text, start, most, how.quote, work);
    if end - start >= most {
        return no;
    }
    if text.peek(end) == Peek::Unknown {
        // A word of prose is let go; anything else may also be what another detector would hold.
        let word = text.bytes[start..end].iter().all(u8::is_ascii_alphabetic);
        let live = how.quote.is_some() || end - start >= HOLD || !word;
        return Verdict::Undecided { hold: if live { start } else { usize::MAX } };
    }
    // `<password>@` is the pattern of an address.
    if how.quote.is_none() && text.bytes[start..].starts_with(b"@") && text.left(start) == Some(b'>') {
        return no;
    }
    let mut end = if how.quote.is_none() { before_next(text.bytes, start..end) } else { end };
    while how.quote.is_none()
        && end > start
        && matches!(text.bytes[end - 1], b'.' | b',' | b':' | b'!' | b'?')
    {
        end -= 1;
    }
    let mut value = Value { bytes: text.bytes, at: start..end, read, work };
    if end - start < 4 || value.is_stand_in() {
        return no;
    }
    if end - start >= SHORTEST
        && value.begins_randomly(96, 0)
        && let Some((detector, end)) = keys::named(text, start, value.read, value.work)
    {
        return Verdict::Match(Finding { detector, start, end, confidence: Confidence::Medium });
    }
    if is_uuid(value.all()) && text.mentions_before(start, 32, &REQUESTS, value.work) {
        return no;
    }
    match value.judge(how) {
        // It begins like a key that is known and does not go on like one: cut, or made up.
        Some(_) if misfit && how.named != Named::Password && end - start < 30 => no,
        Some((detector, confidence)) => Verdict::Match(Finding { detector, start, end, confidence }),
        None => no,
    }
}

/// The end of a value in a query: there the next name begins, as in `token=…&page=2`.
fn before_next(bytes: &[u8], value: Range<usize>) -> usize {
    let names_next = |at: &usize| {
        let behind = &bytes[at + 1..value.end];
        let name = behind.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
        name > 0 && bytes.get(at + 1 + name) == Some(&b'=')
    };
    let Some(rest) = bytes[value.clone()].get(1..) else { return value.end };
    memchr_iter(b'&', rest).map(|at| value.start + 1 + at).find(names_next).unwrap_or(value.end)
}

/// Names of tokens that tell one request or state from another, if the value is a UUID: whoever makes the request thinks
/// it up, and it opens nothing.
const REQUESTS: [&str; 9] = [
    "clienttoken",
    "client-token",
    "client_token",
    "requesttoken",
    "request-token",
    "request_token",
    "locktoken",
    "lock-token",
    "lock_token",
];

fn is_uuid(value: &[u8]) -> bool {
    let dash = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    let fits = |(at, byte): (usize, &u8)| if dash(at) { *byte == b'-' } else { byte.is_ascii_hexdigit() };
    value.len() == 36 && value.iter().enumerate().all(fits)
}

fn may_go_on(bytes: &[u8], beginning: Range<usize>, named: Named, read: &mut Read) -> bool {
    let there = &bytes[beginning.clone()];
    match named {
        Named::Password => !contains(there, b"pass") && !contains(there, b"pwd"),
        _ => read.scores.random(bytes, beginning, TELLING) || there.iter().all(u8::is_ascii_digit),
    }
}

pub(super) fn is_value_byte(b: u8) -> bool {
    b.is_ascii_graphic() && !matches!(b, b'"' | b'\'' | b'`' | b',' | b';' | b'<' | b'>' | b'\\') || b >= 0x80
}

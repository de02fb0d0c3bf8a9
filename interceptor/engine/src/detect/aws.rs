//! AWS credentials: access key ids (`AKIA…` long-lived, `ASIA…` temporary, `ABIA…` and `ACCA…` of services)
//! and secret access keys, which have no shape of their own beyond 40 base64 characters and are only looked for behind a key id or a name
//! that announces them.

use super::text::{Peek, Text, Verdict, is_placeholder};
use super::{Confidence, Finding, Work, metadata};

const ID: usize = 20;
const SECRET: usize = 40;

/// How much punctuation and naming may lie between the announcement and the secret.
const GAP: usize = 80;

pub(super) fn key_id(text: Text<'_>, start: usize, work: &mut Work) -> Verdict {
    let no = Verdict::No { resume: start + 4 };
    if text.left(start).is_some_and(|b| b.is_ascii_alphanumeric()) {
        return no;
    }
    let end = text.run_end(start, ID + 1, |b| b.is_ascii_uppercase() || b.is_ascii_digit());
    work.examined += (end - start) as u64;
    if end - start <= ID && text.peek(end) == Peek::Unknown {
        return Verdict::Undecided { hold: start };
    }
    let ends = !matches!(text.peek(end), Peek::Byte(b) if b.is_ascii_alphanumeric());
    let id = &text.bytes[start..end];
    if id.len() != ID || !ends || is_placeholder(&id[4..]) {
        return no;
    }
    let base32 = id[4..].iter().all(|b| b.is_ascii_uppercase() || (b'2'..=b'7').contains(b));
    let confidence = if base32 { Confidence::High } else { Confidence::Medium };
    Verdict::Match(Finding { detector: metadata::AWS_ACCESS_KEY, start, end, confidence })
}

/// `access_key` in any spelling counts behind `secret`; the key id's own name does not.
pub(super) fn secret_name(text: Text<'_>, start: usize, end: usize) -> Verdict {
    let mut word = start;
    if matches!(text.before(word, 1), Some(b'_' | b'-' | b' ' | b'.')) {
        word -= 1;
    }
    let named =
        word.checked_sub(6).is_some_and(|from| text.bytes[from..word].eq_ignore_ascii_case(b"secret"));
    if named { Verdict::Follow { from: end } } else { Verdict::No { resume: end } }
}

/// Looks for the secret from `from` on, across at most [`GAP`] bytes of names and punctuation. A digit, `@`
/// or dot in the gap ends the search: those begin something else.
pub(super) fn secret_key(text: Text<'_>, from: usize, work: &mut Work) -> Verdict {
    let mut at = from;
    loop {
        let end = text.run_end(at, SECRET + 1, is_secret_byte);
        work.examined += (end - at + 1) as u64;
        let next = match text.peek(end) {
            Peek::Unknown if end - at <= SECRET && end - from <= GAP + SECRET => {
                return Verdict::Undecided { hold: from };
            }
            Peek::Byte(b) => Some(b),
            _ => None,
        };
        let token = &text.bytes[at..end];
        if token.len() == SECRET && !next.is_some_and(|b| is_secret_byte(b) || b == b'=') && random(token) {
            let (start, confidence) = (at, Confidence::High);
            return Verdict::Match(Finding { detector: metadata::AWS_SECRET_KEY, start, end, confidence });
        }
        let naming = token.iter().all(u8::is_ascii_alphabetic);
        let mark = next.is_some_and(|b| b.is_ascii() && !matches!(b, b'@' | b'.') && !is_secret_byte(b));
        if !naming || !mark || end + 1 - from > GAP {
            return Verdict::No { resume: from };
        }
        at = end + 1;
    }
}

fn is_secret_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/')
}

/// Forty random base64 characters have upper and lower case and digits, and are no path.
fn random(token: &[u8]) -> bool {
    token.iter().any(u8::is_ascii_uppercase)
        && token.iter().any(u8::is_ascii_lowercase)
        && token.iter().any(u8::is_ascii_digit)
        && token.iter().filter(|b| **b == b'/').count() <= 5
        && !is_placeholder(token)
}

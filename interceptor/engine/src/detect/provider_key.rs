//! Keys that begin with `sk-`: Anthropic's (`sk-ant-…`), OpenAI's (`sk-proj-…`, `sk-svcacct-…`, `sk-admin-…`
//! and the first form, all with the marker in their middle), and keys of the same shape from elsewhere.

use super::text::{Peek, Text, Verdict, is_key_byte, is_placeholder};
use super::{Confidence, DetectorId, Finding, Work, metadata};

/// Longer than any key that was seen; OpenAI's project keys have up to 164 characters.
const LONGEST: usize = 256;

/// What stands in the middle of OpenAI's keys: "OpenAI" in base64.
const MARKER: &[u8] = b"T3BlbkFJ";

pub(super) fn confirm(text: Text<'_>, start: usize, work: &mut Work) -> Verdict {
    let no = Verdict::No { resume: start + 3 };
    if !text.key_may_begin(start) {
        return no;
    }
    let end = text.run_end(start, LONGEST, is_key_byte);
    work.examined += (end - start) as u64;
    if end - start < LONGEST && text.peek(end) == Peek::Unknown {
        return Verdict::Undecided { hold: start };
    }
    // A dash or underscore at the end is the sentence's, except where the key may end so.
    let key = &text.bytes[start..end];
    match classify(key).filter(|_| !is_placeholder(&key[3..])) {
        Some((detector, confidence)) => Verdict::Match(Finding { detector, start, end, confidence }),
        None => no,
    }
}

fn classify(key: &[u8]) -> Option<(DetectorId, Confidence)> {
    if let Some(rest) = key.strip_prefix(b"sk-ant-") {
        return anthropic(rest).map(|confidence| (metadata::ANTHROPIC_KEY, confidence));
    }
    let marked = key.windows(MARKER.len()).any(|w| w == MARKER);
    if marked && key.len() >= 40 {
        return Some((metadata::OPENAI_KEY, Confidence::High));
    }
    let typed = [&b"sk-proj-"[..], b"sk-svcacct-", b"sk-admin-", b"sk-None-"];
    if let Some(body) = typed.iter().find_map(|prefix| key.strip_prefix(*prefix)) {
        return (body.len() >= 20 && mixed(body)).then_some((metadata::OPENAI_KEY, Confidence::Low));
    }
    let body = &key[3..];
    let plain = body.len() >= 32 && body.iter().all(u8::is_ascii_alphanumeric) && mixed(body);
    if plain && body.len() == 48 {
        return Some((metadata::OPENAI_KEY, Confidence::Medium));
    }
    // `sk-or-v1-…`, `sk-lf-…`: another issuer's prefix before a long random part.
    let last = body.rsplit(|b| *b == b'-').next().unwrap_or(body);
    let other = last.len() >= 32 && mixed(last);
    (plain || other).then_some((metadata::API_KEY, Confidence::Medium))
}

/// `api03-`, `admin01-`, `oat01-`, … and a random part that ends in `AA`.
fn anthropic(rest: &[u8]) -> Option<Confidence> {
    let dash = rest.iter().position(|b| *b == b'-')?;
    let (kind, body) = (&rest[..dash], &rest[dash + 1..]);
    let numbered = kind.len() >= 4 && kind[kind.len() - 2..].iter().all(u8::is_ascii_digit);
    if numbered && body.len() >= 80 && body.ends_with(b"AA") {
        return Some(Confidence::High);
    }
    // Every key that was ever issued has that end; what has not is cut, or made up.
    (body.len() >= 20 && mixed(body)).then_some(Confidence::Low)
}

/// Letters and digits, as in every random key of this length, and unlike a name made of words.
fn mixed(body: &[u8]) -> bool {
    body.iter().filter(|b| b.is_ascii_digit()).count() >= 2 && body.iter().any(u8::is_ascii_alphabetic)
}

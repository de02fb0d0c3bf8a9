//! Keys whose own beginning says that they are keys, whoever issued them: `acme_pat_…`, `acme_live_…`, `acme-sk-…`.
//! Issuers choose such prefixes so that keys can be told; most of them are in no list. Knows the words, not who uses
//! them.

use std::ops::Range;

use super::rarity::{self, TELLING};
use crate::detect::text::{Peek, Text, Verdict, is_key_byte, is_placeholder};
use crate::detect::{Confidence, Finding, Work};

/// Words that issuers put before what is secret.
const WORDS: [&[u8]; 7] = [b"pat", b"oat", b"sat", b"sk", b"secret", b"live", b"apikey"];
/// Words that say of what follows that anybody may read it, or that it is a number of something.
const OPEN: [&[u8]; 6] = [b"pk", b"pub", b"public", b"cs", b"id", b"publishable"];
/// Words before the secret part, the one of [`WORDS`] among them.
const BEFORE: usize = 4;
/// Fewer characters than this make no key of an unknown issuer, and more are data.
const SHORTEST: usize = 20;
const LONGEST: usize = 160;

/// A token begins at `start`: does it call itself a key?
pub(super) fn token(text: Text<'_>, start: usize, work: &mut Work) -> Option<Verdict> {
    if start < text.floor || text.left(start).is_some_and(|b| b.is_ascii_alphanumeric() || b == b'.') {
        return None;
    }
    // Most tokens are names with a number, and have no such word.
    let head = &text.bytes[start..text.bytes.len().min(start + 48)];
    secret_part(head)?;
    let end = text.run_end(start, LONGEST + 48, is_key_byte);
    work.examined += (end - start) as u64;
    if text.peek(end) == Peek::Unknown && end - start < LONGEST + 48 {
        return Some(Verdict::Undecided { hold: start });
    }
    let (detector, confidence) = (super::SELF_NAMED_KEY, Confidence::Medium);
    is_key(text.bytes, start..end).then_some(Verdict::Match(Finding { detector, start, end, confidence }))
}

/// Where the part of a token begins that its own beginning calls secret; `None` if it does not.
fn secret_part(token: &[u8]) -> Option<usize> {
    // Those have a detector of their own.
    if token.starts_with(b"sk-") {
        return None;
    }
    let mut at = 0;
    for _ in 0..BEFORE {
        let length = token[at..].iter().take(12).take_while(|b| b.is_ascii_lowercase()).count();
        let word = &token[at..at + length];
        let joined = matches!(token.get(at + length), Some(b'_' | b'-'));
        if length == 0 || !joined || OPEN.contains(&word) {
            return None;
        }
        at += length + 1;
        // `live` may be followed by more words, as in `acme_live_sk_…`.
        if WORDS.contains(&word) && secret_part(&token[at..]).is_none() {
            return Some(at);
        }
    }
    None
}

/// True if `token` is such a key: what follows its words was drawn.
fn is_key(bytes: &[u8], token: Range<usize>) -> bool {
    let token = &bytes[token];
    let Some(part) = secret_part(token) else { return false };
    let part = &token[part..];
    (SHORTEST..=LONGEST).contains(&part.len())
        && part.iter().any(u8::is_ascii_digit)
        && part.iter().any(u8::is_ascii_alphabetic)
        && rarity::distinct(part) >= 8
        && rarity::random(part, 2 * TELLING)
        && !is_placeholder(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_tells() {
        let body = "Q7xK2mPz9LwR4tVb8NcY3hJd";
        for prefix in
            ["acme_pat_", "acme-sk-", "acme_live_", "acme_live_sk_", "acme_secret_prod_", "sk_", "secret-"]
        {
            let token = format!("{prefix}{body}");
            assert!(is_key(token.as_bytes(), 0..token.len()), "{token}");
        }
        for prefix in [
            "acme_",
            "pk_live_",
            "acme_pub_live_",
            "cs_live_",
            "path-",
            "sketch_",
            "ACME_PAT_",
            "_sk_",
            "sk-",
            "",
        ] {
            let token = format!("{prefix}{body}");
            assert!(!is_key(token.as_bytes(), 0..token.len()), "{token}");
        }
        for token in ["acme_pat_of_the_day_in_twenty_words", "sk_00000000000000000000000", "live_abc"] {
            assert!(!is_key(token.as_bytes(), 0..token.len()), "{token}");
        }
    }
}

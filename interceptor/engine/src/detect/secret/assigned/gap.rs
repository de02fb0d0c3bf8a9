//! What stands between a name and its value: punctuation, quotation marks and small words, which say how the value is
//! written. Does not know values.

use super::Named;
use crate::detect::text::{Peek, Text};

fn is_separator(b: u8) -> bool {
    matches!(b, b'=' | b':' | b'>')
}

pub(super) fn is_quote(b: u8) -> bool {
    matches!(b, b'"' | b'\'' | b'`')
}

pub(super) fn is_gap(b: u8) -> bool {
    is_separator(b)
        || is_quote(b)
        || matches!(b, b',' | b' ' | b'\t' | b'\n' | b'\r' | b'\\' | b']' | b'?' | b'.' | b'!' | b'~' | b'-')
}

/// What stands between a name and its value says how the value is written; `None` if it says that there is
/// none: a quotation mark that is closed again, or the end of a sentence in quotes.
pub(super) fn between(gap: &[u8]) -> Option<(bool, Option<u8>)> {
    let quoted_name = gap.first().is_some_and(|b| is_quote(*b));
    let listed = quoted_name && gap.contains(&b',');
    let separated = listed || gap.iter().any(|b| is_separator(*b));
    let quote = gap.last().copied().filter(|b| is_quote(*b));
    let marks = quote.map_or(0, |quote| {
        let own = usize::from(gap[0] == quote && gap.len() > 1);
        gap.iter().filter(|b| **b == quote).count() - own
    });
    let closed = quote.is_some() && (marks % 2 == 0 || gap.len() == 1 && quoted_name);
    // The next line of a list is not about the one before.
    let comma = gap.contains(&b',') && (!listed || gap.contains(&b'\n'));
    (!closed && !comma).then_some((separated, quote))
}

pub(super) enum Word {
    Skip(usize),
    Unknown,
    None,
}

/// Steps over a word that may stand between a name and its value: a type, `is`, or more of the name.
pub(super) fn small_word(text: Text<'_>, at: usize, named: Named) -> Word {
    const WORDS: [&[u8]; 16] = [
        b"string", b"str", b"is", b"was", b"key", b"token", b"secret", b"access", b"private", b"value",
        b"basic", b"bearer", b"digest", b"apikey", b"code", b"api",
    ];
    let end = text.run_end(at, 10, |b| b.is_ascii_alphabetic());
    let word = &text.bytes[at..end];
    if text.peek(end) == Peek::Unknown && end - at < 10 {
        // What can be none of the words any more is the beginning of the value, and has to be held.
        let may_become = |w: &&[u8]| w.len() >= word.len() && w[..word.len()].eq_ignore_ascii_case(word);
        return if WORDS.iter().any(may_become) { Word::Unknown } else { Word::None };
    }
    let closes = matches!(text.peek(end), Peek::Byte(b) if is_gap(b) || b == b'_');
    let known = WORDS.iter().any(|w| word.eq_ignore_ascii_case(w));
    let known = known || (named == Named::Header && word.eq_ignore_ascii_case(b"token"));
    if closes && known { Word::Skip(end) } else { Word::None }
}

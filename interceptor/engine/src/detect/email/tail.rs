//! Where a streamed text is held because an address may be coming: its `@` is not there yet. Says what looks like a local
//! part by itself, and what follows something that announces an address. Knows nothing of what comes later.

use super::{Text, local_start};
use crate::detect::personal;
use crate::wide::{self, Lanes, Pass, WIDTH};

/// So far before a word lies what announces an address.
const NEAR: usize = 40;

/// What announces one, in small letters: the word itself in many languages, and what asks somebody to write.
const ANNOUNCES: [&[u8]; 9] =
    [b"mail", b"email", b"contact", b"kontakt", b"address", b"adress", b"reach", b"correo", b"courriel"];

/// The first four letters of each, since each fragment of a text is asked about.
static BEGINNINGS: [u32; ANNOUNCES.len()] = {
    let (mut beginnings, mut word) = ([0; ANNOUNCES.len()], 0);
    while word < ANNOUNCES.len() {
        let [a, b, c, d, ..] = ANNOUNCES[word] else { panic!("all of them have four") };
        beginnings[word] = u32::from_le_bytes([*a, *b, *c, *d]);
        word += 1;
    }
    beginnings
};

/// What makes small letters of four, and something else of other bytes.
const SMALL: u32 = u32::from_le_bytes([0x20; 4]);

/// Where a local part that is at the end of the text so far begins, if it is to be held. A plain word is not, or prose
/// would be full of holds, unless an address was announced.
pub(in crate::detect) fn tail(text: Text<'_>) -> Option<usize> {
    if let Some(start) = personal::url_tail(text) {
        return Some(start);
    }
    let end = text.bytes.len();
    // A dot may end a sentence, or go on.
    let word_end = end - usize::from(text.bytes.last() == Some(&b'.'));
    let start = local_start(text, word_end)?;
    let telling = word_end == end && is_telling(&text.bytes[start..end]);
    (telling || is_announced(text.bytes, start)).then_some(start)
}

/// True for what is no plain word, and what a local part may well be.
fn is_telling(word: &[u8]) -> bool {
    let inside = |i: usize| i > 0 && i + 1 < word.len();
    let joined =
        |i: usize| inside(i) && word[i - 1].is_ascii_alphanumeric() && word[i + 1].is_ascii_alphanumeric();
    word.iter().enumerate().any(|(i, b)| match b {
        b'_' | b'+' => joined(i),
        // `e.g` and `3.14` are prose.
        b'.' => joined(i) && (longer_part(word, i)) && word.iter().any(u8::is_ascii_alphabetic),
        b'0'..=b'9' => i > 0 && word[i - 1].is_ascii_alphabetic(),
        _ => false,
    })
}

/// True if one of the parts beside the dot at `i` has more than one character.
fn longer_part(word: &[u8], i: usize) -> bool {
    let more_before = i >= 2 && word[i - 2] != b'.';
    let more_behind = word.get(i + 2).is_some_and(|b| *b != b'.');
    more_before || more_behind
}

/// True if something shortly before the word says that an address may come.
fn is_announced(text: &[u8], start: usize) -> bool {
    let before = &text[start.saturating_sub(NEAR)..start];
    let Near { mut begins, has_at_sign } = wide::run(Look(before));
    if before.last() == Some(&b'<') || (has_at_sign && follows_one(before)) {
        return true;
    }
    while begins != 0 {
        let there = &before[begins.trailing_zeros() as usize..];
        let four = there.first_chunk().map(|four| u32::from_le_bytes(*four) | SMALL);
        let may_be = |beginning: &u32| four == Some(*beginning);
        if BEGINNINGS.iter().fold(false, |any, beginning| any | may_be(beginning)) && is_said(there) {
            return true;
        }
        begins &= begins - 1;
    }
    false
}

/// True if one of the words that announce an address stands at the beginning of this.
fn is_said(there: &[u8]) -> bool {
    let says = |word: &[u8]| there.get(..word.len()).is_some_and(|here| here.eq_ignore_ascii_case(word));
    ANNOUNCES.into_iter().any(says)
}

/// What stands shortly before a word.
struct Near {
    /// The first letters of words, in names of code, too. A word that is cut off begins where it is cut.
    begins: u64,
    has_at_sign: bool,
}

struct Look<'t>(&'t [u8]);

const _: () = assert!(NEAR <= WIDTH);

impl Pass for Look<'_> {
    type Answer = Near;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> Near {
        let bytes = lanes.load_at(self.0, 0);
        let (lower, upper) = (lanes.within(bytes, b'a', b'z'), lanes.within(bytes, b'A', b'Z'));
        let inside = (lower | upper | lanes.within(bytes, b'0', b'9')) << 1;
        let begins = (lower | upper) & !inside | upper & lower << 1;
        Near { begins, has_at_sign: lanes.equal(bytes, b'@') != 0 }
    }
}

/// True behind an address with nothing but marks in between, as in a list.
fn follows_one(before: &[u8]) -> bool {
    let Some(end) = before.iter().rposition(u8::is_ascii_alphanumeric) else { return false };
    let host = |byte: &u8| byte.is_ascii_alphanumeric() || b".-".contains(byte);
    before[..end].iter().rev().find(|byte| !host(byte)) == Some(&b'@')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::email::LONGEST_LOCAL;

    fn held(text: &str) -> Option<&str> {
        let here = Text { bytes: text.as_bytes(), complete: false, floor: 0 };
        tail(here).map(|start| &text[start..])
    }

    #[test]
    fn what_looks_like_a_local_part_is_held() {
        assert_eq!(held("ask jane.doe"), Some("jane.doe"));
        assert_eq!(held("ask jane_d"), Some("jane_d"));
        assert_eq!(held("ask jane"), None);
        assert_eq!(held("e.g"), None);
        assert_eq!(held("ask jane."), None);
        assert_eq!(held(""), None);
        assert_eq!(held("."), None);
    }

    #[test]
    fn what_announces_is_seen_wherever_it_stands() {
        for word in ["mail", "Contact", "KONTAKT", "address", "adress", "reach", "correo", "courriel"] {
            for behind in 0..=NEAR {
                for before in ["", "x", "0", " ", "é", "X", "\n"] {
                    let text = format!("{before}{word}{}", " ".repeat(behind));
                    let begins = ["", " ", "é", "\n"].contains(&before)
                        || (before == "x" && word.starts_with(char::is_uppercase))
                        || word.len() + behind == NEAR;
                    let seen = begins && word.len() + behind <= NEAR;
                    assert_eq!(is_announced(text.as_bytes(), text.len()), seen, "{text:?}");
                }
            }
        }
    }

    #[test]
    fn a_word_is_held_where_an_address_was_announced() {
        assert_eq!(held("Her e-mail is jane"), Some("jane"));
        assert_eq!(held("E-MAIL: jane."), Some("jane."));
        assert_eq!(held("\"email\": \"j"), Some("j"));
        assert_eq!(held("customerEmail=j"), Some("j"));
        assert_eq!(held("blackmail of j"), None);
        assert_eq!(held("Jane Doe <jan"), Some("jan"));
        assert_eq!(held("a@example.com, b"), Some("b"));
        assert_eq!(held("a@example.com, please, b"), None);
        assert_eq!(held("Mail is what came with the post in those days, and jane"), None);
        let long = format!("mail {}", "x".repeat(LONGEST_LOCAL + 1));
        assert_eq!(held(&long), None);
    }
}

//! Finds the tokens of a table in a text that comes in fragments, as models write them back: in either case, with
//! spaces, backslashes and emphasis between their letters. Knows the table's tokens. Does not know what is done.

use std::ops::Range;

use super::context::Context;
use super::table::Table;
use super::token::PREFIX;

/// Most other characters between two letters of a token.
const MOST_BETWEEN: usize = 3;

/// A token in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Where, in offsets of the text.
    pub(crate) range: Range<u64>,
    /// Its number in the table.
    pub(crate) number: usize,
    /// It lies in a string of JSON that the text itself is.
    pub(crate) in_string: bool,
}

/// Reads one text. The table may grow meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Finder {
    /// What may be the beginning of a token.
    held: Vec<u8>,
    /// Offset of its first byte.
    base: u64,
    context: Context,
}

/// What stands at a place.
enum Look {
    Token {
        length: usize,
        number: usize,
    },
    Nothing,
    /// The continuation decides.
    Undecided,
}

impl Finder {
    /// Appends a fragment, pushes the tokens that are whole on `out`, and returns the offset below which nothing can
    /// be part of a token any more.
    pub(crate) fn push(&mut self, table: &Table, fragment: &[u8], out: &mut Vec<Found>) -> u64 {
        self.advance(table, fragment, false, out)
    }

    /// The text is over.
    pub(crate) fn finish(&mut self, table: &Table, out: &mut Vec<Found>) {
        self.advance(table, b"", true, out);
    }

    fn advance(&mut self, table: &Table, fragment: &[u8], complete: bool, out: &mut Vec<Found>) -> u64 {
        let held = std::mem::take(&mut self.held);
        let joined;
        // Nearly always nothing is held, and nothing is copied.
        let text = if held.is_empty() {
            fragment
        } else {
            joined = [&held, fragment].concat();
            &joined[..]
        };
        let (mut at, mut read) = (0, 0);
        while let Some(found) = memchr::memchr2(PREFIX[0], PREFIX[0].to_ascii_lowercase(), &text[at..]) {
            at += found;
            match look(table, &text[at..], complete) {
                Look::Nothing => at += 1,
                Look::Undecided => {
                    self.context.read(&text[read..at]);
                    self.held = text[at..].to_vec();
                    self.base += at as u64;
                    return self.base;
                }
                Look::Token { length, number } => {
                    self.context.read(&text[read..at]);
                    let start = self.base + at as u64;
                    let range = start..start + length as u64;
                    out.push(Found { range, number, in_string: self.context.is_in_string() });
                    at += length;
                    read = at;
                }
            }
        }
        self.context.read(&text[read..]);
        self.base += text.len() as u64;
        self.base
    }
}

/// Compares what stands at the beginning of `text` with the tokens of the table, letter by letter.
fn look(table: &Table, text: &[u8], complete: bool) -> Look {
    let (mut among, mut letters, mut between, mut at) = (table.all(), 0, 0, 0);
    loop {
        match text.get(at) {
            None if complete => return Look::Nothing,
            None => return Look::Undecided,
            Some(letter) if letter.is_ascii_alphanumeric() => {
                among = table.narrow(among, letters, letter.to_ascii_uppercase());
                if among.is_empty() {
                    return Look::Nothing;
                }
                (letters, between, at) = (letters + 1, 0, at + 1);
                // The shortest of several is the first of them.
                if let Some(number) = table.whole(among.start, letters) {
                    return Look::Token { length: at, number };
                }
            }
            Some(_) => {
                let length = match filler(&text[at..]) {
                    Filler::Of(length) if between < MOST_BETWEEN => length,
                    Filler::Cut if !complete && between < MOST_BETWEEN => return Look::Undecided,
                    _ => return Look::Nothing,
                };
                (between, at) = (between + 1, at + length);
            }
        }
    }
}

/// What a model puts between letters without meaning it.
enum Filler {
    Of(usize),
    /// The continuation decides.
    Cut,
    No,
}

fn filler(text: &[u8]) -> Filler {
    match text {
        [b' ' | b'\t' | b'\r' | b'\n' | b'\\' | b'*' | b'_' | b'`' | b'~' | b'-', ..] => Filler::Of(1),
        // Soft hyphen and no-break space; zero-width characters; the byte order mark.
        [0xc2, 0xad | 0xa0, ..] => Filler::Of(2),
        [0xe2, 0x80, 0x8b..=0x8d, ..] | [0xe2, 0x81, 0xa0, ..] | [0xef, 0xbb, 0xbf, ..] => Filler::Of(3),
        [0xc2 | 0xe2 | 0xef] | [0xe2, 0x80 | 0x81] | [0xef, 0xbb] => Filler::Cut,
        _ => Filler::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::token::LONGEST;
    use proptest::prelude::*;

    /// Longest stretch that may turn out to be a token: this much is held back at most.
    const HOLD_BOUND: usize = LONGEST * (1 + 3 * MOST_BETWEEN);

    const TOKENS: [&str; 3] = ["QXEMAILBCDFGHJ", "QXEMAILBCDFXXX", "QXCARDZZZ"];

    fn table() -> Table {
        let mut table = Table::default();
        for token in TOKENS {
            table.insert(token, token.to_lowercase().as_bytes(), false).unwrap();
        }
        table
    }

    /// What is found in each text, cut into these fragments.
    fn find(fragments: &[&[u8]]) -> Vec<Found> {
        let (table, mut finder, mut out) = (table(), Finder::default(), Vec::new());
        let mut released = 0;
        let mut pushed = 0;
        for fragment in fragments {
            let now = finder.push(&table, fragment, &mut out);
            pushed += fragment.len() as u64;
            assert!(now >= released && now <= pushed && pushed - now <= HOLD_BOUND as u64);
            assert!(out.iter().all(|found| found.range.end <= now));
            released = now;
        }
        finder.finish(&table, &mut out);
        out
    }

    fn places(text: &str) -> Vec<&str> {
        find(&[text.as_bytes()])
            .into_iter()
            .map(|found| {
                &text[usize::try_from(found.range.start).unwrap()..usize::try_from(found.range.end).unwrap()]
            })
            .collect()
    }

    #[test]
    fn tokens_are_found_as_models_write_them() {
        assert_eq!(places("to QXEMAILBCDFGHJ."), ["QXEMAILBCDFGHJ"]);
        assert_eq!(places("to qxemailBcdfxxx!"), ["qxemailBcdfxxx"]);
        assert_eq!(places("**QX EMAIL BCDF GHJ** and"), ["QX EMAIL BCDF GHJ"]);
        assert_eq!(places("`QX\\_EMAIL\\_BCDFGHJ`s"), ["QX\\_EMAIL\\_BCDFGHJ"]);
        assert_eq!(places("Q\u{200b}X\u{ad}CARD-ZZ\nZ"), ["Q\u{200b}X\u{ad}CARD-ZZ\nZ"]);
        assert_eq!(places("QXEMAILBCDFGHJQXCARDZZZ"), ["QXEMAILBCDFGHJ", "QXCARDZZZ"]);
        assert_eq!(places("QQXQXCARDZZZ"), ["QXCARDZZZ"]);
    }

    #[test]
    fn what_is_no_token_of_the_table_is_none() {
        for text in ["QXEMAILBCDFGHK", "QX EMAIL", "Q    XCARDZZZ", "QX.CARDZZZ", "quick brown fox", "q", ""]
        {
            assert_eq!(find(&[text.as_bytes()]), [], "{text}");
        }
    }

    #[test]
    fn prose_is_not_held_back() {
        let (table, mut finder, mut out) = (table(), Finder::default(), Vec::new());
        let mut pushed = 0;
        for fragment in ["The quick ", "brown fox ", "requires", " questions, e.g. qx", "a or QA. "] {
            pushed += fragment.len() as u64;
            let held = pushed - finder.push(&table, fragment.as_bytes(), &mut out);
            assert_eq!(held, if fragment.ends_with("qx") { 2 } else { 0 });
        }
    }

    #[test]
    fn strings_of_json_are_told_from_prose() {
        let in_string = |text: &str| {
            find(&[text.as_bytes()]).into_iter().map(|found| found.in_string).collect::<Vec<_>>()
        };
        assert_eq!(in_string(r#" {"a": "x\" QXCARDZZZ", "b": QXCARDZZZ}"#), [true, false]);
        assert_eq!(in_string(r#"He said: "QXCARDZZZ""#), [false]);
    }

    proptest! {
        #[test]
        fn every_cutting_finds_the_same(
            text in proptest::collection::vec(prop_oneof![
                Just("QXEMAILBCDFGHJ"), Just("qxcardzzz"), Just("QX"), Just("EMAIL"), Just("Q"), Just(" "),
                Just("\\"), Just("\u{200b}"), Just("\""), Just("{"), Just("QX*CA RD\\_ZZZ"),
            ], 0..12),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let text = text.concat().into_bytes();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let fragments: Vec<&[u8]> = cuts.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
            let whole = find(&[&text]);
            prop_assert_eq!(find(&fragments), whole.clone());
            let bytes: Vec<&[u8]> = text.chunks(1).collect();
            prop_assert_eq!(find(&bytes), whole);
        }
    }
}

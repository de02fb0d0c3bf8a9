//! Finds words in the few bytes around a token: names of services before it, and words that speak against
//! it. Knows words, not what they stand for.

use std::ops::Range;

#[cfg(test)]
use smallvec::SmallVec;

/// A word of so many letters may be the beginning of any longer one.
pub(super) const SHORT: usize = 4;

/// Words in lower case, each with a number of the caller's. Which of them may begin at a place is looked up
/// by three letters at once, so that a place where none does costs one look.
pub(in crate::detect) struct Words {
    /// Per three letters: the number of a group of words, 0 for none.
    heads: Box<[u16]>,
    /// A bit for each three letters: fewer bytes than the numbers, of which most are 0.
    known: Box<[u64]>,
    /// A bit for each first letter: most letters begin none of the words.
    firsts: u32,
    groups: Vec<Vec<(&'static [u8], usize)>>,
}

impl Words {
    /// The fewest letters that a word has.
    const FEWEST: usize = 3;

    pub(in crate::detect) fn new(words: impl IntoIterator<Item = (&'static str, usize)>) -> Self {
        let mut all = Self {
            heads: vec![0; 1 << 15].into(),
            known: vec![0; 1 << 9].into(),
            firsts: 0,
            groups: vec![Vec::new()],
        };
        for (word, number) in words {
            let word = word.as_bytes();
            assert!(word.len() >= Self::FEWEST, "a word of fewer letters would be found everywhere");
            all.firsts |= 1 << (word[0] & 31);
            all.known[head(word) / 64] |= 1 << (head(word) % 64);
            let head = &mut all.heads[head(word)];
            if *head == 0 {
                *head = u16::try_from(all.groups.len()).expect("there are fewer words than 16 bits count");
                all.groups.push(Vec::new());
            }
            all.groups[usize::from(*head)].push((word, number));
        }
        all
    }

    /// The places of `part` at which a word may begin, by its first three letters.
    pub(super) fn places(&self, bytes: &[u8], part: Range<usize>) -> impl Iterator<Item = usize> {
        let here = bytes.get(part.start..bytes.len().min(part.end + 2)).unwrap_or_default();
        let (two, rest) = here.split_at(here.len().min(2));
        let mut head = two.iter().fold(0, |head, byte| behind(head, *byte));
        let known = move |head: usize| self.known[head / 64] >> (head % 64) & 1 == 1;
        let heads = rest.iter().map(move |byte| {
            head = behind(head, *byte);
            head
        });
        (part.start..).zip(heads).filter(move |(_, head)| known(*head)).map(|(at, _)| at)
    }

    /// The words that stand at the beginning of `here`, whatever their case.
    pub(in crate::detect) fn at<'w>(
        &'w self,
        here: &'w [u8],
    ) -> impl Iterator<Item = (&'static [u8], usize)> + 'w {
        let group = if here.len() < Self::FEWEST { 0 } else { usize::from(self.heads[head(here)]) };
        let fits = |word: &[u8]| here.len() >= word.len() && here[..word.len()].eq_ignore_ascii_case(word);
        self.groups[group].iter().copied().filter(move |(word, _)| fits(word))
    }

    /// The numbers of the words that stand in `window`, nearest to its end first. A word begins where no
    /// letter stands before, or where a capital follows a small letter. By the rule; `spots.rs` remembers what it read.
    #[cfg(test)]
    pub(super) fn within(&self, window: &[u8]) -> SmallVec<[usize; 8]> {
        let mut found = SmallVec::new();
        for at in (0..window.len()).rev() {
            let here = &window[at..];
            if !self.may_begin(here[0]) || (at > 0 && !begins(window[at - 1], here[0])) {
                continue;
            }
            for (word, number) in self.at(here) {
                let whole =
                    word.len() > SHORT || here.get(word.len()).is_none_or(|b| !b.is_ascii_lowercase());
                if whole && !found.contains(&number) {
                    found.push(number);
                }
            }
        }
        found
    }

    /// True if one of the words stands anywhere in `text`, also inside other words.
    pub(in crate::detect) fn any(&self, text: &[u8]) -> bool {
        (0..text.len()).any(|at| self.begins(&text[at..]))
    }

    /// True if one of the words stands at the beginning of `here`, also inside other words.
    pub(in crate::detect) fn begins(&self, here: &[u8]) -> bool {
        here.first().is_some_and(|first| self.may_begin(*first)) && self.at(here).next().is_some()
    }

    /// True if one of the words may begin with this byte.
    fn may_begin(&self, first: u8) -> bool {
        self.firsts >> (first & 31) & 1 == 1
    }
}

pub(super) fn begins(before: u8, first: u8) -> bool {
    !before.is_ascii_alphabetic() || (before.is_ascii_lowercase() && first.is_ascii_uppercase())
}

/// What stands for each byte in three letters as a number: case does not count, all digits are one, and so are most marks.
static PLACES: [u8; 256] = {
    let mut places = [31; 256];
    let mut byte = 0;
    while byte < 128 {
        places[byte as usize] = match byte {
            b'a'..=b'z' | b'A'..=b'Z' => byte & 31,
            b'0'..=b'9' => 0,
            b'_' => 27,
            b'-' => 28,
            b' ' => 29,
            _ => 31,
        };
        byte += 1u8;
    }
    places
};

/// Three letters as a number.
fn head(text: &[u8]) -> usize {
    text[..3].iter().fold(0, |head, byte| behind(head, *byte))
}

/// The last three of three letters and one more.
fn behind(head: usize, byte: u8) -> usize {
    (head << 5 | usize::from(PLACES[usize::from(byte)])) & 0x7fff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_where_they_begin() {
        let words = Words::new([("vault", 1), ("dd_api", 2), ("sumo", 3)]);
        for (window, found) in [
            ("VAULT=", &[1][..]),
            ("myVaultKey: ", &[1]),
            ("default: ", &[]),
            ("DD_API_KEY for vault", &[1, 2]),
            ("sumObj", &[]),
            ("sumoToken", &[3]),
            ("", &[]),
        ] {
            assert_eq!(words.within(window.as_bytes()).as_slice(), found, "{window}");
        }
        assert!(words.any(b"DEFAULTVAULTS") && !words.any(b"defaul") && !words.any(b"su"));
    }
}

//! Finds names of services in the few bytes before a token. Knows words, not what they are the names of.

use smallvec::SmallVec;

/// Words in lower case by their first letter, each with the keys that it announces.
#[derive(Debug, Default)]
pub(super) struct Words {
    by_letter: [Vec<(&'static [u8], usize)>; 32],
}

impl Words {
    pub(super) fn add(&mut self, word: &'static str, key: usize) {
        let word = word.as_bytes();
        self.by_letter[place(word[0])].push((word, key));
    }

    /// The keys whose words stand in `window`, whatever their case, nearest to its end first. A word begins
    /// where no letter stands before, or where a capital follows a small letter.
    pub(super) fn within(&self, window: &[u8]) -> SmallVec<[usize; 8]> {
        let mut found = SmallVec::new();
        for at in (0..window.len()).rev() {
            let here = &window[at..];
            if !here[0].is_ascii_alphabetic() {
                continue;
            }
            let words = &self.by_letter[place(here[0])];
            if words.is_empty() || (at > 0 && !begins(window[at - 1], here[0])) {
                continue;
            }
            for (word, key) in words {
                let there = here.len() >= word.len() && here[..word.len()].eq_ignore_ascii_case(word);
                // A short word may be the beginning of any longer one.
                let whole = word.len() > 4 || here.get(word.len()).is_none_or(|b| !b.is_ascii_lowercase());
                if there && whole && !found.contains(key) {
                    found.push(*key);
                }
            }
        }
        found
    }
}

fn begins(before: u8, first: u8) -> bool {
    !before.is_ascii_alphabetic() || (before.is_ascii_lowercase() && first.is_ascii_uppercase())
}

fn place(letter: u8) -> usize {
    usize::from(letter & 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_where_they_begin() {
        let mut words = Words::default();
        words.add("vault", 1);
        words.add("dd_api", 2);
        words.add("sumo", 3);
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
    }
}

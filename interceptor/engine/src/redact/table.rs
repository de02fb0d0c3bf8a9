//! The table of one exchange: which token stands for which text. Nobody else can have it, and it is zeroized.
//! Knows texts. Does not know where tokens are found.

use std::fmt;
use std::ops::Range;

use zeroize::Zeroizing;

/// Most bytes of text that are remembered. One body that is held is not longer.
const MOST_BYTES: usize = 16 << 20;

/// Most texts that are remembered.
const MOST_TEXTS: usize = 50_000;

/// Most bytes that one exchange's answer may grow by. A short token may stand for a long text, and who answers
/// decides how often it is repeated.
const MOST_RESTORED: usize = 16 << 20;

/// Tokens, and what they stand for. It cannot be cloned: what an exchange replaced is restored in its own answer.
#[derive(Default)]
pub(crate) struct Table {
    /// In the order in which they came: their numbers do not change.
    entries: Vec<Entry>,
    /// Their numbers, by token.
    order: Vec<usize>,
    bytes: usize,
    restored: usize,
    count: u64,
}

struct Entry {
    token: Box<[u8]>,
    text: Zeroizing<Box<[u8]>>,
    in_tools: bool,
}

/// The table holds all it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Table {
    /// Remembers what a token stands for; `in_tools` says whether it is put back in the arguments of tools, too. If
    /// rules differ about that, it is not.
    pub(crate) fn insert(&mut self, token: &str, text: &[u8], in_tools: bool) -> Result<(), Full> {
        match self.order.binary_search_by(|number| (*self.entries[*number].token).cmp(token.as_bytes())) {
            Ok(at) => self.entries[self.order[at]].in_tools &= in_tools,
            Err(at) => {
                if self.entries.len() == MOST_TEXTS || self.bytes + text.len() > MOST_BYTES {
                    return Err(Full);
                }
                self.bytes += text.len();
                let entry =
                    Entry { token: token.as_bytes().into(), text: Zeroizing::new(text.into()), in_tools };
                self.order.insert(at, self.entries.len());
                self.entries.push(entry);
            }
        }
        Ok(())
    }

    /// True if there is nothing to be put back.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many tokens have been replaced by what they stand for.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// What is put back for the entry with this number. `None` if it is not to be, or not any more.
    pub(crate) fn restore(&mut self, number: usize, in_tools: bool) -> Option<&[u8]> {
        let entry = self.entries.get(number).filter(|entry| entry.in_tools || !in_tools)?;
        if self.restored + entry.text.len() > MOST_RESTORED {
            return None;
        }
        self.restored += entry.text.len();
        self.count += 1;
        Some(&entry.text)
    }

    /// Places in the order of tokens: those whose token begins with what was read so far and goes on with `letter` at
    /// place `at`; `among` are those whose token began so before.
    pub(super) fn narrow(&self, among: Range<usize>, at: usize, letter: u8) -> Range<usize> {
        let places = &self.order[among.clone()];
        let next = |number: &usize| self.entries[*number].token.get(at).copied();
        let start = places.partition_point(|number| next(number) < Some(letter));
        let end = places.partition_point(|number| next(number) <= Some(letter));
        among.start + start..among.start + end
    }

    /// All places.
    pub(super) fn all(&self) -> Range<usize> {
        0..self.order.len()
    }

    /// The number of the entry at a place, if its token has this many letters.
    pub(super) fn whole(&self, place: usize, letters: usize) -> Option<usize> {
        let number = *self.order.get(place)?;
        (self.entries[number].token.len() == letters).then_some(number)
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({} texts)", self.entries.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_put_back_where_it_may_be() {
        let mut table = Table::default();
        table.insert("QXB", b"text", false).unwrap();
        table.insert("QXA", b"argument", true).unwrap();
        assert_eq!(table.restore(1, true), Some(&b"argument"[..]));
        assert_eq!(table.restore(0, true), None);
        assert_eq!(table.restore(0, false), Some(&b"text"[..]));
        // Another rule wants it less.
        table.insert("QXA", b"argument", false).unwrap();
        assert_eq!(table.restore(1, true), None);
        assert_eq!((table.count(), format!("{table:?}").as_str()), (2, "Table(2 texts)"));
    }

    #[test]
    fn the_table_and_what_it_makes_of_an_answer_are_bounded() {
        let mut table = Table::default();
        assert_eq!(table.insert("QXA", &vec![0; MOST_BYTES + 1], false), Err(Full));
        table.insert("QXA", &vec![0; MOST_BYTES / 2], false).unwrap();
        assert_eq!((0..5).filter(|_| table.restore(0, false).is_some()).count(), 2);
    }
}

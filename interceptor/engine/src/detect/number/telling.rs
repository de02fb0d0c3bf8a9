//! Whether groups of digits can be a card, a social security number or a telephone number that is told without a word
//! before it. Asked before their digits are put together: most are not.

use std::ops::RangeInclusive;

use super::super::{card, phone};
use super::{MOST_GROUPS, Next, Run, is_number_mark};

/// Fewer digits than this make no card, social security number or telephone number.
const FEWEST: u8 = 6;

impl Run<'_> {
    /// False if the digits from the group at `index` on, and the groups that they are written in, are those of no card and
    /// telephone number that is told without a word before it. Social security numbers of nine digits are, and want one.
    pub(in crate::detect) fn tells(&mut self, index: usize) -> bool {
        let Next::Is(first) = self.group(index) else { return true };
        let before = |back: usize| self.text.before(first.start, back);
        let plus = before(1) == Some(b'+') || (before(1) == Some(b'(') && before(2) == Some(b'+'));
        // A trunk prefix or the beginning of an international number.
        if self.text.bytes[first.start] == b'0' || plus {
            return true;
        }
        let Ok(second) = self.digits_in(index + 1) else { return true };
        let mut third = |lengths: RangeInclusive<u8>| {
            self.digits_in(index + 2).map_or(true, |third| lengths.contains(&third))
        };
        let grouped = match (first.len, second) {
            (4, 4) => third(3..=5),
            (4, 6) => third(4..=5),
            (3, 2..=3) => third(4..=4),
            (1, 3) => third(3..=3),
            (6, 13) => true,
            _ => false,
        };
        // Then no other group belongs to a telephone number.
        let alone = first.len >= FEWEST && (second == 0 || first.len + second > phone::MOST_NATIONAL);
        let digits = &self.text.bytes[first.start..first.end()];
        match alone {
            _ if grouped || card::may_be(digits) => true,
            true => phone::may_be_bare(self.text, digits, first.end()),
            false => self.is_labelled(index),
        }
    }

    /// The digits of the group at `index`, if they go on those before; an error if more text decides.
    fn digits_in(&mut self, index: usize) -> Result<u8, ()> {
        match self.group(index) {
            Next::Is(group) if group.is_number() && is_number_mark(group.mark) => Ok(group.len),
            Next::Is(_) | Next::Over => Ok(0),
            Next::Open(_) => Err(()),
        }
    }

    /// A word may stand behind the digits that begin with the group at `index`.
    fn is_labelled(&mut self, index: usize) -> bool {
        let mut at = self.digits_to.max(index + 1);
        loop {
            match self.group(at) {
                Next::Is(group) if group.is_number() && is_number_mark(group.mark) => at += 1,
                Next::Is(group) if group.is_number() => return false,
                Next::Over if self.count == MOST_GROUPS => return true,
                // An extension, and a word behind it.
                Next::Over => return self.text.bytes.get(self.groups[at - 1].end()) == Some(&b'x'),
                Next::Is(_) => return phone::labelled(self.text, self.groups[at - 1].end()),
                Next::Open(_) => return true,
            }
            self.digits_to = at;
            if at > index + phone::MOST_GROUPED {
                return false;
            }
        }
    }
}

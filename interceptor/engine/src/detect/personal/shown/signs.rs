//! Where something stands that may say that a value is shown: every byte is looked at once for it, however many values
//! stand behind. Knows the words and marks; what they say about a value is asked in `shown.rs`.

use std::sync::LazyLock;

use super::{DEEDS, DOCUMENTATION, EXAMPLES, FIELDS, REACH, REMARKS, RIGHTS};
use crate::detect::secret::Words;
use crate::detect::text::Text;

/// Everything that says that a value is shown begins with one of these, or with a mark. Each word has a bit in [`Said`], in
/// this order, and the marks have the bits behind.
const LISTS: [&[&[u8]]; 7] = [&RIGHTS, &FIELDS, &DEEDS, &REMARKS, &DOCUMENTATION, &EXAMPLES, &[b"assert"]];

static SIGNS: LazyLock<Words> = LazyLock::new(|| {
    let words = LISTS.into_iter().flatten().zip(0..);
    let words = words.filter_map(|(word, bit)| Some((std::str::from_utf8(word).ok()?, bit)));
    Words::new(words.filter(|(word, _)| word.len() > 2))
});

/// The bit of the first word of a list; of the one behind the last list, how many words there are.
const fn first(list: usize) -> usize {
    let (mut words, mut before) = (0, 0);
    while before < list {
        words += LISTS[before].len();
        before += 1;
    }
    words
}

/// What stands in the bytes before a value, each a bit: of what is not there nobody needs to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Said(pub(super) u32);

impl Said {
    pub(super) const RIGHTS: Self = Self::list(0);
    pub(super) const FIELDS: Self = Self::list(1);
    pub(super) const DEEDS: Self = Self::list(2);
    pub(super) const REMARKS: Self = Self::list(3);
    pub(super) const DOCUMENTATION: Self = Self(Self::list(4).0 | Self::PROMPT.0);
    pub(super) const EXAMPLES: Self = Self::list(5);
    pub(super) const ASSERTS: Self = Self(Self::list(6).0 | Self::HASH.0);
    const HASH: Self = Self::behind_words(0);
    pub(super) const CALL: Self = Self::behind_words(1);
    const PROMPT: Self = Self::behind_words(2);
    const COMMENT: Self = Self(Self::behind_words(3).0 | Self::HASH.0);
    /// What stands in a formula, or begins the line of a comment.
    const OTHER: Self = Self::behind_words(4);
    #[cfg(test)]
    pub(super) const ALL: Self = Self(u32::MAX);

    /// The bits of the words of a list.
    const fn list(list: usize) -> Self {
        Self((1 << first(list + 1)) - (1 << first(list)))
    }

    /// The bit of a mark.
    const fn behind_words(mark: usize) -> Self {
        Self(1 << (first(LISTS.len()) + mark))
    }

    pub(super) fn any(self, of: Self) -> bool {
        self.0 & of.0 != 0
    }

    /// The words of one of the lists that are there.
    pub(super) fn of<'w>(
        self,
        all: Self,
        words: &'w [&'static [u8]],
    ) -> impl Iterator<Item = &'static [u8]> + Clone + 'w {
        let there = (self.0 & all.0) >> all.0.trailing_zeros();
        words.iter().enumerate().filter(move |(at, _)| there >> at & 1 == 1).map(|(_, word)| *word)
    }

    /// A comment, a prompt, an attribute, a call, a sign of rights.
    fn mark(before: Option<u8>, byte: u8, behind: Option<&u8>) -> Self {
        match (byte, behind) {
            (b'(', _) => Self::CALL,
            (b'*' | b']', _) => Self::OTHER,
            (b'#', _) => Self::HASH,
            (b'/', Some(b'/')) => Self::COMMENT,
            (b'>', Some(b'>')) => Self::PROMPT,
            (0xa9, _) if before == Some(0xc2) => Self::RIGHTS,
            _ => Self(0),
        }
    }
}

/// So many places are kept before those that nobody asks about any more are dropped.
const KEPT: usize = 1024;

/// Where something may say that a value is shown. Every byte is looked at once for it, however many values stand behind.
#[derive(Debug, Default)]
pub(in super::super) struct Signs {
    /// Looked at from here, and up to `read`.
    begun: usize,
    read: usize,
    /// Where something stands, in order, and what.
    found: Vec<(usize, u32)>,
}

impl Signs {
    /// Forgets the text.
    pub(in super::super) fn clear(&mut self) {
        (self.begun, self.read) = (0, 0);
        self.found.clear();
    }

    /// What stands in the bytes before `start`. Adds to `read` what nobody has read before.
    pub(super) fn before(&mut self, text: Text<'_>, start: usize, read: &mut u64) -> Said {
        let (bytes, from, signs) = (text.bytes, start.saturating_sub(REACH), &*SIGNS);
        if from < self.begun || from > self.read {
            (self.begun, self.read) = (from, from);
            self.found.clear();
        }
        if self.found.len() > KEPT {
            self.found.retain(|(at, _)| *at >= from);
            self.begun = from;
        }
        let new = self.read.min(start)..start;
        *read += new.len() as u64;
        for at in new {
            let mark = Said::mark(text.before(at, 1), bytes[at], bytes.get(at + 1));
            let words = signs.begins(&bytes[at..]).then(|| signs.at(&bytes[at..]));
            let said = words.into_iter().flatten().fold(mark.0, |said, (_, bit)| said | 1 << bit);
            if said != 0 {
                self.found.push((at, said));
            }
        }
        self.read = self.read.max(start);
        let near = self.found.iter().rev().take_while(|(at, _)| *at >= from);
        Said(near.filter(|(at, _)| *at < start).fold(0, |all, (_, said)| all | said))
    }
}

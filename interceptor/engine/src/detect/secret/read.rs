//! What detectors of secrets read of a text, and read again for the next name or token: rows of names are rows of values
//! that overlap. Holds nothing that another reading would not give.

use std::ops::Range;
use std::sync::LazyLock;

use smallvec::SmallVec;

use super::assigned::{self, Values};
use super::keys;
use super::rarity::Scores;
use super::shape::Runs;
use super::spots::Spots;
use super::words::Words;
use crate::detect::Work;
use crate::detect::text;

/// Words that speak against a secret, beside those of services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Against {
    /// What a name announces may be read by everybody.
    Harmless,
    /// A value stands in for another.
    StandIn,
    /// The same, of values as long as keys.
    Placeholder,
}

impl Against {
    /// Behind the numbers of all keys.
    fn number(self) -> usize {
        keys::COUNT + self as usize
    }
}

/// All words that are looked for around names and values: every byte is looked at once for all of them.
static WORDS: LazyLock<Words> = LazyLock::new(|| {
    let against =
        |words: &'static [&'static str], says: Against| words.iter().map(move |word| (*word, says.number()));
    let words = against(&assigned::HARMLESS, Against::Harmless)
        .chain(against(&assigned::STAND_INS, Against::StandIn))
        .chain(against(&text::STAND_INS, Against::Placeholder));
    Words::new(keys::service_words().chain(words))
});

/// What was read, in places of one text: whoever reads another clears it first.
#[derive(Debug, Default)]
pub(in crate::detect) struct Read {
    /// Of the tokens around digits, and of values.
    pub(super) scores: Scores,
    pub(super) values: Values,
    words: Spots,
    /// Of keys with a prefix.
    pub(super) runs: Runs,
}

impl Read {
    /// Forgets the text.
    pub(in crate::detect) fn clear(&mut self) {
        self.scores.clear();
        self.values.clear();
        self.words.clear();
        self.runs.clear();
    }

    /// A word of this kind stands somewhere in a part of the text.
    pub(super) fn says(
        &mut self,
        against: Against,
        bytes: &[u8],
        window: Range<usize>,
        work: &mut Work,
    ) -> bool {
        self.words.any(&WORDS, against.number(), bytes, window, &mut work.examined)
    }

    /// The keys of the services that are named in a part of the text, nearest to its end first.
    pub(super) fn services(
        &mut self,
        bytes: &[u8],
        window: Range<usize>,
        work: &mut Work,
    ) -> SmallVec<[usize; 8]> {
        self.words.within(&WORDS, bytes, window, keys::COUNT, &mut work.examined)
    }
}

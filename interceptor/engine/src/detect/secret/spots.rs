//! Where words stand in a text, looked for once: names and values that overlap ask about nearly the same bytes. Knows
//! positions in one text; whoever reads another clears it first.

use std::ops::Range;

use smallvec::SmallVec;

use super::rarity::BACK;
use super::words::{self, Words};

/// So many places are kept before those that nobody asks about any more are dropped.
const KEPT: usize = 1024;

/// A word that stands from `start` to `end`.
#[derive(Debug, Clone, Copy)]
struct Spot {
    start: usize,
    end: usize,
    number: usize,
    /// It begins a word of the text.
    begins: bool,
    /// No small letter follows.
    closed: bool,
}

/// Words of one list in one text.
#[derive(Debug, Default)]
pub(super) struct Spots {
    read: Range<usize>,
    found: Vec<Spot>,
}

impl Spots {
    /// Forgets the text.
    pub(super) fn clear(&mut self) {
        self.read = 0..0;
        self.found.clear();
    }

    /// As [`Words::any`], of a part of the text and for the words of one number. Adds to `read` what nobody has read
    /// before.
    pub(super) fn any(
        &mut self,
        words: &Words,
        number: usize,
        bytes: &[u8],
        window: Range<usize>,
        read: &mut u64,
    ) -> bool {
        self.look(words, bytes, &window, read);
        self.inside(&window).any(|spot| spot.number == number && spot.end <= window.end)
    }

    /// The numbers, below `numbers`, of the words that stand in a part of the text, nearest to its end first. A word begins
    /// where no letter stands before, or where a capital follows a small letter. Adds to `read` what nobody has read
    /// before.
    pub(super) fn within(
        &mut self,
        words: &Words,
        bytes: &[u8],
        window: Range<usize>,
        numbers: usize,
        read: &mut u64,
    ) -> SmallVec<[usize; 8]> {
        self.look(words, bytes, &window, read);
        let mut found = SmallVec::new();
        for spot in self.inside(&window) {
            let begins = spot.begins || spot.start == window.start;
            let whole = spot.closed || spot.end == window.end || spot.end - spot.start > words::SHORT;
            let wanted = begins && whole && spot.number < numbers;
            if wanted && spot.end <= window.end && !found.contains(&spot.number) {
                found.push(spot.number);
            }
        }
        found
    }

    /// Those that begin in the window, the last place first, and at one place in the order of the list.
    fn inside(&self, window: &Range<usize>) -> impl Iterator<Item = &Spot> {
        let (start, end) = (window.start, window.end);
        let behind = self.found.iter().rev().take_while(|spot| spot.start >= end).count();
        let before = &self.found[..self.found.len() - behind];
        before.iter().rev().take_while(move |spot| spot.start >= start)
    }

    fn look(&mut self, words: &Words, bytes: &[u8], window: &Range<usize>, read: &mut u64) {
        // What lies between a name and its value is read as well, so that nothing is read again for the next of them.
        if !(self.read.start..=self.read.end + BACK).contains(&window.start) {
            self.found.clear();
            self.read = window.start..window.start;
        }
        if self.found.len() > KEPT {
            self.found.retain(|spot| spot.start >= window.start);
            self.read.start = window.start;
        }
        *read += window.end.saturating_sub(self.read.end) as u64;
        let new = self.read.end..window.end.max(self.read.end);
        for start in words.places(bytes, new) {
            let first = self.found.len();
            let begins = start == 0 || words::begins(bytes[start - 1], bytes[start]);
            for (word, number) in words.at(&bytes[start..]) {
                let end = start + word.len();
                let closed = !bytes.get(end).is_some_and(u8::is_ascii_lowercase);
                self.found.push(Spot { start, end, number, begins, closed });
            }
            // Whoever goes over them goes backward.
            if self.found.len() - first > 1 {
                self.found[first..].reverse();
            }
        }
        self.read.end = self.read.end.max(window.end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::SampleSource;

    #[test]
    fn what_is_kept_says_the_same() {
        let list = [("vault", 1), ("dd_api", 2), ("sumo", 3), ("sum", 4), ("sumologic", 3), ("api", 9)];
        let (words, listed) = (Words::new(list), Words::new(list[..5].iter().copied()));
        let last = Words::new([list[5]]);
        let pieces = ["vault", "DD_API", "dd_", "api", "sumo", "Sum", "logic", "x", "X", " ", "_", "\u{e9}"];
        let mut source = SampleSource::new(17);
        for _ in 0..200 {
            let text: String = (0..80).map(|_| source.pick(&pieces)).collect();
            let (bytes, mut any, mut within) = (text.as_bytes(), Spots::default(), Spots::default());
            let (mut start, mut read) = (0, 0);
            while start < bytes.len() {
                let window = start..bytes.len().min(start + source.below(90));
                let here = &bytes[window.clone()];
                assert_eq!(any.any(&words, 9, bytes, window.clone(), &mut read), last.any(here));
                assert_eq!(within.within(&words, bytes, window, 9, &mut 0), listed.within(here));
                start += source.below(30);
                // Sometimes back.
                start = start.saturating_sub(source.below(10)) + 1;
            }
            assert!(read <= 2 * bytes.len() as u64, "{read} of {}", bytes.len());
        }
    }
}

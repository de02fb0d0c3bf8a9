//! The words before numbers, looked for once: where numbers stand close together, the bytes before one of them are those
//! before the next. Knows positions in one text; whoever reads another clears it first.

use super::super::super::text::Text;
use super::{Heard, MEANINGS, REACH, Said, WORDS, begins, folded, hash, letters, may_go_on};

/// So much may be kept before what nobody asks about any more is dropped.
const KEPT: usize = 1024;

/// A word that begins at `start`; `end` is behind its last byte, `stop` behind the letters that follow it.
#[derive(Debug, Clone, Copy)]
struct Word {
    start: usize,
    end: usize,
    stop: usize,
    /// A digit stands at `stop`, which makes the word a part of a number, unless that is the number.
    tied: bool,
    said: Said,
}

/// What was read of a text.
#[derive(Debug, Default)]
pub(in super::super::super) struct Near {
    /// Letters were looked for from here, and up to `known`.
    begun: usize,
    known: usize,
    /// Behind the last of them.
    letters: usize,
    /// Words were looked for up to here.
    read: usize,
    words: Vec<Word>,
    /// The text in lower case; its first byte stands at `base`.
    lower: Vec<u8>,
    base: usize,
}

impl Near {
    /// Forgets the text.
    pub(in super::super::super) fn clear(&mut self) {
        (self.begun, self.known, self.letters, self.read, self.base) = (0, 0, 0, 0, 0);
        self.words.clear();
        self.lower.clear();
    }

    /// Adds the words in the bytes before `at` to `heard`, nearest first and each meaning once, and to `read` what nobody
    /// has read before. False if there is not so much as a letter.
    pub(in super::super) fn before(
        &mut self,
        text: Text<'_>,
        at: usize,
        heard: &mut Heard,
        read: &mut u64,
    ) -> bool {
        let from = at.saturating_sub(REACH);
        if !self.has_letters(text.bytes, from, at, read) {
            return false;
        }
        if self.read < from || self.read < self.base || from < self.base {
            self.words.clear();
            self.lower.clear();
            (self.read, self.base) = (from, from);
        }
        if self.words.len() > KEPT || self.lower.len() > 4 * KEPT {
            self.forget(from);
        }
        *read += at.saturating_sub(self.read) as u64;
        self.look(text.bytes, at);
        let valid = |word: &&Word| word.end <= at && word.start < at && (word.stop >= at || !word.tied);
        let near = self.words.iter().rev().take_while(|word| word.start >= from);
        let mut known = [0u64; MEANINGS / 64];
        for word in near.filter(valid) {
            for (number, meaning) in &WORDS.said[word.said.from..word.said.to] {
                // Of words that say the same the nearest one counts.
                let number = usize::from(*number);
                let (known, bit) = (&mut known[number / 64], 1 << (number % 64));
                if *known & bit == 0 {
                    *known |= bit;
                    heard.push((word.start, *meaning));
                }
            }
        }
        true
    }

    /// True if a letter, or a part of one, stands between `from` and `at`.
    fn has_letters(&mut self, bytes: &[u8], from: usize, at: usize, read: &mut u64) -> bool {
        if from < self.begun || from > self.known {
            (self.begun, self.known, self.letters) = (from, from, from);
        }
        if at > self.known {
            *read += (at - self.known) as u64;
            let more = &bytes[self.known..at];
            if let Some(last) = more.iter().rposition(is_letter) {
                self.letters = self.known + last + 1;
            }
            self.known = at;
        }
        // What stands behind `at` was read for another number.
        self.letters > from && (self.letters <= at || bytes[from..at].iter().any(is_letter))
    }

    /// Looks for words that begin before `at`.
    fn look(&mut self, bytes: &[u8], at: usize) {
        let words = &*WORDS;
        self.fold(bytes, bytes.len().min(at + REACH));
        for i in self.read..at {
            let here = &self.lower[i - self.base..];
            let behind = |back: usize| i.checked_sub(back).map(|before| bytes[before]);
            if !begins(here[0], behind(1), behind(3)) {
                continue;
            }
            let two = words.short.iter().filter(|(word, _)| here.starts_with(word));
            if !here.get(2).is_some_and(u8::is_ascii_alphanumeric) {
                let word = |said| Word { start: i, end: i + 2, stop: i + 2, tied: false, said };
                self.words.extend(two.map(|(_, said)| word(*said)));
            }
            if here.len() < 3 {
                continue;
            }
            let bucket = hash(here);
            for (word, said) in &words.all[words.starts[bucket]..words.starts[bucket + 1]] {
                if !here.starts_with(word) {
                    continue;
                }
                let end = i + word.len();
                let stop = end + letters(bytes, end);
                let digit = bytes.get(stop).is_some_and(u8::is_ascii_digit);
                let tied = word[word.len() - 1] < 0x80 && digit;
                if stop == end || may_go_on(word) {
                    self.words.push(Word { start: i, end, stop, tied, said: *said });
                }
            }
        }
        self.read = self.read.max(at);
    }

    fn fold(&mut self, bytes: &[u8], to: usize) {
        let from = self.base + self.lower.len();
        let mut lead = from.checked_sub(1).map_or(0, |before| bytes[before]);
        for byte in bytes.get(from..to).unwrap_or_default() {
            self.lower.push(folded(lead, *byte));
            lead = *byte;
        }
    }

    /// Drops what stands before `from`.
    fn forget(&mut self, from: usize) {
        self.words.retain(|word| word.start >= from);
        let gone = from.saturating_sub(self.base).min(self.lower.len());
        self.lower.drain(..gone);
        self.base += gone;
    }
}

/// A letter, or a part of one: no word begins with anything else.
fn is_letter(byte: &u8) -> bool {
    byte.is_ascii_alphabetic() || *byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::SampleSource;

    /// Every question has the answer that somebody gets who asks nothing else.
    #[test]
    fn what_is_kept_says_the_same() {
        let pieces = [
            "tax number",
            "Polish ",
            "ssn",
            " id",
            "id-",
            "1",
            "12 ",
            "\u{96fb}\u{8bdd}",
            "\u{e9}",
            "x",
            " ",
            ".",
            "Telefonnummer",
            "\u{43d}\u{43e}\u{43c}\u{435}\u{440} ",
            "NIF",
            "\n",
            "_",
            "passportnumber7",
            "7 7 7 7 7 7 7 7 ",
        ];
        let mut source = SampleSource::new(11);
        for _ in 0..200 {
            let mut text = String::new();
            for _ in 0..60 {
                text += source.pick(&pieces);
            }
            let (text, mut near) = (Text::complete(text.as_bytes()), Near::default());
            let mut at = 0;
            while at <= text.bytes.len() {
                let (mut read, mut kept, mut fresh) = (0, Heard::new(), Heard::new());
                near.before(text, at, &mut kept, &mut read);
                Near::default().before(text, at, &mut fresh, &mut 0);
                assert_eq!(kept, fresh);
                assert!(read <= 2 * text.bytes.len() as u64);
                at += source.below(40);
                // Sometimes back.
                at -= source.below(20).min(at);
                at += 1;
            }
        }
    }
}

//! Scores of tokens that overlap. Where digits and marks alternate for long (`1|2|3|…`) a token begins at each of them,
//! and all of them are nearly the same: what was read for one is kept for the next.

use super::super::super::text::Text;
use super::stretch::{AHEAD, BACK, Stretch};
use super::{CODE, STEPS, UPPER, bits, told_by_shape, varied};

/// Shorter tokens are read faster than they are looked up.
pub(in crate::detect) const LONG: usize = 32;

/// What was read, in places of one text: whoever reads another clears it first.
#[derive(Debug, Default)]
pub(in crate::detect) struct Scores {
    /// Where it begins.
    from: usize,
    /// For each place, the sums over everything before it.
    sums: Vec<Sums>,
    /// Of what tokens and the marks that join them are made.
    run: Stretch,
}

/// Sums over the bytes before a place. What a byte adds depends on the one before, too.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    /// As a token of one case, and of both, in eighths of a bit.
    one: i32,
    both: i32,
    lower: u32,
    upper: u32,
}

impl Scores {
    /// Forgets the text.
    pub(in crate::detect) fn clear(&mut self) {
        self.sums.clear();
        self.from = 0;
        self.run.clear();
    }

    /// As [`super::random`], of a range of a text.
    pub(in crate::detect) fn random(
        &mut self,
        bytes: &[u8],
        token: std::ops::Range<usize>,
        telling: i32,
    ) -> bool {
        let there = &bytes[token.clone()];
        if let Some(random) = told_by_shape(there) {
            return random;
        }
        if there.len() < LONG {
            return varied(there) && bits(there) >= telling;
        }
        self.bits(bytes, token) >= telling && varied(there)
    }

    /// As [`super::bits`], of a range of a text that is not empty.
    pub(in crate::detect) fn bits(&mut self, bytes: &[u8], token: std::ops::Range<usize>) -> i32 {
        let known = self.from + self.sums.len();
        if token.start < self.from || token.end >= known {
            let near = !self.sums.is_empty()
                && (self.from.saturating_sub(BACK)..known + BACK).contains(&token.start);
            let (back, ahead) = if near { (BACK, AHEAD) } else { (0, 0) };
            self.read(bytes, token.start.saturating_sub(back), (token.end + ahead).min(bytes.len()));
        }
        let at = |place: usize| self.sums[place - self.from];
        // The first byte adds what it is worth behind the one before it, which is no part of the token.
        let (first, start, end) = (at(token.start + 1), at(token.start), at(token.end));
        let both = end.lower > start.lower && end.upper > start.upper;
        (if both { end.both - first.both } else { end.one - first.one }) / 8
    }

    /// Reads the bytes from `from` up to `to`.
    fn read(&mut self, bytes: &[u8], from: usize, to: usize) {
        self.from = from;
        self.sums.clear();
        let (mut sums, mut before) = (Sums::default(), 0);
        self.sums.push(sums);
        for byte in &bytes[from..to] {
            let code = CODE[usize::from(*byte)] & 63;
            let [one, both] = STEPS[usize::from(before)][usize::from(code)];
            sums.one += i32::from(one);
            sums.both += i32::from(both);
            sums.lower += u32::from(code.wrapping_sub(1) < UPPER);
            sums.upper += u32::from(code.wrapping_sub(1 + UPPER) < UPPER);
            self.sums.push(sums);
            before = code;
        }
    }

    /// As [`Text::run_end`], for one class only.
    pub(in crate::detect) fn run_end(
        &mut self,
        text: Text<'_>,
        from: usize,
        most: usize,
        class: impl Fn(u8) -> bool,
    ) -> usize {
        self.run.end(text, from, most, class, &mut 0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{TELLING, random};
    use super::*;
    use crate::detect::SampleSource;

    #[test]
    fn what_is_kept_says_the_same() {
        let mut source = SampleSource::new(3);
        for alphabet in [&b"1|2:"[..], b"aB1|", b"0123456789abcdef-", b"ABCDEFghijkl0123_-|: "] {
            let text = source.text(alphabet, 4000);
            let (bytes, mut scores) = (text.as_bytes(), Scores::default());
            for start in 0..bytes.len() {
                for length in [1, 20, 31, 32, 47, 96] {
                    let end = bytes.len().min(start + length);
                    let token = &bytes[start..end];
                    assert_eq!(scores.random(bytes, start..end, TELLING), random(token, TELLING));
                    if token.len() >= LONG {
                        assert_eq!(scores.bits(bytes, start..end), bits(token));
                    }
                }
                let text = Text { bytes, complete: true, floor: 0 };
                let class = |b: u8| b != b'|' && b != b' ';
                assert_eq!(scores.run_end(text, start, 96, class), text.run_end(start, 96, class));
            }
        }
    }
}

//! The shape of a key: characters and classes of characters with counts, as issuers document them
//! (`glpat-[0-9A-Za-z_-]{20}`). Reads shapes and compares them with text. Knows no issuer.
//!
//! A shape is matched from left to right, each part as far as it goes, and nothing is tried twice: the cost
//! is the length of the key. So a part of variable length may not be followed by something that it could
//! swallow itself; [`Shape::parse`] refuses such shapes.

use smallvec::SmallVec;

use super::rarity::{self, Stretch};
use crate::detect::Work;
use crate::detect::sample::SampleSource;
use crate::detect::text::{Peek, Text};

/// A set of ASCII characters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Class(u128);

impl Class {
    fn has(self, b: u8) -> bool {
        b < 128 && self.0 >> b & 1 == 1
    }

    fn one(b: u8) -> Self {
        Self(1 << (b & 127))
    }

    /// The character, if it is only one.
    fn only(self) -> Option<u8> {
        (self.0.count_ones() == 1).then(|| u8::try_from(self.0.trailing_zeros()).unwrap_or(0))
    }
}

/// A class with how often it stands.
#[derive(Clone, Copy, Debug)]
struct Part {
    class: Class,
    min: usize,
    max: usize,
}

impl Part {
    fn is_literal(&self) -> bool {
        (self.min, self.max) == (1, 1) && self.class.only().is_some()
    }
}

/// A shape that was read.
#[derive(Debug)]
pub(super) struct Shape {
    parts: Vec<Part>,
}

/// The part of a shape that the pass looks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Anchor {
    /// The characters.
    pub(super) text: String,
    /// Parts of the shape that stand before.
    pub(super) lead: usize,
}

/// What came of comparing a shape with text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    No,
    /// It fits so far, and the text ends.
    Unknown,
    /// It ends here.
    End(usize),
}

/// Fewer characters than this have no two neighbouring pairs.
const SHORTEST_ANCHOR: usize = 3;

impl Shape {
    /// Reads a shape; the error says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text.bytes().peekable();
        while let Some(b) = rest.next() {
            let class = if b == b'[' { class(&mut rest)? } else { Class::one(b) };
            let (mut min, mut max) = (1, 1);
            if rest.next_if_eq(&b'{').is_some() {
                let count: Vec<u8> = rest.by_ref().take_while(|b| *b != b'}').collect();
                let count = String::from_utf8(count).map_err(|_| "a count is no number")?;
                let (low, high) = count.split_once(',').unwrap_or((&count, &count));
                min = low.parse().map_err(|_| format!("`{low}` is no number"))?;
                max = high.parse().map_err(|_| format!("`{high}` is no number"))?;
            }
            if !b.is_ascii() || max < min || max == 0 {
                return Err(format!("`{text}` counts backwards, or is not ASCII"));
            }
            parts.push(Part { class, min, max });
        }
        for pair in parts.windows(2) {
            if pair[0].min != pair[0].max && pair[0].class.0 & pair[1].class.0 != 0 {
                return Err(format!("a part of `{text}` could swallow the next one"));
            }
        }
        if parts.is_empty() { Err("a shape is empty".into()) } else { Ok(Self { parts }) }
    }

    /// The characters that announce it: those whose pairs are the rarest, and rather the first ones.
    pub(super) fn anchor(&self) -> Option<Anchor> {
        let mut best: Option<(u64, Anchor)> = None;
        let mut at = 0;
        while at < self.parts.len() {
            let run = self.parts[at..].iter().take_while(|part| part.is_literal()).count();
            if run >= SHORTEST_ANCHOR && self.parts[..at].iter().skip(1).all(|part| part.min == part.max) {
                let text: String =
                    self.parts[at..at + run].iter().filter_map(|p| p.class.only()).map(char::from).collect();
                let share = rarest(text.as_bytes());
                let share = if at == 0 { share } else { share * 3 };
                if best.as_ref().is_none_or(|(known, _)| share < *known) {
                    best = Some((share, Anchor { text, lead: at }));
                }
            }
            at += run.max(1);
        }
        best.map(|(_, anchor)| anchor)
    }

    /// Where a key whose anchor stands at `at` begins.
    pub(super) fn start(&self, text: Text<'_>, anchor: &Anchor, at: usize) -> Option<usize> {
        let Some((first, others)) = self.parts[..anchor.lead].split_first() else { return Some(at) };
        let fixed: usize = others.iter().map(|part| part.min).sum();
        let end = at.checked_sub(fixed)?;
        let back =
            text.bytes[..end].iter().rev().take(first.max).take_while(|b| first.class.has(**b)).count();
        (back >= first.min).then(|| end - back)
    }

    /// Compares with the text from `start` on. What stands behind must end the key.
    pub(super) fn fit(&self, text: Text<'_>, start: usize, work: &mut Work) -> Fit {
        self.fit_runs(text, start, work, |at, part, work| {
            let end = text.run_end(at, part.max, |b| part.class.has(b));
            work.examined += (end - at) as u64;
            end
        })
    }

    /// As [`Self::fit`], and reads what may be long once for all keys of a row.
    pub(super) fn fit_kept(&self, text: Text<'_>, start: usize, runs: &mut Runs, work: &mut Work) -> Fit {
        self.fit_runs(text, start, work, |at, part, work| runs.end(text, at, part, work))
    }

    fn fit_runs(
        &self,
        text: Text<'_>,
        start: usize,
        work: &mut Work,
        mut run_end: impl FnMut(usize, &Part, &mut Work) -> usize,
    ) -> Fit {
        let mut at = start;
        let mut begun = start;
        for part in &self.parts {
            begun = at;
            let end = run_end(at, part, work);
            work.examined += 1;
            if end - at < part.max && text.peek(end) == Peek::Unknown {
                return Fit::Unknown;
            }
            if end - at < part.min {
                return Fit::No;
            }
            at = end;
        }
        let Some(last) = self.parts.last() else { return Fit::No };
        match text.peek(at) {
            Peek::Unknown => return Fit::Unknown,
            Peek::Byte(b) if last.class.has(b) || b.is_ascii_alphanumeric() => return Fit::No,
            _ => {}
        }
        // A full stop behind a key is the sentence's.
        while at - begun > last.min && matches!(text.bytes[at - 1], b'.' | b',' | b':' | b'/') {
            at -= 1;
        }
        Fit::End(at)
    }

    /// The bytes of a key of this shape that are not given by it, as far as a judgement needs them.
    pub(super) fn free(&self, key: &[u8]) -> Vec<u8> {
        const ENOUGH: usize = 96;
        let mut free = Vec::new();
        let mut at = 0;
        for part in &self.parts {
            let end = key.len().min(at + part.max);
            let run = key[at..end].iter().take_while(|b| part.class.has(**b)).count();
            if !part.is_literal() {
                free.extend(&key[at..at + run]);
            }
            at += run;
            if free.len() >= ENOUGH {
                break;
            }
        }
        free
    }

    /// A made-up key.
    pub(super) fn sample(&self, source: &mut SampleSource) -> String {
        let mut key = String::new();
        for part in &self.parts {
            let letters: Vec<u8> = (0..128).filter(|b| part.class.has(*b)).collect();
            let count = part.min + source.below((part.max - part.min).min(8) + 1);
            key.push_str(&source.text(&letters, count));
        }
        key
    }

    /// The fewest characters it leaves open.
    pub(super) fn open(&self) -> usize {
        self.parts.iter().filter(|part| !part.is_literal()).map(|part| part.min).sum()
    }

    /// How many characters it gives.
    pub(super) fn constant(&self) -> usize {
        self.parts.iter().filter(|part| part.is_literal()).count()
    }

    /// True if keys of this shape may begin with `b`.
    pub(super) fn begins_with(&self, b: u8) -> bool {
        self.parts.first().is_some_and(|part| part.class.has(b))
    }
}

/// Where long parts end, by their classes: keys that begin inside one another end together.
#[derive(Debug, Default)]
pub(super) struct Runs {
    known: SmallVec<[(Class, Stretch); 4]>,
    /// The one that was entered last.
    last: usize,
}

impl Runs {
    /// Shorter parts are read faster than they are looked up.
    const LONG: usize = 128;
    /// Classes of which the ends are kept.
    const CLASSES: usize = 4;

    /// Forgets the text.
    pub(super) fn clear(&mut self) {
        self.known.clear();
    }

    fn end(&mut self, text: Text<'_>, at: usize, part: &Part, work: &mut Work) -> usize {
        let class = part.class;
        if part.max < Self::LONG {
            let end = text.run_end(at, part.max, |b| class.has(b));
            work.examined += (end - at) as u64;
            return end;
        }
        let place = self.known.iter().position(|(known, _)| *known == class);
        let place = place.unwrap_or_else(|| self.enter(class));
        self.known[place].1.end(text, at, part.max, |b| class.has(b), &mut work.examined)
    }

    /// Makes room for a class, where the oldest one was if need be.
    fn enter(&mut self, class: Class) -> usize {
        if self.known.len() < Self::CLASSES {
            self.known.push((class, Stretch::default()));
            return self.known.len() - 1;
        }
        self.last = (self.last + 1) % Self::CLASSES;
        self.known[self.last] = (class, Stretch::default());
        self.last
    }
}

/// Reads a class behind its opening bracket.
fn class(rest: &mut impl Iterator<Item = u8>) -> Result<Class, String> {
    let letters: Vec<u8> = rest.take_while(|b| *b != b']').collect();
    let mut class = Class::default();
    let mut at = 0;
    while at < letters.len() {
        let first = letters[at];
        // A dash at the end stands for itself.
        if letters.get(at + 1) == Some(&b'-') && at + 2 < letters.len() {
            for b in first..=letters[at + 2] {
                class.0 |= Class::one(b).0;
            }
            at += 3;
        } else {
            class.0 |= Class::one(first).0;
            at += 1;
        }
    }
    if class == Class::default() { Err("a class is empty".into()) } else { Ok(class) }
}

/// How rare the two neighbouring pairs of a literal are that are the rarest together.
fn rarest(literal: &[u8]) -> u64 {
    let share = |at: usize| rarity::pair_share(literal[at], literal[at + 1]);
    (0..literal.len().saturating_sub(2)).map(|at| share(at) + share(at + 1)).min().unwrap_or(u64::MAX)
}

//! Detectors that an operator wrote: lists of literals and bounded patterns. Knows how they are matched in whole
//! texts and in streams. Does not know files; `document.rs` reads those.
//!
//! A set is compiled into at most two automata for literals and a few for patterns, each of which goes over a text
//! once, byte by byte, and never back further than its longest match. At most places nothing can begin: there a
//! table look-up of a few bytes says so and no automaton moves. What a detector finds does not hide what another one
//! finds at the same place: the operator's findings may overlap those of others, and all count.

mod document;
mod filter;
mod judge;
mod literals;
mod pattern;
mod patterns;
mod shape;

use smallvec::SmallVec;

pub(crate) use document::read;
pub(super) use judge::{Context, Own, Validator};
pub(crate) use shape::{DOCUMENT, KIND, SPEC};

use super::text::Text;
use super::{DetectorId, Finding};

/// The longest text that one of them finds: what a stream may have to hold back.
pub(super) const LONGEST: usize = 128;

/// The shortest. Less of it says nothing.
pub(super) const SHORTEST: usize = 3;

/// One detector as it was written, checked.
#[derive(Debug, Clone)]
pub(super) struct Definition {
    pub(super) own: Own,
    /// Upper and lower case of ASCII letters are the same.
    pub(super) ignore_case: bool,
    pub(super) literals: Vec<Box<[u8]>>,
    pub(super) pattern: Option<pattern::Pattern>,
}

/// The operator's detectors, ready to run. Immutable and shared.
pub(super) struct Compiled {
    own: Vec<Own>,
    literals: Vec<literals::Literals>,
    patterns: Vec<patterns::Patterns>,
}

/// Too much was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum TooLarge {
    #[error("the literals of all detectors together need an automaton that is too large: {0}")]
    Literals(String),
    #[error("the patterns of all detectors together need automata that are too large: {0}")]
    Patterns(String),
}

/// How far each automaton has come in one text. Positions are indices into the text given to [`Compiled::run`].
#[derive(Default)]
pub(super) struct Walk {
    literals: SmallVec<[literals::Walk; 2]>,
    patterns: SmallVec<[patterns::Walk; 2]>,
}

impl Compiled {
    /// Compiles the detectors; the first has the number `first`, and so on.
    pub(super) fn new(definitions: Vec<Definition>) -> Result<Self, TooLarge> {
        let mut literals = Vec::new();
        for folded in [false, true] {
            let chosen = || definitions.iter().enumerate().filter(|(_, d)| d.ignore_case == folded);
            let list = chosen().flat_map(|(at, d)| d.literals.iter().map(move |literal| (at, &**literal)));
            literals.extend(literals::Literals::new(list, folded)?);
        }
        let list = definitions.iter().enumerate();
        let list = list.filter_map(|(at, d)| Some((at, d.pattern.clone()?))).collect();
        let patterns = patterns::compile(list)?;
        Ok(Self { own: definitions.into_iter().map(|d| d.own).collect(), literals, patterns })
    }

    /// Goes on until the text is used up, and pushes what is certain on `out`, in no order. Returns the first byte
    /// that may still become part of a finding.
    pub(super) fn run(&self, walk: &mut Walk, text: Text<'_>, out: &mut Vec<Finding>) -> Option<usize> {
        if walk.literals.len() < self.literals.len() {
            walk.literals.extend(self.literals.iter().map(literals::Literals::begin));
        }
        if walk.patterns.len() < self.patterns.len() {
            walk.patterns.extend(self.patterns.iter().map(patterns::Patterns::begin));
        }
        let literals = self.literals.iter().zip(&mut walk.literals);
        let held = literals.filter_map(|(literals, walk)| literals.run(&self.own, walk, text, out)).min();
        let patterns = self.patterns.iter().zip(&mut walk.patterns);
        let other = patterns.filter_map(|(patterns, walk)| patterns.run(&self.own, walk, text, out)).min();
        held.into_iter().chain(other).min()
    }

    /// Bytes that the compiled set takes.
    pub(super) fn memory(&self) -> usize {
        let literals: usize = self.literals.iter().map(literals::Literals::memory).sum();
        literals + self.patterns.iter().map(patterns::Patterns::memory).sum::<usize>()
    }
}

impl Walk {
    /// The first byte that later runs may still look at, before look-back.
    pub(super) fn needs_from(&self) -> usize {
        let literals = self.literals.iter().map(literals::Walk::needs_from);
        literals.chain(self.patterns.iter().map(patterns::Walk::needs_from)).min().unwrap_or(usize::MAX)
    }

    /// Tells that the first `gone` bytes of the text were cut off. `gone` is at most [`Self::needs_from`].
    pub(super) fn shift(&mut self, gone: usize) {
        self.literals.iter_mut().for_each(|walk| walk.shift(gone));
        self.patterns.iter_mut().for_each(|walk| walk.shift(gone));
    }
}

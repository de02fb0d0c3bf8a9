//! Literals of any number in one Aho-Corasick automaton. Knows positions and what is still open. Does not know what
//! a literal means.
//!
//! Of matches of one detector that lie in one another the longest counts. A match is certain once every literal that
//! is still being read begins behind its start.

use aho_corasick::automaton::{Automaton, StateID};
use aho_corasick::nfa::contiguous::NFA;
use aho_corasick::{Anchored, MatchKind};
use smallvec::SmallVec;

use super::filter::Prefixes;
use super::{Finding, Own, TooLarge};
use crate::detect::text::Text;

pub(super) struct Literals {
    automaton: NFA,
    start: StateID,
    /// By state: how many bytes of a literal have been read there.
    depths: Box<[u8]>,
    /// By literal: whose it is.
    owners: Box<[u16]>,
    prefixes: Prefixes,
}

pub(super) struct Walk {
    at: usize,
    state: StateID,
    /// First byte of the literal that is being read; `at` if none is.
    live: usize,
    /// Matches that a longer one may still hold.
    open: SmallVec<[Finding; 4]>,
}

impl Literals {
    /// None if there are no literals.
    pub(super) fn new<'a>(
        list: impl Iterator<Item = (usize, &'a [u8])> + Clone,
        ignore_case: bool,
    ) -> Result<Option<Self>, TooLarge> {
        let texts = list.clone().map(|(_, text)| text);
        if texts.clone().next().is_none() {
            return Ok(None);
        }
        let automaton = NFA::builder()
            .match_kind(MatchKind::Standard)
            .ascii_case_insensitive(ignore_case)
            .prefilter(false)
            .build(texts.clone())
            .map_err(|error| TooLarge::Literals(error.to_string()))?;
        let start = automaton.start_state(Anchored::No).expect("the automaton was built unanchored");
        let depths = depths(&automaton, start, texts.clone());
        let owners = list.map(|(owner, _)| u16::try_from(owner).unwrap_or(u16::MAX)).collect();
        Ok(Some(Self { automaton, start, depths, owners, prefixes: Prefixes::new(texts) }))
    }

    pub(super) fn begin(&self) -> Walk {
        Walk { at: 0, state: self.start, live: 0, open: SmallVec::new() }
    }

    pub(super) fn memory(&self) -> usize {
        self.automaton.memory_usage()
            + size_of_val(&*self.depths)
            + size_of_val(&*self.owners)
            + self.prefixes.memory()
    }

    /// See [`super::Compiled::run`].
    pub(super) fn run(
        &self,
        own: &[Own],
        walk: &mut Walk,
        text: Text<'_>,
        out: &mut Vec<Finding>,
    ) -> Option<usize> {
        let bytes = text.bytes;
        // What a match's last byte means is known when the next one is there.
        let end = if text.complete { bytes.len() } else { bytes.len().saturating_sub(1) };
        while walk.at < end {
            if walk.state == self.start {
                walk.at = self.prefixes.next(bytes, walk.at).min(end);
                if walk.at == end {
                    break;
                }
            }
            walk.state = self.automaton.next_state(Anchored::No, walk.state, bytes[walk.at]);
            walk.at += 1;
            if self.automaton.is_special(walk.state) && self.automaton.is_match(walk.state) {
                self.matched(own, walk, text);
            }
            if !walk.open.is_empty() {
                walk.close(walk.at - self.depth(walk.state), out);
            }
        }
        walk.live = walk.at - self.depth(walk.state);
        if text.complete {
            walk.close(usize::MAX, out);
            return None;
        }
        let next = bytes.get(walk.at).map(|b| self.automaton.next_state(Anchored::No, walk.state, *b));
        let live = bytes.len() - self.depth(next.unwrap_or(walk.state));
        walk.close(live, out);
        let live = self.live(own, bytes, live);
        let open = walk.open.iter().map(|finding| finding.start).min().unwrap_or(usize::MAX);
        Some(live.min(open)).filter(|hold| *hold < bytes.len())
    }

    /// Notes the literals that end here, the longest first.
    fn matched(&self, own: &[Own], walk: &mut Walk, text: Text<'_>) {
        let end = walk.at;
        for number in 0..self.automaton.match_len(walk.state) {
            let literal = self.automaton.match_pattern(walk.state, number);
            let start = end - self.automaton.pattern_len(literal);
            let owner = &own[usize::from(self.owners[literal.as_usize()])];
            if !owner.may_begin(text.bytes, start) || !owner.may_end(text, end) {
                continue;
            }
            let inside = |f: &Finding| f.detector == owner.id && f.start <= start && end <= f.end;
            if walk.open.iter().any(inside) {
                continue;
            }
            if let Some(finding) = owner.judge(text.bytes, start, end) {
                walk.open.retain(|f| f.detector != owner.id || f.start < start);
                walk.open.push(finding);
            }
        }
    }

    /// The first place from `from` on at which a literal is being read that may begin there.
    fn live(&self, own: &[Own], bytes: &[u8], from: usize) -> usize {
        let may_begin = |at: usize| own.iter().any(|owner| owner.may_begin(bytes, at));
        let read = |at: usize| {
            let next = |state, byte: &u8| self.automaton.next_state(Anchored::No, state, *byte);
            self.depth(bytes[at..].iter().fold(self.start, next)) == bytes.len() - at
        };
        (from..bytes.len()).find(|at| may_begin(*at) && read(*at)).unwrap_or(bytes.len())
    }

    fn depth(&self, state: StateID) -> usize {
        usize::from(self.depths[state.as_usize()])
    }
}

impl Walk {
    /// Nothing that is still being read begins before `live`: what begins before it is certain.
    fn close(&mut self, live: usize, out: &mut Vec<Finding>) {
        self.open.retain(|finding| {
            let certain = finding.start < live;
            if certain {
                out.push(*finding);
            }
            !certain
        });
    }

    pub(super) fn needs_from(&self) -> usize {
        self.open.iter().map(|finding| finding.start).min().unwrap_or(usize::MAX).min(self.live)
    }

    pub(super) fn shift(&mut self, gone: usize) {
        self.at -= gone;
        self.live -= gone;
        for finding in &mut self.open {
            finding.start -= gone;
            finding.end -= gone;
        }
    }
}

/// Reads every literal once: the states on its way are as deep as they are far from its first byte.
fn depths<'a>(automaton: &NFA, start: StateID, texts: impl Iterator<Item = &'a [u8]>) -> Box<[u8]> {
    let mut depths = Vec::new();
    for text in texts {
        let mut state = start;
        for (read, byte) in text.iter().enumerate() {
            state = automaton.next_state(Anchored::No, state, *byte);
            if depths.len() <= state.as_usize() {
                depths.resize(state.as_usize() + 1, 0);
            }
            depths[state.as_usize()] = u8::try_from(read + 1).expect("literals are shorter than 256 bytes");
        }
    }
    // States of the automaton's own, such as the start, lie before those of any literal.
    depths.resize(depths.len().max(start.as_usize() + 1), 0);
    depths.into()
}

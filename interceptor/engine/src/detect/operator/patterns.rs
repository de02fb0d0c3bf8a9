//! Patterns in few automata, each of which goes over a text once. Knows matches and what is still open. Does not know
//! how a pattern is written.
//!
//! The automaton that goes forward tells which pattern has a match that ends here. Then one that goes back tells
//! where it begins, as early as possible, and from there a pattern is followed as far as it goes. The next match of
//! that pattern begins behind it.

use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::{PatternID, StateID};
use regex_automata::util::start;
use regex_automata::{Anchored, MatchKind};
use regex_syntax::hir::Hir;
use smallvec::SmallVec;

use super::filter::Pairs;
use super::pattern::Pattern;
use super::{Finding, LONGEST, Own, TooLarge};
use crate::detect::text::Text;

/// An automaton for several patterns may take this much, else it is split.
const LARGEST: usize = 8 << 20;

/// Steps that are taken after each fragment to find out how little may be held back. Past them more is held, at most
/// the longest match.
const PATIENCE: usize = 1024;

type Dfa = dense::DFA<Vec<u32>>;

pub(super) struct Patterns {
    forward: Dfa,
    backward: Dfa,
    /// Where a search begins that may begin anywhere.
    start: StateID,
    /// Where one begins that must begin here, with any pattern.
    anchored: StateID,
    /// By pattern: whose it is, and where going forward and backward begins.
    patterns: Vec<One>,
    longest: usize,
    pairs: Pairs,
}

struct One {
    owner: u16,
    forward: StateID,
    backward: StateID,
    longest: usize,
}

pub(super) struct Walk {
    at: usize,
    state: StateID,
    /// Nothing that is not over begins before this.
    live: usize,
    /// Matches that end here and were not looked at: the end, and the number of the first of them.
    ending: Option<(usize, usize)>,
    growing: Option<Growing>,
    /// Matches of these patterns begin at or behind these places.
    floors: SmallVec<[(PatternID, usize); 4]>,
    /// The state behind the end of the text was reached.
    over: bool,
}

/// A match whose end is not certain.
struct Growing {
    pattern: PatternID,
    start: usize,
    /// The longest so far.
    end: usize,
    at: usize,
    state: StateID,
}

/// The numbers of detectors with their patterns, in as few automata as they fit in.
pub(super) fn compile(list: Vec<(usize, Pattern)>) -> Result<Vec<Patterns>, TooLarge> {
    if list.is_empty() {
        return Ok(Vec::new());
    }
    match Patterns::new(&list) {
        Ok(patterns) => Ok(vec![patterns]),
        Err(error) if list.len() == 1 => Err(TooLarge::Patterns(error)),
        Err(_) => {
            let mut first = list;
            let second = first.split_off(first.len() / 2);
            let mut all = compile(first)?;
            all.extend(compile(second)?);
            Ok(all)
        }
    }
}

/// Whether a pattern's automaton fits in so many bytes.
pub(super) fn size(pattern: &Pattern, largest: usize) -> Result<(), String> {
    build(&[&pattern.hir], false, largest)?;
    build(&[&pattern.hir], true, largest).map(drop)
}

fn build(hirs: &[&Hir], backward: bool, largest: usize) -> Result<Dfa, String> {
    let config = thompson::Config::new()
        .utf8(false)
        .reverse(backward)
        .which_captures(thompson::WhichCaptures::None)
        .nfa_size_limit(Some(largest));
    let nfa = thompson::Compiler::new().configure(config).build_many_from_hir(hirs);
    let config = dense::Config::new()
        .match_kind(MatchKind::All)
        .start_kind(if backward { StartKind::Anchored } else { StartKind::Both })
        .starts_for_each_pattern(true)
        .specialize_start_states(true)
        .accelerate(false)
        .dfa_size_limit(Some(largest))
        .determinize_size_limit(Some(largest));
    let nfa = nfa.map_err(|error| error.to_string())?;
    dense::Builder::new().configure(config).build_from_nfa(&nfa).map_err(|error| error.to_string())
}

fn begin(dfa: &Dfa, anchored: Anchored) -> StateID {
    dfa.start_state(&start::Config::new().anchored(anchored))
        .expect("built with these starts, and no byte stops it")
}

impl Patterns {
    fn new(list: &[(usize, Pattern)]) -> Result<Self, String> {
        let hirs: Vec<&Hir> = list.iter().map(|(_, pattern)| &pattern.hir).collect();
        let (forward, backward) = (build(&hirs, false, LARGEST)?, build(&hirs, true, LARGEST)?);
        let patterns = list.iter().enumerate().map(|(number, (owner, pattern))| {
            let anchored = Anchored::Pattern(PatternID::new_unchecked(number));
            One {
                owner: u16::try_from(*owner).unwrap_or(u16::MAX),
                forward: begin(&forward, anchored),
                backward: begin(&backward, anchored),
                longest: pattern.longest,
            }
        });
        let (patterns, anchored) = (patterns.collect(), begin(&forward, Anchored::Yes));
        let dead = |state| forward.is_dead_state(state);
        let pairs = Pairs::new(|a, b| {
            let first = forward.next_state(anchored, a);
            !dead(first) && !dead(forward.next_state(first, b))
        });
        let longest = list.iter().map(|(_, pattern)| pattern.longest).max().unwrap_or(LONGEST);
        Ok(Self {
            start: begin(&forward, Anchored::No),
            anchored,
            patterns,
            longest,
            pairs,
            forward,
            backward,
        })
    }

    pub(super) fn begin(&self) -> Walk {
        Walk {
            at: 0,
            state: self.start,
            live: 0,
            ending: None,
            growing: None,
            floors: SmallVec::new(),
            over: false,
        }
    }

    pub(super) fn memory(&self) -> usize {
        self.forward.memory_usage() + self.backward.memory_usage() + 8192
    }

    /// See [`super::Compiled::run`].
    pub(super) fn run(
        &self,
        own: &[Own],
        walk: &mut Walk,
        text: Text<'_>,
        out: &mut Vec<Finding>,
    ) -> Option<usize> {
        loop {
            if let Some(growing) = &mut walk.growing {
                if !self.grow(own, growing, text) {
                    return Some(growing.start);
                }
                self.grown(own, walk, text, out);
            }
            if let Some((end, number)) = walk.ending.take() {
                self.ended(own, walk, text, end, number);
                continue;
            }
            if !self.advance(walk, text) {
                break;
            }
        }
        if text.complete {
            return None;
        }
        self.settle(walk, text);
        Some(walk.live).filter(|live| *live < text.bytes.len())
    }

    /// Goes on to the next place at which a match ends. False if the text is used up.
    fn advance(&self, walk: &mut Walk, text: Text<'_>) -> bool {
        let bytes = text.bytes;
        while walk.at < bytes.len() {
            if walk.state == self.start {
                walk.at = self.pairs.next(bytes, walk.at);
            }
            walk.state = self.forward.next_state(walk.state, bytes[walk.at]);
            walk.at += 1;
            if self.forward.is_special_state(walk.state) && self.forward.is_match_state(walk.state) {
                // The automaton tells of a match one byte late.
                walk.ending = Some((walk.at - 1, 0));
                return true;
            }
        }
        if !text.complete || walk.over {
            return false;
        }
        walk.over = true;
        walk.state = self.forward.next_eoi_state(walk.state);
        let ends = self.forward.is_match_state(walk.state);
        walk.ending = ends.then_some((bytes.len(), 0));
        ends
    }

    /// Looks at the matches that end at `end`, from the given number on, until one of them begins to grow.
    fn ended(&self, own: &[Own], walk: &mut Walk, text: Text<'_>, end: usize, number: usize) {
        for number in number..self.forward.match_len(walk.state) {
            let pattern = self.forward.match_pattern(walk.state, number);
            let one = &self.patterns[pattern.as_usize()];
            let owner = &own[usize::from(one.owner)];
            let floor =
                walk.floors.iter().find(|(known, _)| *known == pattern).map_or(0, |(_, floor)| *floor);
            if end < floor + super::SHORTEST || !owner.may_end(text, end) {
                continue;
            }
            let low = floor.max(end.saturating_sub(one.longest));
            let Some(start) = self.first(owner, one, text.bytes, low, end) else { continue };
            walk.growing = Some(Growing { pattern, start, end, at: start, state: one.forward });
            walk.ending = Some((end, number + 1));
            return;
        }
    }

    /// The first place from `low` on at which a match begins that ends at `end`.
    fn first(&self, owner: &Own, one: &One, bytes: &[u8], low: usize, end: usize) -> Option<usize> {
        let dfa = &self.backward;
        let (mut state, mut first) = (one.backward, None);
        for at in (low..end).rev() {
            state = dfa.next_state(state, bytes[at]);
            if dfa.is_dead_state(state) {
                return first;
            }
            if dfa.is_match_state(state) && owner.may_begin(bytes, at + 1) {
                first = Some(at + 1);
            }
        }
        let whole = dfa.is_match_state(dfa.next_eoi_state(state)) && owner.may_begin(bytes, low);
        if whole { Some(low) } else { first }
    }

    /// Follows a match as far as it goes. False if the text is too short to tell.
    fn grow(&self, own: &[Own], growing: &mut Growing, text: Text<'_>) -> bool {
        let dfa = &self.forward;
        let owner = &own[usize::from(self.patterns[growing.pattern.as_usize()].owner)];
        while let Some(byte) = text.bytes.get(growing.at) {
            growing.state = dfa.next_state(growing.state, *byte);
            if dfa.is_dead_state(growing.state) {
                return true;
            }
            if dfa.is_match_state(growing.state) && owner.may_end(text, growing.at) {
                growing.end = growing.at;
            }
            growing.at += 1;
        }
        if !text.complete {
            return false;
        }
        let end = text.bytes.len();
        if dfa.is_match_state(dfa.next_eoi_state(growing.state)) && owner.may_end(text, end) {
            growing.end = end;
        }
        true
    }

    /// A match is whole.
    fn grown(&self, own: &[Own], walk: &mut Walk, text: Text<'_>, out: &mut Vec<Finding>) {
        let Some(Growing { pattern, start, end, .. }) = walk.growing.take() else { return };
        let owner = &own[usize::from(self.patterns[pattern.as_usize()].owner)];
        let found = owner.judge(text.bytes, start, end);
        out.extend(found);
        // What is none may hold one that begins later.
        let floor = if found.is_some() { end } else { start + 1 };
        let longest = self.longest;
        walk.floors.retain(|(known, floor)| *known != pattern && *floor + longest > start);
        walk.floors.push((pattern, floor));
    }

    /// Finds the first place at which something begins that is not over.
    fn settle(&self, walk: &mut Walk, text: Text<'_>) {
        let bytes = text.bytes;
        let mut patience = PATIENCE;
        if walk.state == self.start {
            walk.live = walk.at;
            return;
        }
        walk.live = walk.live.max(walk.at.saturating_sub(self.longest));
        while walk.live < walk.at {
            walk.live = self.pairs.next(&bytes[..walk.at], walk.live);
            let mut state = self.anchored;
            for byte in &bytes[walk.live..walk.at] {
                state = self.forward.next_state(state, *byte);
                patience = patience.saturating_sub(1);
                if self.forward.is_dead_state(state) || patience == 0 {
                    break;
                }
            }
            if patience == 0 || !self.forward.is_dead_state(state) {
                return;
            }
            walk.live += 1;
        }
    }
}

impl Walk {
    pub(super) fn needs_from(&self) -> usize {
        self.growing.as_ref().map_or(usize::MAX, |growing| growing.start).min(self.live)
    }

    pub(super) fn shift(&mut self, gone: usize) {
        self.at -= gone;
        self.live -= gone;
        if let Some((end, _)) = &mut self.ending {
            *end -= gone;
        }
        if let Some(growing) = &mut self.growing {
            growing.start -= gone;
            growing.end -= gone;
            growing.at -= gone;
        }
        for (_, floor) in &mut self.floors {
            *floor = floor.saturating_sub(gone);
        }
    }
}

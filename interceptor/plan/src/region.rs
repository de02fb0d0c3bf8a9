//! What is valid behind one calling code: the regions that share it, each with the patterns of its kinds of numbers,
//! read into an automaton that says for any digits what the library would say.

use std::collections::HashMap;

use anyhow::{Context as _, Result};
use regex_automata::dfa::{Automaton as _, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::StateID;
use regex_automata::util::{start, syntax};
use regex_automata::{Anchored, MatchKind};
use rlibphonenumber::{PhoneMetadata, PhoneNumberDesc};

use crate::graph::{Graph, Node};

/// A number has no more digits than this, of all that the library allows.
const LONGEST: u32 = 17;

/// A pattern, by its number in the automaton, and the lengths that it is for; none for any.
#[derive(Debug)]
struct Pattern {
    number: usize,
    lengths: Vec<i32>,
}

/// One region.
#[derive(Debug)]
struct Region {
    /// Numbers that begin so are this region's, valid or not.
    lead: Option<usize>,
    general: Pattern,
    kinds: Vec<Pattern>,
}

/// The regions of a calling code, in the order in which they are asked.
pub(crate) struct Regions {
    regions: Vec<Region>,
    automaton: dense::DFA<Vec<u32>>,
}

impl Regions {
    pub(crate) fn compile(metadata: &[PhoneMetadata]) -> Result<Self> {
        let mut patterns = Vec::new();
        let regions = metadata.iter().filter_map(|metadata| region(metadata, &mut patterns)).collect();
        let automaton = dense::Builder::new()
            .configure(dense::Config::new().match_kind(MatchKind::All).start_kind(StartKind::Anchored))
            .syntax(syntax::Config::new().unicode(false).utf8(false))
            .thompson(thompson::Config::new().utf8(false))
            .build_many(&patterns)
            .context("compile the patterns")?;
        Ok(Self { regions, automaton })
    }

    /// Every length that some number has, one bit each.
    pub(crate) fn lengths(&self) -> u16 {
        let kinds = self.regions.iter().flat_map(|region| {
            let own = region.kinds.iter().flat_map(|kind| &kind.lengths);
            own.chain(&region.general.lengths)
        });
        // Fifteen digits are all that an international number may have; the library knows a few longer ones.
        let bit = |length: &i32| u32::try_from(*length).ok().and_then(|length| 1u16.checked_shl(length));
        kinds.fold(0, |bits, length| bits | bit(length).unwrap_or(0))
    }

    /// Enters what may stand behind the calling code, and returns where that begins.
    pub(crate) fn enter(&self, graph: &mut Graph) -> u32 {
        let anchored = start::Config::new().anchored(Anchored::Yes);
        let start = self.automaton.start_state(&anchored).expect("anchored starts were asked for");
        self.walk(start, 0, graph, &mut HashMap::new())
    }

    fn walk(
        &self,
        at: StateID,
        len: u32,
        graph: &mut Graph,
        known: &mut HashMap<(StateID, u32), u32>,
    ) -> u32 {
        if self.automaton.is_dead_state(at) || len > LONGEST {
            return Graph::NOTHING;
        }
        if let Some(node) = known.get(&(at, len)) {
            return *node;
        }
        let mut node = Node { ends: self.valid(at, len), ..Node::default() };
        for (digit, next) in (b'0'..=b'9').zip(&mut node.next) {
            *next = self.walk(self.automaton.next_state(at, digit), len + 1, graph, known);
        }
        let entered = graph.enter(node);
        known.insert((at, len), entered);
        entered
    }

    /// What the library says of a number that ends in this state after so many digits. A region that has no other
    /// beside it is not asked for its leading digits.
    fn valid(&self, at: StateID, len: u32) -> bool {
        let end = self.automaton.next_eoi_state(at);
        if !self.automaton.is_match_state(end) {
            return false;
        }
        let matches = 0..self.automaton.match_len(end);
        let hit: Vec<usize> = matches.map(|i| self.automaton.match_pattern(end, i).as_usize()).collect();
        let fits = |pattern: &Pattern| {
            let length =
                pattern.lengths.is_empty() || pattern.lengths.iter().any(|l| u32::try_from(*l) == Ok(len));
            length && hit.contains(&pattern.number)
        };
        let typed = |region: &Region| fits(&region.general) && region.kinds.iter().any(fits);
        match self.regions.as_slice() {
            [only] => typed(only),
            all => all
                .iter()
                .find(|region| region.lead.is_some_and(|lead| hit.contains(&lead)) || typed(region))
                .is_some_and(typed),
        }
    }
}

#[expect(
    deprecated,
    reason = "the fields are empty in the library's own copies only, not in what was decoded"
)]
fn region(metadata: &PhoneMetadata, patterns: &mut Vec<String>) -> Option<Region> {
    let mut enter = |pattern: String| {
        patterns.push(pattern);
        patterns.len() - 1
    };
    let mut read = |desc: &Option<PhoneNumberDesc>| {
        let desc = desc.as_ref()?;
        let pattern = desc.national_number_pattern.clone().filter(|pattern| !pattern.is_empty())?;
        Some(Pattern { number: enter(pattern), lengths: desc.possible_length.clone() })
    };
    let general = read(&metadata.general_desc)?;
    let kinds = [
        &metadata.premium_rate,
        &metadata.toll_free,
        &metadata.shared_cost,
        &metadata.voip,
        &metadata.personal_number,
        &metadata.pager,
        &metadata.uan,
        &metadata.voicemail,
        &metadata.fixed_line,
        &metadata.mobile,
    ];
    let kinds = kinds.into_iter().filter_map(&mut read).collect();
    let lead = metadata.leading_digits.as_deref().filter(|lead| !lead.is_empty());
    // The library keeps patterns closed on both sides; these are open behind.
    let lead = lead.map(|lead| lead.strip_suffix('$').unwrap_or(lead).to_owned() + "[0-9]*$");
    Some(Region { lead: lead.map(enter), general, kinds })
}

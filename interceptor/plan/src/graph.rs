//! The automaton, without what is there twice, and its form in bytes.
//!
//! A place is a row of words of 16 bits, the low byte first. The first word says which digits lead on (bits 0 to 9),
//! whether the national number begins here (bit 10) and whether a number may end here (bit 11). Behind it stands, for
//! each digit that leads on, the number of the word at which that place begins; then, where a national number begins,
//! a word with one bit for each length that one may have. The first place is that before any digit.

use std::collections::HashMap;

use anyhow::{Context as _, Result};

/// A place. Digits that lead nowhere lead to [`Graph::NOTHING`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Node {
    pub(crate) ends: bool,
    pub(crate) next: [u32; 10],
    /// For the first place behind a calling code: the lengths of what follows.
    pub(crate) lengths: Option<u16>,
}

/// All places, each of them once.
pub(crate) struct Graph {
    nodes: Vec<Node>,
    known: HashMap<Node, u32>,
}

impl Graph {
    /// The place from which nothing is reached.
    pub(crate) const NOTHING: u32 = 0;

    pub(crate) fn new() -> Self {
        let nothing = Node::default();
        Self { nodes: vec![nothing.clone()], known: HashMap::from([(nothing, Self::NOTHING)]) }
    }

    /// The number of a place, entered if it is new.
    pub(crate) fn enter(&mut self, node: Node) -> u32 {
        let next = u32::try_from(self.nodes.len()).expect("plans have some thousand places");
        *self.known.entry(node).or_insert_with_key(|node| {
            self.nodes.push(node.clone());
            next
        })
    }

    /// The same place, as one behind a calling code.
    pub(crate) fn begin_national(&mut self, node: u32, lengths: u16) -> u32 {
        let node = Node { lengths: Some(lengths), ..self.nodes[node as usize].clone() };
        self.enter(node)
    }

    /// The table; see above. Places stand in the order in which they are reached, so that it is always the same.
    pub(crate) fn bytes(&self, root: u32) -> Result<Vec<u8>> {
        let mut order = vec![root];
        let mut places = HashMap::from([(root, 0)]);
        let mut words = 0u16;
        let mut at = 0;
        while at < order.len() {
            let node = &self.nodes[order[at] as usize];
            places.insert(order[at], words);
            let own = 1 + node.leads().count() + usize::from(node.lengths.is_some());
            words =
                u16::try_from(own).ok().and_then(|own| words.checked_add(own)).context("too many places")?;
            for (_, next) in node.leads() {
                if let std::collections::hash_map::Entry::Vacant(new) = places.entry(next) {
                    new.insert(0);
                    order.push(next);
                }
            }
            at += 1;
        }
        let row = |node: u32| {
            let node = &self.nodes[node as usize];
            let digits = node.leads().fold(0, |bits, (digit, _)| bits | 1 << digit);
            let head = digits | u16::from(node.lengths.is_some()) << 10 | u16::from(node.ends) << 11;
            let next = node.leads().map(|(_, next)| places[&next]).collect::<Vec<u16>>();
            [head].into_iter().chain(next).chain(node.lengths)
        };
        Ok(order.iter().flat_map(|node| row(*node)).flat_map(u16::to_le_bytes).collect())
    }
}

impl Node {
    fn leads(&self) -> impl Iterator<Item = (usize, u32)> {
        self.next.iter().copied().enumerate().filter(|(_, next)| *next != Graph::NOTHING)
    }
}

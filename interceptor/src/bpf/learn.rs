//! What the kernel side needs to learn addresses from DNS answers, and what it has learned: names, resolvers, addresses.
//! Knows maps. Does not know where names and resolvers come from.

use super::table::Table;
use super::{CaptureError, Swept, monotonic, names};
use aya::Ebpf;
use interceptor_common::dns::{NameEdge, NameKey};
use interceptor_common::{Address, Learned};
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

/// Elements of the maps, as the object declares them.
const LEARNED: usize = 65_536;
const NAMES: usize = 16_384;
const RESOLVERS: usize = 256;

/// Where the nodes of the automaton are numbered from: two generations, of which one is in use.
const GENERATIONS: [u32; 2] = [1, 1 << 31];

/// A handle on the maps, cheap to clone and usable from every thread; names and resolvers have one writer.
#[derive(Clone, Debug)]
pub struct Learning {
    names: Table<NameKey, NameEdge>,
    resolvers: Table<Address, u32>,
    learned: Table<Address, Learned>,
}

impl Learning {
    pub(super) fn open(programs: &Ebpf) -> Result<Self, CaptureError> {
        Ok(Self {
            names: Table::open(programs, "NAMES")?,
            resolvers: Table::open(programs, "RESOLVERS")?,
            learned: Table::open(programs, "LEARNED")?,
        })
    }

    /// Replaces the names whose addresses are learned: patterns as the catalogue has them, each with the number of its
    /// provider, which is not 0. A connection that is being looked up meets the old names or the new ones.
    ///
    /// # Errors
    /// The names in force stay in force.
    pub fn set_names<'a>(&self, names: impl Iterator<Item = (&'a str, u32)>) -> Result<(), CaptureError> {
        let old = self.names.look_up(&NameKey::ROOT)?.map(|root| root.next);
        let first = if old == Some(GENERATIONS[0]) { GENERATIONS[1] } else { GENERATIONS[0] };
        let edges = names::compile(names, first)?;
        let entered = edges.iter().try_for_each(|(key, edge)| self.names.insert(key, edge));
        let entered =
            entered.and_then(|()| self.names.insert(&NameKey::ROOT, &NameEdge { next: first, provider: 0 }));
        // Half of a generation that found no room is swept like an old one.
        let kept = if entered.is_ok() { edges } else { self.generation(old)? };
        self.retain(&kept)?;
        entered
    }

    /// The edges in force.
    fn generation(&self, root: Option<u32>) -> Result<HashMap<NameKey, NameEdge>, CaptureError> {
        let Some(root) = root else { return Ok(HashMap::new()) };
        let is_old = |node: u32| (node >= GENERATIONS[1]) == (root >= GENERATIONS[1]);
        let mut edges = HashMap::new();
        for key in self.names.keys(NAMES)? {
            if let Some(edge) = self.names.look_up(&key)?.filter(|_| is_old(key.node)) {
                edges.insert(key, edge);
            }
        }
        Ok(edges)
    }

    fn retain(&self, kept: &HashMap<NameKey, NameEdge>) -> Result<(), CaptureError> {
        for key in self.names.keys(NAMES)? {
            if key != NameKey::ROOT && !kept.contains_key(&key) {
                self.names.remove(&key)?;
            }
        }
        Ok(())
    }

    /// Replaces the set of those who are believed. They answer from port 53.
    pub fn set_resolvers(&self, resolvers: &[IpAddr]) -> Result<(), CaptureError> {
        let wanted: Vec<Address> = resolvers.iter().map(|ip| Address::from(*ip)).collect();
        for address in self.resolvers.keys(RESOLVERS)? {
            if !wanted.contains(&address) {
                self.resolvers.remove(&address)?;
            }
        }
        wanted.iter().try_for_each(|address| self.resolvers.insert(address, &1))
    }

    /// Whether the address was learned and is still kept; with what is known of it.
    pub fn learned(&self, address: IpAddr) -> Result<Option<Learned>, CaptureError> {
        self.learned.look_up(&address.into())
    }

    /// How many addresses are kept.
    pub fn count(&self) -> Result<usize, CaptureError> {
        Ok(self.learned.keys(LEARNED)?.len())
    }

    /// Forgets addresses that were in no answer for `keep`.
    pub fn sweep(&self, keep: Duration) -> Result<Swept, CaptureError> {
        let now = monotonic()?;
        let is_old = |learned: &Learned| now.saturating_sub(Duration::from_nanos(learned.at)) > keep;
        let addresses = self.learned.keys(LEARNED)?;
        let mut swept = Swept { seen: addresses.len(), removed: 0 };
        for address in addresses {
            if !self.learned.look_up(&address)?.as_ref().is_some_and(is_old) {
                continue;
            }
            match self.learned.take(&address)? {
                // Between the two calls it was in an answer again.
                Some(learned) if !is_old(&learned) => drop(self.learned.insert_new(&address, &learned)?),
                Some(_) => swept.removed += 1,
                None => {}
            }
        }
        Ok(swept)
    }
}

//! What was found in texts and in whole messages, kept for as long as an engine lives. Knows callers and versions of
//! the rules. Does not know how anything is found.

use std::sync::Arc;

use super::Spot;
use crate::cache::{self, Cache, Held};
use crate::exchange::inspect::Said;
use crate::policy::Subject;

/// Remembers what was found in texts and in whole messages, for as long as an engine lives. Shared by all its
/// exchanges; bounded.
#[derive(Clone, Debug)]
pub struct VerdictCache {
    texts: Arc<Cache<Spot>>,
    elements: Arc<Cache<Said>>,
    /// How long elements are that begin in the same way.
    lengths: Arc<Cache<u32>>,
}

/// What it remembers for one caller.
#[derive(Debug)]
pub(in crate::exchange) struct Memories {
    pub(in crate::exchange) texts: cache::View<Spot>,
    pub(in crate::exchange) elements: cache::View<Said>,
    pub(in crate::exchange) lengths: cache::View<u32>,
}

pub(in crate::exchange) type Memory = Arc<Memories>;

impl VerdictCache {
    /// An empty cache of at most `bytes`. The secret keeps others from making texts that are taken for one another, so
    /// it must be random and new with every start.
    pub fn new(secret: [u8; 32], bytes: usize) -> Self {
        let (lengths, elements) = (bytes / 8, bytes / 8 * 3);
        VerdictCache {
            texts: Cache::new(secret, bytes - lengths - elements),
            elements: Cache::new(secret, elements),
            lengths: Cache::new(secret, lengths),
        }
    }

    /// What it costs at the moment, in bytes.
    pub fn cost(&self) -> usize {
        self.texts.cost() + self.elements.cost() + self.lengths.cost()
    }

    /// The part of a caller: of a pod's namespace, or of a control group and user where there is none.
    pub(in crate::exchange) fn of(&self, subject: &Subject, version: &str) -> Memory {
        let uid = subject.uid.to_le_bytes();
        let tenant: &[&[u8]] = match subject.tenant() {
            Some(namespace) => &[namespace.as_bytes()],
            None => &[subject.cgroup.as_bytes(), &uid],
        };
        Arc::new(Memories {
            texts: self.texts.view(tenant, version),
            elements: self.elements.view(tenant, version),
            lengths: self.lengths.view(tenant, version),
        })
    }
}

impl Held for Spot {}

//! Remembers which workloads have refused certificates of our authority, and for which names.
//! Knows cgroups and names. Does not decide: policy says whether such a workload passes or keeps failing.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::hello::Host;

/// How long a refusal counts. A workload whose image was mended is inspected again after this at the latest.
const MEMORY: Duration = Duration::from_secs(600);
/// The most (workload, name) pairs remembered; the oldest make room.
const MAX_PAIRS: usize = 8_192;

/// Refusals by workload and name.
#[derive(Debug, Default)]
pub struct Trust {
    refusals: Mutex<HashMap<(u64, Host), Instant>>,
}

impl Trust {
    /// A workload has refused our certificate for a name.
    pub fn refused(&self, cgroup: u64, host: &Host) {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        if refusals.len() >= MAX_PAIRS {
            refusals.retain(|_, at| at.elapsed() < MEMORY);
        }
        if refusals.len() >= MAX_PAIRS {
            let oldest = refusals.iter().min_by_key(|(_, at)| **at).map(|(pair, _)| pair.clone());
            oldest.and_then(|pair| refusals.remove(&pair));
        }
        refusals.insert((cgroup, host.clone()), Instant::now());
    }

    /// Whether a workload has refused our certificate for a name not long ago.
    pub fn is_refused(&self, cgroup: u64, host: &Host) -> bool {
        let refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        !refusals.is_empty() && refusals.get(&(cgroup, host.clone())).is_some_and(|at| at.elapsed() < MEMORY)
    }

    /// A workload has accepted our certificate for a name.
    pub fn accepted(&self, cgroup: u64, host: &Host) {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        if !refusals.is_empty() {
            refusals.remove(&(cgroup, host.clone()));
        }
    }
}

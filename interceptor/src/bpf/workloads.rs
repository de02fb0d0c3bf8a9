//! The kernel side's counts by workload, typed.

use super::table::Table;
use super::{CaptureError, Swept};
use aya::Ebpf;
use interceptor_common::{Counter, WorkloadKey};
use std::collections::HashSet;

/// Elements of the map, as the object declares it.
const CAPACITY: usize = 16_384;

/// How often one thing happened to one workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkloadCount {
    /// Id of the workload's cgroup.
    pub cgroup: u64,
    /// What happened: a counter that the node has as well.
    pub outcome: Counter,
    /// Why: the outcome itself, or the decision behind what the guard saw.
    pub reason: Counter,
    /// How often.
    pub count: u64,
}

/// A handle on the map, cheap to clone and usable from every thread.
#[derive(Clone, Debug)]
pub struct Workloads {
    table: Table<WorkloadKey, u64>,
}

impl Workloads {
    pub(super) fn open(programs: &Ebpf) -> Result<Self, CaptureError> {
        Ok(Self { table: Table::open(programs, "WORKLOADS")? })
    }

    /// All counts. They only grow, until their cgroup is gone and its counts are dropped.
    pub fn read(&self) -> Result<Vec<WorkloadCount>, CaptureError> {
        let mut counts = Vec::new();
        for key in self.table.keys(CAPACITY)? {
            // The object speaks our ABI, and so knows no other slots.
            let known = Counter::of_slot(key.outcome).zip(Counter::of_slot(key.reason));
            if let (Some((outcome, reason)), Some(count)) = (known, self.table.look_up(&key)?) {
                counts.push(WorkloadCount { cgroup: key.cgroup, outcome, reason, count });
            }
        }
        Ok(counts)
    }

    /// Drops the counts of cgroups that are not among `alive`, and says how many counts that were. The kernel does not
    /// use an id again while the machine runs.
    pub fn retain(&self, alive: &HashSet<u64>) -> Result<Swept, CaptureError> {
        let keys = self.table.keys(CAPACITY)?;
        let mut swept = Swept { seen: keys.len(), removed: 0 };
        for key in keys.iter().filter(|key| !alive.contains(&key.cgroup)) {
            swept.removed += usize::from(self.table.remove(key)?);
        }
        Ok(swept)
    }

    /// Whether more than half of the room is taken. Until then the counts of cgroups that are gone are kept: a report
    /// may still want them.
    pub fn is_crowded(&self) -> Result<bool, CaptureError> {
        Ok(self.table.keys(CAPACITY)?.len() > CAPACITY / 2)
    }
}

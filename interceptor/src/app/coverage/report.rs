//! What a report of coverage says, as it is served and read: the fields' names are stable, and a count by reason has
//! only the reasons that occurred.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Counts by reason.
pub type Counts = BTreeMap<String, u64>;

/// The reason for passing a connection whose name is no AI provider's: nothing was left out by that.
const OTHER_NAME: &str = "other_name";

/// Everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Whether every line does.
    pub adds_up: bool,
    /// By workload, those with the most attempts first.
    pub workloads: Vec<Workload>,
    /// What cannot be said of one workload.
    pub node: Node,
}

/// Attempts of one workload to reach AI endpoints, each of which is counted once:
///
/// ```text
/// attempts   = redirected + refused + left
/// redirected = inspected + passed + rejected + failed + dropped + open + waiting + earlier + unaccounted
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// What people know it by: the path of its cgroup, or what is left of a cgroup that is gone.
    pub name: String,
    /// Id of its cgroup; none for the line of those that found no room of their own, and for packets without a socket.
    pub cgroup: Option<u64>,
    /// The pod's uid, if the path has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// The container's id, if the path has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// All of them.
    pub attempts: u64,
    /// Refused in the kernel: direct connections to the listener, datagrams (QUIC), the fail policy `closed`, raw packets
    /// that were dropped.
    pub refused: Counts,
    /// Went to the endpoint and past the daemon: the fail policy `open`, namespaces that are not served, what no hook saw,
    /// raw packets.
    pub left: Counts,
    /// Brought to the daemon.
    pub redirected: u64,
    /// Terminated, and each exchange inspected.
    pub inspected: u64,
    /// Exchanges on these that became WebSocket, uninspected from there on. Not part of a sum.
    pub upgraded: u64,
    /// Connections that went through a configured proxy, whatever became of them. Not part of a sum.
    pub tunnelled: u64,
    /// Copied unread. `other_name` is no AI provider's name.
    pub passed: Counts,
    /// Refused by the daemon.
    pub rejected: Counts,
    /// Ended before anything was served, by the application or by the origin.
    pub failed: Counts,
    /// Never given to a worker.
    pub dropped: Counts,
    /// Being served now.
    pub open: u64,
    /// Not accepted yet.
    pub waiting: u64,
    /// Brought to an earlier daemon, whose account ended with it.
    pub earlier: u64,
    /// What is missing from the second sum; negative if it has too much.
    pub unaccounted: i64,
    /// Whether nothing is.
    pub adds_up: bool,
    /// Of `left` and `refused`, what the egress guard saw leaving later, by the decision behind it. Part of no sum.
    pub seen_leaving: Counts,
    /// The same, where the guard dropped it.
    pub seen_dropped: Counts,
}

/// What cannot be said of one workload.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Whether the kernel's counters of the node are the sums of those by workload.
    pub adds_up: bool,
    /// By counter, how much the sums lack: counts that found no room, or were dropped with workloads that are gone.
    pub not_by_workload: Counts,
    /// Redirected connections that found no room in the kernel's table of flows, and were reset.
    pub without_record: u64,
    /// The raw packets of `left` and `refused` by the interface that they came out of, where there were some: those that
    /// exist and are guarded now. Part of no sum.
    #[serde(default)]
    pub raw_packets: Vec<RawPackets>,
}

/// Packets to endpoints that no socket had sent, by interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawPackets {
    /// Its name.
    pub interface: String,
    /// Those that went on.
    pub left: u64,
    /// Those that were dropped.
    pub refused: u64,
}

impl Workload {
    /// Attempts that reached an AI provider, or may have, and that nobody has inspected.
    pub fn uninspected(&self) -> u64 {
        let passed = self.passed.iter().filter(|(reason, _)| *reason != OTHER_NAME).map(|(_, count)| count);
        sum(&self.left) + passed.sum::<u64>() + self.upgraded + self.earlier
    }
}

impl Report {
    /// See [`Workload::uninspected`].
    pub fn uninspected(&self) -> u64 {
        self.workloads.iter().map(Workload::uninspected).sum()
    }
}

/// All reasons together.
pub fn sum(counts: &Counts) -> u64 {
    counts.values().sum()
}

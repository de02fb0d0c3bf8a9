//! Joins the two halves of the account. Pure: numbers in, a report out.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use interceptor_common::Counter;

use super::name::Names;
use super::report::{Counts, Node, RawPackets, Report, Workload, sum};
use crate::bpf::WorkloadCount;
use crate::telemetry::coverage::{Account, Accounts, Fate};

/// No cgroup's id: what the kernel side counts under it has none.
pub(in crate::app) const NO_SOCKET: u64 = 0;

/// What was read.
pub(super) struct Halves {
    /// The kernel's counters of the node.
    pub(super) node: HashMap<Counter, u64>,
    /// The kernel's counts by workload.
    pub(super) counts: Vec<WorkloadCount>,
    /// Redirected connections that wait to be accepted, by workload.
    pub(super) waiting: HashMap<u64, u64>,
    /// The daemon's accounts.
    pub(super) accounts: Accounts,
    /// Redirected connections that were another daemon's, by workload.
    pub(super) earlier: HashMap<u64, u64>,
    /// Raw packets by guarded interface.
    pub(super) raw_packets: Vec<RawPackets>,
}

impl Halves {
    /// Redirected connections that neither wait nor are in the daemon's accounts, by workload.
    pub(super) fn not_ours(&self) -> HashMap<u64, u64> {
        let redirected = self.counts.iter().filter(|count| count.outcome == Counter::Redirected);
        redirected
            .map(|count| {
                let ours = self.accounts.workloads.get(&count.cgroup).map_or(0, Account::total);
                let waiting = self.waiting.get(&count.cgroup).copied().unwrap_or(0);
                (count.cgroup, count.count.saturating_sub(ours + waiting))
            })
            .collect()
    }

    /// The report.
    pub(super) fn join(&self, names: &Names) -> Report {
        let mut counts: HashMap<u64, Vec<&WorkloadCount>> = HashMap::new();
        for count in &self.counts {
            counts.entry(count.cgroup).or_default().push(count);
        }
        let mut lines: HashMap<Option<u64>, Workload> = HashMap::new();
        for cgroup in self.cgroups() {
            // Where the daemon had no room for all, those without an account share the others' line.
            let is_shared = self.accounts.others.is_some() && !self.accounts.workloads.contains_key(&cgroup);
            let cgroup_of_line = (!is_shared).then_some(cgroup);
            let line = lines.entry(cgroup_of_line).or_insert_with(|| match cgroup_of_line {
                Some(cgroup) => named(names, cgroup),
                None => Workload { name: "other workloads".to_owned(), ..Workload::default() },
            });
            for count in counts.remove(&cgroup).unwrap_or_default() {
                add_count(line, count);
            }
            self.add_rest(line, cgroup);
        }
        if let (Some(others), Some(line)) = (&self.accounts.others, lines.get_mut(&None)) {
            add_account(line, others);
        }
        let mut workloads: Vec<_> = lines.into_values().map(settle).collect();
        workloads.sort_by_key(|line| (Reverse(line.attempts), line.cgroup));
        let node = self.node();
        let adds_up = node.adds_up && workloads.iter().all(|line| line.adds_up);
        Report { adds_up, workloads, node }
    }

    fn cgroups(&self) -> BTreeSet<u64> {
        let kernel = self.counts.iter().map(|count| count.cgroup);
        kernel.chain(self.waiting.keys().copied()).chain(self.accounts.workloads.keys().copied()).collect()
    }

    fn add_rest(&self, line: &mut Workload, cgroup: u64) {
        line.waiting += self.waiting.get(&cgroup).copied().unwrap_or(0);
        line.earlier += self.earlier.get(&cgroup).copied().unwrap_or(0);
        if let Some(account) = self.accounts.workloads.get(&cgroup) {
            add_account(line, account);
        }
    }

    fn node(&self) -> Node {
        let mut by_workload: HashMap<Counter, u64> = HashMap::new();
        for count in &self.counts {
            *by_workload.entry(count.outcome).or_default() += count.count;
        }
        let mut not_by_workload = Counts::new();
        for counter in Counter::ALL.into_iter().filter(|counter| kind(*counter).is_some()) {
            let node = self.node.get(&counter).copied().unwrap_or(0);
            let lacking = node.saturating_sub(by_workload.get(&counter).copied().unwrap_or(0));
            add(&mut not_by_workload, counter.name(), lacking);
        }
        let without_record = self.node.get(&Counter::FlowFull).copied().unwrap_or(0);
        let raw_packets = self.raw_packets.clone();
        Node { adds_up: not_by_workload.is_empty(), not_by_workload, without_record, raw_packets }
    }
}

fn named(names: &Names, cgroup: u64) -> Workload {
    if cgroup == NO_SOCKET {
        // Packets of virtual machines, and those that something has held up on their way.
        return Workload { name: "packets without a socket".to_owned(), ..Workload::default() };
    }
    let name = names.of(cgroup);
    let (pod, container) = (name.pod, name.container);
    Workload { name: name.text, cgroup: Some(cgroup), pod, container, ..Workload::default() }
}

/// What one of the kernel's counters says of an attempt.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Redirected,
    Refused,
    Left,
    /// It was seen leaving.
    Seen,
    /// It was seen leaving, and dropped.
    SeenDropped,
}

/// `None` for what the kernel side does not count by workload.
fn kind(counter: Counter) -> Option<Kind> {
    use Counter as C;
    match counter {
        C::Redirected => Some(Kind::Redirected),
        C::DirectConnect | C::NoListenerRefused | C::NotRecordedRefused => Some(Kind::Refused),
        C::SilentRefused | C::UnknownRefused | C::DatagramRefused => Some(Kind::Refused),
        C::UnknownNamespace | C::NoListenerLeft | C::NotRecordedLeft | C::SilentLeft => Some(Kind::Left),
        C::RawPacketLeft => Some(Kind::Left),
        C::RawPacketRefused | C::ForbiddenRefused => Some(Kind::Refused),
        C::GuardLeft | C::GuardUnseen => Some(Kind::Seen),
        C::GuardDropped => Some(Kind::SeenDropped),
        C::Inactive | C::Exempt | C::OtherProtocol | C::Loopback | C::OtherPort | C::OtherAddress => None,
        C::FlowEntered | C::FlowFull | C::EventLost | C::PeerShown | C::WorkloadsFull => None,
        C::DnsAnswer | C::DnsLearned | C::DnsFull | C::DnsStranger | C::DnsTruncated => None,
        C::DnsBound | C::DnsBroken | C::DnsUnread | C::DnsServiceDropped | C::OthersFull => None,
    }
}

/// Puts one of the kernel's counts where it belongs. What the guard saw is an attempt of its own if no hook has counted
/// it: if none saw it, or if the programs were not active then.
fn add_count(line: &mut Workload, count: &WorkloadCount) {
    let WorkloadCount { outcome, reason, count, .. } = *count;
    let is_first = matches!(reason, Counter::GuardUnseen | Counter::Inactive);
    match kind(outcome) {
        Some(Kind::Redirected) => line.redirected += count,
        Some(Kind::Refused) => add(&mut line.refused, short(outcome), count),
        Some(Kind::Left) => add(&mut line.left, short(outcome), count),
        Some(Kind::Seen) if is_first => add(&mut line.left, short(reason), count),
        Some(Kind::SeenDropped) if is_first => add(&mut line.refused, short(reason), count),
        Some(Kind::Seen) => add(&mut line.seen_leaving, short(reason), count),
        Some(Kind::SeenDropped) => add(&mut line.seen_dropped, short(reason), count),
        // The object speaks our ABI, and so counts nothing else by workload.
        None => {}
    }
}

/// A counter's name without what its place in the report says already.
fn short(counter: Counter) -> &'static str {
    let name = counter.name();
    let rest = ["left_", "refused_", "guard_"].iter().find_map(|prefix| name.strip_prefix(prefix));
    rest.unwrap_or(name)
}

fn add_account(line: &mut Workload, account: &Account) {
    line.open += account.open;
    line.upgraded += account.upgraded;
    line.tunnelled += account.tunnelled;
    for (fate, count) in &account.fates {
        match fate {
            Fate::Inspected => line.inspected += count,
            Fate::Passed(why) => add(&mut line.passed, why, *count),
            Fate::Refused(why) => add(&mut line.rejected, why, *count),
            Fate::Failed(why) => add(&mut line.failed, why, *count),
            Fate::Dropped(why) => add(&mut line.dropped, why, *count),
        }
    }
}

fn add(counts: &mut Counts, reason: &str, count: u64) {
    if count > 0 {
        *counts.entry(reason.to_owned()).or_default() += count;
    }
}

/// Fills in the sums.
fn settle(mut line: Workload) -> Workload {
    line.attempts = line.redirected + sum(&line.refused) + sum(&line.left);
    let by_reason = [&line.passed, &line.rejected, &line.failed, &line.dropped].into_iter().map(sum);
    let known = by_reason.sum::<u64>() + line.inspected + line.open + line.waiting + line.earlier;
    line.unaccounted = line.redirected.cast_signed() - known.cast_signed();
    line.adds_up = line.unaccounted == 0;
    line
}

#[cfg(test)]
mod tests;

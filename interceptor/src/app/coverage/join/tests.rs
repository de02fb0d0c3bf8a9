//! The two halves of an account: where each count goes, and what happens when they do not fit.

use super::*;

const APP: u64 = 7;

fn count(outcome: Counter, reason: Counter, count: u64) -> WorkloadCount {
    WorkloadCount { cgroup: APP, outcome, reason, count }
}

fn halves(counts: &[WorkloadCount], fates: &[(Fate, u64)], open: u64) -> Halves {
    let mut node = HashMap::new();
    for count in counts {
        *node.entry(count.outcome).or_default() += count.count;
    }
    let account = Account { open, upgraded: 0, tunnelled: 0, fates: fates.iter().copied().collect() };
    let accounts = Accounts { workloads: [(APP, account)].into(), others: None };
    let raw_packets = Vec::new();
    let (waiting, earlier) = (HashMap::new(), HashMap::new());
    Halves { node, counts: counts.to_vec(), waiting, accounts, earlier, raw_packets }
}

fn only(report: Report) -> Workload {
    let [line] = <[Workload; 1]>::try_from(report.workloads).unwrap();
    line
}

fn counts(of: &[(&str, u64)]) -> Counts {
    of.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect()
}

#[test]
fn each_attempt_has_one_place_and_they_add_up() {
    use Counter as C;
    let kernel = [
        count(C::Redirected, C::Redirected, 10),
        count(C::DatagramRefused, C::DatagramRefused, 2),
        count(C::NoListenerLeft, C::NoListenerLeft, 3),
        count(C::GuardLeft, C::NoListenerLeft, 3),
        count(C::GuardLeft, C::Inactive, 1),
        count(C::GuardUnseen, C::GuardUnseen, 1),
        count(C::GuardDropped, C::GuardUnseen, 1),
        count(C::GuardDropped, C::UnknownNamespace, 1),
    ];
    let fates = [
        (Fate::Inspected, 4),
        (Fate::Passed("other_name"), 2),
        (Fate::Refused("framing"), 1),
        (Fate::Failed("client_untrusted"), 1),
        (Fate::Dropped("not_accepted"), 1),
    ];
    let report = halves(&kernel, &fates, 1).join(&Names::none());
    assert!(report.adds_up, "{report:?}");
    let line = only(report);
    assert_eq!((line.attempts, line.redirected, line.unaccounted), (18, 10, 0));
    assert_eq!(line.refused, counts(&[("datagram", 2), ("unseen", 1)]));
    assert_eq!(line.left, counts(&[("inactive", 1), ("no_listener", 3), ("unseen", 1)]));
    assert_eq!(line.seen_leaving, counts(&[("no_listener", 3)]));
    assert_eq!(line.seen_dropped, counts(&[("unknown_namespace", 1)]));
    assert_eq!(line.uninspected(), 5);
}

#[test]
fn what_is_missing_is_told_by_how_much_in_either_direction() {
    let kernel = [count(Counter::Redirected, Counter::Redirected, 5)];
    for (inspected, unaccounted) in [(3, 2), (5, 0), (6, -1)] {
        let report = halves(&kernel, &[(Fate::Inspected, inspected)], 0).join(&Names::none());
        assert_eq!(report.adds_up, unaccounted == 0);
        assert_eq!(only(report).unaccounted, unaccounted);
    }
}

#[test]
fn what_an_earlier_daemon_was_brought_is_its_own() {
    let kernel = [count(Counter::Redirected, Counter::Redirected, 5)];
    let mut halves = halves(&kernel, &[(Fate::Inspected, 1)], 1);
    halves.waiting.insert(APP, 1);
    assert_eq!(halves.not_ours(), [(APP, 2)].into());
    halves.earlier = halves.not_ours();
    let line = only(halves.join(&Names::none()));
    assert_eq!((line.earlier, line.waiting, line.adds_up), (2, 1, true));
    assert_eq!(line.uninspected(), 2);
}

#[test]
fn workloads_without_room_share_a_line_in_both_halves() {
    let kernel = [
        count(Counter::Redirected, Counter::Redirected, 2),
        WorkloadCount { cgroup: 8, ..count(Counter::Redirected, Counter::Redirected, 3) },
        WorkloadCount { cgroup: 9, ..count(Counter::Redirected, Counter::Redirected, 4) },
    ];
    let mut halves = halves(&kernel, &[(Fate::Inspected, 2)], 0);
    halves.accounts.others = Some(Account { open: 7, ..Account::default() });
    let report = halves.join(&Names::none());
    assert!(report.adds_up, "{report:?}");
    let names: Vec<_> = report.workloads.iter().map(|line| (line.name.as_str(), line.attempts)).collect();
    assert_eq!(names, [("other workloads", 7), ("gone (cgroup 7)", 2)]);
}

#[test]
fn counts_that_no_workload_has_are_the_nodes() {
    let mut halves = halves(&[], &[], 0);
    halves.node = HashMap::from([(Counter::Redirected, 4), (Counter::OtherPort, 9), (Counter::FlowFull, 1)]);
    let report = halves.join(&Names::none());
    assert!(!report.adds_up);
    let not_by_workload = counts(&[("redirected", 4)]);
    let raw_packets = Vec::new();
    assert_eq!(report.node, Node { adds_up: false, not_by_workload, without_record: 1, raw_packets });
}

#[test]
fn raw_packets_are_attempts_and_those_without_a_socket_have_a_line() {
    let raw = |outcome, cgroup, times| WorkloadCount { cgroup, ..count(outcome, outcome, times) };
    let kernel = [
        raw(Counter::RawPacketLeft, APP, 3),
        raw(Counter::RawPacketRefused, APP, 2),
        raw(Counter::RawPacketRefused, NO_SOCKET, 7),
    ];
    let mut halves = halves(&kernel, &[], 0);
    halves.raw_packets = vec![RawPackets { interface: "veth0".to_owned(), left: 3, refused: 9 }];
    let report = halves.join(&Names::none());
    assert!(report.adds_up, "{report:?}");
    assert_eq!(report.uninspected(), 3);
    assert_eq!(report.node.raw_packets, halves.raw_packets);
    let [machine, app] = <[Workload; 2]>::try_from(report.workloads).unwrap();
    assert_eq!((machine.name.as_str(), machine.cgroup), ("packets without a socket", None));
    assert_eq!(machine.refused, counts(&[("raw_packet", 7)]));
    assert_eq!(
        (app.attempts, app.left, app.refused),
        (5, counts(&[("raw_packet", 3)]), counts(&[("raw_packet", 2)]))
    );
}

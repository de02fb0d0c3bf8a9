//! Ways around the connect hooks: each is refused, or seen and counted by workload.

use crate::bed::{Bed, ENDPOINTS, OTHERS, Probe, at, ip};
use interceptor::bpf::{self, WorkloadCount};
use interceptor_common::{Counter, EventKind, Namespace};
use interceptor_tests::cgroup::Cgroup;
use interceptor_tests::{gate, require_kernel};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::IpAddr;
use std::process::{Child, Command, Stdio};

const MAPPED: &str = "::ffff:203.0.113.10";

fn sender(bed: &Bed, cgroup: &Cgroup, words: &[&str]) -> Command {
    let mut command = bed.app.namespace.command(env!("CARGO_BIN_EXE_sender"));
    cgroup.adopt(&mut command);
    command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

/// What an application of the bed says that it met.
pub(crate) fn sent(bed: &Bed, words: &[&str]) -> Value {
    sent_from(bed, &bed.apps, words)
}

fn sent_from(bed: &Bed, cgroup: &Cgroup, words: &[&str]) -> Value {
    let output = sender(bed, cgroup, words).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

/// An application that waits to be told, and has its socket already.
struct Late(Child, BufReader<std::process::ChildStdout>);

impl Late {
    fn start(bed: &Bed, words: &[&str]) -> Self {
        let mut child = sender(bed, &bed.apps, words).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Self(child, output)
    }

    fn go_on(mut self) -> Value {
        self.0.stdin.take().unwrap().write_all(b"\n").unwrap();
        let mut line = String::new();
        self.1.read_line(&mut line).unwrap();
        self.0.wait().unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

/// All counts by workload, sorted.
pub(crate) fn counts(bed: &Bed) -> Vec<(u64, Counter, Counter, u64)> {
    let read = bed.capture.workloads().read().unwrap();
    let flat = |WorkloadCount { cgroup, outcome, reason, count }| (cgroup, outcome, reason, count);
    let mut all: Vec<_> = read.into_iter().map(flat).collect();
    all.sort_by_key(|(cgroup, outcome, reason, _)| (*cgroup, outcome.slot(), reason.slot()));
    all
}

#[test]
fn case_10_a_socket_from_before_the_programs_is_redirected_when_it_connects() {
    require_kernel!();
    let mut bed = Bed::loaded(16);
    let late = Late::start(&bed, &["late", &at(ENDPOINTS[0], 443).0]);
    bed.capture.attach(bed.cgroup.path()).unwrap();
    bed.enrol(&bed.app, 0);
    assert_eq!(late.go_on(), json!({ "connected": null }));
    let flow = bed.accept().flow.expect("the flow was entered");
    assert_eq!(IpAddr::from(flow.destination), ip(ENDPOINTS[0]));
}

#[test]
fn case_10_a_datagram_socket_connected_before_the_programs_is_counted() {
    require_kernel!();
    let mut bed = Bed::loaded(16);
    let late = Late::start(&bed, &["late-datagram", &at(ENDPOINTS[0], 443).0]);
    bed.capture.attach(bed.cgroup.path()).unwrap();
    bed.enrol(&bed.app, Namespace::CLOSED);
    // No hook has seen which namespace it is in.
    assert_eq!(late.go_on(), json!({ "sent": null }));
    assert_eq!(counts(&bed), [(bed.apps.id(), Counter::GuardUnseen, Counter::GuardUnseen, 1)]);
}

#[test]
fn case_16_quic_to_an_endpoint_is_refused_and_tcp_works() {
    require_kernel!();
    let mut bed = Bed::new();
    let mut events = bed.capture.take_events().unwrap();
    // One count for each attempt, however often a connected socket repeats it. To a mapped address the kernel sends
    // each datagram as if its socket were not connected.
    for (endpoint, one, both) in [(ENDPOINTS[0], 1, 2), (ENDPOINTS[1], 3, 4), (MAPPED, 5, 7)] {
        let (text, _) = at(endpoint, 443);
        assert_eq!(sent(&bed, &["datagram", &text]), json!({ "sent": libc::EPERM }), "{endpoint}");
        assert_eq!(bed.count(Counter::DatagramRefused), one, "{endpoint}");
        // Not at connect: see the test of address selection.
        let refused = json!({ "connected": null, "sent": libc::EPERM, "again": libc::EPERM });
        assert_eq!(sent(&bed, &["connected", &text]), refused, "{endpoint}");
        assert_eq!(bed.count(Counter::DatagramRefused), both, "{endpoint}");
    }
    let reason = Counter::DatagramRefused;
    assert_eq!(counts(&bed), [(bed.apps.id(), reason, reason, 7)]);
    let event = events.next().expect("the daemon is told");
    assert_eq!(EventKind::of(event.kind), Some(EventKind::DatagramRefused));
    assert_eq!(IpAddr::from(event.destination), ip(ENDPOINTS[0]));

    let _probe = bed.probe(&[&at(ENDPOINTS[0], 443).0]);
    assert!(bed.accept().flow.is_some());
}

#[test]
fn case_16_other_datagrams_go_where_they_want() {
    require_kernel!();
    let bed = Bed::new();
    for (address, port) in [(ENDPOINTS[0], 53), (OTHERS[0], 443), (OTHERS[1], 443), ("127.0.0.1", 443)] {
        let (text, _) = at(address, port);
        assert_eq!(sent(&bed, &["datagram", &text]), json!({ "sent": null }), "{text}");
    }
    let (text, _) = at(ENDPOINTS[0], 443);
    assert_eq!(sent_from(&bed, &bed.cgroup, &["datagram", &text]), json!({ "sent": null }), "the daemon");
    assert_eq!(sent_from(&bed, &bed.cgroup, &["connected", &text])["sent"], json!(null), "the daemon");
    assert_eq!(counts(&bed), []);
}

#[test]
fn case_16_a_strict_namespace_sends_no_quic_at_all() {
    require_kernel!();
    let bed = Bed::bare(16);
    bed.enrol(&bed.app, Namespace::STRICT);
    for address in [OTHERS[0], OTHERS[1], ENDPOINTS[0]] {
        let (text, _) = at(address, 443);
        assert_eq!(sent(&bed, &["datagram", &text])["sent"], json!(libc::EPERM));
        assert_eq!(sent(&bed, &["connected", &text])["sent"], json!(libc::EPERM));
    }
    assert_eq!(sent(&bed, &["datagram", &at("127.0.0.1", 443).0])["sent"], json!(null));
    assert_eq!(bed.count(Counter::DatagramRefused), 6);
}

#[test]
fn case_16_datagrams_of_an_unknown_namespace_leave_and_are_counted() {
    require_kernel!();
    let bed = Bed::bare(16);
    let (text, _) = at(ENDPOINTS[0], 443);
    assert_eq!(sent(&bed, &["datagram", &text])["sent"], json!(null));
    assert_eq!(sent(&bed, &["connected", &text])["sent"], json!(null));
    assert_eq!(counts(&bed), [(bed.apps.id(), Counter::GuardLeft, Counter::UnknownNamespace, 2)]);
}

/// The C library connects UDP sockets to find out which of a name's addresses can be reached.
#[test]
fn case_16_address_selection_goes_on_as_before() {
    require_kernel!();
    const PYTHON: &str = "/usr/bin/python3";
    if !gate::passes(gate::program(PYTHON)) {
        return;
    }
    let bed = Bed::new();
    // No route leads there, as on a node without IPv6.
    let unreachable = "2001:db8:ffff::10";
    bed.capture.add_address(ip(unreachable), interceptor_common::Endpoint { provider: 1 }).unwrap();
    let hosts = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(hosts.path(), format!("{unreachable} dual.test\n{} dual.test\n", ENDPOINTS[0])).unwrap();
    let place = interceptor_tests::place::Place::new(&bed.app.namespace);
    let place = place.bind(hosts.path(), "/etc/hosts".as_ref()).unwrap();
    let mut python = place.command(PYTHON);
    bed.apps.adopt(&mut python);
    let script = "import socket; print(socket.getaddrinfo('dual.test', 443)[0][4][0])";
    let output = python.args(["-c", script]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), ENDPOINTS[0]);
    assert_eq!(bed.count(Counter::DatagramRefused), 0);
}

#[test]
fn case_17_a_packet_with_its_own_header_is_seen_and_a_closed_namespace_drops_it() {
    require_kernel!();
    let mut bed = Bed::new();
    let mut events = bed.capture.take_events().unwrap();
    let (text, _) = at(ENDPOINTS[0], 443);
    assert_eq!(sent(&bed, &["raw", &text]), json!({ "sent": null }));
    let open = (bed.apps.id(), Counter::GuardUnseen, Counter::GuardUnseen, 1);
    assert_eq!(counts(&bed), [open]);
    let event = events.next().expect("the daemon is told");
    assert_eq!(EventKind::of(event.kind), Some(EventKind::Bypass));
    assert_eq!(
        (IpAddr::from(event.destination), event.port, event.cgroup),
        (ip(ENDPOINTS[0]), 443, bed.apps.id())
    );

    bed.enrol(&bed.app, Namespace::CLOSED);
    assert_eq!(sent(&bed, &["raw", &text]), json!({ "sent": libc::EPERM }));
    let closed = (bed.apps.id(), Counter::GuardDropped, Counter::GuardUnseen, 1);
    assert_eq!(counts(&bed), [open, closed]);
    // To another address it may do as it likes.
    assert_eq!(sent(&bed, &["raw", &at(OTHERS[0], 443).0]), json!({ "sent": null }));
    assert_eq!(counts(&bed), [open, closed]);
}

#[test]
fn case_17_options_in_the_header_hide_nothing() {
    require_kernel!();
    let bed = Bed::new();
    assert_eq!(sent(&bed, &["raw-options", &at(OTHERS[0], 443).0]), json!({ "sent": null }));
    assert_eq!(counts(&bed), []);
    assert_eq!(sent(&bed, &["raw-options", &at(ENDPOINTS[0], 443).0]), json!({ "sent": null }));
    assert_eq!(counts(&bed), [(bed.apps.id(), Counter::GuardUnseen, Counter::GuardUnseen, 1)]);
}

#[test]
fn case_20_no_mark_is_a_way_out() {
    require_kernel!();
    let bed = Bed::new();
    let (text, _) = at(ENDPOINTS[0], 443);
    for mark in
        ["1", "1337", "0x0"].map(|text| u32::from_str_radix(text.trim_start_matches("0x"), 16).unwrap())
    {
        let mark = mark.to_string();
        let late = Late::start(&bed, &["--mark", &mark, "late", &text]);
        assert_eq!(late.go_on(), json!({ "connected": null }));
        assert!(bed.accept().flow.is_some());
        assert_eq!(sent(&bed, &["--mark", &mark, "datagram", &text])["sent"], json!(libc::EPERM));
    }
}

#[test]
fn the_guard_sees_nothing_of_the_daemons_own_sockets() {
    require_kernel!();
    let bed = Bed::new();
    let own = Probe::start(&bed.app.namespace, &bed.cgroup, &[&at(ENDPOINTS[0], 443).0]);
    assert_eq!(own.error, None);
    bed.accept_at_origin();
    assert_eq!(counts(&bed), []);
}

#[test]
fn what_fails_open_is_counted_twice_over_by_decision_and_by_the_guard() {
    require_kernel!();
    let bed = Bed::bare(16);
    let no_v6 = Namespace { port4: bed.app.listeners.port(), port6: 0, flags: 0, worker: 0 };
    bed.capture.enrol(bed.app.cookie, no_v6).unwrap();
    assert_eq!(bed.probe(&[&at(ENDPOINTS[1], 443).0]).error, None);
    bed.accept_at_origin();
    let reason = Counter::NoListenerLeft;
    let apps = bed.apps.id();
    assert_eq!(counts(&bed), [(apps, reason, reason, 1), (apps, Counter::GuardLeft, reason, 1)]);
}

#[test]
fn a_known_mix_from_three_workloads_is_counted_exactly() {
    require_kernel!();
    let bed = Bed::new();
    let [one, two, three] = ["one", "two", "three"].map(|name| bed.cgroup.child(name));
    let (endpoint, _) = at(ENDPOINTS[0], 443);
    let (other, _) = at(OTHERS[0], 443);
    let (listener, _) = at("127.0.0.1", bed.app.listeners.port());
    let connect = |cgroup: &Cgroup, to: &str, times: usize| {
        for _ in 0..times {
            Probe::start(&bed.app.namespace, cgroup, &[to]);
        }
    };
    connect(&one, &endpoint, 3);
    connect(&one, &other, 2);
    connect(&two, &endpoint, 1);
    connect(&two, &listener, 2);
    sent_from(&bed, &two, &["datagram", &endpoint]);
    sent_from(&bed, &three, &["connected", &endpoint]);
    sent_from(&bed, &three, &["raw", &endpoint]);
    bed.capture.release(bed.app.cookie).unwrap();
    connect(&three, &endpoint, 1);

    let own = |cgroup: &Cgroup, counter, count| (cgroup.id(), counter, counter, count);
    let mut expected = vec![
        own(&one, Counter::Redirected, 3),
        own(&two, Counter::Redirected, 1),
        own(&two, Counter::DirectConnect, 2),
        own(&two, Counter::DatagramRefused, 1),
        own(&three, Counter::DatagramRefused, 1),
        own(&three, Counter::GuardUnseen, 1),
        own(&three, Counter::UnknownNamespace, 1),
        (three.id(), Counter::GuardLeft, Counter::UnknownNamespace, 1),
    ];
    expected.sort_by_key(|(cgroup, outcome, reason, _)| (*cgroup, outcome.slot(), reason.slot()));
    assert_eq!(counts(&bed), expected);

    // The node's own counters say the same in sum.
    for counter in Counter::ALL {
        let of_workloads: u64 =
            expected.iter().filter(|(_, outcome, ..)| *outcome == counter).map(|(.., count)| count).sum();
        let is_counted_by_workload = expected.iter().any(|(_, outcome, ..)| *outcome == counter);
        assert!(!is_counted_by_workload || bed.count(counter) == of_workloads, "{counter:?}");
    }
}

#[test]
fn counts_of_a_cgroup_that_is_gone_are_dropped_on_request() {
    require_kernel!();
    let bed = Bed::new();
    let (endpoint, _) = at(ENDPOINTS[0], 443);
    let gone = bed.cgroup.child("gone");
    sent_from(&bed, &gone, &["datagram", &endpoint]);
    sent(&bed, &["datagram", &endpoint]);
    assert_eq!(counts(&bed).len(), 2);
    drop(gone);
    let alive = bpf::cgroup::ids_below(bed.cgroup.path()).unwrap();
    assert_eq!(alive, [bed.cgroup.id(), bed.apps.id()].into());
    let swept = bed.capture.workloads().retain(&alive).unwrap();
    assert_eq!((swept.seen, swept.removed), (2, 1));
    assert_eq!(counts(&bed), [(bed.apps.id(), Counter::DatagramRefused, Counter::DatagramRefused, 1)]);
    assert!(!bed.capture.workloads().is_crowded().unwrap());
}

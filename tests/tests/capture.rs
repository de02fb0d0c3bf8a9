//! The kernel tier: real programs on the real kernel, real sockets in namespaces with no way out.
//! Needs root; says aloud when it cannot run.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop here")]

#[path = "capture/bed.rs"]
mod bed;
#[path = "capture/burst.rs"]
mod burst;
#[path = "capture/bypass.rs"]
mod bypass;
#[path = "capture/dns.rs"]
mod dns;
#[path = "capture/exec.rs"]
mod exec;
#[path = "capture/failure.rs"]
mod failure;
#[path = "capture/forbid.rs"]
mod forbid;
#[path = "capture/pins.rs"]
mod pins;
#[path = "capture/raw.rs"]
mod raw;
#[path = "capture/unknown.rs"]
mod unknown;
#[path = "capture/ways.rs"]
mod ways;

use bed::{App, Bed, ENDPOINTS, OTHERS, Probe, at, ip};
use interceptor::bpf::{self, Capture, CaptureConfig};
use interceptor_common::{Abi, Counter, Endpoint, EventKind, Namespace};
use interceptor_tests::cgroup::Cgroup;
use interceptor_tests::{gate, require_kernel};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Duration;

const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

#[test]
fn case_01_a_v4_connection_reaches_the_listener_with_its_origin_known() {
    require_kernel!();
    let bed = Bed::new();
    let (text, destination) = at(ENDPOINTS[0], 443);
    let probe = bed.probe(&["--uid", "65534", &text]);
    let accepted = bed.accept();
    assert_eq!(probe.error, None);
    assert_eq!(Some(accepted.peer), probe.local);
    assert_eq!(
        accepted.stream.local_addr().unwrap(),
        SocketAddr::new(ip("127.0.0.1"), bed.app.listeners.port())
    );

    let flow = accepted.flow.expect("the flow was entered");
    assert_eq!((IpAddr::from(flow.destination), flow.port), (destination.ip(), 443));
    assert_eq!((flow.tgid, flow.uid), (probe.pid, 65534));
    assert_eq!(&flow.comm, b"probe\0\0\0\0\0\0\0\0\0\0\0");
    assert_eq!((flow.cgroup, flow.netns), (bed.apps.id(), bed.app.cookie.0));
    assert_eq!(flow.family, AF_INET);
    assert_ne!(flow.socket, 0);
}

#[test]
fn case_01_a_v6_connection_reaches_the_v6_listener() {
    require_kernel!();
    let bed = Bed::new();
    let (text, destination) = at(ENDPOINTS[1], 443);
    let probe = bed.probe(&[&text]);
    let accepted = bed.accept();
    assert_eq!(probe.error, None);
    assert_eq!(accepted.stream.local_addr().unwrap().ip(), ip("::1"));
    let flow = accepted.flow.expect("the flow was entered");
    assert_eq!((IpAddr::from(flow.destination), flow.port), (destination.ip(), 443));
    assert_eq!(flow.family, AF_INET6);
}

#[test]
fn case_02_a_mapped_connection_is_a_v4_connection() {
    require_kernel!();
    let bed = Bed::new();
    let (text, destination) = at(ENDPOINTS[0], 443);
    let probe = bed.probe(&["--inet6", &text]);
    let accepted = bed.accept();
    assert_eq!(probe.error, None);
    assert_eq!(accepted.stream.local_addr().unwrap().ip(), ip("127.0.0.1"));
    let flow = accepted.flow.expect("the flow was entered");
    assert_eq!(IpAddr::from(flow.destination), destination.ip());
    assert_eq!(flow.family, AF_INET6);
    // The application asked for a mapped address, and sees one.
    assert_eq!(probe.peer.unwrap().to_string(), format!("[::ffff:{}]:443", ENDPOINTS[0]));
}

#[test]
fn getpeername_shows_what_was_asked_for() {
    require_kernel!();
    let bed = Bed::new();
    for endpoint in ENDPOINTS {
        let (text, destination) = at(endpoint, 443);
        assert_eq!(bed.probe(&[&text]).peer, Some(destination));
        bed.accept();
    }
    assert_eq!(bed.count(Counter::PeerShown), 2);
}

#[test]
fn case_05_a_non_blocking_connection_is_redirected_alike() {
    require_kernel!();
    let bed = Bed::new();
    let (text, destination) = at(ENDPOINTS[0], 443);
    let probe = bed.probe(&["--nonblocking", &text]);
    let accepted = bed.accept();
    assert_eq!((probe.error, probe.peer), (None, Some(destination)));
    assert_eq!(IpAddr::from(accepted.flow.expect("the flow was entered").destination), destination.ip());
}

#[test]
fn case_04_a_bound_source_is_kept_and_finds_its_flow() {
    require_kernel!();
    let bed = Bed::new();
    for (source, endpoint) in [("203.0.113.2:7001", ENDPOINTS[0]), ("[2001:db8::2]:7002", ENDPOINTS[1])] {
        let (text, destination) = at(endpoint, 443);
        let probe = bed.probe(&["--bind", source, &text]);
        let accepted = bed.accept();
        assert_eq!(probe.error, None);
        assert_eq!(accepted.peer.to_string(), source);
        assert_eq!(IpAddr::from(accepted.flow.expect("the flow was entered").destination), destination.ip());
    }
}

#[test]
fn a_flow_is_taken_once() {
    require_kernel!();
    let bed = Bed::new();
    let _probe = bed.probe(&[&at(ENDPOINTS[0], 443).0]);
    let accepted = bed.accept();
    assert!(accepted.flow.is_some());
    assert_eq!(bed.capture.flows().take(bed.app.cookie, accepted.peer).unwrap(), None);
}

#[test]
fn other_addresses_and_ports_go_where_they_want() {
    require_kernel!();
    let bed = Bed::new();
    let untouched = [(OTHERS[0], 443), (OTHERS[1], 443), (ENDPOINTS[0], 8443), (ENDPOINTS[1], 8443)];
    for (address, port) in untouched {
        let (text, destination) = at(address, port);
        let probe = bed.probe(&[&text]);
        assert_eq!((probe.error, probe.peer), (None, Some(destination)));
        let reached = bed.accept_at_origin();
        assert_eq!((reached.ip().to_canonical(), reached.port()), {
            let local = probe.local.unwrap();
            (local.ip(), local.port())
        });
    }
    bed.nothing_was_redirected();
    assert_eq!((bed.count(Counter::OtherAddress), bed.count(Counter::OtherPort)), (2, 2));
}

#[test]
fn a_prefix_covers_its_addresses_until_it_is_removed() {
    require_kernel!();
    let bed = Bed::new();
    let (text, _) = at(OTHERS[0], 443);
    bed.capture.add_prefix(ip("203.0.113.8"), 29, Endpoint { provider: 2 }).unwrap();
    let probe = bed.probe(&[&text]);
    assert_eq!(probe.error, None);
    assert!(bed.accept().flow.is_some());

    assert!(bed.capture.remove_prefix(ip("203.0.113.15"), 29).unwrap());
    assert_eq!(bed.probe(&[&text]).error, None);
    bed.accept_at_origin();
    assert!(!bed.capture.remove_prefix(ip("203.0.113.8"), 29).unwrap());
}

#[test]
fn the_daemons_own_cgroup_is_exempt_and_what_is_below_it_is_not() {
    require_kernel!();
    let bed = Bed::new();
    let (text, _) = at(ENDPOINTS[0], 443);
    let own = Probe::start(&bed.app.namespace, &bed.cgroup, &[&text]);
    assert_eq!(own.error, None);
    bed.accept_at_origin();
    bed.nothing_was_redirected();
    assert_eq!(bed.count(Counter::Exempt), 1);

    let below = bed.cgroup.child("below");
    let _probe = Probe::start(&bed.app.namespace, &below, &[&text]);
    assert_eq!(bed.accept().flow.expect("the flow was entered").cgroup, below.id());
}

#[test]
fn an_unknown_namespace_is_left_alone_and_reported() {
    require_kernel!();
    let mut bed = Bed::bare(16);
    let mut events = bed.capture.take_events().unwrap();
    let (text, destination) = at(ENDPOINTS[0], 443);
    let probe = bed.probe(&[&text]);
    assert_eq!((probe.error, probe.peer), (None, Some(destination)));
    bed.accept_at_origin();
    bed.nothing_was_redirected();

    let event = events.next().expect("the daemon is told");
    assert_eq!(EventKind::of(event.kind), Some(EventKind::UnknownNamespace));
    assert_eq!((event.netns, event.tgid, event.cgroup), (bed.app.cookie.0, probe.pid, bed.apps.id()));
    assert_eq!((IpAddr::from(event.destination), event.port), (destination.ip(), 443));
    assert_eq!(bed.count(Counter::UnknownNamespace), 1);
    assert_eq!(events.next(), None);
}

#[test]
fn a_workload_that_retries_does_not_fill_the_ring_buffer() {
    require_kernel!();
    let mut bed = Bed::bare(16);
    let mut events = bed.capture.take_events().unwrap();
    let (text, _) = at(ENDPOINTS[0], 443);
    let again = ["--again", &text].repeat(49);
    bed.probe(&[again, vec![&text]].concat());
    assert_eq!(bed.count(Counter::UnknownNamespace), 50);
    let told = std::iter::from_fn(|| events.next()).count();
    assert!((1..10).contains(&told), "{told} events of 50 attempts");
}

#[test]
fn a_released_namespace_is_left_alone_again() {
    require_kernel!();
    let bed = Bed::new();
    let (text, _) = at(ENDPOINTS[0], 443);
    let _first = bed.probe(&[&text]);
    assert!(bed.accept().flow.is_some());
    assert!(bed.capture.release(bed.app.cookie).unwrap());
    let _second = bed.probe(&[&text]);
    bed.accept_at_origin();
    assert!(!bed.capture.release(bed.app.cookie).unwrap());
}

#[test]
fn case_13_two_namespaces_may_use_one_source_port_at_once() {
    require_kernel!();
    let bed = Bed::new();
    let other = App::new();
    bed.enrol(&other, 0);
    // The other namespace has no route to the endpoint, and needs none: the hook comes before routing.
    let (text, destination) = at(ENDPOINTS[0], 443);
    let words = ["--bind", "127.0.0.1:7003", &text];
    let first = bed.probe(&words);
    let second = Probe::start(&other.namespace, &bed.apps, &words);
    assert_eq!((first.error, second.error), (None, None));

    let in_second = bed.accept_in(&other, &[&other.listeners.v4]);
    let in_first = bed.accept();
    assert_eq!(in_first.peer, in_second.peer);
    let (one, two) = (in_first.flow.expect("entered"), in_second.flow.expect("entered"));
    assert_eq!((one.tgid, two.tgid), (first.pid, second.pid));
    assert_eq!((one.netns, two.netns), (bed.app.cookie.0, other.cookie.0));
    assert_eq!(IpAddr::from(two.destination), destination.ip());
}

#[test]
fn case_21_the_listener_refuses_direct_connections() {
    require_kernel!();
    let mut bed = Bed::new();
    let mut events = bed.capture.take_events().unwrap();
    let port = bed.app.listeners.port();
    for address in ["127.0.0.1", "0.0.0.0", "::1", "::"] {
        let probe = bed.probe(&[&at(address, port).0]);
        assert_eq!(probe.error, Some(libc::EPERM), "{address}");
    }
    let mapped = bed.probe(&["--inet6", &at("127.0.0.1", port).0]);
    assert_eq!(mapped.error, Some(libc::EPERM));
    bed.nothing_was_redirected();
    assert_eq!(bed.count(Counter::DirectConnect), 5);
    assert_eq!(EventKind::of(events.next().unwrap().kind), Some(EventKind::DirectConnect));
}

#[test]
fn case_15_a_socket_used_again_forgets_its_first_destination() {
    require_kernel!();
    let bed = Bed::new();
    let (first, _) = at(ENDPOINTS[0], 443);
    let (second, elsewhere) = at(OTHERS[0], 443);
    let probe = bed.probe(&["--again", &second, &first]);
    assert_eq!((probe.error, probe.peer), (None, Some(elsewhere)));
    bed.accept_at_origin();
    // The first connection was made, and its flow is there; the second one entered none.
    assert!(bed.accept().flow.is_some());
    assert_eq!((bed.count(Counter::FlowEntered), bed.count(Counter::OtherAddress)), (1, 1));
}

#[test]
fn case_30_a_strict_namespace_sends_every_address() {
    require_kernel!();
    let bed = Bed::bare(16);
    bed.enrol(&bed.app, Namespace::STRICT);
    // Private addresses too: a provider may be reached by a private link. They need no route, since the hook comes
    // before routing.
    for other in [OTHERS[0], OTHERS[1], "10.0.0.1", "192.168.1.1", "fd00::1"] {
        let (text, destination) = at(other, 443);
        assert_eq!(bed.probe(&[&text]).error, None);
        let flow = bed.accept().flow.expect("the flow was entered");
        assert_eq!(IpAddr::from(flow.destination), destination.ip());
    }
}

#[test]
fn a_family_without_a_listener_meets_the_fail_policy() {
    require_kernel!();
    let bed = Bed::bare(16);
    let (text, _) = at(ENDPOINTS[1], 443);
    let no_v6 = |flags| Namespace { port6: 0, ..bed.app.listeners.enrolment(flags) };
    bed.capture.enrol(bed.app.cookie, no_v6(0)).unwrap();
    assert_eq!(bed.probe(&[&text]).error, None);
    bed.accept_at_origin();
    bed.capture.enrol(bed.app.cookie, no_v6(Namespace::CLOSED)).unwrap();
    assert_eq!(bed.probe(&[&text]).error, Some(libc::EPERM));
    bed.nothing_was_redirected();
    assert_eq!((bed.count(Counter::NoListenerLeft), bed.count(Counter::NoListenerRefused)), (1, 1));
}

#[test]
fn a_connection_that_cannot_be_recorded_is_not_redirected() {
    require_kernel!();
    let bed = Bed::bare(16);
    let (text, _) = at(ENDPOINTS[0], 443);
    // Socket storage is charged to the socket's option memory, of which there is now none.
    bed.app.namespace.run(|| std::fs::write("/proc/sys/net/core/optmem_max", "0")).unwrap();
    bed.enrol(&bed.app, 0);
    assert_eq!(bed.probe(&[&text]).error, None);
    bed.accept_at_origin();
    bed.enrol(&bed.app, Namespace::CLOSED);
    assert_eq!(bed.probe(&[&text]).error, Some(libc::EPERM));
    bed.nothing_was_redirected();
    assert_eq!((bed.count(Counter::NotRecordedLeft), bed.count(Counter::NotRecordedRefused)), (1, 1));
}

#[test]
fn flows_that_nobody_takes_are_swept() {
    require_kernel!();
    let bed = Bed::new();
    let probe = bed.probe(&[&at(ENDPOINTS[0], 443).0]);
    let flows = bed.capture.flows();
    let young = flows.sweep(Duration::from_secs(3600), |_| {}).unwrap();
    assert_eq!((young.seen, young.removed), (1, 0));
    assert_eq!(flows.waiting().unwrap(), [(bed.apps.id(), 1)].into());
    let mut swept = Vec::new();
    let old = flows.sweep(Duration::ZERO, |flow| swept.push(flow.cgroup)).unwrap();
    assert_eq!(swept, [bed.apps.id()]);
    assert_eq!((old.seen, old.removed), (1, 1));
    assert_eq!(flows.take(bed.app.cookie, probe.local.unwrap()).unwrap(), None);
}

#[test]
fn a_deactivated_capture_leaves_everything_alone() {
    require_kernel!();
    let bed = Bed::new();
    bed.capture.deactivate().unwrap();
    assert_eq!(bed.probe(&[&at(ENDPOINTS[0], 443).0]).error, None);
    bed.accept_at_origin();
    bed.nothing_was_redirected();
}

#[test]
fn counters_of_attempts_add_up() {
    require_kernel!();
    let bed = Bed::new();
    let attempts = [at(ENDPOINTS[0], 443), at(OTHERS[0], 443), at(ENDPOINTS[0], 8443), at("127.0.0.1", 9)];
    for (text, _) in &attempts {
        bed.probe(&[text]);
    }
    let stats = bed.stats();
    let of_attempts = stats.iter().filter(|(counter, _)| counter.is_of_attempts());
    assert_eq!(of_attempts.map(|(_, value)| value).sum::<u64>(), attempts.len() as u64);
}

fn some_config() -> CaptureConfig {
    CaptureConfig {
        ports: vec![443],
        proxies: Vec::new(),
        exempt: 0,
        flows: NonZeroU32::MIN,
        events: CaptureConfig::EVENTS,
    }
}

#[test]
fn without_permission_the_error_says_so() {
    require_kernel!();
    let config = some_config();
    let load = move || {
        gate::become_nobody();
        Capture::load(bpf::object().unwrap(), &config).err().expect("nobody may load programs").to_string()
    };
    let said = std::thread::spawn(load).join().unwrap();
    assert!(said.starts_with("no permission to load BPF programs; run as root, or with CAP_BPF"), "{said}");
}

#[test]
fn case_45_an_object_of_another_version_is_refused_at_start() {
    require_kernel!();
    let mut object = bpf::object().unwrap().to_vec();
    let current = [Abi::MAGIC.to_ne_bytes(), Abi::CURRENT.version.to_ne_bytes()].concat();
    let place = object.windows(8).position(|bytes| bytes == current).expect("the object carries its version");
    object[place + 4] = 99;
    let config = some_config();
    let said = Capture::load(&object, &config).err().expect("the version differs").to_string();
    assert!(said.contains("ABI version 99"), "{said}");
}

#[test]
fn the_verifier_has_room_to_spare() {
    require_kernel!();
    let config = CaptureConfig {
        ports: vec![443],
        proxies: Vec::new(),
        exempt: 0,
        flows: NonZeroU32::MIN,
        events: CaptureConfig::EVENTS,
    };
    let capture = Capture::load(bpf::object().unwrap(), &config).unwrap();
    for (program, followed) in capture.verified().unwrap() {
        // Half of its limit: another kernel may follow more.
        assert!(followed.is_none_or(|followed| followed < 500_000), "{program}: {followed:?}");
    }
}

#[test]
fn only_a_cgroup_v2_directory_is_attached_to() {
    require_kernel!();
    let config = some_config();
    let mut capture = Capture::load(bpf::object().unwrap(), &config).unwrap();
    let said = capture.attach("/tmp".as_ref()).unwrap_err().to_string();
    assert!(said.starts_with("/tmp is no cgroup v2 directory"), "{said}");
    capture.attach(Cgroup::new().path()).unwrap();
}

//! What policy forbids is refused by `connect` itself: to whom, where, for how long, and what is told of it.

use crate::bed::{Bed, ENDPOINTS, OTHERS, Probe, at, ip};
use crate::dns::{self, NAME, answered_by_one, message, record};
use hickory_proto::rr::RecordType;
use interceptor::bpf::CaptureError;
use interceptor_common::{
    CallerKey, Class, Counter, Endpoint, EventKind, Forbidden, ForbiddenKey, Namespace, RefusalKey, Verdict,
};
use interceptor_tests::require_kernel;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

/// The provider of the bed's endpoints, and the policy in force.
const PROVIDER: u32 = 1;
const GENERATION: u32 = 7;
const RULE: u32 = 3;
const ENTRY: Forbidden = Forbidden { generation: GENERATION, rule: RULE, flags: 0, pad: 0 };
const ANYWHERE: Forbidden = Forbidden { flags: Forbidden::ANYWHERE, ..ENTRY };
const VERDICT: Verdict = Verdict { provider: PROVIDER, generation: GENERATION, rule: RULE };
const NOBODY: u32 = 65534;
const CLASS: Class = Class { number: 5, generation: GENERATION };

fn forbid(bed: &Bed, key: ForbiddenKey, entry: Forbidden) {
    bed.capture.verdicts().enter(&key, &entry).unwrap();
    bed.capture.set_policy(GENERATION, true).unwrap();
}

fn everyone(bed: &Bed) {
    forbid(bed, ForbiddenKey::everyone(PROVIDER), ENTRY);
}

/// The class may not call the provider, and these callers are of it.
fn of_class(bed: &Bed, callers: &[CallerKey]) {
    for caller in callers {
        bed.capture.verdicts().classify(caller, &CLASS).unwrap();
    }
    forbid(bed, ForbiddenKey { class: CLASS.number, provider: PROVIDER }, ENTRY);
}

/// What `connect` says to the endpoint.
fn connect(bed: &Bed) -> Option<i32> {
    bed.probe(&[&at(ENDPOINTS[0], 443).0]).error
}

fn is_refused(bed: &Bed) -> bool {
    match connect(bed) {
        None => {
            assert!(bed.accept().flow.is_some(), "what is not refused is redirected");
            false
        }
        Some(error) => {
            assert_eq!(error, libc::EPERM);
            true
        }
    }
}

fn nothing_left(bed: &Bed) {
    for listener in &bed.origin {
        assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }
    let guarded = [Counter::GuardLeft, Counter::GuardUnseen, Counter::GuardDropped].map(|c| bed.count(c));
    assert_eq!(guarded, [0; 3], "no packet came as far as the guard");
}

#[test]
fn what_everyone_is_forbidden_is_refused_at_once_in_every_way_and_nothing_leaves() {
    require_kernel!();
    let bed = Bed::new();
    everyone(&bed);
    let [v4, v6] = ENDPOINTS.map(|address| at(address, 443).0);
    let ways: [&[&str]; 5] = [
        &[&v4],
        &[&v6],
        &["--inet6", &v4],
        &["--nonblocking", &v4],
        &["--bind", "203.0.113.2:7001", "--uid", "65534", &v4],
    ];
    for way in ways {
        assert_eq!(bed.probe(way).error, Some(libc::EPERM), "{way:?}");
    }
    bed.nothing_was_redirected();
    nothing_left(&bed);
    assert_eq!(bed.count(Counter::ForbiddenRefused), 5);
    let counts = bed.capture.workloads().read().unwrap();
    let of_workload = counts.iter().find(|count| count.outcome == Counter::ForbiddenRefused).unwrap();
    assert_eq!((of_workload.cgroup, of_workload.count), (bed.apps.id(), 5));

    // Other addresses, other ports and the daemon itself are as they were.
    for (address, port) in [(OTHERS[0], 443), (ENDPOINTS[0], 8443)] {
        assert_eq!(bed.probe(&[&at(address, port).0]).error, None);
        bed.accept_at_origin();
    }
    assert_eq!(Probe::start(&bed.app.namespace, &bed.cgroup, &[&v4]).error, None);
    bed.accept_at_origin();
}

#[test]
fn what_one_caller_is_forbidden_another_may_call() {
    require_kernel!();
    let bed = Bed::new();
    of_class(&bed, &[CallerKey::user(bed.apps.id(), NOBODY)]);
    let text = at(ENDPOINTS[0], 443).0;
    assert_eq!(bed.probe(&["--uid", "65534", &text]).error, Some(libc::EPERM));
    // Another user, and the same one in another control group.
    assert!(!is_refused(&bed));
    let neighbour = bed.cgroup.child("neighbour");
    let probe = Probe::start(&bed.app.namespace, &neighbour, &["--uid", "65534", &text]);
    assert_eq!(probe.error, None);
    assert_eq!(bed.accept().flow.unwrap().cgroup, neighbour.id());
    // Another provider's address.
    bed.capture.add_address(ip(OTHERS[0]), Endpoint { provider: 2 }).unwrap();
    assert_eq!(bed.probe(&["--uid", "65534", &at(OTHERS[0], 443).0]).error, None);
    assert!(bed.accept().flow.is_some());
}

#[test]
fn what_a_group_is_forbidden_holds_for_all_its_users_but_for_those_of_another_class() {
    require_kernel!();
    let bed = Bed::new();
    of_class(&bed, &[CallerKey::group(bed.apps.id())]);
    let text = at(ENDPOINTS[0], 443).0;
    assert!(is_refused(&bed));
    assert_eq!(bed.probe(&["--uid", "65534", &text]).error, Some(libc::EPERM));
    // What is said of one user is all that is said of him.
    let other = Class { number: CLASS.number + 1, ..CLASS };
    let nobody = CallerKey::user(bed.apps.id(), NOBODY);
    bed.capture.verdicts().classify(&nobody, &other).unwrap();
    assert_eq!(bed.probe(&["--uid", "65534", &text]).error, None);
    assert!(bed.accept().flow.is_some());
    assert!(is_refused(&bed));
    assert!(bed.capture.verdicts().declassify(&nobody).unwrap());
    assert_eq!(bed.probe(&["--uid", "65534", &text]).error, Some(libc::EPERM));
    // A group below it is another one.
    let below = bed.apps.child("below");
    assert_eq!(Probe::start(&bed.app.namespace, &below, &[&text]).error, None);
    assert!(bed.accept().flow.is_some());
}

#[test]
fn a_class_of_another_policy_is_none() {
    require_kernel!();
    let bed = Bed::new();
    of_class(&bed, &[CallerKey::group(bed.apps.id())]);
    let former = Class { generation: GENERATION - 1, ..CLASS };
    bed.capture.verdicts().classify(&CallerKey::group(bed.apps.id()), &former).unwrap();
    assert!(!is_refused(&bed));
    // It is removed with the verdicts of its policy, and those that count stay.
    let nobody = CallerKey::user(bed.apps.id(), NOBODY);
    bed.capture.verdicts().classify(&nobody, &CLASS).unwrap();
    assert_eq!(bed.capture.verdicts().keep(GENERATION).unwrap(), 1);
    assert!(!bed.capture.verdicts().declassify(&CallerKey::group(bed.apps.id())).unwrap());
    assert!(bed.capture.verdicts().declassify(&nobody).unwrap());
}

#[test]
fn a_verdict_is_about_the_provider_and_so_about_an_address_that_becomes_his() {
    require_kernel!();
    let bed = Bed::new();
    everyone(&bed);
    bed.capture.add_address(ip(OTHERS[0]), Endpoint { provider: PROVIDER }).unwrap();
    assert_eq!(bed.probe(&[&at(OTHERS[0], 443).0]).error, Some(libc::EPERM));
    // And no longer about one that is not said to be his.
    bed.capture.add_address(ip(OTHERS[0]), Endpoint { provider: 0 }).unwrap();
    assert_eq!(bed.probe(&[&at(OTHERS[0], 443).0]).error, None);
    assert!(bed.accept().flow.is_some());
    // A prefix does not say whose it is.
    bed.capture.remove_address(ip(OTHERS[0])).unwrap();
    bed.capture.add_prefix(ip(OTHERS[0]), 32, Endpoint { provider: PROVIDER }).unwrap();
    assert_eq!(bed.probe(&[&at(OTHERS[0], 443).0]).error, None);
    assert!(bed.accept().flow.is_some());
}

#[test]
fn another_policy_lifts_the_verdicts_of_the_last_one_at_once() {
    require_kernel!();
    let bed = Bed::new();
    everyone(&bed);
    assert!(is_refused(&bed));
    bed.capture.set_policy(GENERATION + 1, true).unwrap();
    assert!(!is_refused(&bed));
    bed.capture.set_policy(GENERATION, true).unwrap();
    assert!(is_refused(&bed));
    bed.capture.set_policy(GENERATION, false).unwrap();
    assert!(!is_refused(&bed));
    // What does not count any more is removed.
    assert_eq!(bed.capture.verdicts().keep(GENERATION).unwrap(), 1);
    assert_eq!(bed.capture.verdicts().keep(GENERATION + 1).unwrap(), 0);
    assert!(!bed.capture.verdicts().remove(&ForbiddenKey::everyone(PROVIDER)).unwrap());
}

#[test]
fn an_address_that_was_given_for_another_name_decides_nothing() {
    require_kernel!();
    let bed = dns::bed();
    bed.capture.add_address(ip(ENDPOINTS[0]), Endpoint { provider: PROVIDER }).unwrap();
    everyone(&bed);
    answered_by_one(&bed, &message(NAME, RecordType::A, vec![record(NAME, ENDPOINTS[0])]));
    assert!(is_refused(&bed), "the provider's own name says nothing against it");

    let other = "www.example.com";
    answered_by_one(&bed, &message(other, RecordType::A, vec![record(other, ENDPOINTS[0])]));
    assert!(bed.capture.verdicts().is_other(ip(ENDPOINTS[0])).unwrap());
    assert!(!is_refused(&bed));
    // Whoever wrote the rule may accept that.
    forbid(&bed, ForbiddenKey::everyone(PROVIDER), ANYWHERE);
    assert!(is_refused(&bed));
    // It is forgotten as addresses are.
    forbid(&bed, ForbiddenKey::everyone(PROVIDER), ENTRY);
    assert_eq!(bed.capture.verdicts().sweep_others(Duration::from_secs(3600)).unwrap().removed, 0);
    assert_eq!(bed.capture.verdicts().sweep_others(Duration::ZERO).unwrap().removed, 1);
    assert!(is_refused(&bed));
}

#[test]
fn the_order_of_the_answers_does_not_matter() {
    require_kernel!();
    let bed = dns::bed();
    // Nobody looks for other names before policy forbids anything.
    let other =
        |address: &str| message("www.example.com", RecordType::A, vec![record("www.example.com", address)]);
    answered_by_one(&bed, &other(OTHERS[0]));
    assert!(!bed.capture.verdicts().is_other(ip(OTHERS[0])).unwrap());

    everyone(&bed);
    answered_by_one(&bed, &other(ENDPOINTS[0]));
    // Only now it is known as the provider's.
    bed.capture.add_address(ip(ENDPOINTS[0]), Endpoint { provider: PROVIDER }).unwrap();
    assert!(!is_refused(&bed));
}

#[test]
fn an_address_of_two_providers_decides_nothing() {
    require_kernel!();
    let bed = dns::bed();
    let names = [(NAME, PROVIDER), ("api.example.org", 2)];
    bed.capture.learning().set_names(names.into_iter()).unwrap();
    bed.capture.add_address(ip(ENDPOINTS[0]), Endpoint { provider: PROVIDER }).unwrap();
    everyone(&bed);
    let of = |name: &str| message(name, RecordType::A, vec![record(name, ENDPOINTS[0])]);
    answered_by_one(&bed, &of("api.example.org"));
    assert!(!is_refused(&bed));
    // The last answer is not the only one that counts.
    answered_by_one(&bed, &of(NAME));
    assert!(!is_refused(&bed));
}

#[test]
fn an_answer_to_an_application_makes_no_address_refused() {
    require_kernel!();
    let bed = dns::bed();
    everyone(&bed);
    // A tenant can send itself any answer, in the name of any resolver, about its neighbour's address.
    answered_by_one(&bed, &message(NAME, RecordType::A, vec![record(NAME, ENDPOINTS[0])]));
    assert!(!is_refused(&bed));
}

#[test]
fn what_blocklists_answer_is_nobodys_address() {
    require_kernel!();
    let bed = dns::bed();
    bed.capture.add_address(ip(ENDPOINTS[0]), Endpoint { provider: PROVIDER }).unwrap();
    everyone(&bed);
    let other = "tracker.example.com";
    answered_by_one(&bed, &message(other, RecordType::AAAA, vec![record(other, "::")]));
    answered_by_one(&bed, &message(other, RecordType::A, vec![record(other, "0.0.0.0")]));
    assert!(is_refused(&bed));
}

#[test]
fn without_room_for_a_verdict_the_daemon_is_asked() {
    require_kernel!();
    let bed = Bed::new();
    let verdicts = bed.capture.verdicts();
    let key = |class| ForbiddenKey { class, provider: PROVIDER };
    for class in 1..=65_536 {
        verdicts.enter(&key(class), &ENTRY).unwrap();
    }
    let full = verdicts.enter(&ForbiddenKey::everyone(PROVIDER), &ENTRY).unwrap_err();
    assert!(matches!(full, CaptureError::MapFull { name: "FORBIDDEN" }), "{full}");
    bed.capture.set_policy(GENERATION, true).unwrap();
    assert!(!is_refused(&bed));
    assert!(verdicts.remove(&key(1)).unwrap());
    everyone(&bed);
    assert!(is_refused(&bed));

    for uid in 0..65_536 {
        verdicts.classify(&CallerKey::user(1, uid), &CLASS).unwrap();
    }
    let full = verdicts.classify(&CallerKey::group(bed.apps.id()), &CLASS).unwrap_err();
    assert!(matches!(full, CaptureError::MapFull { name: "CALLERS" }), "{full}");
}

#[test]
fn without_room_for_other_addresses_none_is_taken_for_one_providers_alone() {
    require_kernel!();
    let bed = dns::bed();
    bed.capture.add_address(ip(ENDPOINTS[0]), Endpoint { provider: PROVIDER }).unwrap();
    everyone(&bed);
    let verdicts = bed.capture.verdicts();
    // One element is the one that says that some were missed.
    for number in 1..65_536_u32 {
        verdicts.note_other(IpAddr::from((0x0a00_0000 + number).to_be_bytes())).unwrap();
    }
    assert!(is_refused(&bed));
    let other = "www.example.com";
    answered_by_one(&bed, &message(other, RecordType::A, vec![record(other, OTHERS[0])]));
    assert_eq!(bed.count(Counter::OthersFull), 1);
    assert!(!is_refused(&bed));
    // Room alone does not help: what was missed stays unknown for as long as an address is kept.
    verdicts.sweep_others(Duration::from_secs(3600)).unwrap();
    assert!(!is_refused(&bed));
    verdicts.sweep_others(Duration::ZERO).unwrap();
    assert!(is_refused(&bed));
}

#[test]
fn every_attempt_is_counted_and_a_few_are_told_of() {
    require_kernel!();
    let mut bed = Bed::new();
    let mut events = bed.capture.take_events().unwrap();
    everyone(&bed);
    let (text, destination) = at(ENDPOINTS[0], 443);
    let again = ["--again", &text].repeat(49);
    let probe = bed.probe(&[again, vec!["--uid", "65534", &text]].concat());
    let told: Vec<_> = std::iter::from_fn(|| events.next()).collect();
    assert!((1..10).contains(&told.len()), "{} events", told.len());
    let event = told[0];
    assert_eq!(EventKind::of(event.kind), Some(EventKind::Forbidden));
    assert_eq!((event.tgid, event.uid, event.cgroup), (probe.pid, NOBODY, bed.apps.id()));
    assert_eq!((IpAddr::from(event.destination), event.port), (destination.ip(), 443));
    assert_eq!((event.verdict, event.netns), (VERDICT, bed.app.cookie.0));
    assert_ne!(event.at, 0);

    let key = RefusalKey { cgroup: bed.apps.id(), uid: NOBODY, verdict: VERDICT };
    let counted = bed.count(Counter::ForbiddenRefused);
    assert_eq!(counted, 50);
    assert_eq!(bed.capture.verdicts().refused(&key).unwrap(), Some(counted));
    assert_eq!(bed.capture.verdicts().refusals().unwrap(), [(key, counted)]);
    assert_eq!(bed.capture.verdicts().take(&key).unwrap(), Some(counted));
    assert_eq!(bed.capture.verdicts().refused(&key).unwrap(), None);
}

#[test]
fn without_a_daemon_the_fail_policy_answers() {
    require_kernel!();
    let bed = Bed::new();
    everyone(&bed);
    bed.capture.heartbeats().stop(0).unwrap();
    assert_eq!(connect(&bed), None);
    bed.accept_at_origin();
    bed.enrol(&bed.app, Namespace::CLOSED);
    assert_eq!(connect(&bed), Some(libc::EPERM));
    let counts = [Counter::SilentLeft, Counter::SilentRefused, Counter::ForbiddenRefused];
    assert_eq!(counts.map(|counter| bed.count(counter)), [1, 1, 0]);
    bed.capture.heartbeats().beat(0).unwrap();
    assert_eq!(connect(&bed), Some(libc::EPERM));
    assert_eq!(bed.count(Counter::ForbiddenRefused), 1);
}

#[test]
fn a_namespace_that_will_be_enrolled_is_refused_what_policy_forbids_already() {
    require_kernel!();
    let bed = Bed::bare(16);
    bed.capture.add_address(ip(ENDPOINTS[0]), Endpoint { provider: PROVIDER }).unwrap();
    bed.capture.heartbeats().beat(0).unwrap();
    everyone(&bed);
    assert_eq!(connect(&bed), None);
    bed.accept_at_origin();
    bed.capture.set_unknown(Namespace::EXPECTED).unwrap();
    assert_eq!(connect(&bed), Some(libc::EPERM));
    let counts = [Counter::UnknownNamespace, Counter::ForbiddenRefused];
    assert_eq!(counts.map(|counter| bed.count(counter)), [1, 1]);
    // The daemon has to be there.
    bed.capture.heartbeats().stop(0).unwrap();
    assert_eq!(connect(&bed), None);
    bed.accept_at_origin();
}

#[test]
fn a_strict_namespace_is_refused_what_is_known_and_brings_the_rest() {
    require_kernel!();
    let bed = Bed::new();
    bed.enrol(&bed.app, Namespace::STRICT);
    everyone(&bed);
    assert!(is_refused(&bed));
    assert_eq!(bed.probe(&[&at(OTHERS[0], 443).0]).error, None);
    assert!(bed.accept().flow.is_some());
}

#[test]
fn a_socket_that_was_refused_can_be_used_again() {
    require_kernel!();
    let bed = Bed::new();
    everyone(&bed);
    let (forbidden, other) = (at(ENDPOINTS[0], 443).0, at(OTHERS[0], 443).0);
    let probe = bed.probe(&["--again", &other, &forbidden]);
    // The first attempt's error is not the last word.
    assert_eq!(probe.error, None);
    bed.accept_at_origin();
    assert_eq!(bed.count(Counter::ForbiddenRefused), 1);
}

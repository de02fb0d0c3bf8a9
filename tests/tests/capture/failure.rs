//! What becomes of a connection that should be redirected and cannot be, under both fail policies: decided in the
//! kernel, at connect time, whatever the daemon does or does not.

use super::bed::{Accepted, App, Bed, ENDPOINTS, OTHERS, Probe, at};
use interceptor_common::{Counter, EventKind, Namespace};
use interceptor_tests::require_kernel;
use std::num::NonZeroU32;
use std::time::Duration;

/// Every way in which an application can reach the endpoints: IPv4, IPv6, and IPv4 by an IPv6 socket.
fn ways() -> [Vec<String>; 3] {
    let [v4, v6] = ENDPOINTS.map(|address| at(address, 443).0);
    [vec![v4.clone()], vec![v6], vec!["--inet6".to_owned(), v4]]
}

fn words(way: &[String]) -> Vec<&str> {
    way.iter().map(String::as_str).collect()
}

/// Connects in every way under both policies: nothing reaches the listener; an open workload reaches the origin, a
/// closed one is refused.
fn meets_the_fail_policy(bed: &Bed, left: Counter, refused: Counter) {
    for way in ways() {
        bed.enrol(&bed.app, 0);
        assert_eq!(bed.probe(&words(&way)).error, None, "{way:?}");
        bed.accept_at_origin();
        bed.enrol(&bed.app, Namespace::CLOSED);
        assert_eq!(bed.probe(&words(&way)).error, Some(libc::EPERM), "{way:?}");
    }
    bed.nothing_was_redirected();
    assert_eq!((bed.count(left), bed.count(refused)), (3, 3));
    // What is none of ours goes where it wants, in a closed workload too.
    assert_eq!(bed.probe(&[&at(OTHERS[0], 443).0]).error, None);
    bed.accept_at_origin();
}

/// The kinds of the events that wait.
fn told(bed: &mut Bed) -> Vec<EventKind> {
    let mut events = bed.capture.take_events().expect("nobody else reads them");
    std::iter::from_fn(|| events.next()).filter_map(|event| EventKind::of(event.kind)).collect()
}

#[test]
fn a_worker_that_took_its_sign_of_life_back_meets_the_fail_policy() {
    require_kernel!();
    let mut bed = Bed::new();
    bed.capture.heartbeats().stop(0).unwrap();
    // Another worker's life is no help.
    bed.capture.heartbeats().beat(1).unwrap();
    meets_the_fail_policy(&bed, Counter::SilentLeft, Counter::SilentRefused);
    assert!(told(&mut bed).contains(&EventKind::DaemonSilent));

    bed.capture.heartbeats().beat(0).unwrap();
    for way in ways() {
        let probe = bed.probe(&words(&way));
        assert_eq!((probe.error, bed.accept().flow.is_some()), (None, true), "{way:?}");
    }
}

#[test]
fn a_sign_of_life_beyond_the_limit_is_none() {
    require_kernel!();
    let bed = Bed::new();
    bed.capture.set_heartbeat_limit(Duration::from_nanos(1)).unwrap();
    meets_the_fail_policy(&bed, Counter::SilentLeft, Counter::SilentRefused);
}

#[test]
fn a_listener_that_is_gone_meets_the_fail_policy() {
    require_kernel!();
    let mut bed = Bed::new();
    let old = bed.app.listeners.port();
    // Dropped with its port still enrolled.
    bed.app.listeners = bed.app.netns.listen(0, 128).unwrap();
    for way in ways() {
        for flags in [0, Namespace::CLOSED] {
            let enrolment = Namespace { port4: old, port6: old, flags, worker: 0 };
            bed.capture.enrol(bed.app.cookie, enrolment).unwrap();
            let probe = bed.probe(&words(&way));
            assert_eq!(probe.error, (flags != 0).then_some(libc::EPERM), "{way:?}");
            if flags == 0 {
                bed.accept_at_origin();
            }
        }
    }
    bed.nothing_was_redirected();
    assert_eq!((bed.count(Counter::NoListenerLeft), bed.count(Counter::NoListenerRefused)), (3, 3));
    assert!(told(&mut bed).contains(&EventKind::NoListener));
}

#[test]
fn case_33_a_full_flow_map_meets_the_fail_policy_and_loses_no_older_flow() {
    require_kernel!();
    let mut bed = Bed::bare(1);
    bed.enrol(&bed.app, 0);
    let (text, _) = at(ENDPOINTS[0], 443);
    let first = bed.probe(&[&text]);
    assert_eq!(first.error, None);
    // Its flow waits to be taken, and there is room for no other.
    assert_eq!(bed.probe(&[&text]).error, None);
    bed.accept_at_origin();
    bed.enrol(&bed.app, Namespace::CLOSED);
    assert_eq!(bed.probe(&[&text]).error, Some(libc::EPERM));
    assert_eq!((bed.count(Counter::NotRecordedLeft), bed.count(Counter::NotRecordedRefused)), (1, 1));
    assert_eq!((bed.count(Counter::FlowEntered), bed.count(Counter::FlowFull)), (1, 0));
    assert_eq!(told(&mut bed), [EventKind::NotRecorded]);

    let Accepted { flow, peer, .. } = bed.accept();
    assert_eq!((flow.expect("the first flow is still there").tgid, Some(peer)), (first.pid, first.local));
    // Now there is room again.
    assert_eq!(bed.probe(&[&text]).error, None);
    assert!(bed.accept().flow.is_some());
}

#[test]
fn case_34_a_full_ring_buffer_loses_events_and_nothing_else() {
    require_kernel!();
    // The smallest ring there is holds 56 events; each namespace tells of one of each kind, at once.
    let page = NonZeroU32::new(4096).expect("not zero");
    let mut bed = Bed::sized(16, page);
    let (text, _) = at(ENDPOINTS[0], 443);
    let apps: Vec<_> = (0..20).map(|_| App::new()).collect();
    for app in &apps {
        // Unknown, then open and closed with a silent worker and without a listener, then a direct connection. An open
        // workload goes where it wanted to, which from here is nowhere.
        let listener = at("127.0.0.1", app.listeners.port()).0;
        let connect = |to: &str| Probe::start(&app.namespace, &bed.apps, &[to]).error;
        assert_eq!(connect(&text), Some(libc::ENETUNREACH));
        for (worker, port4) in [(1, app.listeners.port()), (0, 1)] {
            let open = Namespace { worker, port4, ..app.listeners.enrolment(0) };
            bed.capture.enrol(app.cookie, open).unwrap();
            assert_eq!(connect(&text), Some(libc::ENETUNREACH));
            bed.capture.enrol(app.cookie, Namespace { flags: Namespace::CLOSED, ..open }).unwrap();
            assert_eq!(connect(&text), Some(libc::EPERM));
        }
        bed.enrol(app, Namespace::CLOSED);
        assert_eq!(connect(&listener), Some(libc::EPERM));
        // And what can be served still is.
        let served = Probe::start(&app.namespace, &bed.apps, &[&text]);
        assert_eq!((served.error, bed.accept_in(app, &[&app.listeners.v4]).flow.is_some()), (None, true));
    }
    let lost = bed.count(Counter::EventLost);
    assert!(lost > 0, "80 events do not fit");
    // Nothing is lost silently: what was not told was counted.
    let told = told(&mut bed).len() as u64;
    assert!(told <= 56 && told + lost >= 80, "{told} told, {lost} lost");
    let count = |counter| bed.count(counter);
    assert_eq!((count(Counter::SilentLeft), count(Counter::SilentRefused)), (20, 20));
    assert_eq!((count(Counter::NoListenerLeft), count(Counter::NoListenerRefused)), (20, 20));
    assert_eq!((count(Counter::UnknownNamespace), count(Counter::DirectConnect)), (20, 20));
    assert_eq!(count(Counter::Redirected), 20);
}

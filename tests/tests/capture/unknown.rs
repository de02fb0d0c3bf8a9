//! What becomes of connections in a namespace that is not enrolled, where such namespaces fail closed: none gets out
//! before somebody listens there.

use super::bed::{Bed, ENDPOINTS, OTHERS, Probe, at};
use super::bypass::sent;
use interceptor_common::{Counter, EventKind, Namespace};
use interceptor_tests::require_kernel;
use serde_json::json;
use std::net::IpAddr;

#[test]
fn a_closed_unknown_namespace_reaches_no_endpoint_until_it_is_enrolled() {
    require_kernel!();
    let mut bed = Bed::bare(16);
    bed.capture.set_unknown(Namespace::CLOSED).unwrap();
    let mut events = bed.capture.take_events().unwrap();
    for endpoint in ENDPOINTS {
        assert_eq!(bed.probe(&[&at(endpoint, 443).0]).error, Some(libc::EPERM), "{endpoint}");
    }
    assert_eq!((bed.count(Counter::UnknownRefused), bed.count(Counter::UnknownNamespace)), (2, 0));
    // By this the daemon knows whom to serve.
    let event = events.next().expect("the daemon is told");
    assert_eq!(EventKind::of(event.kind), Some(EventKind::UnknownNamespace));
    assert_eq!(
        (event.netns, IpAddr::from(event.destination)),
        (bed.app.cookie.0, at(ENDPOINTS[0], 443).1.ip())
    );
    // What is none of ours goes where it wants.
    for (address, port) in [(OTHERS[0], 443), (OTHERS[1], 443), (ENDPOINTS[0], 8443)] {
        assert_eq!(bed.probe(&[&at(address, port).0]).error, None);
        bed.accept_at_origin();
    }

    bed.enrol(&bed.app, 0);
    let probe = bed.probe(&[&at(ENDPOINTS[0], 443).0]);
    assert_eq!((probe.error, bed.accept().flow.is_some()), (None, true));
    assert_eq!(bed.count(Counter::UnknownRefused), 2);
}

#[test]
fn a_closed_unknown_namespace_sends_no_quic_and_no_packets_of_its_own() {
    require_kernel!();
    let bed = Bed::bare(16);
    bed.capture.set_unknown(Namespace::CLOSED).unwrap();
    let (text, _) = at(ENDPOINTS[0], 443);
    assert_eq!(sent(&bed, &["datagram", &text]), json!({ "sent": libc::EPERM }));
    let refused = json!({ "connected": null, "sent": libc::EPERM, "again": libc::EPERM });
    assert_eq!(sent(&bed, &["connected", &text]), refused);
    assert_eq!(sent(&bed, &["raw", &text]), json!({ "sent": libc::EPERM }));
    assert_eq!(sent(&bed, &["datagram", &at(OTHERS[0], 443).0]), json!({ "sent": null }));
    assert_eq!((bed.count(Counter::DatagramRefused), bed.count(Counter::GuardDropped)), (1, 2));
}

#[test]
fn where_the_standard_is_strict_an_unknown_namespace_reaches_nothing_or_is_told_of() {
    require_kernel!();
    let mut bed = Bed::bare(16);
    let mut events = bed.capture.take_events().unwrap();
    let (text, destination) = at(OTHERS[0], 443);
    bed.capture.set_unknown(Namespace::STRICT).unwrap();
    assert_eq!(bed.probe(&[&text]).error, None);
    bed.accept_at_origin();
    let event = events.next().expect("the daemon is told");
    assert_eq!(IpAddr::from(event.destination), destination.ip());
    bed.capture.set_unknown(Namespace::STRICT | Namespace::CLOSED).unwrap();
    assert_eq!(bed.probe(&[&text]).error, Some(libc::EPERM));
    assert_eq!(bed.probe(&[&at(OTHERS[0], 8443).0]).error, None);
    bed.accept_at_origin();
}

#[test]
fn the_daemon_reaches_endpoints_from_a_closed_unknown_namespace() {
    require_kernel!();
    let bed = Bed::bare(16);
    bed.capture.set_unknown(Namespace::STRICT | Namespace::CLOSED).unwrap();
    let own = Probe::start(&bed.app.namespace, &bed.cgroup, &[&at(ENDPOINTS[0], 443).0]);
    assert_eq!(own.error, None);
    bed.accept_at_origin();
}

//! Packets that no socket has sent, seen where they come out of a namespace: counted, or dropped, and nothing else is.

use crate::bed::{Bed, ENDPOINTS, OTHERS, at, ip};
use crate::bypass::{counts, sent};
use crate::pins::bpffs;
use interceptor::bpf::{self, Interface, Pins, RawPacketPolicy, Settled};
use interceptor_common::{Counter, EventKind, Namespace, RawPackets};
use interceptor_tests::cgroup::Cgroup;
use interceptor_tests::require_kernel;
use nix::ifaddrs::getifaddrs;
use serde_json::{Value, json};
use socket2::SockRef;
use std::io::{BufRead as _, BufReader};
use std::net::{IpAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The application's own addresses, by family.
const OWN: [&str; 2] = ["203.0.113.2", "2001:db8::2"];

/// A bed whose origin is the host: its end of the veth is guarded.
fn guarded(policy: RawPacketPolicy) -> Bed {
    let mut bed = Bed::new();
    guard(&mut bed, policy);
    bed
}

fn guard(bed: &mut Bed, policy: RawPacketPolicy) -> Settled {
    bed.capture.set_raw_packets(policy).unwrap();
    let wanted = [wire(bed)];
    let settled = settle(bed, &wanted);
    assert!(settled.failed.is_empty(), "{settled:?}");
    settled
}

/// Guards these interfaces of the host.
fn settle(bed: &mut Bed, wanted: &[Interface]) -> Settled {
    let Bed { capture, world, .. } = bed;
    world.run(|| capture.guard(wanted)).unwrap()
}

/// The host's end of the application's veth.
fn wire(bed: &Bed) -> Interface {
    let found = bed.world.run(bpf::interfaces).unwrap();
    found.into_iter().find(|interface| interface.name == "wire").unwrap()
}

/// Its link address.
fn link_address(bed: &Bed) -> String {
    let address = |interface: nix::ifaddrs::InterfaceAddress| {
        let address = interface.address?.as_link_addr()?.addr()?;
        (interface.interface_name == "wire").then(|| address.map(|byte| format!("{byte:02x}")).join(":"))
    };
    bed.world.run(|| getifaddrs().unwrap().find_map(address)).unwrap()
}

/// Has the application send such packets, from an address of its own.
fn send(bed: &Bed, kind: &[&str], to: &str) {
    send_from(bed, &bed.apps, kind, to);
}

fn send_from(bed: &Bed, cgroup: &Cgroup, kind: &[&str], to: &str) {
    let own = OWN[usize::from(to.contains(':') && to.starts_with('['))];
    let mut command = bed.app.namespace.command(env!("CARGO_BIN_EXE_packets"));
    cgroup.adopt(&mut command);
    command.args(["--device", "wire", "--to", &link_address(bed)]).args(kind).args([&at(own, 7005).0, to]);
    let output = command.output().unwrap();
    let said: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    assert_eq!(said, json!({ "sent": null }));
}

fn endpoints() -> [String; 2] {
    ENDPOINTS.map(|address| at(address, 443).0)
}

fn of_interface(bed: &Bed) -> RawPackets {
    let counts = bed.capture.interfaces().unwrap().read().unwrap();
    let [(index, count)] = counts[..] else { panic!("{counts:?}") };
    assert_eq!(index, wire(bed).index);
    count
}

/// A socket of the origin that datagrams to any of its addresses come to.
fn datagrams(bed: &Bed) -> UdpSocket {
    let socket = bed.world.run(|| UdpSocket::bind("[::]:443")).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket
}

fn received(socket: &UdpSocket) -> Vec<u8> {
    let mut bytes = [0; 64];
    let length = socket.recv(&mut bytes).expect("a datagram");
    bytes[..length].to_vec()
}

#[test]
fn case_18_what_a_packet_socket_sends_is_counted_and_goes_on() {
    require_kernel!();
    let mut bed = guarded(RawPacketPolicy::Count);
    let mut events = bed.capture.take_events().unwrap();
    let origin = datagrams(&bed);
    for endpoint in endpoints() {
        send(&bed, &["syn"], &endpoint);
        send(&bed, &["datagram"], &endpoint);
        assert_eq!(received(&origin), b"raw");
    }
    // The kernel still knows whose packet socket it was.
    assert_eq!(counts(&bed), [(bed.apps.id(), Counter::RawPacketLeft, Counter::RawPacketLeft, 4)]);
    assert_eq!(of_interface(&bed), RawPackets { left: 4, dropped: 0 });
    let event = events.next().expect("the daemon is told");
    assert_eq!(EventKind::of(event.kind), Some(EventKind::RawPacket));
    assert_eq!(
        (IpAddr::from(event.destination), event.port, event.cgroup),
        (ip(ENDPOINTS[0]), 443, bed.apps.id())
    );
}

#[test]
fn case_18_what_a_packet_socket_sends_is_dropped_where_the_operator_says_so() {
    require_kernel!();
    let bed = guarded(RawPacketPolicy::Drop);
    let origin = datagrams(&bed);
    for (endpoint, other) in endpoints().into_iter().zip(OTHERS) {
        send(&bed, &["--times", "3", "syn"], &endpoint);
        send(&bed, &["datagram"], &endpoint);
        // What is received first was sent last: the others are gone.
        assert_eq!(sent(&bed, &["datagram", &at(other, 443).0]), json!({ "sent": null }));
        assert_eq!(received(&origin), b"quic");
    }
    assert_eq!(counts(&bed), [(bed.apps.id(), Counter::RawPacketRefused, Counter::RawPacketRefused, 8)]);
    assert_eq!(of_interface(&bed), RawPackets { left: 0, dropped: 8 });
}

#[test]
fn case_18_headers_hide_nothing() {
    require_kernel!();
    let bed = guarded(RawPacketPolicy::Drop);
    let [v4, v6] = endpoints();
    let mut expected = 0;
    for (kind, to) in [
        (&["extended"][..], &v4),
        (&["extended"], &v6),
        (&["cut"], &v4),
        (&["overlap"], &v4),
        (&["--tags", "1", "syn"], &v4),
        (&["--tags", "1", "syn"], &v6),
        (&["--tags", "2", "syn"], &v4),
        (&["--tags", "3", "syn"], &v6),
    ] {
        send(&bed, kind, to);
        expected += 1;
        assert_eq!(bed.count(Counter::RawPacketRefused), expected, "{kind:?} {to}");
    }
}

#[test]
fn case_18_packets_of_established_flows_and_to_other_places_are_left() {
    require_kernel!();
    let bed = guarded(RawPacketPolicy::Drop);
    for endpoint in ENDPOINTS {
        // Of use only to a connection that has begun, which takes a SYN.
        send(&bed, &["later"], &at(endpoint, 443).0);
        send(&bed, &["syn"], &at(endpoint, 8443).0);
    }
    for other in OTHERS {
        for kind in [&["syn"][..], &["datagram"], &["extended"]] {
            send(&bed, kind, &at(other, 443).0);
        }
    }
    assert_eq!(counts(&bed), []);
    assert_eq!(of_interface(&bed), RawPackets::default());
}

/// A process that makes connections and holds them.
fn connections(bed: &Bed, cgroup: &Cgroup, count: usize, to: &[&str]) -> Child {
    let mut command: Command = bed.app.namespace.command(env!("CARGO_BIN_EXE_connector"));
    cgroup.adopt(&mut command);
    let to: Vec<_> = to.iter().map(|address| at(address, 443).0).collect();
    command.args(["burst", &count.to_string()]).args(to).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let said: Value = serde_json::from_str(&line).expect("every connection was made");
    assert_eq!(said["connections"].as_array().unwrap().len(), count);
    child
}

fn end(mut child: Child) {
    drop(child.stdin.take());
    child.wait().unwrap();
}

#[test]
fn case_18_what_sockets_send_is_never_taken_for_raw() {
    require_kernel!();
    let bed = guarded(RawPacketPolicy::Drop);
    // Nobody accepts what comes to the origin.
    SockRef::from(&bed.origin[0]).listen(4096).unwrap();
    // Redirected ones, the daemon's own to the same endpoint, and such as are nobody's business.
    let redirected = connections(&bed, &bed.apps, 120, &[ENDPOINTS[0]]);
    let own = connections(&bed, &bed.cgroup, 500, &[ENDPOINTS[0]]);
    let others = connections(&bed, &bed.apps, 120, &[OTHERS[0]]);
    let own_v6 = bed.probe(&[&at(OTHERS[1], 443).0]);
    assert_eq!(own_v6.error, None);
    let v6 = crate::bed::Probe::start(&bed.app.namespace, &bed.cgroup, &[&at(ENDPOINTS[1], 443).0]);
    assert_eq!(v6.error, None);
    // Left alone, because nobody serves the namespace.
    bed.capture.release(bed.app.cookie).unwrap();
    let left = connections(&bed, &bed.apps, 500, &[ENDPOINTS[0]]);
    let _origin = datagrams(&bed);
    for endpoint in endpoints() {
        assert_eq!(
            sent(&bed, &["connected", &endpoint]),
            json!({"connected": null, "sent": null, "again": null})
        );
        assert_eq!(sent(&bed, &["datagram", &endpoint]), json!({ "sent": null }));
    }
    for child in [redirected, own, others, left] {
        end(child);
    }
    assert_eq!(bed.count(Counter::Redirected), 120);
    assert_eq!((bed.count(Counter::RawPacketRefused), bed.count(Counter::RawPacketLeft)), (0, 0));
    assert_eq!(of_interface(&bed), RawPackets::default());
}

#[test]
fn case_17_a_raw_socket_is_counted_once_by_the_guard_of_sockets() {
    require_kernel!();
    let bed = guarded(RawPacketPolicy::Drop);
    let (text, _) = at(ENDPOINTS[0], 443);
    for kind in ["raw", "raw-options"] {
        assert_eq!(sent(&bed, &[kind, &text]), json!({ "sent": null }));
    }
    assert_eq!(counts(&bed), [(bed.apps.id(), Counter::GuardUnseen, Counter::GuardUnseen, 2)]);
    // What is refused there leaves no note for a copy of it: this one is not even that.
    bed.enrol(&bed.app, Namespace::CLOSED);
    assert_eq!(sent(&bed, &["connected", &text])["sent"], json!(libc::EPERM));
    send(&bed, &["datagram"], &text);
    assert_eq!(bed.count(Counter::RawPacketRefused), 1);
}

#[test]
fn case_18_an_interface_is_guarded_when_it_comes_and_forgotten_when_it_goes() {
    require_kernel!();
    let mut bed = Bed::new();
    assert!(settle(&mut bed, &[]).guarded.is_empty());
    let endpoint = &endpoints()[0];
    bed.capture.set_raw_packets(RawPacketPolicy::Count).unwrap();
    send(&bed, &["syn"], endpoint);
    assert_eq!(bed.count(Counter::RawPacketLeft), 0);
    let wire = wire(&bed);
    let wanted = [wire];
    assert_eq!(settle(&mut bed, &wanted).guarded, wanted);
    send(&bed, &["syn"], endpoint);
    assert_eq!(bed.count(Counter::RawPacketLeft), 1);
    // Nothing is attached twice.
    assert!(settle(&mut bed, &wanted).guarded.is_empty());
    assert_eq!(settle(&mut bed, &[]).released, wanted);
    send(&bed, &["syn"], endpoint);
    assert_eq!(bed.count(Counter::RawPacketLeft), 1);
    // One that does not exist is told of, and hurts no other.
    let nowhere = Interface { index: 4_000_000, name: "nowhere".to_owned() };
    let [wire] = wanted;
    let settled = settle(&mut bed, &[nowhere, wire.clone()]);
    assert_eq!((settled.guarded, settled.failed.len()), (vec![wire], 1));
    let (interface, error) = &settled.failed[0];
    assert_eq!(interface.name, "nowhere");
    assert!(error.to_string().contains("the interface nowhere cannot be guarded"), "{error}");
}

#[test]
fn case_18_pinned_guards_outlive_the_daemon_and_the_next_one_goes_on_with_them() {
    require_kernel!();
    for by_filters in [false, true] {
        let bpffs = bpffs();
        let pins = bpffs.path().join("pins");
        let mut bed = Bed::pinned(&pins);
        let prepare = |bed: &mut Bed| {
            if by_filters {
                bed.capture.guard_by_filters();
            }
        };
        prepare(&mut bed);
        guard(&mut bed, RawPacketPolicy::Count);
        let endpoint = &endpoints()[0];
        send(&bed, &["syn"], endpoint);
        bed.die();
        // Between two daemons.
        send(&bed, &["syn"], endpoint);
        let own = connections(&bed, &bed.cgroup, 20, &[ENDPOINTS[0]]);
        bed.capture = crate::bed::take_over(&bed.config, &pins);
        crate::bed::live(&bed.capture);
        bed.capture.attach(bed.cgroup.path()).unwrap();
        prepare(&mut bed);
        guard(&mut bed, RawPacketPolicy::Count);
        send(&bed, &["syn"], endpoint);
        let own_later = connections(&bed, &bed.cgroup, 20, &[ENDPOINTS[0]]);
        assert_eq!(bed.count(Counter::RawPacketLeft), 3, "filters: {by_filters}");
        assert_eq!(of_interface(&bed), RawPackets { left: 3, dropped: 0 });
        end(own);
        end(own_later);
        bed.die();
        let removed = bed.world.run(bpf::remove_filters);
        assert_eq!(removed, if by_filters { vec!["wire".to_owned()] } else { Vec::new() });
        Pins::open(&pins).unwrap().remove().unwrap();
    }
}

#[test]
fn case_18_detaching_leaves_no_guard() {
    require_kernel!();
    for by_filters in [false, true] {
        let bpffs = bpffs();
        let mut bed = Bed::pinned(&bpffs.path().join("pins"));
        if by_filters {
            bed.capture.guard_by_filters();
        }
        guard(&mut bed, RawPacketPolicy::Drop);
        let Bed { capture, world, config, .. } = &mut bed;
        let idle = bpf::Capture::load(bpf::object().unwrap(), config).unwrap();
        let capture = std::mem::replace(capture, idle);
        world.run(|| capture.detach()).unwrap();
        assert!(world.run(bpf::remove_filters).is_empty());
        let shown = world.command("ip").args(["-details", "link", "show", "dev", "wire"]).output().unwrap();
        assert!(!String::from_utf8_lossy(&shown.stdout).contains("tcx"), "{shown:?}");
        // Its packets reach the origin.
        let origin = datagrams(&bed);
        send(&bed, &["datagram"], &endpoints()[0]);
        assert_eq!(received(&origin), b"raw");
    }
}

#[test]
fn filters_want_pins() {
    require_kernel!();
    let mut bed = Bed::new();
    bed.capture.guard_by_filters();
    let wanted = [wire(&bed)];
    let settled = settle(&mut bed, &wanted);
    assert_eq!(settled.failed.len(), 1, "{settled:?}");
    assert!(bed.world.run(bpf::remove_filters).is_empty());
}

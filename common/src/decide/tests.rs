//! The decision, case by case, against tables in memory.

extern crate std;
use super::*;
use std::net::IpAddr;

/// A node with one endpoint in each family, port 443, a proxy, and a namespace that listens on 15443.
#[derive(Clone, Copy)]
struct Node {
    active: bool,
    exempt: bool,
    namespace: Option<Namespace>,
    /// Flags of namespaces that are not enrolled.
    unknown: u32,
    /// The worker that is alive.
    alive: u32,
    /// Whether the listeners of the enrolment are there.
    listens: bool,
    /// What policy forbids.
    forbidden: Option<&'static str>,
}

const VERDICT: Verdict = Verdict { provider: 3, generation: 1, rule: 2 };

const ENROLLED: Namespace = Namespace { port4: 15443, port6: 15444, flags: 0, worker: 1 };

impl World for Node {
    fn is_active(&self) -> bool {
        self.active
    }
    fn is_exempt(&self) -> bool {
        self.exempt
    }
    fn has_port(&self, port: u16) -> bool {
        port == 443
    }
    fn has_proxy(&self, address: Address, port: u16) -> bool {
        address == ip("203.0.113.30") && port == 3128
    }
    fn has_endpoint(&self, address: Address) -> bool {
        [ip("203.0.113.10"), ip("2001:db8::10")].contains(&address)
    }
    fn namespace(&self) -> Option<Namespace> {
        self.namespace
    }
    fn unknown(&self) -> Namespace {
        Namespace { port4: 0, port6: 0, flags: self.unknown, worker: 0 }
    }
    fn is_alive(&self, worker: u32) -> bool {
        worker == self.alive
    }
    fn has_listener(&self, destination: Address, port: u16) -> bool {
        self.listens && port == if destination.is_v4() { ENROLLED.port4 } else { ENROLLED.port6 }
    }
    fn verdict(&self, destination: Address) -> Verdict {
        if self.forbidden.is_some_and(|text| ip(text) == destination) { VERDICT } else { Verdict::NONE }
    }
}

fn ip(text: &str) -> Address {
    text.parse::<IpAddr>().unwrap().into()
}

fn node() -> Node {
    Node {
        active: true,
        exempt: false,
        namespace: Some(ENROLLED),
        unknown: 0,
        alive: 1,
        listens: true,
        forbidden: None,
    }
}

fn connect(node: &Node, to: &str, port: u16) -> Decision {
    decide(&Attempt { protocol: TCP, destination: ip(to), port }, node)
}

const DIRECT: Decision = Decision::Refuse(Refused::DirectConnect);

#[test]
fn endpoints_go_to_the_listener_of_their_family() {
    for (to, port) in [("203.0.113.10", 15443), ("::ffff:203.0.113.10", 15443), ("2001:db8::10", 15444)] {
        let redirect = Decision::Redirect(Target { port, closed: false, is_proxy: false });
        assert_eq!(connect(&node(), to, 443), redirect, "{to}");
    }
}

#[test]
fn other_addresses_ports_and_protocols_are_left() {
    assert_eq!(connect(&node(), "203.0.113.11", 443), Decision::Leave(Left::OtherAddress));
    assert_eq!(connect(&node(), "203.0.113.10", 80), Decision::Leave(Left::OtherPort));
    let udp = Attempt { protocol: 17, destination: ip("203.0.113.10"), port: 443 };
    assert_eq!(decide(&udp, &node()), Decision::Leave(Left::OtherProtocol));
}

#[test]
fn a_proxy_is_redirected_in_either_mode_and_makes_nothing_else_ours() {
    for flags in [0, Namespace::STRICT] {
        let node = Node { namespace: Some(Namespace { flags, ..ENROLLED }), ..node() };
        let redirect = Decision::Redirect(Target { port: 15443, closed: false, is_proxy: true });
        assert_eq!(connect(&node, "203.0.113.30", 3128), redirect);
        assert_eq!(connect(&node, "203.0.113.31", 3128), Decision::Leave(Left::OtherPort));
        assert_eq!(connect(&node, "203.0.113.30", 8080), Decision::Leave(Left::OtherPort));
        // An endpoint's address is none of a proxy's.
        assert_eq!(connect(&node, "203.0.113.10", 3128), Decision::Leave(Left::OtherPort));
    }
    let unknown = Node { namespace: None, unknown: Namespace::CLOSED, ..node() };
    assert_eq!(connect(&unknown, "203.0.113.30", 3128), Decision::Refuse(Refused::UnknownNamespace));
    let exempt = Node { exempt: true, ..node() };
    assert_eq!(connect(&exempt, "203.0.113.30", 3128), Decision::Leave(Left::Exempt));
}

#[test]
fn the_daemon_reaches_everything() {
    let daemon = Node { exempt: true, ..node() };
    for to in ["203.0.113.10", "2001:db8::10"] {
        assert_eq!(connect(&daemon, to, 443), Decision::Leave(Left::Exempt));
    }
    // Its own listener too: it may test its own redirect.
    assert_eq!(connect(&daemon, "127.0.0.1", 15443), Decision::Leave(Left::Exempt));
}

#[test]
fn the_listener_takes_no_direct_connection() {
    for to in ["127.0.0.1", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1"] {
        assert_eq!(connect(&node(), to, 15443), DIRECT, "{to}");
        assert_eq!(connect(&node(), to, 15444), DIRECT, "{to}");
        assert_eq!(connect(&node(), to, 8080), Decision::Leave(Left::Loopback), "{to}");
    }
}

#[test]
fn a_missing_listener_makes_no_port_ours() {
    let no_v6 = Node { namespace: Some(Namespace { port6: 0, ..ENROLLED }), ..node() };
    assert_eq!(connect(&no_v6, "::1", 0), Decision::Leave(Left::Loopback));
    assert_eq!(connect(&no_v6, "2001:db8::10", 443), Decision::Leave(Left::NoListener));
}

#[test]
fn an_unknown_namespace_is_left_and_only_reported_for_endpoints() {
    let unknown = Node { namespace: None, ..node() };
    assert_eq!(connect(&unknown, "203.0.113.10", 443), Decision::Leave(Left::UnknownNamespace));
    assert_eq!(connect(&unknown, "203.0.113.11", 443), Decision::Leave(Left::OtherAddress));
    assert_eq!(connect(&unknown, "127.0.0.1", 15443), Decision::Leave(Left::Loopback));
}

#[test]
fn an_unknown_namespace_is_refused_where_such_fail_closed() {
    let closed = Node { namespace: None, unknown: Namespace::CLOSED, ..node() };
    let refused = Decision::Refuse(Refused::UnknownNamespace);
    assert_eq!(connect(&closed, "203.0.113.10", 443), refused);
    assert_eq!(connect(&closed, "2001:db8::10", 443), refused);
    assert_eq!(connect(&closed, "203.0.113.11", 443), Decision::Leave(Left::OtherAddress));
    assert_eq!(connect(&closed, "203.0.113.10", 80), Decision::Leave(Left::OtherPort));
    assert_eq!(connect(&closed, "127.0.0.1", 15443), Decision::Leave(Left::Loopback));
    let strict = Node { unknown: Namespace::CLOSED | Namespace::STRICT, ..closed };
    assert_eq!(connect(&strict, "203.0.113.11", 443), refused);
    let open = Node { unknown: Namespace::STRICT, ..strict };
    assert_eq!(connect(&open, "203.0.113.11", 443), Decision::Leave(Left::UnknownNamespace));
    // The daemon reaches everything from there too, and an enrolled namespace is none of these.
    let exempt = Node { exempt: true, unknown: Namespace::CLOSED, ..open };
    assert_eq!(connect(&exempt, "203.0.113.10", 443), Decision::Leave(Left::Exempt));
    let enrolled = Node { unknown: Namespace::CLOSED, ..node() };
    assert!(matches!(connect(&enrolled, "203.0.113.10", 443), Decision::Redirect(_)));
}

#[test]
fn a_strict_namespace_sends_every_address_but_only_configured_ports() {
    let strict = Node { namespace: Some(Namespace { flags: Namespace::STRICT, ..ENROLLED }), ..node() };
    for to in ["203.0.113.11", "10.0.0.1", "192.168.1.1"] {
        assert!(matches!(connect(&strict, to, 443), Decision::Redirect(_)), "{to}");
    }
    assert_eq!(connect(&strict, "203.0.113.11", 80), Decision::Leave(Left::OtherPort));
    assert_eq!(connect(&strict, "127.0.0.1", 443), Decision::Leave(Left::Loopback));
}

#[test]
fn a_closed_workload_is_refused_where_an_open_one_is_left() {
    let flags = Namespace::CLOSED;
    let closed = Node { namespace: Some(Namespace { port6: 0, flags, ..ENROLLED }), ..node() };
    assert_eq!(connect(&closed, "2001:db8::10", 443), Decision::Refuse(Refused::NoListener));
    let target = Target { port: 15443, closed: true, is_proxy: false };
    assert_eq!(connect(&closed, "203.0.113.10", 443), Decision::Redirect(target));
    assert_eq!(target.when_not_recorded(), Decision::Refuse(Refused::NotRecorded));
    let open = Target { closed: false, ..target };
    assert_eq!(open.when_not_recorded(), Decision::Leave(Left::NotRecorded));
}

#[test]
fn a_silent_worker_or_a_missing_listener_meets_the_fail_policy_of_what_would_be_redirected() {
    let closed = Some(Namespace { flags: Namespace::CLOSED, ..ENROLLED });
    // Another worker's life is no help.
    let silent = Node { alive: 0, ..node() };
    let deaf = Node { listens: false, ..node() };
    for to in ["203.0.113.10", "2001:db8::10"] {
        assert_eq!(connect(&silent, to, 443), Decision::Leave(Left::DaemonSilent));
        assert_eq!(connect(&deaf, to, 443), Decision::Leave(Left::NoListener));
        let silent = Node { namespace: closed, alive: 0, ..node() };
        let deaf = Node { namespace: closed, listens: false, ..node() };
        assert_eq!(connect(&silent, to, 443), Decision::Refuse(Refused::DaemonSilent));
        assert_eq!(connect(&deaf, to, 443), Decision::Refuse(Refused::NoListener));
    }
    // What is none of ours never meets it, and our listener stays ours.
    let silent = Node { namespace: closed, alive: 0, ..node() };
    assert_eq!(connect(&silent, "203.0.113.11", 443), Decision::Leave(Left::OtherAddress));
    assert_eq!(connect(&silent, "127.0.0.1", 8080), Decision::Leave(Left::Loopback));
    assert_eq!(connect(&silent, "127.0.0.1", 15443), DIRECT);
}

#[test]
fn nothing_happens_before_the_daemon_is_active() {
    let inactive = Node { active: false, ..node() };
    for (to, port) in [("203.0.113.10", 443), ("127.0.0.1", 15443)] {
        assert_eq!(connect(&inactive, to, port), Decision::Leave(Left::Inactive));
    }
}

#[test]
fn what_policy_forbids_is_refused_in_the_place_of_a_daemon_that_is_there() {
    let forbids = |text| Node { forbidden: Some(text), ..node() };
    let refused = Decision::Refuse(Refused::Forbidden(VERDICT));
    assert_eq!(connect(&forbids("203.0.113.10"), "::ffff:203.0.113.10", 443), refused);
    assert_eq!(connect(&forbids("2001:db8::10"), "2001:db8::10", 443), refused);
    assert!(matches!(connect(&forbids("203.0.113.10"), "2001:db8::10", 443), Decision::Redirect(_)));
    // Only endpoints and captured ports, never the daemon, and nothing that is asked of a proxy.
    let node = forbids("203.0.113.10");
    assert_eq!(connect(&node, "203.0.113.10", 80), Decision::Leave(Left::OtherPort));
    assert_eq!(connect(&Node { exempt: true, ..node }, "203.0.113.10", 443), Decision::Leave(Left::Exempt));
    assert_eq!(connect(&forbids("203.0.113.11"), "203.0.113.11", 443), Decision::Leave(Left::OtherAddress));
    assert!(matches!(connect(&forbids("203.0.113.30"), "203.0.113.30", 3128), Decision::Redirect(_)));
    // Without the daemon the fail policy answers.
    for gone in
        [Node { alive: 0, ..forbids("203.0.113.10") }, Node { listens: false, ..forbids("203.0.113.10") }]
    {
        assert!(matches!(connect(&gone, "203.0.113.10", 443), Decision::Leave(_)));
        let closed = Some(Namespace { flags: Namespace::CLOSED, ..ENROLLED });
        let answer = connect(&Node { namespace: closed, ..gone }, "203.0.113.10", 443);
        assert!(
            matches!(answer, Decision::Refuse(Refused::DaemonSilent | Refused::NoListener)),
            "{answer:?}"
        );
    }
}

#[test]
fn what_policy_forbids_holds_in_a_namespace_before_it_is_enrolled_if_it_will_be() {
    let to = |node: &Node| connect(node, "203.0.113.10", 443);
    let unknown = Node { namespace: None, alive: 0, forbidden: Some("203.0.113.10"), ..node() };
    assert_eq!(to(&unknown), Decision::Leave(Left::UnknownNamespace));
    let expected = Node { unknown: Namespace::EXPECTED, ..unknown };
    assert_eq!(to(&expected), Decision::Refuse(Refused::Forbidden(VERDICT)));
    assert_eq!(connect(&expected, "2001:db8::10", 443), Decision::Leave(Left::UnknownNamespace));
    // The same is not said of a proxy, nor where the daemon is not.
    let proxy = Node { forbidden: Some("203.0.113.30"), ..expected };
    assert_eq!(connect(&proxy, "203.0.113.30", 3128), Decision::Leave(Left::UnknownNamespace));
    assert_eq!(to(&Node { alive: 1, ..expected }), Decision::Leave(Left::UnknownNamespace));
    let closed = Node { alive: 1, unknown: Namespace::EXPECTED | Namespace::CLOSED, ..expected };
    assert_eq!(to(&closed), Decision::Refuse(Refused::UnknownNamespace));
}

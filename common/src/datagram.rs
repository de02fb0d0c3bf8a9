//! What becomes of a datagram: QUIC to an endpoint is refused, so that the client falls back to TCP. Pure, like the
//! decision of the connect hooks, and over the same [`World`].

use crate::{Attempt, World};

/// What is to be done with a datagram, or with a socket that is being connected to send some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Datagram {
    /// Nothing: it is none of ours.
    Leave,
    /// Nothing, although it goes to an endpoint: its network namespace is not enrolled.
    LeaveUnknown,
    /// It fails with `EPERM`.
    Refuse,
}

/// Decides one datagram: refused is what a connection would be redirected for.
#[inline(always)]
pub fn decide_datagram(attempt: &Attempt, world: &impl World) -> Datagram {
    if !world.is_active() || !world.has_port(attempt.port) || attempt.destination.is_loopback_target() {
        return Datagram::Leave;
    }
    let enrolled = world.namespace();
    let namespace = enrolled.unwrap_or_else(|| world.unknown());
    if (!namespace.is_strict() && !world.has_endpoint(attempt.destination)) || world.is_exempt() {
        return Datagram::Leave;
    }
    if enrolled.is_some() || namespace.is_closed() { Datagram::Refuse } else { Datagram::LeaveUnknown }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::{Address, Namespace};
    use std::net::IpAddr;

    struct Node {
        active: bool,
        exempt: bool,
        namespace: Option<Namespace>,
        unknown: u32,
    }

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
        fn has_proxy(&self, _: Address, _: u16) -> bool {
            unreachable!("a proxy is reached over TCP")
        }
        fn has_endpoint(&self, address: Address) -> bool {
            address == ip("203.0.113.10")
        }
        fn namespace(&self) -> Option<Namespace> {
            self.namespace
        }
        fn unknown(&self) -> Namespace {
            Namespace { port4: 0, port6: 0, flags: self.unknown, worker: 0 }
        }
        fn is_alive(&self, _: u32) -> bool {
            unreachable!("a datagram is not redirected")
        }
        fn has_listener(&self, _: Address, _: u16) -> bool {
            unreachable!("a datagram is not redirected")
        }
        fn verdict(&self, _: Address) -> crate::Verdict {
            unreachable!("a datagram to an endpoint is refused to everyone")
        }
    }

    fn ip(text: &str) -> Address {
        text.parse::<IpAddr>().unwrap().into()
    }

    fn to(address: &str, port: u16, node: &Node) -> Datagram {
        decide_datagram(&Attempt { protocol: 17, destination: ip(address), port }, node)
    }

    const fn enrolled(flags: u32) -> Node {
        let namespace = Namespace { port4: 1, port6: 1, flags, worker: 0 };
        Node { active: true, exempt: false, namespace: Some(namespace), unknown: 0 }
    }

    #[test]
    fn an_endpoint_is_refused_and_nothing_else() {
        let node = enrolled(0);
        assert_eq!(to("203.0.113.10", 443, &node), Datagram::Refuse);
        assert_eq!(to("203.0.113.10", 53, &node), Datagram::Leave);
        assert_eq!(to("203.0.113.11", 443, &node), Datagram::Leave);
    }

    #[test]
    fn a_strict_namespace_sends_none_but_over_loopback() {
        let node = enrolled(Namespace::STRICT);
        assert_eq!(to("203.0.113.11", 443, &node), Datagram::Refuse);
        assert_eq!(to("203.0.113.11", 53, &node), Datagram::Leave);
        assert_eq!(to("127.0.0.1", 443, &node), Datagram::Leave);
    }

    #[test]
    fn the_daemon_a_stopped_one_and_an_unknown_namespace_are_left() {
        let exempt = Node { exempt: true, ..enrolled(0) };
        assert_eq!(to("203.0.113.10", 443, &exempt), Datagram::Leave);
        let stopped = Node { active: false, ..enrolled(0) };
        assert_eq!(to("203.0.113.10", 443, &stopped), Datagram::Leave);
        let unknown = Node { namespace: None, ..enrolled(0) };
        assert_eq!(to("203.0.113.10", 443, &unknown), Datagram::LeaveUnknown);
        assert_eq!(to("203.0.113.11", 443, &unknown), Datagram::Leave);
        let closed = Node { unknown: Namespace::CLOSED, ..unknown };
        assert_eq!(to("203.0.113.10", 443, &closed), Datagram::Refuse);
        assert_eq!(to("203.0.113.11", 443, &closed), Datagram::Leave);
    }
}

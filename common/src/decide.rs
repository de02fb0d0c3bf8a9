//! What a connect hook does with one attempt. Pure: the tables are asked through [`World`], which the BPF
//! programs answer from maps and the tests from memory.

use crate::{Address, Counter, Namespace, Verdict};

/// `IPPROTO_TCP`. MPTCP calls the hooks on its subflows, which say TCP as well.
const TCP: u32 = 6;

/// One call of `connect`, as the hook sees it.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    /// The socket's protocol number.
    pub protocol: u32,
    /// Where the application wants to go.
    pub destination: Address,
    /// The port it wants, host byte order.
    pub port: u16,
}

/// What the decision may ask. Each answer costs a helper call or a map look-up in the kernel, so that it is only
/// asked when it matters.
pub trait World {
    /// Whether the daemon wants connections at all.
    fn is_active(&self) -> bool;
    /// Whether the task is in the daemon's own cgroup.
    fn is_exempt(&self) -> bool;
    /// Whether connections to this port may be redirected.
    fn has_port(&self, port: u16) -> bool;
    /// Whether a configured proxy listens there.
    fn has_proxy(&self, address: Address, port: u16) -> bool;
    /// Whether the address is a known endpoint.
    fn has_endpoint(&self, address: Address) -> bool;
    /// The enrolment of the socket's network namespace.
    fn namespace(&self) -> Option<Namespace>;
    /// How a namespace without an enrolment is treated.
    fn unknown(&self) -> Namespace;
    /// Whether this worker of the daemon has given a sign of life lately.
    fn is_alive(&self, worker: u32) -> bool;
    /// Whether somebody listens on this port of the loopback address of the destination's family.
    fn has_listener(&self, destination: Address, port: u16) -> bool;
    /// By what policy forbids the task this endpoint, whatever it would send there.
    fn verdict(&self, destination: Address) -> Verdict;
}

/// What is to be done with an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing: it goes where it wanted to go.
    Leave(Left),
    /// Rewrite its destination, once it is recorded in the socket.
    Redirect(Target),
    /// `connect` fails with `EPERM`.
    Refuse(Refused),
}

/// Where a redirected attempt goes: the loopback address of the destination's family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// The listener's port, host byte order.
    pub port: u16,
    /// What happens if it cannot be recorded.
    pub closed: bool,
    /// Whether it wanted to go to a configured proxy.
    pub is_proxy: bool,
}

/// Why an attempt was left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// The daemon is starting or stopping.
    Inactive,
    /// It is the daemon's own.
    Exempt,
    /// It is not TCP.
    OtherProtocol,
    /// It stays on this host.
    Loopback,
    /// The port is not configured.
    OtherPort,
    /// The address is no known endpoint, and no proxy's.
    OtherAddress,
    /// An endpoint, but the namespace is not enrolled. Told to the daemon by an event, so that it will be.
    UnknownNamespace,
    /// The namespace has no listener for this family.
    NoListener,
    /// The worker that accepts in the namespace gives no sign of life.
    DaemonSilent,
    /// The socket or `FLOWS` could not take the record.
    NotRecorded,
}

/// Why an attempt was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It went to our own listener, which serves redirected connections only.
    DirectConnect,
    /// An endpoint, but the namespace is not enrolled, and such namespaces fail closed. Told by the same event.
    UnknownNamespace,
    /// The namespace has no listener for this family, and the workload fails closed.
    NoListener,
    /// The worker that accepts in the namespace gives no sign of life, and the workload fails closed.
    DaemonSilent,
    /// The socket or `FLOWS` could not take the record, and the workload fails closed.
    NotRecorded,
    /// Policy forbids the caller this endpoint, whatever is sent there.
    Forbidden(Verdict),
}

impl Target {
    /// What becomes of an attempt that could not be recorded. It must not be redirected: the daemon would not know
    /// where it wanted to go.
    #[inline(always)]
    #[must_use]
    pub const fn when_not_recorded(self) -> Decision {
        if self.closed { Decision::Refuse(Refused::NotRecorded) } else { Decision::Leave(Left::NotRecorded) }
    }
}

impl Decision {
    /// The counter that shows it.
    #[inline(always)]
    #[must_use]
    pub const fn counter(self) -> Counter {
        match self {
            Self::Leave(Left::Inactive) => Counter::Inactive,
            Self::Leave(Left::Exempt) => Counter::Exempt,
            Self::Leave(Left::OtherProtocol) => Counter::OtherProtocol,
            Self::Leave(Left::Loopback) => Counter::Loopback,
            Self::Leave(Left::OtherPort) => Counter::OtherPort,
            Self::Leave(Left::OtherAddress) => Counter::OtherAddress,
            Self::Leave(Left::UnknownNamespace) => Counter::UnknownNamespace,
            Self::Leave(Left::NoListener) => Counter::NoListenerLeft,
            Self::Leave(Left::DaemonSilent) => Counter::SilentLeft,
            Self::Leave(Left::NotRecorded) => Counter::NotRecordedLeft,
            Self::Redirect(_) => Counter::Redirected,
            Self::Refuse(Refused::DirectConnect) => Counter::DirectConnect,
            Self::Refuse(Refused::UnknownNamespace) => Counter::UnknownRefused,
            Self::Refuse(Refused::NoListener) => Counter::NoListenerRefused,
            Self::Refuse(Refused::DaemonSilent) => Counter::SilentRefused,
            Self::Refuse(Refused::NotRecorded) => Counter::NotRecordedRefused,
            Self::Refuse(Refused::Forbidden(_)) => Counter::ForbiddenRefused,
        }
    }
}

/// Decides one attempt. The cheap questions come first: most connections of a node go elsewhere.
#[inline(always)]
pub fn decide(attempt: &Attempt, world: &impl World) -> Decision {
    if !world.is_active() {
        return Decision::Leave(Left::Inactive);
    }
    if attempt.protocol != TCP {
        return Decision::Leave(Left::OtherProtocol);
    }
    if attempt.destination.is_loopback_target() {
        return loopback(attempt, world);
    }
    let is_proxy = world.has_proxy(attempt.destination, attempt.port);
    if !is_proxy && !world.has_port(attempt.port) {
        return Decision::Leave(Left::OtherPort);
    }
    if world.is_exempt() {
        return Decision::Leave(Left::Exempt);
    }
    candidate(attempt, is_proxy, world)
}

/// A loopback destination is never an endpoint, but it may be our own listener.
#[inline(always)]
fn loopback(attempt: &Attempt, world: &impl World) -> Decision {
    let Some(namespace) = world.namespace() else { return Decision::Leave(Left::Loopback) };
    // The unspecified IPv6 address reaches either listener, depending on how the socket is bound: both ports
    // are ours in both families.
    let ours = attempt.port != 0 && (attempt.port == namespace.port4 || attempt.port == namespace.port6);
    if !ours {
        return Decision::Leave(Left::Loopback);
    }
    if world.is_exempt() {
        return Decision::Leave(Left::Exempt);
    }
    Decision::Refuse(Refused::DirectConnect)
}

/// The port is one that we redirect, or a proxy's, and the task is not ours.
#[inline(always)]
fn candidate(attempt: &Attempt, is_proxy: bool, world: &impl World) -> Decision {
    let Some(namespace) = world.namespace() else { return unknown(attempt, is_proxy, world) };
    if !is_proxy && !namespace.is_strict() && !world.has_endpoint(attempt.destination) {
        return Decision::Leave(Left::OtherAddress);
    }
    let port = if attempt.destination.is_v4() { namespace.port4 } else { namespace.port6 };
    let closed = namespace.is_closed();
    if port == 0 {
        return without_listener(closed);
    }
    // A worker that hangs still has its listener, whose backlog would take the connection and never answer; a daemon
    // that is gone was alive a moment ago. Each question finds what the other one cannot.
    if !world.is_alive(namespace.worker) {
        return if closed {
            Decision::Refuse(Refused::DaemonSilent)
        } else {
            Decision::Leave(Left::DaemonSilent)
        };
    }
    if !world.has_listener(attempt.destination, port) {
        return without_listener(closed);
    }
    // In the place of a daemon that is there to refuse it: while it is not, the fail policy answers, here as for all that
    // it would have to decide. What is asked of a proxy it may refuse itself, for only then is it known.
    if !is_proxy {
        let verdict = world.verdict(attempt.destination);
        if !verdict.is_none() {
            return Decision::Refuse(Refused::Forbidden(verdict));
        }
    }
    Decision::Redirect(Target { port, closed, is_proxy })
}

/// Nobody serves the namespace yet, or ever. It may be one that has begun a moment ago.
#[inline(always)]
fn unknown(attempt: &Attempt, is_proxy: bool, world: &impl World) -> Decision {
    let namespace = world.unknown();
    if !is_proxy && !namespace.is_strict() && !world.has_endpoint(attempt.destination) {
        return Decision::Leave(Left::OtherAddress);
    }
    // Nobody has to listen for this. That the daemon is there, any of its workers says: there is always the first.
    if !is_proxy && namespace.is_expected() && world.is_alive(namespace.worker) {
        let verdict = world.verdict(attempt.destination);
        if !verdict.is_none() {
            return Decision::Refuse(Refused::Forbidden(verdict));
        }
    }
    if namespace.is_closed() {
        Decision::Refuse(Refused::UnknownNamespace)
    } else {
        Decision::Leave(Left::UnknownNamespace)
    }
}

/// The fail policy where nobody listens.
#[inline(always)]
const fn without_listener(closed: bool) -> Decision {
    if closed { Decision::Refuse(Refused::NoListener) } else { Decision::Leave(Left::NoListener) }
}

#[cfg(test)]
mod tests;

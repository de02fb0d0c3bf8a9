//! One redirected connection before anything was read from it: who called, and where to.
//! Knows namespaces and addresses. Does not know how the kernel side stores them.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::netns::NetNs;
use crate::telemetry::event::{Caller, Id};

/// A network namespace that is served: a place to listen in and to dial from.
#[derive(Debug)]
pub struct Namespace {
    /// What people know it by: a path, a pod, or `self`.
    pub name: Arc<str>,
    /// The kernel's cookie, unique until reboot.
    pub cookie: u64,
    /// The handle to enter it by.
    pub handle: NetNs,
}

/// The address that the application asked connect() for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OrigDst(pub SocketAddr);

/// A redirected connection.
#[derive(Debug, Clone)]
pub struct Flow {
    /// Names the connection in events.
    pub id: Id,
    /// Where the application lives.
    pub namespace: Arc<Namespace>,
    /// Where it wanted to go.
    pub destination: OrigDst,
    /// The kernel side was told that a proxy listens there.
    pub is_proxy: bool,
    /// Who it is.
    pub caller: Arc<Caller>,
}

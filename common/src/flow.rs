//! What is remembered of one redirected connection, and what is told of one that could not be redirected.

use crate::{Address, Verdict};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Length of a task's name in the kernel, its final zero included.
pub const COMM_LEN: usize = 16;

/// How the daemon finds the [`Flow`] of a connection that it accepted: by the peer of the accepted socket.
///
/// The namespace is part of the key because two namespaces may use the same loopback port at once.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoBytes, FromBytes, Immutable, KnownLayout)]
pub struct FlowKey {
    /// Cookie of the network namespace in which the connection lives.
    pub netns: u64,
    /// The client's own address, as the listener sees its peer.
    pub address: Address,
    /// The client's own port, host byte order.
    pub port: u16,
    /// Always zero: the kernel hashes every byte of a key.
    pub pad: [u8; 6],
}
const _: () = assert!(size_of::<FlowKey>() == 32);

impl FlowKey {
    /// The key of the client at `address` and `port` in the namespace with the cookie `netns`.
    #[inline(always)]
    #[must_use]
    pub const fn new(netns: u64, address: Address, port: u16) -> Self {
        Self { netns, address, port, pad: [0; 6] }
    }

    /// A key that no connection has, to try whether the map has room: no client has port 0. `socket` is a cookie, by
    /// which two sockets that try at once differ.
    #[inline(always)]
    #[must_use]
    pub const fn trial(netns: u64, socket: u64) -> Self {
        Self::new(netns, zerocopy::transmute!([socket, 0]), 0)
    }
}

/// One redirected connection: where it wanted to go and who asked. Fixed at connect time.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoBytes, FromBytes, Immutable, KnownLayout)]
pub struct Flow {
    /// Cookie of the network namespace of the client's socket.
    pub netns: u64,
    /// Id of the cgroup that the connecting task was in.
    pub cgroup: u64,
    /// Cookie of the client's socket.
    pub socket: u64,
    /// When `connect` was called, nanoseconds of `CLOCK_MONOTONIC`.
    pub at: u64,
    /// The address that the application asked for.
    pub destination: Address,
    /// The port that the application asked for, host byte order.
    pub port: u16,
    /// Family of the application's socket, `AF_INET` or `AF_INET6` (a mapped address has `AF_INET6`).
    pub family: u16,
    /// Process id (the kernel's tgid) in the initial pid namespace.
    pub tgid: u32,
    /// User id in the initial user namespace.
    pub uid: u32,
    /// Group id in the initial user namespace.
    pub gid: u32,
    /// Name of the connecting thread, zero-padded. The application chooses it: never an identity.
    pub comm: [u8; COMM_LEN],
    /// [`Flow::PROXY`] and [`Flow::ENTERED`].
    pub flags: u32,
    /// Always zero.
    pub pad: u32,
}
const _: () = assert!(size_of::<Flow>() == 88);

impl Flow {
    /// The destination is a configured proxy.
    pub const PROXY: u32 = 1;
    /// The connection was entered in `FLOWS`, and counted. Kept in the socket only.
    pub const ENTERED: u32 = 2;
}

/// Something that the daemon should act upon, sent through the ring buffer `EVENTS`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoBytes, FromBytes, Immutable, KnownLayout)]
pub struct Event {
    /// An [`EventKind`] as a number; a daemon ignores kinds that it does not know.
    pub kind: u32,
    /// Process id (tgid) in the initial pid namespace.
    pub tgid: u32,
    /// Cookie of the network namespace of the socket.
    pub netns: u64,
    /// Id of the cgroup that the task was in.
    pub cgroup: u64,
    /// The address that the application asked for.
    pub destination: Address,
    /// The port that the application asked for, host byte order.
    pub port: u16,
    /// Always zero.
    pub pad: u16,
    /// User id in the initial user namespace.
    pub uid: u32,
    /// Name of the connecting thread, zero-padded.
    pub comm: [u8; COMM_LEN],
    /// When it happened, nanoseconds of `CLOCK_MONOTONIC`.
    pub at: u64,
    /// By what an attempt was refused, where that was a verdict of policy.
    pub verdict: Verdict,
    /// Always zero.
    pub rest: u32,
}
const _: () = assert!(size_of::<Event>() == 88);

/// What an [`Event`] is about.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A connection to an endpoint left un-redirected because its network namespace is not enrolled.
    UnknownNamespace = 1,
    /// A process connected to our own listener and was refused.
    DirectConnect = 2,
    /// A connection to an endpoint could not be recorded in its socket, and met the workload's fail policy.
    NotRecorded = 3,
    /// A connection to an endpoint met the workload's fail policy, because the worker that accepts in its namespace
    /// gave no sign of life.
    DaemonSilent = 4,
    /// The same, because nobody listens on the port that the namespace was enrolled with.
    NoListener = 5,
    /// An answer about a name of the catalogue came from an unknown resolver, the event's destination.
    DnsStranger = 6,
    /// The event's destination is an endpoint's address, and there was no room to learn it.
    DnsFull = 7,
    /// A datagram to an endpoint was refused.
    DatagramRefused = 8,
    /// A packet to an endpoint left, or was dropped, that no hook had decided about.
    Bypass = 9,
    /// A raw packet for an endpoint came out of a guarded interface, and went on or was dropped.
    RawPacket = 10,
    /// Attempts to connect to an endpoint were refused that policy forbids the caller. How many, `REFUSALS` says.
    Forbidden = 11,
}

impl EventKind {
    /// The shortest time between two events of one kind from one namespace; those in between are only counted.
    pub const INTERVAL_NS: u64 = 250_000_000;

    /// The kind of the number in [`Event::kind`], if this build knows it.
    #[must_use]
    pub const fn of(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::UnknownNamespace),
            2 => Some(Self::DirectConnect),
            3 => Some(Self::NotRecorded),
            4 => Some(Self::DaemonSilent),
            5 => Some(Self::NoListener),
            6 => Some(Self::DnsStranger),
            7 => Some(Self::DnsFull),
            8 => Some(Self::DatagramRefused),
            9 => Some(Self::Bypass),
            10 => Some(Self::RawPacket),
            11 => Some(Self::Forbidden),
            _ => None,
        }
    }
}

//! Values and keys of the maps that the daemon fills: configuration, ports, namespaces, endpoints.

use crate::Address;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The only element of the map `CONFIG`. All zero, as the map starts, means: leave every connection alone.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoBytes, FromBytes, Immutable, KnownLayout)]
pub struct Config {
    /// Id of the daemon's own cgroup: connections of tasks in exactly this cgroup are left alone. Descendants
    /// are not exempt, because the daemon starts no processes, and a command that is started below it
    /// (`interceptor exec`) is meant to be captured.
    pub daemon_cgroup: u64,
    /// Id of the cgroup of a daemon that has handed over and still serves its open connections; otherwise zero,
    /// which is no cgroup's id.
    pub former_cgroup: u64,
    /// How old a worker's last sign of life may be, in nanoseconds.
    pub heartbeat_limit: u64,
    /// [`Config::ACTIVE`], [`Config::VETH`], [`Config::VETH_DROP`] and [`Config::FORBIDS`].
    pub flags: u32,
    /// Flags of [`Namespace`], for every namespace that is not enrolled.
    pub unknown: u32,
    /// The policy in force: verdicts of another one do not count.
    pub generation: u32,
    /// Always zero.
    pub pad: u32,
}
const _: () = assert!(size_of::<Config>() == 40);

impl Config {
    /// The tables are filled and connections may be redirected. Cleared first when the daemon stops.
    pub const ACTIVE: u32 = 1;
    /// Raw packets that come out of guarded interfaces are counted, and what sockets send is noted for that.
    pub const VETH: u32 = 2;
    /// They are dropped as well.
    pub const VETH_DROP: u32 = 4;
    /// There may be verdicts in `FORBIDDEN`, and addresses of other names are noted in `OTHERS`.
    pub const FORBIDS: u32 = 8;

    /// Whether connections of tasks in this cgroup are left alone.
    #[inline(always)]
    #[must_use]
    pub const fn exempts(&self, cgroup: u64) -> bool {
        cgroup == self.daemon_cgroup || cgroup == self.former_cgroup
    }

    /// A namespace that is not enrolled: nobody listens there.
    #[inline(always)]
    #[must_use]
    pub const fn unknown_namespace(&self) -> Namespace {
        Namespace { port4: 0, port6: 0, flags: self.unknown, worker: 0 }
    }
}

/// Elements of the map `HEARTBEATS`, one for each worker: nanoseconds of `CLOCK_MONOTONIC` at its last sign of life,
/// or zero while it cannot accept.
pub const WORKERS: usize = 256;

/// Words in [`Ports`].
pub const PORT_WORDS: usize = 65_536 / 64;

/// The only element of the map `PORTS`: the destination ports that may be redirected, and those at which a configured
/// proxy listens. Bitmaps, so that a test costs one load however many ports are configured.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, IntoBytes, FromBytes, Immutable, KnownLayout)]
pub struct Ports {
    captured: [u64; PORT_WORDS],
    proxies: [u64; PORT_WORDS],
}
const _: () = assert!(size_of::<Ports>() == 16_384);

impl Ports {
    /// No port at all.
    pub const NONE: Self = Self { captured: [0; PORT_WORDS], proxies: [0; PORT_WORDS] };

    /// Adds a port on which connections to endpoints are redirected, and in a strict namespace all.
    pub const fn capture(&mut self, port: u16) {
        self.captured[port as usize / 64] |= 1 << (port % 64);
    }

    /// Adds a port of a proxy. It says nothing of other addresses.
    pub const fn add_proxy(&mut self, port: u16) {
        self.proxies[port as usize / 64] |= 1 << (port % 64);
    }

    /// Whether connections to the port may be redirected.
    #[inline(always)]
    #[must_use]
    pub const fn captures(&self, port: u16) -> bool {
        contains(&self.captured, port)
    }

    /// Whether a proxy listens on the port.
    #[inline(always)]
    #[must_use]
    pub const fn has_proxy(&self, port: u16) -> bool {
        contains(&self.proxies, port)
    }
}

#[inline(always)]
const fn contains(words: &[u64; PORT_WORDS], port: u16) -> bool {
    // The mask changes nothing, and lets the verifier see that the index stays inside the array.
    words[(port as usize / 64) & (PORT_WORDS - 1)] & (1 << (port % 64)) != 0
}

/// One enrolled network namespace: value of the map `NAMESPACES`, whose key is the namespace's cookie.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoBytes, FromBytes, Immutable, KnownLayout)]
pub struct Namespace {
    /// Port of the listener on `127.0.0.1`, or 0 where there is none.
    pub port4: u16,
    /// Port of the listener on `::1`, or 0 where there is none (IPv6 is switched off in the namespace).
    pub port6: u16,
    /// [`Namespace::STRICT`], [`Namespace::CLOSED`] and [`Namespace::EXPECTED`].
    pub flags: u32,
    /// The worker that accepts here: its place in `HEARTBEATS`.
    pub worker: u32,
}
const _: () = assert!(size_of::<Namespace>() == 12);

impl Namespace {
    /// Redirect every connection to a configured port, whatever its address ("strict"); otherwise only those to
    /// known endpoints ("hint").
    pub const STRICT: u32 = 1;
    /// A connection that should be redirected and cannot be is refused ("fail closed"); otherwise it is left
    /// alone and counted ("fail open").
    pub const CLOSED: u32 = 2;
    /// Of namespaces that are not enrolled: they will be as soon as they are seen, so that what policy forbids holds there
    /// already. Elsewhere nobody has said that they are ours to answer for.
    pub const EXPECTED: u32 = 4;

    /// Whether every connection to a configured port is redirected.
    #[inline(always)]
    #[must_use]
    pub const fn is_strict(&self) -> bool {
        self.flags & Self::STRICT != 0
    }

    /// Whether what policy forbids holds before it is enrolled.
    #[inline(always)]
    #[must_use]
    pub const fn is_expected(&self) -> bool {
        self.flags & Self::EXPECTED != 0
    }

    /// Whether what cannot be redirected is refused.
    #[inline(always)]
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.flags & Self::CLOSED != 0
    }
}

/// Key of the map `PREFIXES`, the longest-prefix trie of static endpoints. Memory layout of the kernel's
/// `bpf_lpm_trie_key_u8` with 16 bytes of data.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoBytes, FromBytes, Immutable, KnownLayout)]
pub struct Prefix {
    /// Leading bits that count, 0 to 128, counted on the canonical form: an IPv4 prefix has 96 more.
    pub bits: u32,
    /// The address.
    pub address: Address,
}
const _: () = assert!(size_of::<Prefix>() == 20);

/// Key of the map `PROXIES`: a proxy's port, exactly, and then a prefix of its address. Memory layout of the kernel's
/// `bpf_lpm_trie_key_u8` with 20 bytes of data.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoBytes, FromBytes, Immutable, KnownLayout)]
pub struct ProxyPrefix {
    /// Leading bits that count: [`ProxyPrefix::PORT_BITS`], and those of the address as in [`Prefix`].
    pub bits: u32,
    /// What is looked up.
    pub place: ProxyPlace,
}
const _: () = assert!(size_of::<ProxyPrefix>() == 24);

impl ProxyPrefix {
    /// The port's share of the bits.
    pub const PORT_BITS: u32 = 32;
}

/// Where a proxy listens.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoBytes, FromBytes, Immutable, KnownLayout)]
pub struct ProxyPlace {
    /// The port. All of its bits count always, so that their order does not matter.
    pub port: u32,
    /// The address.
    pub address: Address,
}
const _: () = assert!(size_of::<ProxyPlace>() == 20);

/// Value of the maps `PREFIXES` and `ADDRESSES`: an address is an endpoint because it has one of these.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoBytes, FromBytes, Immutable, KnownLayout)]
pub struct Endpoint {
    /// A number that the daemon chose for the provider, or for those who share the address. 0 is "not said".
    pub provider: u32,
}
const _: () = assert!(size_of::<Endpoint>() == 4);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_exact_at_word_borders() {
        let mut ports = Ports::NONE;
        for port in [0, 63, 64, 443, 65_535] {
            ports.capture(port);
        }
        ports.add_proxy(3128);
        for port in 0..=u16::MAX {
            assert_eq!(ports.captures(port), [0, 63, 64, 443, 65_535].contains(&port), "{port}");
            assert_eq!(ports.has_proxy(port), port == 3128, "{port}");
        }
    }
}

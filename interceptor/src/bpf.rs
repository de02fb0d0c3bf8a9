//! Loads the BPF object, attaches its programs and keeps its maps behind typed operations.
//! Knows cgroups and the kernel's `bpf(2)`. Does not know HTTP, TLS, policy or who the workloads are.
//!
//! Everything but loading takes `&self` and may be called from any thread: the kernel serialises map operations.

pub mod cgroup;
mod cost;
mod error;
mod event;
mod exec;
pub mod features;
mod flow;
mod heartbeat;
mod learn;
mod link;
mod names;
mod object;
mod pins;
mod program;
mod stats;
mod table;
mod verdicts;
mod veth;
mod workloads;

pub use cost::{Counting, RunTime};
pub use error::CaptureError;
pub use event::Events;
pub use exec::Execs;
pub use flow::{Flows, Swept};
pub use heartbeat::{HEARTBEAT_LIMIT, Heartbeats};
pub use learn::Learning;
pub use names::DeepName;
pub use object::{EMBEDDED, object};
pub use pins::{Pins, is_ready as pins_are_ready};
pub use stats::{Counters, Stats};
pub use verdicts::Verdicts;
pub use veth::{Interface, Interfaces, Settled, has_links, interfaces, remove_filters};
pub use workloads::{WorkloadCount, Workloads};

use crate::netns::NetnsCookie;
use aya::Ebpf;
use heartbeat::nanoseconds;
use interceptor_common::{Address, Config, Endpoint, Namespace, Ports, Prefix, ProxyPlace, ProxyPrefix};
use link::Link;
use nix::time::{ClockId, clock_gettime};
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;
use table::Table;
use veth::Guards;

/// Room in the maps of these names.
const NAMESPACES: usize = 4096;
const PREFIXES: usize = 4096;
const PROXIES: usize = 4096;
const ADDRESSES: usize = 65_536;

/// What the programs are told at start.
#[derive(Clone, Debug)]
pub struct CaptureConfig {
    /// Destination ports that may be redirected.
    pub ports: Vec<u16>,
    /// Destination ports at which proxies may listen ([`Capture::add_proxy`]).
    pub proxies: Vec<u16>,
    /// Id of the cgroup whose own tasks are exempt ([`cgroup::id`]). It must hold the daemon and nothing else:
    /// whatever else is in it is never captured. Its descendants are captured.
    pub exempt: u64,
    /// Most redirected connections that may wait to be accepted, in all namespaces together.
    pub flows: NonZeroU32,
    /// Bytes of the ring buffer for events: a power of two, and no less than a page.
    pub events: NonZeroU32,
}

impl CaptureConfig {
    /// Room for more redirected connections than a node opens before a busy daemon accepts the first of them.
    pub const FLOWS: NonZeroU32 = NonZeroU32::new(262_144).expect("not zero");
    /// Room for some 3,600 events.
    pub const EVENTS: NonZeroU32 = NonZeroU32::new(256 * 1024).expect("not zero");
}

/// What becomes of packets to endpoints that no socket has sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RawPacketPolicy {
    /// They are not looked for.
    Leave,
    /// They are counted.
    Count,
    /// They are counted and dropped.
    Drop,
}

/// The loaded programs and their maps. Dropping it detaches the programs, unless they are pinned.
pub struct Capture {
    /// Dropped before the links: without those, every packet would be raw.
    guards: Guards,
    programs: Ebpf,
    links: Vec<Link>,
    pins: Option<Pins>,
    config: Table<u32, Config>,
    ports: Table<u32, Ports>,
    namespaces: Table<u64, Namespace>,
    prefixes: Table<Prefix, Endpoint>,
    proxies: Table<ProxyPrefix, Endpoint>,
    addresses: Table<Address, Endpoint>,
    learning: Learning,
    workloads: Workloads,
    verdicts: Verdicts,
    flows: Flows,
    execs: Execs,
    heartbeats: Heartbeats,
    events: Option<Events>,
}

impl Capture {
    /// Loads `object` (usually [`object()`]) into the kernel. Nothing is captured before [`Capture::attach`].
    pub fn load(object: &[u8], config: &CaptureConfig) -> Result<Self, CaptureError> {
        Self::load_with(object, config, None)
    }

    /// The same, but maps and links are pinned, and outlive this daemon. Where an earlier one has left its own, its
    /// maps are used with what is in them; its programs go on until [`Capture::attach`], except that from now on
    /// `config.exempt` is exempt instead of the earlier daemon.
    pub fn take_over(object: &[u8], config: &CaptureConfig, pins: Pins) -> Result<Self, CaptureError> {
        pins.prepare()?;
        Self::load_with(object, config, Some(pins))
    }

    fn load_with(object: &[u8], config: &CaptureConfig, pins: Option<Pins>) -> Result<Self, CaptureError> {
        let mut programs = object::load(object, config, pins.as_ref())?;
        object::check_abi(&programs)?;
        program::load_all(&mut programs)?;
        let capture = Self {
            config: Table::open(&programs, "CONFIG")?,
            ports: Table::open(&programs, "PORTS")?,
            namespaces: Table::open(&programs, "NAMESPACES")?,
            prefixes: Table::open(&programs, "PREFIXES")?,
            proxies: Table::open(&programs, "PROXIES")?,
            addresses: Table::open(&programs, "ADDRESSES")?,
            learning: Learning::open(&programs)?,
            workloads: Workloads::open(&programs)?,
            verdicts: Verdicts::open(&programs)?,
            flows: Flows::open(&programs, config.flows)?,
            execs: Execs::open(&programs)?,
            heartbeats: Heartbeats::open(&programs)?,
            guards: Guards::open(&programs)?,
            events: Some(Events::open(&mut programs)?),
            programs,
            links: Vec::new(),
            pins,
        };
        let has_predecessor = capture.pins.as_ref().is_some_and(Pins::is_inherited);
        capture.change_config(|found| {
            found.former_cgroup = if has_predecessor { found.daemon_cgroup } else { 0 };
            found.daemon_cgroup = config.exempt;
            found.heartbeat_limit = nanoseconds(HEARTBEAT_LIMIT);
        })?;
        capture.set_ports(&config.ports, &config.proxies)?;
        Ok(capture)
    }

    /// Attaches every program to the cgroup v2 directory `cgroup` and starts redirecting: for sockets created
    /// below it, in enrolled namespaces, to known endpoints. Returns the directories of other versions' pins, which
    /// are removed once ours are in place.
    pub fn attach(&mut self, cgroup: &Path) -> Result<Vec<PathBuf>, CaptureError> {
        let cgroup = cgroup::open(cgroup)?;
        self.links = program::attach_all(&self.programs, &cgroup, self.pins.as_ref())?;
        self.change_config(|config| config.flags |= Config::ACTIVE)?;
        self.pins.as_ref().map_or(Ok(Vec::new()), Pins::remove_others)
    }

    /// Detaches everything, pins included.
    pub fn detach(mut self) -> Result<(), CaptureError> {
        // Whatever holds a descriptor of a pinned link meanwhile would keep it attached.
        self.deactivate()?;
        self.guards.release_all(self.pins.as_ref());
        drop(self.links);
        self.pins.map_or(Ok(()), Pins::remove)
    }

    /// Lets go of pins that a successor has taken over, and changes nothing else.
    pub fn hand_over(self) {
        if let Some(pins) = self.pins {
            pins.hand_over();
        }
    }

    /// The pins, to hand them over.
    #[must_use]
    pub fn pins(&self) -> Option<&Pins> {
        self.pins.as_ref()
    }

    /// The predecessor has ended: its cgroup is not exempt any more.
    pub fn forget_former(&self) -> Result<(), CaptureError> {
        self.change_config(|config| config.former_cgroup = 0)
    }

    /// Takes back what a successor that did not come to serve may have changed.
    pub fn reassert(&self, exempt: u64) -> Result<(), CaptureError> {
        self.change_config(|config| {
            config.daemon_cgroup = exempt;
            config.former_cgroup = 0;
            config.flags |= Config::ACTIVE;
        })
    }

    /// Stops redirecting while the programs stay attached: new connections go where they want to. The first step
    /// of stopping, before listeners are closed.
    pub fn deactivate(&self) -> Result<(), CaptureError> {
        self.change_config(|config| config.flags &= !Config::ACTIVE)
    }

    /// How old a worker's last sign of life may be before connections meet the fail policy of their namespace.
    pub fn set_heartbeat_limit(&self, limit: Duration) -> Result<(), CaptureError> {
        self.change_config(|config| config.heartbeat_limit = nanoseconds(limit))
    }

    /// How connections in namespaces that are not enrolled are treated: flags of [`Namespace`].
    pub fn set_unknown(&self, flags: u32) -> Result<(), CaptureError> {
        self.change_config(|config| config.unknown = flags)
    }

    /// Verdicts of this generation count from now on, and no others. Where policy `forbids` nobody anything as such, none
    /// is looked for.
    pub fn set_policy(&self, generation: u32, forbids: bool) -> Result<(), CaptureError> {
        self.change_config(|config| {
            config.generation = generation;
            config.flags = config.flags & !Config::FORBIDS | if forbids { Config::FORBIDS } else { 0 };
        })
    }

    /// The generation in force, of an earlier daemon perhaps.
    pub fn generation(&self) -> Result<u32, CaptureError> {
        Ok(self.config.look_up(&0)?.map_or(0, |config| config.generation))
    }

    /// What becomes of raw packets that come out of guarded interfaces. Whatever sockets send is noted for that from now
    /// on, so that this comes before [`Capture::guard`].
    pub fn set_raw_packets(&self, raw_packets: RawPacketPolicy) -> Result<(), CaptureError> {
        let flags = match raw_packets {
            RawPacketPolicy::Leave => 0,
            RawPacketPolicy::Count => Config::VETH,
            RawPacketPolicy::Drop => Config::VETH | Config::VETH_DROP,
        };
        self.change_config(|config| {
            config.flags = config.flags & !(Config::VETH | Config::VETH_DROP) | flags;
        })
    }

    /// Guards these interfaces of the calling thread's network namespace, and no others: the host's ends of the veths of
    /// workloads below the cgroup of [`Capture::attach`].
    pub fn guard(&mut self, wanted: &[Interface]) -> Result<Settled, CaptureError> {
        self.guards.settle(&mut self.programs, self.pins.as_ref(), wanted)
    }

    /// Guards by filters of the traffic control even where the kernel has links: what is done before Linux 6.6, so that it
    /// can be tried elsewhere.
    pub fn guard_by_filters(&mut self) {
        self.guards.use_filters();
    }

    /// The counts of guarded interfaces; a handle to be cloned for whoever reports them.
    pub fn interfaces(&self) -> Result<Interfaces, CaptureError> {
        Interfaces::open(&self.programs)
    }

    /// Only the daemon writes the configuration, and only on one thread.
    fn change_config(&self, change: impl FnOnce(&mut Config)) -> Result<(), CaptureError> {
        let mut config = self.config.look_up(&0)?.ok_or(CaptureError::MissingMap { name: "CONFIG" })?;
        change(&mut config);
        self.config.insert(&0, &config)
    }

    /// Replaces the sets of destination ports that may be redirected, and of those at which proxies listen.
    pub fn set_ports(&self, ports: &[u16], proxies: &[u16]) -> Result<(), CaptureError> {
        let mut set = Ports::NONE;
        ports.iter().for_each(|port| set.capture(*port));
        proxies.iter().for_each(|port| set.add_proxy(*port));
        self.ports.insert(&0, &set)
    }

    /// Redirects connections of the namespace from now on, or changes how. Its listeners must be up.
    pub fn enrol(&self, netns: NetnsCookie, namespace: Namespace) -> Result<(), CaptureError> {
        self.namespaces.insert(&netns.0, &namespace)
    }

    /// Leaves connections of the namespace alone from now on. Returns whether it was enrolled.
    pub fn release(&self, netns: NetnsCookie) -> Result<bool, CaptureError> {
        self.namespaces.remove(&netns.0)
    }

    /// Makes every address below `address`/`length` an endpoint. `length` counts in the family of `address`;
    /// host bits are cleared.
    pub fn add_prefix(&self, address: IpAddr, length: u8, endpoint: Endpoint) -> Result<(), CaptureError> {
        self.prefixes.insert(&prefix(address, length)?, &endpoint)
    }

    /// Takes back [`Capture::add_prefix`]. Returns whether the prefix was there.
    pub fn remove_prefix(&self, address: IpAddr, length: u8) -> Result<bool, CaptureError> {
        self.prefixes.remove(&prefix(address, length)?)
    }

    /// Redirects connections to a port of every address below `address`/`length`, where a proxy listens. The port must
    /// be among those of [`Capture::set_ports`].
    pub fn add_proxy(&self, proxy: Proxy) -> Result<(), CaptureError> {
        self.proxies.insert(&proxy.key()?, &Endpoint { provider: 0 })
    }

    /// Takes back [`Capture::add_proxy`]. Returns whether the proxy was there.
    pub fn remove_proxy(&self, proxy: Proxy) -> Result<bool, CaptureError> {
        self.proxies.remove(&proxy.key()?)
    }

    /// The proxies that it was told of, by an earlier daemon perhaps.
    pub fn proxies(&self) -> Result<Vec<Proxy>, CaptureError> {
        Ok(self.proxies.keys(PROXIES)?.iter().filter_map(Proxy::of).collect())
    }

    /// Forgets the proxies that an earlier daemon was told of and that are not among these.
    pub fn keep_proxies(&self, wanted: &[Proxy]) -> Result<(), CaptureError> {
        let wanted: Vec<_> = wanted.iter().map(|proxy| proxy.key()).collect::<Result<_, _>>()?;
        let mut found = self.proxies.keys(PROXIES)?;
        found.retain(|proxy| !wanted.contains(proxy));
        found.iter().try_for_each(|proxy| self.proxies.remove(proxy).map(drop))
    }

    /// Makes one address an endpoint, or says anew whose it is. The map holds 65,536; a full one is an error.
    pub fn add_address(&self, address: IpAddr, endpoint: Endpoint) -> Result<(), CaptureError> {
        self.addresses.insert(&address.into(), &endpoint)
    }

    /// Takes back [`Capture::add_address`]. Returns whether the address was there.
    pub fn remove_address(&self, address: IpAddr) -> Result<bool, CaptureError> {
        self.addresses.remove(&address.into())
    }

    /// Lets go of namespaces that an earlier daemon has enrolled and this one does not serve. Returns how many.
    pub fn keep_namespaces(&self, serves: impl Fn(NetnsCookie) -> bool) -> Result<usize, CaptureError> {
        let mut found = self.namespaces.keys(NAMESPACES)?;
        found.retain(|cookie| !serves(NetnsCookie(*cookie)));
        found.iter().try_for_each(|cookie| self.namespaces.remove(cookie).map(drop))?;
        Ok(found.len())
    }

    /// Forgets the prefixes that are not among these.
    pub fn keep_prefixes(&self, wanted: &[(IpAddr, u8)]) -> Result<(), CaptureError> {
        let wanted: Vec<_> =
            wanted.iter().map(|(address, length)| prefix(*address, *length)).collect::<Result<_, _>>()?;
        let mut found = self.prefixes.keys(PREFIXES)?;
        found.retain(|prefix| !wanted.contains(prefix));
        found.iter().try_for_each(|prefix| self.prefixes.remove(prefix).map(drop))
    }

    /// The addresses that are endpoints now, learned by an earlier daemon.
    pub fn addresses(&self) -> Result<Vec<IpAddr>, CaptureError> {
        Ok(self.addresses.keys(ADDRESSES)?.into_iter().map(IpAddr::from).collect())
    }

    /// Names and resolvers that addresses are learned by, and what was learned.
    #[must_use]
    pub fn learning(&self) -> &Learning {
        &self.learning
    }

    /// The counts by workload; a handle to be cloned for whoever reports them.
    #[must_use]
    pub fn workloads(&self) -> &Workloads {
        &self.workloads
    }

    /// What is refused whatever would be sent; a handle to be cloned for whoever enters and reports it.
    #[must_use]
    pub fn verdicts(&self) -> &Verdicts {
        &self.verdicts
    }

    /// The redirected connections that wait to be accepted; a handle to be cloned for each worker.
    #[must_use]
    pub fn flows(&self) -> Flows {
        self.flows.clone()
    }

    /// When processes last executed a program; a handle to be cloned for whoever asks.
    #[must_use]
    pub fn execs(&self) -> Execs {
        self.execs.clone()
    }

    /// Where workers give their signs of life; a handle to be cloned for each.
    #[must_use]
    pub fn heartbeats(&self) -> Heartbeats {
        self.heartbeats.clone()
    }

    /// The reader of events. There is one: the second call returns `None`.
    pub fn take_events(&mut self) -> Option<Events> {
        self.events.take()
    }

    /// The programs by name, each with the number of instructions that the verifier followed in it. Its limit is a
    /// million, and kernels differ in how well they avoid to follow one twice. `None` before Linux 5.16.
    pub fn verified(&self) -> Result<Vec<(&'static str, Option<u32>)>, CaptureError> {
        program::verified(&self.programs)
    }

    /// What the programs have cost while somebody held a [`Counting`].
    pub fn run_times(&self) -> Result<Vec<RunTime>, CaptureError> {
        cost::read(&self.programs)
    }

    /// A reader of the counters that outlives borrows of the capture, for metrics.
    pub fn counters(&self) -> Result<Counters, CaptureError> {
        Counters::open(&self.programs)
    }

    /// The counters, summed over the CPUs.
    pub fn stats(&self) -> Result<Stats, CaptureError> {
        Stats::read(&self.programs)
    }
}

/// Where a proxy listens, or several that share a network and a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Proxy {
    /// An address of the network.
    pub address: IpAddr,
    /// The network's prefix length, in the family of `address`.
    pub bits: u8,
    /// The port.
    pub port: u16,
}

impl Proxy {
    /// One at a single address.
    #[must_use]
    pub fn single(address: IpAddr, port: u16) -> Self {
        Self { address, bits: if address.is_ipv4() { 32 } else { 128 }, port }
    }

    /// Whether its network is a single address.
    #[must_use]
    pub fn is_single(&self) -> bool {
        *self == Self::single(self.address, self.port)
    }

    /// `None` for what no daemon enters.
    fn of(key: &ProxyPrefix) -> Option<Self> {
        let address = IpAddr::from(key.place.address);
        let skipped = ProxyPrefix::PORT_BITS + if address.is_ipv4() { 96 } else { 0 };
        let bits = u8::try_from(key.bits.checked_sub(skipped)?).ok()?;
        Some(Self { address, bits, port: u16::try_from(key.place.port).ok()? })
    }

    fn key(&self) -> Result<ProxyPrefix, CaptureError> {
        let Prefix { bits, address } = prefix(self.address, self.bits)?;
        let place = ProxyPlace { port: self.port.into(), address };
        Ok(ProxyPrefix { bits: ProxyPrefix::PORT_BITS + bits, place })
    }
}

/// The clock that the programs read with `bpf_ktime_get_ns`.
fn monotonic() -> Result<Duration, CaptureError> {
    clock_gettime(ClockId::CLOCK_MONOTONIC)
        .map(Duration::from)
        .map_err(|error| CaptureError::Clock(error.into()))
}

/// The canonical form of a prefix.
fn prefix(address: IpAddr, length: u8) -> Result<Prefix, CaptureError> {
    let (most, skipped) = if address.is_ipv4() { (32, 96) } else { (128, 0) };
    if length > most {
        return Err(CaptureError::PrefixLength { address, length });
    }
    let bits = u32::from(length) + skipped;
    let whole = match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    };
    let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
    Ok(Prefix { bits, address: Ipv6Addr::from_bits(whole.to_bits() & mask).into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(address: &str, length: u8, bits: u32, network: &str) {
        let prefix = prefix(address.parse().unwrap(), length).unwrap();
        assert_eq!((prefix.bits, prefix.address.to_string()), (bits, network.to_owned()));
    }

    #[test]
    fn prefixes_take_their_canonical_form() {
        check("203.0.113.77", 24, 120, "203.0.113.0");
        check("203.0.113.77", 32, 128, "203.0.113.77");
        check("0.0.0.0", 0, 96, "0.0.0.0");
        check("2001:db8:1:2::3", 48, 48, "2001:db8:1::");
        check("2001:db8::1", 0, 0, "::");
        // A mapped prefix is an IPv6 text of an IPv4 network, and counts in IPv6 bits.
        check("::ffff:203.0.113.77", 120, 120, "203.0.113.0");
    }

    #[test]
    fn a_proxy_is_read_as_it_was_written() {
        for (address, bits) in [("203.0.113.8", 29), ("203.0.113.9", 32), ("2001:db8::", 64), ("::", 0)] {
            let proxy = Proxy { address: address.parse().unwrap(), bits, port: 3128 };
            assert_eq!(Proxy::of(&proxy.key().unwrap()), Some(proxy));
            assert_eq!(proxy.is_single(), bits == 32);
        }
    }

    #[test]
    fn a_prefix_longer_than_its_family_is_an_error() {
        let error = prefix("203.0.113.0".parse().unwrap(), 33).unwrap_err();
        assert_eq!(
            error.to_string(),
            "203.0.113.0/33 is no prefix: the length of an IPv4 prefix is at most 32"
        );
    }
}

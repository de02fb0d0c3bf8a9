//! Loads the BPF object, attaches its programs and keeps its maps behind typed operations.
//! Knows cgroups and the kernel's `bpf(2)`. Does not know HTTP, TLS, policy or who the workloads are.
//!
//! Everything but loading takes `&self` and may be called from any thread: the kernel serialises map operations.

pub mod cgroup;
mod error;
mod event;
mod flow;
mod learn;
mod names;
mod object;
mod program;
mod stats;
mod table;
mod workloads;

pub use error::CaptureError;
pub use event::Events;
pub use flow::{Flows, Swept};
pub use learn::Learning;
pub use names::DeepName;
pub use object::{EMBEDDED, object};
pub use stats::{Counters, Stats};
pub use workloads::{WorkloadCount, Workloads};

use crate::netns::NetnsCookie;
use aya::{Ebpf, EbpfLoader};
use flow::monotonic;
use interceptor_common::{Address, Config, Endpoint, Namespace, Ports, Prefix};
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::path::Path;
use table::Table;

/// What the programs are told at start.
#[derive(Clone, Debug)]
pub struct CaptureConfig {
    /// Destination ports that may be redirected.
    pub ports: Vec<u16>,
    /// Id of the cgroup whose own tasks are exempt ([`cgroup::id`]). It must hold the daemon and nothing else:
    /// whatever else is in it is never captured. Its descendants are captured.
    pub exempt: u64,
    /// Most redirected connections that may wait to be accepted, in all namespaces together.
    pub flows: NonZeroU32,
}

/// The loaded programs and their maps. Dropping it detaches the programs.
pub struct Capture {
    programs: Ebpf,
    exempt: u64,
    config: Table<u32, Config>,
    ports: Table<u32, Ports>,
    namespaces: Table<u64, Namespace>,
    prefixes: Table<Prefix, Endpoint>,
    addresses: Table<Address, Endpoint>,
    learning: Learning,
    workloads: Workloads,
    flows: Flows,
    events: Option<Events>,
}

impl Capture {
    /// Loads `object` (usually [`object()`]) into the kernel. Nothing is captured before [`Capture::attach`].
    pub fn load(object: &[u8], config: &CaptureConfig) -> Result<Self, CaptureError> {
        let mut programs = EbpfLoader::new()
            .map_max_entries("FLOWS", config.flows.get())
            .load(object)
            .map_err(CaptureError::of_load)?;
        object::check_abi(&programs)?;
        program::load_all(&mut programs)?;
        let capture = Self {
            exempt: config.exempt,
            config: Table::open(&programs, "CONFIG")?,
            ports: Table::open(&programs, "PORTS")?,
            namespaces: Table::open(&programs, "NAMESPACES")?,
            prefixes: Table::open(&programs, "PREFIXES")?,
            addresses: Table::open(&programs, "ADDRESSES")?,
            learning: Learning::open(&programs)?,
            workloads: Workloads::open(&programs)?,
            flows: Flows::open(&programs, config.flows)?,
            events: Some(Events::open(&mut programs)?),
            programs,
        };
        capture.set_ports(&config.ports)?;
        Ok(capture)
    }

    /// Attaches every program to the cgroup v2 directory `cgroup` and starts redirecting: for sockets created
    /// below it, in enrolled namespaces, to known endpoints.
    pub fn attach(&mut self, cgroup: &Path) -> Result<(), CaptureError> {
        let cgroup = cgroup::open(cgroup)?;
        program::attach_all(&mut self.programs, &cgroup)?;
        self.write_config(Config::ACTIVE)
    }

    /// Stops redirecting while the programs stay attached: new connections go where they want to. The first step
    /// of stopping, before listeners are closed.
    pub fn deactivate(&self) -> Result<(), CaptureError> {
        self.write_config(0)
    }

    fn write_config(&self, flags: u32) -> Result<(), CaptureError> {
        self.config.insert(&0, &Config { daemon_cgroup: self.exempt, flags, pad: 0 })
    }

    /// Replaces the set of destination ports that may be redirected.
    pub fn set_ports(&self, ports: &[u16]) -> Result<(), CaptureError> {
        let mut set = Ports::NONE;
        for port in ports {
            set.insert(*port);
        }
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

    /// Makes one address an endpoint, or says anew whose it is. The map holds 65,536; a full one is an error.
    pub fn add_address(&self, address: IpAddr, endpoint: Endpoint) -> Result<(), CaptureError> {
        self.addresses.insert(&address.into(), &endpoint)
    }

    /// Takes back [`Capture::add_address`]. Returns whether the address was there.
    pub fn remove_address(&self, address: IpAddr) -> Result<bool, CaptureError> {
        self.addresses.remove(&address.into())
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

    /// The redirected connections that wait to be accepted; a handle to be cloned for each worker.
    #[must_use]
    pub fn flows(&self) -> Flows {
        self.flows.clone()
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

    /// A reader of the counters that outlives borrows of the capture, for metrics.
    pub fn counters(&self) -> Result<Counters, CaptureError> {
        Counters::open(&self.programs)
    }

    /// The counters, summed over the CPUs.
    pub fn stats(&self) -> Result<Stats, CaptureError> {
        Stats::read(&self.programs)
    }
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
    fn a_prefix_longer_than_its_family_is_an_error() {
        let error = prefix("203.0.113.0".parse().unwrap(), 33).unwrap_err();
        assert_eq!(
            error.to_string(),
            "203.0.113.0/33 is no prefix: the length of an IPv4 prefix is at most 32"
        );
    }
}

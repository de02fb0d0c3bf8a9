//! Loads the BPF object, attaches its programs and keeps its maps behind typed operations.
//! Knows cgroups and the kernel's `bpf(2)`. Does not know HTTP, TLS, policy or who the workloads are.
//!
//! Everything but loading takes `&self` and may be called from any thread: the kernel serialises map operations.

pub mod cgroup;
mod cost;
mod endpoints;
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
mod settings;
mod stats;
mod table;
mod verdicts;
mod veth;
mod workloads;

pub use cost::{Counting, RunTime};
pub use endpoints::Proxy;
pub use error::CaptureError;
pub use event::Events;
pub use exec::Execs;
pub use flow::{Flows, Swept};
pub use heartbeat::{HEARTBEAT_LIMIT, Heartbeats};
pub use learn::Learning;
pub use names::DeepName;
pub use object::{EMBEDDED, object};
pub use pins::{Pins, is_ready as pins_are_ready};
pub use settings::RawPacketPolicy;
pub use stats::{Counters, Stats};
pub use verdicts::Verdicts;
pub use veth::{Interface, Interfaces, Settled, has_links, interfaces, remove_filters};
pub use workloads::{WorkloadCount, Workloads};

use crate::netns::NetnsCookie;
use aya::Ebpf;
use heartbeat::nanoseconds;
use interceptor_common::{Address, Config, Endpoint, Namespace, Ports, Prefix, ProxyPrefix};
use link::Link;
use nix::time::{ClockId, clock_gettime};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;
use table::Table;
use veth::Guards;

/// Room in the map of that name.
const NAMESPACES: usize = 4096;

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

    /// Redirects connections of the namespace from now on, or changes how. Its listeners must be up.
    pub fn enrol(&self, netns: NetnsCookie, namespace: Namespace) -> Result<(), CaptureError> {
        self.namespaces.insert(&netns.0, &namespace)
    }

    /// Leaves connections of the namespace alone from now on. Returns whether it was enrolled.
    pub fn release(&self, netns: NetnsCookie) -> Result<bool, CaptureError> {
        self.namespaces.remove(&netns.0)
    }

    /// Lets go of namespaces that an earlier daemon has enrolled and this one does not serve. Returns how many.
    pub fn keep_namespaces(&self, serves: impl Fn(NetnsCookie) -> bool) -> Result<usize, CaptureError> {
        let mut found = self.namespaces.keys(NAMESPACES)?;
        found.retain(|cookie| !serves(NetnsCookie(*cookie)));
        found.iter().try_for_each(|cookie| self.namespaces.remove(cookie).map(drop))?;
        Ok(found.len())
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

/// The clock that the programs read with `bpf_ktime_get_ns`.
fn monotonic() -> Result<Duration, CaptureError> {
    clock_gettime(ClockId::CLOCK_MONOTONIC)
        .map(Duration::from)
        .map_err(|error| CaptureError::Clock(error.into()))
}

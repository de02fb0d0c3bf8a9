//! The running daemon: start in order, watch, reload, stop in order.
//! Everything here runs beside the data path, on the main thread.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use interceptor_common::{Endpoint, EventKind};
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, MissedTickBehavior, interval, interval_at};

use super::answers;
use super::exempt::Exempt;
use super::namespaces::{LOOK, Namespaces, attach_point};
use super::ready::Ready;
use super::resolve::{Change, Learner};
use super::start::{self, StartError};
use super::told;
use crate::admin::Admin;
use crate::bpf::{self, Capture, CaptureConfig};
use crate::config::{Config, NamespaceSpec};
use crate::netns::NetnsCookie;
use crate::proxy::accept::{Flows, Recorded};
use crate::proxy::shared::Shared;
use crate::proxy::worker::Crew;
use crate::telemetry::chain;
use crate::tls::authority::{LiveAuthority, Reloaded};

/// Redirected connections that may wait to be accepted, on the whole node.
const FLOWS: NonZeroU32 = NonZeroU32::new(262_144).expect("not zero");
/// How long the first round of questions may delay readiness.
const FIRST_ROUND: Duration = Duration::from_secs(10);
/// How often the authority's files are looked at.
const AUTHORITY_LOOK: Duration = Duration::from_secs(10);
/// How often flows are looked at that nobody accepted, and how old they must be.
const FLOW_SWEEP: Duration = Duration::from_secs(60);

/// A daemon that serves.
pub struct Daemon {
    config: Config,
    shared: Arc<Shared>,
    authority: Arc<LiveAuthority>,
    crew: Crew,
    threads: Vec<JoinHandle<()>>,
    namespaces: Namespaces,
    capture: Capture,
    attached: PathBuf,
    learner: Learner,
    admin: Arc<Admin>,
    admin_at: Option<SocketAddr>,
    /// Dropped last: until then the daemon must stay exempt.
    _exempt: Exempt,
}

/// Why the daemon ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// It was told to.
    Told,
}

/// The kernel's flow map, as the accept loops see it.
struct KernelFlows(bpf::Flows);

impl Flows for KernelFlows {
    fn take(&self, cookie: u64, peer: SocketAddr) -> io::Result<Option<Recorded>> {
        let flow = self.0.take(NetnsCookie(cookie), peer).map_err(io::Error::other)?;
        Ok(flow.map(|flow| Recorded {
            destination: SocketAddr::new(IpAddr::from(flow.destination), flow.port),
            cgroup: flow.cgroup,
            pid: flow.tgid,
            uid: flow.uid,
            comm: String::from_utf8_lossy(&flow.comm).trim_end_matches('\0').into(),
        }))
    }
}

impl Daemon {
    /// Starts everything, in an order in which nothing is redirected before somebody serves it.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let (shared, authority) = start::shared(&config)?;
        let exempt = Exempt::enter()?;
        let attached = attach_point(config.cgroup.as_deref())?;
        let mut capture = Capture::load(
            bpf::object()?,
            &CaptureConfig { ports: config.endpoints.ports.clone(), exempt: exempt.id, flows: FLOWS },
        )?;
        let flows: Arc<dyn Flows> = Arc::new(KernelFlows(capture.flows()));
        let workers =
            config.workers.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
        let (crew, threads) = Crew::start(workers, &shared, &flows)
            .map_err(|io| StartError::System { what: "worker threads", io })?;
        for prefix in &config.endpoints.addresses {
            capture.add_prefix(prefix.address, prefix.bits, Endpoint { provider: 0 })?;
        }
        let mut namespaces =
            Namespaces::new(crew.clone(), shared.telemetry.clone(), config.port.unwrap_or(0));
        namespaces.fix(&capture, &config.namespaces)?;
        let servers = answers::servers(&config.endpoints);
        answers::teach(&capture, shared.engine.load().catalogue(), &servers)?;
        let learner = learner(&config, &shared, servers);
        let counters = kernel_counters(capture.counters()?, capture.learning().clone());
        let (admin, admin_at) = open_admin(&config, &shared, counters).await?;
        capture.attach(&attached)?;
        let mut daemon = Self {
            config,
            shared,
            authority,
            crew,
            threads,
            namespaces,
            capture,
            attached,
            learner,
            admin,
            admin_at,
            _exempt: exempt,
        };
        daemon.look();
        if tokio::time::timeout(FIRST_ROUND, daemon.learn()).await.is_err() {
            tracing::warn!("name servers are slow; readiness does not wait for them any longer");
        }
        daemon.admin.set_ready(true);
        Ok(daemon)
    }

    /// What to tell whoever waits for the daemon.
    pub fn ready(&self) -> Ready {
        Ready {
            event: "ready",
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION"),
            policy: self.shared.engine.load().policy().version().to_owned(),
            cgroup: self.attached.display().to_string(),
            namespaces: self.namespaces.count(),
            endpoints: self.learner.known() + self.config.endpoints.addresses.len(),
            admin: self.admin_at.map(|address| address.to_string()),
        }
    }

    /// Runs until `stop` resolves.
    ///
    /// # Errors
    /// The kernel's events cannot be read.
    pub async fn run(&mut self, stop: impl Future<Output = ()>) -> io::Result<Stop> {
        let mut events = self.capture.take_events().map(bpf::Events::watch).transpose()?;
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let refresh = self.config.endpoints.refresh;
        let mut learn = interval_at(Instant::now() + refresh, refresh);
        let mut authority = interval(AUTHORITY_LOOK);
        let mut sweep = interval(FLOW_SWEEP);
        let mut reload = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())?;
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => return Ok(Stop::Told),
                guard = readable(events.as_mut()) => self.kernel_events(guard?),
                _ = look.tick() => self.look(),
                _ = learn.tick() => self.learn().await,
                _ = authority.tick() => self.reload_authority(),
                _ = reload.recv() => self.reload_policy(),
                _ = sweep.tick() => self.sweep(),
            }
        }
    }

    /// Stops in order: no new redirects, no new connections, drain, detach.
    pub fn stop(self) {
        self.admin.set_ready(false);
        if let Err(error) = self.capture.deactivate() {
            tracing::warn!(error = chain(&error), "redirecting goes on until the programs are detached");
        }
        self.crew.drain();
        for thread in self.threads {
            // A worker that panicked has told so already.
            let _ = thread.join();
        }
        self.shared.telemetry.flush();
    }

    fn kernel_events(&mut self, mut guard: tokio::io::unix::AsyncFdReadyMutGuard<'_, bpf::Events>) {
        let mut unknown = Vec::new();
        while let Some(event) = guard.get_inner_mut().next() {
            if event.kind == EventKind::UnknownNamespace as u32 {
                unknown.push(event.tgid);
            }
            told::say(&event);
        }
        guard.clear_ready();
        drop(guard);
        if self.discovers() {
            for pid in unknown {
                self.namespaces.enrol_process(&self.capture, pid);
            }
        }
    }

    fn discovers(&self) -> bool {
        self.config.namespaces.contains(&NamespaceSpec::Discover)
    }

    fn look(&mut self) {
        if self.discovers() {
            self.namespaces.look(&self.capture, &self.attached);
        }
    }

    async fn learn(&mut self) {
        let change = self.learner.round().await;
        self.apply(&change);
    }

    fn apply(&self, change: &Change) {
        if change.unanswered > 0 {
            tracing::warn!(
                names = change.unanswered,
                "no name server answered for some of the catalogue's names"
            );
        }
        for address in &change.added {
            if let Err(error) = self.capture.add_address(*address, Endpoint { provider: 0 }) {
                tracing::error!(error = chain(&error), %address, "calls to this address are not redirected");
            }
        }
        for address in &change.dropped {
            if let Err(error) = self.capture.remove_address(*address) {
                tracing::warn!(error = chain(&error), %address, "an address stays redirected");
            }
        }
    }

    fn reload_authority(&self) {
        match self.authority.reload() {
            Ok(Reloaded::Unchanged) => {}
            Ok(Reloaded::Replaced) => tracing::info!("the authority's files have changed and are in use"),
            Err(error) => tracing::error!(error = chain(&error), "the authority in use stays in use"),
        }
    }

    /// A bad policy never replaces a good one. Open connections keep the rules they began with.
    fn reload_policy(&self) {
        match start::engine(&self.config) {
            Ok(engine) => {
                if let Err(error) = answers::names(&self.capture, engine.catalogue()) {
                    tracing::error!(error = chain(&error), "addresses are learned of the names known before");
                }
                tracing::info!(policy = engine.policy().version(), "policy and catalogue are reloaded");
                self.shared.engine.store(engine);
            }
            Err(error) => tracing::error!(error = chain(&error), "the policy in force stays in force"),
        }
    }

    /// Drops counts of workloads that are gone, once they begin to take the room of those to come.
    fn make_room(&self) {
        let workloads = self.capture.workloads();
        let made = match workloads.is_crowded() {
            Ok(true) => bpf::cgroup::ids_below(&self.attached).and_then(|alive| workloads.retain(&alive)),
            Ok(false) => return,
            Err(error) => Err(error),
        };
        match made {
            Ok(swept) => tracing::info!(removed = swept.removed, "dropped counts of workloads that are gone"),
            Err(error) => tracing::warn!(error = chain(&error), "counts of workloads that are gone stay"),
        }
    }

    fn sweep(&self) {
        answers::sweep(&self.capture, &self.config.endpoints);
        self.make_room();
        match self.capture.flows().sweep(FLOW_SWEEP) {
            Ok(swept) if swept.removed > 0 => {
                tracing::info!(
                    removed = swept.removed,
                    "dropped records of connections that were never accepted"
                );
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(error = chain(&error), "old records of connections stay"),
        }
    }
}

async fn readable(
    events: Option<&mut AsyncFd<bpf::Events>>,
) -> io::Result<tokio::io::unix::AsyncFdReadyMutGuard<'_, bpf::Events>> {
    match events {
        Some(events) => events.readable_mut().await,
        None => std::future::pending().await,
    }
}

fn learner(config: &Config, shared: &Shared, servers: Vec<SocketAddr>) -> Learner {
    let names = shared.engine.load().catalogue().exact_names().map(str::to_owned).collect();
    Learner::new(names, servers, config.endpoints.keep)
}

/// The kernel's counters as lines for a scrape. They are the ground truth of coverage.
fn kernel_counters(
    counters: bpf::Counters,
    learning: bpf::Learning,
) -> impl Fn() -> String + Send + Sync + 'static {
    move || {
        let Ok(stats) = counters.read() else { return String::new() };
        let mut text = String::from(
            "# HELP interceptor_kernel What the kernel side decided, by counter.\n# TYPE interceptor_kernel counter\n",
        );
        for (counter, value) in stats.iter() {
            text.push_str(&format!("interceptor_kernel_total{{counter=\"{}\"}} {value}\n", counter.name()));
        }
        if let Ok(learned) = learning.count() {
            text.push_str(&format!(
                "# HELP interceptor_learned_addresses Addresses learned from DNS answers and still kept.\n\
                 # TYPE interceptor_learned_addresses gauge\ninterceptor_learned_addresses {learned}\n"
            ));
        }
        text
    }
}

async fn open_admin(
    config: &Config,
    shared: &Shared,
    counters: impl Fn() -> String + Send + Sync + 'static,
) -> Result<(Arc<Admin>, Option<SocketAddr>), StartError> {
    let admin = Admin::new(shared.telemetry.clone(), counters);
    let Some(address) = config.admin else { return Ok((admin, None)) };
    let failed = |io| StartError::Admin { address, io };
    let listener = Admin::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    if let Some(path) = &config.admin_file {
        std::fs::write(path, bound.to_string()).map_err(failed)?;
    }
    tokio::spawn(admin.clone().serve(listener));
    Ok((admin, Some(bound)))
}

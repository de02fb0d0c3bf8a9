//! The running daemon: start in order, watch, reload, stop in order.
//! Everything here runs beside the data path, on the main thread.

mod kernel;
mod parts;
mod reading;
mod renewal;
mod scrape;
mod succession;
mod sweep;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc::Receiver;
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior, interval, interval_at};

use self::kernel::readable;
use self::parts::{crew, disown, load, prefixes};
use self::reading::Scope;
use self::renewal::names;
use self::scrape::{AdminPort, current, open_admin, open_socket};
use self::succession::{apart, knock, or_never, told};
use super::answers;
use super::coverage::Coverage;
use super::delivery::Delivery;
use super::exempt::Exempt;
use super::forbidding::Forbidding;
use super::handover::{self, Door, Inherited, Predecessor, Successor};
use super::interfaces::{Changes, Guarding};
use super::namespaces::{LOOK, Namespaces, attach_point};
use super::proxies::Proxies;
use super::ready::Ready;
use super::reload::{self, Asked, AuthorityFiles};
use super::resolve::Learner;
use super::start::{self, StartError};
use super::status::Status;
use super::treatment::{Treatments, flags_of_unknown};
use crate::admin::Admin;
use crate::bpf::{self, Capture};
use crate::config::{Config, OnStop};
use crate::proxy::shared::Shared;
use crate::proxy::worker::Crew;
use crate::source::Sources;
use crate::telemetry::chain;
use crate::tls::authority::LiveAuthority;

/// How long the first round of questions may delay readiness.
const FIRST_ROUND: Duration = Duration::from_secs(10);
/// How often the authority's files are looked at: three small ones, 50 µs.
const AUTHORITY_LOOK: Duration = Duration::from_secs(2);
/// How often the directory of policies is looked at.
const DELIVERY_LOOK: Duration = Duration::from_secs(1);

/// How often flows are looked at that nobody accepted, and how old they must be.
const FLOW_SWEEP: Duration = Duration::from_secs(60);

/// A daemon that serves.
pub struct Daemon {
    config: Config,
    shared: Arc<Shared>,
    authority: AuthorityFiles,
    delivery: Delivery,
    crew: Crew,
    threads: Vec<JoinHandle<()>>,
    namespaces: Namespaces,
    capture: Capture,
    attached: PathBuf,
    learner: Learner,
    proxies: Proxies,
    forbidding: Forbidding,
    guarding: Guarding,
    changes: Changes,
    coverage: Arc<Coverage>,
    admin: Arc<Admin>,
    admin_port: Option<AdminPort>,
    /// The daemon that this one takes over from, until it has ended.
    predecessor: Option<Predecessor>,
    /// Where a successor asks.
    door: Option<Door>,
    /// The daemon that has taken over.
    successor: Option<Successor>,
    /// Dropped last: until then the daemon must stay exempt.
    exempt: Exempt,
}

/// Why the daemon ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// It was told to.
    Told,
    /// A successor serves.
    HandedOver,
}

impl Daemon {
    /// Starts everything, in an order in which nothing is redirected before somebody serves it.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let shared = start::shared(&config)?;
        Self::begin(config, shared, None).await
    }

    /// The same, but takes over from the daemon that runs, if there is one: what it has redirected is accepted by
    /// either, and it ends when what it has accepted has.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn replace(config: Config) -> Result<Self, StartError> {
        // What can fail without the other daemon's help has to fail before it is asked.
        let shared = start::shared(&config)?;
        let inherited = match &config.capture.pins {
            Some(pins) => handover::ask(&config.state, pins).map_err(StartError::Handover)?,
            None => None,
        };
        Self::begin(config, shared, inherited).await
    }

    async fn begin(
        config: Config,
        (shared, authority, delivery): (Arc<Shared>, Arc<LiveAuthority>, Delivery),
        inherited: Option<Inherited>,
    ) -> Result<Self, StartError> {
        let (lock, inherited_admin, inherited_namespaces, predecessor) = apart(inherited);
        let exempt = Exempt::enter()?;
        let attached = attach_point(config.cgroup.as_deref())?;
        let mut capture = load(&config, &exempt, lock)?;
        capture.set_heartbeat_limit(config.capture.heartbeat)?;
        capture.set_unknown(flags_of_unknown(&config.capture, config.discovers()))?;
        capture.set_raw_packets(config.capture.veth_guard.mode)?;
        let (crew, threads) = crew(&config, &shared, &capture)?;
        prefixes(&config, &capture)?;
        let mut namespaces = Namespaces::new(
            crew.clone(),
            shared.telemetry.clone(),
            config.port.unwrap_or(0),
            inherited_namespaces,
            config.capture.pins.is_some(),
        );
        let treatments = Treatments::look_up(&config.capture);
        namespaces.fix(&capture, &config.namespaces, &treatments)?;
        let servers = answers::servers(&config.endpoints);
        answers::teach(&capture, shared.engine.load().catalogue(), &config.endpoints, &servers)?;
        let proxies = Proxies::start(&capture, &config.endpoints, &servers)?;
        let mut learner =
            Learner::new(names(shared.engine.load().catalogue()), servers, config.endpoints.keep);
        learner.adopt(disown(&capture)?);
        let forbidding = Forbidding::start(&capture, &shared, &attached)?;
        let learning = capture.learning().clone();
        let sources = shared.identities.sources().iter().chain(delivery.sources());
        let sources = Sources::new(sources.cloned());
        let kernel = current(capture.counters()?, learning, shared.clone(), forbidding.tally());
        let told = sources.clone();
        let callers = shared.clone();
        let counters = move || kernel() + &told.gauges() + &callers.identities.gauges();
        let coverage = Coverage::new(&capture, shared.telemetry.clone(), attached.clone())?;
        let coverage = Arc::new(coverage);
        let reporter = coverage.clone();
        let asked = shared.clone();
        // It has nothing that JSON cannot say.
        let status = move || serde_json::to_string(&Status::of(&asked, &sources)).unwrap_or_default();
        let admin = Admin::new(shared.telemetry.clone(), counters, move || reporter.json(), status);
        open_socket(&config, &admin)?;
        let admin_port = open_admin(&config, &admin, inherited_admin).await?;
        for other in capture.attach(&attached)? {
            tracing::info!(path = %other.display(), "the pins of another version are removed");
        }
        let changes = Changes::watch();
        let changes = changes.map_err(|io| StartError::System { what: "watching network interfaces", io })?;
        let mut daemon = Self {
            config,
            shared,
            authority: AuthorityFiles::new(authority),
            delivery,
            crew,
            threads,
            namespaces,
            capture,
            attached,
            learner,
            proxies,
            forbidding,
            guarding: Guarding::default(),
            changes,
            coverage,
            admin,
            admin_port,
            predecessor,
            door: None,
            successor: None,
            exempt,
        };
        daemon.serve().await?;
        Ok(daemon)
    }

    /// The last part of starting: finds what there is to serve, and says so.
    async fn serve(&mut self) -> Result<(), StartError> {
        self.guard();
        self.look();
        self.namespaces.forget_others(&self.capture);
        match tokio::time::timeout(FIRST_ROUND, self.ask()).await {
            Ok(answers) => self.learn(answers),
            Err(_) => tracing::warn!("name servers are slow; readiness does not wait for them any longer"),
        }
        if let Some(predecessor) = &self.predecessor
            && let Err(error) = predecessor.relieve()
        {
            tracing::warn!(%error, "the daemon that ran before has ended before it could hand over");
        }
        if let Some(pins) = &self.config.capture.pins {
            let door = Door::open(&self.config.state, pins);
            self.door = Some(door.map_err(|io| StartError::System { what: "the handover socket", io })?);
        }
        self.admin.set_ready(true);
        Ok(())
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
            admin: self.admin_port.as_ref().map(|port| port.address.to_string()),
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
        let mut delivery = interval(DELIVERY_LOOK);
        let mut sweep = interval(FLOW_SWEEP);
        let mut hints = self.shared.hints.take();
        let mut callers = self.shared.identities.changes();
        // What has changed between the last look and now is told by nobody.
        callers.mark_changed();
        let mut reload = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())?;
        let mut door = self.door.take();
        // Name servers may be slow, and nothing else may wait for them; least of all namespaces that begin meanwhile.
        let mut asking = None;
        // Nor for policy to be read. What comes meanwhile is read afterwards.
        let mut reading = None;
        let mut reloads = Vec::new();
        let mut former = self.predecessor.take().map(|predecessor| Box::pin(predecessor.ended()));
        // While a successor starts, nothing else is done: the kernel side, the ring buffer included, is its own. One
        // that comes while our own predecessor drains has to wait: only one former daemon is exempt.
        let mut offered: Option<oneshot::Receiver<Successor>> = None;
        tokio::pin!(stop);
        let stopped = loop {
            tokio::select! {
                () = &mut stop => break Stop::Told,
                successor = told(offered.as_mut()) => {
                    offered = None;
                    self.successor = successor;
                    if self.successor.is_some() {
                        break Stop::HandedOver;
                    }
                    self.go_on();
                }
                () = or_never(former.as_mut()) => {
                    former = None;
                    self.forget_former();
                }
                visit = knock(door.as_mut()), if offered.is_none() && former.is_none() => {
                    offered = self.offer(visit);
                }
                guard = readable(events.as_mut()), if offered.is_none() => self.kernel_events(guard?),
                hint = or_never(hints.as_mut().map(Receiver::recv)), if offered.is_none() => match hint {
                    Some(hint) => self.forbidding.hint(hint, |address| self.learner.knows(address)),
                    None => hints = None,
                },
                Ok(()) = callers.changed(), if offered.is_none() => self.forbidding.foresee(&self.shared),
                changed = self.changes.next(), if offered.is_none() => {
                    changed?;
                    self.guard();
                }
                _ = look.tick(), if offered.is_none() => {
                    self.look();
                    self.forbidding.look(&self.shared);
                }
                _ = learn.tick(), if offered.is_none() && asking.is_none() => {
                    asking = Some(Box::pin(self.ask()));
                }
                answers = or_never(asking.as_mut()), if offered.is_none() => {
                    asking = None;
                    self.learn(answers);
                    // Told last: from now on the catalogue's new names are redirected.
                    reloads.drain(..).for_each(|result| reload::tell_engine(&self.shared, result));
                }
                read = or_never(reading.as_mut()), if offered.is_none() => {
                    reading = None;
                    reloads.push(self.take_up(read));
                    asking = Some(Box::pin(self.ask()));
                }
                _ = delivery.tick(), if offered.is_none() && reading.is_none() => {
                    if self.delivery.has_news() {
                        reading = Some(Box::pin(self.read(Scope::Policies)));
                    }
                }
                _ = authority.tick() => {
                    self.authority.look(&self.shared, Asked::ByClock);
                    reload::look_at_credentials(&self.shared);
                }
                _ = reload.recv(), if offered.is_none() && reading.is_none() => {
                    self.authority.look(&self.shared, Asked::BySignal);
                    reading = Some(Box::pin(self.read(Scope::Everything)));
                }
                _ = sweep.tick(), if offered.is_none() => self.sweep(),
            }
        };
        if stopped == Stop::Told {
            door.into_iter().for_each(Door::close);
        }
        Ok(stopped)
    }

    /// Stops in order: no new redirects, no new connections, drain, and detach unless the programs are to stay.
    pub fn stop(self) {
        self.admin.set_ready(false);
        let stays = self.config.capture.pins.is_some() && self.config.capture.on_stop == OnStop::Keep;
        // Programs that stay ask the fail policy as soon as the workers take their signs of life back.
        if !stays && let Err(error) = self.capture.deactivate() {
            tracing::warn!(error = chain(&error), "redirecting goes on until the programs are detached");
        }
        self.crew.drain();
        for thread in self.threads {
            // A worker that panicked has told so already.
            let _ = thread.join();
        }
        if !stays && let Err(error) = self.capture.detach() {
            tracing::error!(error = chain(&error), "programs stay attached; try `interceptor uninstall`");
        }
        self.shared.telemetry.flush();
    }

    fn look(&mut self) {
        let treatments = Treatments::look_up(&self.config.capture);
        if self.config.discovers() {
            self.namespaces.look(&self.capture, &self.attached, &treatments);
        } else if treatments.need_cgroups() {
            self.namespaces.look_into(&self.capture, &self.attached, &treatments);
        } else {
            self.namespaces.settle(&self.capture, &treatments);
        }
    }

    fn guard(&mut self) {
        self.guarding.settle(&mut self.capture, &self.config.capture.veth_guard);
    }
}

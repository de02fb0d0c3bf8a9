//! Serves network namespaces: makes their listeners, tells the kernel side, and lets go of those that are gone.
//! Knows namespaces and workers. Does not know connections.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::handover::{InheritedNamespace, Offered};
use super::treatment::{Treatments, flags};
use crate::bpf::{Capture, cgroup};
use crate::config::NamespaceSpec;
use crate::netns::{
    Inhabited, ListenError, Listeners, NetNs, NetNsError, NetNsId, NetnsCookie, below_cgroup,
};
use crate::proxy::flow::Namespace;
use crate::proxy::worker::{Crew, Order};
use crate::telemetry::Telemetry;
use crate::telemetry::event::{Capture as CaptureEvent, Event};

/// How often namespaces are looked for. New ones are also reported by the kernel side at their first connect;
/// this finds those that have not connected yet, and those that are gone.
pub const LOOK: Duration = Duration::from_secs(1);

/// Connections that may wait for an accept loop, as far as net.core.somaxconn lets them.
const BACKLOG: i32 = 4096;

/// The namespaces that are served.
pub struct Namespaces {
    served: HashMap<NetNsId, Served>,
    /// Served whether or not a process lives in them.
    fixed: Vec<NetNsId>,
    crew: Crew,
    telemetry: Telemetry,
    port: u16,
    next: usize,
    /// Listeners of a predecessor, by cookie, until they are needed.
    inherited: HashMap<u64, InheritedNamespace>,
    /// Whether copies of listeners are kept, for a successor.
    keeps_copies: bool,
}

/// One of them.
struct Served {
    namespace: Arc<Namespace>,
    /// What the kernel side was told.
    enrolment: interceptor_common::Namespace,
    /// The cgroups of the processes that were found in it.
    cgroups: Vec<PathBuf>,
    /// The workers have the listeners; these are for a successor.
    copies: Option<Listeners>,
}

/// Why a namespace cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// It cannot be opened or entered.
    #[error("cannot open the network namespace {name}")]
    Open {
        /// Its name.
        name: String,
        /// What failed.
        #[source]
        error: NetNsError,
    },
    /// No listener can be made in it.
    #[error("cannot listen in the network namespace {name}")]
    Listen {
        /// Its name.
        name: String,
        /// What failed.
        #[source]
        error: ListenError,
    },
    /// The kernel side does not take it.
    #[error("cannot enrol the network namespace {name}")]
    Kernel {
        /// Its name.
        name: String,
        /// What failed.
        #[source]
        error: crate::bpf::CaptureError,
    },
}

impl Namespaces {
    /// Serves nothing yet. Listeners take `port`, or any free one for 0; those of namespaces that are `inherited` are
    /// used as they are.
    pub fn new(
        crew: Crew,
        telemetry: Telemetry,
        port: u16,
        inherited: HashMap<u64, InheritedNamespace>,
        keeps_copies: bool,
    ) -> Self {
        let (served, fixed, next) = (HashMap::new(), Vec::new(), 0);
        Self { served, fixed, crew, telemetry, port, next, inherited, keeps_copies }
    }

    /// Serves the namespaces that the configuration names.
    ///
    /// # Errors
    /// The first of them that cannot be served.
    pub fn fix(
        &mut self,
        capture: &Capture,
        specs: &[NamespaceSpec],
        treatments: &Treatments,
    ) -> Result<(), EnrolError> {
        for spec in specs {
            let (name, opened) = match spec {
                NamespaceSpec::Own => ("self".to_owned(), NetNs::current()),
                NamespaceSpec::Path(path) => (path.display().to_string(), NetNs::open(path)),
                NamespaceSpec::Discover => continue,
            };
            let handle = opened.map_err(|error| EnrolError::Open { name: name.clone(), error })?;
            self.fixed.push(handle.id());
            self.enrol(capture, name, Inhabited { netns: handle, cgroups: Vec::new() }, treatments)?;
        }
        Ok(())
    }

    /// Serves the namespace of a process, if it is not served yet. The process may have gone meanwhile.
    pub fn enrol_process(&mut self, capture: &Capture, pid: u32, treatments: &Treatments) {
        if let Ok(netns) = NetNs::of_pid(pid) {
            // Its neighbours are found by the next look.
            let cgroups = cgroup::of_pid(pid).into_iter().collect();
            self.enrol_found(capture, Inhabited { netns, cgroups }, treatments);
        }
    }

    /// Finds the namespaces of all processes below a cgroup; serves new ones and lets go of dead ones.
    pub fn look(&mut self, capture: &Capture, cgroup: &Path, treatments: &Treatments) {
        let Some(found) = inhabited(cgroup) else { return };
        let alive: HashSet<NetNsId> = found.iter().map(|one| one.netns.id()).collect();
        for one in found {
            self.enrol_found(capture, one, treatments);
        }
        let is_dead = |id: &&NetNsId| !alive.contains(*id) && !self.fixed.contains(*id);
        let dead: Vec<NetNsId> = self.served.keys().filter(is_dead).copied().collect();
        for id in dead {
            self.release(capture, id);
        }
        self.settle(capture, treatments);
    }

    /// Finds out in which cgroups the processes of the namespaces are that are served, and serves no others.
    pub fn look_into(&mut self, capture: &Capture, cgroup: &Path, treatments: &Treatments) {
        for one in inhabited(cgroup).into_iter().flatten() {
            if let Some(served) = self.served.get_mut(&one.netns.id()) {
                served.cgroups = one.cgroups;
            }
        }
        self.settle(capture, treatments);
    }

    /// Tells the kernel side of treatments that have changed. Open connections stay as they are.
    pub fn settle(&mut self, capture: &Capture, treatments: &Treatments) {
        for (id, served) in &mut self.served {
            let flags = flags(treatments.of(*id, &served.cgroups));
            if flags == served.enrolment.flags {
                continue;
            }
            let enrolment = interceptor_common::Namespace { flags, ..served.enrolment };
            let name = &*served.namespace.name;
            match capture.enrol(NetnsCookie(served.namespace.cookie), enrolment) {
                Ok(()) => {
                    served.enrolment = enrolment;
                    tracing::info!(
                        namespace = name,
                        strict = enrolment.is_strict(),
                        closed = enrolment.is_closed(),
                        "a network namespace is treated differently from now on"
                    );
                }
                Err(error) => tracing::error!(
                    namespace = name,
                    error = crate::telemetry::chain(&error),
                    "a network namespace is treated as before"
                ),
            }
        }
    }

    fn enrol_found(&mut self, capture: &Capture, found: Inhabited, treatments: &Treatments) {
        if let Some(served) = self.served.get_mut(&found.netns.id()) {
            served.cgroups = found.cgroups;
            return;
        }
        let name = format!("net:[{}]", found.netns.id().inode);
        if let Err(error) = self.enrol(capture, name, found, treatments) {
            tracing::warn!(error = crate::telemetry::chain(&error), "a network namespace is not served");
        }
    }

    fn enrol(
        &mut self,
        capture: &Capture,
        name: String,
        found: Inhabited,
        treatments: &Treatments,
    ) -> Result<(), EnrolError> {
        let Inhabited { netns: handle, cgroups } = found;
        let id = handle.id();
        if self.served.contains_key(&id) {
            return Ok(());
        }
        let cookie = handle.cookie().map_err(|error| EnrolError::Open { name: name.clone(), error })?;
        let listeners = self
            .listeners(&handle, cookie)
            .map_err(|error| EnrolError::Listen { name: name.clone(), error })?;
        let copies = self.keeps_copies.then(|| listeners.try_clone()).transpose();
        let copies = copies.map_err(|error| EnrolError::Listen {
            name: name.clone(),
            error: ListenError::Descriptor(error),
        })?;
        let namespace = Arc::new(Namespace { name: name.as_str().into(), cookie: cookie.0, handle });
        let index = self.next % self.crew.0.len();
        self.next += 1;
        let worker = u32::try_from(index).expect("the configuration allows 256 workers at most");
        let flags = flags(treatments.of(id, &cgroups));
        let enrolment = interceptor_common::Namespace { worker, ..listeners.enrolment(flags) };
        // The listeners queue connections from here on; accepting may begin a moment later.
        let listeners = [Some(listeners.v4), listeners.v6].into_iter().flatten().collect();
        self.crew.0[index].order(Order::Listen { namespace: namespace.clone(), listeners });
        capture.enrol(cookie, enrolment).map_err(|error| EnrolError::Kernel { name, error })?;
        self.telemetry.record(Event::Capture(CaptureEvent::NamespaceEnrolled {
            name: namespace.name.clone(),
            cookie: cookie.0,
        }));
        self.served.insert(id, Served { namespace, enrolment, cgroups, copies });
        Ok(())
    }

    fn listeners(&mut self, netns: &NetNs, cookie: NetnsCookie) -> Result<Listeners, ListenError> {
        match self.inherited.remove(&cookie.0) {
            Some(inherited) => Ok(inherited.listeners),
            None => netns.listen(self.port, BACKLOG),
        }
    }

    /// What a successor needs to go on with the namespaces that are served.
    ///
    /// # Errors
    /// There is no room for more descriptors.
    pub fn offer(&self) -> io::Result<Vec<Offered>> {
        let offers = self.served.values().filter_map(|served| {
            let listeners = served.copies.as_ref()?.try_clone();
            let Namespace { cookie, handle, .. } = &*served.namespace;
            Some(listeners.map(|listeners| Offered { cookie: *cookie, netns: handle.clone(), listeners }))
        });
        offers.collect()
    }

    /// Enrols everything anew, after a successor may have enrolled it for itself.
    pub fn reassert(&self, capture: &Capture) -> Result<(), crate::bpf::CaptureError> {
        self.served
            .values()
            .try_for_each(|served| capture.enrol(NetnsCookie(served.namespace.cookie), served.enrolment))
    }

    fn release(&mut self, capture: &Capture, id: NetNsId) {
        let Some(Served { namespace, .. }) = self.served.remove(&id) else { return };
        if let Err(error) = capture.release(NetnsCookie(namespace.cookie)) {
            tracing::warn!(
                error = crate::telemetry::chain(&error),
                "a dead network namespace stays enrolled"
            );
        }
        for worker in self.crew.0.iter() {
            worker.order(Order::Leave { cookie: namespace.cookie });
        }
        self.telemetry.record(Event::Capture(CaptureEvent::NamespaceReleased {
            name: namespace.name.clone(),
            cookie: namespace.cookie,
        }));
    }

    /// Has the kernel side forget the namespaces that an earlier daemon served and this one does not.
    pub fn forget_others(&mut self, capture: &Capture) {
        // Nobody lives in those that were not needed.
        self.inherited.clear();
        let served: HashSet<u64> = self.served.values().map(|served| served.namespace.cookie).collect();
        match capture.keep_namespaces(|cookie| served.contains(&cookie.0)) {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "network namespaces of an earlier daemon are let go"),
            Err(error) => tracing::warn!(
                error = crate::telemetry::chain(&error),
                "network namespaces of an earlier daemon stay enrolled"
            ),
        }
    }

    /// What a namespace is called; nothing, if it is not served any more.
    pub fn name(&self, cookie: u64) -> Arc<str> {
        let mut served = self.served.values().map(|served| &served.namespace);
        served
            .find(|namespace| namespace.cookie == cookie)
            .map_or_else(Arc::default, |found| found.name.clone())
    }

    /// Namespaces served now.
    pub fn count(&self) -> usize {
        self.served.len()
    }
}

fn inhabited(cgroup: &Path) -> Option<Vec<Inhabited>> {
    match below_cgroup(cgroup) {
        Ok(found) => Some(found),
        Err(error) => {
            tracing::warn!(%error, cgroup = %cgroup.display(), "cannot look for network namespaces");
            None
        }
    }
}

/// The cgroup to attach to: the configured one, or the root of the v2 hierarchy.
///
/// # Errors
/// There is no cgroup v2 hierarchy, or only a part of it is seen.
pub fn attach_point(
    configured: Option<&std::path::Path>,
) -> Result<std::path::PathBuf, crate::bpf::CaptureError> {
    match configured {
        Some(path) => Ok(path.to_owned()),
        None => {
            let root = cgroup::root()?;
            if cgroup::is_partial(&root) {
                return Err(crate::bpf::CaptureError::PartialTree { root });
            }
            Ok(root)
        }
    }
}

//! The thread that finds out what a control group stands for, so that no worker waits for a file or a socket.
//! Knows the tree, the runtime and the table that workers read. Does not know connections.

use std::cell::RefCell;
use std::collections::HashSet;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use interceptor_engine::policy::{Identity, Pod};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::LocalSet;

use super::cri::{Found, Runtime};
use super::place::{self, Container};
use super::table::{LARGEST, Table};
use super::tree::Tree;
use super::workload::Workload;
use crate::telemetry::chain;

/// What a worker wants to know.
#[derive(Debug)]
pub(super) struct Ask {
    /// The group's id.
    pub(super) cgroup: u64,
    /// What `/proc` says of the caller's group, if the caller is still there. It has to be checked.
    pub(super) hint: Option<String>,
}

/// Questions that wait. A burst of more new workloads than this is answered as unknown.
const WAITING: usize = 1024;

/// Runtimes are asked about so many containers at once.
const AT_ONCE: usize = 64;

/// How often the list of users is looked at, besides every time that somebody asks.
const LOOK: Duration = Duration::from_secs(10);

/// Answers questions until nobody can ask any more.
pub(super) fn start(
    tree: Tree,
    runtime: Option<Runtime>,
    deadline: Duration,
    table: Arc<Table>,
) -> io::Result<Sender<Ask>> {
    let (asks, waiting) = channel(WAITING);
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    table.renew_users();
    std::thread::Builder::new().name("identity".to_owned()).spawn(move || {
        let finder = Finder {
            tree,
            runtime,
            deadline,
            table,
            asked: RefCell::default(),
            complained: RefCell::default(),
        };
        LocalSet::new().block_on(&tokio, Rc::new(finder).run(waiting));
    })?;
    Ok(asks)
}

struct Finder {
    tree: Tree,
    runtime: Option<Runtime>,
    deadline: Duration,
    table: Arc<Table>,
    /// Groups that are being asked about.
    asked: RefCell<HashSet<u64>>,
    /// When the log was last told that the runtime does not answer.
    complained: RefCell<Option<Instant>>,
}

impl Finder {
    async fn run(self: Rc<Self>, mut waiting: Receiver<Ask>) {
        let room = Arc::new(tokio::sync::Semaphore::new(AT_ONCE));
        let mut look = tokio::time::interval(LOOK);
        loop {
            let ask = tokio::select! {
                ask = waiting.recv() => ask,
                _ = look.tick() => {
                    self.table.renew_users();
                    continue;
                }
            };
            let Some(ask) = ask else { return };
            let is_new = self.table.look(ask.cgroup).is_none() && self.asked.borrow_mut().insert(ask.cgroup);
            if !is_new {
                continue;
            }
            let place = room.clone().acquire_owned().await;
            let finder = self.clone();
            tokio::task::spawn_local(async move {
                finder.answer(ask).await;
                drop(place);
            });
        }
    }

    async fn answer(&self, ask: Ask) {
        self.table.renew_users();
        let workload = self.find(&ask).await;
        if self.table.len() >= LARGEST {
            self.table.keep(&self.tree.ids().unwrap_or_default());
        }
        self.asked.borrow_mut().remove(&ask.cgroup);
        self.table.enter(ask.cgroup, workload);
    }

    async fn find(&self, ask: &Ask) -> Workload {
        let hint = ask.hint.as_deref().map(|said| self.tree.path(said));
        let path = match hint.filter(|path| self.tree.has(path, ask.cgroup)) {
            Some(path) => path,
            None => match self.tree.look_up(ask.cgroup) {
                Some(group) => group.path,
                None => return Workload::unknown(Arc::default(), "cgroup_gone"),
            },
        };
        let shared: Arc<str> = path.as_str().into();
        // Whoever may make groups of his own could call one like a pod's.
        match place::container(&path).filter(|container| self.tree.is_roots(container.path)) {
            Some(container) => self.container(shared, &container).await,
            None => Workload {
                unit: place::unit(&path).map(Arc::from),
                path: shared,
                pod: None,
                is_container: false,
                identity: Identity::Known,
            },
        }
    }

    async fn container(&self, path: Arc<str>, container: &Container<'_>) -> Workload {
        let (pod, identity) = match self.pod(container).await {
            Ok(Some(pod)) => (Some(Arc::new(pod)), Identity::Known),
            // Docker's or podman's own: there is no pod to be known.
            Ok(None) if container.pod.is_none() => (None, Identity::Known),
            Ok(None) => (None, Identity::Unknown("pod_not_found")),
            Err(why) => (None, Identity::Unknown(why)),
        };
        Workload { path, unit: None, pod, is_container: true, identity }
    }

    /// The pod, as far as anybody can be asked.
    async fn pod(&self, container: &Container<'_>) -> Result<Option<Pod>, &'static str> {
        let Some(runtime) = &self.runtime else {
            return if container.pod.is_some() { Err("no_runtime_configured") } else { Ok(None) };
        };
        let found = match tokio::time::timeout(self.deadline, runtime.pod(container.id)).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                self.complain(&chain(&error));
                return Err("runtime_failed");
            }
            Err(_) => {
                self.complain("it gives no answer in time");
                return Err("runtime_slow");
            }
        };
        match found {
            Found::Nothing => Ok(None),
            // A runtime knows sandboxes that are no pods of kubelet's; a pod that the path does not name is none.
            Found::Container(pod) if container.is_of(&pod.uid) => Ok(Some(pod)),
            Found::Container(_) => Err("pod_disagrees"),
        }
    }

    /// Once a minute: a runtime that is away is away for every caller.
    fn complain(&self, why: &str) {
        let mut last = self.complained.borrow_mut();
        if last.is_none_or(|told| told.elapsed() > Duration::from_secs(60)) {
            *last = Some(Instant::now());
            tracing::warn!(
                why,
                "the container runtime cannot be asked (identity.cri); pods are unknown callers"
            );
        }
    }
}

//! The thread that finds out what a control group stands for, so that no worker waits for a file or a socket.
//! Knows the tree, whom to ask, and the table that workers read. Does not know connections.

use std::cell::RefCell;
use std::collections::HashSet;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use interceptor_engine::policy::{Identity, Pod};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::watch;
use tokio::task::LocalSet;

use super::ahead::{Ahead, Progress, Wish};
use super::cluster::{Cluster, Facts};
use super::cri::{Found, Runtime};
use super::join::{OfRuntime, join, refreshed};
use super::place::{self, Container};
use super::table::{LARGEST, Table};
use super::tree::Tree;
use super::workload::Workload;
use crate::source::{Source, Trouble};
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

/// How often the list of users is looked at, besides every time that somebody asks; and how often the runtime is asked
/// whether it is there, so that one that is away is noticed before somebody is an unknown caller.
const LOOK: Duration = Duration::from_secs(10);

/// Who is asked about containers.
pub(super) struct Sources {
    /// The runtime, and how asking it goes.
    pub(super) runtime: Option<(Runtime, Arc<Source>)>,
    /// What the API server says.
    pub(super) cluster: Option<Arc<Cluster>>,
}

/// How the thread is told what to do.
pub(super) struct Desk {
    /// For callers.
    pub(super) asks: Sender<Ask>,
    /// For those who will be.
    pub(super) wishes: watch::Sender<Wish>,
    /// The last wish that was fulfilled.
    pub(super) done: watch::Receiver<u64>,
    pub(super) progress: Arc<Progress>,
}

/// Answers questions until nobody can ask any more.
pub(super) fn start(tree: Tree, sources: Sources, deadline: Duration, table: Arc<Table>) -> io::Result<Desk> {
    let (asks, waiting) = channel(WAITING);
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    table.renew_users();
    let (wishes, wished) = watch::channel(Wish::default());
    let (fulfilled, done) = watch::channel(0);
    let progress = Arc::<Progress>::default();
    let told = progress.clone();
    std::thread::Builder::new().name("identity".to_owned()).spawn(move || {
        let finder = Rc::new(Finder { tree, sources, deadline, table, asked: RefCell::default() });
        let ahead = Ahead::new(finder.clone(), told);
        LocalSet::new().block_on(&tokio, async {
            tokio::join!(finder.run(waiting), ahead.run(wished, fulfilled));
        });
    })?;
    Ok(Desk { asks, wishes, done, progress })
}

/// Finds out what a group stands for, and enters it.
pub(super) struct Finder {
    pub(super) tree: Tree,
    sources: Sources,
    deadline: Duration,
    pub(super) table: Arc<Table>,
    /// Groups that are being asked about.
    asked: RefCell<HashSet<u64>>,
}

impl Finder {
    async fn run(self: Rc<Self>, mut waiting: Receiver<Ask>) {
        let room = Arc::new(tokio::sync::Semaphore::new(AT_ONCE));
        let mut look = tokio::time::interval(LOOK);
        let mut news = self.news();
        loop {
            let ask = tokio::select! {
                ask = waiting.recv() => ask,
                _ = look.tick() => {
                    self.table.renew_users();
                    tokio::task::spawn_local(self.clone().probe());
                    continue;
                }
                () = changed(news.as_mut()) => {
                    self.refresh();
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

    /// Tells of what the API server says from now on.
    pub(super) fn news(&self) -> Option<watch::Receiver<()>> {
        self.sources.cluster.as_ref().map(|cluster| cluster.changes())
    }

    async fn answer(&self, ask: Ask) {
        self.table.renew_users();
        let hint = ask.hint.as_deref().map(|said| self.tree.path(said));
        let path = hint.filter(|path| self.tree.has(path, ask.cgroup));
        let workload = match path.or_else(|| self.tree.look_up(ask.cgroup).map(|group| group.path)) {
            Some(path) => self.find(ask.cgroup, &path).await,
            None => Workload::unknown(Arc::default(), "cgroup_gone"),
        };
        self.asked.borrow_mut().remove(&ask.cgroup);
        self.enter_all(vec![(ask.cgroup, workload)]);
    }

    /// The same of a group whose path is known, unless somebody asks already.
    pub(super) async fn answer_at(&self, cgroup: u64, path: &str) {
        if self.table.is_settled(cgroup) || !self.asked.borrow_mut().insert(cgroup) {
            return;
        }
        let workload = self.find(cgroup, path).await;
        self.asked.borrow_mut().remove(&cgroup);
        self.enter_all(vec![(cgroup, workload)]);
    }

    pub(super) fn enter_all(&self, found: Vec<(u64, Workload)>) {
        if self.table.len() + found.len() > LARGEST {
            self.table.keep(&self.tree.ids().unwrap_or_default());
        }
        self.table.enter_all(found);
    }

    async fn find(&self, cgroup: u64, path: &str) -> Workload {
        match self.container_of(path) {
            Some(container) => self.container(cgroup, path, &container).await,
            None => outside(path),
        }
    }

    /// What a group outside containers stands for. Nobody has to be asked.
    pub(super) fn plain(&self, path: &str) -> Option<Workload> {
        self.container_of(path).is_none().then(|| outside(path))
    }

    /// Whoever may make groups of his own could call one like a pod's.
    fn container_of<'a>(&self, path: &'a str) -> Option<Container<'a>> {
        place::container(path).filter(|container| self.tree.is_roots(container.path))
    }

    async fn container(&self, cgroup: u64, path: &str, container: &Container<'_>) -> Workload {
        let path: Arc<str> = path.into();
        // What was made inside a container is that container, and it may be a thousand groups.
        let outer = self.tree.id(container.path).filter(|outer| *outer != cgroup);
        if let Some(outer) =
            outer.filter(|outer| self.table.is_settled(*outer)).and_then(|id| self.table.look(id))
        {
            return Workload { path, ..Workload::clone(&outer) };
        }
        let (runtime, facts) = tokio::join!(self.of_runtime(container), self.of_cluster(cgroup, container));
        // Labels may have changed while the runtime was asked: nobody would tell of that again.
        let facts = self.facts_now(container).or(facts);
        let cluster = self.sources.cluster.as_deref().map(|cluster| (cluster, facts));
        let joined = join(container, runtime, cluster);
        Workload {
            path,
            unit: None,
            pod: joined.pod.map(Arc::new),
            is_container: true,
            identity: joined.identity,
            is_partial: joined.is_partial,
        }
    }

    /// What the API server says of the container's pod. Only the first time is it waited for, and for half of the time
    /// that the caller waits, so that he gets what the runtime says in any case.
    async fn of_cluster(&self, cgroup: u64, container: &Container<'_>) -> Option<Arc<Facts>> {
        let (cluster, uid) = (self.sources.cluster.as_ref()?, container.pod?);
        let patience = if self.table.has(cgroup) { Duration::ZERO } else { self.deadline / 2 };
        cluster.pod_soon(uid, patience).await
    }

    /// What the server has said of a pod by now.
    fn facts_now(&self, container: &Container<'_>) -> Option<Arc<Facts>> {
        self.sources.cluster.as_ref()?.pod(container.pod?)
    }

    /// What the runtime says of the container.
    async fn of_runtime(&self, container: &Container<'_>) -> OfRuntime {
        let (runtime, source) = self.sources.runtime.as_ref()?;
        let found = match tokio::time::timeout(self.deadline, runtime.pod(container.id)).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                source.failed(Trouble::Unreachable, chain(&error));
                return Some(Err("runtime_failed"));
            }
            Err(_) => {
                source.failed(Trouble::Slow, "it gives no answer in time".to_owned());
                return Some(Err("runtime_slow"));
            }
        };
        source.heard();
        Some(match found {
            Found::Nothing => Ok(None),
            // A runtime knows sandboxes that are no pods of kubelet's; a pod that the path does not name is none.
            Found::Container(pod) if container.is_of(&pod.uid) => Ok(Some(pod)),
            Found::Container(_) => Err("pod_disagrees"),
        })
    }

    /// Asks the runtime for nothing in particular.
    async fn probe(self: Rc<Self>) {
        let Some((runtime, source)) = &self.sources.runtime else { return };
        match tokio::time::timeout(LOOK / 2, runtime.version()).await {
            Ok(Ok(())) => source.heard(),
            Ok(Err(error)) => source.failed(Trouble::Unreachable, chain(&error)),
            Err(_) => source.failed(Trouble::Slow, "it gives no answer in time".to_owned()),
        }
    }

    /// Takes up what the API server says by now of pods that are known.
    fn refresh(&self) {
        let Some(cluster) = &self.sources.cluster else { return };
        self.table.refresh(|pod: &Pod| refreshed(cluster, pod));
    }
}

/// A group that is no container's.
fn outside(path: &str) -> Workload {
    Workload {
        unit: place::unit(path).map(Arc::from),
        path: path.into(),
        pod: None,
        is_container: false,
        identity: Identity::Known,
        is_partial: false,
    }
}

/// Resolves when the API server has something new to say.
pub(super) async fn changed(news: Option<&mut watch::Receiver<()>>) {
    let ended = match news {
        Some(news) => news.changed().await.is_err(),
        None => true,
    };
    if ended {
        std::future::pending::<()>().await;
    }
}

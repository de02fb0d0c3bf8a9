//! Who called. Fixed for a connection by what the kernel recorded at connect time: the process counts only while it
//! certainly is the one that called, the control group decides about unit, container and pod.
//!
//! Workers look in memory, and wait for a moment at most if a workload is new; files and sockets are left to a thread
//! (`ask.rs`). What cannot be found out, or does not agree, is an unknown caller, and policy answers.

mod ahead;
mod ask;
mod cluster;
mod cri;
mod group;
mod groups;
pub mod grpc;
mod join;
mod place;
pub mod process;
mod table;
mod tree;
mod user;
mod workload;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use interceptor_engine::policy::{Identity, Subject};
use tokio::sync::watch;

use self::ahead::Wish;
use self::ask::{Ask, Desk, Sources};
use self::cluster::Cluster;
use self::cri::Runtime;
pub use self::group::{Group, HostUsers};
use self::table::Table;
use self::tree::Tree;
use crate::bpf::CaptureError;
use crate::cluster::{ClusterSpec, ConnectError};
use crate::proxy::accept::Recorded;
use crate::source::Source;
use crate::telemetry::event::Caller;

/// Where callers are looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentitySpec {
    /// Socket of the container runtime. Without it and the API server, pods are unknown callers.
    pub cri: Option<PathBuf>,
    /// The API server.
    pub kubernetes: Option<KubernetesSpec>,
    /// The longest that a connection waits for an answer about its caller.
    pub wait: Duration,
}

impl IdentitySpec {
    /// What a file without the section gives.
    pub const STANDARD: Self = Self { cri: None, kubernetes: None, wait: Duration::from_secs(1) };
}

/// Which pods the API server is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KubernetesSpec {
    /// Where it is.
    pub cluster: ClusterSpec,
    /// What this node is called there; `None` asks the environment, `NODE_NAME`.
    pub node: Option<String>,
}

/// What a pod is told of its node's name by, usually.
const NODE_NAME: &str = "NODE_NAME";

impl KubernetesSpec {
    fn start(&self) -> Result<Arc<Cluster>, IdentityError> {
        let told = self.node.clone().or_else(|| std::env::var(NODE_NAME).ok());
        let name = told.filter(|name| !name.is_empty()).ok_or(IdentityError::NoNode)?;
        // It becomes a part of a selector.
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
        if !name.bytes().all(is_plain) {
            return Err(IdentityError::BadNode { name });
        }
        Ok(Cluster::start(&self.cluster, &name)?)
    }
}

/// Why callers cannot be looked up at all.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// There is no tree of control groups.
    #[error("callers cannot be told apart by their control groups")]
    Tree(#[from] CaptureError),
    /// No thread can be made.
    #[error("cannot start the thread that looks callers up")]
    Thread(#[from] io::Error),
    /// The API server cannot be asked, now or ever.
    #[error("pods cannot be asked for (identity.kubernetes)")]
    Cluster(#[from] ConnectError),
    /// Nobody says what this node is called.
    #[error("this node's name is not known; set identity.kubernetes.node, or {NODE_NAME} in the environment")]
    NoNode,
    /// It could mean something else where it is put.
    #[error("{name:?} is no name of a node (identity.kubernetes.node or {NODE_NAME})")]
    BadNode {
        /// The name.
        name: String,
    },
}

/// Tells who called. Shared by all workers.
pub struct Identities {
    table: Arc<Table>,
    tree: Tree,
    desk: Desk,
    wait: Duration,
    sources: Vec<Arc<Source>>,
}

/// What is said of a caller until its workload is known.
const PENDING: Identity = Identity::Unknown("not_found_in_time");

impl Identities {
    /// Starts looking callers up.
    ///
    /// # Errors
    /// See [`IdentityError`].
    pub fn start(spec: &IdentitySpec) -> Result<Self, IdentityError> {
        let (tree, table) = (Tree::find()?, Arc::new(Table::new()));
        let runtime = spec.cri.as_deref().map(|socket| {
            let loss = "new pods are unknown callers (identity.cri)";
            (Runtime::new(socket), Source::new("container_runtime", loss))
        });
        let cluster = spec.kubernetes.as_ref().map(KubernetesSpec::start).transpose()?;
        let of_runtime = runtime.iter().map(|(_, source)| source.clone());
        let of_cluster = cluster.iter().flat_map(|cluster| cluster.sources().iter().cloned());
        let sources = of_runtime.chain(of_cluster).collect();
        let desk = ask::start(tree.clone(), Sources { runtime, cluster }, spec.wait, table.clone())?;
        Ok(Self { table, tree, desk, wait: spec.wait, sources })
    }

    /// Who is asked about callers, and how that goes.
    pub fn sources(&self) -> &[Arc<Source>] {
        &self.sources
    }

    /// The caller of a recorded connection in a network namespace, as far as it is known at once. What is not is asked for from now on.
    /// `executed` says when a process last executed a program, see [`crate::proxy::accept::Flows::executed`].
    pub fn caller(
        &self,
        namespace: u64,
        namespace_name: &Arc<str>,
        recorded: &Recorded,
        executed: impl FnOnce(u32) -> Option<Duration>,
    ) -> Caller {
        let workload = self.table.look(recorded.cgroup);
        let mut said = None;
        let is_its_group = |group: &str| {
            let path = self.tree.path(group);
            said = Some(group.to_owned());
            match &workload {
                Some(workload) if !workload.path.is_empty() => *workload.path == *path,
                _ => self.tree.has(&path, recorded.cgroup),
            }
        };
        let executable =
            process::executable(recorded.pid, recorded.at, is_its_group, || executed(recorded.pid));
        let subject = Subject {
            uid: recorded.uid,
            user: self.table.user(recorded.uid),
            identity: executable
                .as_ref()
                .err()
                .map_or(Identity::Known, |doubt| Identity::Unknown(doubt.word())),
            executable: executable.ok(),
            comm: recorded.comm.clone(),
            cgroup: Arc::default(),
            unit: None,
            pod: None,
        };
        let mut caller = Caller {
            namespace,
            namespace_name: namespace_name.clone(),
            cgroup: recorded.cgroup,
            pid: recorded.pid,
            subject,
            is_settled: false,
        };
        match workload {
            Some(workload) => {
                workload.describe(&mut caller.subject);
                caller.is_settled = true;
            }
            // With too many questions before it, this one is not asked: the caller stays unknown.
            None => drop(self.desk.asks.try_send(Ask { cgroup: recorded.cgroup, hint: said })),
        }
        caller
    }

    /// The same caller, with what is known by now.
    pub fn now(&self, caller: &Arc<Caller>) -> Arc<Caller> {
        if caller.is_settled {
            return caller.clone();
        }
        let mut caller = Caller::clone(caller);
        match self.table.look(caller.cgroup) {
            Some(workload) => {
                workload.describe(&mut caller.subject);
                caller.is_settled = true;
            }
            // What is doubtful of the process says more.
            None if caller.subject.identity == Identity::Known => caller.subject.identity = PENDING,
            None => {}
        }
        Arc::new(caller)
    }

    /// Finds out who is in the groups at a directory and below it, before anybody calls from one; for `None`, no more.
    pub fn foresee(&self, below: Option<PathBuf>) {
        self.desk.wishes.send_if_modified(|wish| {
            let is_new = wish.below != below;
            if is_new {
                *wish = Wish { number: wish.number + 1, below };
            }
            is_new
        });
    }

    /// Resolves when that was done of all groups which were there when it was asked for.
    pub fn foreseen(&self) -> impl Future<Output = ()> + use<> {
        let number = self.desk.wishes.borrow().number;
        let mut done = self.desk.done.clone();
        // A thread that has ended will find out nothing more.
        async move { drop(done.wait_for(|done| *done >= number).await) }
    }

    /// The groups that are looked at, by their ids, each as it is known now.
    pub fn groups(&self) -> Vec<(u64, Group)> {
        let known = self.table.expected().into_iter();
        known.map(|(cgroup, workload)| (cgroup, Group(workload))).collect()
    }

    /// The users of the host.
    pub fn host_users(&self) -> HostUsers {
        HostUsers(self.table.users())
    }

    /// Tells whenever something else is known of a group.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.table.changes()
    }

    /// How far callers are known before they call, in Prometheus' format.
    pub fn gauges(&self) -> String {
        self.desk.progress.text()
    }

    /// Whether what is known of a caller's pod is what was known when he called: labels change.
    pub fn is_as_he_was(&self, caller: &Caller) -> bool {
        self.table.look(caller.cgroup).is_none_or(|workload| workload.pod == caller.subject.pod)
    }

    /// The same caller, with what is known after a moment. It is settled from then on, known or not: who a connection's
    /// caller is does not change between two of its exchanges.
    pub async fn settled(&self, caller: &Arc<Caller>) -> Arc<Caller> {
        if caller.is_settled {
            return caller.clone();
        }
        let mut changes = self.table.changes();
        let known = async {
            while self.table.look(caller.cgroup).is_none() {
                if changes.changed().await.is_err() {
                    return;
                }
            }
        };
        // Late or not, what is there now is what counts.
        let _ = tokio::time::timeout(self.wait, known).await;
        let caller = self.now(caller);
        if caller.is_settled {
            caller
        } else {
            Arc::new(Caller { is_settled: true, ..Caller::clone(&caller) })
        }
    }
}

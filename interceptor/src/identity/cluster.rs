//! What the API server says of this node's pods: service account, owner, labels as they are now, and the labels of their
//! namespaces. Kept as a copy, so that nobody waits for a server to be asked.
//! Knows pods by their identifiers. Does not know who called, nor what the container runtime says.

mod pod;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use interceptor_engine::policy::Pod;
use k8s_openapi::api::core::v1::Namespace;
use kube::Client;
use kube::api::Api;
use kube::core::PartialObjectMeta;
use tokio::sync::watch;

pub(super) use self::pod::Facts;
use self::pod::Labels;
use crate::cluster::{self, ClusterSpec, ConnectError, Watch};
use crate::source::Source;

/// Pods of one node, and namespaces of a cluster. Kubernetes is made for 110 of the first and 10,000 of the second.
const MOST: usize = 16_384;
/// A pod that the server has no more is still known for so long: what runs of it is ended after it was taken away, when
/// somebody forced that.
const GRACE: Duration = Duration::from_secs(60);

/// What is known by now.
#[derive(Debug)]
pub(super) struct Cluster {
    /// By identifier. Nothing before the first list.
    pods: ArcSwapOption<HashMap<Arc<str>, Kept>>,
    /// By name. Nothing before the first list.
    namespaces: ArcSwapOption<HashMap<Arc<str>, Arc<Labels>>>,
    changes: watch::Sender<()>,
    /// How asking goes: for pods, for namespaces.
    sources: [Arc<Source>; 2],
}

#[derive(Debug, Clone)]
struct Kept {
    facts: Arc<Facts>,
    /// When the server had it no more.
    gone: Option<Instant>,
}

impl Cluster {
    /// Nothing is known yet.
    fn new() -> Arc<Self> {
        let loss = "what it would say of new pods is unknown (identity.kubernetes)";
        Arc::new(Self {
            pods: ArcSwapOption::empty(),
            namespaces: ArcSwapOption::empty(),
            changes: watch::Sender::new(()),
            sources: [Source::new("pods", loss), Source::new("namespaces", loss)],
        })
    }

    /// Copies what the server has of the node `node` from now on, on a thread of its own.
    pub(super) fn start(spec: &ClusterSpec, node: &str) -> Result<Arc<Self>, ConnectError> {
        let cluster = Self::new();
        let (copies, node) = (cluster.clone(), node.to_owned());
        cluster::start(spec, "identity-api", move |client| copies.follow(client, node))?;
        Ok(cluster)
    }

    async fn follow(self: Arc<Self>, client: Client, node: String) {
        let [of_pods, of_namespaces] = self.sources.clone();
        let api = Api::all_with(client.clone(), &pod::resource());
        let pods = Watch::new(api, of_pods, MOST, pod::read).recent_enough();
        let pods = pods.fields(format!("spec.nodeName={node}"));
        let api: Api<PartialObjectMeta<Namespace>> = Api::all(client);
        let namespaces = Watch::new(api, of_namespaces, MOST, pod::labels_of_namespace).recent_enough();
        tokio::join!(
            pods.run(|now| self.publish_pods(now, Instant::now())),
            namespaces.run(|now| self.publish_namespaces(now)),
        );
    }

    /// Takes up what the server has now. What it had a moment ago stays for a while.
    fn publish_pods(&self, now: &HashMap<Arc<str>, Arc<Facts>>, at: Instant) {
        let known = |facts: &Arc<Facts>| Kept { facts: facts.clone(), gone: None };
        let mut next: HashMap<Arc<str>, Kept> =
            now.iter().map(|(uid, facts)| (uid.clone(), known(facts))).collect();
        for (alias, facts) in pod::aliases(now) {
            next.insert(alias, known(facts));
        }
        for (uid, kept) in self.pods.load().iter().flat_map(|pods| pods.iter()) {
            let gone = kept.gone.unwrap_or(at);
            if next.len() < 2 * MOST && at.duration_since(gone) < GRACE {
                next.entry(uid.clone()).or_insert_with(|| Kept { gone: Some(gone), ..kept.clone() });
            }
        }
        self.pods.store(Some(Arc::new(next)));
        self.changes.send_replace(());
    }

    fn publish_namespaces(&self, now: &HashMap<Arc<str>, Arc<Labels>>) {
        self.namespaces.store(Some(Arc::new(now.clone())));
        self.changes.send_replace(());
    }

    /// The pod with this identifier, as the path of a control group spells it: systemd knows no dashes.
    pub(super) fn pod(&self, uid: &str) -> Option<Arc<Facts>> {
        let pods = self.pods.load();
        let kept = pods.as_ref()?.get(uid.replace('_', "-").as_str())?;
        kept.gone.is_none_or(|gone| gone.elapsed() < GRACE).then(|| kept.facts.clone())
    }

    /// The same, after a moment if it is not there yet: a pod may run before we are told of it.
    pub(super) async fn pod_soon(&self, uid: &str, patience: Duration) -> Option<Arc<Facts>> {
        let mut changes = self.changes.subscribe();
        let known = async {
            loop {
                let pod = self.pod(uid);
                // A server that does not answer has nothing new to say.
                let [pods, namespaces] = &self.sources;
                let has_labels = self.namespaces.load().is_some() || namespaces.is_failing();
                if pod.is_some() && has_labels || pods.is_failing() {
                    return pod;
                }
                if changes.changed().await.is_err() {
                    return pod;
                }
            }
        };
        match tokio::time::timeout(patience, known).await {
            Ok(pod) => pod,
            Err(_) => self.pod(uid),
        }
    }

    /// Whether the server has said which pods there are, be it long ago.
    pub(super) fn has_listed(&self) -> bool {
        self.pods.load().is_some()
    }

    /// Adds what only the server knows to what is known of a pod.
    pub(super) fn describe(&self, pod: &mut Pod, facts: &Facts) {
        pod.labels.clone_from(&facts.labels);
        pod.service_account.clone_from(&facts.service_account);
        pod.owner.clone_from(&facts.owner);
        let namespaces = self.namespaces.load();
        let labels = namespaces.as_ref().and_then(|all| all.get(&pod.namespace));
        // A namespace that the server has no more had the labels that it had.
        if let Some(labels) = labels {
            pod.namespace_labels = Some(Labels::clone(labels));
        }
    }

    /// Tells of every change from now on.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// How asking goes.
    pub(super) fn sources(&self) -> &[Arc<Source>] {
        &self.sources
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
pub(super) mod testkit {
    //! A server's answers, for tests of who uses them.

    use serde_json::Value;

    use super::*;

    /// A server that has not answered yet.
    pub(in crate::identity) fn silent() -> Arc<Cluster> {
        Cluster::new()
    }

    /// A server with these pods, and with a namespace `shop` of the team `web`.
    pub(in crate::identity) fn with_pods(pods: &[Value]) -> Arc<Cluster> {
        let cluster = Cluster::new();
        let pods = pods.iter().map(|pod| serde_json::from_value(pod.clone()).expect("a pod of a test"));
        cluster.publish_pods(&pods.filter_map(pod::read).collect(), Instant::now());
        let labels = Labels::from([("team".into(), "web".into())]);
        cluster.publish_namespaces(&HashMap::from([("shop".into(), Arc::new(labels))]));
        cluster
    }
}

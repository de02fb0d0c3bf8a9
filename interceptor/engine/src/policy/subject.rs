//! Who called, in the words that rules ask in.
//! Knows what can be said of a caller. Does not know where it was found out: whoever embeds the engine attests it.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Who called, as the kernel and the node attest it; never what an API key claims.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    /// User id, in the initial user namespace.
    pub uid: u32,
    /// Name of that user on the host, if it has one.
    pub user: Option<Arc<str>>,
    /// Path of the executable, fixed when the connection was made; `None` if it is not certain.
    pub executable: Option<Arc<str>>,
    /// Name of the thread that connected. It chose it itself: no identity.
    pub comm: Arc<str>,
    /// Control group, as a path below the cgroup mount; empty if it is not known.
    pub cgroup: Arc<str>,
    /// The systemd unit that the control group belongs to.
    pub unit: Option<Arc<str>>,
    /// The pod, if the caller is in one.
    pub pod: Option<Arc<Pod>>,
    /// Whether all of this is certain.
    pub identity: Identity,
}

impl Subject {
    /// Whose texts, tokens and budgets these are: the pod's namespace, if there is one.
    pub fn tenant(&self) -> Option<&str> {
        self.pod.as_ref().map(|pod| &*pod.namespace)
    }
}

/// Whether a caller could be told for certain. What becomes of one that could not is for policy to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Identity {
    /// What is there is true, and what is missing does not exist: a caller without a pod is in none.
    Known,
    /// What is there is true, but more may be true. A snake_case word says why it could not be found out.
    Unknown(&'static str),
}

impl Identity {
    /// Why it is not known, if it is not.
    pub fn reason(self) -> Option<&'static str> {
        match self {
            Self::Known => None,
            Self::Unknown(why) => Some(why),
        }
    }
}

/// Nobody has asked.
impl Default for Identity {
    fn default() -> Self {
        Self::Unknown("not_asked")
    }
}

/// A container in a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod {
    /// Its namespace in the cluster.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// Its identifier, which no other pod ever has.
    pub uid: Arc<str>,
    /// Name of the container in it that the caller runs in.
    pub container: Arc<str>,
    /// Image of that container, as it was asked for.
    pub image: Arc<str>,
    /// The pod's labels.
    pub labels: BTreeMap<Arc<str>, Arc<str>>,
    /// Its service account. Only the API server knows it.
    pub service_account: Option<Arc<str>>,
    /// The namespace's labels, which may be none. Only the API server knows them.
    pub namespace_labels: Option<BTreeMap<Arc<str>, Arc<str>>>,
    /// What made the pod. Only the API server knows it.
    pub owner: Option<Owner>,
}

impl Pod {
    /// A pod of which nothing else is known.
    pub fn named(namespace: &str, name: &str) -> Self {
        let nothing: Arc<str> = Arc::default();
        Self {
            namespace: namespace.into(),
            name: name.into(),
            uid: nothing.clone(),
            container: nothing.clone(),
            image: nothing,
            labels: BTreeMap::new(),
            service_account: None,
            namespace_labels: None,
            owner: None,
        }
    }
}

/// The object that controls a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Its kind: `ReplicaSet`.
    pub kind: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

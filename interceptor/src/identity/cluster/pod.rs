//! What is kept of the API server's objects: of a pod who it is, of a namespace its labels.
//! Knows their fields. What is not read is not kept: neither a pod's environment nor its annotations.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use interceptor_engine::policy::Owner;
use k8s_openapi::api::core::v1::{Namespace, Pod as AnyPod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::ApiResource;
use kube::core::{Object, PartialObjectMeta};
use serde::Deserialize;

/// Names and values of labels.
pub(super) type Labels = BTreeMap<Arc<str>, Arc<str>>;

/// A pod with the fields that are read.
pub(super) type PodObject = Object<Spec, Status>;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Spec {
    service_account_name: Option<String>,
    containers: Vec<Named>,
    init_containers: Vec<Named>,
    ephemeral_containers: Vec<Named>,
}

#[derive(Debug, Clone, Deserialize)]
struct Named {
    name: String,
    #[serde(default)]
    image: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Status {
    container_statuses: Vec<Ran>,
    init_container_statuses: Vec<Ran>,
    ephemeral_container_statuses: Vec<Ran>,
}

/// A container that kubelet has started.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Ran {
    name: String,
    image: String,
    /// `containerd://` and the identifier at the runtime.
    #[serde(rename = "containerID")]
    container_id: String,
}

/// What the server says of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::identity) struct Facts {
    /// Its identifier, which no other pod ever has.
    pub(in crate::identity) uid: Arc<str>,
    pub(in crate::identity) namespace: Arc<str>,
    pub(in crate::identity) name: Arc<str>,
    pub(in crate::identity) service_account: Option<Arc<str>>,
    pub(in crate::identity) labels: Labels,
    pub(in crate::identity) owner: Option<Owner>,
    containers: Vec<Container>,
    /// The identifier that kubelet gave it, if kubelet made it and the server has a picture of it only.
    alias: Option<Arc<str>>,
}

/// A container of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::identity) struct Container {
    id: Box<str>,
    pub(in crate::identity) name: Arc<str>,
    pub(in crate::identity) image: Arc<str>,
}

impl Facts {
    /// The container with this identifier at the runtime.
    pub(in crate::identity) fn container(&self, id: &str) -> Option<&Container> {
        self.containers.iter().find(|container| &*container.id == id)
    }

    /// Whether a control group may be this pod's by what its path says. Whoever may make pods may claim to be the picture
    /// of another: such a one is believed only of containers that kubelet says it has.
    pub(in crate::identity) fn may_be(&self, uid_in_path: &str, container: &str) -> bool {
        *self.uid == *uid_in_path.replace('_', "-") || self.container(container).is_some()
    }
}

/// Where pods are.
pub(super) fn resource() -> ApiResource {
    ApiResource::erase::<AnyPod>(&())
}

/// What is kept of a pod, by its identifier.
pub(super) fn read(pod: PodObject) -> Option<(Arc<str>, Arc<Facts>)> {
    let Object { metadata, spec, status, .. } = pod;
    let uid: Arc<str> = metadata.uid.as_deref()?.into();
    let facts = Facts {
        uid: uid.clone(),
        namespace: metadata.namespace.as_deref()?.into(),
        name: metadata.name.as_deref()?.into(),
        service_account: spec.service_account_name.as_deref().filter(|name| !name.is_empty()).map(Arc::from),
        owner: owner(&metadata),
        containers: containers(&spec, status.unwrap_or_default()),
        alias: alias(&metadata),
        labels: shared(metadata.labels),
    };
    Some((uid, Arc::new(facts)))
}

/// What is kept of a namespace, by its name.
pub(super) fn labels_of_namespace(
    namespace: PartialObjectMeta<Namespace>,
) -> Option<(Arc<str>, Arc<Labels>)> {
    Some((namespace.metadata.name.as_deref()?.into(), Arc::new(shared(namespace.metadata.labels))))
}

/// The pods that kubelet made by itself, by the identifiers that their control groups have. One that two claim is nobody's,
/// and a pod's own identifier is never another's.
pub(super) fn aliases(pods: &HashMap<Arc<str>, Arc<Facts>>) -> impl Iterator<Item = (Arc<str>, &Arc<Facts>)> {
    let mut claims: HashMap<&Arc<str>, Vec<&Arc<Facts>>> = HashMap::new();
    for facts in pods.values() {
        if let Some(alias) = &facts.alias {
            claims.entry(alias).or_default().push(facts);
        }
    }
    claims.into_iter().filter_map(|(alias, of)| match of.as_slice() {
        [one] if !pods.contains_key(alias) => Some((alias.clone(), *one)),
        _ => None,
    })
}

fn shared(labels: Option<BTreeMap<String, String>>) -> Labels {
    labels.into_iter().flatten().map(|(name, value)| (name.into(), value.into())).collect()
}

/// What controls the pod. A ReplicaSet's pods carry the hash that its Deployment gave it, and its name ends with it: so
/// the Deployment is known without asking for ReplicaSets, which a daemon then need not be allowed to read. Who may make
/// pods may claim any of this, as he may any label.
fn owner(metadata: &ObjectMeta) -> Option<Owner> {
    let owners = metadata.owner_references.as_deref().unwrap_or_default();
    let owner = owners.iter().find(|owner| owner.controller == Some(true))?;
    let hash = metadata.labels.as_ref().and_then(|labels| labels.get("pod-template-hash"));
    let deployment = hash
        .filter(|_| owner.kind == "ReplicaSet")
        .and_then(|hash| owner.name.strip_suffix(hash.as_str())?.strip_suffix('-'))
        .filter(|name| !name.is_empty());
    Some(match deployment {
        Some(name) => Owner { kind: "Deployment".into(), name: name.into() },
        None => Owner { kind: owner.kind.as_str().into(), name: owner.name.as_str().into() },
    })
}

/// What kubelet calls a pod from a file of its own: the hash of the file.
fn alias(metadata: &ObjectMeta) -> Option<Arc<str>> {
    let annotations = metadata.annotations.as_ref()?;
    annotations.get("kubernetes.io/config.mirror").map(|hash| hash.as_str().into())
}

fn containers(spec: &Spec, status: Status) -> Vec<Container> {
    let asked_for: HashMap<&str, &str> = { spec.containers.iter() }
        .chain(&spec.init_containers)
        .chain(&spec.ephemeral_containers)
        .map(|container| (&*container.name, &*container.image))
        .collect();
    let ran = status.container_statuses.into_iter();
    let ran = ran.chain(status.init_container_statuses).chain(status.ephemeral_container_statuses);
    ran.filter_map(|ran| {
        let (_, id) = ran.container_id.split_once("://")?;
        // What runs, and not what may have been asked for since; but an identifier is no name.
        let is_name = !ran.image.is_empty() && !ran.image.starts_with("sha256:");
        let image =
            if is_name { &*ran.image } else { asked_for.get(&*ran.name).copied().unwrap_or_default() };
        Some(Container { id: id.into(), name: ran.name.as_str().into(), image: image.into() })
    })
    .collect()
}

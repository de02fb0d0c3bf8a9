//! Asks the container runtime of the node which pod a container belongs to. containerd and CRI-O answer alike.
//! Knows the runtime's interface. Does not know who called, and remembers nothing.

mod message;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use interceptor_engine::policy::Pod;

use self::message::{
    Container, Filter, ListContainersRequest, ListContainersResponse, ListPodSandboxRequest,
    ListPodSandboxResponse, PodSandbox, VersionRequest, VersionResponse,
};
use super::grpc::{Channel, GrpcError};

/// What kubelet adds to the labels that a pod has.
const OF_KUBELET: [&str; 3] =
    ["io.kubernetes.pod.name", "io.kubernetes.pod.namespace", "io.kubernetes.pod.uid"];

/// The runtime, by its socket.
#[derive(Debug, Clone)]
pub(super) struct Runtime {
    socket: PathBuf,
}

/// What the runtime knows of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// It runs in this pod.
    Container(Pod),
    /// The runtime has no such container.
    Nothing,
}

impl Runtime {
    pub(super) fn new(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    /// Asks whether it is there. Has to be called within a `LocalSet`; sets no deadline itself.
    pub(super) async fn version(&self) -> Result<(), GrpcError> {
        let mut channel = Channel::open(&self.socket).await?;
        let asked = VersionRequest {};
        channel.ask::<VersionResponse>("/runtime.v1.RuntimeService/Version", &asked).await.map(drop)
    }

    /// The pod of a container. Has to be called within a `LocalSet`; sets no deadline itself.
    pub(super) async fn pod(&self, id: &str) -> Result<Found, GrpcError> {
        let mut channel = Channel::open(&self.socket).await?;
        let by = |id: &str| Some(Filter { id: id.to_owned() });
        let asked = ListContainersRequest { filter: by(id) };
        let answer: ListContainersResponse =
            channel.ask("/runtime.v1.RuntimeService/ListContainers", &asked).await?;
        // The filter takes the beginning of an identifier for it, too.
        let Some(container) = answer.containers.into_iter().find(|container| container.id == id) else {
            return Ok(Found::Nothing);
        };
        let asked = ListPodSandboxRequest { filter: by(&container.pod_sandbox_id) };
        let answer: ListPodSandboxResponse =
            channel.ask("/runtime.v1.RuntimeService/ListPodSandbox", &asked).await?;
        let sandbox = answer.items.into_iter().find(|sandbox| sandbox.id == container.pod_sandbox_id);
        Ok(sandbox.and_then(|sandbox| pod(container, sandbox)).map_or(Found::Nothing, Found::Container))
    }
}

/// A pod has a name and a namespace; a sandbox without is none of Kubernetes'.
fn pod(container: Container, sandbox: PodSandbox) -> Option<Pod> {
    let metadata = sandbox.metadata?;
    let image = container.image.unwrap_or_default();
    let asked_for =
        if image.user_specified_image.is_empty() { image.image } else { image.user_specified_image };
    let labels = sandbox.labels.into_iter().filter(|(key, _)| !OF_KUBELET.contains(&key.as_str()));
    Some(Pod {
        uid: metadata.uid.into(),
        container: container.metadata?.name.into(),
        image: asked_for.into(),
        labels: labels.map(|(key, value)| (Arc::from(key), Arc::from(value))).collect::<BTreeMap<_, _>>(),
        ..Pod::named(&metadata.namespace, &metadata.name)
    })
}

//! Puts together what the container runtime and the API server say of a container.
//! Knows whom to believe of what. Asks nobody.

use std::sync::Arc;

use interceptor_engine::policy::{Identity, Pod};

use super::cluster::{Cluster, Facts};
use super::place::Container;

/// What was found out about a container.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Joined {
    pub(super) pod: Option<Pod>,
    pub(super) identity: Identity,
    /// The API server may have more to say soon.
    pub(super) is_partial: bool,
}

/// What the runtime said; `None` if none is configured.
pub(super) type OfRuntime = Option<Result<Option<Pod>, &'static str>>;

/// What the API server has said by now; `None` if none is configured.
pub(super) type OfCluster<'a> = Option<(&'a Cluster, Option<Arc<Facts>>)>;

/// The runtime knows which container runs in which pod; the server knows pods. A pod of the same identifier under another
/// name is none: one of the two is wrong.
pub(super) fn join(container: &Container<'_>, runtime: OfRuntime, cluster: OfCluster<'_>) -> Joined {
    let is_partial = cluster.is_some();
    let known = |pod, is_partial| Joined { pod, identity: Identity::Known, is_partial };
    let unknown = |why| Joined { pod: None, identity: Identity::Unknown(why), is_partial: false };
    let has_listed = cluster.as_ref().map(|(cluster, _)| cluster.has_listed());
    let facts = cluster.and_then(|(cluster, facts)| facts.map(|facts| (cluster, facts)));
    match (runtime, facts) {
        (Some(Ok(Some(mut pod))), Some((cluster, facts))) => {
            if (&pod.namespace, &pod.name) != (&facts.namespace, &facts.name) {
                return unknown("pod_disagrees");
            }
            cluster.describe(&mut pod, &facts);
            known(Some(pod), false)
        }
        (Some(Ok(Some(pod))), None) => known(Some(pod), is_partial),
        (_, Some((cluster, facts))) if container.pod.is_some_and(|uid| facts.may_be(uid, container.id)) => {
            of_server(cluster, &facts, container.id)
        }
        (Some(Err(why)), _) => unknown(why),
        // Docker's or podman's own: there is no pod to be known.
        _ if container.pod.is_none() => known(None, false),
        (Some(Ok(None)), _) => unknown("pod_not_found"),
        (None, _) => unknown(match has_listed {
            None => "no_runtime_configured",
            Some(true) => "pod_not_found",
            Some(false) => "api_away",
        }),
    }
}

/// A pod of which the runtime says nothing. Which container it is the server knows when kubelet has told it, seconds after
/// the container was started.
fn of_server(cluster: &Cluster, facts: &Facts, id: &str) -> Joined {
    let mut pod = Pod { uid: facts.uid.clone(), ..Pod::named(&facts.namespace, &facts.name) };
    cluster.describe(&mut pod, facts);
    let identity = match facts.container(id) {
        Some(container) => {
            (pod.container, pod.image) = (container.name.clone(), container.image.clone());
            Identity::Known
        }
        None => Identity::Unknown("container_not_listed"),
    };
    Joined { pod: Some(pod), identity, is_partial: false }
}

/// The same pod as the server describes it now, if that is another way than before.
pub(super) fn refreshed(cluster: &Cluster, pod: &Pod) -> Option<Pod> {
    let facts = cluster.pod(&pod.uid)?;
    if (&pod.namespace, &pod.name) != (&facts.namespace, &facts.name) {
        return None;
    }
    let mut next = pod.clone();
    cluster.describe(&mut next, &facts);
    (next != *pod).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::cluster::testkit;
    use serde_json::json;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const UID: &str = "8f2c0d4e-1111-4222-8333-abcdefabcdef";
    const PLACE: Container<'static> = Container { id: ID, pod: Some(UID), path: "/kubepods" };

    fn of_runtime(name: &str) -> Pod {
        Pod { uid: UID.into(), container: "app".into(), image: "cart:1".into(), ..Pod::named("shop", name) }
    }

    /// A server that knows one pod, which runs `containers`.
    fn server(containers: &[&str]) -> Arc<Cluster> {
        let statuses: Vec<_> = { containers.iter() }
            .map(|id| json!({"name": "app", "image": "cart:2", "containerID": format!("containerd://{id}")}))
            .collect();
        testkit::with_pods(&[json!({
            "metadata": {"uid": UID, "name": "cart-0", "namespace": "shop", "labels": {"app": "cart"}},
            "spec": {"serviceAccountName": "cart"},
            "status": {"containerStatuses": statuses}
        })])
    }

    fn check(runtime: OfRuntime, cluster: Option<&Cluster>) -> Joined {
        join(&PLACE, runtime, cluster.map(|cluster| (cluster, cluster.pod(UID))))
    }

    #[test]
    fn each_says_what_it_knows_best() {
        let server = server(&[]);
        let joined = check(Some(Ok(Some(of_runtime("cart-0")))), Some(&server));
        assert_eq!((joined.identity, joined.is_partial), (Identity::Known, false));
        let pod = joined.pod.unwrap();
        assert_eq!((&*pod.container, &*pod.image), ("app", "cart:1"));
        assert_eq!(pod.service_account.as_deref(), Some("cart"));
        assert_eq!(pod.labels.get("app").map(|app| &**app), Some("cart"));
        assert_eq!(pod.namespace_labels.unwrap().get("team").map(|team| &**team), Some("web"));
    }

    #[test]
    fn two_that_disagree_are_not_believed() {
        let joined = check(Some(Ok(Some(of_runtime("ledger-0")))), Some(&server(&[ID])));
        assert_eq!((joined.pod, joined.identity), (None, Identity::Unknown("pod_disagrees")));
    }

    #[test]
    fn the_server_alone_is_enough_once_kubelet_has_told_it_of_the_container() {
        for runtime in [None, Some(Err("runtime_failed")), Some(Ok(None))] {
            let joined = check(runtime.clone(), Some(&server(&[ID])));
            assert_eq!(joined.identity, Identity::Known);
            let pod = joined.pod.unwrap();
            assert_eq!((&*pod.uid, &*pod.container, &*pod.image), (UID, "app", "cart:2"));
            let joined = check(runtime, Some(&server(&["another"])));
            assert_eq!(joined.identity, Identity::Unknown("container_not_listed"));
            assert_eq!(joined.pod.unwrap().service_account.as_deref(), Some("cart"));
        }
    }

    #[test]
    fn what_nobody_knows_is_unknown_and_says_why() {
        let (silent, empty) = (testkit::silent(), testkit::with_pods(&[]));
        let unknown = |runtime, cluster| match check(runtime, cluster) {
            Joined { pod: None, identity: Identity::Unknown(why), .. } => why,
            other => panic!("{other:?}"),
        };
        assert_eq!(unknown(None, None), "no_runtime_configured");
        assert_eq!(unknown(None, Some(&silent)), "api_away");
        assert_eq!(unknown(None, Some(&empty)), "pod_not_found");
        assert_eq!(unknown(Some(Ok(None)), Some(&empty)), "pod_not_found");
        assert_eq!(unknown(Some(Err("runtime_slow")), Some(&empty)), "runtime_slow");
    }

    #[test]
    fn a_pod_that_the_server_does_not_know_is_asked_about_again() {
        let pod = Some(of_runtime("cart-0"));
        let joined = check(Some(Ok(pod.clone())), Some(&testkit::silent()));
        assert_eq!(joined, Joined { pod: pod.clone(), identity: Identity::Known, is_partial: true });
        assert!(!check(Some(Ok(pod)), None).is_partial);
    }

    #[test]
    fn a_container_outside_pods_is_in_none() {
        let outside = Container { pod: None, ..PLACE };
        let silent = testkit::silent();
        for cluster in [None, Some((&*silent, None))] {
            let joined = join(&outside, Some(Ok(None)), cluster);
            assert_eq!((joined.pod, joined.identity), (None, Identity::Known));
        }
    }

    #[test]
    fn labels_are_those_of_now() {
        let mut pod = of_runtime("cart-0");
        let server = server(&[]);
        let next = refreshed(&server, &pod).unwrap();
        assert_eq!(next.labels.len(), 1);
        assert_eq!(refreshed(&server, &next), None);
        pod.name = "other".into();
        assert_eq!(refreshed(&server, &pod), None);
    }
}

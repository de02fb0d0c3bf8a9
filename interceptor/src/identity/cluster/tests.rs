//! Pods as an API server shows them, and copies of them.

use interceptor_engine::policy::Owner;
use serde_json::{Value, json};

use super::pod::{PodObject, aliases, read};
use super::*;

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn facts(metadata: Value, spec: Value, status: Value) -> (Arc<str>, Arc<Facts>) {
    let pod: PodObject =
        serde_json::from_value(json!({"metadata": metadata, "spec": spec, "status": status})).unwrap();
    read(pod).expect("it has a name, a namespace and an identifier")
}

/// A pod of which nothing but its identifier matters.
fn plain(uid: &str) -> (Arc<str>, Arc<Facts>) {
    facts(json!({"uid": uid, "name": uid, "namespace": "n"}), json!({}), json!({}))
}

#[test]
fn a_pod_is_read_from_what_the_server_and_kubelet_say() {
    let metadata = json!({
        "uid": "u-1", "name": "cart-7d9f-x2x", "namespace": "shop",
        "labels": {"app": "cart", "pod-template-hash": "7d9f"},
        "ownerReferences": [
            {"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "1"},
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "cart-7d9f", "uid": "2", "controller": true}
        ],
        "managedFields": [{"manager": "kubectl"}]
    });
    let spec = json!({
        "serviceAccountName": "cart", "nodeName": "a",
        "containers": [{"name": "app", "image": "cart:1", "env": [{"name": "X", "value": "y"}]}],
        "initContainers": [{"name": "wait", "image": "wait:2"}]
    });
    let status = json!({
        "phase": "Running",
        "containerStatuses": [{"name": "app", "image": "docker.io/library/cart:1", "containerID": format!("containerd://{ID}")}],
        "initContainerStatuses": [{"name": "wait", "image": "sha256:aa", "containerID": "cri-o://bb"}],
        "ephemeralContainerStatuses": [{"name": "debug", "image": "shell:3"}]
    });
    let (uid, facts) = facts(metadata, spec, status);
    assert_eq!((&*uid, &*facts.namespace, &*facts.name), ("u-1", "shop", "cart-7d9f-x2x"));
    assert_eq!(facts.service_account.as_deref(), Some("cart"));
    assert_eq!(facts.owner, Some(Owner { kind: "Deployment".into(), name: "cart".into() }));
    let app = facts.container(ID).unwrap();
    assert_eq!((&*app.name, &*app.image), ("app", "docker.io/library/cart:1"));
    assert_eq!(&*facts.container("bb").unwrap().image, "wait:2");
    assert!(facts.container("").is_none());
}

#[test]
fn an_owner_is_a_deployment_only_where_the_hash_says_so() {
    let owner = |kind: &str, name: &str, hash: Option<&str>| {
        let reference =
            json!({"apiVersion": "v1", "kind": kind, "name": name, "uid": "1", "controller": true});
        let labels = hash.map(|hash| json!({"pod-template-hash": hash}));
        let metadata = json!({
            "uid": "u", "name": "p", "namespace": "n", "labels": labels, "ownerReferences": [reference]
        });
        let (_, facts) = facts(metadata, json!({}), json!({}));
        facts.owner.clone().map(|owner| format!("{}/{}", owner.kind, owner.name)).unwrap()
    };
    assert_eq!(owner("ReplicaSet", "web-5f", Some("5f")), "Deployment/web");
    assert_eq!(owner("ReplicaSet", "web-5f", Some("6f")), "ReplicaSet/web-5f");
    assert_eq!(owner("ReplicaSet", "web-5f", None), "ReplicaSet/web-5f");
    assert_eq!(owner("ReplicaSet", "-5f", Some("5f")), "ReplicaSet/-5f");
    assert_eq!(owner("StatefulSet", "web-5f", Some("5f")), "StatefulSet/web-5f");
    assert_eq!(owner("Job", "nightly-28791234", None), "Job/nightly-28791234");
}

#[test]
fn a_pod_of_kubelets_own_is_found_by_kubelets_identifier_and_nobody_takes_anothers() {
    let mirror = |uid: &str, hash: &str| {
        let annotations = json!({"kubernetes.io/config.mirror": hash});
        let metadata = json!({"uid": uid, "name": uid, "namespace": "n", "annotations": annotations});
        let statuses = json!([{"name": "c", "image": "i", "containerID": format!("containerd://{uid}")}]);
        facts(metadata, json!({}), json!({"containerStatuses": statuses}))
    };
    let pods = HashMap::from([
        plain("victim"),
        mirror("static", "hash"),
        mirror("thief", "victim"),
        mirror("one", "shared"),
        mirror("two", "shared"),
    ]);
    let found: Vec<_> = aliases(&pods).map(|(alias, facts)| (alias, facts.uid.clone())).collect();
    assert_eq!(found, [("hash".into(), "static".into())]);
    // A path with another identifier fits only with a container that kubelet says is the pod's.
    assert!(pods["static"].may_be("hash", "static") && !pods["static"].may_be("hash", ID));
    assert!(plain("a-b").1.may_be("a_b", ID));
}

#[test]
fn a_pod_without_the_fields_that_tell_it_apart_is_none() {
    for metadata in [
        json!({"name": "p", "namespace": "n"}),
        json!({"uid": "u", "namespace": "n"}),
        json!({"uid": "u", "name": "p"}),
    ] {
        let pod: PodObject = serde_json::from_value(json!({"metadata": metadata, "spec": {}})).unwrap();
        assert!(read(pod).is_none());
    }
}

#[test]
fn a_pod_that_is_gone_is_known_for_a_while() {
    let cluster = Cluster::new();
    let start = Instant::now();
    cluster.publish_pods(&HashMap::from([plain("a-1"), plain("b")]), start);
    cluster.publish_pods(&HashMap::from([plain("b")]), start);
    assert!(cluster.pod("a_1").is_some() && cluster.pod("b").is_some());
    cluster.publish_pods(&HashMap::from([plain("b")]), start + GRACE);
    assert!(cluster.pod("a-1").is_none() && cluster.pod("b").is_some());
    assert_eq!(cluster.pods.load().as_ref().map(|pods| pods.len()), Some(1));
}

#[test]
fn as_many_pods_as_there_is_room_for_leave_room_for_no_more_than_as_many_that_are_gone() {
    let cluster = Cluster::new();
    let start = Instant::now();
    let generation = |letter: char| (0..MOST).map(|n| plain(&format!("{letter}{n}"))).collect();
    for letter in ['a', 'b', 'c'] {
        cluster.publish_pods(&generation(letter), start);
    }
    assert_eq!(cluster.pods.load().as_ref().map(|pods| pods.len()), Some(2 * MOST));
    assert!((0..MOST).all(|n| cluster.pod(&format!("c{n}")).is_some()));
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_waits_for_a_new_pod_but_not_for_a_server_that_is_away() {
    let cluster = Cluster::new();
    cluster.publish_namespaces(&HashMap::new());
    cluster.publish_pods(&HashMap::new(), Instant::now());
    let patience = Duration::from_secs(1);
    let later = async {
        tokio::time::sleep(patience / 2).await;
        cluster.publish_pods(&HashMap::from([plain("new")]), Instant::now());
    };
    let (found, ()) = tokio::join!(cluster.pod_soon("new", patience), later);
    assert!(found.is_some());
    let before = tokio::time::Instant::now();
    assert!(cluster.pod_soon("nobody", patience).await.is_none());
    assert_eq!(before.elapsed(), patience);
    cluster.sources[0].failed(crate::source::Trouble::Unreachable, "away".into());
    let before = tokio::time::Instant::now();
    assert!(cluster.pod_soon("nobody", patience).await.is_none());
    assert_eq!(before.elapsed(), Duration::ZERO);
    assert!(cluster.pod_soon("new", patience).await.is_some());
}

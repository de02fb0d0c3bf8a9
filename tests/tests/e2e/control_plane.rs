//! The daemon and a real API server: what `deploy/` asks a cluster to have is enough, policies that are objects are
//! followed and answered, and pods are who the server says. The other tests of these matters ask a server of our own,
//! which can be made to fail in ways that a real one seldom does.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use interceptor_tests::api::{DETECTORS, POLICIES};
use interceptor_tests::cgroup::Cgroup;
use interceptor_tests::control::ControlPlane;
use interceptor_tests::daemon::{self, Daemon};
use interceptor_tests::dialer::Dialer;
use interceptor_tests::gate;
use interceptor_tests::lab::{Lab, OPENAI, host, https};
use interceptor_tests::place::Place;
use interceptor_tests::within;
use serde_json::{Value, json};

use super::{chat, post};

const NAMESPACES: &str = "/api/v1/namespaces";
const SHOP: &str = "/api/v1/namespaces/shop/pods";
const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const RIGHTS: &str = "/apis/rbac.authorization.k8s.io/v1";
/// Whom the node's daemon asks about.
const NODE: &str = "lab-1";

/// The ledger may not use the model, nor may anybody in a regulated namespace.
const POLICY: &str = "\
apiVersion: interceptor.dev/v1alpha1
kind: EgressPolicy
metadata: { name: nobody }
spec:
  subjects:
    - { serviceAccounts: [ledger] }
    - { namespaceLabels: { tier: regulated } }
  rules: [{ name: no-models, match: { providers: [openai], models: [lab-1] }, action: block }]
";

/// A laboratory whose node belongs to a cluster.
struct Cluster {
    lab: Lab,
    plane: ControlPlane,
}

impl Cluster {
    /// One in which `deploy/` was applied, but for the daemons.
    async fn new() -> Result<Option<Self>> {
        if !gate::passes(gate::control_plane().map(drop)) {
            return Ok(None);
        }
        let lab = Lab::new()?;
        let plane = ControlPlane::start(&lab.topology.node, &lab.pki, &lab.folder().join("plane")).await?;
        for (collection, name, file) in [
            (NAMESPACES.to_owned(), "interceptor", "kubernetes/namespace.yaml"),
            (
                format!("{NAMESPACES}/interceptor/serviceaccounts"),
                "interceptor",
                "kubernetes/service-account.yaml",
            ),
            (format!("{RIGHTS}/clusterroles"), "interceptor", "kubernetes/cluster-role.yaml"),
            (format!("{RIGHTS}/clusterrolebindings"), "interceptor", "kubernetes/cluster-role-binding.yaml"),
        ] {
            plane.apply_text(&collection, name, &deployed(file)?).await.context(file)?;
        }
        for definition in deployed("crds/policies.yaml")?.split("\n---\n") {
            let name =
                definition.split("name: ").nth(1).and_then(|rest| rest.lines().next()).context("a name")?;
            plane.apply_text(DEFINITIONS, name, definition).await.with_context(|| name.to_owned())?;
            let established = |object: &Value| {
                let all = object["status"]["conditions"].as_array();
                all.into_iter().flatten().any(|one| one["type"] == "Established" && one["status"] == "True")
            };
            let object = plane.becomes(DEFINITIONS, name, established).await?;
            // What the schema says of a field is heeded only if all of it is understood.
            let all = object["status"]["conditions"].as_array().context("conditions")?;
            assert!(all.iter().all(|one| one["type"] != "NonStructuralSchema"), "{all:?}");
        }
        Ok(Some(Self { lab, plane }))
    }

    /// A kubeconfig with the rights that `deploy/` gives the daemons.
    async fn kubeconfig(&self) -> Result<std::path::PathBuf> {
        self.plane.kubeconfig(&self.plane.token("interceptor", "interceptor").await?)
    }

    /// The status of a call that mentions something.
    async fn call(&self, dialer: &Dialer, text: &str) -> Result<u16> {
        let mut wire = self.lab.http1(dialer, https(host::SHARED), OPENAI).await?;
        Ok(wire.call(&post("/v1/chat/completions"), chat(text)).await?.head.status)
    }

    /// Calls until the status is this one.
    async fn comes_to(&self, dialer: &Dialer, status: u16) -> Result<()> {
        let search = async {
            while self.call(dialer, "hello").await? != status {}
            anyhow::Ok(())
        };
        within(&format!("an answer of {status}"), search).await.flatten()
    }

    /// Waits until an object is told that it is in force, or not.
    async fn told(&self, collection: &str, name: &str, status: &str, generation: u64) -> Result<Value> {
        let wanted = |object: &Value| {
            let condition = &object["status"]["conditions"][0];
            condition["status"] == status && condition["observedGeneration"] == generation
        };
        let object = self.plane.becomes(collection, name, wanted).await?;
        Ok(object["status"]["conditions"][0].clone())
    }

    /// What `interceptor status` shows of one source.
    async fn source(&self, name: &str) -> Result<Value> {
        let mut command = self.lab.node()?.command(daemon::binary()?);
        command.arg("status").arg("--json").arg("--config").arg(self.lab.folder().join("config.yaml"));
        let status: Value = serde_json::from_str(&daemon::run(command).await?.stdout)?;
        let sources = status["sources"].as_array().context("sources")?;
        Ok(sources.iter().find(|one| one["source"] == name).cloned().unwrap_or_default())
    }

    /// The same, until it is as wanted.
    async fn source_until(&self, name: &str, wanted: impl Fn(&Value) -> bool) -> Result<()> {
        let search = async {
            while !wanted(&self.source(name).await?) {}
            anyhow::Ok(())
        };
        within(&format!("the source {name}"), search).await.flatten()
    }
}

fn deployed(file: &str) -> Result<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(file);
    std::fs::read_to_string(&path).with_context(|| path.display().to_string())
}

fn policy(action: &str) -> Value {
    json!({
        "apiVersion": "interceptor.dev/v1alpha1", "kind": "EgressPolicy", "metadata": {"name": "words"},
        "spec": {"rules": [{
            "name": "no-zanzibar", "match": {"direction": "request", "detectors": ["custom.zanzibar"]}, "action": action
        }]}
    })
}

fn detector() -> Value {
    json!({
        "apiVersion": "interceptor.dev/v1alpha1", "kind": "DetectorSet", "metadata": {"name": "zanzibar"},
        "spec": {"detectors": [{"name": "custom.zanzibar", "literals": ["zanzibar"]}]}
    })
}

async fn reloaded(daemon: &Daemon, result: &str) -> Result<Value> {
    let by = |event: &Value| event["event"] == "reload" && event["result"] == result;
    daemon.audited(&format!("a reload that is {result}"), by).await
}

#[tokio::test]
async fn what_is_deployed_is_enough_to_follow_policies_and_to_answer_them() -> Result<()> {
    let Some(cluster) = Cluster::new().await? else { return Ok(()) };
    let (plane, dialer) = (&cluster.plane, cluster.lab.dialer()?);
    plane.apply(DETECTORS, &detector()).await?;
    plane.apply(POLICIES, &policy("block")).await?;
    let mut config = cluster.lab.config();
    config["spec"]["policy"]["kubernetes"] =
        json!({"kubeconfig": cluster.kubeconfig().await?, "wait": "10s"});
    let daemon = cluster.lab.daemon_with(&config).await?;
    assert_eq!(cluster.call(&dialer, "go to zanzibar").await?, 403);
    assert_eq!(cluster.call(&dialer, "go home").await?, 200);
    let condition = cluster.told(POLICIES, "words", "True", 1).await?;
    assert_eq!((&condition["type"], &condition["reason"]), (&json!("Accepted"), &json!("InForce")));
    cluster.told(DETECTORS, "zanzibar", "True", 1).await?;

    plane.apply(POLICIES, &policy("audit")).await?;
    reloaded(&daemon, "in_force").await?;
    assert_eq!(cluster.call(&dialer, "go to zanzibar").await?, 200);
    // The status is no part of what is counted: there is no second reload for our own answer.
    cluster.told(POLICIES, "words", "True", 2).await?;
    assert_eq!(daemon.audit()?.iter().filter(|event| event["event"] == "reload").count(), 1);

    // What the definitions can say is refused by the server, and nobody is told of it.
    let mut outwards = policy("block");
    outwards["spec"]["rules"][0]["match"]["direction"] = json!("out");
    let error = plane.apply(POLICIES, &outwards).await.unwrap_err().to_string();
    assert!(error.starts_with("422 ") && error.contains("spec.rules.match.direction"), "{error}");
    // What only the daemon knows is refused by it: what is in force stays, and the object says why.
    let mut unknown = policy("block");
    unknown["spec"]["rules"][0]["match"]["detectors"] = json!(["custom.zanzibr"]);
    plane.apply(POLICIES, &unknown).await?;
    reloaded(&daemon, "kept").await?;
    let condition = cluster.told(POLICIES, "words", "False", 3).await?;
    assert!(condition["message"].as_str().is_some_and(|text| text.contains("custom.zanzibr")), "{condition}");
    assert_eq!(cluster.call(&dialer, "go to zanzibar").await?, 200);
    Ok(())
}

/// An API server drops fields that a definition does not have, and says nothing. A condition that is misspelt would be
/// gone, and its rule hold for more than was meant.
#[tokio::test]
async fn a_field_that_there_is_not_is_told_and_never_dropped() -> Result<()> {
    let Some(cluster) = Cluster::new().await? else { return Ok(()) };
    let (plane, dialer) = (&cluster.plane, cluster.lab.dialer()?);
    plane.apply(DETECTORS, &detector()).await?;
    let mut misspelt = policy("block");
    misspelt["spec"]["rules"][0]["match"]["modles"] = json!(["lab-2"]);
    misspelt["spec"]["prioriti"] = json!(7);
    let stored = plane.apply(POLICIES, &misspelt).await?;
    assert_eq!(stored["spec"], misspelt["spec"]);
    let mut config = cluster.lab.config();
    config["spec"]["policy"]["kubernetes"] =
        json!({"kubeconfig": cluster.kubeconfig().await?, "wait": "10s"});
    cluster.lab.ca().await?;
    let output = super::refused(&cluster.lab, &cluster.lab.node()?, &config).await?;
    for said in ["unknown field `modles`", "did you mean `models`", "unknown field `prioriti`"] {
        assert!(output.code == super::MISTAKES && output.stderr.contains(said), "{said}: {output:?}");
    }
    plane.apply(POLICIES, &policy("block")).await?;
    let _daemon = cluster.lab.daemon_with(&config).await?;
    assert_eq!(cluster.call(&dialer, "go to zanzibar").await?, 403);
    Ok(())
}

#[tokio::test]
async fn pods_are_who_the_server_says_through_its_crash_and_after() -> Result<()> {
    let Some(mut cluster) = Cluster::new().await? else { return Ok(()) };
    let plane = &cluster.plane;
    plane.apply(NAMESPACES, &namespace(&json!({}))).await?;
    let kubepods = Arc::new(cluster.lab.cgroup.child("kubepods"));
    let mut pods = Vec::new();
    for (number, account) in [(1_u8, "cart"), (2, "ledger")] {
        let stored = plane.apply(SHOP, &pod(account)).await?;
        let container = format!("{number:064x}");
        let status = json!({"containerStatuses": [{"name": "app", "image": "registry.example/app:1",
            "imageID": "", "ready": true, "restartCount": 0, "containerID": format!("containerd://{container}")}]});
        plane.set_status(SHOP, &format!("{account}-0"), &status).await?;
        let uid = stored["metadata"]["uid"].as_str().context("a uid")?;
        let of_pod = Arc::new(kubepods.child(&format!("pod{uid}")));
        let group: Arc<Cgroup> = Arc::new(of_pod.child(&container));
        let dialer = Dialer::start(&Place::new(&cluster.lab.topology.app).cgroup(&group))?;
        pods.push((dialer, of_pod, group));
    }
    let (cart, ledger) = (&pods[0].0, &pods[1].0);
    let mut config = cluster.lab.config();
    config["spec"]["identity"] =
        json!({"kubernetes": {"kubeconfig": cluster.kubeconfig().await?, "node": NODE}, "wait": "10s"});
    config["spec"]["policy"]["files"] = json!([cluster.lab.file("policy.yaml", POLICY)?]);
    let daemon = cluster.lab.daemon_with(&config).await?;
    let calls = tokio::join!(cluster.call(cart, "hello"), cluster.call(ledger, "hello"));
    let by = |event: &Value| event["event"] == "exchange" && event["caller"]["pod"]["name"] == "cart-0";
    let event = daemon.audited("the cart's", by).await?;
    assert_eq!((calls.0?, calls.1?), (200, 403), "{event}");
    assert_eq!(event["caller"]["pod"]["service_account"], "cart", "{event}");

    cluster.plane.apply(NAMESPACES, &namespace(&json!({"tier": "regulated"}))).await?;
    cluster.comes_to(cart, 403).await?;
    cluster.plane.stop().await?;
    cluster.source_until("pods", |source| source["up"] == false).await?;
    // What was known is held to.
    assert_eq!(cluster.call(cart, "hello").await?, 403);
    cluster.plane.resume().await?;
    cluster.plane.apply(NAMESPACES, &namespace(&json!({}))).await?;
    cluster.comes_to(cart, 200).await?;
    cluster.source_until("pods", |source| source["up"] == true).await?;
    assert_eq!(cluster.call(ledger, "hello").await?, 403);
    Ok(())
}

fn namespace(labels: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": labels}})
}

fn pod(account: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": format!("{account}-0"), "namespace": "shop", "labels": {"app": account}},
        "spec": {"nodeName": NODE, "serviceAccountName": account,
            "containers": [{"name": "app", "image": "registry.example/app:1"}]}
    })
}

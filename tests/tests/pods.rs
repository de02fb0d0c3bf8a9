//! The tier of pods: real ones, made through containerd's CRI plugin as kubelet makes them. Who calls is told by the
//! kernel and the runtime, and by nothing that the caller says.
//! Needs root, the BPF object, containerd, runc and CNI plugins; says aloud when it cannot run.

use anyhow::{Context as _, Result};
use interceptor_tests::api::{ApiServer, NAMESPACES, PODS};
use interceptor_tests::daemon::{Daemon, Output};
use interceptor_tests::gate;
use interceptor_tests::lab::{Lab, OPENAI, host};
use interceptor_tests::pods::{IMAGE, Pod, Pods};
use interceptor_tests::topology::{self, v4};
use serde_json::{Value, json};

/// Billing may not use the provider at all; the shop may, but addresses stay here.
const POLICY: &str = "\
apiVersion: interceptor.dev/v1alpha1
kind: EgressPolicy
metadata: { name: billing }
spec:
  subjects: [{ namespaces: ['pay-*'], podLabels: { app: ledger } }]
  rules: [{ name: no-models, match: { providers: [openai] }, action: block }]
---
apiVersion: interceptor.dev/v1alpha1
kind: EgressPolicy
metadata: { name: shop }
spec:
  subjects: [{ podLabels: { team: web }, images: ['localhost/lab/*'], executables: [/usr/bin/curl] }]
  rules: [{ name: mask, match: { direction: request, detectors: [pii.email], confidence: low }, action: redact }]
";

/// Who is meant is known to the API server alone.
const BY_ACCOUNT: &str = "\
apiVersion: interceptor.dev/v1alpha1
kind: EgressPolicy
metadata: { name: accounts }
spec:
  subjects: [{ serviceAccounts: [ledger], namespaceLabels: { tier: regulated } }]
  rules: [{ name: no-models, match: { providers: [openai], models: [lab-1] }, action: block }]
";

/// A laboratory with two pods of one image in two namespaces.
struct Node {
    lab: Lab,
    pods: Pods,
    shop: Pod,
    billing: Pod,
}

impl Node {
    async fn new() -> Result<Option<Self>> {
        if !gate::passes(gate::pods()) {
            return Ok(None);
        }
        let lab = Lab::new()?;
        lab.ca().await?;
        let mut pods = Pods::start(&lab).await?;
        let bundle = lab.folder().join("bundle.pem");
        let mounts = [(bundle.as_path(), "/bundle.pem")];
        let shop = pods.run("shop", "cart-0", &[("app", "cart"), ("team", "web")], &mounts).await?;
        let billing = pods.run("pay-eu", "ledger-0", &[("app", "ledger")], &mounts).await?;
        Ok(Some(Self { lab, pods, shop, billing }))
    }

    /// A daemon that serves the pods' namespaces already, and finds their callers as `identity` says.
    async fn daemon(&self, identity: Value) -> Result<Daemon> {
        self.daemon_with(identity, POLICY).await
    }

    /// The same with another policy.
    async fn daemon_with(&self, identity: Value, policy: &str) -> Result<Daemon> {
        let mut config = self.lab.config();
        config["spec"]["namespaces"] = json!(["self", "discover"]);
        config["spec"]["identity"] = identity;
        config["spec"]["policy"] = json!({"files": [self.lab.file("policy.yaml", policy)?]});
        let daemon = self.lab.daemon_with(&config).await?;
        // The node's own, and one of each pod.
        let served = |log: &str| log.matches("serving a network namespace").count() >= 3;
        daemon.logged("the pods' namespaces", served).await?;
        Ok(daemon)
    }

    /// The pod asks a model something; the status comes after the answer.
    async fn ask(&self, pod: &Pod, prompt: &str) -> Result<Output> {
        let body = json!({"messages": [{"role": "user", "content": prompt}], "model": "lab-1"}).to_string();
        let (place, url) =
            (format!("{OPENAI}:443:{}", v4(host::SHARED)), format!("https://{OPENAI}/v1/chat/completions"));
        let head = [
            "/usr/bin/curl",
            "--silent",
            "--show-error",
            "--write-out",
            " %{http_code}",
            "--cacert",
            "/bundle.pem",
            "--resolve",
            &place,
        ];
        let call = ["--header", "content-type: application/json", "--data", &body, &url];
        self.pods.exec(pod, &[&head[..], &call[..]].concat()).await
    }
}

/// The caller of the exchange that a pod of this name had.
async fn caller(daemon: &Daemon, pod: &str) -> Result<Value> {
    let by = |event: &Value| event["event"] == "exchange" && event["caller"]["pod"]["name"] == pod;
    Ok(daemon.audited(pod, by).await?["caller"].clone())
}

#[tokio::test]
async fn two_pods_of_one_image_are_told_apart_while_both_call() -> Result<()> {
    let Some(node) = Node::new().await? else { return Ok(()) };
    let daemon = node.daemon(json!({"cri": {"socket": node.pods.socket()}, "wait": "10s"})).await?;
    let prompt = "write to ada.byron@example.com";
    let (shop, billing) = tokio::join!(node.ask(&node.shop, prompt), node.ask(&node.billing, prompt));
    let (shop, billing) = (shop?, billing?);
    assert!(shop.stdout.ends_with(" 200"), "{shop:?}");
    assert!(billing.stdout.ends_with(" 403") && billing.stdout.contains("no-models"), "{billing:?}");
    let seen = node.lab.provider.record().seen();
    let bodies: Vec<_> = seen.calls.iter().map(|call| String::from_utf8_lossy(&call.body)).collect();
    assert!(bodies.len() == 1 && bodies[0].contains("write to [EMAIL]"), "{bodies:?}");
    for (name, namespace, uid) in
        [("cart-0", "shop", &node.shop.uid), ("ledger-0", "pay-eu", &node.billing.uid)]
    {
        let caller = caller(&daemon, name).await?;
        let expected =
            json!({"namespace": namespace, "name": name, "uid": uid, "container": "app", "image": IMAGE});
        assert_eq!(caller["pod"], expected, "{caller}");
        assert_eq!(caller["executable"], "/usr/bin/curl", "{caller}");
        // Its number says root; the host's root it is not.
        assert_eq!((&caller["uid"], &caller["user"]), (&json!(0), &Value::Null), "{caller}");
        assert_eq!(caller.get("unknown"), None, "{caller}");
        let path = caller["cgroup_path"].as_str().context("a path")?;
        assert!(path.contains(&format!("/kubepods/burstable/pod{uid}/")), "{path}");
    }
    let port = daemon.admin_port()?;
    let output = node
        .lab
        .node()?
        .command("/usr/bin/curl")
        .arg("-s")
        .arg(format!("127.0.0.1:{port}/metrics"))
        .output()?;
    let metrics = String::from_utf8(output.stdout)?;
    for namespace in ["shop", "pay-eu"] {
        let line = format!("caller_exchanges_total{{namespace=\"{namespace}\",identity=\"known\"}} 1");
        assert!(metrics.contains(&line), "{line} is not in {metrics}");
    }
    node.pods.end().await
}

/// The runtime says which pod a container is in, and the server what pod that is. Nothing of it is said by the pod.
#[tokio::test]
async fn what_the_runtime_does_not_know_of_a_pod_is_known_to_the_api_server() -> Result<()> {
    let Some(node) = Node::new().await? else { return Ok(()) };
    let listener = topology::listen(&node.lab.topology.node, ([127, 0, 0, 1], 0).into())?;
    let server = ApiServer::start(listener, &node.lab.pki)?;
    for (namespace, tier) in [("shop", "open"), ("pay-eu", "regulated")] {
        server
            .put(NAMESPACES, json!({"metadata": {"name": namespace, "labels": {"tier": tier}}, "spec": {}}));
    }
    for (pod, namespace, name, account) in
        [(&node.shop, "shop", "cart-0", "cart"), (&node.billing, "pay-eu", "ledger-0", "ledger")]
    {
        let owner = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "name": account, "uid": "1", "controller": true});
        let metadata =
            json!({"name": name, "namespace": namespace, "uid": pod.uid, "ownerReferences": [owner]});
        let spec = json!({"nodeName": "lab-1", "serviceAccountName": account});
        // What kubelet will say of containers, it has not said yet: the runtime knows.
        server.put(PODS, json!({"metadata": metadata, "spec": spec}));
    }
    let kubernetes = json!({"kubeconfig": server.kubeconfig(node.lab.folder())?, "node": "lab-1"});
    let identity = json!({"cri": {"socket": node.pods.socket()}, "kubernetes": kubernetes, "wait": "10s"});
    let daemon = node.daemon_with(identity, BY_ACCOUNT).await?;
    let (shop, billing) = tokio::join!(node.ask(&node.shop, "who am I"), node.ask(&node.billing, "who am I"));
    let (shop, billing) = (shop?, billing?);
    assert!(shop.stdout.ends_with(" 200"), "{shop:?}");
    assert!(billing.stdout.ends_with(" 403") && billing.stdout.contains("no-models"), "{billing:?}");
    let caller = caller(&daemon, "ledger-0").await?;
    let expected = json!({
        "namespace": "pay-eu", "name": "ledger-0", "uid": node.billing.uid, "container": "app", "image": IMAGE,
        "service_account": "ledger", "owner": {"kind": "StatefulSet", "name": "ledger"}
    });
    assert_eq!((&caller["pod"], caller.get("unknown")), (&expected, None), "{caller}");
    node.pods.end().await
}

#[tokio::test]
async fn a_pod_is_an_unknown_caller_where_nobody_can_be_asked() -> Result<()> {
    let Some(node) = Node::new().await? else { return Ok(()) };
    let away = node.lab.folder().join("nobody.sock");
    for (identity, why) in
        [(json!({}), "no_runtime_configured"), (json!({"cri": {"socket": away}}), "runtime_failed")]
    {
        let daemon = node.daemon(identity).await?;
        // There are rules for some callers, and this could be one of them.
        let asked = node.ask(&node.shop, "who am I").await?;
        assert!(asked.stdout.ends_with(" 403"), "{asked:?}");
        let by = |event: &Value| event["event"] == "exchange" && event["caller"]["unknown"] == why;
        let event = daemon.audited(why, by).await?;
        assert_eq!(event["inspection"]["doubts"][0]["kind"], "unknownCaller", "{event}");
        // What is certain is told all the same.
        assert_eq!(event["caller"].get("pod"), None, "{event}");
        assert_eq!(event["caller"]["executable"], "/usr/bin/curl", "{event}");
        daemon.stop().await?;
    }
    node.pods.end().await
}

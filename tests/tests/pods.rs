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
use interceptor_tests::within;
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

/// A label decides, and nothing that is sent.
const BY_LABEL: &str = "\
apiVersion: interceptor.dev/v1alpha1
kind: EgressPolicy
metadata: { name: labels }
spec:
  subjects: [{ podLabels: { models: forbidden } }]
  rules: [{ name: no-models, match: { providers: [openai] }, action: block }]
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

    /// What a Prometheus server would scrape.
    fn metrics(&self, daemon: &Daemon) -> Result<String> {
        let url = format!("127.0.0.1:{}/metrics", daemon.admin_port()?);
        let output = self.lab.node()?.command("/usr/bin/curl").arg("-s").arg(url).output()?;
        Ok(String::from_utf8(output.stdout)?)
    }

    /// The pod asks a model something; the status comes after the answer.
    async fn ask(&self, pod: &Pod, prompt: &str) -> Result<Output> {
        self.ask_at(pod, prompt, host::SHARED).await
    }

    /// The same at one of the provider's addresses.
    async fn ask_at(&self, pod: &Pod, prompt: &str, host: u8) -> Result<Output> {
        let body = json!({"messages": [{"role": "user", "content": prompt}], "model": "lab-1"}).to_string();
        let (place, url) =
            (format!("{OPENAI}:443:{}", v4(host)), format!("https://{OPENAI}/v1/chat/completions"));
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
    let metrics = node.metrics(&daemon)?;
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

/// What is said of a pod by its labels is known before it calls: of one that runs already, of one that is new, and of one
/// whose labels change.
#[tokio::test]
async fn a_pod_is_refused_by_its_label_from_its_first_connection_on() -> Result<()> {
    let Some(mut node) = Node::new().await? else { return Ok(()) };
    // OpenAI alone has this one.
    node.lab.zone.address(OPENAI, v4(host::HTTP1));
    let listener = topology::listen(&node.lab.topology.node, ([127, 0, 0, 1], 0).into())?;
    let server = ApiServer::start(listener, &node.lab.pki)?;
    let put = |namespace: &str, name: &str, uid: &str, label: &str| {
        let metadata = json!({"name": name, "namespace": namespace, "uid": uid, "labels": {"models": label}});
        server.put(PODS, json!({"metadata": metadata, "spec": {"nodeName": "lab-1"}}));
    };
    for namespace in ["shop", "pay-eu"] {
        server.put(NAMESPACES, json!({"metadata": {"name": namespace}, "spec": {}}));
    }
    put("shop", "cart-0", &node.shop.uid, "allowed");
    put("pay-eu", "ledger-0", &node.billing.uid, "forbidden");
    let kubernetes = json!({"kubeconfig": server.kubeconfig(node.lab.folder())?, "node": "lab-1"});
    let identity = json!({"cri": {"socket": node.pods.socket()}, "kubernetes": kubernetes, "wait": "10s"});
    let daemon = node.daemon_with(identity, BY_LABEL).await?;

    let asked = node.ask_at(&node.billing, "who am I", host::HTTP1).await?;
    // curl says that it could not connect.
    assert_eq!(asked.code, Some(7), "{asked:?}");
    let event = daemon.audited("a refusal", |event| event["event"] == "connect").await?;
    assert_eq!(
        (&event["rule"], &event["decision"]),
        (&json!("no-models"), &json!("refused_at_connect")),
        "{event}"
    );
    assert_eq!(event["caller"]["pod"]["name"], "ledger-0", "{event}");
    assert!(daemon.audit()?.iter().all(|event| event["event"] != "exchange"));
    let asked = node.ask_at(&node.shop, "who am I", host::HTTP1).await?;
    assert!(asked.stdout.ends_with(" 200"), "{asked:?}");

    // A pod that is made now: the server has it before kubelet starts it.
    callers(&node, &daemon, 1).await?;
    let bundle = node.lab.folder().join("bundle.pem");
    let mounts = [(bundle.as_path(), "/bundle.pem")];
    let late = node.pods.run("shop", "late-0", &[("models", "forbidden")], &mounts).await?;
    put("shop", "late-0", &late.uid, "forbidden");
    callers(&node, &daemon, 2).await?;
    let asked = node.ask_at(&late, "who am I", host::HTTP1).await?;
    assert_eq!(asked.code, Some(7), "{asked:?}");

    // Labels are those of now.
    put("shop", "late-0", &late.uid, "allowed");
    callers(&node, &daemon, 1).await?;
    let asked = node.ask_at(&late, "who am I", host::HTTP1).await?;
    assert!(asked.stdout.ends_with(" 200"), "{asked:?}");
    put("shop", "cart-0", &node.shop.uid, "forbidden");
    callers(&node, &daemon, 2).await?;
    let asked = node.ask_at(&node.shop, "who am I", host::HTTP1).await?;
    assert_eq!(asked.code, Some(7), "{asked:?}");
    node.pods.end().await
}

/// Waits until the kernel side knows of so many callers that more is forbidden to them than to everyone.
async fn callers(node: &Node, daemon: &Daemon, count: usize) -> Result<()> {
    let line = format!("\ninterceptor_verdict_callers {count}\n");
    let found = async {
        loop {
            if node.metrics(daemon)?.contains(&line) {
                return Ok(());
            }
            tokio::task::yield_now().await;
        }
    };
    within(&line, found).await?
}

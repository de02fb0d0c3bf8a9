//! Who called, by what the API server says: service accounts, labels of pods and namespaces, as they are now. Pods here are
//! control groups as kubelet makes them; real ones are in the tier of pods.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use interceptor_tests::api::{ApiServer, NAMESPACES, PODS};
use interceptor_tests::cgroup::Cgroup;
use interceptor_tests::client::Wire;
use interceptor_tests::daemon::{self, Daemon, Output};
use interceptor_tests::dialer::Dialer;
use interceptor_tests::gate;
use interceptor_tests::lab::{Lab, OPENAI, host, https};
use interceptor_tests::place::Place;
use interceptor_tests::stage::merge;
use interceptor_tests::topology::{v4, v6};
use interceptor_tests::{topology, within};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::{chat, post};

/// What the node is called.
const NODE: &str = "lab-1";

/// The ledger may not use the model, nor may anybody in a regulated namespace, nor a pod that is frozen. What model it is
/// the body says: a caller that is refused now may be let through a moment later.
const POLICY: &str = "\
apiVersion: interceptor.dev/v1alpha1
kind: EgressPolicy
metadata: { name: nobody }
spec:
  subjects:
    - { serviceAccounts: [ledger] }
    - { namespaceLabels: { tier: regulated } }
    - { podLabels: { state: frozen } }
  rules: [{ name: no-models, match: { providers: [openai], models: [lab-1] }, action: block }]
";

/// A pod that is frozen may not use the provider, whatever it says: connect() refuses it.
const FROZEN: &str = "\
apiVersion: interceptor.dev/v1alpha1
kind: EgressPolicy
metadata: { name: frozen }
spec:
  subjects: [{ podLabels: { state: frozen } }]
  rules: [{ name: no-provider, match: { providers: [openai] }, action: block }]
";

/// A pod as far as the kernel sees one.
struct Pod {
    uid: String,
    container: String,
    dialer: Dialer,
    /// From the outermost one.
    _groups: Vec<Arc<Cgroup>>,
}

/// A laboratory whose node has an API server.
struct Node {
    lab: Lab,
    server: ApiServer,
    kubepods: Arc<Cgroup>,
}

impl Node {
    fn new() -> Result<Option<Self>> {
        if !gate::passes(gate::kernel()) {
            return Ok(None);
        }
        let lab = Lab::new()?;
        let listener = topology::listen(&lab.topology.node, ([127, 0, 0, 1], 0).into())?;
        let server = ApiServer::start(listener, &lab.pki)?;
        server.put(NAMESPACES, namespace("shop", json!({})));
        let kubepods = Arc::new(lab.cgroup.child("kubepods"));
        Ok(Some(Self { lab, server, kubepods }))
    }

    /// Starts a daemon that asks the server for pods, and nobody else.
    async fn daemon(&self, spec: Value) -> Result<Daemon> {
        let mut config = self.lab.config();
        config["spec"]["identity"] = json!({"kubernetes": {"kubeconfig": self.server.kubeconfig(self.lab.folder())?, "node": NODE}, "wait": "2s"});
        config["spec"]["policy"]["files"] = json!([self.lab.file("policy.yaml", POLICY)?]);
        merge(&mut config["spec"], spec);
        self.lab.daemon_with(&config).await
    }

    /// A pod with one container, in which somebody waits to connect. The server does not know it yet.
    fn pod(&self, number: u8) -> Result<Pod> {
        let uid = format!("8f2c0d4e-1111-4222-8333-{number:012x}");
        let container = format!("{number:064x}");
        let of_pod = Arc::new(self.kubepods.child(&format!("pod{uid}")));
        let group = Arc::new(of_pod.child(&container));
        let dialer = Dialer::start(&Place::new(&self.lab.topology.app).cgroup(&group))?;
        Ok(Pod { uid, container, dialer, _groups: vec![of_pod, group] })
    }

    /// Tells the server of a pod, or of what has changed.
    fn tell(&self, pod: &Pod, account: &str, labels: &Value) {
        let owner = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("{account}-5f"), "uid": "1",
            "controller": true});
        let mut labels = labels.clone();
        labels["pod-template-hash"] = json!("5f");
        let status = json!([{"name": "app", "image": "registry.example/app:1",
            "containerID": format!("containerd://{}", pod.container)}]);
        self.server.put(
            PODS,
            json!({
                "metadata": {"name": format!("{account}-0"), "namespace": "shop", "uid": pod.uid, "labels": labels,
                    "ownerReferences": [owner]},
                "spec": {"nodeName": NODE, "serviceAccountName": account,
                    "containers": [{"name": "app", "image": "registry.example/app:1"}]},
                "status": {"containerStatuses": status}
            }),
        );
    }

    /// The status of a call that the pod makes on a new connection.
    async fn call(&self, pod: &Pod) -> Result<u16> {
        self.call_at(pod, host::SHARED).await
    }

    /// The same, to a host.
    async fn call_at(&self, pod: &Pod, to: u8) -> Result<u16> {
        let mut wire: Wire<_> = self.lab.http1(&pod.dialer, https(to), OPENAI).await?;
        Ok(wire.call(&post("/v1/chat/completions"), chat("hello")).await?.head.status)
    }

    /// Calls until the status is this one.
    async fn comes_to(&self, pod: &Pod, status: u16) -> Result<()> {
        let search = async {
            while self.call(pod).await? != status {}
            anyhow::Ok(())
        };
        within(&format!("an answer of {status}"), search).await.flatten()
    }

    /// What `interceptor status` says.
    async fn status(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = self.lab.node()?.command(daemon::binary()?);
        command.arg("status").arg("--config").arg(self.lab.folder().join("config.yaml")).args(arguments);
        daemon::run(command).await
    }

    /// What a Prometheus server would scrape.
    async fn metrics(&self, daemon: &Daemon) -> Result<String> {
        let to = ([127, 0, 0, 1], daemon.admin_port()?).into();
        let stream = self.lab.topology.node.run(|| std::net::TcpStream::connect::<SocketAddr>(to))?;
        stream.set_nonblocking(true)?;
        let mut wire = Wire::new(TcpStream::from_std(stream)?);
        wire.send("GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await?;
        Ok(wire.answer().await?.text())
    }

    /// Asks for the status until it is as wanted.
    async fn status_until(&self, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        let search = async {
            loop {
                let status: Value = serde_json::from_str(&self.status(&["--json"]).await?.stdout)?;
                if wanted(&status) {
                    return anyhow::Ok(status);
                }
            }
        };
        let found = within("the status", search).await.flatten();
        found.context(self.status(&[]).await?.stdout)
    }
}

fn namespace(name: &str, mut labels: Value) -> Value {
    labels["kubernetes.io/metadata.name"] = json!(name);
    json!({"metadata": {"name": name, "labels": labels}, "spec": {}})
}

/// One of the sources that the status shows.
fn source<'a>(status: &'a Value, name: &str) -> &'a Value {
    let all = status["sources"].as_array();
    all.into_iter().flatten().find(|one| one["source"] == name).unwrap_or(&Value::Null)
}

#[tokio::test]
async fn service_accounts_decide_between_two_pods_that_call_at_the_same_time() -> Result<()> {
    let Some(node) = Node::new()? else { return Ok(()) };
    let (cart, ledger, stranger) = (node.pod(1)?, node.pod(2)?, node.pod(3)?);
    node.tell(&cart, "cart", &json!({"app": "cart"}));
    node.tell(&ledger, "ledger", &json!({"app": "cart"}));
    let daemon = node.daemon(json!({})).await?;
    let (of_cart, of_ledger) = tokio::join!(node.call(&cart), node.call(&ledger));
    assert_eq!((of_cart?, of_ledger?), (200, 403));
    let by = |event: &Value| event["event"] == "exchange" && event["caller"]["pod"]["name"] == "cart-0";
    let caller = daemon.audited("the cart's", by).await?["caller"].clone();
    let expected = json!({
        "namespace": "shop", "name": "cart-0", "uid": cart.uid, "container": "app", "image": "registry.example/app:1",
        "service_account": "cart", "owner": {"kind": "Deployment", "name": "cart"}
    });
    assert_eq!((&caller["pod"], caller.get("unknown")), (&expected, None), "{caller}");
    // A pod that the server does not know could be anybody's.
    assert_eq!(node.call(&stranger).await?, 403);
    let by = |event: &Value| event["event"] == "exchange" && event["caller"]["unknown"] == "pod_not_found";
    let event = daemon.audited("the stranger's", by).await?;
    assert_eq!(event["inspection"]["doubts"][0]["kind"], "unknownCaller", "{event}");
    // It becomes somebody as soon as the server knows it.
    node.tell(&stranger, "late", &json!({}));
    node.comes_to(&stranger, 200).await?;
    let status = node.status(&[]).await?;
    assert_eq!(status.code, Some(0), "{status:?}");
    assert!(status.stdout.contains("pods               up, heard "), "{status:?}");
    assert!(status.stdout.contains(" s ago; 3 known\n"), "{status:?}");
    Ok(())
}

#[tokio::test]
async fn labels_of_pods_and_namespaces_are_those_of_now() -> Result<()> {
    let Some(node) = Node::new()? else { return Ok(()) };
    let cart = node.pod(1)?;
    node.tell(&cart, "cart", &json!({}));
    let _daemon = node.daemon(json!({})).await?;
    assert_eq!(node.call(&cart).await?, 200);
    node.tell(&cart, "cart", &json!({"state": "frozen"}));
    node.comes_to(&cart, 403).await?;
    node.tell(&cart, "cart", &json!({}));
    node.comes_to(&cart, 200).await?;
    node.server.put(NAMESPACES, namespace("shop", json!({"tier": "regulated"})));
    node.comes_to(&cart, 403).await?;
    // A server that has forgotten what was before tells of changes all the same.
    node.server.put(NAMESPACES, namespace("shop", json!({})));
    node.server.forget_history();
    node.comes_to(&cart, 200).await?;
    Ok(())
}

#[tokio::test]
async fn a_verdict_of_the_kernel_goes_with_the_label_that_it_came_from() -> Result<()> {
    let Some(node) = Node::new()? else { return Ok(()) };
    // An address of the provider's own: the kernel side decides about no other.
    node.lab.zone.address(OPENAI, v4(host::HTTP1));
    node.lab.zone.address(OPENAI, v6(host::HTTP1));
    let cart = node.pod(1)?;
    node.tell(&cart, "cart", &json!({"state": "frozen"}));
    let file = node.lab.file("frozen.yaml", FROZEN)?;
    let _daemon = node.daemon(json!({"policy": {"files": [file]}})).await?;
    assert!(cart.dialer.connect(https(host::HTTP1))?.is_err());
    let connects_until = async |is_refused: bool| {
        let search = async {
            while cart.dialer.connect(https(host::HTTP1))?.is_err() != is_refused {
                tokio::task::yield_now().await;
            }
            anyhow::Ok(())
        };
        within(&format!("refused by connect: {is_refused}"), search).await.flatten()
    };
    node.tell(&cart, "cart", &json!({}));
    connects_until(false).await?;
    assert_eq!(node.call_at(&cart, host::HTTP1).await?, 200);
    node.tell(&cart, "cart", &json!({"state": "frozen"}));
    connects_until(true).await
}

#[tokio::test]
async fn without_the_server_what_is_known_stays_and_what_is_not_is_told() -> Result<()> {
    let Some(node) = Node::new()? else { return Ok(()) };
    let (cart, ledger) = (node.pod(1)?, node.pod(2)?);
    node.tell(&cart, "cart", &json!({}));
    node.server.set_away(true);
    let daemon = node.daemon(json!({})).await?;
    let status = node.status_until(|status| source(status, "pods")["up"] == false).await?;
    assert_eq!(source(&status, "pods")["trouble"], "unreachable", "{status}");
    assert_eq!(source(&status, "pods").get("age_seconds"), None, "{status}");
    // Nobody waits for a server that is away.
    assert_eq!(node.call(&cart).await?, 403);
    let by = |event: &Value| event["event"] == "exchange" && event["caller"]["unknown"] == "api_away";
    daemon.audited("a caller nobody can be asked about", by).await?;
    node.server.set_away(false);
    node.comes_to(&cart, 200).await?;
    node.server.asked_until(PODS, |asked| asked.open == 1).await?;

    node.server.set_away(true);
    // No connection is left on which the server could tell of it.
    node.server.asked_until(PODS, |asked| asked.open == 0).await?;
    node.tell(&ledger, "ledger", &json!({}));
    let status = node.status_until(|status| source(status, "pods")["up"] == false).await?;
    assert_eq!(source(&status, "pods")["objects"], 1, "{status}");
    assert!(source(&status, "pods")["age_seconds"].is_f64(), "{status}");
    assert_eq!((node.call(&cart).await?, node.call(&ledger).await?), (200, 403));
    let shown = node.status(&[]).await?;
    assert_eq!(shown.code, Some(1), "{shown:?}");
    assert!(shown.stdout.contains("pods               DOWN for "), "{shown:?}");
    let metrics = node.metrics(&daemon).await?;
    for line in
        ["interceptor_source_up{source=\"pods\"} 0\n", "interceptor_source_objects{source=\"pods\"} 1\n"]
    {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }

    node.server.set_away(false);
    node.server.refuse_tokens(true);
    let status = node.status_until(|status| source(status, "pods")["trouble"] == "unauthorized").await?;
    assert_eq!(source(&status, "pods")["detail"], "401 Unauthorized: Unauthorized", "{status}");
    daemon.logged("the refusal", |log| log.contains("401 Unauthorized: Unauthorized")).await?;
    Ok(())
}

#[tokio::test]
async fn a_runtime_that_is_away_is_told_before_anybody_asks() -> Result<()> {
    let Some(node) = Node::new()? else { return Ok(()) };
    let nobody = node.lab.folder().join("nobody.sock");
    let _daemon = node.daemon(json!({"identity": {"kubernetes": null, "cri": {"socket": nobody}}})).await?;
    let status = node.status_until(|status| source(status, "container_runtime")["up"] == false).await?;
    assert_eq!(source(&status, "container_runtime")["trouble"], "unreachable", "{status}");
    assert_eq!(source(&status, "pods"), &Value::Null, "{status}");
    Ok(())
}

#[tokio::test]
async fn a_node_without_a_name_is_told_what_to_do() -> Result<()> {
    let Some(node) = Node::new()? else { return Ok(()) };
    node.lab.ca().await?;
    let mut config = node.lab.config();
    let kubeconfig = node.server.kubeconfig(node.lab.folder())?;
    for (kubernetes, says) in [
        (json!({"kubeconfig": kubeconfig}), "set identity.kubernetes.node"),
        (json!({"kubeconfig": kubeconfig, "node": "a,spec.x=y"}), "is no name of a node"),
        (json!({"kubeconfig": "/nowhere", "node": NODE}), "cannot use the kubeconfig /nowhere"),
        (json!({"node": NODE}), "name a kubeconfig"),
    ] {
        config["spec"]["identity"] = json!({"kubernetes": kubernetes});
        let output = super::refused(&node.lab, &node.lab.node()?, &config).await?;
        assert!(output.code == super::MACHINE && output.stderr.contains(says), "{says}: {output:?}");
    }
    Ok(())
}

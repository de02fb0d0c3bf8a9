//! Policies as objects of the cluster: enforced, followed, refused whole when one of them is wrong, and told what became of
//! them. The API server may be away at any time.

use std::path::Path;

use anyhow::{Context as _, Result};
use interceptor_tests::api::{ApiServer, DETECTORS, POLICIES};
use interceptor_tests::daemon::{self, Daemon, Output};
use interceptor_tests::dialer::Dialer;
use interceptor_tests::gate;
use interceptor_tests::lab::{Lab, OPENAI, host, https};
use interceptor_tests::topology;
use serde_json::{Value, json};

use super::{MISTAKES, chat, post, refused};

/// A laboratory whose node has an API server, and an application.
struct Cluster {
    lab: Lab,
    server: ApiServer,
    dialer: Dialer,
}

/// An object that blocks what mentions a word, or whatever else `action` does with it.
fn policy(name: &str, word: &str, action: &str) -> Value {
    json!({
        "apiVersion": "interceptor.dev/v1alpha1", "kind": "EgressPolicy",
        "metadata": {"name": name, "labels": {"stage": "all"}},
        "spec": {"rules": [{
            "name": format!("no-{word}"), "match": {"direction": "request", "detectors": [format!("custom.{word}")]},
            "action": action
        }]}
    })
}

/// An operator's detector that finds a word.
fn detector(word: &str) -> Value {
    json!({
        "apiVersion": "interceptor.dev/v1alpha1", "kind": "DetectorSet",
        "metadata": {"name": word},
        "spec": {"detectors": [{"name": format!("custom.{word}"), "literals": [word]}]}
    })
}

impl Cluster {
    fn new() -> Result<Option<Self>> {
        if !gate::passes(gate::kernel()) {
            return Ok(None);
        }
        let lab = Lab::new()?;
        let listener = topology::listen(&lab.topology.node, ([127, 0, 0, 1], 0).into())?;
        let server = ApiServer::start(listener, &lab.pki)?;
        let dialer = lab.dialer()?;
        Ok(Some(Self { lab, server, dialer }))
    }

    fn config(&self, wait: &str) -> Result<Value> {
        let mut config = self.lab.config();
        let kubeconfig = self.server.kubeconfig(self.lab.folder())?;
        config["spec"]["policy"]["kubernetes"] = json!({"kubeconfig": kubeconfig, "wait": wait});
        Ok(config)
    }

    async fn daemon(&self) -> Result<Daemon> {
        self.lab.daemon_with(&self.config("10s")?).await
    }

    /// The status of a call that mentions something.
    async fn call(&self, text: &str) -> Result<u16> {
        let mut wire = self.lab.http1(&self.dialer, https(host::SHARED), OPENAI).await?;
        Ok(wire.call(&post("/v1/chat/completions"), chat(text)).await?.head.status)
    }

    async fn status(&self) -> Result<Output> {
        let mut command = self.lab.node()?.command(daemon::binary()?);
        command.arg("status").arg("--config").arg(self.lab.folder().join("config.yaml"));
        daemon::run(command).await
    }

    /// Waits until an object is told that it is in force, or not.
    async fn told(&self, collection: &str, name: &str, status: &str, generation: u64) -> Result<Value> {
        let wanted = |object: &Value| {
            let condition = &object["status"]["conditions"][0];
            condition["status"] == status && condition["observedGeneration"] == generation
        };
        let object = self.server.becomes(collection, name, wanted).await?;
        Ok(object["status"]["conditions"][0].clone())
    }
}

/// The event of reload number `number`.
async fn reload(daemon: &Daemon, number: usize) -> Result<Value> {
    let reloads = || -> Result<Vec<Value>> {
        Ok(daemon.audit()?.into_iter().filter(|event| event["event"] == "reload").collect())
    };
    let enough = |_: &Value| reloads().is_ok_and(|all| all.len() >= number);
    daemon.audited(&format!("reload number {number}"), enough).await?;
    reloads()?.into_iter().nth(number - 1).context("it was there a moment ago")
}

#[tokio::test]
async fn an_object_is_enforced_and_so_is_what_becomes_of_it() -> Result<()> {
    let Some(cluster) = Cluster::new()? else { return Ok(()) };
    cluster.server.put(DETECTORS, detector("zanzibar"));
    cluster.server.put(POLICIES, policy("words", "zanzibar", "block"));
    let daemon = cluster.daemon().await?;
    let first = daemon.ready()["policy"].clone();
    assert_eq!(cluster.call("go to zanzibar").await?, 403);
    assert_eq!(cluster.call("go home").await?, 200);
    let condition = cluster.told(POLICIES, "words", "True", 1).await?;
    assert_eq!((&condition["type"], &condition["reason"]), (&json!("Accepted"), &json!("InForce")));
    cluster.told(DETECTORS, "zanzibar", "True", 1).await?;

    cluster.server.put(POLICIES, policy("words", "zanzibar", "audit"));
    let event = reload(&daemon, 1).await?;
    assert_eq!((&event["part"], &event["result"]), (&json!("policy"), &json!("in_force")), "{event}");
    assert_ne!(event["in_force"], first);
    assert_eq!(cluster.call("go to zanzibar").await?, 200);
    cluster.told(POLICIES, "words", "True", 2).await?;

    // As it was, it is the version that it was.
    cluster.server.put(POLICIES, policy("words", "zanzibar", "block"));
    assert_eq!(reload(&daemon, 2).await?["in_force"], first);
    assert_eq!(cluster.call("go to zanzibar").await?, 403);
    cluster.told(POLICIES, "words", "True", 3).await?;
    let status = cluster.status().await?;
    assert_eq!(status.code, Some(0), "{status:?}");
    assert!(status.stdout.contains("egresspolicies     up, heard "), "{status:?}");
    // What objects were told has changed no policy.
    assert_eq!(daemon.audit()?.iter().filter(|event| event["event"] == "reload").count(), 2);
    Ok(())
}

#[tokio::test]
async fn a_set_with_a_mistake_is_refused_whole_and_says_so_everywhere() -> Result<()> {
    let Some(cluster) = Cluster::new()? else { return Ok(()) };
    cluster.server.put(DETECTORS, detector("zanzibar"));
    cluster.server.put(POLICIES, policy("words", "zanzibar", "block"));
    let daemon = cluster.daemon().await?;
    let good = daemon.ready()["policy"].clone();
    cluster.told(POLICIES, "words", "True", 1).await?;

    cluster.server.put(POLICIES, policy("wrong", "zanzibar", "blok"));
    cluster.server.put(POLICIES, policy("words", "zanzibar", "audit"));
    let event = reload(&daemon, 1).await?;
    assert_eq!((&event["result"], &event["in_force"]), (&json!("kept"), &good), "{event}");
    let detail = event["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("EgressPolicy/wrong.json:") && detail.contains("block"), "{detail}");
    assert_eq!(cluster.call("go to zanzibar").await?, 403);
    let condition = cluster.told(POLICIES, "wrong", "False", 1).await?;
    assert_eq!(condition["reason"], "Mistakes", "{condition}");
    assert!(condition["message"].as_str().is_some_and(|text| text.contains("`blok`")), "{condition}");
    let condition = cluster.told(POLICIES, "words", "False", 2).await?;
    assert_eq!(condition["reason"], "Waiting", "{condition}");
    // What has not changed is in force as it was.
    cluster.told(DETECTORS, "zanzibar", "True", 1).await?;
    let status = cluster.status().await?;
    assert!(status.code == Some(1) && status.stdout.contains("REFUSED at "), "{status:?}");
    assert!(status.stdout.contains("EgressPolicy/wrong.json:"), "{status:?}");

    cluster.server.delete(POLICIES, "wrong");
    assert_eq!(reload(&daemon, 2).await?["result"], "in_force");
    assert_eq!(cluster.call("go to zanzibar").await?, 200);
    cluster.told(POLICIES, "words", "True", 2).await?;
    assert_eq!(cluster.status().await?.code, Some(0));
    Ok(())
}

#[tokio::test]
async fn a_start_without_the_server_goes_by_what_was_in_force_before() -> Result<()> {
    let Some(cluster) = Cluster::new()? else { return Ok(()) };
    cluster.server.put(DETECTORS, detector("zanzibar"));
    cluster.server.put(POLICIES, policy("words", "zanzibar", "block"));
    cluster.server.set_away(true);
    // Nobody knows what would be in force.
    cluster.lab.ca().await?;
    let output = refused(&cluster.lab, &cluster.lab.node()?, &cluster.config("1s")?).await?;
    assert!(
        output.code == MISTAKES && output.stderr.contains("has not said which policies there are"),
        "{output:?}"
    );
    cluster.server.set_away(false);
    let daemon = cluster.daemon().await?;
    let version = daemon.ready()["policy"].clone();
    daemon.stop().await?;

    cluster.server.set_away(true);
    let daemon = cluster.lab.daemon_with(&cluster.config("1s")?).await?;
    assert_eq!(daemon.ready()["policy"], version);
    assert_eq!(cluster.call("go to zanzibar").await?, 403);
    cluster.server.put(POLICIES, policy("words", "zanzibar", "audit"));
    cluster.server.set_away(false);
    let by = |event: &Value| event["event"] == "reload" && event["in_force"] != version;
    daemon.audited("what the server has by now", by).await?;
    assert_eq!(cluster.call("go to zanzibar").await?, 200);
    daemon.stop().await?;

    // A mistake that was made meanwhile does not keep a node from starting, either; and it is told.
    cluster.server.put(POLICIES, policy("words", "zanzibar", "blok"));
    let daemon = cluster.daemon().await?;
    assert_eq!(cluster.call("go to zanzibar").await?, 200);
    let by = |event: &Value| event["event"] == "reload" && event["result"] == "kept";
    daemon.audited("the refusal", by).await?;
    assert_eq!(cluster.status().await?.code, Some(1));
    Ok(())
}

#[tokio::test]
async fn files_and_objects_are_one_set_and_a_selector_chooses_among_objects() -> Result<()> {
    let Some(cluster) = Cluster::new()? else { return Ok(()) };
    // The detector is in a file, and the rule that uses it in an object.
    let file = cluster.lab.file("words.yaml", detector("zanzibar").to_string())?;
    let mut other = policy("other", "zanzibar", "audit");
    other["metadata"]["labels"] = json!({"stage": "canary"});
    cluster.server.put(POLICIES, policy("words", "zanzibar", "block"));
    cluster.server.put(POLICIES, other);
    let mut config = cluster.config("10s")?;
    config["spec"]["policy"]["files"] = json!([file]);
    config["spec"]["policy"]["kubernetes"]["selector"] = json!("stage=all");
    let daemon = cluster.lab.daemon_with(&config).await?;
    assert_eq!(cluster.call("go to zanzibar").await?, 403);
    cluster.told(POLICIES, "words", "True", 1).await?;
    let untold = cluster.server.object(POLICIES, "other").context("it is there")?;
    assert_eq!(untold.get("status"), None, "{untold}");

    // Without an object there is none of that kind; without the definition of the other kinds, none of those.
    cluster.server.undefine(DETECTORS);
    cluster.server.delete(POLICIES, "words");
    let event = reload(&daemon, 1).await?;
    assert_eq!(event["result"], "in_force", "{event}");
    assert_eq!(cluster.call("go to zanzibar").await?, 200);
    Ok(())
}

/// A pod needs no kubeconfig: where the server is, whom to trust and who we are comes from Kubernetes.
#[tokio::test]
async fn what_kubernetes_gives_a_pod_is_enough() -> Result<()> {
    let Some(cluster) = Cluster::new()? else { return Ok(()) };
    cluster.lab.ca().await?;
    let run = cluster.lab.folder().join("run");
    let environment = cluster.server.service_account(&run.join("secrets/kubernetes.io/serviceaccount"))?;
    // That the daemon knows what is wrong with it shows that it was read.
    cluster.server.put(POLICIES, policy("wrong", "zanzibar", "blok"));
    let mut config = cluster.lab.config();
    config["spec"]["policy"]["kubernetes"] = json!({});
    let file = cluster.lab.file("pod.yaml", config.to_string())?;
    let mut command = cluster.lab.node()?.bind(&run, Path::new("/run"))?.command(daemon::binary()?);
    command.arg("run").arg("--config").arg(file).envs(environment);
    let output = daemon::run(command).await?;
    assert_eq!(output.code, MISTAKES, "{output:?}");
    assert!(output.stderr.contains("EgressPolicy/wrong.json:"), "{output:?}");
    Ok(())
}

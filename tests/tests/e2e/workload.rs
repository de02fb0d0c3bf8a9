//! Modes per workload: strict sends every connection to a configured port through the daemon and lets the name
//! decide; and what the configuration says of a workload may change while the daemon runs.

use anyhow::Result;
use interceptor_tests::client::{self, Wire};
use interceptor_tests::lab::{Lab, OPENAI, STATIC, host, https};
use interceptor_tests::stage::{Setup, Stage};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::{chat, post};

/// A laboratory in which no address is known, so that nothing is redirected but by strictness.
fn nothing_known(capture: Value) -> Setup {
    Setup::default().spec(json!({"endpoints": {"addresses": [], "resolvers": []}, "capture": capture}))
}

/// Whether an application that trusts the internet's authorities alone is shown a certificate of another: ours.
async fn is_intercepted(stage: &Stage) -> Result<bool> {
    let config = client::trusting(&stage.lab.pki.root_pem(), &["http/1.1"])?;
    let stream = stage.dialer.connect(https(host::SHARED))??;
    Ok(client::handshake(stream, OPENAI, &config).await?.is_err())
}

fn rewrite(lab: &Lab, change: impl FnOnce(&mut Value)) -> Result<()> {
    let file = lab.folder().join("config.yaml");
    let mut config: Value = serde_json::from_str(&std::fs::read_to_string(&file)?)?;
    change(&mut config["spec"]["capture"]);
    Ok(std::fs::write(file, config.to_string())?)
}

#[tokio::test]
async fn a_strict_workload_passes_other_names_with_their_own_certificate_byte_for_byte() -> Result<()> {
    let Some(stage) = nothing_known(json!({"mode": "strict"})).up().await? else { return Ok(()) };
    let config = client::trusting(&stage.lab.pki.root_pem(), &["http/1.1"])?;
    let stream = stage.dialer.connect(https(host::SHARED))??;
    let mut app = Wire::new(client::handshake(stream, STATIC, &config).await??);
    let request = "GET / HTTP/1.1\r\nhost: static.example.net\r\n\r\n";
    app.send(request).await?;
    assert_eq!(app.answer().await?.text(), "the origin itself\n");
    assert_eq!(stage.lab.provider.record().seen().connections[0].received, request.as_bytes());
    drop(app);
    let event = stage.connection("closed").await?;
    assert_eq!((&event["route"], &event["reason"]), (&"passthrough".into(), &"other_name".into()));
    // An AI name at the same address, which nobody announced, is inspected.
    stage.openai().await?.call(&post("/v1/chat/completions"), chat("hello")).await?;
    stage.exchange("complete").await?;
    Ok(())
}

#[tokio::test]
async fn a_workload_becomes_strict_and_hint_again_while_the_daemon_runs() -> Result<()> {
    let Some(stage) = nothing_known(json!({"mode": "hint"})).up().await? else { return Ok(()) };
    assert!(!is_intercepted(&stage).await?);
    for (mode, intercepted) in [("strict", true), ("hint", false), ("strict", true)] {
        rewrite(&stage.lab, |capture| capture["mode"] = mode.into())?;
        let before = stage.daemon.written().len();
        stage.daemon.signal(Signal::SIGHUP)?;
        let told = |log: &str| log[before..].contains("read again; new connections go by it");
        stage.daemon.logged("the reload", told).await?;
        // The kernel side is told by the time the next event is handled; ask until it shows.
        stage.daemon.logged("the new mode", |log| log[before..].contains("treated differently")).await?;
        assert_eq!(is_intercepted(&stage).await?, intercepted, "{mode}");
    }
    // A bad file never replaces a good one.
    rewrite(&stage.lab, |capture| *capture = json!({"mode": "lax", "onFailure": "closed"}))?;
    stage.daemon.signal(Signal::SIGHUP)?;
    stage
        .daemon
        .logged("the mistake", |log| {
            log.contains("`lax`") && log.contains("what was in force stays in force")
        })
        .await?;
    assert!(is_intercepted(&stage).await?);
    Ok(())
}

#[tokio::test]
async fn a_workload_is_found_by_its_namespace_or_by_the_cgroup_of_its_processes() -> Result<()> {
    for by_cgroup in [false, true] {
        let Some(stage) = nothing_known(json!({})).up().await? else { return Ok(()) };
        assert!(!is_intercepted(&stage).await?);
        let workload = if by_cgroup {
            json!({"cgroup": stage.lab.cgroup.path().join("app"), "mode": "strict"})
        } else {
            json!({"namespace": stage.lab.topology.app.path(), "mode": "strict"})
        };
        rewrite(&stage.lab, |capture| capture["workloads"] = json!([workload]))?;
        stage.daemon.signal(Signal::SIGHUP)?;
        stage.daemon.logged("the new mode", |log| log.contains("treated differently")).await?;
        assert!(is_intercepted(&stage).await?, "by cgroup: {by_cgroup}");
        // One namespace, not the node's.
        assert_eq!(stage.daemon.written().matches("treated differently").count(), 1);
    }
    Ok(())
}

//! `interceptor coverage`: a known mix of calls from known workloads, and a report that equals it exactly.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use interceptor_tests::cgroup::Cgroup;
use interceptor_tests::client::{self, Wire};
use interceptor_tests::daemon::{self, Output};
use interceptor_tests::dialer::Dialer;
use interceptor_tests::lab::{ANTHROPIC, OPENAI, STATIC, host, https};
use interceptor_tests::netns::Namespace;
use interceptor_tests::place::Place;
use interceptor_tests::stage::Stage;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::failure::{config, pinned};
use super::{Secured, chat, post};

/// A workload of the laboratory.
pub(super) struct Workload {
    pub(super) place: Place,
    dialer: Dialer,
    cgroup: Arc<Cgroup>,
}

impl Workload {
    /// One in the application's namespace, in a cgroup of its own.
    pub(super) fn new(stage: &Stage, path: &str) -> Result<Self> {
        Self::start(&stage.lab.topology.app, Arc::new(stage.lab.cgroup.child(path)))
    }

    pub(super) fn start(namespace: &Namespace, cgroup: Arc<Cgroup>) -> Result<Self> {
        let place = Place::new(namespace).cgroup(&cgroup);
        Ok(Self { dialer: Dialer::start(&place)?, place, cgroup })
    }

    /// An inspected call, on a connection that stays open.
    pub(super) async fn call(&self, stage: &Stage) -> Result<Secured> {
        let mut wire = stage.lab.http1(&self.dialer, https(host::SHARED), OPENAI).await?;
        ensure!(wire.call(&post("/v1/chat/completions"), chat("hello")).await?.head.status == 200);
        Ok(wire)
    }

    /// A call as if there were no daemon: the internet's authority alone is trusted. True if that was enough.
    pub(super) async fn direct(&self, stage: &Stage, to: SocketAddr, name: &str) -> Result<bool> {
        let config = client::trusting(&stage.lab.pki.root_pem(), &["http/1.1"])?;
        let stream = self.dialer.connect(to)??;
        Ok(client::handshake(stream, name, &config).await?.is_ok())
    }

    /// What `sender` met.
    async fn send(&self, way: &str, to: SocketAddr) -> Result<Value> {
        let mut command = self.place.command(env!("CARGO_BIN_EXE_sender"));
        command.args([way, &to.to_string()]);
        Ok(serde_json::from_str(&daemon::run(command).await?.stdout)?)
    }

    /// The line of the report: `said`, and nothing else but zeros.
    pub(super) fn line(&self, said: Value) -> Result<Value> {
        let tree = interceptor::bpf::cgroup::root()?;
        let mut line = json!({
            "name": Path::new("/").join(self.cgroup.path().strip_prefix(tree)?),
            "cgroup": self.cgroup.id(),
            "attempts": 0, "redirected": 0, "inspected": 0, "upgraded": 0, "tunnelled": 0, "open": 0, "waiting": 0, "earlier": 0,
            "refused": {}, "left": {}, "passed": {}, "rejected": {}, "failed": {}, "dropped": {},
            "seen_leaving": {}, "seen_dropped": {}, "unaccounted": 0, "adds_up": true
        });
        interceptor_tests::stage::merge(&mut line, said);
        Ok(line)
    }
}

/// `interceptor coverage`, as an operator would call it.
async fn ask(stage: &Stage, arguments: &[&str]) -> Result<Output> {
    let mut command = stage.lab.node()?.command(daemon::binary()?);
    command.arg("coverage").arg("--config").arg(stage.lab.folder().join("config.yaml")).args(arguments);
    daemon::run(command).await
}

/// The report.
pub(super) async fn report(stage: &Stage) -> Result<Value> {
    let output = ask(stage, &["--json"]).await?;
    ensure!(output.code == Some(0), "{output:?}");
    Ok(serde_json::from_str(&output.stdout)?)
}

/// Waits until so many connections have ended.
pub(super) async fn ended(stage: &Stage, count: usize) -> Result<()> {
    let ended = |event: &Value| event["event"] == "connection";
    let enough = |_: &Value| {
        stage.daemon.audit().is_ok_and(|all| all.iter().filter(|event| ended(event)).count() >= count)
    };
    stage.daemon.audited(&format!("connection number {count}"), enough).await.map(drop)
}

/// What no name, no trust, no sense and no certificate bring: 5 connections of one workload.
async fn misfits(stage: &Stage, workload: &Workload) -> Result<()> {
    ensure!(!workload.direct(stage, https(host::SHARED), OPENAI).await?, "our authority is not trusted");
    ensure!(!workload.direct(stage, https(host::EXPIRED), ANTHROPIC).await?, "the origin's has expired");
    // A ClientHello whose session id is longer than it may be.
    let mut app = Wire::new(workload.dialer.connect(https(host::SHARED))??);
    let hello = [&[3, 3][..], &[7; 32], &[200], &[0; 64]].concat();
    let length = u8::try_from(hello.len())?;
    app.send([&[22, 3, 1, 0, length + 4, 1, 0, 0, length][..], &hello].concat()).await?;
    app.end().await?;
    let mut app = stage.lab.http1(&workload.dialer, https(host::SHARED), OPENAI).await?;
    let head = post("/v1/chat/completions");
    app.send(format!("{head}\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{{}}")).await?;
    ensure!(app.answer().await?.head.status == 400);
    let mut app = Wire::new(workload.dialer.connect(https(host::SHARED))??);
    app.send("GET / HTTP/1.1\r\nHost: api.openai.com\r\n\r\n").await?;
    app.finish().await?;
    app.end().await.map(drop)
}

/// What never becomes a connection to the daemon.
async fn ways_around(stage: &Stage, workload: &Workload) -> Result<()> {
    let eperm = json!(libc::EPERM);
    ensure!(workload.send("datagram", https(host::SHARED)).await?["sent"] == eperm);
    ensure!(workload.send("connected", https(host::SHARED)).await?["sent"] == eperm);
    let listener = config(stage)?["spec"]["listen"]["port"].as_u64().context("the listener's port")?;
    let to = SocketAddr::from(([127, 0, 0, 1], u16::try_from(listener)?));
    let error = workload.dialer.connect(to)?.err().context("the listener serves nobody directly")?;
    ensure!(error.raw_os_error() == Some(libc::EPERM));
    workload.send("raw", https(host::SHARED)).await.map(drop)
}

#[tokio::test]
async fn coverage_equals_a_known_mix_exactly() -> Result<()> {
    let Some(mut stage) = pinned(json!({})).await? else { return Ok(()) };
    let (first, second) = (Workload::new(&stage, "first")?, Workload::new(&stage, "second")?);
    // In a namespace that nobody serves, and from which there is no way anyhow.
    let stranger = Workload::start(&Namespace::new(), Arc::new(stage.lab.cgroup.child("stranger")))?;

    for _ in 0..3 {
        drop(first.call(&stage).await?);
    }
    for _ in 0..2 {
        assert!(first.direct(&stage, https(host::SHARED), STATIC).await?);
    }
    misfits(&stage, &first).await?;
    ways_around(&stage, &first).await?;
    drop(second.call(&stage).await?);
    assert!(second.direct(&stage, https(host::SHARED), STATIC).await?);
    ended(&stage, 12).await?;
    let open = second.call(&stage).await?;
    for _ in 0..2 {
        assert!(stranger.dialer.connect(https(host::SHARED))?.is_err());
    }

    let of_first = first.line(json!({
        "attempts": 14, "redirected": 10, "inspected": 3, "passed": {"not_tls": 1, "other_name": 2},
        "rejected": {"framing": 1, "malformed_hello": 1},
        "failed": {"client_untrusted": 1, "origin_certificate": 1},
        "refused": {"datagram": 2, "direct_connect": 1}, "left": {"unseen": 1}
    }))?;
    let of_second =
        json!({"attempts": 3, "redirected": 3, "inspected": 1, "passed": {"other_name": 1}, "open": 1});
    let of_stranger = stranger.line(json!({"attempts": 2, "left": {"unknown_namespace": 2}}))?;
    let node = json!({"adds_up": true, "not_by_workload": {}, "without_record": 0, "raw_packets": []});
    let expected = |workloads: [&Value; 3]| json!({"adds_up": true, "workloads": workloads, "node": node});
    assert_eq!(report(&stage).await?, expected([&of_first, &second.line(of_second)?, &of_stranger]));
    // A call past the daemon is what the strict form is for.
    let table = ask(&stage, &["--strict"]).await?;
    assert_eq!(table.code, Some(1), "{table:?}");
    assert!(table.stdout.contains("Everything adds up; 4 reached, or may have reached,"), "{table:?}");

    // The daemon is killed, two calls fail open, and the next daemon takes the counts over.
    stage.daemon.signal(Signal::SIGKILL)?;
    stage.daemon.ended().await?;
    drop(open);
    for _ in 0..2 {
        assert!(second.direct(&stage, https(host::SHARED), OPENAI).await?);
    }
    let nobody = ask(&stage, &[]).await?;
    assert_eq!(nobody.code, Some(1), "{nobody:?}");
    assert!(nobody.stderr.contains("nobody answers at 127.0.0.1:"), "{nobody:?}");
    stage.daemon = stage.lab.daemon_with(&config(&stage)?).await?;
    drop(second.call(&stage).await?);
    ended(&stage, 13).await?;

    let mut of_first = of_first;
    for zero in ["passed", "rejected", "failed"] {
        of_first[zero] = json!({});
    }
    (of_first["inspected"], of_first["earlier"]) = (json!(0), json!(10));
    let of_second = json!({
        "attempts": 6, "redirected": 4, "inspected": 1, "earlier": 3,
        "left": {"no_listener": 2}, "seen_leaving": {"no_listener": 2}
    });
    assert_eq!(report(&stage).await?, expected([&of_first, &second.line(of_second)?, &of_stranger]));
    Ok(())
}

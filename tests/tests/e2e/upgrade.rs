//! One daemon takes over from another under load: open streams go on to their end, and no connection is refused, reset
//! or sent elsewhere meanwhile.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use interceptor_tests::lab::{OPENAI, host};
use interceptor_tests::provider::{Format, Stream};
use interceptor_tests::stage::Stage;
use interceptor_tests::{client, daemon, within};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::failure::{config, pinned};
use super::{Secured, chat, chat_stream, coverage, post};

/// Streams that are open while the daemon is exchanged.
const STREAMS: usize = 500;
/// Calls on new connections that have to succeed after the new daemon serves.
const AFTERWARDS: usize = 50;

/// An open stream: the provider's end and the application's.
async fn open_stream(stage: &Stage) -> Result<(Stream, Secured)> {
    let mut stream = stage.lab.provider.stream(Format::Chat);
    let mut app = stage.http1(host::SHARED, OPENAI).await?;
    let body = chat_stream("go on");
    app.send(client::request(&post("/v1/chat/completions"), body.len()) + &body).await?;
    stream.open()?;
    stream.token("before ")?;
    ensure!(app.head().await?.status == 200, "the stream is not served");
    Ok((stream, app))
}

async fn rest_of(app: &mut Secured) -> Result<String> {
    let mut got = Vec::new();
    while let Some(chunk) = app.chunk(&mut Vec::new()).await? {
        got.extend(chunk);
    }
    Ok(String::from_utf8_lossy(&got).into_owned())
}

/// Calls on a connection of its own each time, until told to stop. Any failure is the test's.
async fn steady_calls(stage: &Stage, done: &Cell<usize>, enough: &Cell<Option<usize>>) -> Result<()> {
    while enough.get().is_none_or(|enough| done.get() < enough) {
        let mut app = stage.openai().await.with_context(|| format!("call {}", done.get()))?;
        let answer = app.call("GET /v1/models HTTP/1.1\r\nHost: api.openai.com", "").await?;
        ensure!(answer.head.status == 200, "call {}: {}", done.get(), answer.text());
        done.set(done.get() + 1);
    }
    Ok(())
}

#[tokio::test]
async fn case_39_an_upgrade_under_load_loses_nothing() -> Result<()> {
    // Closed and strict: a moment in which nobody serves would be seen as a refusal.
    let spec = json!({"capture": {"mode": "strict", "onFailure": "closed"}});
    let Some(mut stage) = pinned(spec).await? else { return Ok(()) };
    let mut open = Vec::new();
    for _ in 0..STREAMS {
        open.push(open_stream(&stage).await?);
    }
    let (done, enough) = (Cell::new(0), Cell::new(None));
    let config = config(&stage)?;
    let upgrade = async {
        let new = stage.lab.upgrade(&config).await?;
        enough.set(Some(done.get() + AFTERWARDS));
        anyhow::Ok(new)
    };
    let (calls, new) = tokio::join!(steady_calls(&stage, &done, &enough), upgrade);
    calls?;
    let mut old = std::mem::replace(&mut stage.daemon, new?);
    ensure!(done.get() > AFTERWARDS, "no call was made while the new daemon started");
    for (stream, _) in &mut open {
        stream.token("and afterwards")?;
    }
    for (stream, mut app) in open {
        stream.close()?;
        let text = rest_of(&mut app).await?;
        ensure!(text.contains("before ") && text.contains("and afterwards"), "{text}");
        ensure!(text.ends_with("data: [DONE]\n\n"), "{text}");
    }
    // The last of its connections has ended, and with it the old daemon.
    assert_eq!(old.ended().await?.code(), Some(0));
    stage
        .daemon
        .logged("the old daemon's end", |log| log.contains("the daemon that ran before has ended"))
        .await?;
    stage.openai().await?.call(&post("/v1/chat/completions"), chat("hello")).await?;
    // The kernel side saw no moment without a daemon, and every destination was found.
    let metrics = stage.metrics().await?;
    for never in ["left_", "refused_", "flow_full"] {
        let mut lines = metrics.lines().filter(|line| line.contains(&format!("counter=\"{never}")));
        let harmless = ["other_port", "other_protocol", "loopback", "exempt"];
        let bad =
            lines.find(|line| !line.ends_with(" 0") && !harmless.iter().any(|word| line.contains(word)));
        assert_eq!(bad, None);
    }
    assert!(!stage.daemon.written().contains("the kernel did not redirect"));
    // What the old daemon was brought is told apart from what the new one was, and nothing is missing between them.
    let report = coverage::report(&stage).await?;
    assert_eq!(report["adds_up"], true, "{report}");
    let counts = ["earlier", "inspected"].map(|field| report["workloads"][0][field].as_u64().unwrap_or(0));
    assert!(counts[0] >= STREAMS as u64 && counts[1] > 0, "{report}");
    Ok(())
}

#[tokio::test]
async fn a_second_daemon_does_not_start_unless_it_is_told_to_take_over() -> Result<()> {
    let Some(stage) = pinned(Value::Null).await? else { return Ok(()) };
    let file = stage.lab.folder().join("config.yaml");
    let mut command = stage.lab.node()?.command(daemon::binary()?);
    command.arg("run").arg("--config").arg(&file);
    let output = daemon::run(command).await?;
    assert_eq!(output.code, Some(4), "{output:?}");
    assert!(output.stderr.contains("run --upgrade"), "{output:?}");
    stage.openai().await?.call(&post("/v1/chat/completions"), chat("hello")).await?;
    Ok(())
}

#[tokio::test]
async fn a_new_daemon_that_cannot_start_leaves_the_old_one_as_it_was() -> Result<()> {
    let spec = json!({"capture": {"onFailure": "closed"}});
    let Some(mut stage) = pinned(spec).await? else { return Ok(()) };
    // It gets the listeners, and then fails for want of a cgroup.
    let mut wrong = config(&stage)?;
    wrong["spec"]["cgroup"] = json!("/sys/fs/cgroup/nowhere-at-all");
    let file = stage.lab.file("wrong.yaml", wrong.to_string())?;
    let mut command = stage.lab.node()?.command(daemon::binary()?);
    command.arg("run").arg("--upgrade").arg("--config").arg(file);
    let output = daemon::run(command).await?;
    assert_eq!(output.code, Some(4), "{output:?}");
    stage.daemon.logged("that it goes on", |log| log.contains("this one goes on")).await?;
    stage.openai().await?.call(&post("/v1/chat/completions"), chat("hello")).await?;
    // And a right one can still follow, and be followed.
    for _ in 0..2 {
        let new = stage.lab.upgrade(&config(&stage)?).await?;
        let mut old = std::mem::replace(&mut stage.daemon, new);
        assert_eq!(within("the old daemon's end", old.ended()).await??.code(), Some(0));
        stage.openai().await?.call(&post("/v1/chat/completions"), chat("hello")).await?;
    }
    stage.daemon.signal(Signal::SIGTERM)?;
    assert_eq!(stage.daemon.ended().await?.code(), Some(0));
    Ok(())
}

/// What `interceptor health` says of the daemon of a configuration: whether it lives, and whether it serves.
async fn health(stage: &Stage, file: &Path) -> Result<[bool; 2]> {
    let mut said = [false; 2];
    for (said, question) in said.iter_mut().zip([&[][..], &["--ready"]]) {
        let mut command = stage.lab.node()?.command(daemon::binary()?);
        command.arg("health").args(question).arg("--config").arg(file);
        let output = daemon::run(command).await?;
        ensure!(matches!(output.code, Some(0 | 1)), "{output:?}");
        *said = output.code == Some(0);
    }
    Ok(said)
}

/// A file with the stage's configuration, but a socket of its own for health.
fn own_socket(stage: &Stage, name: &str) -> Result<(Value, PathBuf)> {
    let mut config = stage.lab.config();
    config["spec"]["capture"]["pins"] = json!(stage.lab.pins()?);
    config["spec"]["admin"]["socket"] = json!(stage.lab.folder().join(name).join("admin.sock"));
    let file = stage.lab.file(&format!("{name}.yaml"), config.to_string())?;
    Ok((config, file))
}

/// As Kubernetes does it where a new pod starts beside the old one.
#[tokio::test]
async fn case_39_a_daemon_that_lingers_idles_until_it_is_told_to_stop() -> Result<()> {
    let Some(mut stage) = pinned(Value::Null).await? else { return Ok(()) };
    stage.daemon.signal(Signal::SIGTERM)?;
    stage.daemon.ended().await?;
    let surge = ["--upgrade", "--linger"];
    let (first, of_first) = own_socket(&stage, "first")?;
    let (second, of_second) = own_socket(&stage, "second")?;
    let start = async |config: &Value| -> Result<_> {
        daemon::Daemon::start_with(&stage.lab.node()?, config, stage.lab.folder(), &surge).await
    };
    let old = start(&first).await?;
    assert_eq!(
        (health(&stage, &of_first).await?, health(&stage, &of_second).await?),
        ([true; 2], [false; 2])
    );
    let (mut stream, mut app) = open_stream(&stage).await?;
    let new = start(&second).await?;
    assert_eq!(health(&stage, &of_second).await?, [true; 2]);
    // It still has a stream to finish, and then nothing; it lives, and serves no more.
    assert_eq!(health(&stage, &of_first).await?, [true, false]);
    stream.token("and afterwards")?;
    stream.close()?;
    assert!(rest_of(&mut app).await?.ends_with("data: [DONE]\n\n"));
    drop(app);
    new.logged("that the old one has drained", |log| log.contains("the daemon that ran before has ended"))
        .await?;
    old.logged("that it idles", |log| log.contains("idle: another daemon serves")).await?;
    assert_eq!(health(&stage, &of_first).await?, [true, false]);
    stage.openai().await?.call(&post("/v1/chat/completions"), chat("hello")).await?;

    // The new one dies, and is started again: nothing of the idle one is in its way.
    new.signal(Signal::SIGKILL)?;
    let mut new = new;
    new.ended().await?;
    let new = start(&second).await?;
    assert_eq!(
        (health(&stage, &of_first).await?, health(&stage, &of_second).await?),
        ([true, false], [true; 2])
    );
    stage.openai().await?.call(&post("/v1/chat/completions"), chat("hello")).await?;
    assert_eq!(old.stop().await?.code(), Some(0));
    stage.openai().await?.call(&post("/v1/chat/completions"), chat("hello")).await?;
    assert_eq!(new.stop().await?.code(), Some(0));
    Ok(())
}

#[tokio::test]
async fn a_lingering_daemon_that_is_told_to_stop_while_it_drains_ends_when_it_has() -> Result<()> {
    let Some(mut stage) = pinned(Value::Null).await? else { return Ok(()) };
    stage.daemon.signal(Signal::SIGTERM)?;
    stage.daemon.ended().await?;
    let (config, _) = own_socket(&stage, "first")?;
    let surge = ["--upgrade", "--linger"];
    let place = stage.lab.node()?;
    let mut old = daemon::Daemon::start_with(&place, &config, stage.lab.folder(), &surge).await?;
    let (mut stream, mut app) = open_stream(&stage).await?;
    let (config, _) = own_socket(&stage, "second")?;
    stage.daemon = daemon::Daemon::start_with(&place, &config, stage.lab.folder(), &surge).await?;
    old.signal(Signal::SIGTERM)?;
    stream.token("and afterwards")?;
    stream.close()?;
    assert!(rest_of(&mut app).await?.ends_with("data: [DONE]\n\n"));
    drop(app);
    assert_eq!(old.ended().await?.code(), Some(0));
    Ok(())
}

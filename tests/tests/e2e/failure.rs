//! What applications meet while the daemon cannot serve them, under both fail policies. Told by the outcome of a
//! connection with a deadline of its own, never by the time it took.

use std::io;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use interceptor_tests::dialer::Dialer;
use interceptor_tests::lab::{Lab, OPENAI, host, https};
use interceptor_tests::netns::Namespace;
use interceptor_tests::place::Place;
use interceptor_tests::stage::{Setup, Stage, merge};
use interceptor_tests::{client, daemon, gate, within};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{chat, coverage, post};

/// What became of an application's call to an AI provider.
#[derive(Debug, PartialEq, Eq)]
enum Met {
    /// It was shown our certificate.
    Intercepted,
    /// It was shown the provider's own.
    Direct,
    /// `connect` failed with `EPERM`.
    Refused,
    /// It was reset.
    Reset,
    /// Nobody answered within the time that it gives itself.
    Hung,
}

/// The time an application's call gives itself. A bound on hanging: nothing is concluded from less of it.
const PATIENCE: Duration = Duration::from_secs(2);

async fn call(stage: &Stage) -> Result<Met> {
    let stream = match stage.dialer.connect(https(host::SHARED))? {
        Ok(stream) => stream,
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => return Ok(Met::Refused),
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(Met::Reset),
        // The listener was closed after the hook had looked for it.
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => return Ok(Met::Reset),
        Err(error) => return Err(error).context("connect"),
    };
    // It trusts the internet's authority alone.
    let config = client::trusting(&stage.lab.pki.root_pem(), &["http/1.1"])?;
    let Ok(shaken) = timeout(PATIENCE, client::handshake(stream, OPENAI, &config)).await else {
        return Ok(Met::Hung);
    };
    match shaken? {
        Ok(_) => Ok(Met::Direct),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(Met::Intercepted),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(Met::Reset),
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(Met::Reset),
        Err(error) => Err(error).context("the handshake"),
    }
}

/// Calls until one meets what is wanted; until then each may be `meanwhile`.
async fn until(stage: &Stage, wanted: &Met, meanwhile: &[Met]) -> Result<()> {
    let calls = async {
        loop {
            let met = call(stage).await?;
            if met == *wanted {
                return Ok(());
            }
            ensure!(meanwhile.contains(&met), "{met:?} while {wanted:?} was waited for");
            tokio::task::yield_now().await;
        }
    };
    within(&format!("a call that is {wanted:?}"), calls).await?
}

/// Whatever became of the calls, none is lost between what the kernel and what the daemon counted.
async fn accounted_for(stage: &Stage) -> Result<()> {
    let report = coverage::report(stage).await?;
    ensure!(report["adds_up"] == true, "{report:#}");
    Ok(())
}

/// The fail policies by name, and what applications meet under them.
const POLICIES: [(&str, Met); 2] = [("open", Met::Direct), ("closed", Met::Refused)];

async fn stage(on_failure: &str) -> Result<Option<Stage>> {
    Setup::default().spec(json!({"capture": {"onFailure": on_failure}})).up().await
}

/// Sets the daemon's limit of descriptors.
fn limit(stage: &Stage, descriptors: usize) -> Result<()> {
    let pid = stage.daemon.pid().context("the daemon runs")?.to_string();
    let limit = format!("--nofile={descriptors}:");
    let output = Command::new("prlimit").args(["--pid", &pid, &limit]).output()?;
    ensure!(output.status.success(), "prlimit: {output:?}");
    Ok(())
}

/// The lowest descriptor that the daemon does not use: with it as the limit, the next one cannot be made.
fn lowest_free(stage: &Stage) -> Result<usize> {
    let pid = stage.daemon.pid().context("the daemon runs")?;
    let mut used = Vec::new();
    for entry in std::fs::read_dir(format!("/proc/{pid}/fd"))? {
        used.push(entry?.file_name().to_string_lossy().parse::<usize>()?);
    }
    (0..).find(|number| !used.contains(number)).context("there is always a free number")
}

#[tokio::test]
async fn case_35_without_descriptors_new_calls_meet_the_policy_and_open_ones_go_on() -> Result<()> {
    for (policy, met) in POLICIES {
        let Some(stage) = stage(policy).await? else { return Ok(()) };
        let mut open = stage.openai().await?;
        open.call(&post("/v1/chat/completions"), chat("hello")).await?;
        limit(&stage, lowest_free(&stage)?)?;
        // What was redirected before the daemon found out is reset, not left waiting.
        until(&stage, &met, &[Met::Reset]).await?;
        assert_eq!(call(&stage).await?, met, "{policy}");
        assert_eq!(open.call(&post("/v1/chat/completions"), chat("hello")).await?.head.status, 200);
        limit(&stage, 1024)?;
        until(&stage, &Met::Intercepted, &[met]).await?;
        let metrics = stage.metrics().await?;
        let counter = if policy == "open" { "left_daemon_silent" } else { "refused_daemon_silent" };
        let line = metrics.lines().find(|line| line.contains(counter)).context("the counter")?;
        assert!(!line.ends_with(" 0"), "{line}");
        accounted_for(&stage).await?;
    }
    Ok(())
}

/// A stage whose daemon pins its programs, so that they outlive it.
pub(super) async fn pinned(spec: Value) -> Result<Option<Stage>> {
    if !gate::passes(gate::kernel()) {
        return Ok(None);
    }
    let lab = Lab::new()?;
    let mut config = lab.config();
    merge(&mut config["spec"], spec);
    config["spec"]["capture"]["pins"] = json!(lab.pins()?);
    let daemon = lab.daemon_with(&config).await?;
    Ok(Some(Stage { daemon, dialer: lab.dialer()?, lab }))
}

/// The configuration that the daemon was started with.
pub(super) fn config(stage: &Stage) -> Result<Value> {
    Ok(serde_json::from_str(&std::fs::read_to_string(stage.lab.folder().join("config.yaml"))?)?)
}

async fn restart(stage: &mut Stage) -> Result<()> {
    stage.daemon = stage.lab.daemon_with(&config(stage)?).await?;
    Ok(())
}

async fn kill(stage: &mut Stage) -> Result<()> {
    stage.daemon.signal(Signal::SIGKILL)?;
    stage.daemon.ended().await.map(drop)
}

#[tokio::test]
async fn case_31_a_killed_daemon_leaves_the_fail_policy_and_the_next_one_takes_over() -> Result<()> {
    for (policy, met) in POLICIES {
        let Some(mut stage) = pinned(json!({"capture": {"onFailure": policy}})).await? else { return Ok(()) };
        assert_eq!(call(&stage).await?, Met::Intercepted);
        kill(&mut stage).await?;
        // At once, and for as long as it takes.
        for _ in 0..5 {
            assert_eq!(call(&stage).await?, met, "{policy}");
        }
        restart(&mut stage).await?;
        assert_eq!(call(&stage).await?, Met::Intercepted);
        // The kernel's counters go on where they were.
        let metrics = stage.metrics().await?;
        let counter = if policy == "open" { "\"left_no_listener\"} 5" } else { "\"refused_no_listener\"} 5" };
        assert!(metrics.contains(counter), "{metrics}");
    }
    Ok(())
}

#[tokio::test]
async fn case_32_a_stopped_daemon_is_found_out_by_its_silence() -> Result<()> {
    for (policy, met) in POLICIES {
        let spec = json!({"capture": {"onFailure": policy, "heartbeat": "1s"}});
        let Some(stage) = Setup::default().spec(spec).up().await? else { return Ok(()) };
        until(&stage, &Met::Intercepted, std::slice::from_ref(&met)).await?;
        stage.daemon.signal(Signal::SIGSTOP)?;
        // The signal takes a moment to arrive, and its listener still takes connections until its last sign of life is
        // too old.
        until(&stage, &met, &[Met::Intercepted, Met::Hung]).await?;
        for _ in 0..5 {
            assert_eq!(call(&stage).await?, met, "{policy}");
        }
        stage.daemon.signal(Signal::SIGCONT)?;
        until(&stage, &Met::Intercepted, &[met]).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_daemon_that_is_told_to_stop_leaves_what_the_configuration_says() -> Result<()> {
    for (policy, met) in POLICIES {
        for on_stop in ["keep", "detach"] {
            let spec = json!({"capture": {"onFailure": policy, "onStop": on_stop}});
            let Some(mut stage) = pinned(spec).await? else { return Ok(()) };
            stage.daemon.signal(Signal::SIGTERM)?;
            assert_eq!(stage.daemon.ended().await?.code(), Some(0));
            let expected = if on_stop == "keep" { &met } else { &Met::Direct };
            assert_eq!(call(&stage).await?, *expected, "{policy}, {on_stop}");
            let is_pinned = stage.lab.pinned()?.contains(&stage.lab.pins()?);
            assert_eq!(is_pinned, on_stop == "keep");
        }
    }
    Ok(())
}

#[tokio::test]
async fn uninstalling_leaves_nothing_in_the_kernel() -> Result<()> {
    let spec = json!({"capture": {"onFailure": "closed"}});
    let Some(mut stage) = pinned(spec).await? else { return Ok(()) };
    // Not alone in its cgroup, the daemon makes one of its own, which a killed one leaves behind.
    let mut neighbour = stage.lab.node()?.command("/usr/bin/cat").stdin(Stdio::piped()).spawn()?;
    kill(&mut stage).await?;
    restart(&mut stage).await?;
    let own = stage.lab.cgroup.path().join("node");
    let own = own.join(format!("interceptor-{}", stage.daemon.pid().context("it runs")?));
    assert!(own.exists());
    let uninstall = || -> Result<_> {
        let mut command = stage.lab.node()?.command(daemon::binary()?);
        command.args(["uninstall", "--config"]).arg(stage.lab.folder().join("config.yaml"));
        Ok(daemon::run(command))
    };
    // Not from under a daemon that runs.
    let output = uninstall()?.await?;
    assert_eq!(output.code, Some(4), "{output:?}");
    assert!(output.stderr.contains("another daemon uses the pins"), "{output:?}");
    stage.daemon.signal(Signal::SIGKILL)?;
    until(&stage, &Met::Refused, &[Met::Intercepted, Met::Reset]).await?;
    stage.daemon.ended().await?;
    let output = uninstall()?.await?;
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stdout.contains(&*stage.lab.pins()?.to_string_lossy()), "{output:?}");
    assert!(!stage.lab.folder().join("state/handover.sock").exists());
    assert!(!own.exists() && !stage.lab.pinned()?.contains(&stage.lab.pins()?));
    assert_eq!(call(&stage).await?, Met::Direct);
    let output = uninstall()?.await?;
    assert_eq!((output.code, output.stdout.trim()), (Some(0), "nothing is installed"), "{output:?}");
    drop(neighbour.stdin.take());
    neighbour.wait()?;
    Ok(())
}

#[tokio::test]
async fn case_38_a_connection_that_is_reset_before_it_is_accepted_leaves_no_trace() -> Result<()> {
    let Some(stage) = stage("closed").await? else { return Ok(()) };
    stage.daemon.signal(Signal::SIGSTOP)?;
    for _ in 0..8 {
        let stream = stage.dialer.connect(https(host::SHARED))??;
        socket2::SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO))?;
    }
    stage.daemon.signal(Signal::SIGCONT)?;
    until(&stage, &Met::Intercepted, &[Met::Refused]).await?;
    // Each of them is told of and none has gone anywhere.
    let ended = |event: &Value| event["event"] == "connection" && event["outcome"] == "application";
    stage.daemon.audited("a connection that was reset", ended).await?;
    assert_eq!(stage.lab.provider.record().seen().calls.len(), 0);
    accounted_for(&stage).await?;
    Ok(())
}

#[tokio::test]
async fn case_44_a_daemon_restarts_while_everything_is_strict_and_closed() -> Result<()> {
    let spec = json!({
        "capture": {"mode": "strict", "onFailure": "closed"},
        "endpoints": {"ports": [53, 443], "addresses": []}
    });
    let Some(mut stage) = pinned(spec).await? else { return Ok(()) };
    // Not alone in its cgroup, each daemon has another one, which the programs cannot know beforehand.
    let mut neighbour = stage.lab.node()?.command("/usr/bin/cat").stdin(Stdio::piped()).spawn()?;
    for _ in 0..3 {
        kill(&mut stage).await?;
        assert_eq!(call(&stage).await?, Met::Refused);
        // It asks for names, reaches providers and serves, though its own namespace is as strict as the others.
        restart(&mut stage).await?;
        assert!(stage.daemon.ready()["endpoints"].as_u64().is_some_and(|known| known > 0));
        let answer = stage.openai().await?.call(&post("/v1/chat/completions"), chat("hello")).await?;
        assert_eq!(answer.head.status, 200);
    }
    drop(neighbour.stdin.take());
    neighbour.wait()?;
    Ok(())
}

#[tokio::test]
async fn case_36_a_namespace_that_goes_while_it_connects_is_let_go_and_the_next_one_served() -> Result<()> {
    for (policy, _) in POLICIES {
        let spec = json!({"namespaces": ["self", "discover"], "capture": {"onFailure": policy}});
        let Some(stage) = Setup::default().spec(spec).up().await? else { return Ok(()) };
        let pid = stage.daemon.pid().context("it runs")?;
        for _ in 0..2 {
            let pod = Namespace::new();
            let name = std::fs::read_link(pod.path())?.to_string_lossy().into_owned();
            let place = Place::new(&pod).cgroup(&stage.lab.app_cgroup());
            let dialer = Dialer::start(&place)?;
            let told =
                |log: &str, what: &str| log.lines().any(|line| line.contains(what) && line.contains(&name));
            stage
                .daemon
                .logged("the namespace is served", |log| told(log, "serving a network namespace"))
                .await?;
            stage.daemon.signal(Signal::SIGSTOP)?;
            // In the backlog of a listener of a namespace that nobody but the daemon holds any more.
            drop(dialer.connect(https(host::SHARED))??);
            drop((dialer, place, pod));
            stage.daemon.signal(Signal::SIGCONT)?;
            stage
                .daemon
                .logged("the namespace is let go", |log| told(log, "a network namespace is gone"))
                .await?;
            let held = || -> Result<bool> {
                let names = std::fs::read_dir(format!("/proc/{pid}/fd"))?.flatten();
                Ok(names
                    .filter_map(|fd| std::fs::read_link(fd.path()).ok())
                    .any(|link| link.as_os_str() == &*name))
            };
            let gone = async {
                while held()? {
                    tokio::task::yield_now().await;
                }
                anyhow::Ok(())
            };
            within("the daemon to close the namespace", gone).await??;
        }
        // Discovery found the laboratory's own application meanwhile.
        until(&stage, &Met::Intercepted, &[Met::Direct]).await?;
        accounted_for(&stage).await?;
    }
    Ok(())
}

//! Who called is who called, whatever has become of the process since: what cannot be certain is said to be so.

use std::fs::read_link;
use std::path::Path;

use anyhow::{Context as _, Result};
use interceptor_tests::client::{self, Wire};
use interceptor_tests::lab::{OPENAI, host, https};
use interceptor_tests::reborn::Reborn;
use interceptor_tests::stage::Stage;
use nix::sys::signal::Signal;
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;
use serde_json::Value;

use super::{chat, post};

#[tokio::test]
async fn a_process_of_the_host_is_known_by_user_group_and_executable() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    stage.openai().await?.call(&post("/v1/chat/completions"), chat("hello")).await?;
    let caller = stage.exchange("complete").await?["caller"].clone();
    let executable = read_link(format!("/proc/{}/exe", stage.dialer.pid()))?;
    assert_eq!(caller["executable"], *executable.to_string_lossy(), "{caller}");
    assert_eq!(caller["user"], "root", "{caller}");
    let group = stage.lab.app_cgroup();
    let path = group.path().strip_prefix(interceptor::bpf::cgroup::root()?)?;
    assert_eq!(caller["cgroup_path"], format!("/{}", path.display()), "{caller}");
    assert_eq!((caller.get("pod"), caller.get("unknown")), (None, None), "{caller}");
    Ok(())
}

/// The caller of an exchange whose process has ended before the daemon could look at it, and after which `then`
/// happened. The test goes on with its connection, as another process could.
async fn after_its_end<T>(then: impl FnOnce(&Stage, u32) -> Result<T>) -> Result<Option<Value>> {
    let Some(Stage { daemon, dialer, lab }) = Stage::up().await? else { return Ok(None) };
    daemon.signal(Signal::SIGSTOP)?;
    let itself = Pid::from_raw(daemon.pid().context("it runs")?.cast_signed());
    // All its threads: until then one of them may still accept.
    waitid(Id::Pid(itself), WaitPidFlag::WSTOPPED | WaitPidFlag::WNOWAIT)?;
    // The kernel completes the connection without the daemon, and the test has the socket.
    let socket = dialer.connect(https(host::SHARED))?.context("connect")?;
    let pid = dialer.pid();
    drop(dialer);
    let stage = Stage { daemon, dialer: lab.dialer()?, lab };
    let alive = then(&stage, pid)?;
    stage.daemon.signal(Signal::SIGCONT)?;
    let secured = client::handshake(socket, OPENAI, &stage.lab.client(&["http/1.1"])?).await??;
    Wire::new(secured).call(&post("/v1/chat/completions"), chat("hello")).await?;
    let event = stage.exchange("complete").await?;
    drop(alive);
    assert_eq!(event["caller"]["pid"], pid, "{event}");
    Ok(Some(event["caller"].clone()))
}

#[tokio::test]
async fn a_process_that_has_ended_is_an_unknown_caller() -> Result<()> {
    let Some(caller) = after_its_end(|_, _| Ok(())).await? else { return Ok(()) };
    assert_eq!(
        (&caller["unknown"], &caller["executable"]),
        (&"process_gone".into(), &Value::Null),
        "{caller}"
    );
    // Its group is still certain.
    assert!(caller["cgroup_path"].as_str().is_some_and(|path| path.ends_with("/app")), "{caller}");
    Ok(())
}

#[tokio::test]
async fn a_process_number_that_is_used_again_lends_nobody_an_identity() -> Result<()> {
    let reuse = |stage: &Stage, pid| {
        // The kernel tells beginnings in steps of 10 ms; the new process has to begin in another one.
        let step = || {
            clock_gettime(ClockId::CLOCK_BOOTTIME).map(|now| now.tv_sec() * 100 + now.tv_nsec() / 10_000_000)
        };
        let last = step()?;
        while step()? == last {
            std::thread::yield_now();
        }
        let reborn = Reborn::new(pid, &stage.lab.app_cgroup())?;
        Ok(reborn)
    };
    let Some(caller) = after_its_end(reuse).await? else { return Ok(()) };
    assert_eq!(
        (&caller["unknown"], &caller["executable"]),
        (&"process_reused".into(), &Value::Null),
        "{caller}"
    );
    Ok(())
}

/// The caller of an exchange on a connection that was made while the daemon stood still, and after which the process
/// that had made it became another program.
async fn executed(program: &Path, words: &[&str]) -> Result<Option<Value>> {
    let Some(stage) = Stage::up().await? else { return Ok(None) };
    stage.daemon.signal(Signal::SIGSTOP)?;
    let itself = Pid::from_raw(stage.daemon.pid().context("it runs")?.cast_signed());
    waitid(Id::Pid(itself), WaitPidFlag::WSTOPPED | WaitPidFlag::WNOWAIT)?;
    let socket = stage.dialer.connect(https(host::SHARED))?.context("connect")?;
    stage.dialer.execute(program, words)?;
    stage.daemon.signal(Signal::SIGCONT)?;
    let secured = client::handshake(socket, OPENAI, &stage.lab.client(&["http/1.1"])?).await??;
    Wire::new(secured).call(&post("/v1/chat/completions"), chat("hello")).await?;
    let event = stage.exchange("complete").await?;
    assert_eq!(event["caller"]["pid"], stage.dialer.pid(), "{event}");
    Ok(Some(event["caller"].clone()))
}

#[tokio::test]
async fn a_process_that_becomes_another_program_does_not_lend_it_its_connection() -> Result<()> {
    let Some(caller) = executed(Path::new("/usr/bin/sleep"), &["600"]).await? else { return Ok(()) };
    assert_eq!(
        (&caller["unknown"], &caller["executable"]),
        (&"process_executed".into(), &Value::Null),
        "{caller}"
    );
    // Its group and its user are as certain as before.
    assert_eq!(caller["user"], "root", "{caller}");
    assert!(caller["cgroup_path"].as_str().is_some_and(|path| path.ends_with("/app")), "{caller}");
    Ok(())
}

#[tokio::test]
async fn a_process_is_the_program_that_it_was_when_it_connected() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    stage.openai().await?.call(&post("/v1/chat/completions"), chat("hello")).await?;
    // Another program by now, under the same number; a copy, so that it has another path.
    let copy = stage.lab.folder().join("other-dialer");
    std::fs::copy(interceptor_tests::program("lab-dialer")?, &copy)?;
    stage.dialer.execute(&copy, &[])?;
    stage.openai().await?.call(&post("/v1/chat/completions"), chat("hello")).await?;
    let callers: Vec<Value> = stage.exchanges(2).await?.iter().map(|event| event["caller"].clone()).collect();
    assert_eq!(callers[0]["pid"], callers[1]["pid"]);
    assert!(
        callers[0]["executable"].as_str().is_some_and(|path| path.ends_with("/lab-dialer")),
        "{callers:?}"
    );
    assert_eq!(callers[1]["executable"], *copy.to_string_lossy(), "{callers:?}");
    assert_eq!(callers[1].get("unknown"), None, "{callers:?}");
    Ok(())
}

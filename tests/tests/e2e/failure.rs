//! What applications meet while the daemon cannot serve them, under both fail policies. Told by the outcome of a
//! connection with a deadline of its own, never by the time it took.

use std::io;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use interceptor_tests::lab::{OPENAI, host, https};
use interceptor_tests::stage::{Setup, Stage};
use interceptor_tests::{client, within};
use serde_json::json;

use super::{chat, post};

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
}

async fn call(stage: &Stage) -> Result<Met> {
    let stream = match stage.dialer.connect(https(host::SHARED))? {
        Ok(stream) => stream,
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => return Ok(Met::Refused),
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(Met::Reset),
        Err(error) => return Err(error).context("connect"),
    };
    // It trusts the internet's authority alone.
    let config = client::trusting(&stage.lab.pki.root_pem(), &["http/1.1"])?;
    match client::handshake(stream, OPENAI, &config).await? {
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
    }
    Ok(())
}

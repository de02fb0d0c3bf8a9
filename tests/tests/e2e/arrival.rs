//! Who was there first: workloads that run before the daemon, and those that begin while it looks elsewhere.

use anyhow::{Context as _, Result, ensure};
use interceptor_tests::client::{self, Wire};
use interceptor_tests::dialer::Dialer;
use interceptor_tests::lab::{Lab, OPENAI, host, https};
use interceptor_tests::netns::Namespace;
use interceptor_tests::place::Place;
use interceptor_tests::stage::{Setup, Stage};
use interceptor_tests::{gate, topology, within};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::{chat, post};

const REQUEST: &str = "GET /v1/models HTTP/1.1\r\nhost: api.openai.com\r\n\r\n";

#[tokio::test]
async fn case_40_what_was_open_before_the_daemon_goes_on_and_what_comes_after_is_inspected() -> Result<()> {
    if !gate::passes(gate::kernel()) {
        return Ok(());
    }
    let lab = Lab::new()?;
    let dialer = lab.dialer()?;
    let stream = dialer.connect(https(host::SHARED))??;
    let config = client::trusting(&lab.pki.root_pem(), &["http/1.1"])?;
    let mut early = Wire::new(client::handshake(stream, OPENAI, &config).await?.context("the provider")?);
    early.send(REQUEST).await?;
    assert_eq!(early.answer().await?.head.status, 200);

    let daemon = lab.daemon_with(&lab.config()).await?;
    let stage = Stage { daemon, dialer, lab };
    let answer = stage.openai().await?.call(&post("/v1/chat/completions"), chat("hello")).await?;
    assert_eq!(answer.head.status, 200);
    assert_eq!(stage.exchange("complete").await?["caller"]["pid"], stage.dialer.pid());
    // Neither reset nor inspected.
    early.send(REQUEST).await?;
    assert_eq!(early.answer().await?.head.status, 200);
    assert_eq!(stage.exchanges(1).await?.len(), 1);
    Ok(())
}

/// Stops every thread of the daemon.
async fn suspend(stage: &Stage) -> Result<()> {
    stage.daemon.signal(Signal::SIGSTOP)?;
    let tasks = format!("/proc/{}/task", stage.daemon.pid().context("it runs")?);
    let is_stopped = || -> Result<bool> {
        for task in std::fs::read_dir(&tasks)? {
            if !std::fs::read_to_string(task?.path().join("status"))?.contains("State:\tT") {
                return Ok(false);
            }
        }
        Ok(true)
    };
    let stopped = async {
        while !is_stopped()? {
            tokio::task::yield_now().await;
        }
        anyhow::Ok(())
    };
    within("the daemon to stop", stopped).await?
}

#[tokio::test]
async fn a_new_namespace_reaches_no_endpoint_before_it_is_served_where_unknown_ones_are_closed() -> Result<()>
{
    // What `connect` says while nobody listens: from this namespace, the way out leads nowhere.
    for (unknown, error) in [("open", libc::ENETUNREACH), ("closed", libc::EPERM)] {
        let spec = json!({"namespaces": ["self", "discover"], "capture": {"unknown": unknown}});
        let Some(stage) = Setup::default().spec(spec).up().await? else { return Ok(()) };
        suspend(&stage).await?;
        let pod = Namespace::new();
        let place = Place::new(&pod).cgroup(&stage.lab.app_cgroup());
        let dialer = Dialer::start(&place)?;
        let met = dialer.connect(https(host::SHARED))?.map(drop).expect_err("nobody listens there yet");
        assert_eq!(met.raw_os_error(), Some(error), "{unknown}");
        stage.daemon.signal(Signal::SIGCONT)?;
        let served = async {
            while let Err(met) = dialer.connect(https(host::SHARED))? {
                ensure!(met.raw_os_error() == Some(error), "{met}");
                tokio::task::yield_now().await;
            }
            Ok(())
        };
        within("the namespace to be served", served).await??;
        let refused = stage.metrics().await?;
        let line = refused.lines().find(|line| line.contains("\"refused_unknown_namespace\""));
        assert_eq!(line.context("the counter")?.ends_with(" 0"), unknown == "open", "{refused}");
    }
    Ok(())
}

#[tokio::test]
async fn a_mistake_in_the_policy_keeps_what_is_read_with_it_out_of_the_kernel_too() -> Result<()> {
    let good = include_str!("../../../policies/default.yaml");
    let Some(stage) = Setup::default().policy(good).up().await? else { return Ok(()) };
    let file = stage.lab.folder().join("config.yaml");
    let mut config: Value = serde_json::from_str(&std::fs::read_to_string(&file)?)?;
    config["spec"]["capture"]["unknown"] = "closed".into();
    std::fs::write(file, config.to_string())?;
    let pod = Namespace::new();
    let dialer = Dialer::start(&Place::new(&pod).cgroup(&stage.lab.app_cgroup()))?;
    let told = [
        ("no policy at all", "what was in force stays in force", libc::ENETUNREACH),
        (good, "read again; new connections go by it", libc::EPERM),
    ];
    for (policy, line, error) in told {
        stage.lab.file("policy.yaml", policy)?;
        stage.daemon.signal(Signal::SIGHUP)?;
        stage.daemon.logged(line, |log| log.contains(line)).await?;
        let met = dialer.connect(https(host::SHARED))?.map(drop).expect_err("nobody listens there");
        assert_eq!(met.raw_os_error(), Some(error), "{line}");
    }
    Ok(())
}

#[tokio::test]
async fn a_new_namespace_does_not_wait_for_name_servers_that_are_silent() -> Result<()> {
    if !gate::passes(gate::kernel()) {
        return Ok(());
    }
    let lab = Lab::new()?;
    // They take every question and answer none: a round takes longer than anything here may.
    let server =
        |port| topology::datagrams(&lab.topology.internet, (topology::v4(host::SHARED), port).into());
    let silent = [5301, 5302, 5303].map(server).into_iter().collect::<Result<Vec<_>>>()?;
    let resolvers =
        silent.iter().map(|socket| Ok(socket.local_addr()?.to_string())).collect::<Result<Vec<_>>>()?;
    let mut config = lab.config();
    let spec = json!({
        "namespaces": ["self", "discover"],
        "capture": {"unknown": "closed"},
        "endpoints": {"resolvers": resolvers, "refresh": "1s"}
    });
    interceptor_tests::stage::merge(&mut config["spec"], spec);
    let mut daemon = lab.daemon_with(&config).await?;
    // The next question of the first server is one of a round that has begun after the daemon was ready.
    let first = &silent[0];
    first.set_nonblocking(true)?;
    while first.recv(&mut [0; 512]).is_ok() {}
    first.set_nonblocking(false)?;
    first.set_read_timeout(Some(interceptor_tests::deadline()))?;
    first.recv(&mut [0; 512]).context("a question")?;

    let dialer = Dialer::start(&Place::new(&Namespace::new()).cgroup(&lab.app_cgroup()))?;
    let served = async {
        while let Err(met) = dialer.connect(https(host::SHARED))? {
            ensure!(met.raw_os_error() == Some(libc::EPERM), "{met}");
            tokio::task::yield_now().await;
        }
        Ok(())
    };
    within("the namespace to be served", served).await??;
    // Nor does whoever asks it to stop.
    daemon.signal(Signal::SIGTERM)?;
    assert_eq!(daemon.ended().await?.code(), Some(0));
    Ok(())
}

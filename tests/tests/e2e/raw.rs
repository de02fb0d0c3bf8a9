//! The daemon guards the host's ends of veths: packets that no socket has sent are in the report, by workload and by
//! interface, and calls are not.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use interceptor_tests::daemon;
use interceptor_tests::lab::{STATIC, host, https};
use interceptor_tests::netns::Namespace;
use interceptor_tests::stage::Stage;
use nix::ifaddrs::getifaddrs;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::coverage::{Workload, ended, report};
use super::failure::{config, pinned};

fn spec(mode: &str) -> Value {
    json!({"capture": {"vethGuard": {"mode": mode, "interfaces": ["app", "late*"]}}})
}

/// Has a workload send TCP SYNs of its own making to a provider, by a device whose other end is the node's.
async fn send(stage: &Stage, workload: &Workload, device: &str, times: usize) -> Result<()> {
    let address = stage.lab.topology.node.run(|| -> Result<_> {
        let found = getifaddrs()?.filter(|interface| interface.interface_name == device);
        let mut found = found.filter_map(|interface| interface.address?.as_link_addr()?.addr());
        found.next().context("the node's end has a link address")
    })?;
    let mut command = workload.place.command(env!("CARGO_BIN_EXE_packets"));
    command.args(["--device", device, "--to", &address.map(|byte| format!("{byte:02x}")).join(":")]);
    command.args(["--times", &times.to_string(), "syn", "198.51.100.2:7005"]);
    command.arg(https(host::SHARED).to_string());
    let output = daemon::run(command).await?;
    ensure!(output.stdout.trim() == r#"{"sent":null}"#, "{output:?}");
    Ok(())
}

async fn guarded(stage: &Stage, device: &str) -> Result<()> {
    let line = |line: &str| line.contains("raw packets of this interface") && line.contains(device);
    stage.daemon.logged(&format!("that {device} is guarded"), |log| log.lines().any(line)).await
}

fn of_interface(interface: &str, left: u64, refused: u64) -> Value {
    json!({"interface": interface, "left": left, "refused": refused})
}

#[tokio::test]
async fn case_18_raw_packets_are_in_the_report_and_calls_are_not() -> Result<()> {
    let Some(mut stage) = pinned(spec("drop")).await? else { return Ok(()) };
    let first = Workload::new(&stage, "first")?;
    drop(first.call(&stage).await?);
    assert!(first.direct(&stage, https(host::SHARED), STATIC).await?);
    ended(&stage, 2).await?;
    send(&stage, &first, "app", 3).await?;
    // A namespace that comes later is guarded when its interface is there.
    let (namespace, cgroup) = (Namespace::new(), Arc::new(stage.lab.cgroup.child("second")));
    stage.lab.topology.node.join(&namespace, "late0");
    guarded(&stage, "late0").await?;
    let second = Workload::start(&namespace, cgroup)?;
    send(&stage, &second, "late0", 2).await?;

    let calls = json!({
        "attempts": 5, "redirected": 2, "inspected": 1, "passed": {"other_name": 1}, "refused": {"raw_packet": 3}
    });
    let of_second = second.line(json!({"attempts": 2, "refused": {"raw_packet": 2}}))?;
    let found = report(&stage).await?;
    assert_eq!(found["workloads"], json!([first.line(calls)?, of_second]));
    assert_eq!(found["node"]["raw_packets"], json!([of_interface("app", 0, 3), of_interface("late0", 0, 2)]));
    assert_eq!(found["adds_up"], true, "{found}");

    // Counted alone from now on; and the next daemon goes on with what this one leaves.
    let mut config = config(&stage)?;
    interceptor_tests::stage::merge(&mut config["spec"], spec("count"));
    let new = stage.lab.upgrade(&config).await?;
    let mut old = std::mem::replace(&mut stage.daemon, new);
    assert_eq!(old.ended().await?.code(), Some(0));
    send(&stage, &second, "late0", 1).await?;
    drop(first.call(&stage).await?);
    let found = report(&stage).await?;
    assert_eq!(found["node"]["raw_packets"], json!([of_interface("app", 0, 3), of_interface("late0", 1, 2)]));

    // Without a daemon the guard stays, and `uninstall` removes it.
    stage.daemon.signal(Signal::SIGKILL)?;
    stage.daemon.ended().await?;
    let is_guard = |path: &std::path::PathBuf| path.to_string_lossy().contains("/links/at-");
    assert_eq!(stage.lab.pinned()?.iter().filter(|path| is_guard(path)).count(), 2);
    let mut uninstall = stage.lab.node()?.command(daemon::binary()?);
    uninstall.args(["uninstall", "--config"]).arg(stage.lab.folder().join("config.yaml"));
    let output = daemon::run(uninstall).await?;
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(!stage.lab.pinned()?.iter().any(is_guard));
    assert!(first.direct(&stage, https(host::SHARED), STATIC).await?);
    Ok(())
}

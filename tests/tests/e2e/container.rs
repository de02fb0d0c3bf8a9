//! The daemon in a container: its cgroup looks like the root of the tree to it, and whatever it can see of the node's
//! tree was mounted for it. Either it finds itself, or it says what to mount.

use anyhow::{Context as _, Result};
use interceptor_tests::daemon::Daemon;
use interceptor_tests::lab::Lab;
use interceptor_tests::place::Place;
use interceptor_tests::stage::Stage;

use super::{MACHINE, chat, post, ready, refused};

#[tokio::test]
async fn it_finds_itself_in_the_nodes_tree_and_is_not_intercepted() -> Result<()> {
    let Some((lab, config)) = ready().await? else { return Ok(()) };
    let daemon = Daemon::start(&lab.node()?.private_cgroup(), &config, lab.folder()).await?;
    let stage = Stage { dialer: lab.dialer()?, daemon, lab };
    // It calls the provider from the application's namespace, where everybody else is redirected, to itself.
    let answer = stage.openai().await?.call(&post("/v1/chat/completions"), chat("hello")).await?;
    assert_eq!(answer.head.status, 200);
    // It was alone in its cgroup, so it had no reason to leave it.
    let pid = stage.daemon.pid().context("it runs")?;
    let memberships = std::fs::read_to_string(format!("/proc/{pid}/cgroup"))?;
    let name = stage.lab.cgroup.path().file_name().context("a name")?.to_string_lossy().into_owned();
    assert!(memberships.contains(&format!("0::/{name}/node\n")), "{memberships}");
    Ok(())
}

/// A container where the only cgroup v2 tree is mounted from a cgroup of the laboratory's.
fn container(lab: &Lab, cgroup: &str) -> Result<Place> {
    let tree = lab.cgroup.path().join(cgroup);
    let mounts = lab.file("mounts", format!("cgroup2 {} cgroup2 rw 0 0\n", tree.display()))?;
    lab.node()?.private_cgroup().bind(&mounts, std::path::Path::new("/proc/self/mounts"))
}

#[tokio::test]
async fn where_it_is_not_in_the_tree_it_does_not_start() -> Result<()> {
    let Some((lab, config)) = ready().await? else { return Ok(()) };
    let output = refused(&lab, &container(&lab, "app")?, &config).await?;
    assert_eq!(output.code, MACHINE, "{output:?}");
    for part in ["this process is in no cgroup", "hostPath /sys/fs/cgroup"] {
        assert!(output.stderr.contains(part), "{part} is not in {output:?}");
    }
    Ok(())
}

#[tokio::test]
async fn where_it_could_only_intercept_itself_it_does_not_start() -> Result<()> {
    let Some((lab, mut config)) = ready().await? else { return Ok(()) };
    config["spec"].as_object_mut().context("spec")?.remove("cgroup");
    let output = refused(&lab, &container(&lab, "node")?, &config).await?;
    assert_eq!(output.code, MACHINE, "{output:?}");
    for part in ["begins at a container's own cgroup", "hostPath /sys/fs/cgroup", "(cgroup)"] {
        assert!(output.stderr.contains(part), "{part} is not in {output:?}");
    }
    Ok(())
}

//! The commands as an operator meets them: exit codes, and messages that say what is wrong, where, and what to do.

use anyhow::{Context as _, Result};
use interceptor_tests::daemon;
use interceptor_tests::lab::{Lab, OPENAI, STATIC};
use interceptor_tests::place::Place;
use interceptor_tests::samples;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::{MACHINE, MISTAKES, ready, refused};

#[tokio::test]
async fn all_mistakes_of_a_configuration_are_told_at_once() -> Result<()> {
    let Some((lab, _)) = ready().await? else { return Ok(()) };
    let text = "apiVersion: interceptor.dev/v1alpha1\nkind: InterceptorConfig\nspec:\n  workers: none\n  \
        endpionts: {ports: [443]}\n  limits:\n    head: soon\n";
    let file = lab.file("wrong.yaml", text)?;
    let mut command = lab.node()?.command(daemon::binary()?);
    command.arg("run").arg("--config").arg(file);
    let output = daemon::run(command).await?;
    assert_eq!(output.code, MISTAKES, "{output:?}");
    for part in ["wrong.yaml:4", "wrong.yaml:5", "endpoints", "wrong.yaml:7", "3 mistakes"] {
        assert!(output.stderr.contains(part), "{part} is not in:\n{}", output.stderr);
    }
    let mut command = lab.node()?.command(daemon::binary()?);
    command.args(["run", "--config", "/nowhere/config.yaml"]);
    let output = daemon::run(command).await?;
    assert_eq!(output.code, MISTAKES, "{output:?}");
    assert!(output.stderr.contains("/nowhere/config.yaml"), "{output:?}");
    Ok(())
}

#[tokio::test]
async fn a_bad_policy_is_not_used_and_every_mistake_has_its_place() -> Result<()> {
    let Some((lab, mut config)) = ready().await? else { return Ok(()) };
    let text = "apiVersion: interceptor.dev/v1alpha1\nkind: EgressPolicy\nmetadata: {name: p}\nspec:\n  rules:\n    \
        - name: one\n      match: {direction: sideways, detectors: ['secret.*']}\n      action: block\n    \
        - name: two\n      match: {direction: request, detectors: ['secret.gihtub_token']}\n      action: blok\n";
    let file = lab.file("policy.yaml", text)?;
    config["spec"]["policy"] = json!({"files": [file]});
    let output = refused(&lab, &lab.node()?, &config).await?;
    assert_eq!(output.code, MISTAKES, "{output:?}");
    let mut command = lab.node()?.command(daemon::binary()?);
    command.args(["policy", "check"]).arg(&file);
    let checked = daemon::run(command).await?;
    assert_eq!(checked.code, MISTAKES);
    for said in [&output.stderr, &checked.stderr] {
        for part in ["policy.yaml:7", "policy.yaml:10", "github_token", "policy.yaml:11", "block"] {
            assert!(said.contains(part), "{part} is not in:\n{said}");
        }
    }
    let good = lab.file(
        "good.yaml",
        text.replace("sideways", "request").replace("gihtub", "github").replace("blok", "block"),
    )?;
    let mut command = lab.node()?.command(daemon::binary()?);
    command.args(["policy", "check"]).arg(good);
    assert_eq!(daemon::run(command).await?.code, Some(0));
    Ok(())
}

#[tokio::test]
async fn a_missing_authority_says_how_to_make_one() -> Result<()> {
    let Some((lab, mut config)) = ready().await? else { return Ok(()) };
    config["spec"]["ca"]["directory"] = json!(lab.folder().join("nowhere"));
    let output = refused(&lab, &lab.node()?, &config).await?;
    assert_eq!(output.code, MACHINE, "{output:?}");
    assert!(output.stderr.contains("nowhere") && output.stderr.contains("interceptor ca init"), "{output:?}");
    Ok(())
}

#[tokio::test]
async fn without_permission_it_says_which() -> Result<()> {
    let Some((lab, config)) = ready().await? else { return Ok(()) };
    let world = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(lab.folder(), world)?;
    // The authority's key is readable here, so that it is the capabilities that are missing.
    for entry in std::fs::read_dir(lab.folder().join("ca"))? {
        let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        std::fs::set_permissions(entry?.path(), readable)?;
    }
    let world = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(lab.folder().join("ca"), world)?;
    let binary = lab.folder().join("interceptor");
    // By another process: a descriptor of ours that writes to it could be copied into a process that another test forks
    // just then, and a file that somebody writes to cannot be executed.
    let copied = std::process::Command::new("cp").arg(daemon::binary()?).arg(&binary).status()?;
    anyhow::ensure!(copied.success(), "cp: {copied}");
    let file = lab.file("config.yaml", config.to_string())?;
    let mut command = lab.node()?.user(65_534).command(binary);
    command.arg("run").arg("--config").arg(file);
    let output = daemon::run(command).await?;
    assert_eq!(output.code, MACHINE, "{output:?}");
    let said = output.stderr.to_lowercase();
    assert!(said.contains("root") || said.contains("cap_") || said.contains("permission"), "{output:?}");
    Ok(())
}

#[tokio::test]
async fn without_cgroup_v2_it_says_so() -> Result<()> {
    let Some((lab, mut config)) = ready().await? else { return Ok(()) };
    config["spec"]["cgroup"] = json!("/sys/fs/cgroup/nowhere-at-all");
    let output = refused(&lab, &lab.node()?, &config).await?;
    assert_eq!(output.code, MACHINE, "{output:?}");
    assert!(output.stderr.contains("/sys/fs/cgroup/nowhere-at-all"), "{output:?}");
    // A machine that has none mounted.
    config["spec"].as_object_mut().context("spec")?.remove("cgroup");
    let mounts = lab.file("mounts", "proc /proc proc rw 0 0\n")?;
    let place = lab.node()?.bind(&mounts, std::path::Path::new("/proc/self/mounts"))?;
    let output = refused(&lab, &place, &config).await?;
    assert_eq!(output.code, MACHINE, "{output:?}");
    assert!(output.stderr.contains("cgroup v2") || output.stderr.contains("cgroup2"), "{output:?}");
    Ok(())
}

#[tokio::test]
async fn doctor_says_what_is_right_and_what_to_do_about_the_rest() -> Result<()> {
    let Some((lab, mut config)) = ready().await? else { return Ok(()) };
    let file = lab.file("config.yaml", config.to_string())?;
    let doctor = |file: &std::path::Path| -> Result<_> {
        let mut command = lab.node()?.command(daemon::binary()?);
        command.args(["doctor", "--json", "--config"]).arg(file);
        Ok(daemon::run(command))
    };
    let output = doctor(&file)?.await?;
    assert_eq!(output.code, Some(0), "{output:?}");
    let checks: Value = serde_json::from_str(&output.stdout)?;
    let looked_at = checks["checks"].to_string().to_lowercase();
    for what in ["kernel", "cgroup", "btf", "capabilit", "clock"] {
        assert!(looked_at.contains(what), "{what} is not in {looked_at}");
    }
    config["spec"]["ca"]["directory"] = json!(lab.folder().join("nowhere"));
    let output = doctor(&lab.file("config.yaml", config.to_string())?)?.await?;
    assert_eq!(output.code, MACHINE, "{output:?}");
    assert!(output.stdout.contains("interceptor ca init"), "{output:?}");
    Ok(())
}

/// `interceptor exec` in the application's namespace, outside any cgroup of the laboratory's.
pub(super) fn exec(lab: &Lab, config: &Value, command: &[&str]) -> Result<std::process::Command> {
    let file = lab.file("exec.yaml", config.to_string())?;
    let resolver = lab.folder().join("resolv.conf");
    let place = Place::new(&lab.topology.app).bind(&resolver, std::path::Path::new("/etc/resolv.conf"))?;
    let mut exec = place.command(daemon::binary()?);
    exec.arg("exec").arg("--config").arg(file).arg("--audit").arg(lab.folder().join("exec.jsonl"));
    exec.arg("--").args(command);
    Ok(exec)
}

#[tokio::test]
async fn exec_intercepts_its_command_and_returns_its_code() -> Result<()> {
    let Some((lab, config)) = ready().await? else { return Ok(()) };
    // The command is given our authority without being told; curl reads the usual bundle.
    let body = super::chat(&format!("use {}", samples::github_token()));
    let url = format!("https://{OPENAI}/v1/chat/completions");
    let curl = ["curl", "--silent", "--show-error", "--fail-with-body", "--json", &body, &url];
    let output = daemon::run(exec(&lab, &config, &curl)?).await?;
    // 22 is curl's own code for a status above 400.
    assert_eq!(output.code, Some(22), "{output:?}");
    assert!(output.stdout.contains("no-secrets-out"), "{output:?}");
    assert_eq!(lab.provider.record().seen().calls.len(), 0);
    let audit = std::fs::read_to_string(lab.folder().join("exec.jsonl"))?;
    assert!(audit.contains("\"ending\":\"blocked\""), "{audit}");
    let no_program = lab.file("no-program", "nothing to run")?;
    for (command, code) in [
        (&["sh", "-c", "exit 7"][..], 7),
        (&["sh", "-c", "kill -9 $$"], 137),
        (&["/nowhere/at/all"], 127),
        (&[&*no_program.to_string_lossy()], 126),
    ] {
        assert_eq!(daemon::run(exec(&lab, &config, command)?).await?.code, Some(code), "{command:?}");
    }
    Ok(())
}

#[tokio::test]
async fn exec_leaves_everybody_else_alone_and_forwards_signals() -> Result<()> {
    use tokio::io::AsyncBufReadExt as _;
    let Some((lab, config)) = ready().await? else { return Ok(()) };
    let script = "trap 'echo caught; exit 5' TERM; echo ready; while :; do read -t 1 x <> /dev/fd/0; done";
    let mut command = exec(&lab, &config, &["bash", "-c", script])?;
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = tokio::process::Command::from(command).kill_on_drop(true).spawn()?;
    let mut lines = tokio::io::BufReader::new(child.stdout.take().context("stdout")?).lines();
    let line = interceptor_tests::within("the command", lines.next_line()).await??;
    assert_eq!(line.as_deref(), Some("ready"));
    // Another process of the same namespace and user sees the origin's own certificate for an AI name.
    let mut other = lab.app()?.command("/usr/bin/curl");
    other.args(["--silent", "--show-error", "--cacert"]).arg(lab.folder().join("origin-root.pem"));
    other.arg(format!("https://{OPENAI}/v1/models"));
    let output = daemon::run(other).await?;
    assert_eq!(output.code, Some(0), "{output:?}");
    let pid = child.id().context("exec runs")?;
    kill(Pid::from_raw(pid.cast_signed()), Signal::SIGTERM)?;
    let line = interceptor_tests::within("the trap", lines.next_line()).await??;
    assert_eq!(line.as_deref(), Some("caught"));
    assert_eq!(interceptor_tests::within("exec's end", child.wait()).await??.code(), Some(5));
    Ok(())
}

#[tokio::test]
async fn exec_passes_other_names_with_their_own_certificates() -> Result<()> {
    let Some((lab, config)) = ready().await? else { return Ok(()) };
    let root = lab.folder().join("origin-root.pem");
    let url = format!("https://{STATIC}/");
    let curl = ["curl", "--silent", "--show-error", "--cacert", &root.to_string_lossy(), &url];
    let output = daemon::run(exec(&lab, &config, &curl)?).await?;
    assert_eq!((output.code, output.stdout.as_str()), (Some(0), "the origin itself\n"), "{output:?}");
    Ok(())
}

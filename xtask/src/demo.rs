//! `cargo xtask demo`: sets everything up, builds, and runs the demonstration of the main job.
//! Knows cargo. What is shown is in `tests/src/bin/demo`.

use std::process::Command;

use anyhow::{Result, bail};

use crate::tools::{self, say, workspace};
use crate::{ebpf, setup};

/// Arguments of `cargo xtask demo`.
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_args: &Args) -> Result<()> {
    if !tools::is_root() {
        bail!(
            "the demonstration makes network namespaces and loads BPF programs: run `sudo cargo xtask demo`"
        );
    }
    setup::ensure_clients()?;
    ebpf::build()?;
    say("building the daemon and the laboratory");
    let cargo = || {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(workspace());
        cargo
    };
    tools::run(cargo().args([
        "build",
        "--locked",
        "-p",
        "interceptor",
        "-p",
        "interceptor-tests",
        "--bins",
    ]))?;
    tools::run(cargo().args(["run", "--quiet", "--locked", "-p", "interceptor-tests", "--bin", "demo"]))
}

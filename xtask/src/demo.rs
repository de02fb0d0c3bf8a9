//! `cargo xtask demo`: sets everything up, builds, and runs the demonstration of the main job.
//! Knows cargo. What is shown is in `tests/src/bin/demo`.

use anyhow::{Result, bail};

use crate::tools::cargo::{build_programs, cargo};
use crate::tools::{self, say};
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
    build_programs()?;
    tools::run(cargo().args(["run", "--quiet", "--locked", "-p", "interceptor-tests", "--bin", "demo"]))
}

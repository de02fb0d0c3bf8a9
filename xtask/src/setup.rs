//! `cargo xtask setup`: everything that building and testing need. Quick when all is there, and safe to repeat.

mod clients;
mod cluster;

use crate::fuzz;
use crate::tools::bpf::BpfToolchain;
use crate::tools::{deny, say};
use anyhow::Result;

/// Arguments of `cargo xtask setup`.
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_args: &Args) -> Result<()> {
    ensure_bpf_toolchain()?;
    fuzz::ensure_compiler()?;
    deny::ensure()?;
    ensure_clients()?;
    ensure_languages()?;
    ensure_pods()?;
    ensure_cluster()
}

/// The real clients of the tests and the demo, installed if they are missing.
pub(crate) fn ensure_clients() -> Result<()> {
    clients::ensure()
}

/// The languages whose own resolvers are tested, installed if they are missing.
pub(crate) fn ensure_languages() -> Result<()> {
    clients::ensure_languages()
}

/// What real pods are made with, installed if it is missing.
pub(crate) fn ensure_pods() -> Result<()> {
    clients::ensure_pods()
}

/// The control plane that tests ask, built if it is missing.
pub(crate) fn ensure_cluster() -> Result<()> {
    cluster::ensure()
}

/// The toolchain of the BPF object, installed if it is missing.
pub(crate) fn ensure_bpf_toolchain() -> Result<BpfToolchain> {
    let toolchain = BpfToolchain::find().map_or_else(BpfToolchain::install, Ok)?;
    say(&format!("BPF objects are built with {toolchain}"));
    Ok(toolchain)
}

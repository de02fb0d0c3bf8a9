//! `cargo xtask ebpf`: builds the BPF object, and puts it where the daemon's build finds it.

use crate::setup;
use crate::tools::{self, cache, say, workspace};
use anyhow::{Context as _, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// Arguments of `cargo xtask ebpf`.
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_args: &Args) -> Result<()> {
    build().map(drop)
}

/// Builds the object and returns its path: `target/bpf/interceptor.o` in this checkout, wherever cargo's own target
/// directory is. The daemon's build script looks there.
pub(crate) fn build() -> Result<PathBuf> {
    let toolchain = setup::ensure_bpf_toolchain()?;
    let target = workspace().join("target");
    // One for all checkouts: the standard library is compiled once. Each checkout's own artifact is put aside by
    // cargo while it holds its lock, so that two may build at once.
    let artifacts = target.join("bpf-artifact");
    let mut cargo = toolchain.cargo()?;
    cargo.current_dir(workspace().join("interceptor-ebpf"));
    cargo.args(["build", "--quiet", "--release", "--locked", "--target", "bpfel-unknown-none"]);
    cargo.args(["-Z", "build-std=core", "-Z", "unstable-options", "--artifact-dir"]).arg(&artifacts);
    cargo.env("CARGO_TARGET_DIR", cache()?.join("bpf-target"));
    // BTF is what the maps are declared in; it is made from the debug information.
    cargo.env("RUSTFLAGS", "-C debuginfo=2 -C link-arg=--btf");
    tools::run(&mut cargo).context("the BPF object was not built")?;

    let object = target.join("bpf/interceptor.o");
    let is_new = install(&artifacts.join("interceptor"), &object)?;
    say(&format!("{} {}", object.display(), if is_new { "is new" } else { "is up to date" }));
    Ok(object)
}

/// Copies the object unless it is there already: its date makes cargo build the daemon again.
fn install(built: &Path, object: &Path) -> Result<bool> {
    let bytes = fs::read(built).with_context(|| format!("read {}", built.display()))?;
    if fs::read(object).is_ok_and(|old| old == bytes) {
        return Ok(false);
    }
    if let Some(directory) = object.parent() {
        fs::create_dir_all(directory).with_context(|| format!("make {}", directory.display()))?;
    }
    fs::write(object, bytes).with_context(|| format!("write {}", object.display()))?;
    Ok(true)
}

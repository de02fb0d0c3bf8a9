//! The cargo that runs us, in this checkout: commands for it, and where it puts what it builds.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::{run, workspace};

/// A command for the cargo that runs us, in the workspace.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace());
    cargo
}

/// A command that builds a tool of crates.io into `root`. The caller may add features.
pub(crate) fn install(name: &str, version: &str, root: &Path) -> Command {
    let mut install = cargo();
    install.args(["install", name, "--version", version, "--locked", "--root"]).arg(root);
    // The tool is built for itself, wherever and however the workspace is.
    for name in ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"] {
        install.env_remove(name);
    }
    install
}

/// Builds the daemon, and the laboratory's programs that tests and demonstrations start.
pub(crate) fn build_programs() -> Result<()> {
    run(cargo().args(["build", "--locked", "-p", "interceptor", "-p", "interceptor-tests", "--bins"]))
}

/// The target directory, wherever the environment or a configuration has put it.
pub(crate) fn target_directory() -> Result<PathBuf> {
    let metadata = metadata()?;
    let directory = metadata["target_directory"].as_str().context("cargo metadata names no target folder")?;
    Ok(PathBuf::from(directory))
}

/// What cargo knows of the workspace.
pub(crate) fn metadata() -> Result<serde_json::Value> {
    let output = cargo().args(["metadata", "--format-version=1", "--no-deps"]).output();
    let output = output.context("run cargo metadata")?;
    serde_json::from_slice(&output.stdout).context("read cargo metadata")
}

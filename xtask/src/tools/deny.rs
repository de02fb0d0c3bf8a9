//! cargo-deny: licences, bans and sources of every dependency, by `deny.toml`. Installed into the user's cache if the
//! machine has none. Advisories are not looked up here: they want the internet, and change without a commit.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::cargo::install;
use super::{cache, on_path, run, say, workspace};

const VERSION: &str = "0.20.2";

/// Checks both workspaces: the daemon's and the BPF object's.
pub(crate) fn check() -> Result<()> {
    let deny = ensure()?;
    for manifest in ["Cargo.toml", "interceptor-ebpf/Cargo.toml"] {
        let mut command = Command::new(&deny);
        command.current_dir(workspace()).args(["--locked", "--log-level", "error", "--config", "deny.toml"]);
        command.args(["--manifest-path", manifest, "check", "licenses", "bans", "sources"]);
        run(&mut command).with_context(|| format!("the dependencies of {manifest} break deny.toml"))?;
    }
    Ok(())
}

/// The program, installed if it is missing.
pub(crate) fn ensure() -> Result<PathBuf> {
    if let Some(found) = on_path("cargo-deny") {
        return Ok(found);
    }
    let root = cache()?.join(format!("tools/cargo-deny-{VERSION}"));
    let program = root.join("bin/cargo-deny");
    if !program.is_file() {
        fs::create_dir_all(&root).with_context(|| format!("make {}", root.display()))?;
        say(&format!("building cargo-deny {VERSION}; about a minute, once"));
        let mut install = install("cargo-deny", VERSION, &root);
        // It runs for two seconds: optimising it would take longer than it ever saves.
        install.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0").env("CARGO_PROFILE_RELEASE_LTO", "off");
        run(&mut install)?;
    }
    Ok(program)
}

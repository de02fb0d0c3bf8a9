//! Packages of Debian and its derivatives: which are missing, and installing them as root.

use super::{is_root, on_path, output, run, say};
use anyhow::{Result, bail};
use std::process::Command;
use std::sync::OnceLock;

/// Whether packages can be had this way at all.
pub(crate) fn is_here() -> bool {
    on_path("apt-get").is_some() && on_path("dpkg-query").is_some()
}

/// Installs what is missing of these packages. Changes nothing if nothing is, and never removes a package to make
/// room for another.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    let missing = missing(packages);
    if missing.is_empty() {
        return Ok(());
    }
    if !is_root() {
        bail!("these packages are missing: run `sudo {}`", command_line(&missing));
    }
    update()?;
    say(&format!("installing {}", missing.join(" ")));
    run(Command::new("apt-get").args(WORDS).args(&missing).env("DEBIAN_FRONTEND", "noninteractive"))
}

/// How to install the packages by hand.
pub(crate) fn command_line(packages: &[&str]) -> String {
    format!("apt-get {} {}", WORDS.join(" "), packages.join(" "))
}

/// The packages among these that are not installed.
pub(crate) fn missing<'a>(packages: &[&'a str]) -> Vec<&'a str> {
    packages.iter().copied().filter(|package| !is_installed(package)).collect()
}

const WORDS: [&str; 4] = ["install", "--yes", "--no-install-recommends", "--no-remove"];

fn is_installed(package: &str) -> bool {
    let mut query = Command::new("dpkg-query");
    output(query.args(["--show", "--showformat=${db:Status-Status}", package]))
        .is_some_and(|s| s == "installed")
}

/// Reads the lists of packages, once per run: a fresh machine has none, or old ones.
fn update() -> Result<()> {
    static DONE: OnceLock<()> = OnceLock::new();
    if DONE.get().is_none() {
        say("reading the lists of packages");
        run(Command::new("apt-get").args(["--quiet", "update"]))?;
        let _ = DONE.set(());
    }
    Ok(())
}

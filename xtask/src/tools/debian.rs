//! Packages of Debian and its derivatives: which are missing, and installing them as root.

use super::{is_root, on_path, output, run, say};
use anyhow::{Context as _, Result, bail, ensure};
use std::fs;
use std::path::{Path, PathBuf};
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

/// Unpacks what is in a package into a new folder, and installs nothing.
pub(crate) fn unpack(package: &str, folder: &Path) -> Result<()> {
    update()?;
    make(folder)?;
    run(Command::new("apt-get").args(AS_ROOT).args(["download", package]).current_dir(folder))?;
    let file = named(folder, ".deb")?;
    run(Command::new("dpkg-deb").arg("--extract").args([&file, folder]))
}

/// Unpacks the source of a package, with Debian's changes, as `tree`. Changes nothing of how the machine's packages are
/// found: whether it knows of sources or not, they are where its packages are.
pub(crate) fn source(package: &str, tree: &Path) -> Result<()> {
    let folder = tree.parent().context("a place for the source")?;
    let apt = folder.join("apt");
    make(&apt.join("lists/partial"))?;
    let list = apt.join("sources.list");
    fs::write(&list, sources()?).with_context(|| format!("write {}", list.display()))?;
    let apt_get = || {
        let mut command = Command::new("apt-get");
        command.args(AS_ROOT).arg("--quiet").current_dir(folder);
        for (name, value) in [("SourceList", list.as_path()), ("SourceParts", Path::new("/dev/null"))] {
            command.arg("-o").arg(format!("Dir::Etc::{name}={}", value.display()));
        }
        command.arg("-o").arg(format!("Dir::State::Lists={}", apt.join("lists").display()));
        command
    };
    run(apt_get().arg("update"))?;
    run(apt_get().args(["source", "--download-only", "--only-source", package]))?;
    let description = named(folder, ".dsc")?;
    // Whose it is was checked when it was fetched.
    run(Command::new("dpkg-source").args(["--no-check", "--extract"]).args([&description, tree]))
}

/// Its downloader as the user who asks: another one could not write where we do.
const AS_ROOT: [&str; 2] = ["-o", "APT::Sandbox::User=root"];

/// Where Debian's sources are: beside the packages that this machine is set up to have.
fn sources() -> Result<String> {
    const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
    let mut command = Command::new("apt-get");
    command.args(["indextargets", "--format", "$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)"]);
    let targets = output(command.arg("Created-By: Packages")).context("ask apt-get where packages are")?;
    let signed = if Path::new(KEYS).exists() { format!("[signed-by={KEYS}] ") } else { String::new() };
    let of_debian = targets.lines().filter_map(|line| line.strip_prefix("Debian "));
    let sources: String = of_debian.map(|place| format!("deb-src {signed}{place}\n")).collect();
    ensure!(!sources.is_empty(), "apt-get knows no place of Debian's");
    Ok(sources)
}

/// The one file in a folder whose name ends so.
fn named(folder: &Path, ending: &str) -> Result<PathBuf> {
    let files = fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))?;
    let mut found = files.flatten().map(|entry| entry.path());
    found
        .find(|path| path.to_string_lossy().ends_with(ending))
        .with_context(|| format!("no {ending} in {}", folder.display()))
}

fn make(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))
}

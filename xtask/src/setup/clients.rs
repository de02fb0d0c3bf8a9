//! The real clients of the end-to-end tier and the demo: curl, openssl, a proxy, and a Python environment with the official
//! SDKs in this user's cache. Does not know what they are used for.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::tools::{cache, debian, on_path, output, run, say, workspace};

/// Programs the laboratory and the clients need, and the Debian package of each.
const PROGRAMS: [(&str, &str); 5] = [
    ("ip", "iproute2"),
    ("curl", "curl"),
    ("openssl", "openssl"),
    ("python3", "python3"),
    // The program without a service that would start.
    ("tinyproxy", "tinyproxy-bin"),
];
/// Debian keeps the standard library's `venv` and `ensurepip` apart.
const VENV: &str = "python3-venv";

/// Sees to it that all clients are there, and that `target/clients/python` of this checkout leads to the SDKs.
pub(crate) fn ensure() -> Result<()> {
    programs()?;
    let requirements = workspace().join("tests/clients/requirements.txt");
    let environment = environment(&requirements)?;
    link(&environment, &workspace().join("target/clients/python"))?;
    say(&format!("the official SDKs are in {}", environment.display()));
    Ok(())
}

fn programs() -> Result<()> {
    let mut packages: Vec<_> = PROGRAMS
        .iter()
        .filter(|(program, _)| on_path(program).is_none())
        .map(|(_, package)| *package)
        .collect();
    if !python_makes_environments() {
        packages.push(VENV);
    }
    if packages.is_empty() {
        return Ok(());
    }
    if !debian::is_here() {
        bail!("please install what Debian has in the packages {}", packages.join(", "));
    }
    debian::install(&packages)
}

fn python_makes_environments() -> bool {
    output(Command::new("python3").args(["-c", "import venv, ensurepip"])).is_some()
}

/// The environment for these requirements, made if it is missing or no longer works.
fn environment(requirements: &Path) -> Result<PathBuf> {
    let wanted = fs::read(requirements).with_context(|| format!("read {}", requirements.display()))?;
    let mut hash = DefaultHasher::new();
    wanted.hash(&mut hash);
    let path = cache()?.join(format!("python-{:016x}", hash.finish()));
    if works(&path) {
        return Ok(path);
    }
    say("installing the official SDKs from PyPI");
    // A half-made one, or one whose Python was upgraded away.
    if path.exists() {
        fs::remove_dir_all(&path).with_context(|| format!("remove {}", path.display()))?;
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&path))?;
    let mut pip = Command::new(path.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]);
    run(pip.arg("--requirement").arg(requirements))?;
    if !works(&path) {
        bail!("the SDKs were installed in {} and cannot be imported", path.display());
    }
    Ok(path)
}

/// Whether both SDKs can be imported there. A half-finished installation cannot.
fn works(environment: &Path) -> bool {
    output(Command::new(environment.join("bin/python")).args(["-c", "import openai, anthropic"])).is_some()
}

/// Makes `link` lead to `target`, whatever was there before.
fn link(target: &Path, link: &Path) -> Result<()> {
    if fs::read_link(link).is_ok_and(|old| old == target) {
        return Ok(());
    }
    if let Some(folder) = link.parent() {
        fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    }
    if link.symlink_metadata().is_ok() {
        fs::remove_file(link).with_context(|| format!("remove {}", link.display()))?;
    }
    symlink(target, link).with_context(|| format!("link {}", link.display()))
}

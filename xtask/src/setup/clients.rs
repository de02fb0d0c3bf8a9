//! The real clients of the tests and the demo: curl, openssl, a proxy, and a Python environment with the official SDKs in
//! this user's cache; for the tests alone also Node, and a program in Go. Does not know what they are used for.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::tools::{cache, debian, link, on_path, output, run, say, workspace};

/// Programs the laboratory and the clients need, and the Debian package of each.
const PROGRAMS: [(&str, &str); 6] = [
    ("ip", "iproute2"),
    ("curl", "curl"),
    ("openssl", "openssl"),
    ("python3", "python3"),
    // The program without a service that would start.
    ("tinyproxy", "tinyproxy-bin"),
    // The server by another name, again without a service.
    ("redis-check-rdb", "redis-tools"),
];
/// What real pods are made with. Plugins of the network are no programs that are looked for on the path.
const PODS: [(&str, &str); 2] = [("containerd", "containerd"), ("runc", "runc")];
const NETWORK_PLUGINS: (&str, &str) = ("/usr/lib/cni/bridge", "containernetworking-plugins");
/// Languages whose own ways to look a name up are tested.
const LANGUAGES: [(&str, &str); 2] = [("node", "nodejs"), ("go", "golang-go")];
/// Debian keeps the standard library's `venv` and `ensurepip` apart.
const VENV: &str = "python3-venv";

/// Sees to it that all clients are there, and that `target/clients/python` of this checkout leads to the SDKs.
pub(crate) fn ensure() -> Result<()> {
    let mut packages = missing(&PROGRAMS);
    if !python_makes_environments() {
        packages.push(VENV);
    }
    install(&packages)?;
    let requirements = workspace().join("tests/clients/requirements.txt");
    let environment = environment(&requirements)?;
    link(&environment, &workspace().join("target/clients/python"))?;
    say(&format!("the official SDKs are in {}", environment.display()));
    Ok(())
}

/// The same for Node and Go, and that `target/clients/go-connect` leads to the Go program.
pub(crate) fn ensure_languages() -> Result<()> {
    install(&missing(&LANGUAGES))?;
    let program = go_program(&workspace().join("tests/clients/connect.go"))?;
    link(&program, &workspace().join("target/clients/go-connect"))
}

/// The same for the container runtime, whose pods tests run in.
pub(crate) fn ensure_pods() -> Result<()> {
    let mut packages = missing(&PODS);
    if !Path::new(NETWORK_PLUGINS.0).exists() {
        packages.push(NETWORK_PLUGINS.1);
    }
    install(&packages)
}

/// The packages of those that are not installed.
fn missing(programs: &[(&str, &'static str)]) -> Vec<&'static str> {
    let absent = programs.iter().filter(|(program, _)| on_path(program).is_none());
    absent.map(|(_, package)| *package).collect()
}

fn install(packages: &[&str]) -> Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    if !debian::is_here() {
        bail!("please install what Debian has in the packages {}", packages.join(", "));
    }
    debian::install(packages)
}

/// The program of this source, built if that was not done yet. Nothing is downloaded for it, and without the C compiler
/// it has Go's own resolver.
fn go_program(source: &Path) -> Result<PathBuf> {
    let path = cache()?.join(format!("go-connect-{:016x}", hash(source)?));
    if path.exists() {
        return Ok(path);
    }
    say("building the test client in Go");
    let mut go = Command::new("go");
    go.args(["build", "-trimpath", "-o"]).arg(&path).arg(source);
    go.env("CGO_ENABLED", "0").env("GO111MODULE", "off").env("GOPROXY", "off").env("GOFLAGS", "");
    go.env("GOCACHE", cache()?.join("go-build"));
    run(&mut go)?;
    Ok(path)
}

/// Tells one version of a file from another.
fn hash(file: &Path) -> Result<u64> {
    let mut hash = DefaultHasher::new();
    fs::read(file).with_context(|| format!("read {}", file.display()))?.hash(&mut hash);
    Ok(hash.finish())
}

fn python_makes_environments() -> bool {
    output(Command::new("python3").args(["-c", "import venv, ensurepip"])).is_some()
}

/// The environment for these requirements, made if it is missing or no longer works.
fn environment(requirements: &Path) -> Result<PathBuf> {
    let path = cache()?.join(format!("python-{:016x}", hash(requirements)?));
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

/// Whether all SDKs can be imported there. From a half-finished installation they cannot.
fn works(environment: &Path) -> bool {
    let python = environment.join("bin/python");
    output(Command::new(python).args(["-c", "import openai, anthropic, boto3, google.genai"])).is_some()
}

//! `cargo xtask fuzz`: libFuzzer on the parsers, guided by coverage, with the stable toolchain.
//! Knows how the targets are built and run. What they check is in `interceptor/fuzz` and `interceptor/engine/fuzz`.
//!
//! The compiler's coverage passes need no nightly; only the sanitizers do, and in code without `unsafe` there is
//! little for them to see. A wrapper around rustc gives the passes to the workspace's own crates alone: dependencies
//! are neither built again nor explored.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};

use crate::tools::cargo::{cargo, metadata, target_directory};
use crate::tools::{self, cache, debian, on_path, say, workspace};

/// Packages with targets.
const PACKAGES: [&str; 2] = ["interceptor-fuzz", "interceptor-engine-fuzz"];

/// Arguments of `cargo xtask fuzz`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The targets to run; without any, all of them one after the other.
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// How long each is run.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// All targets for a moment each, as `cargo xtask test` does.
    #[arg(long, conflicts_with_all = ["targets", "seconds"])]
    smoke: bool,
}

/// Runs targets for a while. What they learn is kept in the user's cache, and the next run begins with it.
pub(crate) fn run(args: &Args) -> Result<()> {
    if args.smoke {
        let failed = smoke()?.failed;
        ensure!(failed == 0, "{failed} fuzz targets failed");
        return Ok(());
    }
    let all = targets()?;
    for name in &args.targets {
        ensure!(all.contains(name), "there is no target {name}; there are {}", all.join(", "));
    }
    let programs = build()?;
    let chosen = if args.targets.is_empty() { &all } else { &args.targets };
    for name in chosen {
        let corpus = cache()?.join("corpus").join(name);
        fs::create_dir_all(&corpus).with_context(|| format!("make {}", corpus.display()))?;
        say(&format!("fuzzing {name} for {} s; its corpus is {}", args.seconds, corpus.display()));
        let mut fuzzer = fuzzer(&programs, name)?;
        fuzzer.arg(format!("-max_total_time={}", args.seconds)).arg("-print_final_stats=1").arg(&corpus);
        tools::run(&mut fuzzer)?;
    }
    Ok(())
}

/// How a short run of every target went.
#[derive(Debug, Default)]
pub(crate) struct Smoke {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

/// Runs every target for a moment, from nothing and with the same seed each time: that they still build, and that no
/// simple input fails. Real fuzzing is `cargo xtask fuzz`.
pub(crate) fn smoke() -> Result<Smoke> {
    let programs = build()?;
    let mut smoke = Smoke::default();
    for name in targets()? {
        let mut fuzzer = fuzzer(&programs, &name)?;
        let output =
            fuzzer.args(["-seed=1", "-runs=20000", "-max_total_time=3"]).stdin(Stdio::null()).output();
        let output = output.with_context(|| format!("run {name}"))?;
        let said = String::from_utf8_lossy(&output.stderr);
        match Runs::read(&said) {
            Some(runs) if output.status.success() => {
                println!("fuzz {name} ... ok, {runs}");
                smoke.passed += 1;
            }
            _ => {
                println!("{said}\nfuzz {name} ... FAILED, {}", output.status);
                smoke.failed += 1;
            }
        }
    }
    Ok(smoke)
}

/// What libFuzzer says at the end: `Done 20000 runs in 1 second(s)`.
struct Runs(u64);

impl Runs {
    fn read(said: &str) -> Option<Self> {
        let line = said.lines().rev().find_map(|line| line.strip_prefix("Done "))?;
        line.split(' ').next()?.parse().ok().filter(|runs| *runs > 0).map(Self)
    }
}

impl fmt::Display for Runs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} runs", self.0)
    }
}

/// The names of all targets.
fn targets() -> Result<Vec<String>> {
    let metadata = metadata()?;
    let packages = metadata["packages"].as_array().context("cargo metadata names no packages")?;
    let ours = packages.iter().filter(|package| PACKAGES.iter().any(|name| package["name"] == *name));
    let targets = ours.filter_map(|package| package["targets"].as_array()).flatten();
    let names: Vec<String> =
        targets.filter_map(|target| target["name"].as_str().map(str::to_owned)).collect();
    ensure!(!names.is_empty(), "no fuzz target is left in {}", PACKAGES.join(" and "));
    Ok(names)
}

/// Builds all targets and says where.
fn build() -> Result<PathBuf> {
    ensure_compiler()?;
    let mut cargo = cargo();
    cargo.args(["build", "--quiet", "--locked"]).args(PACKAGES.iter().flat_map(|name| ["-p", *name]));
    cargo.env("RUSTC_WORKSPACE_WRAPPER", workspace().join("xtask/src/fuzz/rustc.sh"));
    tools::run(&mut cargo)?;
    Ok(target_directory()?.join("debug"))
}

/// libFuzzer is C++. Lints need it built, too.
pub(crate) fn ensure_compiler() -> Result<()> {
    if on_path("c++").is_some() {
        return Ok(());
    }
    if !debian::is_here() {
        bail!("a C++ compiler is missing; libFuzzer is built with it");
    }
    debian::install(&["g++"])
}

fn fuzzer(programs: &Path, name: &str) -> Result<Command> {
    // What it finds is written here: inputs that fail.
    let artifacts = target_directory()?.join("fuzz-artifacts").join(name);
    fs::create_dir_all(&artifacts).with_context(|| format!("make {}", artifacts.display()))?;
    let mut fuzzer = Command::new(programs.join(name));
    fuzzer.arg(format!("-artifact_prefix={}/", artifacts.display()));
    Ok(fuzzer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_line_is_read() {
        assert_eq!(Runs::read("stat\nDone 20000 runs in 1 second(s)\n").map(|runs| runs.0), Some(20_000));
        assert!(Runs::read("Done 0 runs in 1 second(s)").is_none());
        assert!(Runs::read("==1== ERROR: libFuzzer: deadly signal").is_none());
    }
}

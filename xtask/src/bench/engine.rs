//! The engine alone: runs its criterion benchmarks and reads what they wrote. No root, no network.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};

use crate::tools::cargo::{cargo, metadata, target_directory};

pub(super) const ID: &str = "engine";
pub(super) const TITLE: &str = "throughput of the engine alone (criterion)";

pub(super) const PACKAGE: &str = "interceptor-engine";

/// One criterion benchmark.
#[derive(Debug, Serialize)]
pub(super) struct Throughput {
    pub(super) name: String,
    /// Time of one iteration, ns: the median and its 95 % interval.
    pub(super) nanoseconds: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    /// Bytes of one iteration; none if the benchmark counts something else.
    pub(super) bytes: Option<f64>,
}

impl Throughput {
    /// MB (10⁶ bytes) per second.
    pub(super) fn megabytes_per_second(&self) -> Option<f64> {
        self.bytes.map(|bytes| bytes * 1000.0 / self.nanoseconds)
    }
}

/// Runs the benchmarks. `quick` asks criterion for fewer samples.
pub(super) fn run(quick: bool) -> anyhow::Result<Vec<Throughput>> {
    println!("{ID}: {TITLE}");
    let began = SystemTime::now();
    let mut command = cargo();
    command.args(["bench", "--quiet", "--locked", "--package", PACKAGE]);
    // By name: `--benches` would also run the library's own harness, which knows none of criterion's options.
    for name in names()? {
        command.args(["--bench", &name]);
    }
    command.args(["--", "--noplot"]);
    if quick {
        command.arg("--quick");
    }
    let output = command.output().context("run cargo bench")?;
    ensure!(
        output.status.success(),
        "cargo bench --package {PACKAGE}: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let mut found = Vec::new();
    collect(&target_directory()?.join("criterion"), began, &mut found)?;
    ensure!(!found.is_empty(), "{PACKAGE} has no criterion benchmark; nothing was measured");
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

/// The names of the package's benchmarks.
fn names() -> anyhow::Result<Vec<String>> {
    let metadata = metadata()?;
    let packages = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    let package = packages.iter().find(|package| package["name"] == PACKAGE);
    let targets =
        package.and_then(|package| package["targets"].as_array()).context("the engine has no targets")?;
    let benches = targets.iter().filter(|target| target["kind"][0] == "bench");
    let names: Vec<String> = benches.filter_map(|target| Some(target["name"].as_str()?.to_owned())).collect();
    ensure!(!names.is_empty(), "{PACKAGE} has no benchmark");
    Ok(names)
}

#[derive(Deserialize)]
struct Benchmark {
    full_id: String,
    throughput: Option<Counted>,
}

#[derive(Deserialize)]
struct Counted {
    #[serde(rename = "Bytes")]
    bytes: Option<f64>,
}

#[derive(Deserialize)]
struct Estimates {
    median: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    point_estimate: f64,
    confidence_interval: Interval,
}

#[derive(Deserialize)]
struct Interval {
    lower_bound: f64,
    upper_bound: f64,
}

/// Walks criterion's folder for results of this run; older ones belong to benchmarks that are gone.
fn collect(folder: &Path, since: SystemTime, found: &mut Vec<Throughput>) -> anyhow::Result<()> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        if !path.is_dir() {
            continue;
        }
        let estimates = path.join("estimates.json");
        let fresh =
            fs::metadata(&estimates).and_then(|about| about.modified()).is_ok_and(|time| time >= since);
        if path.ends_with("new") && fresh {
            found.push(read(&path, &estimates)?);
        } else {
            collect(&path, since, found)?;
        }
    }
    Ok(())
}

fn read(folder: &Path, estimates: &Path) -> anyhow::Result<Throughput> {
    let benchmark: Benchmark = json(&folder.join("benchmark.json"))?;
    let Estimate { point_estimate, confidence_interval } = json::<Estimates>(estimates)?.median;
    Ok(Throughput {
        name: benchmark.full_id,
        nanoseconds: point_estimate,
        low: confidence_interval.lower_bound,
        high: confidence_interval.upper_bound,
        bytes: benchmark.throughput.and_then(|counted| counted.bytes),
    })
}

fn json<T: serde::de::DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("read {}", path.display()))
}

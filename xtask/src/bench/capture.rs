//! `cargo xtask bench capture`: what the programs in the kernel cost those whose traffic is none of ours, and those
//! whose traffic is. `bench-capture` measures; this file runs it and compares.

mod table;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

use super::contender::Contender;
use super::lab::Lab;
use super::report::{Report, machine, save};
use super::scenario::{self, Metric};
use super::stats::Estimate;
use super::{Effort, build, measure};
use crate::tools;

/// Arguments of `cargo xtask bench capture`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// A little of everything, in seconds: shows that it runs, not what it costs.
    #[arg(long)]
    quick: bool,
    /// Where the result goes as JSON.
    #[arg(long, default_value = "target/bench-capture.json")]
    json: PathBuf,
    /// Take the programs from this folder instead of building them.
    #[arg(long, value_name = "FOLDER")]
    binaries: Option<PathBuf>,
}

/// What `bench-capture` reports.
#[derive(Deserialize)]
struct Measured {
    connect: Vec<Connect>,
    dns: Vec<Dns>,
    stream: Stream,
    burst: Burst,
    verdicts: Verdicts,
    guarded: Guarded,
}

#[derive(Deserialize)]
struct Connect {
    way: String,
    p50_ns: f64,
    p99_ns: f64,
    rounds_ns: Vec<f64>,
    programs: Vec<Cost>,
}

#[derive(Deserialize)]
struct Dns {
    kind: String,
    programs: Vec<Cost>,
}

#[derive(Deserialize)]
struct Stream {
    bare: Vec<f64>,
    with_programs: Vec<f64>,
    programs: Vec<Cost>,
}

#[derive(Deserialize)]
struct Burst {
    connections: u64,
    lost: u64,
    accepted_per_second: f64,
}

/// Where policy may forbid something as such.
#[derive(Deserialize)]
struct Verdicts {
    redirected: Vec<Cost>,
    refused: Vec<Cost>,
    answers: Vec<Dns>,
}

/// With a guarded interface.
#[derive(Deserialize)]
struct Guarded {
    connect: Vec<Cost>,
    stream: Vec<Cost>,
}

#[derive(Deserialize)]
struct Cost {
    program: String,
    runs_per_unit: f64,
    nanoseconds_per_run: f64,
    nanoseconds_per_unit: f64,
}

/// A passed-through answer beside one that nothing stands in between of.
struct Passthrough {
    throughput: Option<Estimate>,
    cpu_per_megabyte: Option<Estimate>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    ensure!(tools::is_root(), "bench capture loads programs and needs root: sudo cargo xtask bench capture");
    let binaries = match &args.binaries {
        Some(folder) => folder.clone(),
        None => build(&["bench-capture", "connector", "bench-origin", "bench-load"], true)?,
    };
    let raw = kernel(&binaries, args.quick)?;
    let measured = Measured::deserialize(&raw).context("read the result of bench-capture")?;
    let passthrough = passthrough(&binaries, args.quick)?;
    table::print(&measured, &passthrough);
    let document = json!({
        "machine": machine(),
        "quick": args.quick,
        "connect_divided_by_bare": ratios(&measured),
        "stream_divided_by_bare": measured.stream.ratio(),
        "passthrough_divided_by_direct": passthrough.throughput,
        "passthrough_cpu_us_per_megabyte": passthrough.cpu_per_megabyte,
        "measured": raw,
    });
    save(&args.json, &document)?;
    println!("written to {}", args.json.display());
    let lost = measured.burst.lost;
    ensure!(lost == 0, "{lost} connections of the burst lost their destination");
    Ok(())
}

fn kernel(binaries: &Path, quick: bool) -> anyhow::Result<Value> {
    let mut command = Command::new(binaries.join("bench-capture"));
    // Errors are shown inside ours; a backtrace would bury them.
    command.env_remove("RUST_BACKTRACE");
    if quick {
        command.args(["--rounds", "2", "--block", "50", "--answers", "100"]);
        command.args(["--stream", "20", "--stream-rounds", "1", "--burst", "400"]);
    }
    let output = command.output().with_context(|| format!("run bench-capture of {}", binaries.display()))?;
    ensure!(output.status.success(), "bench-capture: {}", String::from_utf8_lossy(&output.stderr).trim());
    serde_json::from_slice(&output.stdout).context("read the result of bench-capture")
}

/// The scenario of the other benchmark, with the two contenders that matter here.
fn passthrough(binaries: &Path, quick: bool) -> anyhow::Result<Passthrough> {
    let all = scenario::all();
    let scenario = all.iter().find(|scenario| scenario.id == "passthrough").context("it is in the list")?;
    let (rounds, window) = if quick { (1, Duration::from_millis(500)) } else { (7, Duration::from_secs(3)) };
    let effort = Effort { rounds, window, warmup: Duration::from_millis(300), quick };
    let contenders = [Contender::Direct, Contender::Interceptor];
    let mut report = Report::new(&effort, &contenders);
    let lab = Lab::new(binaries, true)?;
    measure::run(&lab, &contenders, &[scenario], &effort, &mut report)?;
    report.verdict()?;
    Ok(Passthrough {
        throughput: report.ratio(scenario.id, Metric::Rate, Contender::Direct),
        cpu_per_megabyte: report.estimate(scenario.id, Contender::Interceptor, Metric::Cpu),
    })
}

/// Each way's time as a multiple of the time without programs, round by round.
fn ratios(measured: &Measured) -> Vec<Value> {
    let Some(bare) = measured.connect.first() else { return Vec::new() };
    measured.connect.iter().map(|way| json!({ "way": way.way, "ratio": way.divided_by(bare) })).collect()
}

impl Connect {
    fn divided_by(&self, other: &Self) -> Option<Estimate> {
        paired(&self.rounds_ns, &other.rounds_ns)
    }

    /// What all programs together cost for each connection.
    fn nanoseconds(&self) -> f64 {
        self.programs.iter().map(|cost| cost.nanoseconds_per_unit).sum()
    }
}

impl Stream {
    fn ratio(&self) -> Option<Estimate> {
        paired(&self.with_programs, &self.bare)
    }
}

fn paired(ones: &[f64], others: &[f64]) -> Option<Estimate> {
    let ratios: Vec<f64> = ones.iter().zip(others).map(|(one, other)| one / other).collect();
    Estimate::of(&ratios)
}

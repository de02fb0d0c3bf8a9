//! `cargo xtask bench namespaces`: what many network namespaces cost the daemon, and what their first calls meet.
//! `bench-namespaces` measures; this file runs it and shows.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

use super::build;
use super::report::{machine, number, save};
use crate::tools;

/// Arguments of `cargo xtask bench namespaces`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Network namespaces. Each takes a link, some processes to set up, and five of the daemon's descriptors.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=4000))]
    count: u16,
    /// A moment of rest instead of 20 seconds: shows that it runs, not what it costs.
    #[arg(long)]
    quick: bool,
    /// Where the result goes as JSON.
    #[arg(long, default_value = "target/bench-namespaces.json")]
    json: PathBuf,
    /// Take the programs from this folder instead of building them.
    #[arg(long, value_name = "FOLDER")]
    binaries: Option<PathBuf>,
}

/// What `bench-namespaces` reports.
#[derive(Deserialize)]
struct Measured {
    namespaces: u32,
    first_calls: FirstCalls,
    connect_served_us: Spread,
    answered_us: Spread,
    descriptors: Held,
    memory_bytes: Held,
    rest_cpu_us_per_second: f64,
    start_ms: Start,
}

#[derive(Deserialize)]
struct FirstCalls {
    served_at_once: u64,
    refused_and_then_served: u64,
    uninspected: u64,
    refusals: u64,
}

#[derive(Deserialize)]
struct Spread {
    p50: f64,
    p99: f64,
    max: f64,
}

#[derive(Deserialize)]
struct Held {
    before: f64,
    with: f64,
    after: f64,
    each: f64,
}

#[derive(Deserialize)]
struct Start {
    without: f64,
    with: f64,
    each: f64,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    ensure!(
        tools::is_root(),
        "bench namespaces makes some and needs root: sudo cargo xtask bench namespaces"
    );
    let binaries = match &args.binaries {
        Some(folder) => folder.clone(),
        None => build(&["bench-namespaces", "lab-dialer"], true)?,
    };
    let raw = measure(&binaries, args)?;
    let measured = Measured::deserialize(&raw).context("read the result of bench-namespaces")?;
    print(&measured);
    save(&args.json, &json!({ "machine": machine(), "quick": args.quick, "measured": raw }))?;
    println!("written to {}", args.json.display());
    let missed = measured.first_calls.uninspected;
    ensure!(missed == 0, "{missed} first calls went past the daemon");
    Ok(())
}

fn measure(binaries: &Path, args: &Args) -> anyhow::Result<Value> {
    let mut command = Command::new(binaries.join("bench-namespaces"));
    command.env_remove("RUST_BACKTRACE").args(["--count", &args.count.to_string()]);
    if args.quick {
        command.args(["--rest", "1"]);
    }
    let output =
        command.output().with_context(|| format!("run bench-namespaces of {}", binaries.display()))?;
    ensure!(output.status.success(), "bench-namespaces: {}", String::from_utf8_lossy(&output.stderr).trim());
    serde_json::from_slice(&output.stdout).context("read the result of bench-namespaces")
}

fn print(measured: &Measured) {
    let Measured { namespaces, first_calls: first, .. } = measured;
    println!("\n{namespaces} network namespaces, each with a first call at once; new ones fail closed");
    println!("  first call served                     {:>12}", first.served_at_once);
    println!("  first refused by policy, then served  {:>12}", first.refused_and_then_served);
    println!("  refusals until then, each             {:>12}", number(first.each(first.refusals)));
    println!("  past the daemon                       {:>12}", first.uninspected);
    println!("\n  {:<38}{:>12}{:>12}{:>12}", "from the first attempt, µs", "p50", "p99", "most");
    for (what, spread) in [
        ("to a connect that is served", &measured.connect_served_us),
        ("to a whole answer", &measured.answered_us),
    ] {
        let [p50, p99, max] = [spread.p50, spread.p99, spread.max].map(number);
        println!("  {what:<38}{p50:>12}{p99:>12}{max:>12}");
    }
    println!("\n  {:<38}{:>12}{:>12}{:>12}{:>12}", "the daemon", "before", "with", "each", "afterwards");
    let kilobytes = |held: &Held| [held.before, held.with, held.each, held.after].map(|bytes| bytes / 1024.0);
    let descriptors = &measured.descriptors;
    let descriptors = [descriptors.before, descriptors.with, descriptors.each, descriptors.after];
    for (what, figures) in [("descriptors", descriptors), ("memory, KB", kilobytes(&measured.memory_bytes))] {
        let [before, with, each, after] = figures.map(number);
        println!("  {what:<38}{before:>12}{with:>12}{each:>12}{after:>12}");
    }
    let Start { without, with, each } = measured.start_ms;
    let [without, with, each] = [without, with, each].map(number);
    println!("  {:<38}{without:>12}{with:>12}{each:>12}", "start until it serves, ms");
    println!("  processor time at rest, µs in a second: {}", number(measured.rest_cpu_us_per_second));
}

impl FirstCalls {
    /// By namespace that was refused at first.
    fn each(&self, count: u64) -> f64 {
        count as f64 / self.refused_and_then_served.max(1) as f64
    }
}

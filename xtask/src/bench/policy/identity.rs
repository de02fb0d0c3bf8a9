//! What it takes to find out who called. `bench-identity` measures; this file runs it and shows.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use serde_json::Value;

use crate::bench::report::number;

#[derive(Deserialize)]
struct Measured {
    known_ns: Spread,
    gone_ns: Spread,
    first_us: Spread,
}

#[derive(Deserialize)]
struct Spread {
    p50: f64,
    p99: f64,
    max: f64,
}

pub(super) fn run(binaries: &Path, quick: bool) -> anyhow::Result<Value> {
    let mut command = Command::new(binaries.join("bench-identity"));
    command.env_remove("RUST_BACKTRACE");
    if quick {
        command.args(["--rounds", "3", "--block", "50", "--workloads", "5"]);
    }
    let output = command.output().with_context(|| format!("run bench-identity of {}", binaries.display()))?;
    ensure!(output.status.success(), "bench-identity: {}", String::from_utf8_lossy(&output.stderr).trim());
    let raw: Value = serde_json::from_slice(&output.stdout).context("read the result of bench-identity")?;
    print(&Measured::deserialize(&raw).context("read the result of bench-identity")?);
    Ok(raw)
}

fn print(measured: &Measured) {
    println!("\n  {:<46}{:>12}{:>12}{:>12}", "who called", "p50", "p99", "most");
    for (what, spread) in [
        ("of a known workload, CPU of the worker, ns", &measured.known_ns),
        ("the same, and the process has ended, ns", &measured.gone_ns),
        ("of a new workload until it is known, µs", &measured.first_us),
    ] {
        let [p50, p99, max] = [spread.p50, spread.p99, spread.max].map(number);
        println!("  {what:<46}{p50:>12}{p99:>12}{max:>12}");
    }
}

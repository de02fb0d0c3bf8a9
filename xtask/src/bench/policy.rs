//! `cargo xtask bench policy`: what policy costs. A decision among few and many policies and what an expression adds, by
//! criterion; what a store that nodes share adds to a call, and what reading a set anew does to calls meanwhile, by whole
//! daemons under load; what it takes to find out who calls. This file is the order of events.

mod files;
mod identity;
mod reload;
mod series;
mod store;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;
use serde_json::json;

use super::lab::Lab;
use super::report::{machine, save};
use super::{Effort, build, engine, install, priority};
use crate::tools::{self, cargo::cargo};

/// Arguments of `cargo xtask bench policy`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// A moment of each part: shows that it runs, not what it costs. Without `decisions`.
    #[arg(long)]
    quick: bool,
    /// Interleaved rounds of the parts under load.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Seconds of each run under load.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Only these parts (repeat for more); without it, all.
    #[arg(long = "only", value_name = "PART", value_enum)]
    only: Vec<Part>,
    /// Where the result goes as JSON; criterion keeps its own beside it.
    #[arg(long, default_value = "target/bench-policy.json")]
    json: PathBuf,
    /// Let the scheduler place the processes instead of giving each daemon one core, which its threads share.
    #[arg(long)]
    no_pin: bool,
    /// Take `bench-origin`, `bench-load`, `bench-identity` and `interceptor` from this folder instead of building them.
    #[arg(long, value_name = "FOLDER")]
    binaries: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// The engine alone, by criterion.
    Decisions,
    /// What a worker pays to know its caller.
    Identity,
    /// A limit, and one that nodes share.
    Store,
    /// Reading 10,000 policies anew.
    Reload,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let wants = |part| args.only.contains(&part) || (args.only.is_empty() && !args.quick);
    let wants = |part| wants(part) || (args.only.is_empty() && part != Part::Decisions);
    if wants(Part::Decisions) {
        decisions()?;
    }
    if ![Part::Identity, Part::Store, Part::Reload].into_iter().any(wants) {
        return Ok(());
    }
    ensure!(
        tools::is_root(),
        "bench policy makes network namespaces and needs root: sudo cargo xtask bench policy"
    );
    let binaries = match &args.binaries {
        Some(folder) => folder.clone(),
        None => build(&["bench-origin", "bench-load", "bench-identity"], true)?,
    };
    let mut result = json!({ "machine": machine(), "quick": args.quick, "rounds": args.rounds });
    if wants(Part::Identity) {
        result["identity"] = identity::run(&binaries, args.quick)?;
    }
    if wants(Part::Store) || wants(Part::Reload) {
        install::programs(&[store::SERVER])?;
        let lab = Lab::new(&binaries, !args.no_pin)?;
        let (effort, _first) = (effort(args), priority::Raised::enter());
        if wants(Part::Store) {
            result["store"] = store::run(&lab, &effort)?;
        }
        if wants(Part::Reload) {
            result["reload"] = reload::run(&lab, &effort)?;
        }
    }
    save(&args.json, &result)?;
    println!("\nwritten to {}", args.json.display());
    Ok(())
}

/// Criterion measures and prints; there is nothing to compare with.
fn decisions() -> anyhow::Result<()> {
    let bench = ["bench", "--locked", "-p", engine::PACKAGE, "--bench", "policy"];
    let status = cargo().args(bench).status()?;
    ensure!(status.success(), "the benchmark of policy failed; what it said is above");
    Ok(())
}

fn effort(args: &Args) -> Effort {
    let (rounds, seconds, warmup) =
        if args.quick { (1, 0.5, 200) } else { (args.rounds, args.seconds, 1000) };
    Effort {
        rounds: rounds.max(1),
        window: Duration::from_secs_f64(seconds.clamp(0.1, 600.0)),
        warmup: Duration::from_millis(warmup),
        quick: args.quick,
    }
}

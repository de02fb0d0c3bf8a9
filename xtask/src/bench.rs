//! `cargo xtask bench`: the daemon beside its peers, on one machine, in one run. BENCHMARKS.md has the method.
//! This file is the order of events; each step is a file of its own.

mod capture;
mod contender;
mod engine;
mod install;
mod lab;
mod measure;
mod namespaces;
mod policy;
mod priority;
mod report;
mod scenario;
mod stats;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;

use contender::Contender;
use lab::Lab;
use scenario::Scenario;

use crate::tools::cargo::{cargo, target_directory};
use crate::{ebpf, tools};

/// Arguments of `cargo xtask bench`.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    part: Option<Part>,
    /// One short round of everything, in a minute or two: shows that it runs, not how fast it is.
    #[arg(long)]
    quick: bool,
    /// Interleaved rounds; every contender runs once in each.
    #[arg(long)]
    rounds: Option<usize>,
    /// Seconds of each run.
    #[arg(long)]
    seconds: Option<f64>,
    /// Only these scenarios (repeat for more); without it, all.
    #[arg(long = "only", value_name = "SCENARIO")]
    only: Vec<String>,
    /// Only these contenders (repeat for more); without it, all.
    #[arg(long = "contender", value_name = "NAME", value_enum)]
    contenders: Vec<Contender>,
    /// Where the result goes as JSON.
    #[arg(long, default_value = "target/bench.json")]
    json: PathBuf,
    /// Let the scheduler place the processes instead of giving the proxy a core of its own.
    #[arg(long)]
    no_pin: bool,
    /// Take `bench-origin`, `bench-load` and `interceptor` from this folder instead of building them.
    #[arg(long, value_name = "FOLDER")]
    binaries: Option<PathBuf>,
    /// List the scenarios and stop.
    #[arg(long)]
    list: bool,
}

#[derive(clap::Subcommand)]
enum Part {
    /// What the programs in the kernel cost: connections, DNS answers, packets, a burst.
    Capture(capture::Args),
    /// What policy costs: decisions, expressions, callers, a store that nodes share, and reading a set anew.
    Policy(policy::Args),
    /// What many network namespaces cost the daemon, and what their first calls meet.
    Namespaces(namespaces::Args),
}

/// How long and how often.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    rounds: usize,
    window: Duration,
    warmup: Duration,
    quick: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    match &args.part {
        Some(Part::Capture(args)) => return capture::run(args),
        Some(Part::Policy(args)) => return policy::run(args),
        Some(Part::Namespaces(args)) => return namespaces::run(args),
        None => {}
    }
    let scenarios = scenario::all();
    if args.list {
        for scenario in &scenarios {
            println!("{:<20} {}", scenario.id, scenario.title);
        }
        println!("{:<20} {}", engine::ID, engine::TITLE);
        return Ok(());
    }
    let chosen = choose(&scenarios, &args.only)?;
    let with_engine = args.only.is_empty() || args.only.iter().any(|id| id == engine::ID);
    let contenders = if args.contenders.is_empty() { Contender::all() } else { args.contenders.clone() };
    let effort = effort(args);
    let mut report = report::Report::new(&effort, &contenders);
    if with_engine {
        // First, because it fails without much ado if it does.
        report.engine = engine::run(effort.quick)?;
    }
    if !chosen.is_empty() {
        ensure!(tools::is_root(), "bench makes network namespaces and needs root: sudo cargo xtask bench");
        install::peers(&contenders)?;
        let binaries = match &args.binaries {
            Some(folder) => folder.clone(),
            None => build(&["bench-origin", "bench-load"], contenders.contains(&Contender::Interceptor))?,
        };
        let lab = Lab::new(&binaries, !args.no_pin)?;
        let _first = priority::Raised::enter();
        measure::run(&lab, &contenders, &chosen, &effort, &mut report)?;
    }
    report.print();
    report.write(&args.json)?;
    println!("written to {}", args.json.display());
    report.verdict()
}

fn effort(args: &Args) -> Effort {
    let (rounds, seconds, warmup) = if args.quick { (1, 1.0, 300) } else { (7, 5.0, 1000) };
    Effort {
        rounds: args.rounds.unwrap_or(rounds).max(1),
        window: Duration::from_secs_f64(args.seconds.unwrap_or(seconds).clamp(0.1, 600.0)),
        warmup: Duration::from_millis(warmup),
        quick: args.quick,
    }
}

fn choose<'a>(all: &'a [Scenario], wanted: &[String]) -> anyhow::Result<Vec<&'a Scenario>> {
    for id in wanted {
        let known = id == engine::ID || all.iter().any(|scenario| scenario.id == *id);
        ensure!(known, "there is no scenario {id}; `cargo xtask bench --list` shows them");
    }
    Ok(all.iter().filter(|scenario| wanted.is_empty() || wanted.iter().any(|id| id == scenario.id)).collect())
}

/// Builds what is measured and what measures, optimised, and says where it went.
fn build(tools_of_ours: &[&'static str], with_daemon: bool) -> anyhow::Result<PathBuf> {
    let mut packages: Vec<_> = tools_of_ours.iter().map(|tool| ("interceptor-tests", *tool)).collect();
    if with_daemon {
        // The daemon's build embeds the object.
        ebpf::build()?;
        packages.push(("interceptor", "interceptor"));
    }
    for (package, binary) in packages {
        let mut cargo = cargo();
        cargo.args(["build", "--release", "--locked", "--package", package, "--bin", binary]);
        tools::run(&mut cargo)?;
    }
    Ok(target_directory()?.join("release"))
}

//! `bench-identity`: what it costs a worker to find out who called, as one JSON object on standard output. Measures; what
//! follows from the figures is the caller's business.
//!
//! The callers are processes in control groups of their own. No container runtime is asked: how long that takes is the
//! runtime's doing, and no worker's time.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Error, Result, ensure};
use clap::Parser;
use interceptor::identity::{Identities, IdentitySpec};
use interceptor::netns::NetNs;
use interceptor::proxy::accept::Recorded;
use interceptor_engine::policy::Identity;
use interceptor_tests::cgroup::Cgroup;
use interceptor_tests::gate;
use nix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

/// What it costs to find out who called.
#[derive(Parser)]
#[command(name = "bench-identity", version, about)]
struct Args {
    /// Rounds, in each of which every kind of caller is asked about.
    #[arg(long, default_value_t = 50)]
    rounds: usize,
    /// Questions of one kind in one round.
    #[arg(long, default_value_t = 1000)]
    block: u32,
    /// Workloads that call for the first time.
    #[arg(long, default_value_t = 500)]
    workloads: usize,
}

/// A process that has called, and its control group.
struct Workload {
    process: Child,
    cgroup: Cgroup,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let args = Args::parse();
    gate::kernel().map_err(Error::msg)?;
    let identities = Identities::start(&IdentitySpec::STANDARD)?;
    let (cookie, name): (u64, Arc<str>) = (NetNs::current()?.cookie()?.0, "self".into());
    let mut first = Vec::new();
    let mut last = None;
    for _ in 0..args.workloads.max(1) {
        let workload = Workload::start()?;
        first.push(settle(&identities, (cookie, &name), &workload.recorded()?).await?);
        last = Some(workload);
    }
    let workload = last.context("there is one workload at least")?;
    let here = workload.recorded()?;
    // Another process of the same workload, which did not wait.
    let gone = workload.ended()?;
    let (mut known, mut ended) = (Vec::new(), Vec::new());
    for _ in 0..args.rounds.max(1) {
        let asked = |recorded: &Recorded, is_known: bool| {
            let caller = identities.caller(cookie, &name, recorded, never);
            caller.is_settled && (caller.subject.identity == Identity::Known) == is_known
        };
        known.push(cost(args.block, || asked(&here, true))?);
        ended.push(cost(args.block, || asked(&gone, false))?);
    }
    let measured = json!({
        "known_ns": spread(known),
        "gone_ns": spread(ended),
        "first_us": spread(first.into_iter().map(|took| took.as_secs_f64() * 1e6).collect()),
    });
    println!("{measured}");
    Ok(())
}

/// How long it takes until the caller of a workload that nobody has asked about is known.
async fn settle(
    identities: &Identities,
    namespace: (u64, &Arc<str>),
    recorded: &Recorded,
) -> Result<Duration> {
    let begun = Instant::now();
    let caller = identities.caller(namespace.0, namespace.1, recorded, never).into();
    let caller = identities.settled(&caller).await;
    let took = begun.elapsed();
    ensure!(caller.subject.identity == Identity::Known, "the caller is {:?}", caller.subject.identity);
    Ok(took)
}

/// Nobody has become another program. The kernel's map would say so, for one system call more than is measured here.
fn never(_: u32) -> Option<Duration> {
    Some(Duration::ZERO)
}

/// Processor time of one question, in ns.
fn cost(block: u32, mut asked: impl FnMut() -> bool) -> Result<f64> {
    let now = || clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from);
    let begun = now()?;
    for _ in 0..block.max(1) {
        ensure!(asked(), "the answer is another than it was");
    }
    Ok((now()? - begun).as_secs_f64() * 1e9 / f64::from(block.max(1)))
}

impl Workload {
    fn start() -> Result<Self> {
        let cgroup = Cgroup::new();
        let mut command = Command::new("cat");
        cgroup.adopt(&mut command);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().context("start a process")?;
        // Until its program runs, nobody can say which one it is.
        process.stdin.as_mut().context("its input")?.write_all(b".")?;
        process.stdout.as_mut().context("its output")?.read_exact(&mut [0])?;
        Ok(Self { process, cgroup })
    }

    /// What the kernel would have recorded if it called now.
    fn recorded(&self) -> Result<Recorded> {
        Ok(Recorded {
            destination: SocketAddr::from(([203, 0, 113, 10], 443)),
            at: clock_gettime(ClockId::CLOCK_MONOTONIC)?.into(),
            is_proxy: false,
            cgroup: self.cgroup.id(),
            pid: self.process.id(),
            uid: 0,
            comm: "cat".into(),
        })
    }

    /// The same of a process in the same group that has ended since.
    fn ended(&self) -> Result<Recorded> {
        let mut command = Command::new("true");
        self.cgroup.adopt(&mut command);
        let mut process = command.spawn().context("start a process")?;
        let recorded = Recorded { pid: process.id(), ..self.recorded()? };
        ensure!(process.wait()?.success(), "true is true");
        Ok(recorded)
    }
}

impl Drop for Workload {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spread(mut values: Vec<f64>) -> Value {
    values.sort_by(f64::total_cmp);
    let at = |per_cent: usize| values.get(values.len().saturating_sub(1) * per_cent / 100).copied();
    json!({ "p50": at(50), "p99": at(99), "max": values.last() })
}

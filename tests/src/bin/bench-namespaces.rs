//! `bench-namespaces`: what a thousand network namespaces cost a daemon, and what becomes of the first call of each, as one
//! JSON object on standard output. Measures; what follows from the figures is the caller's business.
//!
//! Every namespace has a link to the laboratory's internet, a cgroup of its own and a process, and calls a provider as
//! soon as that process can: before the daemon can have looked for it.

use std::fs;
use std::io;
use std::net::{Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Error, Result, ensure};
use clap::Parser;
use interceptor_tests::cgroup::Cgroup;
use interceptor_tests::client::{self, Wire};
use interceptor_tests::daemon::Daemon;
use interceptor_tests::dialer::Dialer;
use interceptor_tests::gate;
use interceptor_tests::lab::{Lab, OPENAI, host, https6};
use interceptor_tests::load::tree::Tree;
use interceptor_tests::netns::Namespace;
use interceptor_tests::place::Place;
use interceptor_tests::stage::merge;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use rustls::ClientConfig;
use serde_json::{Value, json};

/// What many network namespaces cost.
#[derive(Parser)]
#[command(name = "bench-namespaces", version, about)]
struct Args {
    /// Network namespaces.
    #[arg(long, default_value_t = 1000)]
    count: u16,
    /// Seconds of rest over which processor time is taken.
    #[arg(long, default_value_t = 20)]
    rest: u64,
}

/// A workload in a namespace of its own.
struct Guest {
    dialer: Dialer,
    _cgroup: Arc<Cgroup>,
    _namespace: Namespace,
}

/// What its first calls met.
struct First {
    /// Refused attempts before the one that was served.
    refused: u64,
    /// From the first attempt to the return of the `connect` that was served.
    served: Duration,
    /// To the whole answer.
    answered: Duration,
}

/// What the daemon holds at one moment.
#[derive(Clone, Copy)]
struct Held {
    descriptors: usize,
    memory: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let args = Args::parse();
    gate::kernel().map_err(Error::msg)?;
    // A descriptor for each namespace and some for its process; a child takes what its parent has.
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    let lab = Lab::new()?;
    let config = config(&lab)?;
    // The first one makes what is pinned, and those that are compared find it.
    ensure!(lab.daemon_with(&config).await?.stop().await?.success(), "the daemon stops in order");
    let begun = Instant::now();
    let daemon = lab.daemon_with(&config).await?;
    let empty = begun.elapsed();
    let before = settled(&daemon).await?;
    let trust = trust(&lab)?;
    let (mut guests, mut calls) = (Vec::new(), Vec::new());
    for number in 0..args.count {
        let (guest, call) = guest_and_call(&lab, &trust, number).await?;
        guests.push(guest);
        calls.push(call);
    }

    // What calls leave in memory is none of a namespace's: it is weighed on a daemon that has served none.
    ensure!(daemon.stop().await?.success(), "the daemon stops in order");
    let begun = Instant::now();
    let daemon = lab.daemon_with(&config).await?;
    let full = begun.elapsed();
    let found = daemon.ready()["namespaces"].as_u64().context("the daemon says how many it serves")?;
    ensure!(
        found == u64::from(args.count) + 1,
        "the daemon that was started again serves {found} namespaces"
    );
    let with = settled(&daemon).await?;
    let rest = processor_time(&daemon, Duration::from_secs(args.rest)).await?;

    drop(guests);
    let after = settled(&daemon).await?;
    ensure!(daemon.stop().await?.success(), "the daemon stops in order");
    println!("{}", report(&args, &calls, [before, with, after], rest, [empty, full]));
    Ok(())
}

fn config(lab: &Lab) -> Result<Value> {
    let mut config = lab.config();
    let spec = json!({
        "namespaces": ["self", "discover"],
        // A new one is refused until it is served: what passes uninspected is a hole.
        "capture": {"pins": lab.pins()?, "unknown": "closed", "onFailure": "closed"},
        // Unused connections to providers are none of a namespace's.
        "limits": {"upstreamIdle": "1s"}
    });
    merge(&mut config["spec"], spec);
    Ok(config)
}

/// Trusts the daemon's authority and no other: only a call that is served gets through.
fn trust(lab: &Lab) -> Result<Arc<ClientConfig>> {
    client::trusting(&fs::read_to_string(lab.folder().join("ca/ca.crt"))?, &["http/1.1"])
}

async fn guest_and_call(lab: &Lab, trust: &Arc<ClientConfig>, number: u16) -> Result<(Guest, First)> {
    let guest = Guest::start(lab, number).with_context(|| format!("namespace {number}"))?;
    let call = guest.call(trust).await.with_context(|| format!("the first call of namespace {number}"))?;
    Ok((guest, call))
}

impl Guest {
    fn start(lab: &Lab, number: u16) -> Result<Self> {
        let (namespace, device) = (Namespace::new(), format!("guest{number}"));
        // Duplicate address detection would have every new link wait a second.
        namespace.run(|| fs::write("/proc/sys/net/ipv6/conf/default/accept_dad", "0"))?;
        lab.topology.internet.join(&namespace, &device);
        let address = |host| Ipv6Addr::new(0x2001, 0xdb8, 0x200, number, 0, 0, 0, host);
        lab.topology.internet.add_addresses(&device, &[&format!("{}/64", address(1))]);
        namespace.add_addresses(&device, &[&format!("{}/64", address(2))]);
        namespace.ip(&format!("route add default via {}", address(1)));
        let cgroup = Arc::new(lab.cgroup.child(&device));
        let dialer = Dialer::start(&Place::new(&namespace).cgroup(&cgroup))?;
        Ok(Self { dialer, _cgroup: cgroup, _namespace: namespace })
    }

    /// Calls a provider until it is served.
    async fn call(&self, trust: &Arc<ClientConfig>) -> Result<First> {
        const PATIENCE: Duration = Duration::from_secs(30);
        let to: SocketAddr = https6(host::SHARED);
        let begun = Instant::now();
        let mut refused = 0;
        let stream = loop {
            match self.dialer.connect(to)? {
                Ok(stream) => break stream,
                Err(error) if error.raw_os_error() == Some(libc::EPERM) => refused += 1,
                Err(error) => return Err(error).context("connect"),
            }
            ensure!(begun.elapsed() < PATIENCE, "refused {refused} times");
            // The laboratory's name server and providers live on this thread.
            tokio::task::yield_now().await;
        };
        let served = begun.elapsed();
        let stream = client::handshake(stream, OPENAI, trust).await?;
        let stream = stream.map_err(|error: io::Error| {
            Error::from(error).context("the daemon did not answer: the call may have gone past it")
        })?;
        let mut wire = Wire::new(stream);
        let answer = wire.call("GET /v1/models HTTP/1.1\r\nHost: api.openai.com", "").await?;
        ensure!(answer.head.status == 200, "{}", answer.text());
        Ok(First { refused, served, answered: begun.elapsed() })
    }
}

/// What the daemon holds once that stays as it is.
async fn settled(daemon: &Daemon) -> Result<Held> {
    /// Longer than the daemon takes between two looks at unused connections.
    const QUIET: u32 = 7;
    const MOST: u32 = 180;
    let pid = daemon.pid().context("the daemon runs")?;
    let descriptors = || Ok::<_, Error>(fs::read_dir(format!("/proc/{pid}/fd"))?.count());
    let (mut last, mut quiet) = (descriptors()?, 0);
    for _ in 0..MOST {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = descriptors()?;
        quiet = if now == last { quiet + 1 } else { 0 };
        last = now;
        if quiet == QUIET {
            return Ok(Held { descriptors: last, memory: anonymous(pid)? });
        }
    }
    anyhow::bail!("the daemon's descriptors still change: {last}")
}

/// Bytes of memory that are the process's own. Pages of its program come and go with the page cache, and are left out.
fn anonymous(pid: u32) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let line =
        text.lines().find_map(|line| line.strip_prefix("Anonymous:")).context("the daemon has memory")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes * 1024)
}

/// Processor time by second of rest, in microseconds.
async fn processor_time(daemon: &Daemon, rest: Duration) -> Result<f64> {
    let tree = Tree::new(&[daemon.pid().context("the daemon runs")?]);
    let before = tree.cpu()?;
    tokio::time::sleep(rest).await;
    let used = tree.cpu()?.since(&before).context("the daemon is a process")?;
    Ok(used / rest.as_secs_f64())
}

fn report(args: &Args, calls: &[First], held: [Held; 3], rest: f64, started: [Duration; 2]) -> Value {
    let count = f64::from(args.count.max(1));
    let [before, with, after] = held;
    let [empty, full] = started.map(|time| time.as_secs_f64() * 1e3);
    let descriptors = (with.descriptors as f64 - before.descriptors as f64) / count;
    // By the same process: how much of its start the allocator still holds depends on how busy it is, and one with
    // nothing to look at holds more.
    let memory = (with.memory as f64 - after.memory as f64) / count;
    let at_once = calls.iter().filter(|call| call.refused == 0).count();
    json!({
        "namespaces": args.count,
        "first_calls": {
            "served_at_once": at_once,
            "refused_and_then_served": calls.len() - at_once,
            // One that goes past the daemon ends the measurement with an error.
            "uninspected": 0,
            "refusals": calls.iter().map(|call| call.refused).sum::<u64>(),
        },
        "connect_served_us": spread(calls.iter().map(|call| call.served)),
        "answered_us": spread(calls.iter().map(|call| call.answered)),
        "descriptors": {
            "before": before.descriptors, "with": with.descriptors, "after": after.descriptors, "each": descriptors
        },
        "memory_bytes": { "before": before.memory, "with": with.memory, "after": after.memory, "each": memory },
        "rest_cpu_us_per_second": rest,
        "start_ms": { "without": empty, "with": full, "each": (full - empty) / count },
    })
}

fn spread(times: impl Iterator<Item = Duration>) -> Value {
    let mut sorted: Vec<f64> = times.map(|time| time.as_secs_f64() * 1e6).collect();
    sorted.sort_by(f64::total_cmp);
    let at = |per_cent: usize| sorted.get(sorted.len().saturating_sub(1) * per_cent / 100).copied();
    json!({ "p50": at(50), "p99": at(99), "max": sorted.last() })
}

//! `bench-load`: one shape of load for a while, and what it cost, as one JSON object on standard output.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};
use interceptor_tests::load::{self, Call, Shape, Target, Window};
use interceptor_tests::origin::Alpn;
use interceptor_tests::origin::answer::Answer;

/// Load for benchmarks.
#[derive(Parser)]
#[command(name = "bench-load", version, about)]
struct Args {
    /// Where to connect.
    #[arg(long)]
    connect: SocketAddr,
    /// The name to ask for.
    #[arg(long)]
    name: String,
    /// h1 or h2.
    #[arg(long, default_value = "h1")]
    alpn: Alpn,
    /// The roots that the certificate must chain to.
    #[arg(long)]
    roots: PathBuf,
    /// Resume TLS sessions of earlier connections.
    #[arg(long)]
    resume: bool,
    /// Bytes of the request's body.
    #[arg(long, default_value_t = 2048)]
    body: usize,
    /// What the origin answers: `chat`, `bytes N` or `stream CHUNKS MICROSECONDS`.
    #[arg(long, default_value = "chat", value_parser = answer)]
    answer: Answer,
    /// Uncounted milliseconds before the window.
    #[arg(long, default_value_t = 500)]
    warmup: u64,
    /// Milliseconds of the window.
    #[arg(long, default_value_t = 5000)]
    measure: u64,
    /// The process whose tree is measured; repeat for more.
    #[arg(long = "pid")]
    pids: Vec<u32>,
    #[command(subcommand)]
    shape: ShapeArgs,
}

#[derive(Subcommand)]
enum ShapeArgs {
    /// One call after the other on kept connections.
    KeepAlive {
        #[arg(long, default_value_t = 16)]
        connections: usize,
        /// Calls in flight on each connection (h2).
        #[arg(long, default_value_t = 1)]
        streams: usize,
    },
    /// Each call on a connection of its own.
    Cold {
        #[arg(long, default_value_t = 8)]
        concurrency: usize,
    },
    /// Calls at fixed times; latency counts from when a call was due.
    Rate {
        #[arg(long, default_value_t = 16)]
        connections: usize,
        #[arg(long, default_value_t = 500)]
        per_second: u32,
    },
    /// Streamed answers at once.
    Stream {
        #[arg(long, default_value_t = 50)]
        streams: usize,
    },
    /// Open connections that do nothing.
    Idle {
        #[arg(long, default_value_t = 1000)]
        connections: usize,
    },
}

fn answer(text: &str) -> Result<Answer, String> {
    Answer::parse(text).ok_or_else(|| "expected chat, bytes N or stream CHUNKS MICROSECONDS".to_owned())
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let target = Target::new(args.connect, &args.name, args.alpn, &args.roots, args.resume)?;
    let call = Call::chat(args.body, args.answer);
    let shape = match args.shape {
        ShapeArgs::KeepAlive { connections, streams } => Shape::KeepAlive { connections, streams },
        ShapeArgs::Cold { concurrency } => Shape::Cold { concurrency },
        ShapeArgs::Rate { connections, per_second } => Shape::Rate { connections, per_second },
        ShapeArgs::Stream { streams } => Shape::Stream { streams },
        ShapeArgs::Idle { connections } => Shape::Idle { connections },
    };
    let window =
        Window { warmup: Duration::from_millis(args.warmup), measure: Duration::from_millis(args.measure) };
    let outcome = load::run(&target, &call, shape, window, &args.pids)?;
    println!("{}", serde_json::to_string(&outcome)?);
    Ok(())
}

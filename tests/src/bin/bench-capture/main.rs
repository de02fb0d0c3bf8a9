//! `bench-capture`: what the programs in the kernel cost, as one JSON object on standard output. Measures; what follows
//! from the figures is the caller's business. This file is the order of events.

mod bed;
mod burst;
mod connect;
mod cost;
mod dns;
mod stream;
mod verdicts;
mod veth;

use anyhow::{Error, Result};
use clap::Parser;
use interceptor_tests::gate;
use serde_json::json;

use bed::Bed;

/// What the programs in the kernel cost.
#[derive(Parser)]
#[command(name = "bench-capture", version, about)]
struct Args {
    /// Rounds of connections, in each of which every way is taken twice: there and back.
    #[arg(long, default_value_t = 20)]
    rounds: usize,
    /// Connections of one way in one half of a round.
    #[arg(long, default_value_t = 2500)]
    block: usize,
    /// Answers of each kind.
    #[arg(long, default_value_t = 20_000)]
    answers: usize,
    /// Milliseconds of one stream, of which each round has four.
    #[arg(long, default_value_t = 300)]
    stream: u64,
    /// Rounds of streams.
    #[arg(long, default_value_t = 10)]
    stream_rounds: usize,
    /// Connections of the burst, which four processes share.
    #[arg(long, default_value_t = 10_000)]
    burst: usize,
}

fn main() -> Result<()> {
    let args = Args::parse();
    gate::kernel().map_err(Error::msg)?;
    let mut bed = Bed::new()?;
    let connect = connect::measure(&bed, args.rounds, args.block)?;
    let dns = dns::measure(&bed, args.answers)?;
    let stream = stream::measure(&bed, args.stream_rounds, args.stream)?;
    let burst = burst::measure(&bed, args.burst)?;
    let verdicts = verdicts::measure(&bed, args.block, args.answers)?;
    let guarded = veth::measure(&mut bed, args.block, args.stream)?;
    let measured = json!({
        "connect": connect, "dns": dns, "stream": stream, "burst": burst, "verdicts": verdicts, "guarded": guarded
    });
    println!("{measured}");
    Ok(())
}

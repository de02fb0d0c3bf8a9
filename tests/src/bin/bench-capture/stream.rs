//! What the programs cost a stream that is none of ours: throughput with and without, and time for each packet. The
//! stream goes to a captured port of an address that is no endpoint, where the guard has most to look at.

use std::io::Read as _;
use std::net::TcpListener;
use std::process::Stdio;
use std::thread;

use anyhow::{Context as _, Result};
use interceptor_tests::cgroup::Cgroup;
use serde::Serialize;

use crate::bed::{Bed, OTHER, PORT, at};
use crate::connect::number;
use crate::cost::{self, Cost};

#[derive(Debug, Serialize)]
pub(crate) struct Streams {
    /// Bytes a second in each round: both there and back.
    bare: Vec<f64>,
    with_programs: Vec<f64>,
    /// What the programs cost for each megabyte.
    programs: Vec<Cost>,
}

pub(crate) fn measure(bed: &Bed, rounds: usize, milliseconds: u64) -> Result<Streams> {
    let (mut bare, mut with_programs) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let mut rates = [0.0; 4];
        for (rate, cgroup) in rates.iter_mut().zip([&bed.outside, &bed.inside, &bed.inside, &bed.outside]) {
            *rate = flood(bed, cgroup, milliseconds)?.1;
        }
        let [first, second, third, fourth] = rates;
        bare.push(f64::midpoint(first, fourth));
        with_programs.push(f64::midpoint(second, third));
    }
    let programs = costs(bed, milliseconds)?;
    Ok(Streams { bare, with_programs, programs })
}

/// What the programs cost for each megabyte.
pub(crate) fn costs(bed: &Bed, milliseconds: u64) -> Result<Vec<Cost>> {
    cost::of(bed, || Ok(flood(bed, &bed.inside, milliseconds)?.0 / 1_000_000))
}

/// Bytes, and bytes a second.
fn flood(bed: &Bed, cgroup: &Cgroup, milliseconds: u64) -> Result<(u64, f64)> {
    thread::scope(|scope| {
        let sink = scope.spawn(|| sink(&bed.origin));
        let words = ["flood", &milliseconds.to_string(), &at(OTHER, PORT)];
        let said = bed.start(cgroup, Stdio::null(), &words)?.result()?;
        sink.join().ok().context("the sink ended")??;
        let (bytes, nanoseconds) = (number(&said, "bytes")?, number(&said, "nanoseconds")?);
        Ok((bytes, bytes as f64 * 1e9 / nanoseconds as f64))
    })
}

fn sink(listener: &TcpListener) -> Result<()> {
    let mut stream = listener.accept()?.0;
    let mut block = vec![0; 256 * 1024];
    while stream.read(&mut block)? != 0 {}
    Ok(())
}

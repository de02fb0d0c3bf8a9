//! What `connect` takes: without programs, with programs that leave it alone, and redirected.

use std::net::TcpListener;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde_json::Value;

use crate::bed::{Bed, ENDPOINT, OTHER, OTHER_PORT, PORT, at, input};
use crate::cost::{self, Cost};

/// A way that a connection takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Way {
    /// No program is attached.
    Bare,
    /// Left alone, because its port is not captured.
    OtherPort,
    /// Left alone, because its address is no endpoint: the longest way to that answer.
    OtherAddress,
    /// Redirected.
    Match,
}

const WAYS: [Way; 4] = [Way::Bare, Way::OtherPort, Way::OtherAddress, Way::Match];

/// All connections of one way.
#[derive(Debug, Serialize)]
pub(crate) struct Ways {
    way: Way,
    connections: usize,
    p50_ns: u64,
    p99_ns: u64,
    /// The median of each round: the ways of one round ran in the same moment.
    rounds_ns: Vec<u64>,
    /// What the programs cost for each connection.
    programs: Vec<Cost>,
}

/// Connects in blocks, A B C D D C B A, so that a drift of the machine cancels. The kernel's own statistics, which
/// slow every run down, are taken in blocks of their own.
pub(crate) fn measure(bed: &Bed, rounds: usize, block: usize) -> Result<Vec<Ways>> {
    let mut taken: [Vec<Vec<u64>>; 4] = Default::default();
    for _ in 0..rounds {
        let mut round: [Vec<u64>; 4] = Default::default();
        for index in (0..WAYS.len()).chain((0..WAYS.len()).rev()) {
            round[index].extend(connections(bed, WAYS[index], block)?);
        }
        for (all, one) in taken.iter_mut().zip(round) {
            all.push(one);
        }
    }
    WAYS.into_iter().zip(taken).map(|(way, rounds)| summary(bed, way, rounds, block)).collect()
}

fn summary(bed: &Bed, way: Way, rounds: Vec<Vec<u64>>, block: usize) -> Result<Ways> {
    let rounds_ns = rounds.iter().map(|round| quantile(round.clone(), 50)).collect();
    let all: Vec<u64> = rounds.into_iter().flatten().collect();
    let programs = cost::of(bed, || Ok(connections(bed, way, block)?.len() as u64))?;
    let (p50_ns, p99_ns) = (quantile(all.clone(), 50), quantile(all.clone(), 99));
    Ok(Ways { way, connections: all.len(), p50_ns, p99_ns, rounds_ns, programs })
}

/// What the programs cost for each connection on the longest way to being left alone.
pub(crate) fn left_alone(bed: &Bed, count: usize) -> Result<Vec<Cost>> {
    cost::of(bed, || Ok(connections(bed, Way::OtherAddress, count)?.len() as u64))
}

/// What the programs cost for each connection that is redirected.
pub(crate) fn redirected(bed: &Bed, count: usize) -> Result<Vec<Cost>> {
    cost::of(bed, || Ok(connections(bed, Way::Match, count)?.len() as u64))
}

/// What they cost for each that is refused, of which all have to be.
pub(crate) fn refused(bed: &Bed, count: usize) -> Result<Vec<Cost>> {
    let words = ["refused", &count.to_string(), &at(ENDPOINT, PORT)];
    cost::of(bed, || {
        let said = bed.start(&bed.inside, Stdio::null(), &words)?.result()?;
        number(&said, "refused")
    })
}

fn connections(bed: &Bed, way: Way, count: usize) -> Result<Vec<u64>> {
    let (cgroup, listener, to): (_, &TcpListener, _) = match way {
        Way::Bare => (&bed.outside, &bed.origin, at(OTHER, PORT)),
        Way::OtherPort => (&bed.inside, &bed.other_origin, at(OTHER, OTHER_PORT)),
        Way::OtherAddress => (&bed.inside, &bed.origin, at(OTHER, PORT)),
        Way::Match => (&bed.inside, &bed.listener, at(ENDPOINT, PORT)),
    };
    let said = bed.start(cgroup, input(listener)?, &["paced", &count.to_string(), &to])?.result()?;
    if way == Way::Match {
        // Nobody takes them here, and a map that fills up would be measured as well.
        bed.capture.flows().sweep(Duration::ZERO, |_| {})?;
    }
    let took = said["nanoseconds"].as_array().context("a list of times")?;
    took.iter().map(|one| one.as_u64().context("a time")).collect::<Result<_>>()
}

fn quantile(mut values: Vec<u64>, percent: usize) -> u64 {
    values.sort_unstable();
    values.get(values.len().saturating_sub(1) * percent / 100).copied().unwrap_or(0)
}

/// A number of an application's report.
pub(crate) fn number(said: &Value, field: &str) -> Result<u64> {
    said[field].as_u64().with_context(|| format!("the application said no {field}"))
}

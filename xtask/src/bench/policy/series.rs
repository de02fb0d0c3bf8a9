//! Runs of several ways in turns, and what is made of them. Knows the load generator's result. Does not know what sets the
//! ways apart.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::bench::Effort;
use crate::bench::contender::Contestant;
use crate::bench::report::{interval, number};
use crate::bench::scenario::{self, Scenario};
use crate::bench::stats::Estimate;

/// One figure of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Figure {
    /// Processor time of the daemon for one call, µs.
    Cpu,
    /// Latency, µs.
    P50,
    P99,
    Max,
}

impl Figure {
    pub(super) const ALL: [Self; 4] = [Self::Cpu, Self::P50, Self::P99, Self::Max];
}

/// What one way showed, round by round.
#[derive(Debug, Serialize)]
pub(super) struct Series {
    pub(super) scenario: &'static str,
    pub(super) way: String,
    rounds: BTreeMap<Figure, Vec<f64>>,
}

#[derive(Deserialize)]
struct Outcome {
    units: u64,
    errors: u64,
    first_error: Option<String>,
    cpu_us: f64,
    latency_us: Quantiles,
}

#[derive(Deserialize)]
struct Quantiles {
    p50: f64,
    p99: f64,
    max: f64,
}

impl Series {
    pub(super) fn new(scenario: &Scenario, way: &str) -> Self {
        Self { scenario: scenario.id, way: way.to_owned(), rounds: BTreeMap::new() }
    }

    /// One more round. A call that fails ends the benchmark: something else was measured.
    pub(super) fn round(
        &mut self,
        contestant: &mut Contestant<'_>,
        scenario: &Scenario,
        effort: &Effort,
    ) -> anyhow::Result<()> {
        let raw = contestant.load(scenario.origin, scenario.alpn, &scenario.arguments(effort));
        contestant.check()?;
        let outcome = Outcome::deserialize(&raw?).context("read the result of bench-load")?;
        let Outcome { units, errors, first_error, cpu_us, latency_us } = outcome;
        let failed = first_error.unwrap_or_default();
        ensure!(
            errors == 0 && units > 0,
            "{} of {}: {errors} calls failed: {failed}",
            self.scenario,
            self.way
        );
        let figures = [
            (Figure::Cpu, cpu_us / units as f64),
            (Figure::P50, latency_us.p50),
            (Figure::P99, latency_us.p99),
            (Figure::Max, latency_us.max),
        ];
        for (figure, value) in figures {
            self.rounds.entry(figure).or_default().push(value);
        }
        Ok(())
    }

    /// The median over the rounds.
    pub(super) fn estimate(&self, figure: Figure) -> Option<Estimate> {
        Estimate::of(self.rounds.get(&figure)?)
    }

    /// How many times of what the other way shows, by round: both ran in the same minute.
    pub(super) fn divided_by(&self, other: &Self, figure: Figure) -> Option<Estimate> {
        let (mine, theirs) = (self.rounds.get(&figure)?, other.rounds.get(&figure)?);
        let ratios: Vec<f64> = mine.iter().zip(theirs).map(|(mine, theirs)| mine / theirs).collect();
        Estimate::of(&ratios)
    }
}

/// The scenario of that name.
pub(super) fn scenario(id: &str) -> anyhow::Result<Scenario> {
    scenario::all().into_iter().find(|one| one.id == id).with_context(|| format!("there is no scenario {id}"))
}

/// The ways of one scenario, each below the one that it is compared with.
pub(super) fn print(ways: &[Series]) {
    let columns = ["CPU µs/call", "p50 µs", "p99 µs", "most µs"];
    println!("\n  {:<28}{:>14}{:>12}{:>12}{:>12}", "", columns[0], columns[1], columns[2], columns[3]);
    for (at, way) in ways.iter().enumerate() {
        let cells = Figure::ALL.map(|figure| {
            way.estimate(figure).map_or_else(|| "-".to_owned(), |estimate| number(estimate.median))
        });
        let [cpu, p50, p99, max] = cells;
        println!("  {:<28}{cpu:>14}{p50:>12}{p99:>12}{max:>12}", format!("{}, {}", way.scenario, way.way));
        let Some(before) = at.checked_sub(1).map(|at| &ways[at]) else { continue };
        for (figure, name) in [(Figure::Cpu, "CPU"), (Figure::P50, "p50"), (Figure::P99, "p99")] {
            if let Some(ratio) = way.divided_by(before, figure) {
                println!("    {name} ÷ {}: {}", before.way, interval(&ratio));
            }
        }
    }
}

/// The same for programs that read it.
pub(super) fn report(ways: &[Series]) -> anyhow::Result<Value> {
    let mut all = Vec::new();
    for (at, way) in ways.iter().enumerate() {
        let mut one = serde_json::to_value(way)?;
        let figures = |of: &dyn Fn(Figure) -> Option<Estimate>| {
            Figure::ALL
                .into_iter()
                .filter_map(|figure| Some((figure, of(figure)?)))
                .collect::<BTreeMap<_, _>>()
        };
        one["figures"] = serde_json::to_value(figures(&|figure| way.estimate(figure)))?;
        if let Some(before) = at.checked_sub(1).map(|at| &ways[at]) {
            one["compared_with"] = before.way.as_str().into();
            one["ratios"] = serde_json::to_value(figures(&|figure| way.divided_by(before, figure)))?;
        }
        all.push(one);
    }
    Ok(all.into())
}

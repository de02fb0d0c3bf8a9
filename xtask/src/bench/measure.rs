//! Runs the rounds: every contender once in each, in turns, so that the noise of a minute falls on all of them.

use std::collections::BTreeMap;
use std::io::Write as _;

use anyhow::Context as _;
use serde::Deserialize;

use super::Effort;
use super::contender::{Contender, Contestant};
use super::lab::Lab;
use super::report::{Report, Sample};
use super::scenario::{Metric, Scenario};

/// What the load generator reports, as far as the table needs it.
#[derive(Deserialize)]
struct Outcome {
    units: u64,
    errors: u64,
    first_error: Option<String>,
    seconds: f64,
    cpu_us: Option<f64>,
    latency_us: Quantiles,
    first_chunk_us: Option<Quantiles>,
    merged: Option<u64>,
    memory_bytes: Option<i64>,
}

#[derive(Deserialize)]
struct Quantiles {
    p50: f64,
    p99: f64,
}

/// Starts the contenders and measures every scenario. A contender that ends by itself ends the benchmark.
pub(super) fn run(
    lab: &Lab,
    contenders: &[Contender],
    scenarios: &[&Scenario],
    effort: &Effort,
    report: &mut Report,
) -> anyhow::Result<()> {
    let mut contestants = Vec::new();
    for (number, contender) in contenders.iter().enumerate() {
        let started = Contestant::start(lab, *contender, number);
        contestants.push(started.with_context(|| format!("start {}", contender.name()))?);
    }
    for scenario in scenarios {
        print!("{:<18}", scenario.id);
        let rounds = scenario.rounds(effort);
        for round in 0..rounds {
            // Back and forth: A B B A cancels a drift of the machine within the pair.
            let mut order: Vec<usize> = (0..contestants.len()).collect();
            if round % 2 == 1 {
                order.reverse();
            }
            for index in order {
                let contestant = &mut contestants[index];
                if contestant.contender.can(scenario) {
                    let sample = once(lab, contestant, scenario, effort, round).with_context(|| {
                        format!("{} of {}, round {}", scenario.id, contestant.contender.name(), round + 1)
                    })?;
                    report.samples.push(sample);
                }
            }
            print!(".");
            std::io::stdout().flush()?;
        }
        println!();
        report.scenarios.push(**scenario);
    }
    Ok(())
}

fn once(
    lab: &Lab,
    contestant: &mut Contestant<'_>,
    scenario: &Scenario,
    effort: &Effort,
    round: usize,
) -> anyhow::Result<Sample> {
    if scenario.fresh() {
        contestant.restart()?;
    }
    let before = lab.origin_counters()?;
    let raw = contestant.load(scenario.origin, scenario.alpn, &scenario.arguments(effort));
    // A crash explains a failed run better than the failed run does.
    contestant.check()?;
    let raw = raw?;
    let after = lab.origin_counters()?;
    let outcome = Outcome::deserialize(&raw).context("read the result of bench-load")?;
    let mut figures = figures(scenario, &outcome);
    let connections = after.connections.saturating_sub(before.connections);
    if connections > 0 {
        figures.insert(
            Metric::Reuse,
            after.requests.saturating_sub(before.requests) as f64 / connections as f64,
        );
    }
    let contender = contestant.contender;
    let Outcome { errors, first_error, .. } = outcome;
    Ok(Sample { scenario: scenario.id, contender, round, errors, first_error, figures, raw })
}

fn figures(scenario: &Scenario, outcome: &Outcome) -> BTreeMap<Metric, f64> {
    let units = outcome.units as f64 * scenario.scale;
    let mut figures = BTreeMap::new();
    if units == 0.0 {
        return figures;
    }
    figures.insert(Metric::Rate, units / outcome.seconds);
    figures.insert(Metric::P50, outcome.latency_us.p50);
    figures.insert(Metric::P99, outcome.latency_us.p99);
    figures.extend(outcome.cpu_us.map(|cpu| (Metric::Cpu, cpu / units)));
    figures.extend(outcome.first_chunk_us.as_ref().map(|first| (Metric::First, first.p50)));
    figures.extend(outcome.merged.map(|merged| (Metric::Merged, merged as f64 * 1000.0 / units)));
    figures.extend(outcome.memory_bytes.map(|bytes| (Metric::Memory, bytes as f64 / 1000.0 / units)));
    figures
}

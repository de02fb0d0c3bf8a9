//! The result: samples, the table that people read, the JSON that programs read, and the goals.

mod goal;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};
use serde::Serialize;

use super::Effort;
use super::contender::Contender;
use super::engine::Throughput;
use super::scenario::{Metric, Scenario};
use super::stats::Estimate;

/// One run of one contender.
#[derive(Serialize)]
pub(super) struct Sample {
    pub(super) scenario: &'static str,
    pub(super) contender: Contender,
    pub(super) round: usize,
    pub(super) errors: u64,
    pub(super) first_error: Option<String>,
    pub(super) figures: BTreeMap<Metric, f64>,
    /// All that the load generator reported.
    pub(super) raw: serde_json::Value,
}

/// Everything that was measured.
pub(super) struct Report {
    pub(super) samples: Vec<Sample>,
    pub(super) scenarios: Vec<Scenario>,
    pub(super) engine: Vec<Throughput>,
    contenders: Vec<Contender>,
    effort: Effort,
}

impl Report {
    pub(super) fn new(effort: &Effort, contenders: &[Contender]) -> Self {
        Self {
            samples: Vec::new(),
            scenarios: Vec::new(),
            engine: Vec::new(),
            contenders: contenders.to_vec(),
            effort: *effort,
        }
    }

    /// The values of one figure, by round.
    fn values(&self, scenario: &str, contender: Contender, metric: Metric) -> BTreeMap<usize, f64> {
        let mine = |sample: &&Sample| sample.scenario == scenario && sample.contender == contender;
        let figure = |sample: &Sample| Some((sample.round, *sample.figures.get(&metric)?));
        self.samples.iter().filter(mine).filter_map(figure).collect()
    }

    pub(super) fn estimate(&self, scenario: &str, contender: Contender, metric: Metric) -> Option<Estimate> {
        let values: Vec<f64> = self.values(scenario, contender, metric).into_values().collect();
        Estimate::of(&values)
    }

    /// Compares two contenders round by round: both ran in the same minute.
    fn paired(
        &self,
        scenario: &str,
        metric: Metric,
        (one, other): (Contender, Contender),
        compare: impl Fn(f64, f64) -> f64,
    ) -> Option<Estimate> {
        let others = self.values(scenario, other, metric);
        let ones = self.values(scenario, one, metric);
        let pairs: Vec<f64> =
            ones.iter().filter_map(|(round, value)| Some(compare(*value, *others.get(round)?))).collect();
        Estimate::of(&pairs)
    }

    /// What ours costs, as a multiple of what theirs costs.
    pub(super) fn ratio(&self, scenario: &str, metric: Metric, theirs: Contender) -> Option<Estimate> {
        self.paired(scenario, metric, (Contender::Interceptor, theirs), |ours, theirs| ours / theirs)
    }

    /// What a contender adds to the direct way; none for figures that do not grow by what stands in between.
    fn added(&self, scenario: &str, contender: Contender, metric: Metric) -> Option<Estimate> {
        let applies = metric.is_delay() && contender != Contender::Direct;
        let pair = (contender, Contender::Direct);
        applies.then(|| self.paired(scenario, metric, pair, |through, direct| through - direct))?
    }

    fn errors(&self, scenario: &str, contender: Contender) -> u64 {
        let mine = |sample: &&Sample| sample.scenario == scenario && sample.contender == contender;
        self.samples.iter().filter(mine).map(|sample| sample.errors).sum()
    }

    /// Prints one block a scenario and then the goals.
    pub(super) fn print(&self) {
        for scenario in &self.scenarios {
            self.print_scenario(scenario);
        }
        if !self.engine.is_empty() {
            println!("\nengine alone");
            for one in &self.engine {
                let speed = one
                    .megabytes_per_second()
                    .map_or_else(String::new, |speed| format!("{speed:>10.0} MB/s"));
                println!("  {:<48}{:>14.0} ns{speed}", one.name, one.nanoseconds);
            }
        }
        let goals: Vec<String> = goal::all().iter().filter_map(|goal| goal.line(self)).collect();
        if !goals.is_empty() {
            println!("\ngoals");
            goals.iter().for_each(|line| println!("  {line}"));
        }
    }

    fn print_scenario(&self, scenario: &Scenario) {
        println!("\n{}: {}", scenario.id, scenario.title);
        let [first, rest @ ..] = scenario.metrics else { return };
        let mut heading =
            format!("  {:<12}{:>16}{:>24}", "", first.heading(scenario.unit), "ours ÷ it [95 %]");
        rest.iter().for_each(|metric| heading.push_str(&format!("{:>16}", metric.heading(scenario.unit))));
        println!("{heading}");
        for contender in self.contenders.iter().filter(|contender| contender.can(scenario)) {
            let cell = |metric: Metric| {
                let Some(estimate) = self.estimate(scenario.id, *contender, metric) else {
                    return "-".to_owned();
                };
                let added = self.added(scenario.id, *contender, metric);
                let added = added.map_or_else(String::new, |added| format!(" ({:+.0})", added.median));
                number(estimate.median) + &added
            };
            let ratio = if *contender == Contender::Interceptor {
                String::new()
            } else {
                let ratio = self.ratio(scenario.id, *first, *contender);
                ratio.map_or_else(|| "-".to_owned(), |ratio| interval(&ratio))
            };
            let mut line = format!("  {:<12}{:>16}{:>24}", contender.name(), cell(*first), ratio);
            rest.iter().for_each(|metric| line.push_str(&format!("{:>16}", cell(*metric))));
            match self.errors(scenario.id, *contender) {
                0 => println!("{line}"),
                errors => println!("{line}   {errors} ERRORS"),
            }
        }
    }

    /// Writes everything, so that later runs can be compared with this one.
    pub(super) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let mut summary = Vec::new();
        for scenario in &self.scenarios {
            for contender in self.contenders.iter().filter(|contender| contender.can(scenario)) {
                summary.push(self.summary(scenario, *contender));
            }
        }
        let goals: Vec<String> = goal::all().iter().filter_map(|goal| goal.line(self)).collect();
        let document = serde_json::json!({
            "machine": machine(),
            "rounds": self.effort.rounds,
            "window_seconds": self.effort.window.as_secs_f64(),
            "quick": self.effort.quick,
            "summary": summary,
            "engine": self.engine,
            "goals": goals,
            "samples": self.samples,
        });
        save(path, &document)
    }

    fn summary(&self, scenario: &Scenario, contender: Contender) -> serde_json::Value {
        let figures: BTreeMap<Metric, Estimate> = scenario
            .metrics
            .iter()
            .filter_map(|metric| Some((*metric, self.estimate(scenario.id, contender, *metric)?)))
            .collect();
        let ratios: BTreeMap<Metric, Estimate> = scenario
            .metrics
            .iter()
            .filter_map(|metric| Some((*metric, self.ratio(scenario.id, *metric, contender)?)))
            .collect();
        let added: BTreeMap<Metric, Estimate> = scenario
            .metrics
            .iter()
            .filter_map(|metric| Some((*metric, self.added(scenario.id, contender, *metric)?)))
            .collect();
        serde_json::json!({
            "scenario": scenario.id,
            "unit": scenario.unit,
            "contender": contender,
            "figures": figures,
            "ours_divided_by_it": ratios,
            "added_to_direct": added,
            "errors": self.errors(scenario.id, contender),
        })
    }

    /// Speed fails nothing: machines differ. A call that failed does, because then something else was measured.
    pub(super) fn verdict(&self) -> anyhow::Result<()> {
        let failed: Vec<String> = self
            .samples
            .iter()
            .filter(|sample| sample.errors > 0)
            .map(|sample| {
                let first = sample.first_error.as_deref().unwrap_or("no reason given");
                format!(
                    "{} of {}: {} calls failed, the first: {first}",
                    sample.scenario,
                    sample.contender.name(),
                    sample.errors
                )
            })
            .collect();
        if failed.is_empty() {
            return Ok(());
        }
        bail!("not every call was answered:\n  {}", failed.join("\n  "))
    }
}

/// Writes a result as JSON.
pub(super) fn save(path: &Path, document: &serde_json::Value) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, serde_json::to_string_pretty(document)?)
        .with_context(|| format!("write {}", path.display()))
}

/// Three significant digits or so, which is more than the machine deserves.
pub(super) fn number(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 => format!("{value:.0}"),
        middle if middle >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

pub(super) fn interval(estimate: &Estimate) -> String {
    format!("{} [{}, {}]", number(estimate.median), number(estimate.low), number(estimate.high))
}

/// What the figures depend on.
pub(super) fn machine() -> serde_json::Value {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    serde_json::json!({
        "kernel": read("/proc/sys/kernel/osrelease"),
        "processor": model.trim_start_matches([' ', '\t', ':']),
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "load": read("/proc/loadavg"),
    })
}

//! What is measured: the scenarios, as data. Knows the load generator's arguments.

use serde::Serialize;

use super::Effort;
use super::lab::Origin;

/// Bytes of the bodies in the large scenarios.
const LARGE: usize = 10_000_000;

/// The pause between two streamed events, in µs.
const PAUSE: u64 = 20_000;

/// One figure of a run. The first of a scenario is the one that is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Metric {
    /// Processor time of the proxy per unit, µs.
    Cpu,
    /// Units per second.
    Rate,
    /// Median latency, µs.
    P50,
    /// 99 % latency, µs.
    P99,
    /// Median time to the first event, µs.
    First,
    /// Events that came together with an earlier one, of a thousand.
    Merged,
    /// Memory per unit, KB of 1000 bytes.
    Memory,
    /// Calls per connection that the origin saw: what pooling does.
    Reuse,
}

impl Metric {
    /// Whether a proxy adds to it, so that the difference to the direct way is worth showing.
    pub(super) fn is_delay(self) -> bool {
        matches!(self, Self::P50 | Self::P99 | Self::First)
    }

    pub(super) fn heading(self, unit: &str) -> String {
        match self {
            Self::Cpu => format!("CPU µs/{unit}"),
            Self::Rate => format!("{unit}/s"),
            Self::P50 => "p50 µs".to_owned(),
            Self::P99 => "p99 µs".to_owned(),
            Self::First => "first µs".to_owned(),
            Self::Merged => "merged ‰".to_owned(),
            Self::Memory => format!("KB/{unit}"),
            Self::Reuse => "calls/upstream".to_owned(),
        }
    }
}

/// What a contender must be able to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// Nothing special.
    Nothing,
    /// h2 towards the client.
    H2,
    /// To be a process at all.
    Process,
}

/// The shape of the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    KeepAlive { connections: usize, streams: usize },
    Cold { concurrency: usize },
    Rate { per_second: u32 },
    Stream { streams: usize },
    Idle,
}

/// One scenario.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scenario {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    /// What one unit is called.
    pub(super) unit: &'static str,
    /// Units of the load generator per unit of the table.
    pub(super) scale: f64,
    pub(super) metrics: &'static [Metric],
    pub(super) origin: Origin,
    pub(super) alpn: &'static str,
    pub(super) needs: Needs,
    pub(super) shape: Shape,
    request: usize,
    answer: Option<usize>,
}

impl Scenario {
    /// The arguments of the load generator.
    pub(super) fn arguments(&self, effort: &Effort) -> Vec<String> {
        let window = effort.window.as_millis();
        let mut all: Vec<String> = vec!["--body".into(), self.request.to_string()];
        let mut push = |words: &[&str]| all.extend(words.iter().map(|word| (*word).to_owned()));
        if let Some(size) = self.answer {
            push(&["--answer", &format!("bytes {size}")]);
        }
        match self.shape {
            Shape::KeepAlive { connections, streams } => {
                push(&["--warmup", &effort.warmup.as_millis().to_string(), "--measure", &window.to_string()]);
                push(&[
                    "keep-alive",
                    "--connections",
                    &connections.to_string(),
                    "--streams",
                    &streams.to_string(),
                ]);
            }
            Shape::Cold { concurrency } => {
                push(&["--warmup", &effort.warmup.as_millis().to_string(), "--measure", &window.to_string()]);
                push(&["cold", "--concurrency", &concurrency.to_string()]);
            }
            Shape::Rate { per_second } => {
                push(&["--warmup", &effort.warmup.as_millis().to_string(), "--measure", &window.to_string()]);
                push(&["rate", "--per-second", &per_second.to_string()]);
            }
            Shape::Stream { streams } => {
                let chunks = (effort.window.as_micros() / u128::from(PAUSE)).max(10);
                push(&["--answer", &format!("stream {chunks} {PAUSE}")]);
                push(&["stream", "--streams", &streams.to_string()]);
            }
            Shape::Idle => {
                let connections = if effort.quick { "300" } else { "2000" };
                push(&["--warmup", "1500", "--measure", "500", "idle", "--connections", connections]);
            }
        }
        all
    }

    /// Whether each run needs a process that has done nothing else before.
    pub(super) fn fresh(&self) -> bool {
        self.shape == Shape::Idle
    }

    /// Memory does not depend on the minute it is measured in: fewer rounds say as much.
    pub(super) fn rounds(&self, effort: &Effort) -> usize {
        if self.fresh() { effort.rounds.min(3) } else { effort.rounds }
    }
}

/// Every scenario, in the order of the table.
pub(super) fn all() -> Vec<Scenario> {
    use Metric::{Cpu, First, Memory, Merged, P50, P99, Rate, Reuse};
    let base = Scenario {
        id: "",
        title: "",
        unit: "call",
        scale: 1.0,
        metrics: &[Cpu, P50, P99, Rate, Reuse],
        origin: Origin::Http1,
        alpn: "h1",
        needs: Needs::Nothing,
        shape: Shape::KeepAlive { connections: 16, streams: 1 },
        request: 2048,
        answer: None,
    };
    let large = Scenario {
        unit: "MB",
        scale: LARGE as f64 / 1e6,
        metrics: &[Cpu, Rate],
        shape: Shape::KeepAlive { connections: 2, streams: 1 },
        ..base
    };
    vec![
        Scenario { id: "keepalive-h1", title: "chat calls of 2 KB, HTTP/1.1, 16 kept connections", ..base },
        Scenario {
            id: "keepalive-h2",
            title: "chat calls of 2 KB, h2, 4 connections of 4 streams",
            origin: Origin::H2,
            alpn: "h2",
            needs: Needs::H2,
            shape: Shape::KeepAlive { connections: 4, streams: 4 },
            ..base
        },
        Scenario {
            id: "cold",
            title: "a new connection for every chat call (full handshake), 8 at a time",
            unit: "conn",
            shape: Shape::Cold { concurrency: 8 },
            ..base
        },
        Scenario {
            id: "rate",
            title: "latency at 400 chat calls a second, HTTP/1.1, counted from when each was due",
            metrics: &[P50, P99, Cpu],
            shape: Shape::Rate { per_second: 400 },
            ..base
        },
        Scenario {
            id: "stream",
            title: "50 streamed answers at once, an event every 20 ms each",
            unit: "event",
            metrics: &[Cpu, First, P50, P99, Merged],
            shape: Shape::Stream { streams: 50 },
            ..base
        },
        Scenario {
            id: "body-down",
            title: "answers of 10 MB, HTTP/1.1, 2 connections",
            answer: Some(LARGE),
            ..large
        },
        Scenario {
            id: "body-up",
            title: "chat calls of 10 MB, HTTP/1.1, 2 connections",
            request: LARGE,
            ..large
        },
        Scenario {
            id: "idle-intercepted",
            title: "memory of an idle intercepted connection after one call",
            unit: "conn",
            metrics: &[Memory],
            needs: Needs::Process,
            shape: Shape::Idle,
            ..base
        },
        Scenario {
            id: "idle-passed",
            title: "memory of an idle passed-through connection after one call",
            unit: "conn",
            metrics: &[Memory],
            origin: Origin::Other,
            needs: Needs::Process,
            shape: Shape::Idle,
            ..base
        },
        Scenario {
            id: "passthrough",
            title: "answers of 10 MB passed through, 2 connections",
            origin: Origin::Other,
            answer: Some(LARGE),
            ..large
        },
        Scenario {
            id: "far",
            title: "a new connection for every call, one at a time; the origin answers handshakes 40 ms late",
            metrics: &[P50, P99],
            origin: Origin::FarHandshake,
            shape: Shape::Cold { concurrency: 1 },
            ..base
        },
        Scenario {
            id: "far-whole",
            title: "the same, and every answer 40 ms late as well",
            metrics: &[P50, P99],
            origin: Origin::FarWhole,
            shape: Shape::Cold { concurrency: 1 },
            ..base
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_every_scenario_measures_something() {
        let all = all();
        for (index, scenario) in all.iter().enumerate() {
            assert!(!scenario.metrics.is_empty() && !scenario.id.is_empty() && !scenario.title.is_empty());
            assert!(
                all[..index].iter().all(|earlier| earlier.id != scenario.id),
                "{} stands twice",
                scenario.id
            );
        }
    }
}

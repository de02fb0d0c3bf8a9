//! What the daemon is to reach: the bounds of this stage, and the targets beyond it. Knows figures only.

use super::{Report, interval, number};
use crate::bench::contender::Contender;
use crate::bench::scenario::Metric;
use crate::bench::stats::Estimate;

/// How a figure is judged.
#[derive(Clone, Copy)]
enum Measure {
    /// Ours divided by theirs.
    Against(Contender),
    /// Theirs divided by ours: how many times faster we are.
    FasterThan(Contender),
    /// Ours alone.
    Alone,
}

/// One bound. For [`Measure::FasterThan`] the figure is to be at least the bound, otherwise at most.
pub(super) struct Goal {
    scenario: &'static str,
    what: &'static str,
    metric: Metric,
    measure: Measure,
    /// What holds already at this stage; none where only the target is set.
    expected: Option<f64>,
    target: f64,
}

impl Goal {
    fn figure(&self, report: &Report) -> Option<Estimate> {
        let ours = Contender::Interceptor;
        match self.measure {
            Measure::Alone => report.estimate(self.scenario, ours, self.metric),
            Measure::Against(theirs) => report.ratio(self.scenario, self.metric, theirs),
            Measure::FasterThan(theirs) => {
                report.paired(self.scenario, self.metric, (theirs, ours), |theirs, ours| theirs / ours)
            }
        }
    }

    /// The line of the table; none if it was not measured.
    pub(super) fn line(&self, report: &Report) -> Option<String> {
        let figure = self.figure(report)?;
        let at_least = matches!(self.measure, Measure::FasterThan(_));
        let holds = |bound: f64| if at_least { figure.median >= bound } else { figure.median <= bound };
        let verdict = match (self.expected.is_none_or(holds), holds(self.target)) {
            (_, true) => "target reached",
            (true, false) => "not yet at the target",
            (false, false) => "MISSED",
        };
        let sign = if at_least { "≥" } else { "≤" };
        let expected =
            self.expected.map_or_else(String::new, |bound| format!("expected {sign} {}, ", number(bound)));
        let figure = interval(&figure);
        Some(format!(
            "{:<56}{figure:>22}   {expected}target {sign} {}: {verdict}",
            self.what,
            number(self.target)
        ))
    }
}

/// The bounds, in the order of the table.
pub(super) fn all() -> Vec<Goal> {
    use Contender::{Direct, Haproxy, Nginx};
    use Measure::{Against, Alone, FasterThan};
    let goal = |scenario, what, metric, measure, expected, target| Goal {
        scenario,
        what,
        metric,
        measure,
        expected,
        target,
    };
    let cpu = Metric::Cpu;
    vec![
        goal("keepalive-h1", "CPU per HTTP/1.1 call ÷ HAProxy", cpu, Against(Haproxy), Some(1.2), 0.75),
        goal("keepalive-h1", "CPU per HTTP/1.1 call ÷ nginx", cpu, Against(Nginx), None, 0.8),
        goal("keepalive-h2", "CPU per h2 call ÷ HAProxy", cpu, Against(Haproxy), Some(1.2), 0.75),
        goal("keepalive-h2", "CPU per h2 call ÷ nginx", cpu, Against(Nginx), None, 0.8),
        goal("cold", "CPU per cold connection ÷ HAProxy", cpu, Against(Haproxy), Some(1.0), 0.6),
        goal("cold", "CPU per cold connection ÷ nginx", cpu, Against(Nginx), None, 0.9),
        goal("stream", "CPU per streamed event ÷ HAProxy", cpu, Against(Haproxy), None, 0.6),
        goal("stream", "CPU per streamed event ÷ nginx", cpu, Against(Nginx), None, 0.6),
        goal("stream", "events merged, of a thousand", Metric::Merged, Alone, Some(0.0), 0.0),
        goal(
            "idle-intercepted",
            "KB per idle intercepted connection",
            Metric::Memory,
            Alone,
            Some(20.0),
            10.0,
        ),
        goal("idle-passed", "KB per idle passed-through connection", Metric::Memory, Alone, Some(20.0), 3.0),
        goal("passthrough", "CPU per MB passed through ÷ HAProxy", cpu, Against(Haproxy), None, 1.0),
        goal(
            "far",
            "cold calls to a far origin, times faster than direct",
            Metric::P50,
            FasterThan(Direct),
            Some(5.0),
            10.0,
        ),
        goal("far", "cold calls to a far origin ÷ HAProxy", Metric::P50, Against(Haproxy), None, 1.0),
    ]
}

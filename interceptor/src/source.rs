//! Whom the daemon asks while it runs, and how that goes: the container runtime, the API server. Whoever asks tells here;
//! `status`, the log and the metrics tell it on.
//! Knows names and times. Does not know what is asked.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// A source that stays away is complained about so often.
const REMIND: Duration = Duration::from_secs(60);

/// One that is asked. Its name is a constant of ours: it becomes a label of metrics.
#[derive(Debug)]
pub struct Source {
    name: &'static str,
    /// What it means that it does not answer.
    loss: &'static str,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When it last said something that we could use.
    heard: Option<Instant>,
    trouble: Option<Failing>,
    failures: u64,
    objects: Option<usize>,
}

#[derive(Debug)]
struct Failing {
    trouble: Trouble,
    detail: String,
    since: Instant,
    told: Instant,
}

/// Why a source is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// Nobody is there, or not whom we trust.
    Unreachable,
    /// It takes too long.
    Slow,
    /// It does not accept who we say we are.
    Unauthorized,
    /// We may not ask this.
    Forbidden,
    /// It does not know what it is asked about.
    Missing,
    /// There is more of it than there is room for.
    TooMuch,
    /// It says that something is wrong with it, or what it says makes no sense.
    Failed,
}

/// How a source is, for whoever looks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Standing {
    /// Its name.
    pub source: Cow<'static, str>,
    /// Whether the last attempt succeeded. Before the first, nobody knows.
    pub up: Option<bool>,
    /// Seconds since it last said something: so old is what is known from it, at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_seconds: Option<f64>,
    /// What there is of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub objects: Option<usize>,
    /// Failed attempts.
    pub failures: u64,
    /// Why it is not up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
    /// The same in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// For so many seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing_seconds: Option<f64>,
}

impl Source {
    /// One that was not asked yet. `loss` ends the sentence that the log has when it does not answer.
    pub fn new(name: &'static str, loss: &'static str) -> Arc<Self> {
        Arc::new(Self { name, loss, state: Mutex::default() })
    }

    /// It said something.
    pub fn heard(&self) {
        let mut state = self.state();
        state.heard = Some(Instant::now());
        if let Some(failing) = state.trouble.take() {
            let seconds = failing.since.elapsed().as_secs();
            tracing::info!(source = self.name, seconds, "answers again");
        }
    }

    /// There is so much of it.
    pub fn holds(&self, objects: usize) {
        self.state().objects = Some(objects);
    }

    /// It could not be asked, or said nothing of use.
    pub fn failed(&self, trouble: Trouble, detail: String) {
        let mut state = self.state();
        state.failures += 1;
        let now = Instant::now();
        let (since, told) = match &state.trouble {
            Some(failing) if failing.trouble == trouble => (failing.since, Some(failing.told)),
            Some(failing) => (failing.since, None),
            None => (now, None),
        };
        let is_due = told.is_none_or(|told| now.duration_since(told) > REMIND);
        if is_due {
            tracing::warn!(source = self.name, why = %detail, "cannot be asked; {}", self.loss);
        }
        let told = if is_due { now } else { told.unwrap_or(now) };
        state.trouble = Some(Failing { trouble, detail, since, told });
    }

    /// Whether the last attempt failed.
    pub fn is_failing(&self) -> bool {
        self.state().trouble.is_some()
    }

    /// How it is.
    pub fn standing(&self) -> Standing {
        let state = self.state();
        let trouble = state.trouble.as_ref();
        Standing {
            source: self.name.into(),
            up: if trouble.is_some() { Some(false) } else { state.heard.map(|_| true) },
            age_seconds: state.heard.map(|at| at.elapsed().as_secs_f64()),
            objects: state.objects,
            failures: state.failures,
            trouble: trouble.map(|failing| failing.trouble),
            detail: trouble.map(|failing| failing.detail.clone()),
            failing_seconds: trouble.map(|failing| failing.since.elapsed().as_secs_f64()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // What a thread that panicked has left is whole: fields are set one by one, and any of them may be stale.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All sources of a daemon.
#[derive(Debug, Clone, Default)]
pub struct Sources(Vec<Arc<Source>>);

impl Sources {
    /// These.
    pub fn new(sources: impl IntoIterator<Item = Arc<Source>>) -> Self {
        Self(sources.into_iter().collect())
    }

    /// How each is.
    pub fn standings(&self) -> Vec<Standing> {
        self.0.iter().map(|source| source.standing()).collect()
    }

    /// The same in Prometheus' format.
    pub fn gauges(&self) -> String {
        let all = self.standings();
        family(&all, "up", "gauge", "Whether a source of identities or policies answers", |one| {
            one.up.map(|up| u8::from(up).to_string())
        }) + &family(&all, "age_seconds", "gauge", "Time since a source last said something", |one| {
            one.age_seconds.map(|age| format!("{age:.1}"))
        }) + &family(&all, "objects", "gauge", "What is known from a source", |one| {
            one.objects.map(|objects| objects.to_string())
        }) + &family(&all, "failures", "counter", "Attempts to ask a source that failed", |one| {
            Some(one.failures.to_string())
        })
    }
}

/// One metric of all sources that have it.
fn family(
    all: &[Standing],
    name: &str,
    kind: &str,
    help: &str,
    value: impl Fn(&Standing) -> Option<String>,
) -> String {
    let total = if kind == "counter" { "_total" } else { "" };
    let mut lines = String::new();
    for (source, value) in all.iter().filter_map(|one| Some((&one.source, value(one)?))) {
        // Writing to a String cannot fail.
        let _ = writeln!(lines, "interceptor_source_{name}{total}{{source=\"{source}\"}} {value}");
    }
    if lines.is_empty() {
        return lines;
    }
    format!("# HELP interceptor_source_{name} {help}.\n# TYPE interceptor_source_{name} {kind}\n{lines}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_as_its_last_answer_was() {
        let source = Source::new("runtime", "nothing is lost");
        assert_eq!((source.standing().up, source.standing().age_seconds), (None, None));
        source.failed(Trouble::Slow, "no answer".into());
        source.failed(Trouble::Slow, "no answer".into());
        let standing = source.standing();
        assert_eq!((standing.up, standing.failures), (Some(false), 2));
        assert_eq!((standing.trouble, standing.age_seconds), (Some(Trouble::Slow), None));
        source.heard();
        let standing = source.standing();
        assert_eq!((standing.up, standing.trouble, standing.failures), (Some(true), None, 2));
        source.failed(Trouble::Unauthorized, "401".into());
        // What was heard before is still known, and its age with it.
        assert!(source.is_failing() && source.standing().age_seconds.is_some());
    }

    #[test]
    fn every_source_has_its_lines() {
        let (quiet, busy) = (Source::new("quiet", ""), Source::new("busy", ""));
        busy.heard();
        busy.holds(7);
        let text = Sources::new([quiet, busy]).gauges();
        for line in [
            "interceptor_source_up{source=\"busy\"} 1\n",
            "interceptor_source_objects{source=\"busy\"} 7\n",
            "interceptor_source_failures_total{source=\"quiet\"} 0\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
        assert!(!text.contains("up{source=\"quiet\"}"), "{text}");
        assert_eq!(Sources::default().gauges(), "");
    }
}

//! Turns events into audit lines, metrics and log lines. Is told and never asks.
//! Holds no payload, because events hold none.

pub mod audit;
pub mod coverage;
pub mod event;
pub mod metrics;
pub mod reloads;

use std::fmt::Write as _;
use std::sync::Arc;

use self::audit::Audit;
use self::coverage::Coverage;
use self::event::{Capture, Event, Label, Outcome, Reloaded};
use self::metrics::Metrics;
use self::reloads::Reloads;

/// The one place where events go. Cheap to clone.
#[derive(Clone)]
pub struct Telemetry {
    metrics: Arc<Metrics>,
    coverage: Arc<Coverage>,
    audit: Arc<Audit>,
    reloads: Arc<Reloads>,
}

impl Telemetry {
    /// Sends audit lines to `audit`, and counts in metrics of its own.
    pub fn new(audit: Audit) -> Self {
        Self {
            metrics: Arc::new(Metrics::new()),
            coverage: Arc::default(),
            audit: Arc::new(audit),
            reloads: Arc::default(),
        }
    }

    /// Tells of an event.
    pub fn record(&self, event: Event) {
        self.metrics.count(&event);
        self.coverage.count(&event);
        if let Event::Reloaded(reload) = &event {
            self.reloads.remember(reload);
        }
        log(&event);
        if event.has_line() && !self.audit.write(event) {
            self.metrics.audit_lost();
        }
    }

    /// The metrics in Prometheus' text format.
    pub fn metrics_text(&self) -> String {
        self.metrics.text()
    }

    /// The metrics, for what is counted outside of events.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// What became of redirected connections, by workload.
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// What became of the last attempts to replace policy and authority.
    pub fn reloads(&self) -> &Reloads {
        &self.reloads
    }

    /// Writes out what is still queued.
    pub fn flush(&self) {
        self.audit.flush();
    }
}

/// The log has what an operator must act upon; the audit trail has everything.
fn log(event: &Event) {
    match event {
        Event::ConnectionBegan { .. } => {}
        Event::ConnectionEnded(ended) => match ended.outcome {
            Outcome::Closed | Outcome::Idle | Outcome::Application | Outcome::Shutdown => tracing::debug!(
                id = %ended.id, route = ended.route.label(), outcome = ended.outcome.label(), "connection ended"
            ),
            _ => tracing::info!(
                id = %ended.id,
                host = ended.host.as_ref().map(|host| host.as_str()),
                comm = %ended.caller.subject.comm,
                route = ended.route.label(),
                reason = ended.route.reason(),
                outcome = ended.outcome.label(),
                detail = ended.detail.as_deref(),
                "connection ended badly"
            ),
        },
        Event::ExchangeEnded(ended) => tracing::debug!(
            id = %ended.id, host = ended.host.as_str(), ending = ended.ending.label(), "exchange ended"
        ),
        Event::ConnectRefused(refused) => tracing::debug!(
            rule = refused.rule.as_deref(),
            provider = refused.provider.as_deref(),
            attempts = refused.attempts,
            "connections were refused"
        ),
        Event::Capture(Capture::FlowMissed) => {
            tracing::warn!("reset a connection to the listener that the kernel did not redirect");
        }
        Event::Capture(Capture::FlowDropped { cgroup, why }) => {
            tracing::info!(cgroup, why = why.label(), "a redirected connection was not served");
        }
        Event::Capture(Capture::AcceptFailed(kind)) => tracing::error!(%kind, "cannot accept connections"),
        Event::Capture(Capture::NamespaceEnrolled { name, cookie }) => {
            tracing::info!(%name, cookie, "serving a network namespace");
        }
        Event::Capture(Capture::NamespaceReleased { name, cookie }) => {
            tracing::info!(%name, cookie, "a network namespace is gone");
        }
        Event::Reloaded(reload) => match reload.result {
            Reloaded::InForce => tracing::info!(
                part = reload.part.label(), in_force = %reload.in_force, "read again; new connections go by it"
            ),
            Reloaded::Kept => tracing::error!(
                part = reload.part.label(), in_force = %reload.in_force, detail = reload.detail.as_deref(),
                "what was in force stays in force"
            ),
        },
    }
}

/// An error and its causes in one line. Library errors repeat their cause in their own text now and then;
/// a cause that the line already ends with is not added again.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !line.ends_with(&text) {
            // Writing to a String cannot fail.
            let _ = write!(line, ": {text}");
        }
        cause = error.source();
    }
    line
}

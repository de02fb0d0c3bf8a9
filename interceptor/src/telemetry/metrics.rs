//! Counters and histograms in Prometheus' format. Every label value comes from a closed set.
//! Knows events. Does not know who scrapes.

mod caller;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use self::caller::Callers;
use super::event::{Capture, Connection, Event, Exchange, Label};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ConnectionLabels {
    route: &'static str,
    reason: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ExchangeLabels {
    /// From the catalogue, which bounds it.
    provider: String,
    ending: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FindingLabels {
    detector: String,
    action: &'static str,
    direction: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DroppedLabels {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReloadLabels {
    part: &'static str,
    result: &'static str,
}

/// All metrics of the daemon.
pub struct Metrics {
    registry: Registry,
    connections: Family<ConnectionLabels, Counter>,
    exchanges: Family<ExchangeLabels, Counter>,
    callers: Callers,
    findings: Family<FindingLabels, Counter>,
    passed_bytes: Counter,
    flow_missed: Counter,
    flow_dropped: Family<DroppedLabels, Counter>,
    accept_failed: Counter,
    audit_lost: Counter,
    reloads: Family<ReloadLabels, Counter>,
    inspection: Histogram,
    held: Histogram,
    waited: Histogram,
}

impl Metrics {
    /// Registers everything.
    pub fn new() -> Self {
        // 1 µs to about 4 s for our own work, 1 ms to about 1,000 s for waiting on providers.
        let fine = || Histogram::new(exponential_buckets(1e-6, 4.0, 12));
        let coarse = || Histogram::new(exponential_buckets(1e-3, 4.0, 11));
        let mut metrics = Self {
            registry: Registry::with_prefix("interceptor"),
            connections: Family::default(),
            exchanges: Family::default(),
            callers: Callers::default(),
            findings: Family::default(),
            passed_bytes: Counter::default(),
            flow_missed: Counter::default(),
            flow_dropped: Family::default(),
            accept_failed: Counter::default(),
            audit_lost: Counter::default(),
            reloads: Family::default(),
            inspection: fine(),
            held: fine(),
            waited: coarse(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("connections", "Redirected connections that have ended", self.connections.clone());
        registry.register("exchanges", "Inspected exchanges that have ended", self.exchanges.clone());
        registry.register(
            "caller_exchanges",
            "Inspected exchanges by the namespace of the calling pod, and by whether the caller was known",
            self.callers.family(),
        );
        registry.register("findings", "What the detectors found", self.findings.clone());
        registry.register_with_unit(
            "passthrough",
            "Bytes copied unread",
            Unit::Bytes,
            self.passed_bytes.clone(),
        );
        registry.register(
            "flow_missed",
            "Connections to a listener that the kernel had not redirected; each was reset",
            self.flow_missed.clone(),
        );
        registry.register(
            "flow_dropped",
            "Redirected connections that were not served",
            self.flow_dropped.clone(),
        );
        registry.register(
            "accept_failed",
            "Failed attempts to accept a connection",
            self.accept_failed.clone(),
        );
        registry.register("audit_lost", "Events that did not reach the audit trail", self.audit_lost.clone());
        registry.register(
            "reloads",
            "Attempts to replace policy or authority; `kept` means that the new one is wrong",
            self.reloads.clone(),
        );
        registry.register_with_unit(
            "inspection",
            "Time the engine took per exchange",
            Unit::Seconds,
            self.inspection.clone(),
        );
        registry.register_with_unit(
            "held",
            "Time from a request's head to its release, the arrival of its body included",
            Unit::Seconds,
            self.held.clone(),
        );
        registry.register_with_unit(
            "provider_wait",
            "Time from sending a request to the head of its answer",
            Unit::Seconds,
            self.waited.clone(),
        );
    }

    /// Counts an event.
    pub fn count(&self, event: &Event) {
        match event {
            // The kernel's counters have the refused ones.
            Event::ConnectionBegan { .. } | Event::ConnectRefused(_) => {}
            Event::ConnectionEnded(ended) => self.connection(ended),
            Event::ExchangeEnded(ended) => self.exchange(ended),
            Event::Capture(Capture::FlowMissed) => drop(self.flow_missed.inc()),
            Event::Capture(Capture::FlowDropped { why, .. }) => {
                let labels = DroppedLabels { reason: why.label() };
                self.flow_dropped.get_or_create(&labels).inc();
            }
            Event::Capture(Capture::AcceptFailed(_)) => drop(self.accept_failed.inc()),
            Event::Capture(Capture::NamespaceEnrolled { .. } | Capture::NamespaceReleased { .. }) => {}
            Event::Reloaded(reload) => {
                let labels = ReloadLabels { part: reload.part.label(), result: reload.result.label() };
                self.reloads.get_or_create(&labels).inc();
            }
        }
    }

    fn connection(&self, ended: &Connection) {
        let labels = ConnectionLabels {
            route: ended.route.label(),
            reason: ended.route.reason().unwrap_or(""),
            outcome: ended.outcome.label(),
        };
        self.connections.get_or_create(&labels).inc();
        self.passed_bytes.inc_by(ended.sent + ended.received);
    }

    fn exchange(&self, ended: &Exchange) {
        let labels = ExchangeLabels { provider: ended.provider.to_string(), ending: ended.ending.label() };
        self.exchanges.get_or_create(&labels).inc();
        self.callers.count(&ended.caller.subject);
        self.inspection.observe(ended.inspected.as_secs_f64());
        self.held.observe(ended.held.as_secs_f64());
        if let Some(waited) = ended.waited {
            self.waited.observe(waited.as_secs_f64());
        }
        for finding in ended.record.iter().flat_map(|record| &record.findings) {
            let labels = FindingLabels {
                detector: finding.detector.to_string(),
                action: finding.action.name(),
                direction: finding.direction.name(),
            };
            self.findings.get_or_create(&labels).inc();
        }
    }

    /// Counts an event that the audit trail lost.
    pub fn audit_lost(&self) {
        self.audit_lost.inc();
    }

    /// Everything in Prometheus' text format.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

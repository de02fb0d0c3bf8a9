//! What every worker and every connection may read: engine, TLS, limits, telemetry.
//! Knows no connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use interceptor_engine::Engine;

use super::hints::Hints;
use super::limits::Limits;
use super::trust::Trust;
use crate::budget::Budgets;
use crate::identity::Identities;
use crate::signing::Keyring;
use crate::telemetry::Telemetry;
use crate::telemetry::event::Id;
use crate::tls::{ServerSide, UpstreamTls};

/// The shared parts of a running daemon.
pub struct Shared {
    /// Catalogue, policy and detectors; a reload swaps the pointer.
    pub engine: ArcSwap<Engine>,
    /// Certificates for applications.
    pub server_tls: ServerSide,
    /// Verification of providers.
    pub upstream_tls: UpstreamTls,
    /// Tells who calls.
    pub identities: Identities,
    /// Where events go.
    pub telemetry: Telemetry,
    /// Bounds and deadlines.
    pub limits: Limits,
    /// What exchanges may use. A reload leaves the counts as they are.
    pub budgets: Arc<Budgets>,
    /// Credentials for requests that are changed under their caller's signature.
    pub keyring: Keyring,
    /// Which workloads have refused our certificates.
    pub trust: Trust,
    /// What connections have shown of those to come.
    pub hints: Hints,
    /// Connections that are open, and how many of them are inspected.
    pub open: Gauge,
    /// See [`Shared::open`].
    pub inspected: Gauge,
    /// Of the inspected ones, those that rest between two exchanges and hold no buffers.
    pub resting: Gauge,
    ids: AtomicU64,
}

impl Shared {
    /// Puts the parts together. `seed` makes identifiers differ between runs; it need not be secret.
    pub fn new(
        engine: Arc<Engine>,
        server_tls: ServerSide,
        upstream_tls: UpstreamTls,
        identities: Identities,
        telemetry: Telemetry,
        limits: Limits,
        seed: u64,
    ) -> Self {
        Self {
            engine: ArcSwap::new(engine),
            server_tls,
            upstream_tls,
            identities,
            telemetry,
            limits,
            budgets: Budgets::local(),
            keyring: Keyring::default(),
            trust: Trust::default(),
            hints: Hints::default(),
            open: Gauge::default(),
            inspected: Gauge::default(),
            resting: Gauge::default(),
            ids: AtomicU64::new(seed),
        }
    }

    /// The same, with counts that may be shared with other nodes.
    #[must_use]
    pub fn counting(self, budgets: Arc<Budgets>) -> Self {
        Self { budgets, ..self }
    }

    /// The same, with credentials to sign requests with.
    #[must_use]
    pub fn signing(self, keyring: Keyring) -> Self {
        Self { keyring, ..self }
    }

    /// What is open right now, in Prometheus' format.
    pub fn gauges(&self) -> String {
        let gauges = [
            ("connections_open", "Redirected connections that are open", &self.open),
            ("connections_inspected", "Open connections that are inspected", &self.inspected),
            ("connections_resting", "Inspected connections that rest between two exchanges", &self.resting),
        ];
        let line = |(name, help, gauge): (&str, &str, &Gauge)| {
            let count = gauge.count();
            format!(
                "# HELP interceptor_{name} {help}.\n# TYPE interceptor_{name} gauge\ninterceptor_{name} {count}\n"
            )
        };
        gauges.map(line).concat() + &self.budgets.gauges()
    }

    /// The next identifier. Odd steps through 2^64 (Weyl sequence), so that neighbours do not look alike.
    pub fn next_id(&self) -> Id {
        Id(self.ids.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed))
    }
}

/// A count that is taken and given back.
#[derive(Debug, Default)]
pub struct Gauge(AtomicUsize);

impl Gauge {
    /// Takes a place unless `limit` are taken.
    pub fn enter(&self, limit: usize) -> Option<Place<'_>> {
        let taken = self.0.fetch_add(1, Ordering::Relaxed);
        // Made first, so that the count is given back whichever way this ends.
        let place = Place(&self.0);
        (taken < limit).then_some(place)
    }

    /// Places taken now.
    pub fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// A place in a [`Gauge`], given back on drop.
#[derive(Debug)]
pub struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

//! Load for benchmarks: chat calls in the shapes that matter, and what they cost the process in the middle.
//! Knows clients, clocks and `/proc`. Does not know which proxy it measures, or whether there is one.
//!
//! Every run is bounded twice: by its window and by a number of errors. An answer that is short, late beyond
//! the time limit or of another status is an error, and errors are part of the result.

mod client;
mod closed;
mod idle;
mod open;
mod stream;
mod tally;
pub mod tree;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::ServerName;
use serde::Serialize;
use tokio_rustls::TlsConnector;

use crate::origin::answer::Answer;
use crate::origin::{Alpn, payload, pki};
use tree::Tree;

/// No single step (a connect, a handshake, an exchange without pauses) may take longer.
const STEP: Duration = Duration::from_secs(20);

/// Where the calls go and how the far end proves who it is.
#[derive(Clone)]
pub struct Target {
    address: SocketAddr,
    name: String,
    server_name: ServerName<'static>,
    h2: bool,
    tls: TlsConnector,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} at {}", self.name, self.address)
    }
}

impl Target {
    /// A target whose certificate must chain to `roots`, so that a run also proves who answered.
    /// With `resume`, sessions of earlier connections are resumed, as real clients do.
    ///
    /// # Errors
    /// An unreadable root file or a name that no certificate can carry.
    pub fn new(
        address: SocketAddr,
        name: &str,
        alpn: Alpn,
        roots: &Path,
        resume: bool,
    ) -> anyhow::Result<Self> {
        let mut config = rustls::ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(pki::roots(roots)?)
            .with_no_client_auth();
        config.alpn_protocols = alpn.protocols();
        if !resume {
            config.resumption = rustls::client::Resumption::disabled();
        }
        let server_name = ServerName::try_from(name.to_owned()).context("the name is no DNS name")?;
        let tls = TlsConnector::from(Arc::new(config));
        Ok(Self { address, name: name.to_owned(), server_name, h2: alpn == Alpn::H2, tls })
    }
}

/// One call, repeated.
#[derive(Clone, Debug)]
pub struct Call {
    /// The request's body.
    pub body: Bytes,
    /// What the origin is asked to answer.
    pub answer: Answer,
}

impl Call {
    /// A chat call with a body of `size` bytes.
    #[must_use]
    pub fn chat(size: usize, answer: Answer) -> Self {
        Self { body: payload::chat_request(size), answer }
    }
}

/// When to measure.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Load that is not counted, before.
    pub warmup: Duration,
    /// Load that is counted.
    pub measure: Duration,
}

/// The shapes of load.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Each connection makes one call after the other.
    KeepAlive {
        /// Open connections.
        connections: usize,
        /// Calls in flight on each (h2 only; HTTP/1.1 has one).
        streams: usize,
    },
    /// Each call opens its own connection and closes it.
    Cold {
        /// Calls in flight.
        concurrency: usize,
    },
    /// Calls begin at fixed times, whether or not earlier ones are answered; latency counts from those times.
    Rate {
        /// Open connections that share the calls.
        connections: usize,
        /// Calls per second.
        per_second: u32,
    },
    /// Streamed answers at once, each on a connection of its own, begun evenly over one pause.
    Stream {
        /// Streams at once.
        streams: usize,
    },
    /// Open connections that made one call and then nothing more.
    Idle {
        /// How many.
        connections: usize,
    },
}

/// What one run measured.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// What was counted: calls, connections, chunks.
    pub units: u64,
    /// Calls that failed, in the whole run.
    pub errors: u64,
    /// The first failure, in words.
    pub first_error: Option<String>,
    /// Length of the measured window.
    pub seconds: f64,
    /// Processor time of the measured processes in the window, in µs; none when none were named.
    pub cpu_us: Option<f64>,
    /// Time from the call's beginning to the answer's end (for streams: from the event's stamp to its arrival).
    pub latency_us: tally::Quantiles,
    /// For streams: from the call's beginning to the first event.
    pub first_chunk_us: Option<tally::Quantiles>,
    /// For streams: events that came in one HTTP chunk or DATA frame together with an earlier one.
    pub merged: Option<u64>,
    /// For idle connections: growth of the processes' proportional set size, in bytes.
    pub memory_bytes: Option<i64>,
}

/// Runs one shape of load on one thread. `pids` are the roots of the process trees that are measured beside it.
///
/// # Errors
/// A target that cannot be reached at all, or a process that ended while it was measured.
pub fn run(
    target: &Target,
    call: &Call,
    shape: Shape,
    window: Window,
    pids: &[u32],
) -> anyhow::Result<Outcome> {
    let tree = Tree::new(pids);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, async {
        match shape {
            Shape::KeepAlive { connections, streams } => {
                let streams = if target.h2 { streams } else { 1 };
                closed::keep_alive(target, call, connections, streams, window, &tree).await
            }
            Shape::Cold { concurrency } => closed::cold(target, call, concurrency, window, &tree).await,
            Shape::Rate { connections, per_second } => {
                open::fixed_rate(target, call, connections, per_second, window, &tree).await
            }
            Shape::Stream { streams } => stream::events(target, call, streams, &tree).await,
            Shape::Idle { connections } => idle::hold(target, call, connections, window, &tree).await,
        }
    })
}

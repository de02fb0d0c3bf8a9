//! Every deadline and bound of the data path, in one place. Defaults are DESIGN's; the configuration may change them.

use std::time::Duration;

/// Bounds of the data path. What happens at each is an event with the label of the limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// From the first to the last byte of a ClientHello.
    pub hello: Duration,
    /// How long a client may stay silent before it counts as one that waits for its server.
    pub silence: Duration,
    /// From the first to the last byte of a request's head.
    pub head: Duration,
    /// To reach an origin: TCP and TLS together.
    pub dial: Duration,
    /// To finish a TLS handshake with an application.
    pub handshake: Duration,
    /// The longest pause inside a request body.
    pub body_pause: Duration,
    /// The longest wait for an answer's head, and the longest pause inside an answer.
    pub answer_pause: Duration,
    /// How long an intercepted connection may stay without an exchange.
    pub idle: Duration,
    /// How long an HTTP/1.1 connection is kept ready for its next exchange before it gives its buffers back. Calls
    /// of one conversation follow each other faster; what waits longer may as well wait without buffers.
    pub rest: Duration,
    /// How long an unused upstream connection is kept.
    pub upstream_idle: Duration,
    /// Unused HTTP/1.1 upstream connections kept per namespace and host, on each worker.
    pub upstream_spare: usize,
    /// Connections, all kinds together; beyond it new ones are reset.
    pub connections: usize,
    /// Of these, the share that inspected connections may use: new AI connections are refused first.
    pub inspected: usize,
    /// Concurrent HTTP/2 streams per connection.
    pub streams: u32,
    /// How long open exchanges may run on at shutdown.
    pub drain: Duration,
}

impl Limits {
    /// The values of a daemon without configuration.
    pub const STANDARD: Self = Self {
        hello: Duration::from_secs(10),
        silence: Duration::from_secs(1),
        head: Duration::from_secs(10),
        dial: Duration::from_secs(10),
        handshake: Duration::from_secs(10),
        body_pause: Duration::from_secs(60),
        answer_pause: Duration::from_secs(600),
        idle: Duration::from_secs(300),
        rest: Duration::from_secs(1),
        upstream_idle: Duration::from_secs(90),
        upstream_spare: 128,
        connections: 65_536,
        inspected: 32_768,
        streams: 100,
        drain: Duration::from_secs(30),
    };
}

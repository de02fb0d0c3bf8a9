//! Makes upstream connections: TCP from the caller's namespace, verified TLS, HTTP.
//! Knows the order of these steps. Does not know who asks.

use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use super::connection::{self, Protocol, Sender};
use super::slot::{Lease, Slot};
use crate::hello::Host;
use crate::proxy::dial::{self, DialError};
use crate::proxy::flow::{Namespace, OrigDst};
use crate::proxy::limits::Limits;
use crate::proxy::tunnel::{Tunnel, TunnelError};
use crate::tls::Alpn;
use crate::tls::upstream::{AlpnOffer, UpstreamError, UpstreamTls};

/// Why there is no upstream connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No TCP connection.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// No tunnel through the application's proxy.
    #[error("no tunnel to {host}")]
    Tunnel {
        /// The provider's name.
        host: Host,
        /// What failed.
        #[source]
        error: TunnelError,
    },
    /// No verified TLS connection.
    #[error("no verified TLS connection to {host}")]
    Tls {
        /// The provider's name.
        host: Host,
        /// What failed.
        #[source]
        error: UpstreamError,
    },
    /// No HTTP on it.
    #[error("{host} does not begin to speak HTTP")]
    Http {
        /// The provider's name.
        host: Host,
        /// What hyper said.
        #[source]
        error: hyper::Error,
    },
}

/// Everything needed to dial.
pub struct Way<'a> {
    /// From where.
    pub namespace: &'a Namespace,
    /// Where to.
    pub destination: OrigDst,
    /// Through which proxy, which is at the destination then.
    pub tunnel: Option<&'a Tunnel>,
    /// Whose certificate must be shown.
    pub host: &'a Host,
    /// What to offer.
    pub offer: AlpnOffer,
    /// How to verify.
    pub tls: &'a UpstreamTls,
    /// How long it may take.
    pub limits: &'a Limits,
}

impl Slot {
    /// A connection for one exchange: an open one, or a new one.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub async fn checkout(self: &Rc<Self>, way: &Way<'_>) -> Result<Lease, ConnectError> {
        loop {
            if let Some(lease) = self.take() {
                return Ok(lease);
            }
            if let Some(lease) = self.take_soon().await {
                return Ok(lease);
            }
            // A second dial beside one that may turn out to be HTTP/2 would be wasted; one beside HTTP/1.1
            // is needed, and is made as soon as the first one has shown what the provider speaks.
            if !self.dialling.get() || self.speaks.get() == Some(Protocol::Http1) {
                break;
            }
            self.dialled.notified().await;
        }
        let _mark = Dialling::begin(self);
        // Boxed, because it is large and rare: every exchange would carry the room for it.
        let sender = Box::pin(dial(way)).await?;
        self.speaks.set(Some(sender.protocol()));
        if let Sender::H2(h2) = &sender {
            self.add_shared(h2);
        }
        Ok(self.lease(sender, false))
    }

    /// Makes sure that a connection is open, and says what is spoken on it.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub async fn prepare(self: &Rc<Self>, way: &Way<'_>) -> Result<Protocol, ConnectError> {
        if let Some(protocol) = self.warm() {
            return Ok(protocol);
        }
        let lease = self.checkout(way).await?;
        let protocol = lease.sender.as_ref().map_or(Protocol::Http1, Sender::protocol);
        lease.release();
        Ok(protocol)
    }
}

/// Says that a dial is under way, and wakes who waits for it, however it ends.
struct Dialling(Rc<Slot>);

impl Dialling {
    fn begin(slot: &Rc<Slot>) -> Self {
        slot.dialling.set(true);
        Self(slot.clone())
    }
}

impl Drop for Dialling {
    fn drop(&mut self) {
        self.0.dialling.set(false);
        self.0.dialled.notify_waiters();
    }
}

async fn dial(way: &Way<'_>) -> Result<Sender, ConnectError> {
    let deadline = Instant::now() + way.limits.dial;
    let stream = match way.tunnel {
        None => dial::connect(way.namespace, way.destination, remaining(deadline)).await?,
        Some(tunnel) => tunnel
            .connect(way.namespace, deadline)
            .await
            .map_err(|error| ConnectError::Tunnel { host: way.host.clone(), error })?,
    };
    let connected = way
        .tls
        .connect(stream, way.host, way.offer, deadline)
        .await
        .map_err(|error| ConnectError::Tls { host: way.host.clone(), error })?;
    let started = match connected.alpn {
        Some(Alpn::H2) => connection::h2(connected.stream).await.map(Sender::H2),
        Some(Alpn::Http1) | None => {
            connection::http1(connected.stream, way.limits.head).await.map(Sender::Http1)
        }
    };
    started.map_err(|error| ConnectError::Http { host: way.host.clone(), error })
}

fn remaining(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

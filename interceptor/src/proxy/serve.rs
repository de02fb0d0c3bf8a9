//! Serves HTTP on a terminated connection until it ends: HTTP/1.1 or h2, each request an exchange.
//! Knows what all exchanges of a connection share. Does not know what an exchange does.

mod h2;
mod http1;
mod idle;

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Version;
use interceptor_engine::policy::Subject;
use interceptor_engine::{Channel, Engine};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::drain::Drain;
use super::exchange::ledger::Ledger;
use super::flow::Flow;
use super::route::Target;
use super::shared::Shared;
use super::tunnel::Tunnel;
use super::upstream::connection::Http1;
use super::upstream::{ConnectError, Lease, Protocol, Slot, dialler::Way};
use crate::telemetry::event::Outcome;
use crate::tls::upstream::AlpnOffer;
use crate::tls::{Alpn, Defect};

/// What all exchanges of one connection share.
pub struct Served {
    /// The daemon's shared parts.
    pub shared: Arc<Shared>,
    /// The engine as it was when the connection began: a reload does not change the rules in the middle.
    pub engine: Arc<Engine>,
    /// Who called, and where to.
    pub flow: Flow,
    /// The same, in policy's words.
    pub subject: Arc<Subject>,
    /// The endpoint named in the hello.
    pub target: Target,
    /// The provider's identifier in the catalogue.
    pub provider: Arc<str>,
    /// What is offered to the provider.
    pub offer: AlpnOffer,
    /// How the provider is reached, where that is through a proxy.
    pub tunnel: Option<Rc<Tunnel>>,
    /// The warm connections that serve this one.
    pub slot: Rc<Slot>,
    /// Tells when the daemon stops.
    pub drain: Rc<Drain>,
    /// The provider's certificate is not valid; nothing will be sent to it.
    pub broken: Option<Defect>,
    /// What is spoken with the application.
    pub protocol: Protocol,
    /// Exchanges under way, and exchanges ever.
    pub(super) active: Cell<usize>,
    pub(super) total: Cell<u64>,
    pub(super) used: Cell<Option<Instant>>,
    /// Set when an exchange has agreed to leave HTTP.
    pub(super) upgrade: RefCell<Option<Upgrade>>,
}

/// What an exchange that leaves HTTP hands to its connection.
pub struct Upgrade {
    /// The provider's side.
    pub upstream: Http1,
    /// The exchange's record.
    pub ledger: Rc<Ledger>,
    /// What becomes of the bytes.
    pub channel: Channel,
}

impl Served {
    /// A connection that is about to be served; what is spoken is not known yet.
    #[expect(clippy::too_many_arguments, reason = "each is a different fact about the one connection")]
    pub fn new(
        shared: Arc<Shared>,
        engine: Arc<Engine>,
        flow: Flow,
        subject: Arc<Subject>,
        target: Target,
        provider: Arc<str>,
        offer: AlpnOffer,
        slot: Rc<Slot>,
        drain: Rc<Drain>,
    ) -> Self {
        Self {
            shared,
            engine,
            flow,
            subject,
            target,
            provider,
            offer,
            tunnel: None,
            slot,
            drain,
            broken: None,
            protocol: Protocol::Http1,
            active: Cell::new(0),
            total: Cell::new(0),
            used: Cell::new(None),
            upgrade: RefCell::new(None),
        }
    }

    /// A connection for one exchange.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub async fn checkout(&self) -> Result<Lease, ConnectError> {
        self.slot.checkout(&self.way()).await
    }

    /// How the provider is reached.
    pub fn way(&self) -> Way<'_> {
        Way {
            namespace: &self.flow.namespace,
            destination: self.flow.destination,
            tunnel: self.tunnel.as_deref(),
            host: &self.target.host,
            offer: self.offer,
            tls: &self.shared.upstream_tls,
            limits: &self.shared.limits,
        }
    }

    /// The version that answers carry.
    pub fn http_version(&self) -> Version {
        match self.protocol {
            Protocol::Http1 => Version::HTTP_11,
            Protocol::H2 => Version::HTTP_2,
        }
    }

    /// An exchange has left HTTP, and its connection with it.
    pub fn upgrade_to(&self, upgrade: Upgrade) {
        *self.upgrade.borrow_mut() = Some(upgrade);
    }

    fn exchange_begins(&self) {
        self.active.set(self.active.get() + 1);
        self.total.set(self.total.get() + 1);
    }

    /// An exchange has been told of.
    pub fn exchange_over(&self) {
        self.active.set(self.active.get().saturating_sub(1));
        self.used.set(Some(Instant::now()));
    }
}

/// Serves a connection to its end.
pub async fn run<S>(served: Rc<Served>, stream: S) -> (Outcome, Option<String>)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    match served.protocol {
        Protocol::Http1 => http1::run(served, stream).await,
        // Boxed, so that an HTTP/1.1 connection has no room for an HTTP/2 one's state.
        Protocol::H2 => Box::pin(h2::run(served, stream)).await,
    }
}

/// Resolves when the connection is to begin its end: when the daemon stops, but not before it has served something. A
/// client that has just connected is about to speak, and would take the end for a failure of its first call.
async fn farewell(served: &Served) {
    served.drain.begun().await;
    let mut grace = pin!(tokio::time::sleep(served.shared.limits.head));
    // Looked at whenever the connection has done something.
    let is_time =
        |cx: &mut Context<'_>| if served.total.get() > 0 { Poll::Ready(()) } else { grace.as_mut().poll(cx) };
    poll_fn(is_time).await;
}

fn blame(error: &hyper::Error) -> Outcome {
    // An error from our own service is the origin's: it is how an exchange ends its connection.
    if error.is_user() { Outcome::Origin } else { Outcome::Application }
}

/// What is spoken with the application, as the upstream chose it.
pub fn alpn(protocol: Protocol, offered: crate::hello::AlpnSet) -> Option<Alpn> {
    match protocol {
        Protocol::H2 => Some(Alpn::H2),
        Protocol::Http1 if offered.http1() => Some(Alpn::Http1),
        Protocol::Http1 => None,
    }
}

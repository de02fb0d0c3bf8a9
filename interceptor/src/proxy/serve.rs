//! Serves HTTP on a terminated connection until it ends: HTTP/1.1 or h2, each request an exchange.
//! Knows hyper's server side and idleness. Does not know what an exchange does.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use http::{Request, Version};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use interceptor_engine::Engine;
use interceptor_engine::policy::Subject;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, Sleep};

use super::drain::Drain;
use super::exchange::ledger::Ledger;
use super::exchange::{self};
use super::flow::Flow;
use super::framing::{MAX_HEAD, MAX_HEADERS, Notes, Side, Violation, Watched};
use super::local::LocalExec;
use super::route::Target;
use super::shared::Shared;
use super::upstream::connection::{CONNECTION_WINDOW, Http1, STREAM_WINDOW};
use super::upstream::{ConnectError, Lease, Protocol, Slot, dialler::Way};
use crate::telemetry::event::{Ending, Outcome};
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
    pub subject: Subject,
    /// The endpoint named in the hello.
    pub target: Target,
    /// The provider's identifier in the catalogue.
    pub provider: Arc<str>,
    /// What is offered to the provider.
    pub offer: AlpnOffer,
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
    pub(super) upgrade: RefCell<Option<(Http1, Rc<Ledger>)>>,
}

impl Served {
    /// A connection that is about to be served; what is spoken is not known yet.
    #[expect(clippy::too_many_arguments, reason = "each is a different fact about the one connection")]
    pub fn new(
        shared: Arc<Shared>,
        engine: Arc<Engine>,
        flow: Flow,
        subject: Subject,
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

    /// An exchange has left HTTP; its connection is copied from now on.
    pub fn upgrade_to(&self, upstream: Http1, ledger: Rc<Ledger>) {
        *self.upgrade.borrow_mut() = Some((upstream, ledger));
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
        Protocol::Http1 => run_http1(served, stream).await,
        Protocol::H2 => run_h2(served, stream).await,
    }
}

async fn run_http1<S>(served: Rc<Served>, stream: S) -> (Outcome, Option<String>)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let (watched, notes) = Watched::new(stream, Side::Client, served.shared.limits.head);
    let service = {
        let served = served.clone();
        service_fn(move |request: Request<Incoming>| {
            served.exchange_begins();
            Box::pin(exchange::run(served.clone(), request))
        })
    };
    let mut connection = http1::Builder::new()
        .preserve_header_case(true)
        .auto_date_header(false)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD + 16 * 1024)
        .serve_connection(TokioIo::new(watched), service);
    let mut idle = Idle::new(&served);
    let mut drain = pin!(served.drain.begun());
    let mut draining = false;
    let ended = poll_fn(|cx| {
        if !draining && drain.as_mut().poll(cx).is_ready() {
            draining = true;
            // The answer under way is the last one; without one, this ends the connection.
            Pin::new(&mut connection).graceful_shutdown();
        }
        if let Poll::Ready(result) = connection.poll_without_shutdown(cx) {
            return Poll::Ready(Some(result));
        }
        idle.poll(&served, cx).map(|()| None)
    })
    .await;
    let parts = connection.into_parts();
    let mut stream = parts.io.into_inner().into_inner();
    let upgrade = served.upgrade.borrow_mut().take();
    if let (Some(Ok(())), Some((upstream, ledger))) = (&ended, upgrade) {
        return copy_upgraded(stream, parts.read_buf, upstream, &ledger).await;
    }
    let result = conclude(ended, &notes);
    if let (Outcome::Framing, Some(violation), 0) = (result.0, notes.violation(), served.active.get()) {
        refuse_framing(&mut stream, violation).await;
    }
    linger(&mut stream, served.shared.limits.head).await;
    result
}

/// Says goodbye and takes in what the client is still sending. Closing a socket with unread bytes resets the
/// connection, and the client would lose the answer that it has not read yet (RFC 9112, 9.6). Bounded in bytes and
/// time; whoever goes on beyond that has been told.
async fn linger<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, limit: std::time::Duration) {
    let drain = async {
        stream.shutdown().await?;
        let mut taken = 0;
        let mut scrap = vec![0; 16 * 1024];
        while taken < MOST_LINGERED {
            match stream.read(&mut scrap).await? {
                0 => break,
                read => taken += read,
            }
        }
        std::io::Result::Ok(())
    };
    // Best effort: whoever does not read our goodbye has gone.
    let _ = tokio::time::timeout(limit, drain).await;
}

/// More than any body that is refused for its size would still have on its way.
const MOST_LINGERED: usize = 64 << 20;

fn conclude(ended: Option<hyper::Result<()>>, notes: &Notes) -> (Outcome, Option<String>) {
    match (ended, notes.violation()) {
        (None, _) => (Outcome::Idle, None),
        (_, Some(violation)) => (Outcome::Framing, Some(violation.to_string())),
        (Some(Ok(())), None) => (Outcome::Closed, None),
        (Some(Err(error)), None) => (blame(&error), Some(crate::telemetry::chain(&error))),
    }
}

fn blame(error: &hyper::Error) -> Outcome {
    // An error from our own service is the origin's: it is how an exchange ends its connection.
    if error.is_user() { Outcome::Origin } else { Outcome::Application }
}

/// Says what is wrong to a client whose bytes hyper never saw.
async fn refuse_framing<S: AsyncWrite + Unpin>(stream: &mut S, violation: Violation) {
    let body = format!(
        "{{\"error\":{{\"message\":\"Malformed HTTP/1.1 request: {violation}.\",\
         \"type\":\"invalid_request_error\",\"param\":null,\"code\":\"malformed_request\"}}}}"
    );
    let status = match violation {
        Violation::HeadTooLarge => "431 Request Header Fields Too Large",
        Violation::HeadTimeout => "408 Request Timeout",
        _ => "400 Bad Request",
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nx-should-retry: false\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.flush().await;
}

async fn copy_upgraded<S>(
    mut application: S,
    first: bytes::Bytes,
    upstream: Http1,
    ledger: &Ledger,
) -> (Outcome, Option<String>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Some(mut upgraded) = upstream.upgraded().await else {
        ledger.finish(Ending::OriginFailed);
        return (Outcome::Origin, Some("the provider ended the connection as it was upgraded".into()));
    };
    let copied = async {
        upgraded.stream.write_all(&first).await?;
        upgraded.stream.flush().await?;
        application.write_all(&upgraded.first).await?;
        application.flush().await?;
        tokio::io::copy_bidirectional(&mut application, &mut upgraded.stream).await
    }
    .await;
    ledger.finish(Ending::Upgraded);
    match copied {
        Ok(_) => (Outcome::Closed, None),
        Err(error) => (Outcome::Application, Some(error.kind().to_string())),
    }
}

async fn run_h2<S>(served: Rc<Served>, stream: S) -> (Outcome, Option<String>)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let service = {
        let served = served.clone();
        service_fn(move |request: Request<Incoming>| {
            served.exchange_begins();
            exchange::run(served.clone(), request)
        })
    };
    let limits = &served.shared.limits;
    let connection = http2::Builder::new(LocalExec)
        .timer(TokioTimer::new())
        .auto_date_header(false)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(u32::try_from(MAX_HEAD).expect("64 KiB fits"))
        // Rapid reset (CVE-2023-44487): few resets may wait to be seen before the peer is shown the door.
        .max_pending_accept_reset_streams(20)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let mut idle = Idle::new(&served);
    let mut drain = pin!(served.drain.begun());
    let mut leaving = None;
    let mut goodbye: Option<Pin<Box<Sleep>>> = None;
    let ended = poll_fn(|cx| {
        if leaving.is_none() {
            if drain.as_mut().poll(cx).is_ready() {
                leaving = Some(Outcome::Shutdown);
            } else if idle.poll(&served, cx).is_ready() {
                leaving = Some(Outcome::Idle);
            }
            if leaving.is_some() {
                connection.as_mut().graceful_shutdown();
            }
        }
        if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
            return Poll::Ready(ended);
        }
        if leaving == Some(Outcome::Idle) {
            // A graceful end wants an answer from the peer, and a silent peer would never be rid of.
            let timer = goodbye.get_or_insert_with(|| Box::pin(tokio::time::sleep(GOODBYE)));
            return timer.as_mut().poll(cx).map(Ok);
        }
        Poll::Pending
    })
    .await;
    match ended {
        Ok(()) if leaving.is_some() => (leaving.unwrap_or(Outcome::Closed), None),
        Ok(()) => (Outcome::Closed, None),
        Err(error) => (blame(&error), Some(crate::telemetry::chain(&error))),
    }
}

/// How long an idle HTTP/2 peer may take to agree to the end.
const GOODBYE: std::time::Duration = std::time::Duration::from_secs(1);

/// Ends a connection on which nothing has happened for the limit. One timer a connection: it is looked at
/// when it fires, not set back at every exchange.
struct Idle {
    timer: Pin<Box<Sleep>>,
    began: Instant,
}

impl Idle {
    fn new(served: &Served) -> Self {
        let began = Instant::now();
        Self { timer: Box::pin(tokio::time::sleep_until(began + served.shared.limits.idle)), began }
    }

    fn poll(&mut self, served: &Served, cx: &mut std::task::Context<'_>) -> Poll<()> {
        while self.timer.as_mut().poll(cx).is_ready() {
            let idle = served.shared.limits.idle;
            let busy = served.active.get() > 0;
            let last = if busy { Instant::now() } else { served.used.get().unwrap_or(self.began) };
            if last + idle <= Instant::now() {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(last + idle);
        }
        Poll::Pending
    }
}

/// What is spoken with the application, as the upstream chose it.
pub fn alpn(protocol: Protocol, offered: crate::hello::AlpnSet) -> Option<Alpn> {
    match protocol {
        Protocol::H2 => Some(Alpn::H2),
        Protocol::Http1 if offered.http1() => Some(Alpn::Http1),
        Protocol::Http1 => None,
    }
}

//! One HTTP connection to a provider, of either version, behind one face.
//! Knows hyper's client side. Does not know pools.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use crate::proxy::body::RequestBody;
use crate::proxy::cork::Corked;
use crate::proxy::framing::{Expect, MAX_HEAD, MAX_HEADERS, Notes, Side, Watched};
use crate::proxy::local::LocalExec;
use crate::tls::upstream::ClientStream;

/// The stream below an upstream connection.
pub type Stream = ClientStream<TcpStream>;

/// What is spoken with the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1
    Http1,
    /// HTTP/2
    H2,
}

/// A stream that left HTTP by an upgrade, and what had already been read from it.
pub struct Upgraded {
    /// The stream.
    pub stream: Stream,
    /// The first bytes of the new protocol.
    pub first: bytes::Bytes,
}

/// A request that could not be answered.
pub enum SendError {
    /// It never left; it comes back whole and may be sent again.
    NotSent(Box<Request<RequestBody>>),
    /// It may have reached the provider.
    Failed(hyper::Error),
}

/// The sending half of an upstream connection.
pub enum Sender {
    /// One exchange at a time.
    Http1(Http1),
    /// Many exchanges at once.
    H2(H2),
}

/// An HTTP/1.1 connection.
pub struct Http1 {
    send: http1::SendRequest<RequestBody>,
    notes: Rc<Notes>,
    upgraded: Option<oneshot::Receiver<Upgraded>>,
}

/// One of the users of an HTTP/2 connection.
pub struct H2 {
    send: http2::SendRequest<RequestBody>,
    /// Exchanges under way on the connection.
    pub(super) load: Rc<Cell<usize>>,
}

impl H2 {
    /// Another user of the same connection.
    pub(super) fn share(&self) -> Self {
        Self { send: self.send.clone(), load: self.load.clone() }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.send.is_closed()
    }
}

impl Http1 {
    pub(super) fn is_closed(&self) -> bool {
        self.send.is_closed()
    }

    pub(super) fn is_ready(&self) -> bool {
        self.send.is_ready()
    }

    /// Waits until the connection takes a request. False when it has ended instead.
    pub(super) async fn ready(&mut self) -> bool {
        self.send.ready().await.is_ok()
    }

    /// Waits for the stream after a 101 answer.
    pub async fn upgraded(mut self) -> Option<Upgraded> {
        self.upgraded.take()?.await.ok()
    }
}

impl Sender {
    /// Sends a request and waits for the head of the answer.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn send(&mut self, request: Request<RequestBody>) -> Result<Response<Incoming>, SendError> {
        let sent = match self {
            Self::Http1(http1) => {
                let no_body = request.method() == http::Method::HEAD;
                http1.notes.expect(if no_body { Expect::NoBody } else { Expect::Normal });
                http1.send.try_send_request(request).await
            }
            Self::H2(h2) => h2.send.try_send_request(request).await,
        };
        sent.map_err(|mut error| match error.take_message() {
            Some(request) => SendError::NotSent(Box::new(request)),
            None => SendError::Failed(error.into_error()),
        })
    }

    /// What is spoken.
    pub fn protocol(&self) -> Protocol {
        match self {
            Self::Http1(_) => Protocol::Http1,
            Self::H2(_) => Protocol::H2,
        }
    }
}

/// Starts HTTP/1.1 on a stream. The connection is driven by a task of this thread.
///
/// # Errors
/// hyper could not start.
pub(super) async fn http1(stream: Stream, head_time: Duration) -> Result<Http1, hyper::Error> {
    let (watched, notes) = Watched::new(stream, Side::Upstream, head_time);
    let (send, connection) = http1::Builder::new()
        .preserve_header_case(true)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD + 16 * 1024)
        .handshake(TokioIo::new(watched))
        .await?;
    let (hand_over, upgraded) = oneshot::channel();
    // The end of the connection shows in the exchange that uses it, or in `is_closed`; there is nothing to
    // add here. Only an upgrade leaves a stream behind.
    tokio::task::spawn_local(async move {
        if let Ok(parts) = connection.without_shutdown().await {
            let _ = hand_over
                .send(Upgraded { stream: parts.io.into_inner().into_inner(), first: parts.read_buf });
        }
    });
    Ok(Http1 { send, notes, upgraded: Some(upgraded) })
}

/// Starts HTTP/2 on a stream.
///
/// # Errors
/// hyper could not start.
pub(super) async fn h2(stream: Stream) -> Result<H2, hyper::Error> {
    let (send, connection) = http2::Builder::new(LocalExec)
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(u32::try_from(MAX_HEAD).expect("64 KiB fits"))
        // A connection that died without a word must not swallow requests.
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10))
        .handshake(TokioIo::new(Corked::new(stream)))
        .await?;
    tokio::task::spawn_local(connection);
    Ok(H2 { send, load: Rc::default() })
}

/// HTTP/2 flow control windows, per stream and per connection: bytes that a peer may have us hold.
pub const STREAM_WINDOW: u32 = 64 * 1024;
/// See [`STREAM_WINDOW`].
pub const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// Spare connections, newest last.
pub(super) type Spare<T> = RefCell<Vec<T>>;

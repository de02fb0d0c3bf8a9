//! One connection to the provider: TLS, HTTP/1.1 or HTTP/2, each request recorded and then answered.
//! Knows hyper. What to answer comes from the scripts, or by default from the path.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::Shared;
use super::body::Outgoing;
use super::default::{default_script, text};
use super::recorded::Recorded;
use super::script::{Content, Script};
use super::seen::{Answer, Call, Record};
use super::websocket;

/// There will be no answer: the connection (HTTP/1.1) or the stream (HTTP/2) ends.
#[derive(Debug, thiserror::Error)]
#[error("the laboratory hangs up")]
struct Hangup;

/// Serves a connection to its end. What goes wrong is in the record, where a test can see it.
pub(super) async fn connection(shared: Arc<Shared>, acceptor: TlsAcceptor, stream: TcpStream) -> Result<()> {
    stream.set_nodelay(true)?;
    let index = shared.record.open(stream.peer_addr()?, stream.local_addr()?);
    let tls = match acceptor.accept(stream).await {
        Ok(tls) => tls,
        Err(error) => {
            shared.record.connection(index, |c| (c.failure, c.ended) = (Some(error.to_string()), true));
            return Ok(());
        }
    };
    let session = tls.get_ref().1;
    let name = session.server_name().map(str::to_owned);
    let alpn = session.alpn_protocol().map(|p| String::from_utf8_lossy(p).into_owned());
    let resumed = session.handshake_kind() == Some(rustls::HandshakeKind::Resumed);
    let h2 = alpn.as_deref() == Some("h2");
    shared.record.connection(index, |c| (c.server_name, c.alpn, c.resumed) = (name, alpn, resumed));
    let io = TokioIo::new(Recorded::new(tls, shared.record.clone(), index));
    exchanges(shared, io, index, h2).await;
    Ok(())
}

async fn exchanges<S>(shared: Arc<Shared>, io: TokioIo<S>, connection: usize, h2: bool)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = hyper::service::service_fn(|request| exchange(shared.clone(), connection, request));
    // A broken connection shows in the record: a call that is not whole, an answer that was dropped.
    let _ = if h2 {
        hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .serve_connection(io, service)
            .await
    } else {
        hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(None)
            .serve_connection(io, service)
            .with_upgrades()
            .await
    };
}

async fn exchange(
    shared: Arc<Shared>,
    connection: usize,
    mut request: Request<Incoming>,
) -> Result<Response<Outgoing>, Hangup> {
    let record = &shared.record;
    let call = record.begin(head(connection, &request));
    let path = request.uri().path().to_owned();
    if websocket::wanted(&request) {
        let script = shared.next(&path);
        return Ok(websocket::accept(record, call, request, script));
    }
    let waiting = Waiting { record: Some(record), call };
    let whole = receive(record, call, request.body_mut()).await;
    record.edit_call(call, |c| c.whole = Some(whole));
    let mut script = match shared.next(&path) {
        Some(script) => script,
        None => record.read_call(call, |c| default_script(&path, c)),
    };
    if let Content::Text(tokens) = script.content {
        script = record.read_call(call, |c| text(&path, c, &tokens));
    }
    let Script { status, headers, content } = script;
    let body = match content {
        Content::Sized(bytes) => Outgoing::sized(bytes, record.clone(), call),
        Content::Paced(pieces) => Outgoing::paced(pieces, record.clone(), call),
        Content::Silence => std::future::pending().await,
        Content::Hangup | Content::Text(_) | Content::Socket(_) => return Err(Hangup),
    };
    waiting.over();
    Ok(respond(status, headers, body))
}

fn respond(status: hyper::StatusCode, headers: HeaderMap, body: Outgoing) -> Response<Outgoing> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Marks the answer as dropped when the exchange ends before there is one.
struct Waiting<'a> {
    record: Option<&'a Record>,
    call: usize,
}

impl Waiting<'_> {
    /// There is a body now, which marks the end itself.
    fn over(mut self) {
        self.record = None;
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(record) = self.record {
            record.edit_call(self.call, |call| call.answer = Answer::Dropped);
        }
    }
}

/// Reads a body into the record as it arrives. Whether it ended as its framing says.
async fn receive(record: &Record, call: usize, body: &mut Incoming) -> bool {
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return false };
        match frame.into_data() {
            Ok(data) => record.edit_call(call, |c| c.body.extend_from_slice(&data)),
            Err(frame) => {
                let trailers = frame.into_trailers().unwrap_or_default();
                record.edit_call(call, |c| c.trailers = pairs(&trailers));
            }
        }
    }
    true
}

fn head(connection: usize, request: &Request<Incoming>) -> Call {
    Call {
        connection,
        version: format!("{:?}", request.version()),
        method: request.method().to_string(),
        target: request.uri().to_string(),
        headers: pairs(request.headers()),
        body: Vec::new(),
        trailers: Vec::new(),
        whole: None,
        answer: Answer::Pending,
        at: Instant::now(),
    }
}

fn pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}

//! HTTP/1.1 with an application: one exchange after the other, and the ways such a connection ends.
//! Knows hyper's server side and framing violations. Does not know what an exchange does.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use interceptor_engine::Channel;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::idle::{Idle, Quiet};
use super::{Served, Upgrade, blame, farewell};
use crate::proxy::exchange;
use crate::proxy::exchange::ledger::Ledger;
use crate::proxy::framing::{self, MAX_HEAD, MAX_HEADERS, Notes, Violation, Watched};
use crate::proxy::replay::Replay;
use crate::proxy::websocket::{self, Side};
use crate::telemetry::event::{Ending, Outcome};

/// How far one turn of serving came.
enum Turn<S> {
    /// The connection is over.
    Over(Outcome, Option<String>),
    /// Nothing has happened for a while; here is the stream, from which nothing is left unread.
    Quiet(Replay<S>),
}

/// Serves the connection to its end.
///
/// hyper keeps 16 KiB of buffers for a connection, however idle. So between exchanges that are further apart hyper
/// goes, and what is left is the stream and a timer.
pub(super) async fn run<S>(served: Rc<Served>, stream: S) -> (Outcome, Option<String>)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let mut idle = Idle::new(served.shared.limits.rest);
    let mut stream = Replay::new(Vec::new(), stream);
    loop {
        // Boxed, so that the memory of a turn ends with it.
        stream = match Box::pin(converse(&served, stream, &mut idle)).await {
            Turn::Over(outcome, detail) => return (outcome, detail),
            Turn::Quiet(stream) => stream,
        };
        if let Some((outcome, detail)) = rest(&served, &mut stream, &mut idle).await {
            linger(&mut stream, served.shared.limits.head).await;
            return (outcome, detail);
        }
        idle.again(served.shared.limits.rest);
    }
}

/// Has hyper serve the connection until it ends or goes quiet.
async fn converse<S>(served: &Rc<Served>, stream: Replay<S>, idle: &mut Idle) -> Turn<S>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let (watched, notes) = Watched::new(stream, framing::Side::Client, served.shared.limits.head);
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
    let mut drain = pin!(farewell(served));
    let mut draining = false;
    let stopped = poll_fn(|cx| {
        if !draining && drain.as_mut().poll(cx).is_ready() {
            draining = true;
            // The answer under way is the last one; without one, this ends the connection.
            Pin::new(&mut connection).graceful_shutdown();
        }
        if let Poll::Ready(result) = connection.poll_without_shutdown(cx) {
            return Poll::Ready(Stopped::Ended(result));
        }
        match idle.poll(served, cx) {
            Poll::Ready(Quiet::Resting) if notes.is_quiet() && !draining => Poll::Ready(Stopped::Quiet),
            // Some of the last answer has not left yet: it is not rest that this connection waits for.
            Poll::Ready(Quiet::Resting) => idle.poll_over(served, cx).map(|()| Stopped::Idle),
            Poll::Ready(Quiet::Over) => Poll::Ready(Stopped::Idle),
            Poll::Pending => Poll::Pending,
        }
    })
    .await;
    let parts = connection.into_parts();
    let mut stream = parts.io.into_inner().into_inner();
    if let Stopped::Quiet = &stopped {
        // hyper has parsed all it read: otherwise an exchange would be under way.
        stream.put_back(&parts.read_buf);
        return Turn::Quiet(stream);
    }
    let upgrade = served.upgrade.borrow_mut().take();
    if let (Stopped::Ended(Ok(())), Some(upgrade)) = (&stopped, upgrade) {
        let application = Side { stream, first: parts.read_buf };
        let (outcome, detail) = upgraded(application, upgrade, served.shared.limits.answer_pause).await;
        return Turn::Over(outcome, detail);
    }
    let (outcome, detail) = conclude(stopped, &notes);
    if let (Outcome::Framing, Some(violation), 0) = (outcome, notes.violation(), served.active.get()) {
        refuse_framing(&mut stream, violation).await;
    }
    linger(&mut stream, served.shared.limits.head).await;
    Turn::Over(outcome, detail)
}

/// Why hyper stopped.
enum Stopped {
    /// By itself.
    Ended(hyper::Result<()>),
    /// Nothing has happened for a while, and nothing is under way.
    Quiet,
    /// Nothing has happened for too long.
    Idle,
}

/// Waits for the first bytes of the next exchange, which are put back for hyper to read. `Some` is the end.
async fn rest<S>(
    served: &Served,
    stream: &mut Replay<S>,
    idle: &mut Idle,
) -> Option<(Outcome, Option<String>)>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let _resting = served.shared.resting.enter(usize::MAX);
    let mut drain = pin!(farewell(served));
    poll_fn(|cx| {
        if drain.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some((Outcome::Closed, None)));
        }
        match stream.poll_first(cx) {
            Poll::Ready(Ok(true)) => Poll::Ready(None),
            Poll::Ready(Ok(false)) => Poll::Ready(Some((Outcome::Closed, None))),
            Poll::Ready(Err(error)) => {
                Poll::Ready(Some((Outcome::Application, Some(crate::telemetry::chain(&error)))))
            }
            Poll::Pending => idle.poll_over(served, cx).map(|()| Some((Outcome::Idle, None))),
        }
    })
    .await
}

/// Says goodbye and takes in what the client is still sending. Closing a socket with unread bytes resets the
/// connection, and the client would lose the answer that it has not read yet (RFC 9112, 9.6). Bounded in bytes and
/// time; whoever goes on beyond that has been told.
async fn linger<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, limit: Duration) {
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

fn conclude(stopped: Stopped, notes: &Notes) -> (Outcome, Option<String>) {
    match (stopped, notes.violation()) {
        (Stopped::Idle | Stopped::Quiet, _) => (Outcome::Idle, None),
        (_, Some(violation)) => (Outcome::Framing, Some(violation.to_string())),
        (Stopped::Ended(Ok(())), None) => (Outcome::Closed, None),
        (Stopped::Ended(Err(error)), None) => (blame(&error), Some(crate::telemetry::chain(&error))),
    }
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

/// Carries what follows an upgrade.
async fn upgraded<S>(application: Side<S>, upgrade: Upgrade, pause: Duration) -> (Outcome, Option<String>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Upgrade { upstream, ledger, channel } = upgrade;
    let Some(origin) = upstream.upgraded().await else {
        ledger.finish(Ending::OriginFailed);
        return (Outcome::Origin, Some("the provider ended the connection as it was upgraded".into()));
    };
    let origin = Side { stream: origin.stream, first: origin.first };
    match channel {
        Channel::Inspected => Box::pin(websocket::run(application, origin, &ledger, pause)).await,
        Channel::Copied => Box::pin(copy(application, origin, &ledger)).await,
    }
}

async fn copy<A, O>(
    mut application: Side<A>,
    mut origin: Side<O>,
    ledger: &Ledger,
) -> (Outcome, Option<String>)
where
    A: AsyncRead + AsyncWrite + Unpin,
    O: AsyncRead + AsyncWrite + Unpin,
{
    let copied = async {
        origin.stream.write_all(&application.first).await?;
        origin.stream.flush().await?;
        application.stream.write_all(&origin.first).await?;
        application.stream.flush().await?;
        tokio::io::copy_bidirectional(&mut application.stream, &mut origin.stream).await
    }
    .await;
    ledger.finish(Ending::Upgraded);
    match copied {
        Ok(_) => (Outcome::Closed, None),
        Err(error) => (Outcome::Application, Some(error.kind().to_string())),
    }
}

//! HTTP/2 with an application: many exchanges at once, and a goodbye that a silent peer cannot drag out.
//! Knows hyper's server side. Does not know what an exchange does.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Sleep;

use super::idle::Idle;
use super::{Served, blame, farewell};
use crate::proxy::cork::Corked;
use crate::proxy::exchange;
use crate::proxy::framing::MAX_HEAD;
use crate::proxy::local::LocalExec;
use crate::proxy::upstream::connection::{CONNECTION_WINDOW, STREAM_WINDOW};
use crate::telemetry::event::Outcome;

/// Serves the connection to its end.
pub(super) async fn run<S>(served: Rc<Served>, stream: S) -> (Outcome, Option<String>)
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
        .serve_connection(TokioIo::new(Corked::new(stream)), service);
    tokio::pin!(connection);
    let mut idle = Idle::new(served.shared.limits.idle);
    let mut drain = pin!(farewell(&served));
    let mut leaving = None;
    let mut goodbye: Option<Pin<Box<Sleep>>> = None;
    let ended = poll_fn(|cx| {
        if leaving.is_none() {
            if drain.as_mut().poll(cx).is_ready() {
                leaving = Some(Outcome::Shutdown);
            } else if idle.poll_over(&served, cx).is_ready() {
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

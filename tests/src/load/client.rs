//! One client connection: TCP, TLS with full verification, HTTP/1.1 or h2, and calls whose answers are checked.

use std::time::Instant;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::{Call, STEP, Target};
use crate::origin::answer::{ANSWER, Answer};
use crate::origin::{LocalExecutor, RECEIVED};

/// Flow control that never is the bottleneck of a 10 MB body.
const STREAM_WINDOW: u32 = 4 << 20;

/// An open connection.
pub(super) enum Client {
    Http1(http1::SendRequest<Full<Bytes>>),
    H2(http2::SendRequest<Full<Bytes>>),
}

impl Client {
    /// Connects and shakes hands, up to the point where a call can be sent.
    pub(super) async fn connect(target: &Target) -> anyhow::Result<Self> {
        timeout(STEP, Self::dial(target)).await.context("connecting took too long")?
    }

    async fn dial(target: &Target) -> anyhow::Result<Self> {
        let tcp = TcpStream::connect(target.address).await.context("connect")?;
        tcp.set_nodelay(true)?;
        let tls = target.tls.connect(target.server_name.clone(), tcp).await.context("TLS handshake")?;
        let negotiated = tls.get_ref().1.alpn_protocol();
        // A proxy that offers no ALPN at all (Squid) speaks HTTP/1.1.
        ensure!((negotiated == Some(b"h2")) == target.h2, "negotiated another protocol: {negotiated:?}");
        let io = TokioIo::new(tls);
        if target.h2 {
            let (send, connection) = http2::Builder::new(LocalExecutor)
                .timer(TokioTimer::new())
                .initial_stream_window_size(STREAM_WINDOW)
                .initial_connection_window_size(4 * STREAM_WINDOW)
                .handshake(io)
                .await?;
            spawn_local(connection);
            Ok(Self::H2(send))
        } else {
            let (send, connection) = http1::handshake(io).await?;
            spawn_local(connection);
            Ok(Self::Http1(send))
        }
    }

    /// A second handle to the same connection; HTTP/1.1 has only one.
    pub(super) fn another(&self) -> Option<Self> {
        match self {
            Self::Http1(_) => None,
            Self::H2(send) => Some(Self::H2(send.clone())),
        }
    }

    /// Whether the other side still holds the connection.
    pub(super) fn is_open(&self) -> bool {
        match self {
            Self::Http1(send) => !send.is_closed(),
            Self::H2(send) => !send.is_closed(),
        }
    }

    /// Sends the call and returns as soon as the answer's head is there.
    pub(super) async fn begin(&mut self, target: &Target, call: &Call) -> anyhow::Result<Response<Incoming>> {
        let request = request(target, call)?;
        let answer = match self {
            Self::Http1(send) => {
                send.ready().await?;
                send.send_request(request).await
            }
            Self::H2(send) => {
                send.ready().await?;
                send.send_request(request).await
            }
        };
        let answer = answer.context("send the call")?;
        ensure!(answer.status() == 200, "answered {}", answer.status());
        let received = answer.headers().get(RECEIVED).and_then(|value| value.to_str().ok()?.parse().ok());
        ensure!(received == Some(call.body.len()), "the origin received {received:?} of {}", call.body.len());
        Ok(answer)
    }

    /// Makes the call and reads the whole answer. Returns how long that took, in µs, from `since`.
    pub(super) async fn call(&mut self, target: &Target, call: &Call, since: Instant) -> anyhow::Result<u32> {
        timeout(STEP, self.whole(target, call)).await.context("the answer took too long")??;
        Ok(u32::try_from(since.elapsed().as_micros()).unwrap_or(u32::MAX))
    }

    async fn whole(&mut self, target: &Target, call: &Call) -> anyhow::Result<()> {
        let mut body = self.begin(target, call).await?.into_body();
        let mut length = 0;
        while let Some(frame) = body.frame().await {
            length += frame.context("read the answer")?.data_ref().map_or(0, Bytes::len);
        }
        let expected = match call.answer {
            Answer::Chat => 1024,
            Answer::Bytes(size) => size,
            Answer::Stream { .. } => length,
        };
        ensure!(length == expected, "the answer has {length} bytes instead of {expected}");
        Ok(())
    }
}

fn request(target: &Target, call: &Call) -> anyhow::Result<Request<Full<Bytes>>> {
    let path = "/v1/chat/completions";
    let builder = if target.h2 {
        Request::post(format!("https://{}{path}", target.name))
    } else {
        Request::post(path).header(http::header::HOST, &target.name)
    };
    Ok(builder
        .header(http::header::CONTENT_TYPE, "application/json")
        .header(http::header::ACCEPT, "*/*")
        .header(http::header::USER_AGENT, "bench/1")
        .header(http::header::AUTHORIZATION, "Bearer bench")
        .header(ANSWER, call.answer.to_string())
        .body(Full::new(call.body.clone()))?)
}

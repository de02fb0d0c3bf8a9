//! A TLS origin that costs as little as possible: it plays the provider while speed is measured.
//! Knows sockets, rustls and hyper. Does not know proxies, policies or what is being measured.

pub mod answer;
pub mod payload;
pub mod pki;
pub mod relay;

use std::cell::Cell;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::task::{LocalSet, spawn_local};
use tokio_rustls::LazyConfigAcceptor;

use answer::{Answer, AnswerBody};

/// The header that repeats how many request bytes arrived, so that a client can prove nothing was lost.
pub const RECEIVED: &str = "x-bench-received";

/// One listening address and how it behaves.
///
/// Written as `ADDRESS[,alpn=h1|h2|both][,handshake=MS][,answer=MS]`.
#[derive(Clone, Debug)]
pub struct Listen {
    /// Where to listen; port 0 takes any.
    pub address: SocketAddr,
    /// What ALPN offers.
    pub alpn: Alpn,
    /// How late the ClientHello is answered: a provider that far away, as its TLS clients see it.
    pub handshake_late: Duration,
    /// How late each answer begins.
    pub answer_late: Duration,
}

/// The protocols an address offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alpn {
    /// HTTP/1.1 only.
    Http1,
    /// h2 only.
    H2,
    /// h2 preferred, HTTP/1.1 accepted.
    Both,
}

impl Alpn {
    /// The ALPN list on the wire.
    #[must_use]
    pub fn protocols(self) -> Vec<Vec<u8>> {
        match self {
            Self::Http1 => vec![b"http/1.1".to_vec()],
            Self::H2 => vec![b"h2".to_vec()],
            Self::Both => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        }
    }
}

impl FromStr for Alpn {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        match text {
            "h1" => Ok(Self::Http1),
            "h2" => Ok(Self::H2),
            "both" => Ok(Self::Both),
            other => anyhow::bail!("ALPN is h1, h2 or both, not {other}"),
        }
    }
}

impl FromStr for Listen {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let mut parts = text.split(',');
        let address = parts.next().unwrap_or_default();
        let address = address.parse().with_context(|| format!("{address} is no address with a port"))?;
        let mut listen =
            Self { address, alpn: Alpn::Both, handshake_late: Duration::ZERO, answer_late: Duration::ZERO };
        for part in parts {
            let (key, value) = part.split_once('=').with_context(|| format!("{part} is not key=value"))?;
            let milliseconds = || value.parse().map(Duration::from_millis).context("expected milliseconds");
            match key {
                "alpn" => listen.alpn = value.parse()?,
                "handshake" => listen.handshake_late = milliseconds()?,
                "answer" => listen.answer_late = milliseconds()?,
                other => anyhow::bail!("{other} is not alpn, handshake or answer"),
            }
        }
        Ok(listen)
    }
}

/// What the origin counted since it started. Read over the control socket as one JSON object.
#[derive(Debug, Default)]
pub struct Counters {
    connections: Cell<u64>,
    handshakes: Cell<u64>,
    requests: Cell<u64>,
    received: Cell<u64>,
}

impl Counters {
    fn json(&self) -> String {
        serde_json::json!({
            "connections": self.connections.get(),
            "handshakes": self.handshakes.get(),
            "requests": self.requests.get(),
            "received": self.received.get(),
        })
        .to_string()
    }
}

fn count(counter: &Cell<u64>, by: u64) {
    counter.set(counter.get().saturating_add(by));
}

/// Serves on one thread until the process is told to stop. Prints one JSON line when every address listens.
///
/// # Errors
/// A certificate folder that cannot be read, or an address that cannot be bound.
pub fn serve(listen: &[Listen], pki: &Path, control: Option<PathBuf>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let counters = Rc::new(Counters::default());
        let mut addresses = Vec::new();
        for one in listen {
            let socket =
                TcpListener::bind(one.address).await.with_context(|| format!("bind {}", one.address))?;
            addresses.push(socket.local_addr()?.to_string());
            let config = Arc::new(pki::server_config(pki, one.alpn)?);
            spawn_local(accept(socket, one.clone(), config, Rc::clone(&counters)));
        }
        println!("{}", serde_json::json!({"event": "ready", "listening": addresses}));
        match control {
            Some(path) => report(&path, &counters).await,
            None => std::future::pending().await,
        }
    })
}

/// Answers each connection to the control socket with the counters, whichever namespace it comes from.
async fn report(path: &Path, counters: &Counters) -> anyhow::Result<()> {
    let socket = UnixListener::bind(path).with_context(|| format!("bind {}", path.display()))?;
    loop {
        let (mut stream, _) = socket.accept().await?;
        // The reader may have left already; the next one gets its answer all the same.
        let _ = stream.write_all(counters.json().as_bytes()).await;
    }
}

async fn accept(
    socket: TcpListener,
    listen: Listen,
    config: Arc<rustls::ServerConfig>,
    counters: Rc<Counters>,
) {
    loop {
        match socket.accept().await {
            Ok((stream, _)) => {
                count(&counters.connections, 1);
                let (listen, config, counters) = (listen.clone(), Arc::clone(&config), Rc::clone(&counters));
                spawn_local(async move {
                    // A client that leaves early is the client's business; the load generator counts errors.
                    let _ = connection(stream, &listen, config, counters).await;
                });
            }
            // Out of descriptors: wait for some to come back instead of spinning on the same error.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn connection(
    stream: TcpStream,
    listen: &Listen,
    config: Arc<rustls::ServerConfig>,
    counters: Rc<Counters>,
) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let start = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream).await?;
    if !listen.handshake_late.is_zero() {
        tokio::time::sleep(listen.handshake_late).await;
    }
    let tls = start.into_stream(config).await?;
    count(&counters.handshakes, 1);
    let h2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
    let late = listen.answer_late;
    let service = hyper::service::service_fn(move |request| exchange(request, late, Rc::clone(&counters)));
    let io = TokioIo::new(tls);
    if h2 {
        hyper::server::conn::http2::Builder::new(LocalExecutor)
            .timer(TokioTimer::new())
            .max_concurrent_streams(1000)
            .serve_connection(io, service)
            .await?;
    } else {
        hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            // A connection that a proxy keeps warm must not be closed here after hyper's 30 s.
            .header_read_timeout(None)
            .serve_connection(io, service)
            .await?;
    }
    Ok(())
}

async fn exchange(
    request: Request<Incoming>,
    late: Duration,
    counters: Rc<Counters>,
) -> anyhow::Result<Response<AnswerBody>> {
    let answer = Answer::of(request.headers());
    let mut body = request.into_body();
    let mut received = 0_u64;
    while let Some(frame) = body.frame().await {
        received += frame?.data_ref().map_or(0, |data| data.len() as u64);
    }
    count(&counters.requests, 1);
    count(&counters.received, received);
    if !late.is_zero() {
        tokio::time::sleep(late).await;
    }
    let response = Response::builder()
        .header(RECEIVED, received)
        .header(http::header::CONTENT_TYPE, answer.content_type())
        .body(answer.body())?;
    Ok(response)
}

/// Runs hyper's h2 tasks on the thread that owns the connection.
#[derive(Clone, Copy, Debug)]
pub struct LocalExecutor;

impl<F: Future<Output = ()> + 'static> hyper::rt::Executor<F> for LocalExecutor {
    fn execute(&self, future: F) {
        spawn_local(future);
    }
}

/// A body never fails to be produced here.
pub type Never = Infallible;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listen_text_says_how_the_address_behaves() {
        let listen: Listen = "203.0.113.12:443,alpn=h1,handshake=40".parse().unwrap();
        assert_eq!(listen.alpn, Alpn::Http1);
        assert_eq!(listen.handshake_late, Duration::from_millis(40));
        assert_eq!(listen.answer_late, Duration::ZERO);
        assert!("203.0.113.12".parse::<Listen>().is_err());
        assert!("203.0.113.12:443,alpn=h3".parse::<Listen>().is_err());
        assert!("203.0.113.12:443,speed=9".parse::<Listen>().is_err());
    }
}

//! Serves metrics, coverage, status and health on a local port and a local socket. Runs apart from the data path, on a runtime of its own.
//! Knows plain HTTP and what telemetry says. Cannot change anything.

use std::convert::Infallible;
use std::fs::{self, Permissions};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;

use crate::telemetry::Telemetry;

/// Scrapes and probes at once; more wait.
const CONNECTIONS: usize = 16;

/// What the admin port tells.
pub struct Admin {
    telemetry: Telemetry,
    ready: AtomicBool,
    /// Lines in Prometheus' format that are not counted from events: the kernel's counters.
    extra: Box<dyn Fn() -> String + Send + Sync>,
    coverage: Box<CoverageReport>,
    /// How the daemon is, as JSON.
    status: Box<dyn Fn() -> String + Send + Sync>,
}

/// Makes the report of coverage, as JSON, or says what is wrong.
type CoverageReport = dyn Fn() -> Result<String, String> + Send + Sync;

impl Admin {
    /// Not ready yet. `extra` is asked at every scrape, `coverage` on a thread that may wait, `status` whenever somebody
    /// wants to know.
    pub fn new(
        telemetry: Telemetry,
        extra: impl Fn() -> String + Send + Sync + 'static,
        coverage: impl Fn() -> Result<String, String> + Send + Sync + 'static,
        status: impl Fn() -> String + Send + Sync + 'static,
    ) -> Arc<Self> {
        let (extra, coverage, status) = (Box::new(extra), Box::new(coverage), Box::new(status));
        Arc::new(Self { telemetry, ready: AtomicBool::new(false), extra, coverage, status })
    }

    /// Says whether redirected connections are served.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Release);
    }

    /// Opens the port.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
        TcpListener::bind(address).await
    }

    /// Opens the socket, for root alone. One that an earlier daemon left is replaced.
    ///
    /// # Errors
    /// It cannot be made there.
    pub fn bind_local(path: &Path) -> io::Result<UnixListener> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(path)?;
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
        Ok(listener)
    }

    /// Serves until the task is ended.
    pub async fn serve(self: Arc<Self>, listener: TcpListener) {
        self.accept(|context| listener.poll_accept(context).map_ok(|(stream, _)| stream)).await;
    }

    /// The same on the socket.
    pub async fn serve_local(self: Arc<Self>, listener: UnixListener) {
        self.accept(|context| listener.poll_accept(context).map_ok(|(stream, _)| stream)).await;
    }

    async fn accept<Stream>(self: Arc<Self>, next: impl Fn(&mut Context<'_>) -> Poll<io::Result<Stream>>)
    where
        Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let Ok(place) = places.clone().acquire_owned().await else { return };
            let Ok(stream) = poll_fn(&next).await else {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let admin = self.clone();
            tokio::spawn(async move {
                let service = service_fn(|request| {
                    let admin = admin.clone();
                    async move { Ok::<_, Infallible>(admin.answer(&request).await) }
                });
                // A scraper that breaks off is its own problem.
                let _ = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(Duration::from_secs(10))
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
                drop(place);
            });
        }
    }

    async fn answer(self: Arc<Self>, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        match (request.method(), request.uri().path()) {
            (&Method::GET, "/metrics") => {
                let mut text = self.telemetry.metrics_text();
                // The encoder ends its text with a mark after which nothing may follow.
                if let Some(end) = text.rfind("# EOF") {
                    text.insert_str(end, &(self.extra)());
                }
                plain(StatusCode::OK, "application/openmetrics-text; version=1.0.0; charset=utf-8", text)
            }
            (&Method::GET, "/coverage") => self.coverage().await,
            (&Method::GET, "/status") => plain(StatusCode::OK, "application/json", (self.status)()),
            (&Method::GET, "/healthz") => plain(StatusCode::OK, "text/plain", "alive\n".into()),
            (&Method::GET, "/readyz") if self.ready.load(Ordering::Acquire) => {
                plain(StatusCode::OK, "text/plain", "ready\n".into())
            }
            (&Method::GET, "/readyz") => {
                plain(StatusCode::SERVICE_UNAVAILABLE, "text/plain", "starting or draining\n".into())
            }
            _ => plain(
                StatusCode::NOT_FOUND,
                "text/plain",
                "try /metrics, /coverage, /status, /healthz or /readyz\n".into(),
            ),
        }
    }

    async fn coverage(self: Arc<Self>) -> Response<Full<Bytes>> {
        match tokio::task::spawn_blocking(move || (self.coverage)()).await {
            Ok(Ok(json)) => plain(StatusCode::OK, "application/json", json),
            Ok(Err(wrong)) => plain(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", wrong + "\n"),
            // It panicked and has told so, or the daemon is ending.
            Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", "no report was made\n".into()),
        }
    }
}

fn plain(status: StatusCode, kind: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(Bytes::from(text)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    answer
}

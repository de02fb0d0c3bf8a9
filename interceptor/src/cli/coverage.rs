//! `interceptor coverage`: asks the running daemon what became of calls to AI providers.
//! Knows where the daemon answers. How a report is shown is in `coverage/table.rs`.

mod table;

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::exit;
use super::run::{load, refuse};
use crate::app::coverage::report::Report;
use crate::config::Config;

/// A node with all the workloads that there is room for needs a fifth of it.
const LONGEST: usize = 64 << 20;
/// For everything. A report takes milliseconds, and a second on a node with many cgroups.
const PATIENCE: Duration = Duration::from_secs(30);

/// Say what became of calls to AI providers, workload by workload.
#[derive(Debug, Args)]
pub struct Coverage {
    /// The configuration that the daemon runs with; without one the standard configuration is used.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the daemon's admin port is, instead of what a configuration says.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "config")]
    admin: Option<SocketAddr>,
    /// The report as one JSON object on standard output.
    #[arg(long)]
    json: bool,
    /// Exit with 1 if anything is left uninspected, or does not add up.
    #[arg(long)]
    strict: bool,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    #[error("the daemon has no admin port to be asked at (admin.address is off)")]
    NoPort,
    #[error("cannot read the daemon's admin port from {}; does it run?", path.display())]
    PortFile {
        path: PathBuf,
        #[source]
        io: std::io::Error,
    },
    #[error("{} does not hold an address, but {text:?}", path.display())]
    NotAPort { path: PathBuf, text: String },
    #[error("nobody answers at {address}; is that the daemon's admin.address, and does it run?")]
    Unreachable {
        address: SocketAddr,
        #[source]
        io: std::io::Error,
    },
    #[error("no whole answer came from {address} within {PATIENCE:?}")]
    Silent { address: SocketAddr },
    #[error("{address} does not answer as a daemon would")]
    Broken {
        address: SocketAddr,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("{address} has no report ({status}): {text}")]
    NoReport { address: SocketAddr, status: StatusCode, text: String },
    #[error("cannot start the runtime")]
    Runtime(#[source] std::io::Error),
}

impl Coverage {
    /// Prints the report. Exits with 1 without one.
    pub fn run(&self) -> ExitCode {
        let address = match (self.admin, load(self.config.as_deref())) {
            (Some(address), _) => Ok(address),
            (None, Ok(config)) => admin_of(&config),
            (None, Err(error)) => return refuse(&error),
        };
        match address.and_then(ask) {
            Ok((report, json)) => self.show(&report, &json),
            Err(error) => super::failed(&error, exit::FAILED),
        }
    }

    fn show(&self, report: &Report, json: &[u8]) -> ExitCode {
        let text = if self.json { [json, b"\n"].concat() } else { table::of(report).into_bytes() };
        // Whoever reads may have seen enough.
        let _ = std::io::stdout().write_all(&text);
        let is_good = report.adds_up && report.uninspected() == 0;
        if self.strict && !is_good { ExitCode::from(exit::FAILED) } else { ExitCode::SUCCESS }
    }
}

/// Where a daemon with this configuration answers. One that was given port 0 has written down what it got.
pub(super) fn admin_of(config: &Config) -> Result<SocketAddr, AskError> {
    let address = config.admin.ok_or(AskError::NoPort)?;
    let Some(path) = config.admin_file.clone().filter(|_| address.port() == 0) else { return Ok(address) };
    let text = std::fs::read_to_string(&path).map_err(|io| AskError::PortFile { path: path.clone(), io })?;
    text.trim().parse().map_err(|_| AskError::NotAPort { path, text })
}

fn ask(address: SocketAddr) -> Result<(Report, Bytes), AskError> {
    let answer = get(address, "/coverage")?;
    let report = serde_json::from_slice(&answer).map_err(broken(address))?;
    Ok((report, answer))
}

/// What the daemon answers at a path of its admin port.
pub(super) fn get(address: SocketAddr, path: &str) -> Result<Bytes, AskError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(AskError::Runtime)?.block_on(async {
        let silent = |_| AskError::Silent { address };
        tokio::time::timeout(PATIENCE, fetch(address, path)).await.map_err(silent)?
    })
}

async fn fetch(address: SocketAddr, path: &str) -> Result<Bytes, AskError> {
    let stream = TcpStream::connect(address).await.map_err(|io| AskError::Unreachable { address, io })?;
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(broken(address))?;
    let request = Request::get(path)
        .header(header::HOST, address.to_string())
        .body(Empty::<Bytes>::new())
        .map_err(broken(address))?;
    let exchange = async move {
        let answer = sender.send_request(request).await.map_err(broken(address))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), LONGEST).collect().await;
        Ok((status, body.map_err(broken(address))?.to_bytes()))
    };
    // The connection does the work of the exchange, and ends with its sender, which the exchange owns.
    let (answer, _) = tokio::join!(exchange, connection);
    let (status, body) = answer?;
    if status != StatusCode::OK {
        let text = String::from_utf8_lossy(&body).trim().to_owned();
        return Err(AskError::NoReport { address, status, text });
    }
    Ok(body)
}

/// It is somebody else who answers there.
pub(super) fn broken<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
    address: SocketAddr,
) -> impl FnOnce(E) -> AskError {
    move |error| AskError::Broken { address, source: error.into() }
}

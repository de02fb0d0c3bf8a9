//! The laboratory with the daemon running in it: what an end-to-end test starts from.
//! Knows how to ask the machine whether it can run, and a few calls every test makes.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::net::TcpStream;

use crate::cgroup::Cgroup;
use crate::client::{self, TlsStream, Wire};
use crate::daemon::Daemon;
use crate::dialer::Dialer;
use crate::gate;
use crate::lab::{Lab, OPENAI, host, https};

/// See the head of this file. The parts end in this order.
pub struct Stage {
    /// The running daemon.
    pub daemon: Daemon,
    /// Connects as the application.
    pub dialer: Dialer,
    /// Everything else.
    pub lab: Lab,
}

/// Something done to the laboratory.
type Change = Box<dyn FnOnce(&Lab)>;

/// What is different from the laboratory's ordinary configuration.
#[derive(Default)]
pub struct Setup {
    spec: Value,
    policy: Option<String>,
    before: Option<Change>,
    is_unit: bool,
}

impl Setup {
    /// Merges `spec` into the configuration's `spec` (RFC 7396: null removes).
    #[must_use]
    pub fn spec(mut self, spec: Value) -> Self {
        merge(&mut self.spec, spec);
        self
    }

    /// Another policy than the built-in one.
    #[must_use]
    pub fn policy(mut self, text: &str) -> Self {
        self.policy = Some(text.to_owned());
        self
    }

    /// Everybody is in one systemd unit, by the name of the laboratory's cgroup.
    #[must_use]
    pub fn unit(mut self) -> Self {
        self.is_unit = true;
        self
    }

    /// Changes the laboratory before the daemon starts in it.
    #[must_use]
    pub fn before(mut self, change: impl FnOnce(&Lab) + 'static) -> Self {
        self.before = Some(Box::new(change));
        self
    }

    /// Builds the laboratory and starts the daemon. `None` where the machine cannot run it, which was said aloud.
    pub async fn up(self) -> Result<Option<Stage>> {
        if !gate::passes(gate::kernel()) {
            return Ok(None);
        }
        let lab = Lab::below(if self.is_unit { Cgroup::unit() } else { Cgroup::new() })?;
        if let Some(change) = self.before {
            change(&lab);
        }
        let mut config = lab.config();
        if let Some(text) = self.policy {
            config["spec"]["policy"]["files"] = serde_json::json!([lab.file("policy.yaml", text)?]);
        }
        merge(&mut config["spec"], self.spec);
        let daemon = lab.daemon_with(&config).await?;
        Ok(Some(Stage { daemon, dialer: lab.dialer()?, lab }))
    }
}

impl Stage {
    /// With the ordinary configuration and the built-in policy.
    pub async fn up() -> Result<Option<Self>> {
        Setup::default().up().await
    }

    /// The application's HTTP/1.1 connection to a host of the internet, under a name.
    pub async fn http1(&self, host: u8, name: &str) -> Result<Wire<TlsStream<TcpStream>>> {
        self.lab.http1(&self.dialer, https(host), name).await
    }

    /// The application's HTTP/1.1 connection to `api.openai.com`.
    pub async fn openai(&self) -> Result<Wire<TlsStream<TcpStream>>> {
        self.http1(host::SHARED, OPENAI).await
    }

    /// The application's TLS handshake, whose failure the test looks at.
    pub async fn handshake(
        &self,
        to: SocketAddr,
        name: &str,
        alpn: &[&str],
    ) -> Result<std::io::Result<TlsStream<TcpStream>>> {
        let stream = self.dialer.connect(to)?.context("connect")?;
        client::handshake(stream, name, &self.lab.client(alpn)?).await
    }

    /// The application's HTTP/2 connection to a host of the internet, under a name.
    pub async fn http2(&self, host: u8, name: &str) -> Result<Http2> {
        let stream = self.handshake(https(host), name, &["h2"]).await?.context("the TLS handshake")?;
        Box::pin(self.http2_on(stream, name)).await
    }

    /// HTTP/2 on a stream that is there already, for a host of that name.
    pub async fn http2_on(&self, stream: TlsStream<TcpStream>, name: &str) -> Result<Http2> {
        let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
        let (sender, connection) = crate::within("the HTTP/2 handshake", handshake).await??;
        tokio::spawn(connection);
        Ok(Http2 { sender, authority: name.to_owned() })
    }

    /// The event of the only exchange with such an ending.
    pub async fn exchange(&self, ending: &str) -> Result<Value> {
        let wanted = |e: &Value| e["event"] == "exchange" && e["ending"] == ending;
        self.daemon.audited(&format!("an exchange that is {ending}"), wanted).await
    }

    /// The events of all exchanges, once there are `count` of them.
    pub async fn exchanges(&self, count: usize) -> Result<Vec<Value>> {
        let exchanges = || -> Result<Vec<Value>> {
            Ok(self.daemon.audit()?.into_iter().filter(|e| e["event"] == "exchange").collect())
        };
        let enough = |_: &Value| exchanges().is_ok_and(|all| all.len() >= count);
        self.daemon.audited(&format!("exchange number {count}"), enough).await?;
        exchanges()
    }

    /// The event of a connection with such an outcome.
    pub async fn connection(&self, outcome: &str) -> Result<Value> {
        let wanted = |e: &Value| e["event"] == "connection" && e["outcome"] == outcome;
        self.daemon.audited(&format!("a connection whose outcome is {outcome}"), wanted).await
    }

    /// What a Prometheus server would scrape.
    pub async fn metrics(&self) -> Result<String> {
        let to: SocketAddr = ([127, 0, 0, 1], self.daemon.admin_port()?).into();
        let stream = self.lab.topology.node.run(|| std::net::TcpStream::connect(to))?;
        stream.set_nonblocking(true)?;
        let mut wire = Wire::new(TcpStream::from_std(stream)?);
        wire.send("GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await?;
        Ok(wire.answer().await?.text())
    }
}

/// An HTTP/2 connection of the application.
#[derive(Clone)]
pub struct Http2 {
    sender: SendRequest<Full<bytes::Bytes>>,
    authority: String,
}

impl Http2 {
    /// A request for a path of the connection's own authority, without its body yet.
    #[must_use]
    pub fn request(&self, method: &str, path: &str) -> hyper::http::request::Builder {
        Request::builder().method(method).uri(format!("https://{}{path}", self.authority))
    }

    /// Sends a request; the answer's body is still to come.
    pub async fn send(&mut self, request: Request<Full<bytes::Bytes>>) -> Result<Response<Incoming>> {
        crate::within("a stream", self.sender.ready()).await??;
        Ok(crate::within("the answer's head", self.sender.send_request(request)).await??)
    }

    /// Posts JSON and reads the whole answer.
    pub async fn post(&mut self, path: &str, body: impl Into<bytes::Bytes>) -> Result<(u16, Vec<u8>)> {
        let request = self.request("POST", path).header("content-type", "application/json");
        let answer = self.send(request.body(Full::new(body.into()))?).await?;
        let status = answer.status().as_u16();
        let body = crate::within("the answer's body", answer.into_body().collect()).await??;
        Ok((status, body.to_bytes().to_vec()))
    }
}

/// Merges `patch` into `target` (RFC 7396: null removes).
pub fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        if !patch.is_null() {
            *target = patch;
        }
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Some(fields) = target.as_object_mut() else { return };
    for (name, value) in patch {
        if value.is_null() {
            fields.remove(&name);
        } else {
            merge(fields.entry(name).or_insert(Value::Null), value);
        }
    }
}

//! The providers of the laboratory's internet: real TLS servers with certificates of another root than the
//! interceptor's, speaking HTTP/1.1 and HTTP/2, which record exactly what they receive and answer as a test says.
//! Knows names and scripts. Does not know namespaces: it is given its listeners.

mod body;
mod default;
mod format;
mod recorded;
mod script;
mod seen;
mod serve;
mod websocket;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use anyhow::Result;
use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::pki::{Pki, Quality, crypto};

pub use default::{DEFAULT_TOKENS, gzip, pattern};
pub use format::Format;
pub use script::{Script, Socket, Stream};
pub use seen::{Answer, Call, Connection, Record, Seen};
pub use websocket::accept_key;

/// How one address of the provider behaves.
#[derive(Clone, Debug)]
pub struct Site {
    /// The names that have a certificate here. The first is shown to a client that sends no name.
    pub names: Vec<&'static str>,
    /// What is wrong with the certificates.
    pub quality: Quality,
    /// The protocols offered by ALPN, in order of preference.
    pub alpn: Vec<&'static str>,
}

impl Site {
    /// Good certificates, HTTP/2 and HTTP/1.1.
    #[must_use]
    pub fn new(names: &[&'static str]) -> Self {
        Self { names: names.to_vec(), quality: Quality::Good, alpn: vec!["h2", "http/1.1"] }
    }

    /// The same with other certificates.
    #[must_use]
    pub fn quality(mut self, quality: Quality) -> Self {
        self.quality = quality;
        self
    }

    /// The same with other protocols.
    #[must_use]
    pub fn alpn(mut self, alpn: &[&'static str]) -> Self {
        self.alpn = alpn.to_vec();
        self
    }

    /// The TLS side of the site.
    pub fn tls(&self, pki: &Pki) -> Result<Arc<ServerConfig>> {
        let mut keys = HashMap::new();
        for name in &self.names {
            keys.insert(*name, pki.leaf(name, self.quality)?);
        }
        let certificates = Arc::new(Certificates { fallback: self.names.first().copied(), keys });
        let mut config = ServerConfig::builder_with_provider(crypto())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(certificates);
        config.alpn_protocols = self.alpn.iter().map(|p| p.as_bytes().to_vec()).collect();
        Ok(Arc::new(config))
    }
}

/// Chooses the certificate by the client's name.
#[derive(Debug)]
struct Certificates {
    fallback: Option<&'static str>,
    keys: HashMap<&'static str, Arc<CertifiedKey>>,
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.keys.get(hello.server_name().or(self.fallback)?).cloned()
    }
}

/// What all connections share.
struct Shared {
    record: Record,
    scripts: Mutex<HashMap<String, VecDeque<Script>>>,
}

impl Shared {
    fn next(&self, path: &str) -> Option<Script> {
        let mut scripts = self.scripts.lock().expect("no holder of the scripts' lock panics");
        scripts.get_mut(path)?.pop_front()
    }
}

/// All sites of the laboratory, with one record. Dropping it ends every connection.
pub struct Provider {
    shared: Arc<Shared>,
    tasks: Mutex<JoinSet<()>>,
}

impl Provider {
    /// A provider without a site yet.
    #[must_use]
    pub fn new() -> Self {
        let shared = Shared { record: Record::default(), scripts: Mutex::default() };
        Self { shared: Arc::new(shared), tasks: Mutex::default() }
    }

    /// Serves `site` on a listener that is already bound, in whatever namespace it was made.
    pub fn serve(&self, pki: &Pki, site: &Site, listener: std::net::TcpListener) -> Result<()> {
        self.serve_tls(site.tls(pki)?, listener)
    }

    /// The same with the TLS side made by the test itself.
    pub fn serve_tls(&self, tls: Arc<ServerConfig>, listener: std::net::TcpListener) -> Result<()> {
        let acceptor = TlsAcceptor::from(tls);
        let shared = self.shared.clone();
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        self.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                open.spawn(serve::connection(shared.clone(), acceptor.clone(), stream));
                while open.try_join_next().is_some() {}
            }
        });
        Ok(())
    }

    /// Hands each accepted TCP connection to the test itself.
    pub fn bare(&self, listener: std::net::TcpListener) -> Result<Bare> {
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let (sender, accepted) = unbounded_channel();
        self.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if sender.send(stream).is_err() {
                    return;
                }
            }
        });
        Ok(Bare { accepted })
    }

    /// Prepares the answer to the next call of `path` for which none is prepared yet.
    pub fn next(&self, path: &str, script: Script) {
        let mut scripts = self.shared.scripts.lock().expect("no holder of the scripts' lock panics");
        scripts.entry(path.to_owned()).or_default().push_back(script);
    }

    /// Prepares a streamed answer that the test paces.
    #[must_use]
    pub fn stream(&self, format: Format) -> Stream {
        let (stream, script) = Stream::new(format);
        self.next(format.path(), script);
        stream
    }

    /// Accepts the next WebSocket on `path`, with these extensions. What the application sends is the call's body.
    #[must_use]
    pub fn socket(&self, path: &str, extensions: Option<&str>) -> Socket {
        let (socket, script) = Socket::new(extensions);
        self.next(path, script);
        socket
    }

    /// What was seen.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.shared.record
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.lock().expect("no holder of the tasks' lock panics").spawn(task);
    }
}

impl Default for Provider {
    fn default() -> Self {
        Self::new()
    }
}

/// An address at which the test itself plays the server, byte by byte.
pub struct Bare {
    accepted: UnboundedReceiver<TcpStream>,
}

impl Bare {
    /// The next connection.
    pub async fn accept(&mut self) -> Result<TcpStream> {
        let stream = crate::within("a connection to the bare origin", self.accepted.recv()).await?;
        let stream = stream.ok_or_else(|| anyhow::anyhow!("the listener is gone"))?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// Whether a connection waits to be taken.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        !self.accepted.is_empty()
    }
}

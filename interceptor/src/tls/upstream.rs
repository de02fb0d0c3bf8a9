//! The side of a connection that faces the provider: a handshake that is always verified.
//! Knows roots, sessions and deadlines. Does not know addresses, pools or HTTP; it is given a connection.

#[cfg(test)]
mod tests;
mod verify;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::{ClientSessionMemoryCache, Resumption, UnbufferedClientConnection};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, Der, ServerName};
use rustls::{AlertDescription, ClientConfig, HandshakeKind, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};

use super::defect::Defect;
use super::stream::Stream;
use super::{Alpn, provider};
use crate::hello::{AlpnSet, Host};
use verify::{Rejected, Verifier};

/// How many names sessions are remembered for. rustls keeps up to eight tickets for each.
const SESSION_NAMES: usize = 1_024;

/// Which protocols are offered to the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AlpnOffer {
    /// No ALPN extension.
    None,
    /// `http/1.1` only.
    Http1,
    /// `h2` only.
    H2,
    /// `h2`, then `http/1.1`.
    Both,
}

impl AlpnOffer {
    /// What the application offers, as far as it can be served: a client that offers nothing is shown to
    /// the upstream as one that offers nothing.
    pub fn mirroring(offered: AlpnSet) -> Self {
        match (offered.h2(), offered.http1()) {
            (true, true) => Self::Both,
            (true, false) => Self::H2,
            (false, true) => Self::Http1,
            (false, false) => Self::None,
        }
    }

    fn protocols(self) -> Vec<Vec<u8>> {
        let list: &[Alpn] = match self {
            Self::None => &[],
            Self::Http1 => &[Alpn::Http1],
            Self::H2 => &[Alpn::H2],
            Self::Both => &[Alpn::H2, Alpn::Http1],
        };
        list.iter().map(|protocol| protocol.as_bytes().to_vec()).collect()
    }
}

/// Which authorities are trusted to vouch for upstreams.
#[derive(Debug)]
pub struct Roots {
    store: RootCertStore,
    skipped: usize,
}

/// Roots cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RootsError {
    /// A file cannot be read.
    #[error("cannot read the upstream roots in {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        io: io::Error,
    },
    /// A file holds no certificate, or something damaged.
    #[error("{} holds no certificate in PEM, or a damaged one", path.display())]
    NoCertificate {
        /// Which file.
        path: PathBuf,
    },
    /// This program's own authority must never vouch for an upstream: a connection to ourselves would look
    /// like the provider.
    #[error("{} contains this program's own authority, which must not vouch for upstreams", path.display())]
    OwnAuthority {
        /// Which file.
        path: PathBuf,
    },
    /// Nothing is trusted.
    #[error(
        "no upstream root is configured and the system has none; every call would fail. Set upstream.roots"
    )]
    Empty,
}

impl Roots {
    /// No roots yet.
    pub fn none() -> Self {
        Self { store: RootCertStore::empty(), skipped: 0 }
    }

    /// The roots of the platform. Certificates that cannot be used are skipped and counted, because every
    /// distribution ships some.
    pub fn platform() -> Self {
        let mut roots = Self::none();
        let found = rustls_native_certs::load_native_certs();
        let (_, ignored) = roots.store.add_parsable_certificates(found.certs);
        roots.skipped = ignored + found.errors.len();
        roots
    }

    /// Adds every certificate of a PEM file, which the operator has named: an unusable one is an error.
    /// `own` are the certificates of this program's authority.
    pub fn add_file(&mut self, path: &Path, own: &[CertificateDer<'_>]) -> Result<(), RootsError> {
        let text = std::fs::read(path).map_err(|io| RootsError::Read { path: path.into(), io })?;
        let damaged = || RootsError::NoCertificate { path: path.into() };
        let mut named = Self::none();
        for certificate in CertificateDer::pem_slice_iter(&text) {
            let certificate = certificate.map_err(|_| damaged())?;
            named.store.add(certificate).map_err(|_| damaged())?;
        }
        if named.is_empty() {
            return Err(damaged());
        }
        if named.remove(own) > 0 {
            return Err(RootsError::OwnAuthority { path: path.into() });
        }
        self.store.roots.append(&mut named.store.roots);
        Ok(())
    }

    /// Takes this program's own authority out, which an operator may have put into the system's store for
    /// the sake of applications. Returns how many were taken out.
    ///
    /// Keys are compared, not certificates: a root that was signed again, or under another name, is still ours.
    pub fn remove(&mut self, own: &[CertificateDer<'_>]) -> usize {
        let before = self.store.roots.len();
        let anchors: Vec<_> =
            own.iter().filter_map(|der| webpki::anchor_from_trusted_cert(der).ok()).collect();
        let is_ours = |key: &Der<'_>| anchors.iter().any(|ours| &ours.subject_public_key_info == key);
        self.store.roots.retain(|root| !is_ours(&root.subject_public_key_info));
        before - self.store.roots.len()
    }

    /// How many roots are trusted.
    pub fn len(&self) -> usize {
        self.store.len()
    }

    /// Whether nothing is trusted.
    pub fn is_empty(&self) -> bool {
        self.store.is_empty()
    }

    /// How many certificates of the platform could not be used.
    pub fn skipped(&self) -> usize {
        self.skipped
    }
}

/// Makes verified connections. One for the whole process: sessions are resumed across workers.
pub struct UpstreamTls {
    /// By [`AlpnOffer`]. They share verifier and session store, without which rustls would not resume.
    configs: [Arc<ClientConfig>; 4],
    verifier: Arc<Verifier>,
}

/// The encrypted connection with an upstream.
pub type ClientStream<T> = Stream<UnbufferedClientConnection, T>;

/// A verified connection.
#[derive(Debug)]
pub struct Connected<T> {
    /// The encrypted stream.
    pub stream: ClientStream<T>,
    /// What the upstream chose.
    pub alpn: Option<Alpn>,
    /// Whether an earlier session was resumed.
    pub resumed: bool,
}

/// No verified connection came about.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// The certificate is not acceptable. The application should see the same defect.
    #[error("the certificate of the upstream is {0}")]
    Certificate(Defect),
    /// The upstream ended the handshake with an alert.
    #[error("the upstream refused the handshake with {0:?}")]
    Alert(AlertDescription),
    /// The upstream does not speak TLS 1.2 or later, or breaks its rules.
    #[error("the upstream breaks the TLS protocol")]
    Protocol(#[source] rustls::Error),
    /// The upstream closed the connection in the middle of the handshake.
    #[error("the upstream closed the connection during the handshake")]
    Closed(#[source] io::Error),
    /// The handshake took too long.
    #[error("the upstream did not complete the handshake in time")]
    TimedOut,
    /// The connection failed.
    #[error("the connection to the upstream failed")]
    Io(#[source] io::Error),
}

impl UpstreamTls {
    /// Trusts `roots` and nothing else.
    pub fn new(roots: Roots) -> Result<Self, RootsError> {
        if roots.is_empty() {
            return Err(RootsError::Empty);
        }
        let verifier = Arc::new(Verifier::new(roots.store).map_err(|_| RootsError::Empty)?);
        let mut base = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("the provider has suites for both protocol versions")
            .dangerous()
            .with_custom_certificate_verifier(verifier.clone())
            .with_no_client_auth();
        base.resumption = Resumption::store(Arc::new(ClientSessionMemoryCache::new(SESSION_NAMES)));
        let with = |offer: AlpnOffer| {
            let mut config = base.clone();
            config.alpn_protocols = offer.protocols();
            Arc::new(config)
        };
        let configs = [AlpnOffer::None, AlpnOffer::Http1, AlpnOffer::H2, AlpnOffer::Both].map(with);
        Ok(Self { configs, verifier })
    }

    /// Trusts `own` no longer: this program's authority has become another one, whose root the platform may have
    /// been given ahead of time for the sake of applications. Returns how many roots that were.
    ///
    /// # Errors
    /// Nobody else is trusted. All stays as it was.
    pub fn distrust(&self, own: &[CertificateDer<'_>]) -> Result<usize, RootsError> {
        let mut roots = Roots { store: RootCertStore::clone(&self.verifier.roots()), skipped: 0 };
        let removed = roots.remove(own);
        if removed > 0 {
            self.verifier.trust(roots.store).map_err(|_| RootsError::Empty)?;
        }
        Ok(removed)
    }

    /// Does the handshake on `io` and verifies that it is with `name`.
    pub async fn connect<T>(
        &self,
        io: T,
        name: &Host,
        offer: AlpnOffer,
        deadline: Instant,
    ) -> Result<Connected<T>, UpstreamError>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let name = ServerName::try_from(name.as_str().to_owned())
            .expect("a Host has passed the parser of names in certificates");
        let config = Arc::clone(&self.configs[offer as usize]);
        let session = UnbufferedClientConnection::new(config, name).map_err(UpstreamError::Protocol)?;
        let stream = match timeout_at(deadline, Stream::handshake(io, session)).await {
            Err(_) => return Err(UpstreamError::TimedOut),
            Ok(Err(error)) => return Err(classify(error)),
            Ok(Ok(stream)) => stream,
        };
        let (_, session) = stream.get_ref();
        let alpn = session.alpn_protocol().and_then(Alpn::from_bytes);
        let resumed = session.handshake_kind() == Some(HandshakeKind::Resumed);
        Ok(Connected { stream, alpn, resumed })
    }
}

fn classify(error: io::Error) -> UpstreamError {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        Some(tls) => match Rejected::in_error(tls) {
            Some(defect) => UpstreamError::Certificate(defect),
            None => match tls {
                rustls::Error::AlertReceived(alert) => UpstreamError::Alert(*alert),
                other => UpstreamError::Protocol(other.clone()),
            },
        },
        None => match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                UpstreamError::Closed(error)
            }
            _ => UpstreamError::Io(error),
        },
    }
}

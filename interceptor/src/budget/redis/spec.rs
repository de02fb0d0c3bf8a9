//! Where the store is, and what is needed to be let in. Knows files and URLs. Does not connect.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

/// The store and the node's part in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreSpec {
    /// Name or address of the server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The number of the database.
    pub database: u32,
    /// Whether the server is spoken to over TLS, which is always verified.
    pub tls: bool,
    /// Files with roots that the server's certificate may chain to; none means the system's.
    pub roots: Vec<PathBuf>,
    /// The user.
    pub user: Option<String>,
    /// The file with the password.
    pub password: Option<PathBuf>,
    /// How long a request may wait for an answer.
    pub deadline: Duration,
    /// How many nodes share the limits.
    pub nodes: u64,
}

impl StoreSpec {
    /// Reads `redis://HOST:PORT/DATABASE`, or `rediss://` for TLS. Credentials do not belong into a URL.
    pub fn of_url(url: &str) -> Option<Self> {
        let (tls, rest) = match url.strip_prefix("redis://") {
            Some(rest) => (false, rest),
            None => (true, url.strip_prefix("rediss://")?),
        };
        let (place, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = match place.strip_prefix('[').and_then(|place| place.split_once(']')) {
            Some((host, rest)) => (host, rest.strip_prefix(':').or(rest.is_empty().then_some("6379"))?),
            None => place.split_once(':').unwrap_or((place, "6379")),
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
        if host.is_empty() || !host.chars().all(plain) {
            return None;
        }
        let database = if database.is_empty() { 0 } else { database.parse().ok()? };
        Some(Self {
            host: host.to_owned(),
            port: port.parse().ok().filter(|port| *port > 0)?,
            database,
            tls,
            roots: Vec::new(),
            user: None,
            password: None,
            deadline: Duration::from_millis(100),
            nodes: 1,
        })
    }
}

/// Why there is no store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file cannot be read.
    #[error("cannot read {} (limits.redis)", path.display())]
    Read {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        #[source]
        io: io::Error,
    },
    /// A file with roots has none.
    #[error("{} holds no certificate in PEM, or a damaged one (limits.redis.roots)", path.display())]
    NoCertificate {
        /// Its path.
        path: PathBuf,
    },
    /// TLS cannot be set up.
    #[error("TLS cannot be set up for {host} (limits.redis.url)")]
    Tls {
        /// The server.
        host: String,
    },
    /// There is no thread for the connection, or no randomness for the node's name.
    #[error("cannot start the connection to the shared store")]
    System(#[source] io::Error),
}

/// TLS to the server, which is always verified.
pub(super) fn tls(spec: &StoreSpec) -> Result<(TlsConnector, ServerName<'static>), StoreError> {
    let failed = || StoreError::Tls { host: spec.host.clone() };
    let mut roots = RootCertStore::empty();
    for path in &spec.roots {
        let text = std::fs::read(path).map_err(|io| StoreError::Read { path: path.clone(), io })?;
        let before = roots.len();
        for certificate in CertificateDer::pem_slice_iter(&text) {
            let added = certificate.ok().and_then(|certificate| roots.add(certificate).ok());
            added.ok_or_else(|| StoreError::NoCertificate { path: path.clone() })?;
        }
        if roots.len() == before {
            return Err(StoreError::NoCertificate { path: path.clone() });
        }
    }
    if spec.roots.is_empty() {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    let config = ClientConfig::builder_with_provider(crate::tls::provider())
        .with_safe_default_protocol_versions()
        .map_err(|_| failed())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(spec.host.clone()).map_err(|_| failed())?;
    Ok((TlsConnector::from(Arc::new(config)), name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_the_server_is() {
        let place = |url| StoreSpec::of_url(url).map(|spec| (spec.host, spec.port, spec.database, spec.tls));
        let at = |host: &str, port, database, tls| Some((host.to_owned(), port, database, tls));
        assert_eq!(place("redis://redis.example"), at("redis.example", 6379, 0, false));
        assert_eq!(place("rediss://redis.example:6380/7"), at("redis.example", 6380, 7, true));
        assert_eq!(place("redis://[2001:db8::1]"), at("2001:db8::1", 6379, 0, false));
        assert_eq!(place("redis://[2001:db8::1]:1/"), at("2001:db8::1", 1, 0, false));
        for wrong in [
            "",
            "redis://",
            "http://a",
            "redis://a:0",
            "redis://a:b",
            "redis://a/b",
            "redis://u@a",
            "redis://u:p@a",
            "redis://a:70000",
            "redis://[a",
            "redis://[a]b",
            "redis://a?b=c",
        ] {
            assert_eq!(place(wrong), None, "{wrong}");
        }
    }
}

//! TLS on both legs: the name-constrained authority, leafs for applications, verified upstream connections,
//! and upstream certificate defects shown again to the application.
//! Knows certificates, keys and handshakes. Does not know policy, HTTP, routing or namespaces.

pub mod authority;
pub mod bundle;
pub mod constraints;
pub mod defect;
pub mod inspect;
mod key;
mod leaf;
mod pem;
pub mod server;
#[cfg(test)]
mod testkit;
pub mod upstream;

use std::sync::{Arc, LazyLock};

use rustls::crypto::{CryptoProvider, aws_lc_rs};

pub use authority::{Authority, AuthorityError};
pub use constraints::Constraints;
pub use defect::Defect;
pub use server::ServerSide;
pub use upstream::{UpstreamError, UpstreamTls};

/// The one cryptography provider of the program. It is passed to every configuration by hand, so that no
/// dependency can install another one as the default of the process.
pub fn provider() -> Arc<CryptoProvider> {
    // aws-lc-rs with TLS 1.3 and the ECDHE suites of TLS 1.2; X25519MLKEM768 comes first among the groups.
    static PROVIDER: LazyLock<Arc<CryptoProvider>> =
        LazyLock::new(|| Arc::new(aws_lc_rs::default_provider()));
    Arc::clone(&PROVIDER)
}

/// An application protocol that this program terminates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Alpn {
    /// `http/1.1`
    Http1,
    /// `h2`
    H2,
}

impl Alpn {
    /// The identifier on the wire (RFC 7301, RFC 9113).
    pub fn as_bytes(self) -> &'static [u8] {
        match self {
            Self::Http1 => b"http/1.1",
            Self::H2 => b"h2",
        }
    }

    /// The protocol with this identifier.
    pub fn from_bytes(identifier: &[u8]) -> Option<Self> {
        match identifier {
            b"http/1.1" => Some(Self::Http1),
            b"h2" => Some(Self::H2),
            _ => None,
        }
    }
}

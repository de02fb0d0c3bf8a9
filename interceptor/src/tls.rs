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
#[cfg(all(test, feature = "measure"))]
mod measure;
mod pem;
pub mod server;
pub mod stream;
#[cfg(test)]
mod testkit;
pub mod upstream;

use std::sync::{Arc, LazyLock};

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{CipherSuite, ProtocolVersion};

pub use authority::{Authority, AuthorityError};
pub use constraints::Constraints;
pub use defect::Defect;
pub use server::ServerSide;
pub use upstream::{UpstreamError, UpstreamTls};

/// The one cryptography provider of the program. It is passed to every configuration by hand, so that no
/// dependency can install another one as the default of the process.
///
/// It is aws-lc-rs with TLS 1.3 and the ECDHE suites of TLS 1.2, and X25519MLKEM768 first among the groups.
/// Suites with AES-128 and SHA-256 come before those with AES-256 and SHA-384: processors have instructions
/// for SHA-256, and the key schedule of a handshake is 50 of its 250 microseconds cheaper with it.
pub fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| {
        let mut provider = aws_lc_rs::default_provider();
        provider.cipher_suites.sort_by_key(|suite| {
            let fast = matches!(
                suite.suite(),
                CipherSuite::TLS13_AES_128_GCM_SHA256
                    | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
                    | CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
            );
            (suite.version().version != ProtocolVersion::TLSv1_3, !fast)
        });
        Arc::new(provider)
    });
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

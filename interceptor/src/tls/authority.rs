//! The certificate authority of this node or cluster: an intermediate and its key, read from a directory.
//! This is the only owner of the key. It signs what [`super::server`] asks for and nothing else, is wiped on
//! drop and cannot be printed. Does not know names that applications asked for, connections or caches.

mod files;
pub mod issue;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use aws_lc_rs::digest::Digest;
use rcgen::{CertificateParams, Issuer, PublicKeyData, SigningKey};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use time::OffsetDateTime;

use super::constraints::Constraints;
use super::key::SecretKey;
use super::{leaf, provider};
use crate::hello::Host;
use files::Files;
pub(crate) use files::certificates;

/// The intermediate certificate and what issued it, without the root. The layout of a Kubernetes Secret of
/// type `kubernetes.io/tls` as cert-manager writes it.
pub const CERTIFICATE_FILE: &str = "tls.crt";
/// The private key of the intermediate.
pub const KEY_FILE: &str = "tls.key";
/// The root, which applications trust.
pub const ROOT_FILE: &str = "ca.crt";

/// The authority's files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A file is not there.
    #[error("{} does not exist; make an authority with `interceptor ca init --directory {}`", path.display(), directory(path))]
    Missing {
        /// Which file.
        path: PathBuf,
    },
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        io: io::Error,
    },
    /// A file has no certificate in PEM, or a damaged one.
    #[error("{} holds no certificate in PEM", path.display())]
    NoCertificate {
        /// Which file.
        path: PathBuf,
    },
    /// A file has no private key of a kind that is supported.
    #[error("{} holds no ECDSA P-256, P-384 or RSA private key in PEM", path.display())]
    NoKey {
        /// Which file.
        path: PathBuf,
    },
    /// Key and certificate are of different pairs.
    #[error("{KEY_FILE} and {CERTIFICATE_FILE} in {} do not belong together; issue the intermediate anew", directory.display())]
    Mismatch {
        /// Where.
        directory: PathBuf,
    },
    /// The certificate may not sign others.
    #[error("{} is not a certificate authority", path.display())]
    NotAnAuthority {
        /// Which file.
        path: PathBuf,
    },
    /// The intermediate is too old.
    #[error("{} expired on {not_after}; make a new one with `interceptor ca issue`", path.display())]
    Expired {
        /// Which file.
        path: PathBuf,
        /// When.
        not_after: OffsetDateTime,
    },
    /// The intermediate is for later, or the clock is wrong.
    #[error("{} is not valid before {not_before}; is the clock right?", path.display())]
    NotYetValid {
        /// Which file.
        path: PathBuf,
        /// From when on.
        not_before: OffsetDateTime,
    },
    /// A certificate that this authority signs is refused by a verifier that trusts `ca.crt`.
    #[error("a certificate signed by the authority in {} is refused by clients that trust its {ROOT_FILE}", directory.display())]
    Refused {
        /// Where.
        directory: PathBuf,
        /// What the verifier says.
        #[source]
        why: rustls::Error,
    },
    /// The cryptography library failed.
    #[error("the authority in {} cannot sign", directory.display())]
    Sign {
        /// Where.
        directory: PathBuf,
        /// Why.
        #[source]
        why: leaf::MintError,
    },
}

fn directory(path: &Path) -> std::path::Display<'_> {
    path.parent().unwrap_or(path).display()
}

/// A usable authority. It has no `Debug`, because it holds the key.
pub struct Authority {
    /// Intermediates over the one key. `tls.crt` may hold several, each for some of the domains, so that the
    /// constraints of all providers need not be sent to everybody.
    heads: Vec<Head>,
    /// What issued them, as far as it is not a root.
    above: Vec<CertificateDer<'static>>,
    roots: Vec<CertificateDer<'static>>,
    constraints: Constraints,
    not_before: OffsetDateTime,
    not_after: OffsetDateTime,
    /// Of the files' contents, to find out whether they have changed.
    digest: Digest,
}

/// One intermediate.
struct Head {
    issuer: Issuer<'static, Shared>,
    constraints: Constraints,
    /// What is sent after a leaf that it signed. A root that signs leafs itself is not sent.
    chain: Vec<CertificateDer<'static>>,
}

/// The one key, under several names. Dropping the last owner wipes it.
struct Shared(Arc<SecretKey>);

impl PublicKeyData for Shared {
    fn der_bytes(&self) -> &[u8] {
        self.0.der_bytes()
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        self.0.algorithm()
    }
}

impl SigningKey for Shared {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.0.sign(message)
    }
}

impl Authority {
    /// Reads `tls.crt`, `tls.key` and `ca.crt` from `directory` and proves that a leaf made with them is
    /// accepted by a client that trusts `ca.crt`.
    pub fn load(directory: &Path) -> Result<Self, AuthorityError> {
        Files::read(directory)?.load(OffsetDateTime::now_utc())
    }

    #[cfg(test)]
    fn load_at(directory: &Path, now: OffsetDateTime) -> Result<Self, AuthorityError> {
        Files::read(directory)?.load(now)
    }

    /// Verifies a leaf of each intermediate the way a client does. This finds wrong roots, path lengths and
    /// damaged constraints when the daemon starts, instead of in every application.
    fn prove(&self, directory: &Path, now: OffsetDateTime) -> Result<(), AuthorityError> {
        let refused = |why| AuthorityError::Refused { directory: directory.into(), why };
        let sign = |why| AuthorityError::Sign { directory: directory.into(), why };
        let general = |text: String| refused(rustls::Error::General(text));
        let mut roots = RootCertStore::empty();
        for root in &self.roots {
            roots.add(root.clone()).map_err(refused)?;
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
            .build()
            .map_err(|error| general(error.to_string()))?;
        let key = SecretKey::generate()
            .map_err(|_| sign(leaf::MintError::Sign(rcgen::Error::KeyGenerationUnavailable)))?;
        let seconds = u64::try_from(now.unix_timestamp()).unwrap_or(0);
        let at = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        for head in &self.heads {
            let Some(host) = head.probe() else { continue };
            let leaf = leaf::good(self, &key, &host, now).map_err(sign)?;
            let name = ServerName::try_from(host.as_str()).map_err(|error| general(error.to_string()))?;
            let (end_entity, chain) = leaf.chain.split_first().expect("a minted chain begins with its leaf");
            verifier.verify_server_cert(end_entity, chain, &name, &[], at).map_err(refused)?;
        }
        Ok(())
    }

    /// What it may speak for.
    pub fn constraints(&self) -> &Constraints {
        &self.constraints
    }

    /// The beginning of the intermediate's validity.
    pub fn not_before(&self) -> OffsetDateTime {
        self.not_before
    }

    /// The end of the intermediate's validity. No leaf outlives it.
    pub fn not_after(&self) -> OffsetDateTime {
        self.not_after
    }

    /// The roots that applications have to trust.
    pub fn roots(&self) -> &[CertificateDer<'static>] {
        &self.roots
    }

    /// Every certificate of the authority: roots, intermediates and what lies between them. None of them may
    /// vouch for an upstream, wherever else it is trusted.
    pub fn certificates(&self) -> Vec<CertificateDer<'static>> {
        let intermediates = self.heads.iter().flat_map(|head| &head.chain);
        self.roots.iter().chain(intermediates).chain(&self.above).cloned().collect()
    }

    /// Whether a certificate signed for `host` may also name `other`.
    pub(super) fn permits_beside(&self, host: &Host, other: &Host) -> bool {
        self.head(host).constraints.permit(other)
    }

    fn head(&self, host: &Host) -> &Head {
        // Where none may, any will do: clients refuse it as they should.
        self.heads.iter().find(|head| head.constraints.permit(host)).unwrap_or(&self.heads[0])
    }

    /// Signs in the name of the intermediate that may speak for `host`, and returns the certificate with what
    /// is to be sent after it. The only use of the key.
    pub(super) fn sign(
        &self,
        host: &Host,
        params: &CertificateParams,
        subject: &impl PublicKeyData,
    ) -> Result<Vec<CertificateDer<'static>>, rcgen::Error> {
        let head = self.head(host);
        let leaf = params.signed_by(subject, &head.issuer)?.into();
        Ok(std::iter::once(leaf).chain(head.chain.iter().chain(&self.above).cloned()).collect())
    }
}

impl Head {
    /// A name for which it may speak.
    fn probe(&self) -> Option<Host> {
        let name = match &self.constraints {
            Constraints::None => "probe.invalid".to_owned(),
            Constraints::Domains(domains) => format!("probe.{}", domains.iter().next()?),
        };
        Host::parse(&name).ok()
    }
}

/// The current authority, exchanged when the files change.
pub struct LiveAuthority {
    directory: PathBuf,
    current: ArcSwap<Authority>,
}

impl LiveAuthority {
    /// Loads the authority for the first time.
    pub fn load(directory: impl Into<PathBuf>) -> Result<Self, AuthorityError> {
        let directory = directory.into();
        let current = ArcSwap::from_pointee(Authority::load(&directory)?);
        Ok(Self { directory, current })
    }

    /// Where the files are.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The authority in use.
    pub fn current(&self) -> Arc<Authority> {
        self.current.load_full()
    }

    /// The authority that the files hold now, if it is another than the one in use.
    ///
    /// # Errors
    /// The files cannot be used. The authority in use stays in use.
    pub fn changed(&self) -> Result<Option<Authority>, AuthorityError> {
        let files = Files::read(&self.directory)?;
        if self.current.load().digest.as_ref() == files.digest().as_ref() {
            return Ok(None);
        }
        files.load(OffsetDateTime::now_utc()).map(Some)
    }

    /// Uses another authority from now on.
    pub fn replace(&self, next: Authority) {
        self.current.store(Arc::new(next));
    }
}

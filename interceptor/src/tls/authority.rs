//! The certificate authority of this node or cluster: an intermediate and its key, read from a directory.
//! This is the only owner of the key. It signs what [`super::server`] asks for and nothing else, is wiped on
//! drop and cannot be printed. Does not know names that applications asked for, connections or caches.

pub mod issue;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rcgen::{CertificateParams, Issuer, PublicKeyData};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, X509Certificate};
use zeroize::Zeroizing;

use super::constraints::Constraints;
use super::key::SecretKey;
use super::{leaf, provider};
use crate::hello::Host;

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
    issuer: Issuer<'static, SecretKey>,
    chain: Vec<CertificateDer<'static>>,
    roots: Vec<CertificateDer<'static>>,
    constraints: Constraints,
    not_before: OffsetDateTime,
    not_after: OffsetDateTime,
}

impl Authority {
    /// Reads `tls.crt`, `tls.key` and `ca.crt` from `directory` and proves that a leaf made with them is
    /// accepted by a client that trusts `ca.crt`.
    pub fn load(directory: &Path) -> Result<Self, AuthorityError> {
        Self::load_at(directory, OffsetDateTime::now_utc())
    }

    fn load_at(directory: &Path, now: OffsetDateTime) -> Result<Self, AuthorityError> {
        let path = directory.join(CERTIFICATE_FILE);
        let chain = certificates(&path)?;
        let roots = certificates(&directory.join(ROOT_FILE))?;
        let key = key(&directory.join(KEY_FILE))?;
        let authority = Self::assemble(directory, path, chain, roots, key, now)?;
        authority.prove(directory, now)?;
        Ok(authority)
    }

    fn assemble(
        directory: &Path,
        path: PathBuf,
        chain: Vec<CertificateDer<'static>>,
        roots: Vec<CertificateDer<'static>>,
        key: SecretKey,
        now: OffsetDateTime,
    ) -> Result<Self, AuthorityError> {
        let Some(Ok((_, certificate))) = chain.first().map(|first| X509Certificate::from_der(first)) else {
            return Err(AuthorityError::NoCertificate { path });
        };
        if certificate.public_key().raw != key.subject_public_key_info() {
            return Err(AuthorityError::Mismatch { directory: directory.into() });
        }
        if !certificate.is_ca() {
            return Err(AuthorityError::NotAnAuthority { path });
        }
        let validity = certificate.validity();
        let (not_before, not_after) = (validity.not_before.to_datetime(), validity.not_after.to_datetime());
        if now < not_before {
            return Err(AuthorityError::NotYetValid { path, not_before });
        }
        if now >= not_after {
            return Err(AuthorityError::Expired { path, not_after });
        }
        let constraints = Constraints::of(&certificate);
        let issuer =
            Issuer::from_ca_cert_der(&chain[0], key).map_err(|_| AuthorityError::NotAnAuthority { path })?;
        // A root that signs leafs itself is what clients trust: sending it would only cost bytes.
        let chain = chain.into_iter().filter(|one| !roots.contains(one)).collect();
        Ok(Self { issuer, chain, roots, constraints, not_before, not_after })
    }

    /// Verifies a leaf the way a client does. This finds wrong roots, path lengths and damaged constraints
    /// when the daemon starts, instead of in every application.
    fn prove(&self, directory: &Path, now: OffsetDateTime) -> Result<(), AuthorityError> {
        let refused = |why| AuthorityError::Refused { directory: directory.into(), why };
        let sign = |why| AuthorityError::Sign { directory: directory.into(), why };
        let probe = match &self.constraints {
            Constraints::None => "probe.invalid".to_owned(),
            Constraints::Domains(domains) => format!("probe.{}", domains.iter().next().unwrap_or("invalid")),
        };
        let Ok(host) = Host::parse(&probe) else { return Ok(()) };
        let key = SecretKey::generate()
            .map_err(|_| sign(leaf::MintError::Sign(rcgen::Error::KeyGenerationUnavailable)))?;
        let leaf = leaf::good(self, &key, &host, now).map_err(sign)?;
        let mut roots = RootCertStore::empty();
        for root in &self.roots {
            roots.add(root.clone()).map_err(refused)?;
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
            .build()
            .map_err(|error| refused(rustls::Error::General(error.to_string())))?;
        let name = ServerName::try_from(host.as_str())
            .map_err(|error| refused(rustls::Error::General(error.to_string())))?;
        let seconds = u64::try_from(now.unix_timestamp()).unwrap_or(0);
        let at = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        let (end_entity, intermediates) =
            leaf.chain.split_first().expect("a minted chain begins with its leaf");
        verifier.verify_server_cert(end_entity, intermediates, &name, &[], at).map_err(refused)?;
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

    /// What is sent after the leaf, in order.
    pub(super) fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// Signs. The only use of the key.
    pub(super) fn sign(
        &self,
        params: &CertificateParams,
        subject: &impl PublicKeyData,
    ) -> Result<CertificateDer<'static>, rcgen::Error> {
        params.signed_by(subject, &self.issuer).map(Into::into)
    }
}

/// The current authority, exchanged when the files change.
pub struct LiveAuthority {
    directory: PathBuf,
    current: ArcSwap<Authority>,
}

/// What a reload found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reloaded {
    /// The files hold what is in use.
    Unchanged,
    /// A new intermediate is in use.
    Replaced,
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

    /// Reads the files again. On an error the authority in use stays in use.
    pub fn reload(&self) -> Result<Reloaded, AuthorityError> {
        let new = Authority::load(&self.directory)?;
        let old = self.current.load();
        if new.chain == old.chain && new.roots == old.roots && new.not_after == old.not_after {
            return Ok(Reloaded::Unchanged);
        }
        self.current.store(Arc::new(new));
        Ok(Reloaded::Replaced)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, AuthorityError> {
    std::fs::read(path).map_err(|io| match io.kind() {
        io::ErrorKind::NotFound => AuthorityError::Missing { path: path.into() },
        _ => AuthorityError::Read { path: path.into(), io },
    })
}

/// All certificates of a PEM file; one at least.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, AuthorityError> {
    let text = read(path)?;
    match CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>() {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(AuthorityError::NoCertificate { path: path.into() }),
    }
}

pub(super) fn key(path: &Path) -> Result<SecretKey, AuthorityError> {
    let text = Zeroizing::new(read(path)?);
    SecretKey::from_pem(&text).map_err(|_| AuthorityError::NoKey { path: path.into() })
}

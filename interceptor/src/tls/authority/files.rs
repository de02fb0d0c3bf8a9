//! Reads the three files of an authority and puts them together.
//! Knows PEM and which certificates belong to which key. Does not know leafs.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest::{self, Digest};
use rcgen::{Issuer, PublicKeyData};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, X509Certificate};
use zeroize::Zeroizing;

use super::{Authority, AuthorityError, CERTIFICATE_FILE, Head, KEY_FILE, ROOT_FILE, Shared};
use crate::tls::constraints::{Constraints, Domains};
use crate::tls::key::SecretKey;

/// The contents of an authority's directory, as they were at one moment.
pub(super) struct Files {
    directory: PathBuf,
    chain: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
    roots: Vec<u8>,
}

impl Files {
    pub(super) fn read(directory: &Path) -> Result<Self, AuthorityError> {
        Ok(Self {
            directory: directory.into(),
            chain: read(&directory.join(CERTIFICATE_FILE))?,
            key: Zeroizing::new(read(&directory.join(KEY_FILE))?),
            roots: read(&directory.join(ROOT_FILE))?,
        })
    }

    pub(super) fn digest(&self) -> Digest {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in [self.chain.as_slice(), self.key.as_slice(), self.roots.as_slice()] {
            context.update(&part.len().to_be_bytes());
            context.update(part);
        }
        context.finish()
    }

    /// The authority, after a proof that clients accept what it signs.
    pub(super) fn load(&self, now: OffsetDateTime) -> Result<Authority, AuthorityError> {
        let path = self.directory.join(CERTIFICATE_FILE);
        let roots = parse(&self.roots, &self.directory.join(ROOT_FILE))?;
        let key = secret(&self.key, &self.directory.join(KEY_FILE))?;
        let shared = Arc::new(key);
        let (mut heads, mut above) = (Vec::new(), Vec::new());
        let (mut start, mut end) = (OffsetDateTime::UNIX_EPOCH, None);
        for der in parse(&self.chain, &path)? {
            let Ok((_, parsed)) = X509Certificate::from_der(&der) else {
                return Err(AuthorityError::NoCertificate { path });
            };
            if parsed.public_key().raw == shared.subject_public_key_info() {
                let (not_before, not_after) = valid(&parsed, &path, now)?;
                start = start.max(not_before);
                end = Some(end.unwrap_or(not_after).min(not_after));
                heads.push(head(&parsed, &der, &shared, &roots, &path)?);
            } else if heads.is_empty() {
                return Err(AuthorityError::Mismatch { directory: self.directory.clone() });
            } else if !roots.contains(&der) {
                above.push(der);
            }
        }
        let Some(not_after) = end else { return Err(AuthorityError::NoCertificate { path }) };
        let constraints = together(&heads);
        let digest = self.digest();
        let authority = Authority { heads, above, roots, constraints, not_before: start, not_after, digest };
        authority.prove(&self.directory, now)?;
        Ok(authority)
    }
}

fn valid(
    certificate: &X509Certificate<'_>,
    path: &Path,
    now: OffsetDateTime,
) -> Result<(OffsetDateTime, OffsetDateTime), AuthorityError> {
    if !certificate.is_ca() {
        return Err(AuthorityError::NotAnAuthority { path: path.into() });
    }
    let validity = certificate.validity();
    let (not_before, not_after) = (validity.not_before.to_datetime(), validity.not_after.to_datetime());
    if now < not_before {
        return Err(AuthorityError::NotYetValid { path: path.into(), not_before });
    }
    if now >= not_after {
        return Err(AuthorityError::Expired { path: path.into(), not_after });
    }
    Ok((not_before, not_after))
}

fn head(
    certificate: &X509Certificate<'_>,
    der: &CertificateDer<'static>,
    key: &Arc<SecretKey>,
    roots: &[CertificateDer<'static>],
    path: &Path,
) -> Result<Head, AuthorityError> {
    let issuer = Issuer::from_ca_cert_der(der, Shared(Arc::clone(key)))
        .map_err(|_| AuthorityError::NotAnAuthority { path: path.into() })?;
    let chain = if roots.contains(der) { Vec::new() } else { vec![der.clone()] };
    Ok(Head { issuer, constraints: Constraints::of(certificate), chain })
}

/// What several intermediates over one key may speak for together.
fn together(heads: &[Head]) -> Constraints {
    let mut all = Domains::default();
    for head in heads {
        match &head.constraints {
            Constraints::None => return Constraints::None,
            Constraints::Domains(domains) => all.extend(domains),
        }
    }
    Constraints::Domains(all)
}

fn read(path: &Path) -> Result<Vec<u8>, AuthorityError> {
    std::fs::read(path).map_err(|io| match io.kind() {
        io::ErrorKind::NotFound => AuthorityError::Missing { path: path.into() },
        _ => AuthorityError::Read { path: path.into(), io },
    })
}

fn parse(text: &[u8], path: &Path) -> Result<Vec<CertificateDer<'static>>, AuthorityError> {
    match CertificateDer::pem_slice_iter(text).collect::<Result<Vec<_>, _>>() {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(AuthorityError::NoCertificate { path: path.into() }),
    }
}

fn secret(text: &[u8], path: &Path) -> Result<SecretKey, AuthorityError> {
    SecretKey::from_pem(text).map_err(|_| AuthorityError::NoKey { path: path.into() })
}

/// All certificates of a PEM file; one at least.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, AuthorityError> {
    parse(&read(path)?, path)
}

pub(super) fn key(path: &Path) -> Result<SecretKey, AuthorityError> {
    secret(&Zeroizing::new(read(path)?), path)
}

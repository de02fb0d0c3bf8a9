//! Full CA bundles: what the system trusts, and our root. Most programs that take a bundle from an
//! environment variable replace their own by it, so that ours alone would break every other call.
//! Knows where distributions keep their bundle. Does not know containers or environment variables.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::pem;

/// Where distributions keep the bundle, the most common first.
pub const SYSTEM_BUNDLES: [&str; 6] = [
    // Debian, Ubuntu, Alpine, Arch, Gentoo, distroless.
    "/etc/ssl/certs/ca-certificates.crt",
    // RHEL, Fedora, Amazon Linux.
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    // openSUSE and SLES.
    "/etc/ssl/ca-bundle.pem",
    "/var/lib/ca-certificates/ca-bundle.pem",
    // Alpine without ca-certificates, and the BSDs.
    "/etc/ssl/cert.pem",
];

/// No bundle can be made.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The system has no bundle at any known place.
    #[error("no CA bundle of the system under {}; install ca-certificates, or name one with --system-bundle", root.display())]
    NotFound {
        /// The root directory that was searched.
        root: PathBuf,
    },
    /// The bundle cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        io: io::Error,
    },
    /// The file holds no certificates.
    #[error("{} holds no certificate in PEM, or a damaged one", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
    },
}

/// A bundle in PEM, and what it is made of.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// The certificates, one after the other.
    pub text: String,
    /// The file whose certificates come first.
    pub system: PathBuf,
    /// How many certificates came from there.
    pub from_system: usize,
    /// How many of ours were added; those already in the system's bundle are not repeated.
    pub added: usize,
}

/// The bundle of the system whose root directory is `root`, `/` for this machine.
pub fn find_system(root: &Path) -> Result<PathBuf, BundleError> {
    SYSTEM_BUNDLES
        .iter()
        .map(|path| root.join(path.trim_start_matches('/')))
        .find(|path| path.metadata().is_ok_and(|file| file.is_file() && file.len() > 0))
        .ok_or_else(|| BundleError::NotFound { root: root.into() })
}

/// The certificates of the file `system`, then `ours`.
pub fn full(system: &Path, ours: &[CertificateDer<'_>]) -> Result<Bundle, BundleError> {
    let text = std::fs::read(system).map_err(|io| BundleError::Read { path: system.into(), io })?;
    let damaged = || BundleError::Damaged { path: system.into() };
    let theirs: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(&text).collect::<Result<_, _>>().map_err(|_| damaged())?;
    if theirs.is_empty() {
        return Err(damaged());
    }
    let mut known = HashSet::new();
    let mut bundle = Bundle { text: String::new(), system: system.into(), from_system: 0, added: 0 };
    for certificate in &theirs {
        if known.insert(certificate.as_ref()) {
            bundle.text.push_str(&pem::encode("CERTIFICATE", certificate));
            bundle.from_system += 1;
        }
    }
    for certificate in ours {
        if known.insert(certificate.as_ref()) {
            bundle.text.push_str(&pem::encode("CERTIFICATE", certificate));
            bundle.added += 1;
        }
    }
    Ok(bundle)
}

/// Only our certificates, in PEM.
pub fn only(ours: &[CertificateDer<'_>]) -> String {
    ours.iter().map(|certificate| pem::encode("CERTIFICATE", certificate).to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::testkit::{Ca, Origin};

    #[test]
    fn a_bundle_has_what_the_system_trusts_and_ours_once() {
        let (ca, origin) = (Ca::new(), Origin::new());
        let ours = ca.live.current();
        let root = tempfile::tempdir().unwrap();
        assert!(matches!(find_system(root.path()), Err(BundleError::NotFound { .. })));

        let place = root.path().join("etc/pki/tls/certs");
        std::fs::create_dir_all(&place).unwrap();
        let theirs = only(std::slice::from_ref(&origin.root));
        let text = format!("# Comment\n{theirs}{theirs}");
        std::fs::write(place.join("ca-bundle.crt"), text).unwrap();
        let system = find_system(root.path()).unwrap();
        let first = full(&system, ours.roots()).unwrap();
        assert_eq!((first.from_system, first.added), (1, 1));

        std::fs::write(&system, &first.text).unwrap();
        let again = full(&system, ours.roots()).unwrap();
        assert_eq!((again.from_system, again.added, &again.text), (2, 0, &first.text));
    }

    #[test]
    fn a_bundle_without_certificates_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(matches!(full(file.path(), &[]), Err(BundleError::Damaged { .. })));
    }
}

//! Verifies upstream certificates and says precisely what is wrong with them.
//! Knows the webpki verifier, which decides; this file only bounds its work and names its verdict.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::VerifierBuilderError;
use rustls::{CertificateError, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};

use crate::tls::defect::Defect;
use crate::tls::provider;

/// Public chains have one or two intermediates, cross-signed ones three or four.
const MAX_INTERMEDIATES: usize = 6;
/// How many of them may have one subject, as cross-signed ones do. Every one of them is tried at every place
/// where that subject is due, so that six of a kind make a hundred signature checks, on the worker.
const MAX_SAME_SUBJECT: usize = 2;
/// All certificates of the chain together, in bytes. A chain of RSA-4096 certificates with 100 names each
/// stays below it.
const MAX_CHAIN: usize = 48 * 1024;

/// The one verifier of the process: rustls resumes a session only under the verifier that saw it begin. So whom it
/// trusts is exchanged within it.
#[derive(Debug)]
pub(super) struct Verifier {
    trusted: ArcSwap<Trusted>,
}

#[derive(Debug)]
struct Trusted {
    roots: Arc<RootCertStore>,
    webpki: Arc<WebPkiServerVerifier>,
}

impl Trusted {
    fn new(roots: RootCertStore) -> Result<Self, VerifierBuilderError> {
        let roots = Arc::new(roots);
        let webpki = WebPkiServerVerifier::builder_with_provider(Arc::clone(&roots), provider()).build()?;
        Ok(Self { roots, webpki })
    }
}

/// The verifier's verdict, carried through rustls' error and back out of it.
#[derive(Debug)]
pub(super) struct Rejected(Defect);

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the certificate is {}", self.0)
    }
}

impl std::error::Error for Rejected {}

impl Rejected {
    fn error(defect: Defect) -> rustls::Error {
        rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(Self(defect)))))
    }

    /// The defect, if `error` is about a certificate.
    pub(super) fn in_error(error: &rustls::Error) -> Option<Defect> {
        match error {
            rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(inner))) => {
                let known = inner.downcast_ref::<Self>().map(|rejected| rejected.0.clone());
                Some(known.unwrap_or(Defect::Other("other")))
            }
            // The signature over the handshake, which rustls reports as it is.
            rustls::Error::InvalidCertificate(CertificateError::BadSignature) => Some(Defect::BadSignature),
            rustls::Error::InvalidCertificate(_) => Some(Defect::Other("other")),
            rustls::Error::NoCertificatesPresented => Some(Defect::Other("no_certificate")),
            _ => None,
        }
    }
}

impl Verifier {
    pub(super) fn new(roots: RootCertStore) -> Result<Self, VerifierBuilderError> {
        Ok(Self { trusted: ArcSwap::from_pointee(Trusted::new(roots)?) })
    }

    /// Who is trusted.
    pub(super) fn roots(&self) -> Arc<RootCertStore> {
        Arc::clone(&self.trusted.load().roots)
    }

    /// Trusts these from now on, and nobody else.
    pub(super) fn trust(&self, roots: RootCertStore) -> Result<(), VerifierBuilderError> {
        self.trusted.store(Arc::new(Trusted::new(roots)?));
        Ok(())
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let bytes: usize = end_entity.len() + intermediates.iter().map(|one| one.len()).sum::<usize>();
        if intermediates.len() > MAX_INTERMEDIATES || bytes > MAX_CHAIN {
            return Err(Rejected::error(Defect::Other("chain_too_long")));
        }
        if intermediates.len() > MAX_SAME_SUBJECT && is_maze(intermediates) {
            return Err(Rejected::error(Defect::Other("chain_too_complex")));
        }
        let webpki = &self.trusted.load().webpki;
        match webpki.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Ok(verified) => Ok(verified),
            Err(rustls::Error::InvalidCertificate(why)) => Err(Rejected::error(Defect::of(&why, end_entity))),
            Err(_) => Err(Rejected::error(Defect::Other("other"))),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.trusted.load().webpki.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.trusted.load().webpki.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.trusted.load().webpki.supported_verify_schemes()
    }
}

/// Whether too many certificates have the same subject.
fn is_maze(intermediates: &[CertificateDer<'_>]) -> bool {
    // What cannot be parsed takes no part in path building either.
    let subjects: Vec<_> = intermediates
        .iter()
        .filter_map(|der| webpki::anchor_from_trusted_cert(der).ok().map(|anchor| anchor.subject))
        .collect();
    subjects.iter().any(|one| subjects.iter().filter(|other| *other == one).count() > MAX_SAME_SUBJECT)
}

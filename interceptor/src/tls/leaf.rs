//! Makes the certificates that applications see: good ones, and ones with the defect of the upstream's.
//! Knows what goes into a leaf. Does not know connections or caches.

use aws_lc_rs::rand;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyUsagePurpose,
    SanType, SerialNumber,
};
use rustls::pki_types::CertificateDer;
use time::{Duration, OffsetDateTime};

use super::authority::Authority;
use super::defect::Defect;
use super::key::SecretKey;
use crate::hello::Host;

/// The longest validity of a leaf, the time before now included.
const LIFETIME: Duration = Duration::hours(24);
/// Leafs begin in the past, for applications whose clock is slow.
const BACKDATE: Duration = Duration::minutes(10);
/// The longest common name that X.509 allows (RFC 5280 appendix A.1).
const MAX_COMMON_NAME: usize = 64;

/// A leaf could not be made.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// The authority may not speak for this name, and applications would refuse what it says.
    #[error("{host} is outside the name constraints of the authority; issue it anew with --permit {host}")]
    NotPermitted {
        /// The name asked for.
        host: Host,
    },
    /// The authority is past its own validity.
    #[error("the intermediate certificate expired on {not_after}; run `interceptor ca issue`")]
    AuthorityExpired {
        /// When.
        not_after: OffsetDateTime,
    },
    /// The cryptography library failed, which only lack of memory or entropy explains.
    #[error("the certificate could not be signed")]
    Sign(#[source] rcgen::Error),
}

/// A new leaf for `host` with the certificates to send after it.
pub(super) fn good(
    authority: &Authority,
    key: &SecretKey,
    host: &Host,
    now: OffsetDateTime,
) -> Result<Leaf, MintError> {
    if !authority.constraints().permit(host) {
        return Err(MintError::NotPermitted { host: host.clone() });
    }
    if now >= authority.not_after() {
        return Err(MintError::AuthorityExpired { not_after: authority.not_after() });
    }
    let not_before = (now - BACKDATE).max(authority.not_before());
    let not_after = (now - BACKDATE + LIFETIME).min(authority.not_after());
    let params = params(std::slice::from_ref(host), not_before, not_after)?;
    let chain = authority.sign(host, &params, key).map_err(MintError::Sign)?;
    Ok(Leaf { chain, not_after })
}

/// A leaf for `host` that fails verification in the same way as the upstream's did.
///
/// What cannot be shown as such (a revocation, an odd encoding) is shown as an unknown issuer, because the
/// application has to refuse it.
pub(super) fn defective(
    authority: &Authority,
    key: &SecretKey,
    host: &Host,
    defect: &Defect,
    now: OffsetDateTime,
) -> Result<Leaf, MintError> {
    let trusted = |params: &CertificateParams| {
        let chain = authority.sign(host, params, key).map_err(MintError::Sign)?;
        Ok(Leaf { chain, not_after: params.not_after })
    };
    let own = std::slice::from_ref(host);
    let (start, end) = (now - BACKDATE, now + Duration::hours(1));
    match defect {
        Defect::SelfSigned => self_signed(&params(own, start, end)?, key),
        Defect::UnknownIssuer | Defect::Revoked | Defect::Other(_) => {
            untrusted(&params(own, start, end)?, key)
        }
        // Outside the constraints every leaf fails, and with another error than the upstream's; an unknown
        // issuer is at least not a false statement about this program's own authority.
        _ if !authority.constraints().permit(host) => untrusted(&params(own, start, end)?, key),
        Defect::Expired { not_after } => trusted(&params(own, *not_after - LIFETIME, *not_after)?),
        Defect::NotYetValid { not_before } => trusted(&params(own, *not_before, later(*not_before))?),
        Defect::WrongName { presented } => {
            trusted(&params(&other_names(authority, host, presented), start, end)?)
        }
        Defect::WrongPurpose => {
            let mut params = params(own, start, end)?;
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            trusted(&params)
        }
        Defect::BadSignature => {
            let mut leaf = trusted(&params(own, start, end)?)?;
            leaf.chain[0] = break_signature(&leaf.chain[0]);
            Ok(leaf)
        }
    }
}

/// A certificate chain as it is sent, and how long it is good for.
pub(super) struct Leaf {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) not_after: OffsetDateTime,
}

fn params(
    names: &[Host],
    start: OffsetDateTime,
    end: OffsetDateTime,
) -> Result<CertificateParams, MintError> {
    let mut params = CertificateParams::default();
    params.not_before = start;
    params.not_after = end;
    params.serial_number = Some(serial()?);
    params.distinguished_name = DistinguishedName::new();
    if let Some(first) = names.first().filter(|name| name.as_str().len() <= MAX_COMMON_NAME) {
        params.distinguished_name.push(DnType::CommonName, first.as_str());
    }
    params.subject_alt_names = names
        .iter()
        .map(|name| name.as_str().try_into().map(SanType::DnsName))
        .collect::<Result<_, _>>()
        .map_err(MintError::Sign)?;
    params.is_ca = IsCa::NoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

/// Random, because all leafs share one key and some verifiers refuse a serial number they know.
pub(super) fn serial() -> Result<SerialNumber, MintError> {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).map_err(|_| MintError::Sign(rcgen::Error::RingUnspecified))?;
    // RFC 5280 section 4.1.2.2 wants a positive number; a fixed second bit keeps the length constant.
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

fn self_signed(params: &CertificateParams, key: &SecretKey) -> Result<Leaf, MintError> {
    let certificate = params.self_signed(key).map_err(MintError::Sign)?;
    Ok(Leaf { chain: vec![certificate.der().clone()], not_after: params.not_after })
}

/// Signs with a key that is thrown away, in the name of an authority that does not exist.
fn untrusted(params: &CertificateParams, key: &SecretKey) -> Result<Leaf, MintError> {
    let stranger = SecretKey::generate().map_err(|_| MintError::Sign(rcgen::Error::RingUnspecified))?;
    let mut issuer = CertificateParams::default();
    issuer.distinguished_name = DistinguishedName::new();
    issuer.distinguished_name.push(DnType::CommonName, "Upstream issuer is not trusted");
    let issuer = Issuer::new(issuer, stranger);
    let certificate = params.signed_by(key, &issuer).map_err(MintError::Sign)?;
    Ok(Leaf { chain: vec![certificate.der().clone()], not_after: params.not_after })
}

/// The names that the upstream presented, as far as the authority may say them; otherwise a placeholder.
fn other_names(authority: &Authority, host: &Host, presented: &[Host]) -> Vec<Host> {
    let names: Vec<Host> = presented
        .iter()
        .filter(|name| *name != host && authority.permits_beside(host, name))
        .cloned()
        .collect();
    if names.is_empty() { vec![placeholder(host)] } else { names }
}

/// A name below `host`, which the constraints permit if they permit `host`, and which no verifier takes
/// for `host`.
fn placeholder(host: &Host) -> Host {
    let below = format!("certificate-is-for-another-name.{host}");
    Host::parse(&below).unwrap_or_else(|_| {
        // Only a name of more than 200 bytes has no room; its parent domain is as good a stranger.
        let parent = host.as_str().split_once('.').map_or(host.as_str(), |(_, parent)| parent);
        Host::parse(parent).unwrap_or_else(|_| host.clone())
    })
}

/// One hour later, or the last moment that a certificate can express.
fn later(moment: OffsetDateTime) -> OffsetDateTime {
    moment.checked_add(Duration::hours(1)).unwrap_or(moment)
}

/// Flips the last bit, which belongs to the second number of an ECDSA signature or to an RSA signature.
fn break_signature(certificate: &CertificateDer<'_>) -> CertificateDer<'static> {
    let mut der = certificate.to_vec();
    if let Some(last) = der.last_mut() {
        *last ^= 1;
    }
    der.into()
}

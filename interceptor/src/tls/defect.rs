//! What is wrong with an upstream certificate, in the words in which the application will see it again.
//! Knows certificates and verifier errors. Does not decide what to do about them.

use rustls::CertificateError;
use rustls::pki_types::CertificateDer;
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::hello::Host;

/// How many names of an upstream certificate are kept; some carry hundreds.
pub const MAX_PRESENTED: usize = 16;

/// Why an upstream certificate was not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Defect {
    /// A certificate of the chain has expired.
    Expired {
        /// The end of its validity.
        not_after: OffsetDateTime,
    },
    /// A certificate of the chain is not valid yet.
    NotYetValid {
        /// The beginning of its validity.
        not_before: OffsetDateTime,
    },
    /// The certificate is for other names.
    WrongName {
        /// The first [`MAX_PRESENTED`] DNS names in it that are exact and well-formed.
        presented: Vec<Host>,
    },
    /// The certificate vouches for itself.
    SelfSigned,
    /// The chain does not end at a trusted root.
    UnknownIssuer,
    /// The certificate was revoked.
    Revoked,
    /// A signature in the chain or over the handshake does not match.
    BadSignature,
    /// The certificate is not meant for servers.
    WrongPurpose,
    /// Anything else, by a name from a closed list.
    Other(&'static str),
}

impl Defect {
    /// A short name for metrics and audit events.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Expired { .. } => "expired",
            Self::NotYetValid { .. } => "not_yet_valid",
            Self::WrongName { .. } => "wrong_name",
            Self::SelfSigned => "self_signed",
            Self::UnknownIssuer => "unknown_issuer",
            Self::Revoked => "revoked",
            Self::BadSignature => "bad_signature",
            Self::WrongPurpose => "wrong_purpose",
            Self::Other(what) => what,
        }
    }

    /// Translates the verifier's error about `end_entity`.
    pub(super) fn of(error: &CertificateError, end_entity: &CertificateDer<'_>) -> Self {
        use CertificateError as E;
        match error {
            E::ExpiredContext { not_after, .. } => match moment(not_after.as_secs()) {
                Some(not_after) => Self::Expired { not_after },
                None => Self::Other("bad_encoding"),
            },
            E::NotValidYetContext { not_before, .. } => match moment(not_before.as_secs()) {
                Some(not_before) => Self::NotYetValid { not_before },
                None => Self::Other("bad_encoding"),
            },
            E::NotValidForName | E::NotValidForNameContext { .. } => {
                Self::WrongName { presented: presented(end_entity) }
            }
            E::Revoked => Self::Revoked,
            E::BadSignature => Self::BadSignature,
            E::InvalidPurpose | E::InvalidPurposeContext { .. } => Self::WrongPurpose,
            E::BadEncoding => Self::Other("bad_encoding"),
            E::UnhandledCriticalExtension => Self::Other("critical_extension"),
            // The verifier calls a self-signed certificate that may sign others a CA in the wrong place.
            E::UnknownIssuer | E::Other(_) if is_self_issued(end_entity) => Self::SelfSigned,
            E::UnknownIssuer => Self::UnknownIssuer,
            E::UnsupportedSignatureAlgorithmContext { .. }
            | E::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
                Self::Other("signature_algorithm")
            }
            _ => Self::Other("other"),
        }
    }
}

impl std::fmt::Display for Defect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Expired { not_after } => write!(f, "expired on {not_after}"),
            Self::NotYetValid { not_before } => write!(f, "not valid before {not_before}"),
            Self::WrongName { .. } => f.write_str("valid for other names only"),
            Self::SelfSigned => f.write_str("self-signed"),
            Self::UnknownIssuer => f.write_str("issued by an unknown authority"),
            Self::Revoked => f.write_str("revoked"),
            Self::BadSignature => f.write_str("signed wrongly"),
            Self::WrongPurpose => f.write_str("not meant for servers"),
            Self::Other(what) => f.write_str(what),
        }
    }
}

fn moment(seconds: u64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(i64::try_from(seconds).ok()?).ok()
}

fn is_self_issued(certificate: &CertificateDer<'_>) -> bool {
    X509Certificate::from_der(certificate)
        .is_ok_and(|(_, parsed)| parsed.subject().as_raw() == parsed.issuer().as_raw())
}

fn presented(certificate: &CertificateDer<'_>) -> Vec<Host> {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else { return Vec::new() };
    let Ok(Some(names)) = parsed.subject_alternative_name() else { return Vec::new() };
    let dns = names.value.general_names.iter().filter_map(|name| match name {
        GeneralName::DNSName(name) => Host::parse(name).ok(),
        _ => None,
    });
    dns.take(MAX_PRESENTED).collect()
}

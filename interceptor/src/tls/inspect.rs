//! Describes the authority in a directory for people and for programs, usable or not, and says what is
//! unwise about it.
//! Knows certificates and file modes. Does not load the key for use, and never shows it.

use std::collections::BTreeSet;
use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::oid_registry;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;

use super::authority::issue::{MAX_INTERMEDIATE_DAYS, ROOT_KEY_FILE};
use super::authority::{self, Authority, AuthorityError, CERTIFICATE_FILE, KEY_FILE, ROOT_FILE};
use super::constraints::Constraints;

/// What is in a directory.
#[derive(Debug, Clone, Serialize)]
pub struct Inspection {
    /// Where.
    pub directory: PathBuf,
    /// Why the daemon would not take it; `null` if it would.
    pub problem: Option<String>,
    /// The certificate that signs leafs, or the first of several over the same key.
    pub intermediate: Facts,
    /// How many certificates there are over the key. Each is for some of the domains.
    pub intermediates: usize,
    /// The certificates that applications have to trust.
    pub roots: Vec<Facts>,
    /// The domains that the intermediate may speak for; `null` means any name at all.
    pub domains: Option<Vec<String>>,
    /// What should be changed.
    pub warnings: Vec<Warning>,
}

/// What a certificate says of itself.
#[derive(Debug, Clone, Serialize)]
pub struct Facts {
    /// Its subject.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// RFC 3339.
    pub not_before: String,
    /// RFC 3339.
    pub not_after: String,
    /// `ECDSA P-256`, `RSA 2048` and so on.
    pub key: String,
    /// How many authorities may follow below it; `null` means any number.
    pub path_length: Option<u32>,
    /// The SHA-256 of the certificate, in hexadecimal.
    pub sha256: String,
    /// Its size.
    pub bytes: usize,
}

/// Something unwise.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "warning", rename_all = "snake_case")]
pub enum Warning {
    /// The intermediate ends soon.
    EndsSoon {
        /// In whole hours.
        hours: i64,
    },
    /// The intermediate is valid for longer than a week.
    LongLived {
        /// In whole days.
        days: i64,
    },
    /// No name constraints.
    Unconstrained,
    /// The constraints may be ignored by verifiers that do not know them.
    ConstraintsNotCritical,
    /// The constraints leave IP addresses free.
    AddressesPermitted,
    /// The intermediate could sign another authority.
    PathLength,
    /// The intermediate could vouch for other things than servers.
    AnyPurpose,
    /// The key file can be read by others.
    KeyReadable {
        /// Its mode, as in `ls`.
        mode: String,
    },
    /// RSA: every leaf costs 25 times more.
    SlowKey,
    /// The root signs leafs itself.
    RootInUse,
    /// The root's key lies beside the intermediate's.
    RootKeyHere,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EndsSoon { hours } => {
                write!(f, "the intermediate ends in {hours} hours; make a new one with `interceptor ca issue`")
            }
            Self::LongLived { days } => {
                write!(f, "the intermediate is valid for {days} days; {MAX_INTERMEDIATE_DAYS} is the most that is wise")
            }
            Self::Unconstrained => {
                f.write_str("the intermediate has no name constraints: whoever steals its key can impersonate any site")
            }
            Self::ConstraintsNotCritical => f.write_str("the name constraints are not critical, so that some verifiers ignore them"),
            Self::AddressesPermitted => f.write_str("the name constraints do not exclude IP addresses"),
            Self::PathLength => f.write_str("the intermediate may sign further authorities; path length 0 would prevent it"),
            Self::AnyPurpose => f.write_str("the intermediate is not restricted to servers (extended key usage)"),
            Self::KeyReadable { mode } => write!(f, "{KEY_FILE} has mode {mode}; `chmod 600` keeps others from reading it"),
            Self::SlowKey => f.write_str("the key is RSA: every certificate costs 25 times more than with ECDSA P-256"),
            Self::RootInUse => f.write_str("the root itself signs certificates; an intermediate could be replaced without touching clients"),
            Self::RootKeyHere => write!(f, "{ROOT_KEY_FILE} lies in this directory; take it offline"),
        }
    }
}

/// Looks at `directory`. The error is about files that cannot be read at all.
pub fn inspect(directory: &Path, now: OffsetDateTime) -> Result<Inspection, AuthorityError> {
    let path = directory.join(CERTIFICATE_FILE);
    let chain = authority::certificates(&path)?;
    let roots = authority::certificates(&directory.join(ROOT_FILE))?;
    let no_certificate = || AuthorityError::NoCertificate { path: path.clone() };
    let (_, intermediate) = X509Certificate::from_der(&chain[0]).map_err(|_| no_certificate())?;
    let problem = Authority::load(directory).err().map(|error| chain_of(&error));
    let (mut domains, mut warnings, mut intermediates) = (Some(BTreeSet::new()), Vec::new(), 0);
    for der in &chain {
        let Ok((_, one)) = X509Certificate::from_der(der) else { continue };
        if one.public_key().raw != intermediate.public_key().raw {
            continue;
        }
        intermediates += 1;
        warnings.extend(about_certificate(&one, now));
        match Constraints::of(&one) {
            Constraints::None => domains = None,
            Constraints::Domains(more) => {
                if let Some(all) = &mut domains {
                    all.extend(more.iter().map(str::to_owned));
                }
            }
        }
    }
    warnings.sort();
    warnings.dedup();
    if roots.contains(&chain[0]) {
        warnings.push(Warning::RootInUse);
    }
    warnings.extend(about_files(directory));
    Ok(Inspection {
        directory: directory.into(),
        problem,
        intermediate: facts(&intermediate, &chain[0]),
        intermediates,
        roots: roots
            .iter()
            .filter_map(|der| X509Certificate::from_der(der).ok().map(|(_, parsed)| facts(&parsed, der)))
            .collect(),
        domains: domains.map(|all| all.into_iter().collect()),
        warnings,
    })
}

/// The error with its causes, in one line.
fn chain_of(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

fn facts(certificate: &X509Certificate<'_>, der: &[u8]) -> Facts {
    let rfc3339 = |moment: OffsetDateTime| moment.format(&Rfc3339).unwrap_or_else(|_| moment.to_string());
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, der);
    Facts {
        subject: certificate.subject().to_string(),
        issuer: certificate.issuer().to_string(),
        not_before: rfc3339(certificate.validity().not_before.to_datetime()),
        not_after: rfc3339(certificate.validity().not_after.to_datetime()),
        key: key_kind(certificate),
        path_length: path_length(certificate),
        sha256: digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect(),
        bytes: der.len(),
    }
}

fn key_kind(certificate: &X509Certificate<'_>) -> String {
    let key = certificate.public_key();
    match key.parsed() {
        Ok(PublicKey::RSA(rsa)) => format!("RSA {}", rsa.key_size()),
        Ok(PublicKey::EC(point)) => format!("ECDSA P-{}", point.key_size()),
        _ => key.algorithm.algorithm.to_id_string(),
    }
}

fn path_length(certificate: &X509Certificate<'_>) -> Option<u32> {
    certificate
        .basic_constraints()
        .ok()
        .flatten()
        .and_then(|constraints| constraints.value.path_len_constraint)
}

fn about_certificate(certificate: &X509Certificate<'_>, now: OffsetDateTime) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let validity = certificate.validity();
    let (start, end) = (validity.not_before.to_datetime(), validity.not_after.to_datetime());
    if now < end && end - now < Duration::hours(48) {
        warnings.push(Warning::EndsSoon { hours: (end - now).whole_hours() });
    }
    if end - start > Duration::days(i64::from(MAX_INTERMEDIATE_DAYS)) {
        warnings.push(Warning::LongLived { days: (end - start).whole_days() });
    }
    if path_length(certificate) != Some(0) {
        warnings.push(Warning::PathLength);
    }
    let purposes = certificate.extended_key_usage().ok().flatten();
    if purposes.is_none_or(|usage| usage.value.any || !usage.value.server_auth) {
        warnings.push(Warning::AnyPurpose);
    }
    if matches!(certificate.public_key().parsed(), Ok(PublicKey::RSA(_))) {
        warnings.push(Warning::SlowKey);
    }
    warnings.extend(about_constraints(certificate));
    warnings
}

fn about_constraints(certificate: &X509Certificate<'_>) -> Vec<Warning> {
    if Constraints::of(certificate) == Constraints::None {
        return vec![Warning::Unconstrained];
    }
    let Ok(Some(extension)) = certificate.get_extension_unique(&oid_registry::OID_X509_EXT_NAME_CONSTRAINTS)
    else {
        return vec![Warning::Unconstrained];
    };
    let mut warnings = Vec::new();
    if !extension.critical {
        warnings.push(Warning::ConstraintsNotCritical);
    }
    if let ParsedExtension::NameConstraints(constraints) = extension.parsed_extension() {
        let names = |list: &Option<Vec<x509_parser::extensions::GeneralSubtree<'_>>>| {
            list.iter().flatten().any(|subtree| matches!(subtree.base, GeneralName::IPAddress(_)))
        };
        if !names(&constraints.excluded_subtrees) && !names(&constraints.permitted_subtrees) {
            warnings.push(Warning::AddressesPermitted);
        }
    }
    warnings
}

fn about_files(directory: &Path) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if let Ok(file) = std::fs::metadata(directory.join(KEY_FILE)) {
        let mode = file.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            warnings.push(Warning::KeyReadable { mode: format!("{mode:04o}") });
        }
    }
    if directory.join(ROOT_KEY_FILE).exists() {
        warnings.push(Warning::RootKeyHere);
    }
    warnings
}

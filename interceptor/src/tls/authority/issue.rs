//! Makes authorities: an offline root, and name-constrained intermediates under it.
//! Knows X.509 fields and file permissions. Does not know where names come from, or the command line.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyUsagePurpose, NameConstraints,
};
use time::{Duration, OffsetDateTime};

use super::files::{certificates, key};
use super::{AuthorityError, CERTIFICATE_FILE, KEY_FILE, ROOT_FILE};
use crate::tls::constraints::Domains;
use crate::tls::key::{NotAKey, SecretKey};
use crate::tls::leaf;

/// The root certificate in the directory of the offline root.
pub const ROOT_CERTIFICATE_FILE: &str = "root.crt";
/// The key of the root.
pub const ROOT_KEY_FILE: &str = "root.key";
/// The longest validity of an intermediate.
pub const MAX_INTERMEDIATE_DAYS: u16 = 7;
/// The longest validity of a root.
pub const MAX_ROOT_DAYS: u16 = 3_650;

/// Certificates begin in the past, for clients whose clock is slow.
const BACKDATE: Duration = Duration::minutes(10);

/// An authority cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// A key is in the way.
    #[error("{} exists; it is never overwritten. Move it away, or choose another directory", path.display())]
    Exists {
        /// Which file.
        path: PathBuf,
    },
    /// A file cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        io: io::Error,
    },
    /// The root cannot be read.
    #[error(transparent)]
    Root(#[from] AuthorityError),
    /// The root ends before the intermediate would.
    #[error(
        "the root expired on {not_after}, or does so within the validity asked for; make a new root with `interceptor ca init`"
    )]
    RootExpires {
        /// When.
        not_after: OffsetDateTime,
    },
    /// A validity outside its limits.
    #[error("a validity of {days} days is not possible; choose 1 to {most}")]
    Days {
        /// As asked.
        days: u16,
        /// The most.
        most: u16,
    },
    /// No domain is left.
    #[error("an intermediate that may speak for no domain is of no use; name some with --permit")]
    NoDomains,
    /// The cryptography library failed.
    #[error("the certificate could not be made")]
    Crypto(#[source] rcgen::Error),
}

impl From<NotAKey> for IssueError {
    fn from(_: NotAKey) -> Self {
        Self::Crypto(rcgen::Error::KeyGenerationUnavailable)
    }
}

impl From<leaf::MintError> for IssueError {
    fn from(error: leaf::MintError) -> Self {
        match error {
            leaf::MintError::Sign(why) => Self::Crypto(why),
            _ => Self::Crypto(rcgen::Error::RingUnspecified),
        }
    }
}

/// The offline root: its certificate, and the key that signs intermediates.
pub struct Root {
    issuer: Issuer<'static, SecretKey>,
    certificate: String,
    not_after: OffsetDateTime,
}

impl Root {
    /// Makes a new root and writes `root.crt` and `root.key` (mode 0600) into `directory`.
    pub fn create(directory: &Path, name: &str, days: u16, now: OffsetDateTime) -> Result<Self, IssueError> {
        let not_after = end(now, days, MAX_ROOT_DAYS)?;
        let key = SecretKey::generate()?;
        let mut params = authority_params(&format!("{name} root"), now, not_after)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(1));
        let certificate = params.self_signed(&key).map_err(IssueError::Crypto)?.pem();
        make_directory(directory)?;
        write_secret(&directory.join(ROOT_KEY_FILE), key.to_pem()?.as_bytes(), Existing::Refuse)?;
        write_public(&directory.join(ROOT_CERTIFICATE_FILE), certificate.as_bytes())?;
        Ok(Self { issuer: Issuer::new(params, key), certificate, not_after })
    }

    /// Reads a root that [`Root::create`] wrote.
    pub fn load(directory: &Path) -> Result<Self, IssueError> {
        let path = directory.join(ROOT_CERTIFICATE_FILE);
        let found = certificates(&path)?;
        let key = key(&directory.join(ROOT_KEY_FILE))?;
        let no_certificate = || AuthorityError::NoCertificate { path: path.clone() };
        let (_, parsed) = x509_parser::parse_x509_certificate(&found[0]).map_err(|_| no_certificate())?;
        let not_after = parsed.validity().not_after.to_datetime();
        let issuer = Issuer::from_ca_cert_der(&found[0], key).map_err(|_| no_certificate())?;
        let certificate =
            fs::read_to_string(&path).map_err(|io| AuthorityError::Read { path: path.clone(), io })?;
        Ok(Self { issuer, certificate, not_after })
    }

    /// Makes new intermediates for `domains` and writes `tls.crt`, `tls.key` (mode 0600) and `ca.crt` into
    /// `directory`, in an order in which a daemon that reloads half-way keeps its old authority.
    ///
    /// There is one key, and an intermediate over it for each group of domains: a handshake then carries the
    /// constraints of a few names instead of all, which would be 7 KiB and a fifth of its cost. For a thief
    /// of the key it makes no difference.
    pub fn issue(
        &self,
        directory: &Path,
        name: &str,
        domains: &Domains,
        days: u16,
        now: OffsetDateTime,
    ) -> Result<(), IssueError> {
        let not_after = end(now, days, MAX_INTERMEDIATE_DAYS)?;
        if not_after > self.not_after {
            return Err(IssueError::RootExpires { not_after: self.not_after });
        }
        if domains.is_empty() {
            return Err(IssueError::NoDomains);
        }
        let key = SecretKey::generate()?;
        let mut certificate = String::new();
        for (group, number) in domains.groups().iter().zip(1..) {
            // A name of its own for each, so that no client mistakes one for another in its cache.
            let params = intermediate_params(&format!("{name} {number}"), group, now, not_after)?;
            certificate += &params.signed_by(&key, &self.issuer).map_err(IssueError::Crypto)?.pem();
        }
        make_directory(directory)?;
        write_public(&directory.join(ROOT_FILE), self.certificate.as_bytes())?;
        write_secret(&directory.join(KEY_FILE), key.to_pem()?.as_bytes(), Existing::Replace)?;
        write_public(&directory.join(CERTIFICATE_FILE), certificate.as_bytes())
    }
}

fn end(now: OffsetDateTime, days: u16, most: u16) -> Result<OffsetDateTime, IssueError> {
    if days == 0 || days > most {
        return Err(IssueError::Days { days, most });
    }
    Ok(now - BACKDATE + Duration::days(i64::from(days)))
}

fn authority_params(
    name: &str,
    now: OffsetDateTime,
    not_after: OffsetDateTime,
) -> Result<CertificateParams, IssueError> {
    let mut params = CertificateParams::default();
    params.not_before = now - BACKDATE;
    params.not_after = not_after;
    params.serial_number = Some(leaf::serial()?);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

/// The intermediate: it signs leafs only, for servers only, and only for names under `domains`. Addresses
/// are a name form of their own, so that they are excluded explicitly (RFC 5280 section 4.2.1.10).
fn intermediate_params(
    name: &str,
    domains: &Domains,
    now: OffsetDateTime,
    not_after: OffsetDateTime,
) -> Result<CertificateParams, IssueError> {
    let mut params = authority_params(name, now, not_after)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.use_authority_key_identifier_extension = true;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: domains.iter().map(|domain| GeneralSubtree::DnsName(domain.to_owned())).collect(),
        excluded_subtrees: vec![
            GeneralSubtree::IpAddress(CidrSubnet::V4([0; 4], [0; 4])),
            GeneralSubtree::IpAddress(CidrSubnet::V6([0; 16], [0; 16])),
        ],
    });
    Ok(params)
}

/// What to do with a secret that is there already.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Existing {
    Refuse,
    Replace,
}

fn make_directory(path: &Path) -> Result<(), IssueError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|io| IssueError::Write { path: path.into(), io })
}

/// Writes a file that only its owner may read. It has that mode from the moment it exists.
fn write_secret(path: &Path, content: &[u8], existing: Existing) -> Result<(), IssueError> {
    if existing == Existing::Refuse && path.exists() {
        return Err(IssueError::Exists { path: path.into() });
    }
    write(path, content, 0o600)
}

fn write_public(path: &Path, content: &[u8]) -> Result<(), IssueError> {
    write(path, content, 0o644)
}

/// Writes beside the target and renames, so that a reader sees the old file or the new one.
fn write(path: &Path, content: &[u8], mode: u32) -> Result<(), IssueError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    let attempt = || -> io::Result<()> {
        // Left over from a run that was killed. `create_new` would refuse it, and its mode cannot be trusted.
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    attempt().map_err(|io| IssueError::Write { path: path.into(), io })
}

//! The name of a server as this program compares it: lower case, no trailing dot, never an address.
//! Knows the syntax of host names. Does not know DNS, catalogues or certificates.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

use rustls::pki_types::DnsName;

/// A DNS host name: labels of letters, digits, `-` and `_`, lower-cased, without a trailing dot, at most
/// 253 bytes. Two spellings of one name are equal. Cloning is cheap.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Host(Arc<str>);

impl Host {
    /// Parses a name as it is written in a hello, a header or a configuration file.
    pub fn parse(name: &str) -> Result<Self, InvalidName> {
        let name = name.strip_suffix('.').unwrap_or(name);
        check(name)?;
        // Most names come in lower case already; then one allocation is enough.
        if name.bytes().any(|b| b.is_ascii_uppercase()) {
            Ok(Self(name.to_ascii_lowercase().into()))
        } else {
            Ok(Self(name.into()))
        }
    }

    /// The name in lower case, without a trailing dot.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this name is `domain` or lies below it.
    pub fn is_within(&self, domain: &str) -> bool {
        match self.0.strip_suffix(domain) {
            Some("") => true,
            Some(rest) => rest.ends_with('.'),
            None => false,
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Host {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for Host {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for Host {
    type Err = InvalidName;

    fn from_str(name: &str) -> Result<Self, InvalidName> {
        Self::parse(name)
    }
}

impl TryFrom<&str> for Host {
    type Error = InvalidName;

    fn try_from(name: &str) -> Result<Self, InvalidName> {
        Self::parse(name)
    }
}

/// The server name indication of a hello.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sni {
    /// No server name extension.
    Absent,
    /// A well-formed host name.
    Name(Host),
    /// An IP address, which RFC 6066 forbids and some clients send.
    IpLiteral(IpAddr),
    /// Something that cannot be the name of a host.
    Invalid(InvalidName),
}

impl Sni {
    /// The host name, if there is one.
    pub fn host(&self) -> Option<&Host> {
        match self {
            Self::Name(host) => Some(host),
            Self::Absent | Self::IpLiteral(_) | Self::Invalid(_) => None,
        }
    }
}

/// Why a text is not a host name. The text itself is not kept: a peer chose it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Nothing, or nothing but a dot.
    #[error("the name is empty")]
    Empty,
    /// More than 253 bytes.
    #[error("the name is longer than 253 bytes")]
    TooLong,
    /// A byte that host names do not have; names in other alphabets travel in their `xn--` form.
    #[error("the name has a character other than letters, digits, '-', '_' and '.'")]
    Character,
    /// A label that is empty, longer than 63 bytes, or begins or ends with a hyphen.
    #[error("a label of the name is empty, longer than 63 bytes, or begins or ends with '-'")]
    Label,
    /// The last label is a number, so that some programs would read the name as an address.
    #[error("the last label of the name is a number")]
    Numeric,
    /// An IP address where a name is due.
    #[error("an IP address is not a host name")]
    Address,
    /// A server name extension with names of other kinds only.
    #[error("the server name extension has no host name")]
    NoHostName,
}

/// Reads the bytes of a server name entry.
pub(super) fn sni(raw: &[u8]) -> Sni {
    let Ok(text) = std::str::from_utf8(raw) else { return Sni::Invalid(InvalidName::Character) };
    if let Some(address) = address(text) {
        return Sni::IpLiteral(address);
    }
    match Host::parse(text) {
        Ok(host) => Sni::Name(host),
        Err(why) => Sni::Invalid(why),
    }
}

fn address(text: &str) -> Option<IpAddr> {
    if let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    }
    text.parse().ok()
}

/// The rules that certificate verifiers apply to a DNS name (RFC 1123 with underscores), so that every
/// accepted name can be put into a certificate and looked for in one.
fn check(name: &str) -> Result<(), InvalidName> {
    if name.is_empty() {
        return Err(InvalidName::Empty);
    }
    if name.len() > 253 {
        return Err(InvalidName::TooLong);
    }
    if address(name).is_some() {
        return Err(InvalidName::Address);
    }
    if !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')) {
        return Err(InvalidName::Character);
    }
    let mut last = "";
    for label in name.split('.') {
        if label.is_empty() || label.len() > 63 || label.starts_with('-') || label.ends_with('-') {
            return Err(InvalidName::Label);
        }
        last = label;
    }
    if last.bytes().all(|b| b.is_ascii_digit()) {
        return Err(InvalidName::Numeric);
    }
    // The verifier's own parser has the last word: what it refuses could not be connected to by name.
    DnsName::try_from(name).map(drop).map_err(|_| InvalidName::Label)
}

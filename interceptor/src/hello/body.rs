//! Reads the body of a ClientHello (RFC 8446 section 4.1.2, RFC 5246 section 7.4.1.2).
//! Knows the fields that routing needs and checks the bounds of the others. Does not know records.

use super::host::{self, Sni};
use super::{Hello, Malformed};

/// Extension numbers, from the IANA registry "TLS ExtensionType Values".
mod extension {
    pub(super) const SERVER_NAME: u16 = 0;
    pub(super) const SUPPORTED_GROUPS: u16 = 10;
    pub(super) const ALPN: u16 = 16;
    pub(super) const EARLY_DATA: u16 = 42;
    pub(super) const SUPPORTED_VERSIONS: u16 = 43;
    pub(super) const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;
}

const X25519MLKEM768: u16 = 0x11ec;
const HOST_NAME: u8 = 0;

/// The application protocols that a client offers, as far as they make a difference here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct AlpnSet(u8);

impl AlpnSet {
    const HTTP1: u8 = 1;
    const H2: u8 = 2;
    const OTHER: u8 = 4;

    /// The client sent no ALPN extension.
    pub fn is_absent(self) -> bool {
        self.0 == 0
    }

    /// `http/1.1` is on offer.
    pub fn http1(self) -> bool {
        self.0 & Self::HTTP1 != 0
    }

    /// `h2` is on offer.
    pub fn h2(self) -> bool {
        self.0 & Self::H2 != 0
    }

    /// Something else than `http/1.1` and `h2` is on offer, GREASE included.
    pub fn other(self) -> bool {
        self.0 & Self::OTHER != 0
    }

    fn insert(&mut self, protocol: &[u8]) {
        self.0 |= match protocol {
            b"http/1.1" => Self::HTTP1,
            b"h2" => Self::H2,
            _ => Self::OTHER,
        };
    }
}

/// The protocol versions that a client offers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Versions(u8);

impl Versions {
    const OLD: u8 = 1;
    const TLS12: u8 = 2;
    const TLS13: u8 = 4;

    /// SSL 3.0, TLS 1.0 or TLS 1.1 is on offer.
    pub fn older(self) -> bool {
        self.0 & Self::OLD != 0
    }

    /// TLS 1.2 is on offer.
    pub fn tls12(self) -> bool {
        self.0 & Self::TLS12 != 0
    }

    /// TLS 1.3 is on offer.
    pub fn tls13(self) -> bool {
        self.0 & Self::TLS13 != 0
    }

    fn insert(&mut self, version: u16) {
        self.0 |= match version {
            0x0304 => Self::TLS13,
            0x0303 => Self::TLS12,
            0x0300..=0x0302 => Self::OLD,
            _ => 0,
        };
    }

    /// The legacy field names the highest version up to TLS 1.2; it says nothing of TLS 1.3.
    fn from_legacy(version: u16) -> Self {
        let mut versions = Self::default();
        versions.insert(version.min(0x0303));
        versions
    }
}

/// Reads a whole body; `total_len` is passed through.
pub(super) fn read(body: &[u8], total_len: usize) -> Result<Hello, Malformed> {
    let mut body = Cursor(body);
    let legacy_version = body.u16("version")?;
    body.bytes(32, "random")?;
    if body.vector8("session id")?.len() > 32 {
        return Err(Malformed::Length("session id"));
    }
    let suites = body.vector16("cipher suites")?;
    if suites.is_empty() || suites.len() % 2 != 0 {
        return Err(Malformed::Length("cipher suites"));
    }
    if body.vector8("compression methods")?.is_empty() {
        return Err(Malformed::Length("compression methods"));
    }

    let mut hello = Hello {
        sni: Sni::Absent,
        alpn: AlpnSet::default(),
        versions: Versions::from_legacy(legacy_version),
        offers_ech: false,
        post_quantum: false,
        early_data: false,
        total_len,
    };
    // TLS 1.2 hellos may end here, without an extension block.
    if !body.0.is_empty() {
        extensions(body.vector16("extensions")?, &mut hello)?;
    }
    if !body.0.is_empty() {
        return Err(Malformed::Length("ClientHello"));
    }
    Ok(hello)
}

fn extensions(block: &[u8], hello: &mut Hello) -> Result<(), Malformed> {
    let mut block = Cursor(block);
    let mut seen = Seen::new();
    while !block.0.is_empty() {
        let kind = block.u16("extension")?;
        let content = block.vector16("extension")?;
        if !seen.insert(kind) {
            return Err(Malformed::DuplicateExtension(kind));
        }
        match kind {
            extension::SERVER_NAME => hello.sni = server_name(content)?,
            extension::ALPN => hello.alpn = alpn(content)?,
            extension::SUPPORTED_VERSIONS => hello.versions = versions(content)?,
            extension::SUPPORTED_GROUPS => hello.post_quantum = offers_group(content, X25519MLKEM768)?,
            extension::ENCRYPTED_CLIENT_HELLO => hello.offers_ech = true,
            extension::EARLY_DATA => hello.early_data = true,
            _ => {}
        }
    }
    Ok(())
}

/// RFC 6066 section 3: at most one name of a kind. What follows a name of an unknown kind cannot be
/// delimited, so it is left alone, as servers do.
fn server_name(content: &[u8]) -> Result<Sni, Malformed> {
    let mut list = whole(content, "server name")?;
    if list.0.is_empty() {
        return Err(Malformed::Length("server name"));
    }
    let mut found = None;
    while !list.0.is_empty() {
        if list.u8("server name")? != HOST_NAME {
            break;
        }
        let name = list.vector16("server name")?;
        if name.is_empty() {
            return Err(Malformed::Length("server name"));
        }
        if found.replace(host::sni(name)).is_some() {
            return Err(Malformed::TwoNames);
        }
    }
    Ok(found.unwrap_or(Sni::Invalid(host::InvalidName::NoHostName)))
}

fn alpn(content: &[u8]) -> Result<AlpnSet, Malformed> {
    let mut list = whole(content, "application protocols")?;
    let mut set = AlpnSet::default();
    while !list.0.is_empty() {
        let protocol = list.vector8("application protocols")?;
        if protocol.is_empty() {
            return Err(Malformed::Length("application protocols"));
        }
        set.insert(protocol);
    }
    if set.is_absent() { Err(Malformed::Length("application protocols")) } else { Ok(set) }
}

fn versions(content: &[u8]) -> Result<Versions, Malformed> {
    let mut outer = Cursor(content);
    let list = outer.vector8("supported versions")?;
    if !outer.0.is_empty() || list.is_empty() || list.len() % 2 != 0 {
        return Err(Malformed::Length("supported versions"));
    }
    let mut versions = Versions::default();
    for pair in list.chunks_exact(2) {
        versions.insert(u16::from_be_bytes([pair[0], pair[1]]));
    }
    Ok(versions)
}

fn offers_group(content: &[u8], group: u16) -> Result<bool, Malformed> {
    let list = whole(content, "supported groups")?.0;
    if list.is_empty() || list.len() % 2 != 0 {
        return Err(Malformed::Length("supported groups"));
    }
    Ok(list.chunks_exact(2).any(|pair| u16::from_be_bytes([pair[0], pair[1]]) == group))
}

/// The content of an extension that is one vector with a two-byte length and nothing after it.
fn whole<'a>(content: &'a [u8], what: &'static str) -> Result<Cursor<'a>, Malformed> {
    let mut outer = Cursor(content);
    let list = outer.vector16(what)?;
    if outer.0.is_empty() { Ok(Cursor(list)) } else { Err(Malformed::Length(what)) }
}

/// Bytes not read yet. Every read names what it was for, because that is what the error says.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn bytes(&mut self, len: usize, what: &'static str) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Malformed::Length(what))?;
        self.0 = rest;
        Ok(taken)
    }

    fn u8(&mut self, what: &'static str) -> Result<u8, Malformed> {
        Ok(self.bytes(1, what)?[0])
    }

    fn u16(&mut self, what: &'static str) -> Result<u16, Malformed> {
        let pair = self.bytes(2, what)?;
        Ok(u16::from_be_bytes([pair[0], pair[1]]))
    }

    fn vector8(&mut self, what: &'static str) -> Result<&'a [u8], Malformed> {
        let len = self.u8(what)?;
        self.bytes(usize::from(len), what)
    }

    fn vector16(&mut self, what: &'static str) -> Result<&'a [u8], Malformed> {
        let len = self.u16(what)?;
        self.bytes(usize::from(len), what)
    }
}

/// The extension numbers met so far. A bit for each of the 65,536, because a hello of 64 KiB can hold
/// 16,000 extensions and a scan for duplicates would be quadratic.
struct Seen([u64; 1024]);

impl Seen {
    fn new() -> Self {
        Self([0; 1024])
    }

    /// Whether the number is new.
    fn insert(&mut self, number: u16) -> bool {
        let word = &mut self.0[usize::from(number >> 6)];
        let bit = 1u64 << (number & 63);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }
}

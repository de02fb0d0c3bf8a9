//! The head of one HTTP/1.1 message, read only as far as framing needs it.
//! Works on whole sections; does not know how they arrived.

use super::watch::Side;
use super::{MAX_CHUNK_LINE, MAX_HEADERS};

/// Why a message is refused. Each is a place where parsers are known to disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// RFC 9112, 2.2.
    #[error("a line ends with LF alone")]
    BareLf,
    /// RFC 9110, 5.5.
    #[error("a header holds a control character")]
    ControlByte,
    /// RFC 9112, 5.2.
    #[error("a header is folded over several lines")]
    Folded,
    /// RFC 9112, 5.1.
    #[error("a header name is not a token")]
    FieldName,
    /// RFC 9112, 3 and 4.
    #[error("the start line is malformed")]
    StartLine,
    /// RFC 9112, 3.2.
    #[error("Host is missing or repeated")]
    Host,
    /// RFC 9112, 6.3.
    #[error("Content-Length is repeated or not a number")]
    Length,
    /// RFC 9112, 6.1.
    #[error("Content-Length comes with Transfer-Encoding")]
    LengthAndChunked,
    /// RFC 9112, 6.1 and 7.
    #[error("Transfer-Encoding is other than chunked")]
    Coding,
    /// RFC 9112, 7.1.
    #[error("a chunk size is malformed")]
    ChunkSize,
    /// RFC 9112, 7.1.
    #[error("a chunk does not end where its size says")]
    ChunkEnd,
    /// Ours: 64 KiB and 100 fields.
    #[error("the head is larger than 64 KiB or has more than 100 fields")]
    HeadTooLarge,
    /// Ours: a head that takes longer than the limit (10 s) from its first byte to its last.
    #[error("the head did not arrive in time")]
    HeadTimeout,
}

/// How long the body of a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// There is none.
    None,
    /// Exactly this many bytes.
    Sized(u64),
    /// Chunked coding.
    Chunked,
    /// All that follows.
    UntilClose,
}

pub(super) struct Head {
    pub(super) body: Body,
}

/// The end of the first blank line at or after `from`, as an index one past its LF.
/// A bare LF is reported here, because it decides what counts as a line at all.
pub(super) fn blank_line(bytes: &[u8], from: usize) -> Result<Option<usize>, Violation> {
    let mut at = from;
    while let Some(lf) = memchr::memchr(b'\n', &bytes[at..]).map(|offset| at + offset) {
        if lf == 0 || bytes[lf - 1] != b'\r' {
            return Err(Violation::BareLf);
        }
        if lf >= 3 && bytes[lf - 2] == b'\n' {
            return Ok(Some(lf + 1));
        }
        at = lf + 1;
    }
    Ok(None)
}

impl Head {
    pub(super) fn parse(section: &[u8], side: Side) -> Result<Self, Violation> {
        let end = memchr::memchr(b'\n', section).ok_or(Violation::StartLine)?;
        let line = section[..=end].strip_suffix(b"\r\n").ok_or(Violation::BareLf)?;
        let fields = Fields::parse(&section[end + 1..])?;
        let body = match side {
            Side::Client => {
                let http11 = request_line(line)?;
                if fields.hosts > 1 || (http11 && fields.hosts == 0) {
                    return Err(Violation::Host);
                }
                fields.body(http11)?.unwrap_or(Body::None)
            }
            Side::Upstream => match status_line(line)? {
                // 101 hands the connection over to another protocol.
                (_, 101) => Body::UntilClose,
                (_, 100..=199 | 204 | 304) => Body::None,
                (http11, _) => fields.body(http11)?.unwrap_or(Body::UntilClose),
            },
        };
        Ok(Self { body })
    }
}

/// Checks a trailer section: fields and the blank line, nothing else.
pub(super) fn check_fields(section: &[u8]) -> Result<(), Violation> {
    Fields::parse(section).map(|_| ())
}

#[derive(Default)]
struct Fields {
    length: Option<u64>,
    chunked: bool,
    hosts: u32,
}

impl Fields {
    fn parse(mut section: &[u8]) -> Result<Self, Violation> {
        let mut fields = Self::default();
        let mut count = 0;
        while let Some(lf) = memchr::memchr(b'\n', section) {
            let line = section[..=lf].strip_suffix(b"\r\n").ok_or(Violation::BareLf)?;
            section = &section[lf + 1..];
            if line.is_empty() {
                return Ok(fields);
            }
            count += 1;
            if count > MAX_HEADERS {
                return Err(Violation::HeadTooLarge);
            }
            fields.line(line)?;
        }
        Ok(fields)
    }

    fn line(&mut self, line: &[u8]) -> Result<(), Violation> {
        if line[0] == b' ' || line[0] == b'\t' {
            return Err(Violation::Folded);
        }
        let colon = memchr::memchr(b':', line).ok_or(Violation::FieldName)?;
        let (name, value) = (&line[..colon], trim(&line[colon + 1..]));
        if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) {
            return Err(Violation::FieldName);
        }
        if value.iter().any(|byte| (*byte < 0x20 && *byte != b'\t') || *byte == 0x7f) {
            return Err(Violation::ControlByte);
        }
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => self.hosts += 1,
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                if self.length.is_some() {
                    return Err(Violation::Length);
                }
                self.length = Some(decimal(value)?);
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(Violation::Coding);
                }
                self.chunked = true;
            }
            _ => {}
        }
        Ok(())
    }

    fn body(&self, http11: bool) -> Result<Option<Body>, Violation> {
        match (self.length, self.chunked) {
            (Some(_), true) => Err(Violation::LengthAndChunked),
            (None, true) if !http11 => Err(Violation::Coding),
            (None, true) => Ok(Some(Body::Chunked)),
            (Some(length), false) => Ok(Some(Body::Sized(length))),
            (None, false) => Ok(None),
        }
    }
}

/// Whether the request line is well-formed, and whether it says HTTP/1.1.
fn request_line(line: &[u8]) -> Result<bool, Violation> {
    let mut parts = line.split(|byte| *byte == b' ');
    let (method, target, version) = (parts.next(), parts.next(), parts.next());
    let (Some(method), Some(target), Some(version), None) = (method, target, version, parts.next()) else {
        return Err(Violation::StartLine);
    };
    let sound = !method.is_empty()
        && method.iter().all(|byte| is_token(*byte))
        && !target.is_empty()
        && target.iter().all(|byte| *byte > 0x20 && *byte != 0x7f);
    if sound { http_version(version) } else { Err(Violation::StartLine) }
}

/// Whether the status line is well-formed: version and status.
fn status_line(line: &[u8]) -> Result<(bool, u16), Violation> {
    if line.len() < 12 || line[8] != b' ' || (line.len() > 12 && line[12] != b' ') {
        return Err(Violation::StartLine);
    }
    let http11 = http_version(&line[..8])?;
    let digits = &line[9..12];
    if !digits.iter().all(u8::is_ascii_digit) {
        return Err(Violation::StartLine);
    }
    Ok((http11, digits.iter().fold(0, |status, digit| status * 10 + u16::from(digit - b'0'))))
}

fn http_version(version: &[u8]) -> Result<bool, Violation> {
    match version {
        b"HTTP/1.1" => Ok(true),
        b"HTTP/1.0" => Ok(false),
        _ => Err(Violation::StartLine),
    }
}

/// The size in a chunk line that ends with LF. Extensions are skipped, as RFC 9112 7.1.1 demands.
pub(super) fn chunk_size(line: &[u8]) -> Result<u64, Violation> {
    let line = line.strip_suffix(b"\r\n").ok_or(Violation::ChunkSize)?;
    if line.len() > MAX_CHUNK_LINE || line.iter().any(|byte| *byte < 0x20 || *byte == 0x7f) {
        return Err(Violation::ChunkSize);
    }
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
    // Sixteen digits would overflow the sum of a body's chunks long before a peer could send it.
    if digits.is_empty() || digits.len() > 15 {
        return Err(Violation::ChunkSize);
    }
    digits.iter().try_fold(0u64, |size, digit| {
        let digit = char::from(*digit).to_digit(16).ok_or(Violation::ChunkSize)?;
        Ok(size * 16 + u64::from(digit))
    })
}

fn decimal(value: &[u8]) -> Result<u64, Violation> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(Violation::Length);
    }
    value
        .iter()
        .try_fold(0u64, |sum, digit| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
        .ok_or(Violation::Length)
}

fn trim(value: &[u8]) -> &[u8] {
    let blank = |byte: &u8| *byte == b' ' || *byte == b'\t';
    let start = value.iter().position(|byte| !blank(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
    &value[start..end]
}

/// RFC 9110, 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

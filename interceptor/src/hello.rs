//! Reads a TLS ClientHello out of the first bytes of a connection, without consuming them.
//! Knows bytes. Does not know sockets, deadlines, certificates, HTTP or policy.
//!
//! The caller keeps everything it has read in one buffer and shows it again after every read; the
//! [`Peeker`] remembers how far it has walked, so a hello that arrives byte by byte costs linear time.
//! Nothing is allocated before the hello is complete, and then only when records split it.

mod body;
mod host;
mod plain;
#[cfg(test)]
mod tests;

pub use body::{AlpnSet, Versions};
pub use host::{Host, InvalidName, Sni};
pub use plain::NotTls;

use std::borrow::Cow;

/// The most bytes, record headers included, that a ClientHello may span. RFC 8446 would allow 16 MiB;
/// post-quantum key shares and long session tickets stay under 8 KiB.
pub const MAX_BYTES: usize = 64 * 1024;

const RECORD_HEADER: usize = 5;
const MESSAGE_HEADER: usize = 4;
const CONTENT_HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
/// What servers accept in practice for one record: 2^14 and the expansion RFC 5246 section 6.2.3 allows.
const MAX_RECORD: usize = 16_384 + 2_048;

/// What the bytes seen so far are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parsed {
    /// More bytes are needed. No bytes at all are `Incomplete` too: a caller that still has none at its
    /// deadline talks to a client of a protocol in which the server speaks first.
    Incomplete,
    /// A whole ClientHello.
    Hello(Hello),
    /// The first bytes are not a TLS handshake.
    NotTls(NotTls),
    /// The bytes begin as TLS and then break its rules.
    Malformed(Malformed),
    /// The hello is, or announces itself to be, larger than [`MAX_BYTES`].
    TooLarge,
}

/// What routing needs to know of a ClientHello. It holds no key material and no session ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// The server name indication.
    pub sni: Sni,
    /// The application protocols offered.
    pub alpn: AlpnSet,
    /// The protocol versions offered, from `supported_versions` or else the legacy field.
    pub versions: Versions,
    /// The hello carries `encrypted_client_hello`. Chromium sends GREASE in it on every connection, so it
    /// does not say that the visible name is a decoy.
    pub offers_ech: bool,
    /// The client can do X25519MLKEM768.
    pub post_quantum: bool,
    /// The client sends TLS 1.3 early data, which a terminating server has to skip.
    pub early_data: bool,
    /// Bytes of input up to the end of the record in which the hello ends.
    pub total_len: usize,
}

/// Which rule the hello breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The first handshake message is not a ClientHello.
    #[error("handshake message {0} where a ClientHello is due")]
    NotClientHello(u8),
    /// A handshake record without content.
    #[error("empty handshake record")]
    EmptyRecord,
    /// A record longer than TLS allows.
    #[error("record of {0} bytes")]
    LongRecord(u16),
    /// Another record type between the fragments of the hello.
    #[error("record of type {0} between fragments of the ClientHello")]
    Interleaved(u8),
    /// The record version changes its major number between fragments.
    #[error("a record of major version {0} between fragments of the ClientHello")]
    Version(u8),
    /// A length inside the hello points past its end, or a vector breaks its bounds.
    #[error("{0} is cut short or has the wrong length")]
    Length(&'static str),
    /// The same extension twice: two readers could see two different names.
    #[error("extension {0} appears twice")]
    DuplicateExtension(u16),
    /// Two host names in one server name extension.
    #[error("two host names in the server name extension")]
    TwoNames,
}

/// Parses what is there in one go; the same as [`Peeker::parse`] on a new peeker.
pub fn parse(bytes: &[u8]) -> Parsed {
    Peeker::default().parse(bytes)
}

/// The position reached in a hello that arrives in pieces.
#[derive(Debug, Default, Clone)]
pub struct Peeker {
    /// Where the next record header starts.
    at: usize,
    /// Handshake bytes in the complete records before `at`.
    have: usize,
    /// The four bytes of the message header, as far as they are known.
    header: [u8; MESSAGE_HEADER],
}

/// One complete record or the reason why there is none.
enum Record {
    Whole { end: usize },
    Not(Parsed),
}

impl Peeker {
    /// Parses `seen`, which must be everything read so far from the first byte on: what was shown before,
    /// and more.
    pub fn parse(&mut self, seen: &[u8]) -> Parsed {
        if let Some(why) = plain::classify(seen) {
            return why;
        }
        loop {
            let end = match self.record(seen) {
                Record::Whole { end } => end,
                Record::Not(parsed) => return parsed,
            };
            self.take(&seen[self.at + RECORD_HEADER..end]);
            self.at = end;
            match self.message_len() {
                Err(parsed) => return parsed,
                Ok(Some(len)) if self.have >= len => return self.finish(seen, len),
                Ok(_) => {}
            }
        }
    }

    /// Checks the record header at the current position.
    fn record(&self, seen: &[u8]) -> Record {
        if self.at + RECORD_HEADER > MAX_BYTES {
            return Record::Not(Parsed::TooLarge);
        }
        let rest = seen.get(self.at..).unwrap_or_default();
        // Each byte is judged as soon as it is there, so that the verdict does not depend on chunking.
        match rest.first() {
            None => return Record::Not(Parsed::Incomplete),
            Some(&CONTENT_HANDSHAKE) => {}
            Some(&other) => return Record::Not(Parsed::Malformed(Malformed::Interleaved(other))),
        }
        if let Some(&major) = rest.get(1)
            && major != 3
        {
            return Record::Not(Parsed::Malformed(Malformed::Version(major)));
        }
        let Some(&[_, _, _, high, low]) = rest.first_chunk::<RECORD_HEADER>() else {
            return Record::Not(Parsed::Incomplete);
        };
        let len = u16::from_be_bytes([high, low]);
        let end = self.at + RECORD_HEADER + usize::from(len);
        match usize::from(len) {
            0 => Record::Not(Parsed::Malformed(Malformed::EmptyRecord)),
            MAX_RECORD.. => Record::Not(Parsed::Malformed(Malformed::LongRecord(len))),
            _ if end > MAX_BYTES => Record::Not(Parsed::TooLarge),
            _ if end > seen.len() => Record::Not(self.peek_type(rest)),
            _ => Record::Whole { end },
        }
    }

    /// A record that is not complete yet may already show that it holds no ClientHello.
    fn peek_type(&self, rest: &[u8]) -> Parsed {
        match rest.get(RECORD_HEADER) {
            Some(&kind) if self.have == 0 && kind != CLIENT_HELLO => {
                Parsed::Malformed(Malformed::NotClientHello(kind))
            }
            _ => Parsed::Incomplete,
        }
    }

    /// Counts a fragment, and keeps what belongs to the message header.
    fn take(&mut self, fragment: &[u8]) {
        for (slot, byte) in self.header.iter_mut().skip(self.have).zip(fragment) {
            *slot = *byte;
        }
        self.have += fragment.len();
    }

    /// The length of the message with its header, once the header is known.
    fn message_len(&self) -> Result<Option<usize>, Parsed> {
        let [kind, a, b, c] = self.header;
        if kind != CLIENT_HELLO {
            return Err(Parsed::Malformed(Malformed::NotClientHello(kind)));
        }
        if self.have < MESSAGE_HEADER {
            return Ok(None);
        }
        let len = MESSAGE_HEADER + (usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c));
        if len + RECORD_HEADER > MAX_BYTES { Err(Parsed::TooLarge) } else { Ok(Some(len)) }
    }

    fn finish(&self, seen: &[u8], len: usize) -> Parsed {
        let message = self.message(seen, len);
        match body::read(&message[MESSAGE_HEADER..len], self.at) {
            Ok(hello) => Parsed::Hello(hello),
            Err(why) => Parsed::Malformed(why),
        }
    }

    /// The message without record headers: borrowed if one record holds it, joined otherwise.
    fn message<'a>(&self, seen: &'a [u8], len: usize) -> Cow<'a, [u8]> {
        let mut records = Fragments { rest: &seen[..self.at] };
        let first = records.next().unwrap_or_default();
        if first.len() >= len {
            return Cow::Borrowed(first);
        }
        let mut joined = Vec::with_capacity(self.have);
        joined.extend_from_slice(first);
        for fragment in records {
            joined.extend_from_slice(fragment);
        }
        Cow::Owned(joined)
    }
}

/// The contents of records that were checked before.
struct Fragments<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Fragments<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let &[_, _, _, high, low] = self.rest.first_chunk::<RECORD_HEADER>()?;
        let end = RECORD_HEADER + usize::from(u16::from_be_bytes([high, low]));
        let fragment = self.rest.get(RECORD_HEADER..end)?;
        self.rest = &self.rest[end..];
        Some(fragment)
    }
}

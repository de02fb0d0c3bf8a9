//! Tells what a connection speaks when it does not begin with a TLS handshake.
//! Knows the first bytes of a few protocols. Does not parse any of them.

use super::{CONTENT_HANDSHAKE, Parsed};

/// What the client speaks instead of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NotTls {
    /// An HTTP/1 request without TLS.
    Http1,
    /// The beginning of an HTTP/1 request for a tunnel: the client takes whom it talks to for a proxy.
    Connect,
    /// The HTTP/2 preface without TLS.
    Http2,
    /// An SSH client.
    Ssh,
    /// A TLS record of another kind (its content type), such as an alert.
    TlsRecord(u8),
    /// Anything else.
    Unknown,
}

/// The beginnings that are recognised. None is the beginning of another.
const BEGINNINGS: &[(&[u8], NotTls)] = &[
    (b"PRI * HTTP/2.0\r\n", NotTls::Http2),
    (b"GET ", NotTls::Http1),
    (b"HEAD ", NotTls::Http1),
    (b"POST ", NotTls::Http1),
    (b"PUT ", NotTls::Http1),
    (b"PATCH ", NotTls::Http1),
    (b"DELETE ", NotTls::Http1),
    (b"OPTIONS ", NotTls::Http1),
    (b"CONNECT ", NotTls::Connect),
    (b"TRACE ", NotTls::Http1),
    (b"SSH-", NotTls::Ssh),
];

/// `None` when the bytes begin as a TLS handshake record does.
///
/// A verdict never changes when more bytes arrive: as long as the bytes could become one of the known
/// beginnings, they are incomplete.
pub(super) fn classify(seen: &[u8]) -> Option<Parsed> {
    let (first, version) = (seen.first()?, seen.get(1));
    if matches!(first, 20..=24) {
        return match version {
            None => Some(Parsed::Incomplete),
            Some(3) if *first == CONTENT_HANDSHAKE => None,
            Some(3) => Some(Parsed::NotTls(NotTls::TlsRecord(*first))),
            Some(_) => Some(Parsed::NotTls(NotTls::Unknown)),
        };
    }
    let mut undecided = false;
    for (beginning, kind) in BEGINNINGS {
        if seen.starts_with(beginning) {
            return Some(Parsed::NotTls(*kind));
        }
        undecided |= beginning.starts_with(seen);
    }
    Some(if undecided { Parsed::Incomplete } else { Parsed::NotTls(NotTls::Unknown) })
}

//! Reads the head of a `CONNECT` out of the first bytes of a connection, without consuming them.
//! Knows HTTP/1.1 and names. Does not know sockets, catalogues or what becomes of it.
//!
//! Strict: the proxy reads the same bytes after us, and what the two could read differently is refused. That a name is
//! well-formed is all that is asked of the target: whose it is decides the route.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::hello::{Host, InvalidName};
use crate::proxy::framing::{Expect, Framing, Side, Violation, head_length};

const METHOD: &[u8] = b"CONNECT ";

/// A whole and well-formed `CONNECT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connect {
    /// Where the tunnel is to lead.
    pub target: Authority,
    /// Bytes of the head, its empty line included.
    pub length: usize,
}

/// What a tunnel leads to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Authority {
    /// Whom it names.
    pub host: Named,
    /// The port.
    pub port: u16,
}

/// How the other end of a tunnel is named.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Named {
    /// By a name, which the proxy looks up.
    Name(Host),
    /// By an address.
    Address(IpAddr),
}

/// Why a `CONNECT` is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Mistake {
    /// As for any other request.
    #[error(transparent)]
    Framing(#[from] Violation),
    /// RFC 9110, 9.1: methods are case-sensitive, and nothing stands before one.
    #[error("the request does not begin with CONNECT")]
    Method,
    /// RFC 9110, 9.3.6: there is nothing but the tunnel behind the head.
    #[error("the request has a body")]
    Body,
    /// RFC 9110, 9.3.6: host and port, and nothing else.
    #[error("the target is not a host with its port")]
    Target,
    /// The target's host is not one.
    #[error("the target's host is malformed: {0}")]
    Host(InvalidName),
}

/// Whether a lenient proxy might take this for a `CONNECT` all the same: after blank lines, or in other letters.
pub fn resembles(seen: &[u8]) -> bool {
    let letters = METHOD.trim_ascii_end();
    let length = letters.len().min(seen.len());
    seen.first().is_some_and(u8::is_ascii_whitespace)
        || (length > 0 && seen[..length].eq_ignore_ascii_case(&letters[..length]))
}

/// The position reached in a head that arrives in pieces.
#[derive(Debug, Default, Clone)]
pub struct Reader {
    looked: usize,
}

impl Reader {
    /// Reads `seen`, which must be everything from the first byte on: what was shown before, and more. `None` asks for
    /// more; no verdict changes when more bytes arrive.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn read(&mut self, seen: &[u8]) -> Result<Option<Connect>, Mistake> {
        let begins = METHOD.len().min(seen.len());
        if seen[..begins] != METHOD[..begins] {
            return Err(Mistake::Method);
        }
        let Some(length) = head_length(seen, self.looked)? else {
            self.looked = seen.len();
            return Ok(None);
        };
        let head = &seen[..length];
        let mut framing = Framing::new(Side::Client);
        framing.push(head, Expect::Normal)?;
        if !framing.between_messages() {
            return Err(Mistake::Body);
        }
        let target = head[METHOD.len()..].split(|byte| *byte == b' ').next().unwrap_or_default();
        Ok(Some(Connect { target: Authority::parse(target)?, length }))
    }
}

impl Authority {
    fn parse(text: &[u8]) -> Result<Self, Mistake> {
        let text = std::str::from_utf8(text).map_err(|_| Mistake::Target)?;
        let (host, port) = text.rsplit_once(':').ok_or(Mistake::Target)?;
        // What `parse` takes besides, a sign and any number of zeros, is read in more than one way.
        let is_number = (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().ok().filter(|port| is_number && *port != 0).ok_or(Mistake::Target)?;
        if let Some(inner) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let address: Ipv6Addr = inner.parse().map_err(|_| Mistake::Target)?;
            return Ok(Self { host: Named::Address(address.into()), port });
        }
        if let Ok(address) = host.parse::<Ipv4Addr>() {
            return Ok(Self { host: Named::Address(address.into()), port });
        }
        Ok(Self { host: Named::Name(Host::parse(host).map_err(Mistake::Host)?), port })
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Named::Name(name) => write!(f, "{name}:{}", self.port),
            Named::Address(address) => write!(f, "{}", std::net::SocketAddr::new(*address, self.port)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::framing::MAX_HEAD;

    /// Every prefix asks for more or says what the whole says, and pieces say the same as the whole.
    fn check(input: &[u8]) -> Result<Option<Connect>, Mistake> {
        let whole = Reader::default().read(input);
        let mut reader = Reader::default();
        let mut verdict = Ok(None);
        for end in 0..=input.len() {
            let fresh = Reader::default().read(&input[..end]);
            if verdict == Ok(None) {
                verdict = reader.read(&input[..end]);
                assert_eq!(fresh, verdict, "at byte {end}");
            }
            assert!(fresh == Ok(None) || fresh == whole, "at byte {end}: {fresh:?}");
        }
        assert_eq!(verdict, whole);
        whole
    }

    fn target(head: &str) -> String {
        let connect = check(head.as_bytes()).expect("well-formed").expect("whole");
        assert_eq!(connect.length, head.find("\r\n\r\n").expect("an end") + 4);
        connect.target.to_string()
    }

    #[test]
    fn what_clients_send_is_read() {
        let curl = "CONNECT api.openai.com:443 HTTP/1.1\r\nHost: api.openai.com:443\r\nUser-Agent: curl/7.88.1\r\n\
                    Proxy-Connection: Keep-Alive\r\n\r\n\x16\x03\x01";
        assert_eq!(target(curl), "api.openai.com:443");
        // http.client of Python before 3.12.
        assert_eq!(target("CONNECT API.OpenAI.com.:443 HTTP/1.0\r\n\r\n"), "api.openai.com:443");
        assert_eq!(target("CONNECT 203.0.113.9:8443 HTTP/1.1\r\nhost: a\r\n\r\n"), "203.0.113.9:8443");
        assert_eq!(target("CONNECT [2001:DB8::9]:443 HTTP/1.1\r\nhost: a\r\n\r\n"), "[2001:db8::9]:443");
        assert_eq!(
            target("CONNECT a.example:1 HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n"),
            "a.example:1"
        );
    }

    #[test]
    fn what_two_parsers_could_read_differently_is_refused() {
        let cases: &[(&str, Mistake)] = &[
            ("connect a.example:443 HTTP/1.1\r\nhost: a\r\n\r\n", Mistake::Method),
            ("\r\nCONNECT a.example:443 HTTP/1.1\r\nhost: a\r\n\r\n", Mistake::Method),
            ("CONNECT  a.example:443 HTTP/1.1\r\nhost: a\r\n\r\n", Mistake::Framing(Violation::StartLine)),
            ("CONNECT a.example:443 HTTP/2.0\r\nhost: a\r\n\r\n", Mistake::Framing(Violation::StartLine)),
            ("CONNECT a.example:443 HTTP/1.1\nhost: a\r\n\r\n", Mistake::Framing(Violation::BareLf)),
            ("CONNECT a.example:443 HTTP/1.1\r\n\r\n", Mistake::Framing(Violation::Host)),
            (
                "CONNECT a.example:443 HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
                Mistake::Framing(Violation::Host),
            ),
            (
                "CONNECT a.example:443 HTTP/1.1\r\nhost: a\r\nx: a\r\n b\r\n\r\n",
                Mistake::Framing(Violation::Folded),
            ),
            ("CONNECT a.example:443 HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\n", Mistake::Body),
            (
                "CONNECT a.example:443 HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n",
                Mistake::Body,
            ),
            ("CONNECT a.example HTTP/1.1\r\nhost: a\r\n\r\n", Mistake::Target),
            ("CONNECT a.example: HTTP/1.1\r\nhost: a\r\n\r\n", Mistake::Target),
            ("CONNECT a.example:+443 HTTP/1.1\r\nhost: a\r\n\r\n", Mistake::Target),
            ("CONNECT a.example:000443 HTTP/1.1\r\nhost: a\r\n\r\n", Mistake::Target),
            ("CONNECT a.example:0 HTTP/1.1\r\nhost: a\r\n\r\n", Mistake::Target),
            ("CONNECT a.example:65536 HTTP/1.1\r\nhost: a\r\n\r\n", Mistake::Target),
            ("CONNECT [::1:443 HTTP/1.1\r\nhost: a\r\n\r\n", Mistake::Host(InvalidName::Character)),
            ("CONNECT u@a.example:443 HTTP/1.1\r\nhost: a\r\n\r\n", Mistake::Host(InvalidName::Character)),
            (
                "CONNECT http://a.example:443 HTTP/1.1\r\nhost: a\r\n\r\n",
                Mistake::Host(InvalidName::Character),
            ),
            ("CONNECT 0x7f.1:443 HTTP/1.1\r\nhost: a\r\n\r\n", Mistake::Host(InvalidName::Numeric)),
        ];
        for (input, mistake) in cases {
            assert_eq!(check(input.as_bytes()), Err(*mistake), "{input:?}");
        }
    }

    #[test]
    fn what_only_resembles_it_is_told_from_what_does_not() {
        for text in ["connect a", "\r\nCONNECT a", " ", "c", "Connect", "CONNECT\t"] {
            assert!(resembles(text.as_bytes()), "{text:?}");
        }
        for text in ["", "GET http://a/ HTTP/1.1", "COPY /a HTTP/1.1", "\u{5}\u{1}\0"] {
            assert!(!resembles(text.as_bytes()), "{text:?}");
        }
    }

    #[test]
    fn a_head_that_never_ends_is_refused_at_its_bound_and_not_before() {
        let mut head = b"CONNECT a.example:443 HTTP/1.1\r\nhost: a\r\nx: ".to_vec();
        head.resize(MAX_HEAD - 4, b'y');
        head.extend_from_slice(b"\r\n\r\n");
        assert!(matches!(Reader::default().read(&head), Ok(Some(Connect { length: MAX_HEAD, .. }))));
        head.insert(MAX_HEAD - 4, b'y');
        assert_eq!(Reader::default().read(&head[..MAX_HEAD - 1]), Ok(None));
        let too_large = Err(Mistake::Framing(Violation::HeadTooLarge));
        assert_eq!(Reader::default().read(&head[..MAX_HEAD]), too_large);
        assert_eq!(Reader::default().read(&head), too_large);
    }
}

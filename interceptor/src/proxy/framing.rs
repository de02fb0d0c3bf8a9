//! Watches HTTP/1.1 bytes on their way into hyper and refuses what two parsers could read differently.
//! Knows message framing only: where a head ends, how long a body is. Does not know what a message means.
//!
//! hyper tolerates a bare LF, drops a Content-Length that comes with a Transfer-Encoding, and accepts equal
//! duplicates of Content-Length. Each of these is a place where the next hop may disagree with us on where a
//! request ends (RFC 9112 sections 2.2, 5.2, 6.1, 6.3 and 7.1), so none of them is forwarded.

mod head;
mod watch;

pub use head::{Body, Violation};
pub use watch::{Notes, Side, Watched};

use head::Head;

/// The largest head (request line or status line, headers) and the largest trailer section, in bytes.
pub const MAX_HEAD: usize = 64 * 1024;
/// The most header lines in a head.
pub const MAX_HEADERS: usize = 100;
/// The longest chunk-size line, extensions included. Nobody sends extensions; nobody needs long ones.
const MAX_CHUNK_LINE: usize = 256;

/// How long the head is that `bytes` begin with, its empty line included; `None` asks for more of it. `from` is how
/// much of them was looked at before.
///
/// # Errors
/// A line that ends with LF alone, or a head that is larger than [`MAX_HEAD`].
pub(super) fn head_length(bytes: &[u8], from: usize) -> Result<Option<usize>, Violation> {
    let within = &bytes[..bytes.len().min(MAX_HEAD)];
    let found = head::blank_line(within, from.min(within.len()))?;
    if found.is_none() && bytes.len() >= MAX_HEAD { Err(Violation::HeadTooLarge) } else { Ok(found) }
}

/// Follows the messages of one direction of one connection, byte by byte, without keeping them.
#[derive(Debug)]
pub struct Framing {
    side: Side,
    state: State,
    /// Bytes of an unfinished head, trailer section or chunk line. Empty while lines arrive whole.
    partial: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Head,
    Sized(u64),
    ChunkLine,
    ChunkData(u64),
    ChunkEnd(u8),
    Trailers,
    /// A body that ends with the connection, or a protocol that is no longer HTTP.
    Opaque,
}

/// What the framing of the next message on this side depends on besides its own bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Expect {
    /// A message whose head tells how long it is.
    #[default]
    Normal,
    /// The answer to a HEAD request: it has no body whatever its head says.
    NoBody,
}

/// A head or trailer section, and what follows it.
type Section<'a> = (std::borrow::Cow<'a, [u8]>, &'a [u8]);

impl Framing {
    /// Starts before the first byte of the first message.
    pub fn new(side: Side) -> Self {
        Self { side, state: State::Head, partial: Vec::new() }
    }

    /// From here on the bytes are not HTTP/1.1 (an upgrade took place).
    pub fn release(&mut self) {
        self.state = State::Opaque;
        self.partial = Vec::new();
    }

    /// Whether the last byte seen was the last byte of a message.
    pub fn between_messages(&self) -> bool {
        self.state == State::Head && self.partial.is_empty()
    }

    /// Whether part of a head has arrived and the rest has not.
    pub fn inside_head(&self) -> bool {
        self.state == State::Head && !self.partial.is_empty()
    }

    /// Looks at the next bytes of the connection, whatever their boundaries.
    ///
    /// # Errors
    /// The first thing that two parsers could read differently. The connection cannot go on after it.
    pub fn push(&mut self, mut bytes: &[u8], expect: Expect) -> Result<(), Violation> {
        while !bytes.is_empty() {
            bytes = match self.state {
                State::Head => self.head(bytes, expect)?,
                State::Sized(left) => self.skip(bytes, left, State::Sized, State::Head),
                State::ChunkLine => self.chunk_line(bytes)?,
                State::ChunkData(left) => self.skip(bytes, left, State::ChunkData, State::ChunkEnd(0)),
                State::ChunkEnd(seen) => self.chunk_end(bytes, seen)?,
                State::Trailers => self.trailers(bytes)?,
                State::Opaque => return Ok(()),
            };
        }
        Ok(())
    }

    fn skip<'a>(&mut self, bytes: &'a [u8], left: u64, on: fn(u64) -> State, after: State) -> &'a [u8] {
        let take = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let left = left - take as u64;
        self.state = if left == 0 { after } else { on(left) };
        &bytes[take..]
    }

    fn head<'a>(&mut self, bytes: &'a [u8], expect: Expect) -> Result<&'a [u8], Violation> {
        let (section, rest) = match self.section(bytes)? {
            Some(found) => found,
            None => return Ok(&[]),
        };
        let head = Head::parse(section.as_ref(), self.side)?;
        self.state = match head.body {
            _ if expect == Expect::NoBody && self.side == Side::Upstream => State::Head,
            Body::None | Body::Sized(0) => State::Head,
            Body::Sized(length) => State::Sized(length),
            Body::Chunked => State::ChunkLine,
            Body::UntilClose => State::Opaque,
        };
        Ok(rest)
    }

    fn trailers<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], Violation> {
        // A trailer section without fields is a lone CRLF, which `section` cannot see as a blank line of its own.
        if self.partial.is_empty() && bytes.starts_with(b"\r\n") {
            self.state = State::Head;
            return Ok(&bytes[2..]);
        }
        if self.partial == b"\r" && bytes[0] == b'\n' {
            self.partial.clear();
            self.state = State::Head;
            return Ok(&bytes[1..]);
        }
        let (section, rest) = match self.section(bytes)? {
            Some(found) => found,
            None => return Ok(&[]),
        };
        head::check_fields(section.as_ref())?;
        self.state = State::Head;
        Ok(rest)
    }

    /// Cuts at the first blank line. In the usual case the section is a slice of what just arrived.
    fn section<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<Section<'a>>, Violation> {
        use std::borrow::Cow;
        if self.partial.is_empty() {
            if let Some(end) = head::blank_line(bytes, 0)? {
                if end > MAX_HEAD {
                    return Err(Violation::HeadTooLarge);
                }
                return Ok(Some((Cow::Borrowed(&bytes[..end]), &bytes[end..])));
            }
            if bytes.len() > MAX_HEAD {
                return Err(Violation::HeadTooLarge);
            }
            self.partial.extend_from_slice(bytes);
            return Ok(None);
        }
        // Only the tail can complete a blank line: three bytes back is enough for its first three bytes.
        let from = self.partial.len().saturating_sub(3);
        let before = self.partial.len();
        let room = (MAX_HEAD + 1).saturating_sub(before).min(bytes.len());
        self.partial.extend_from_slice(&bytes[..room]);
        match head::blank_line(&self.partial, from)? {
            Some(end) => {
                let mut section = std::mem::take(&mut self.partial);
                section.truncate(end);
                Ok(Some((Cow::Owned(section), &bytes[end - before..])))
            }
            None if self.partial.len() > MAX_HEAD => Err(Violation::HeadTooLarge),
            None => Ok(None),
        }
    }

    fn chunk_line<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], Violation> {
        let Some(lf) = memchr::memchr(b'\n', bytes) else {
            self.partial.extend_from_slice(&bytes[..bytes.len().min(MAX_CHUNK_LINE + 1)]);
            return if self.partial.len() > MAX_CHUNK_LINE { Err(Violation::ChunkSize) } else { Ok(&[]) };
        };
        if self.partial.len() + lf > MAX_CHUNK_LINE {
            return Err(Violation::ChunkSize);
        }
        let size = if self.partial.is_empty() {
            head::chunk_size(&bytes[..=lf])?
        } else {
            self.partial.extend_from_slice(&bytes[..=lf]);
            head::chunk_size(&std::mem::take(&mut self.partial))?
        };
        self.state = if size == 0 { State::Trailers } else { State::ChunkData(size) };
        Ok(&bytes[lf + 1..])
    }

    fn chunk_end<'a>(&mut self, bytes: &'a [u8], seen: u8) -> Result<&'a [u8], Violation> {
        match (seen, bytes[0]) {
            (0, b'\r') => self.state = State::ChunkEnd(1),
            (1, b'\n') => self.state = State::ChunkLine,
            _ => return Err(Violation::ChunkEnd),
        }
        Ok(&bytes[1..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every way to cut the input must give the same answer; the answer is given once.
    fn check(side: Side, input: &[u8]) -> Result<bool, Violation> {
        let whole = run(side, &[input]);
        for cut in 0..=input.len() {
            assert_eq!(run(side, &[&input[..cut], &input[cut..]]), whole, "cut at {cut}");
        }
        let bytes: Vec<&[u8]> = input.chunks(1).collect();
        assert_eq!(run(side, &bytes), whole, "byte by byte");
        whole
    }

    /// Ok(true) when the input ended between two messages.
    fn run(side: Side, pieces: &[&[u8]]) -> Result<bool, Violation> {
        let mut framing = Framing::new(side);
        for piece in pieces {
            framing.push(piece, Expect::Normal)?;
        }
        Ok(framing.between_messages())
    }

    #[test]
    fn ordinary_messages_pass() {
        let get = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
        assert_eq!(check(Side::Client, get), Ok(true));
        let sized =
            b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabcGET / HTTP/1.1\r\nhost: a\r\n\r\n";
        assert_eq!(check(Side::Client, sized), Ok(true));
        let chunked =
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
        assert_eq!(check(Side::Client, chunked), Ok(true));
        let trailers =
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\na\r\n0\r\nx: y\r\n\r\n";
        assert_eq!(check(Side::Upstream, trailers), Ok(true));
        let interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n";
        assert_eq!(check(Side::Upstream, interim), Ok(true));
        let unfinished = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nabc";
        assert_eq!(check(Side::Client, unfinished), Ok(false));
    }

    #[test]
    fn what_two_parsers_could_read_differently_is_refused() {
        let cases: &[(&str, Violation)] = &[
            (
                "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n",
                Violation::LengthAndChunked,
            ),
            (
                "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ncontent-length: 3\r\n\r\n",
                Violation::Length,
            ),
            ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3, 3\r\n\r\n", Violation::Length),
            ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +3\r\n\r\n", Violation::Length),
            ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 18446744073709551616\r\n\r\n", Violation::Length),
            ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length : 3\r\n\r\n", Violation::FieldName),
            ("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n", Violation::Coding),
            ("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: xchunked\r\n\r\n", Violation::Coding),
            ("POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n", Violation::Coding),
            ("GET / HTTP/1.1\r\nhost: a\n\r\n", Violation::BareLf),
            ("GET / HTTP/1.1\nhost: a\r\n\r\n", Violation::BareLf),
            ("GET / HTTP/1.1\r\nhost: a\r\nx: a\rb\r\n\r\n", Violation::ControlByte),
            ("GET / HTTP/1.1\r\nhost: a\r\nx: a\r\n b\r\n\r\n", Violation::Folded),
            ("GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", Violation::Host),
            ("GET / HTTP/1.1\r\nx: a\r\n\r\n", Violation::Host),
            ("GET  / HTTP/1.1\r\nhost: a\r\n\r\n", Violation::StartLine),
            ("GET / HTTP/2.0\r\nhost: a\r\n\r\n", Violation::StartLine),
            (
                "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n",
                Violation::ChunkSize,
            ),
            (
                "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
                Violation::ChunkSize,
            ),
            (
                "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabcX\r\n0\r\n\r\n",
                Violation::ChunkEnd,
            ),
        ];
        for (input, violation) in cases {
            assert_eq!(check(Side::Client, input.as_bytes()), Err(*violation), "{input:?}");
        }
    }

    #[test]
    fn a_head_that_never_ends_is_cut_off() {
        let mut framing = Framing::new(Side::Client);
        framing.push(b"GET / HTTP/1.1\r\nhost: a\r\n", Expect::Normal).unwrap();
        let line = format!("x: {}\r\n", "y".repeat(1000));
        let end = (0..100).find_map(|_| framing.push(line.as_bytes(), Expect::Normal).err());
        assert_eq!(end, Some(Violation::HeadTooLarge));
    }

    #[test]
    fn the_answer_to_head_has_no_body() {
        let mut framing = Framing::new(Side::Upstream);
        framing.push(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", Expect::NoBody).unwrap();
        assert!(framing.between_messages());
    }

    proptest! {
        #[test]
        fn nothing_a_peer_sends_panics_and_chunking_never_matters(
            input in proptest::collection::vec(
                prop_oneof![
                    Just(b"\r\n".to_vec()), Just(b"\n".to_vec()), Just(b"\r\n\r\n".to_vec()), Just(b" ".to_vec()),
                    Just(b"POST / HTTP/1.1\r\nhost: a\r\n".to_vec()), Just(b"HTTP/1.1 200 OK\r\n".to_vec()),
                    Just(b"content-length: 4\r\n".to_vec()), Just(b"transfer-encoding: chunked\r\n".to_vec()),
                    Just(b"4\r\nabcd\r\n".to_vec()), Just(b"0\r\n\r\n".to_vec()),
                    proptest::collection::vec(any::<u8>(), 0..6),
                ], 0..12),
            cuts in proptest::collection::vec(1usize..9, 1..40),
            upstream: bool,
        ) {
            let side = if upstream { Side::Upstream } else { Side::Client };
            let input = input.concat();
            let mut pieces = Vec::new();
            let mut rest = &input[..];
            for cut in cuts {
                let cut = cut.min(rest.len());
                pieces.push(&rest[..cut]);
                rest = &rest[cut..];
            }
            pieces.push(rest);
            prop_assert_eq!(run(side, &pieces), run(side, &[&input]));
        }
    }
}

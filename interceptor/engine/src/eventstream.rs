//! `application/vnd.amazon.eventstream`: cuts a stream into messages, reads one, and writes one anew.
//! Knows lengths, checksums and headers. Does not know what the payloads mean.
//!
//! A message is: total length, length of the headers, CRC-32 of these eight bytes, headers, payload, CRC-32 of
//! everything before. All numbers are big-endian.

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};

use crate::frame::{Cutter, Framed};

/// The two lengths and their checksum.
const PRELUDE: usize = 12;
/// The checksum at the end.
const CHECKSUM: usize = 4;
/// Longest message that the protocol allows: 24 MiB of payload, 128 KiB of headers, and what is around them.
pub const LONGEST: usize = (24 << 20) + LONGEST_HEADERS + PRELUDE + CHECKSUM;
const LONGEST_HEADERS: usize = 128 << 10;
/// Most headers of one message. Real ones have three or four.
const MOST_HEADERS: usize = 64;

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// The lengths contradict each other or the protocol.
    #[error("lengths that cannot be")]
    Lengths,
    /// The checksum of the lengths is wrong.
    #[error("the checksum of the prelude is wrong")]
    Prelude,
    /// The checksum of the message is wrong.
    #[error("the checksum of the message is wrong")]
    Message,
    /// The headers cannot be read.
    #[error("headers that cannot be read")]
    Headers,
}

/// Cuts a stream of chunks into messages. After an error nothing more is cut.
#[derive(Debug, Default)]
pub struct Framer {
    cutter: Cutter,
    failed: Option<Broken>,
    /// The message that cannot be read, if it was cut off before that showed.
    stuck: Option<Bytes>,
}

impl Framer {
    /// A framer at the beginning of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a chunk. All messages of the one before must have been taken out.
    pub fn push(&mut self, chunk: Bytes) {
        self.cutter.push(chunk);
    }

    /// The next message that is complete.
    ///
    /// # Errors
    /// What came is no message. If its lengths cannot be believed, nobody knows where the next one begins.
    pub fn next_message(&mut self) -> Result<Option<(Framed, Message)>, Broken> {
        match self.failed {
            Some(broken) => Err(broken),
            None => self.read().inspect_err(|broken| self.failed = Some(*broken)),
        }
    }

    fn read(&mut self) -> Result<Option<(Framed, Message)>, Broken> {
        let Some(prelude) = self.prelude() else { return Ok(None) };
        let total = total(&prelude)?;
        if self.cutter.pending() < total {
            return Ok(None);
        }
        let end = self.cutter.cut() + total - self.cutter.partial().len();
        let framed = self.cutter.take(end);
        match Message::read(&framed.raw) {
            Ok(message) => Ok(Some((framed, message))),
            Err(broken) => {
                self.stuck = Some(framed.raw);
                Err(broken)
            }
        }
    }

    /// Bytes of the message that has begun.
    pub fn pending(&self) -> usize {
        self.cutter.pending()
    }

    /// The stream has ended, or cannot be read any more: what was not handed out, if anything.
    pub fn finish(&mut self) -> Option<Bytes> {
        let rest = self.cutter.finish();
        match self.stuck.take() {
            None => rest,
            Some(stuck) => Some([stuck, rest.unwrap_or_default()].concat().into()),
        }
    }

    /// The first bytes of the message, if they are all here.
    fn prelude(&self) -> Option<[u8; PRELUDE]> {
        let mut prelude = [0; PRELUDE];
        let bytes = self.cutter.partial().iter().chain(&self.cutter.chunk()[self.cutter.cut()..]);
        let mut read = 0;
        for (place, byte) in prelude.iter_mut().zip(bytes) {
            *place = *byte;
            read += 1;
        }
        (read == PRELUDE).then_some(prelude)
    }
}

/// The length of the whole message, if the prelude is sound.
fn total(prelude: &[u8; PRELUDE]) -> Result<usize, Broken> {
    let number =
        |at: usize| u32::from_be_bytes([prelude[at], prelude[at + 1], prelude[at + 2], prelude[at + 3]]);
    let size = |at: usize| usize::try_from(number(at)).map_err(|_| Broken::Lengths);
    if crc(&prelude[..8]) != number(8) {
        return Err(Broken::Prelude);
    }
    let (total, headers) = (size(0)?, size(4)?);
    let fits = total <= LONGEST
        && headers <= LONGEST_HEADERS
        && total >= PRELUDE + CHECKSUM
        && headers <= total - PRELUDE - CHECKSUM;
    if fits { Ok(total) } else { Err(Broken::Lengths) }
}

/// A header whose value is a string; others are skipped. Ranges are offsets in the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    name: Range<usize>,
    value: Range<usize>,
}

/// A message that has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    headers: Vec<Header>,
    /// Where the payload lies in the message.
    pub payload: Range<usize>,
}

impl Message {
    /// Reads a whole message.
    ///
    /// # Errors
    /// See [`Broken`].
    pub fn read(raw: &[u8]) -> Result<Message, Broken> {
        let (prelude, _) = raw.split_first_chunk::<PRELUDE>().ok_or(Broken::Lengths)?;
        if total(prelude)? != raw.len() {
            return Err(Broken::Lengths);
        }
        let (body, checksum) = raw.split_last_chunk::<CHECKSUM>().ok_or(Broken::Lengths)?;
        if crc(body) != u32::from_be_bytes(*checksum) {
            return Err(Broken::Message);
        }
        let [.., a, b, c, d, _, _, _, _] = *prelude;
        let headers_end =
            PRELUDE + usize::try_from(u32::from_be_bytes([a, b, c, d])).map_err(|_| Broken::Lengths)?;
        let headers = headers(body.get(..headers_end).ok_or(Broken::Lengths)?)?;
        Ok(Message { headers, payload: headers_end..body.len() })
    }

    /// The value of a header that is a string.
    pub fn header<'a>(&self, raw: &'a [u8], name: &str) -> Option<&'a [u8]> {
        let header = self.headers.iter().find(|header| &raw[header.name.clone()] == name.as_bytes())?;
        Some(&raw[header.value.clone()])
    }

    /// The same message with another payload: headers as they were, lengths and checksums as they must be. A payload
    /// that no message can hold is an error.
    ///
    /// # Errors
    /// The message would be longer than the protocol allows.
    pub fn with_payload(&self, raw: &[u8], payload: &[u8]) -> Result<Bytes, Broken> {
        write(&raw[PRELUDE..self.payload.start], payload)
    }
}

/// An exception: what ends a stream with an error that the SDKs raise.
///
/// # Errors
/// The texts are longer than a message may be.
pub fn exception(kind: &str, payload: &[u8]) -> Result<Bytes, Broken> {
    let mut headers = BytesMut::new();
    for (name, value) in
        [(":exception-type", kind), (":content-type", "application/json"), (":message-type", "exception")]
    {
        headers.put_u8(u8::try_from(name.len()).map_err(|_| Broken::Headers)?);
        headers.put_slice(name.as_bytes());
        headers.put_u8(STRING);
        headers.put_u16(u16::try_from(value.len()).map_err(|_| Broken::Headers)?);
        headers.put_slice(value.as_bytes());
    }
    write(&headers, payload)
}

fn write(headers: &[u8], payload: &[u8]) -> Result<Bytes, Broken> {
    let total = PRELUDE + headers.len() + payload.len() + CHECKSUM;
    if total > LONGEST || headers.len() > LONGEST_HEADERS {
        return Err(Broken::Lengths);
    }
    let size = |length: usize| u32::try_from(length).map_err(|_| Broken::Lengths);
    let mut out = BytesMut::with_capacity(total);
    out.put_u32(size(total)?);
    out.put_u32(size(headers.len())?);
    out.put_u32(crc(&out));
    out.put_slice(headers);
    out.put_slice(payload);
    out.put_u32(crc(&out));
    Ok(out.freeze())
}

/// The type of a header whose value is a string.
const STRING: u8 = 7;

/// Reads the headers; `raw` ends with the last of them.
fn headers(raw: &[u8]) -> Result<Vec<Header>, Broken> {
    let mut headers = Vec::new();
    let mut at = PRELUDE;
    let mut count = 0;
    while at < raw.len() {
        count += 1;
        if count > MOST_HEADERS {
            return Err(Broken::Headers);
        }
        let name = at + 1..at + 1 + usize::from(raw[at]);
        let kind = *raw.get(name.end).ok_or(Broken::Headers)?;
        let value = name.end + 1;
        let length = match kind {
            0 | 1 => 0,
            2 => 1,
            3 => 2,
            4 => 4,
            5 | 8 => 8,
            9 => 16,
            6 | STRING => {
                let length = raw.get(value..value + 2).ok_or(Broken::Headers)?;
                2 + usize::from(u16::from_be_bytes([length[0], length[1]]))
            }
            _ => return Err(Broken::Headers),
        };
        at = value + length;
        if at > raw.len() {
            return Err(Broken::Headers);
        }
        if kind == STRING {
            headers.push(Header { name, value: value + 2..at });
        }
    }
    Ok(headers)
}

/// CRC-32 as in gzip.
fn crc(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A message as Amazon's documentation writes one out, byte for byte.
    const DOCUMENTED: [u8; 61] = [
        0x00, 0x00, 0x00, 0x3d, 0x00, 0x00, 0x00, 0x20, 0x07, 0xfd, 0x83, 0x96, 0x0c, b'c', b'o', b'n', b't',
        b'e', b'n', b't', b'-', b't', b'y', b'p', b'e', 0x07, 0x00, 0x10, b'a', b'p', b'p', b'l', b'i', b'c',
        b'a', b't', b'i', b'o', b'n', b'/', b'j', b's', b'o', b'n', b'{', b'\'', b'f', b'o', b'o', b'\'',
        b':', b'\'', b'b', b'a', b'r', b'\'', b'}', 0x8d, 0x9c, 0x08, 0xb1,
    ];

    fn messages(chunks: &[&[u8]]) -> (Vec<Bytes>, Result<Option<Bytes>, Broken>) {
        let mut framer = Framer::new();
        let mut out = Vec::new();
        for chunk in chunks {
            framer.push(Bytes::copy_from_slice(chunk));
            loop {
                match framer.next_message() {
                    Ok(Some((framed, _))) => out.push(framed.raw),
                    Ok(None) => break,
                    Err(broken) => return (out, Err(broken)),
                }
            }
        }
        (out, Ok(framer.finish()))
    }

    #[test]
    fn a_documented_message_is_read_and_written() {
        let message = Message::read(&DOCUMENTED).unwrap();
        assert_eq!(message.header(&DOCUMENTED, "content-type"), Some(&b"application/json"[..]));
        assert_eq!(&DOCUMENTED[message.payload.clone()], b"{'foo':'bar'}");
        assert_eq!(message.with_payload(&DOCUMENTED, b"{'foo':'bar'}").unwrap(), DOCUMENTED[..]);
        let other = message.with_payload(&DOCUMENTED, b"longer than it was before").unwrap();
        let read = Message::read(&other).unwrap();
        assert_eq!(&other[read.payload], b"longer than it was before");
    }

    #[test]
    fn every_prefix_is_incomplete() {
        for length in 0..DOCUMENTED.len() {
            let (found, rest) = messages(&[&DOCUMENTED[..length]]);
            assert_eq!(found.len(), 0);
            assert_eq!(rest.unwrap().unwrap_or_default(), DOCUMENTED[..length]);
        }
    }

    #[test]
    fn every_changed_bit_is_noticed() {
        for bit in 0..DOCUMENTED.len() * 8 {
            let mut changed = DOCUMENTED;
            changed[bit / 8] ^= 1 << (bit % 8);
            let mut framer = Framer::new();
            framer.push(Bytes::copy_from_slice(&changed));
            assert!(!matches!(framer.next_message(), Ok(Some(_))), "bit {bit}");
            assert_eq!(framer.finish().unwrap(), changed[..]);
        }
    }

    #[test]
    fn an_exception_reads_as_one() {
        let raw = exception("validationException", b"{\"message\":\"no\"}").unwrap();
        let message = Message::read(&raw).unwrap();
        assert_eq!(message.header(&raw, ":message-type"), Some(&b"exception"[..]));
        assert_eq!(message.header(&raw, ":exception-type"), Some(&b"validationException"[..]));
        assert_eq!(&raw[message.payload], b"{\"message\":\"no\"}");
    }

    proptest! {
        #[test]
        fn every_chunking_gives_the_same_messages(
            payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..20), 0..4),
            rest in proptest::collection::vec(any::<u8>(), 0..14),
            cut in 0usize..200,
        ) {
            let mut stream = Vec::new();
            for payload in &payloads {
                stream.extend_from_slice(&exception("e", payload).unwrap());
            }
            stream.extend_from_slice(&rest);
            let whole = messages(&[&stream]);
            prop_assert_eq!(whole.0.len(), payloads.len());
            let cut = cut.min(stream.len());
            prop_assert_eq!(&messages(&[&stream[..cut], &stream[cut..]]), &whole);
            let bytes: Vec<&[u8]> = stream.chunks(1).collect();
            prop_assert_eq!(&messages(&bytes), &whole);
        }

        #[test]
        fn nothing_that_is_sent_panics(headers in proptest::collection::vec(any::<u8>(), 0..40)) {
            let raw = write(&headers, b"x").unwrap();
            if let Ok(message) = Message::read(&raw) {
                prop_assert_eq!(message.with_payload(&raw, b"x").unwrap(), raw);
            }
        }
    }
}

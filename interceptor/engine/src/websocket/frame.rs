//! Frames: heads read, cut out and written. Knows RFC 6455, section 5.

use bytes::{BufMut, Bytes, BytesMut};

use crate::frame::{Cutter, Framed};

/// Who sends: clients mask their frames, servers must not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// The application.
    Client,
    /// The provider.
    Server,
}

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// More of the message before.
    Continuation,
    /// A message of text, or its first part.
    Text,
    /// A message of anything, or its first part.
    Binary,
    /// The last frame of a direction.
    Close,
    /// Asks for a sign of life.
    Ping,
    /// Gives one.
    Pong,
}

impl Opcode {
    fn parse(bits: u8) -> Option<Opcode> {
        Some(match bits {
            0 => Opcode::Continuation,
            1 => Opcode::Text,
            2 => Opcode::Binary,
            8 => Opcode::Close,
            9 => Opcode::Ping,
            10 => Opcode::Pong,
            _ => return None,
        })
    }

    fn bits(self) -> u8 {
        match self {
            Opcode::Continuation => 0,
            Opcode::Text => 1,
            Opcode::Binary => 2,
            Opcode::Close => 8,
            Opcode::Ping => 9,
            Opcode::Pong => 10,
        }
    }

    /// True for what may stand between the frames of a message.
    pub fn is_control(self) -> bool {
        matches!(self, Opcode::Close | Opcode::Ping | Opcode::Pong)
    }
}

/// Why bytes are no frames that both sides read alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// An opcode or a flag that nobody agreed upon.
    #[error("an opcode or flag that was not agreed upon")]
    Reserved,
    /// A control frame that is too long or comes in parts.
    #[error("a control frame that is too long or in parts")]
    Control,
    /// A length that is not written in the shortest way, or beyond what can be.
    #[error("a length that cannot be")]
    Length,
    /// Masked where it must not be, or not where it must be.
    #[error("a mask where none may be, or none where one must be")]
    Mask,
    /// A continuation of nothing, or a message inside a message.
    #[error("parts of messages out of order")]
    Order,
    /// Compressed data that cannot be inflated.
    #[error("broken compressed data")]
    Compression,
    /// A message that grows beyond measure when it is inflated.
    #[error("a message that inflates beyond the limit")]
    Inflation,
}

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    last: bool,
    compressed: bool,
    opcode: Opcode,
    mask: Option<[u8; 4]>,
    /// Bytes of the head itself, and of what follows.
    head: usize,
    payload: usize,
}

/// Longest head.
const LONGEST_HEAD: usize = 14;
/// Longest payload of a control frame.
pub(super) const LONGEST_CONTROL: usize = 125;

impl Head {
    /// Reads a head. `None` if more bytes are needed.
    fn read(bytes: &[u8], sender: Sender, deflates: bool) -> Result<Option<Head>, Broken> {
        let [first, second, rest @ ..] = bytes else { return Ok(None) };
        let opcode = Opcode::parse(first & 0x0f).ok_or(Broken::Reserved)?;
        let compressed = first & 0x40 != 0;
        // Compression is said once for a message, in its first frame, and never of control frames.
        let may_be = deflates && matches!(opcode, Opcode::Text | Opcode::Binary);
        if first & 0x30 != 0 || (compressed && !may_be) {
            return Err(Broken::Reserved);
        }
        let last = first & 0x80 != 0;
        let masked = second & 0x80 != 0;
        if masked != (sender == Sender::Client) {
            return Err(Broken::Mask);
        }
        let short = usize::from(second & 0x7f);
        if opcode.is_control() && (short > LONGEST_CONTROL || !last) {
            return Err(Broken::Control);
        }
        let Some((payload, length)) = length(short, rest)? else { return Ok(None) };
        let mask = if masked {
            let Some(&[a, b, c, d]) = rest.get(length..length + 4) else { return Ok(None) };
            Some([a, b, c, d])
        } else {
            None
        };
        let head = 2 + length + if masked { 4 } else { 0 };
        Ok(Some(Head { last, compressed, opcode, mask, head, payload }))
    }
}

/// The payload's length, and how many bytes it took to say so.
fn length(short: usize, rest: &[u8]) -> Result<Option<(usize, usize)>, Broken> {
    let (length, taken, least) = match short {
        126 => match rest.first_chunk::<2>() {
            None => return Ok(None),
            Some(bytes) => (usize::from(u16::from_be_bytes(*bytes)), 2, 126),
        },
        127 => match rest.first_chunk::<8>() {
            None => return Ok(None),
            Some(bytes) => {
                let length = u64::from_be_bytes(*bytes);
                // The protocol keeps the highest bit free; room is left to add a head to it.
                let length = usize::try_from(length).ok().filter(|length| length >> 62 == 0);
                (length.ok_or(Broken::Length)?, 8, 1 << 16)
            }
        },
        short => return Ok(Some((short, 0))),
    };
    if length < least { Err(Broken::Length) } else { Ok(Some((length, taken))) }
}

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its bytes.
    pub framed: Framed,
    /// What it is.
    pub opcode: Opcode,
    /// True if a message ends with it.
    pub last: bool,
    /// True if the message that begins with it is compressed.
    pub compressed: bool,
    /// The key that masks it.
    pub mask: Option<[u8; 4]>,
    head: usize,
}

impl Frame {
    /// Appends the payload, unmasked.
    pub fn payload(&self, out: &mut Vec<u8>) {
        let masked = &self.framed.raw[self.head..];
        match self.mask {
            None => out.extend_from_slice(masked),
            Some(key) => out.extend(masked.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key)),
        }
    }

    /// The payload where it stands, if it is not masked.
    pub fn plain(&self) -> Option<Bytes> {
        self.mask.is_none().then(|| self.framed.raw.slice(self.head..))
    }
}

/// Cuts one direction into frames. After an error nothing more is cut.
#[derive(Debug)]
pub struct Framer {
    cutter: Cutter,
    sender: Sender,
    deflates: bool,
    failed: Option<Broken>,
}

impl Framer {
    /// A framer at the beginning of a direction.
    pub fn new(sender: Sender, deflates: bool) -> Self {
        Framer { cutter: Cutter::default(), sender, deflates, failed: None }
    }

    /// Takes a chunk. All frames of the one before must have been taken out.
    pub fn push(&mut self, chunk: Bytes) {
        self.cutter.push(chunk);
    }

    /// The next frame that is complete.
    ///
    /// # Errors
    /// What came is no frame, or none that both sides read alike.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, Broken> {
        if let Some(broken) = self.failed {
            return Err(broken);
        }
        let head = self.head().inspect_err(|broken| self.failed = Some(*broken))?;
        let Some(head) = head.filter(|head| self.cutter.pending() >= head.head + head.payload) else {
            return Ok(None);
        };
        let end = self.cutter.cut() + head.head + head.payload - self.cutter.partial().len();
        let framed = self.cutter.take(end);
        let Head { last, compressed, opcode, mask, head, .. } = head;
        Ok(Some(Frame { framed, opcode, last, compressed, mask, head }))
    }

    /// Bytes of the frame that has begun.
    pub fn pending(&self) -> usize {
        self.cutter.pending()
    }

    /// The direction has ended: a frame that is not complete, if there is one.
    pub fn finish(&mut self) -> Option<Bytes> {
        self.cutter.finish()
    }

    fn head(&self) -> Result<Option<Head>, Broken> {
        let (partial, chunk) = (self.cutter.partial(), &self.cutter.chunk()[self.cutter.cut()..]);
        if partial.is_empty() {
            return Head::read(chunk, self.sender, self.deflates);
        }
        let mut bytes = [0; LONGEST_HEAD];
        let mut read = 0;
        for (place, byte) in bytes.iter_mut().zip(partial.iter().chain(chunk)) {
            *place = *byte;
            read += 1;
        }
        Head::read(&bytes[..read], self.sender, self.deflates)
    }
}

/// A frame that is a whole, not compressed.
pub fn whole(opcode: Opcode, payload: &[u8], mask: Option<[u8; 4]>) -> Bytes {
    let mut out = BytesMut::with_capacity(LONGEST_HEAD + payload.len());
    out.put_u8(0x80 | opcode.bits());
    let flag = if mask.is_some() { 0x80 } else { 0 };
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(short @ ..126), _) => out.put_u8(flag | short),
        (_, Ok(middle)) => {
            out.put_u8(flag | 126);
            out.put_u16(middle);
        }
        _ => {
            out.put_u8(flag | 127);
            out.put_u64(payload.len() as u64);
        }
    }
    match mask {
        None => out.put_slice(payload),
        Some(key) => {
            out.put_slice(&key);
            out.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
        }
    }
    out.freeze()
}

/// A close frame. The reason is cut at a character's end to what fits.
pub fn close(code: u16, reason: &str, mask: Option<[u8; 4]>) -> Bytes {
    let mut end = reason.len().min(LONGEST_CONTROL - 2);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    let payload = [&code.to_be_bytes(), &reason.as_bytes()[..end]].concat();
    whole(Opcode::Close, &payload, mask)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

    /// The frames, and what is left or wrong.
    type Cut = (Vec<(Opcode, Vec<u8>)>, Result<Option<Bytes>, Broken>);

    fn frames(sender: Sender, chunks: &[&[u8]]) -> Cut {
        let mut framer = Framer::new(sender, false);
        let mut out = Vec::new();
        for chunk in chunks {
            framer.push(Bytes::copy_from_slice(chunk));
            loop {
                match framer.next_frame() {
                    Ok(Some(frame)) => {
                        let mut payload = Vec::new();
                        frame.payload(&mut payload);
                        out.push((frame.opcode, payload));
                    }
                    Ok(None) => break,
                    Err(broken) => return (out, Err(broken)),
                }
            }
        }
        (out, Ok(framer.finish()))
    }

    #[test]
    fn the_examples_of_the_rfc_are_read_and_written() {
        let plain = b"\x81\x05Hello";
        assert_eq!(frames(Sender::Server, &[plain]).0, [(Opcode::Text, b"Hello".to_vec())]);
        assert_eq!(whole(Opcode::Text, b"Hello", None), plain[..]);
        let masked = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
        assert_eq!(frames(Sender::Client, &[masked]).0, [(Opcode::Text, b"Hello".to_vec())]);
        assert_eq!(whole(Opcode::Text, b"Hello", Some(KEY)), masked[..]);
        let parts = b"\x01\x03Hel\x89\x05Hello\x80\x02lo";
        let kinds: Vec<Opcode> =
            frames(Sender::Server, &[parts]).0.into_iter().map(|(kind, _)| kind).collect();
        assert_eq!(kinds, [Opcode::Text, Opcode::Ping, Opcode::Continuation]);
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        for (bytes, sender, broken) in [
            (&b"\x83\x00"[..], Sender::Server, Broken::Reserved),
            (b"\xc1\x00", Sender::Server, Broken::Reserved),
            (b"\xa1\x00", Sender::Server, Broken::Reserved),
            (b"\x09\x00", Sender::Server, Broken::Control),
            (b"\x89\x7e\x00\x80", Sender::Server, Broken::Control),
            (b"\x81\x7e\x00\x05Hello", Sender::Server, Broken::Length),
            (b"\x81\x7f\x00\x00\x00\x00\x00\x00\xff\xff", Sender::Server, Broken::Length),
            (b"\x81\x7f\x80\x00\x00\x00\x00\x00\x00\x00", Sender::Server, Broken::Length),
            (b"\x81\x80\x00\x00\x00\x00", Sender::Server, Broken::Mask),
            (b"\x81\x00", Sender::Client, Broken::Mask),
        ] {
            assert_eq!(frames(sender, &[bytes]), (vec![], Err(broken)), "{bytes:x?}");
        }
    }

    #[test]
    fn a_reason_is_cut_between_characters() {
        let frame = close(1008, &"é".repeat(80), None);
        let (found, rest) = frames(Sender::Server, &[&frame]);
        assert_eq!(rest, Ok(None));
        assert_eq!(found[0].1.len(), 124);
        assert_eq!(std::str::from_utf8(&found[0].1[2..]).unwrap().chars().count(), 61);
    }

    proptest! {
        #[test]
        fn every_chunking_gives_the_same_frames(
            lengths in proptest::collection::vec(prop_oneof![0usize..20, 120usize..130, Just(65_535usize), Just(65_536usize)], 0..4),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..4),
            masked in any::<bool>(),
        ) {
            let (sender, mask) = if masked { (Sender::Client, Some(KEY)) } else { (Sender::Server, None) };
            let payloads: Vec<Vec<u8>> = lengths.iter().map(|length| vec![b'x'; *length]).collect();
            let stream: Vec<u8> = payloads.iter().flat_map(|payload| whole(Opcode::Text, payload, mask)).collect();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect();
            let (found, rest) = frames(sender, &chunks);
            prop_assert_eq!(rest, Ok(None));
            prop_assert_eq!(found, payloads.into_iter().map(|payload| (Opcode::Text, payload)).collect::<Vec<_>>());
        }

        #[test]
        fn every_prefix_and_every_cutting_fails_alike(
            bytes in proptest::collection::vec(any::<u8>(), 0..24),
            client in any::<bool>(),
        ) {
            let sender = if client { Sender::Client } else { Sender::Server };
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            let (all, cut) = (frames(sender, &[&bytes]), frames(sender, &single));
            prop_assert_eq!(all.0, cut.0);
            prop_assert_eq!(all.1.as_ref().err(), cut.1.as_ref().err());
        }
    }
}

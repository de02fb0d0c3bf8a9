//! Messages: put together from frames, inflated where they were compressed, and written anew where they were changed.
//! Knows order and compression. Does not know what a message says.

use bytes::{Bytes, BytesMut};
use flate2::{Decompress, FlushDecompress, Status};

use super::extension::Deflate;
use super::frame::{Broken, Frame, Framer, Opcode, Sender, whole};
use crate::frame::Framed;

/// What comes out of a direction, in the order in which it became complete.
#[derive(Debug)]
pub enum Unit {
    /// A ping, pong or close. It overtakes a message between whose frames it stands.
    Control(Frame),
    /// A message.
    Message(Message),
}

/// A whole message.
pub struct Message {
    /// All its frames.
    pub framed: Framed,
    /// What it says.
    pub payload: Bytes,
    /// Text or binary.
    pub opcode: Opcode,
    /// What to send in its place. See [`Message::rewritten`].
    pub writing: Writing,
}

/// How a message has to be sent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Writing {
    /// The key of its first frame. A new one would need randomness, and this one is the client's own and as hard to
    /// foresee as it ever was.
    mask: Option<[u8; 4]>,
    opcode: Opcode,
    in_window: bool,
}

impl Writing {
    /// How a control frame is written.
    pub fn of_control(frame: &Frame) -> Writing {
        Writing { mask: frame.mask, opcode: frame.opcode, in_window: false }
    }

    /// True if the message was compressed with regard to those before it, and those behind it may be with regard to
    /// it. A receiver that does not get it as it came can read none of them as they came.
    pub fn is_in_window(self) -> bool {
        self.in_window
    }

    /// The message with this payload: one frame, not compressed, which every receiver takes (RFC 7692, 6).
    pub fn rewritten(self, payload: &[u8]) -> Bytes {
        whole(self.opcode, payload, self.mask)
    }
}

/// Puts the messages of one direction together.
pub struct Messages {
    framer: Framer,
    deflate: Option<Deflate>,
    sender: Sender,
    /// Made with the first compressed message.
    inflater: Option<Decompress>,
    open: Option<Open>,
    failed: Option<Broken>,
    /// The frames that cannot be read.
    stuck: BytesMut,
    /// Longest payload that a message may inflate to.
    limit: usize,
}

/// A message whose last frame has not come.
struct Open {
    opcode: Opcode,
    mask: Option<[u8; 4]>,
    compressed: bool,
    raw: BytesMut,
    payload: Vec<u8>,
}

impl Messages {
    /// The beginning of a direction. No message may inflate to more than `limit` bytes.
    pub fn new(sender: Sender, deflate: Option<Deflate>, limit: usize) -> Self {
        let framer = Framer::new(sender, deflate.is_some());
        Messages {
            framer,
            deflate,
            sender,
            inflater: None,
            open: None,
            failed: None,
            stuck: BytesMut::new(),
            limit,
        }
    }

    /// Takes a chunk. Everything that was complete before must have been taken out.
    pub fn push(&mut self, chunk: Bytes) {
        self.framer.push(chunk);
    }

    /// What is complete next.
    ///
    /// # Errors
    /// See [`Broken`]; nothing more can be read then.
    pub fn next_unit(&mut self) -> Result<Option<Unit>, Broken> {
        match self.failed {
            Some(broken) => Err(broken),
            None => self.read().inspect_err(|broken| self.failed = Some(*broken)),
        }
    }

    fn read(&mut self) -> Result<Option<Unit>, Broken> {
        while let Some(frame) = self.framer.next_frame()? {
            if frame.opcode.is_control() {
                return Ok(Some(Unit::Control(frame)));
            }
            if let Some(message) = self.data(frame)? {
                return Ok(Some(Unit::Message(message)));
            }
        }
        Ok(None)
    }

    /// Bytes of the message that has begun.
    pub fn pending(&self) -> usize {
        self.framer.pending() + self.open.as_ref().map_or(0, |open| open.raw.len())
    }

    /// True if no message has begun: here another may be put in.
    pub fn is_between(&self) -> bool {
        self.pending() == 0
    }

    /// The direction has ended, or is not to be read any more: what has begun and is not complete.
    pub fn finish(&mut self) -> Option<Bytes> {
        let mut raw = self.open.take().map_or_else(BytesMut::new, |open| open.raw);
        raw.unsplit(self.stuck.split());
        let rest = self.framer.finish();
        if raw.is_empty() {
            return rest;
        }
        raw.extend_from_slice(&rest.unwrap_or_default());
        Some(raw.freeze())
    }

    /// Takes a frame of data; gives the message that is complete with it.
    fn data(&mut self, frame: Frame) -> Result<Option<Message>, Broken> {
        if (frame.opcode == Opcode::Continuation) != self.open.is_some() {
            self.stuck.extend_from_slice(&frame.framed.raw);
            return Err(Broken::Order);
        }
        if self.open.is_none() && frame.last {
            return self.single(frame).map(Some);
        }
        let open = self.open.get_or_insert_with(|| Open {
            opcode: frame.opcode,
            mask: frame.mask,
            compressed: frame.compressed,
            raw: BytesMut::new(),
            payload: Vec::new(),
        });
        open.raw.extend_from_slice(&frame.framed.raw);
        frame.payload(&mut open.payload);
        if !frame.last {
            return Ok(None);
        }
        let Some(open) = self.open.take() else { return Ok(None) };
        let framed = Framed { raw: open.raw.freeze(), within: None };
        self.complete(framed, open.opcode, open.mask, open.compressed, open.payload.into()).map(Some)
    }

    /// A message of one frame.
    fn single(&mut self, frame: Frame) -> Result<Message, Broken> {
        let payload = frame.plain().unwrap_or_else(|| {
            let mut payload = Vec::new();
            frame.payload(&mut payload);
            payload.into()
        });
        self.complete(frame.framed, frame.opcode, frame.mask, frame.compressed, payload)
    }

    fn complete(
        &mut self,
        framed: Framed,
        opcode: Opcode,
        mask: Option<[u8; 4]>,
        compressed: bool,
        payload: Bytes,
    ) -> Result<Message, Broken> {
        let payload = if compressed {
            self.inflate(&payload).inspect_err(|_| self.stuck.extend_from_slice(&framed.raw))?
        } else {
            payload
        };
        let writing = Writing { mask, opcode, in_window: compressed && !self.starts_anew() };
        Ok(Message { framed, payload, opcode, writing })
    }

    fn starts_anew(&self) -> bool {
        self.deflate.is_some_and(|deflate| deflate.starts_anew(self.sender))
    }

    /// Undoes the compression of a message. The sender has left out the four bytes that end a flush (RFC 7692, 7.2.2).
    fn inflate(&mut self, payload: &[u8]) -> Result<Bytes, Broken> {
        let starts_anew = self.starts_anew();
        let inflater = self.inflater.get_or_insert_with(|| Decompress::new(false));
        if starts_anew {
            inflater.reset(false);
        }
        let mut out = Vec::with_capacity(payload.len().saturating_mul(3).clamp(64, 64 * 1024));
        for part in [payload, &[0x00, 0x00, 0xff, 0xff]] {
            // A sender may end its stream with each message; what it sends next begins another.
            if !inflate_part(inflater, part, &mut out, self.limit)? {
                inflater.reset(false);
                break;
            }
        }
        Ok(out.into())
    }
}

/// Inflates a part of a message; false if the compressed stream ended in it.
fn inflate_part(
    inflater: &mut Decompress,
    part: &[u8],
    out: &mut Vec<u8>,
    limit: usize,
) -> Result<bool, Broken> {
    let mut at = 0;
    loop {
        if out.len() == out.capacity() {
            if out.len() > limit {
                return Err(Broken::Inflation);
            }
            out.reserve(out.len().max(1024));
        }
        let (before_in, before_out) = (inflater.total_in(), out.len());
        let status = inflater
            .decompress_vec(&part[at..], out, FlushDecompress::Sync)
            .map_err(|_| Broken::Compression)?;
        let taken = usize::try_from(inflater.total_in() - before_in).map_err(|_| Broken::Compression)?;
        at += taken;
        if out.len() > limit {
            return Err(Broken::Inflation);
        }
        if status == Status::StreamEnd {
            return Ok(false);
        }
        // All is read, and there was room for more than came.
        if at == part.len() && out.len() < out.capacity() {
            return Ok(true);
        }
        if taken == 0 && out.len() == before_out && out.len() < out.capacity() {
            return Err(Broken::Compression);
        }
    }
}

// A message is payload, and payload is not for logs.
impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Message({:?}, {} bytes)", self.opcode, self.payload.len())
    }
}

impl std::fmt::Debug for Messages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Messages({:?}, {} pending)", self.sender, self.pending())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::websocket::{Agreement, close};
    use flate2::{Compress, Compression, FlushCompress};
    use proptest::prelude::*;

    /// A sender that compresses with or without regard to what it sent before.
    struct Deflater {
        compress: Compress,
        starts_anew: bool,
    }

    impl Deflater {
        fn message(&mut self, payload: &[u8], parts: usize) -> Vec<u8> {
            if self.starts_anew {
                self.compress.reset();
            }
            let mut out = Vec::with_capacity(payload.len() + 1_024);
            self.compress.compress_vec(payload, &mut out, FlushCompress::Sync).unwrap();
            assert!(out.ends_with(&[0, 0, 0xff, 0xff]));
            out.truncate(out.len() - 4);
            frames_of(&out, parts, true)
        }
    }

    /// A server's message in so many frames.
    fn frames_of(payload: &[u8], parts: usize, compressed: bool) -> Vec<u8> {
        let size = payload.len().div_ceil(parts).max(1);
        let mut chunks: Vec<&[u8]> = payload.chunks(size).collect();
        if chunks.is_empty() {
            chunks.push(b"");
        }
        let mut out = Vec::new();
        for (number, chunk) in chunks.iter().enumerate() {
            let mut frame =
                whole(if number == 0 { Opcode::Text } else { Opcode::Continuation }, chunk, None).to_vec();
            if number + 1 < chunks.len() {
                frame[0] &= 0x7f;
            }
            if number == 0 && compressed {
                frame[0] |= 0x40;
            }
            out.extend(frame);
        }
        out
    }

    fn read(messages: &mut Messages, chunks: &[&[u8]]) -> Result<Vec<Message>, Broken> {
        let mut out = Vec::new();
        for chunk in chunks {
            messages.push(Bytes::copy_from_slice(chunk));
            while let Some(unit) = messages.next_unit()? {
                if let Unit::Message(message) = unit {
                    out.push(message);
                }
            }
        }
        Ok(out)
    }

    fn deflate(header: &str) -> Option<Deflate> {
        match Agreement::parse(Some(header)) {
            Agreement::Deflate(deflate) => Some(deflate),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_examples_of_the_rfc_are_inflated() {
        // RFC 7692, 7.2.3: one frame, two frames, the same again with the window kept, no compression, two blocks.
        let mut messages = Messages::new(Sender::Server, deflate("permessage-deflate"), 1_000);
        let stream: &[&[u8]] = &[
            b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00",
            b"\x41\x03\xf2\x48\xcd\x80\x04\xc9\xc9\x07\x00",
            b"\xc1\x05\xf2\x00\x11\x00\x00",
            b"\xc1\x0b\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00",
            b"\xc1\x08\xf3\x48\xcd\xc9\xc9\x07\x00\x00",
            b"\xc1\x0d\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00",
            b"\x81\x05Hello",
        ];
        let found = read(&mut messages, stream).unwrap();
        assert_eq!(found.len(), 7);
        assert!(found.iter().all(|message| message.payload == b"Hello"[..]), "{found:?}");
        assert_eq!(found.iter().map(|message| message.framed.raw.to_vec()).collect::<Vec<_>>(), stream);
    }

    #[test]
    fn only_compressed_messages_share_a_window_and_only_if_it_goes_on() {
        for (header, kept) in
            [("permessage-deflate", false), ("permessage-deflate; server_no_context_takeover", true)]
        {
            let compress = Compress::new(Compression::default(), false);
            let mut sender = Deflater { compress, starts_anew: kept };
            let mut messages = Messages::new(Sender::Server, deflate(header), 1_000);
            let text = b"the same words once more, the same words once more";
            for _ in 0..2 {
                let found = read(&mut messages, &[&sender.message(text, 1)]).unwrap();
                assert_eq!(found[0].payload, text[..]);
                assert_eq!(found[0].writing.is_in_window(), !kept);
            }
            assert!(!read(&mut messages, &[&frames_of(text, 1, false)]).unwrap()[0].writing.is_in_window());
        }
    }

    #[test]
    fn parts_out_of_order_and_bombs_are_refused() {
        let fails = |chunk: &[u8]| {
            read(&mut Messages::new(Sender::Server, deflate("permessage-deflate"), 100_000), &[chunk])
                .unwrap_err()
        };
        assert_eq!(fails(b"\x80\x00"), Broken::Order);
        assert_eq!(fails(b"\x01\x00\x01\x00"), Broken::Order);
        assert_eq!(fails(b"\xc1\x02\xff\xff"), Broken::Compression);
        let mut sender =
            Deflater { compress: Compress::new(Compression::default(), false), starts_anew: false };
        assert_eq!(fails(&sender.message(&vec![b'a'; 200_000], 1)), Broken::Inflation);
    }

    #[test]
    fn a_control_frame_overtakes_the_message_around_it() {
        let mut messages = Messages::new(Sender::Server, None, 1_000);
        let stream = [&b"\x01\x03Hel"[..], &close(1000, "", None), b"\x80\x02lo"].concat();
        messages.push(stream.into());
        let first = messages.next_unit().unwrap().unwrap();
        assert!(matches!(first, Unit::Control(frame) if frame.opcode == Opcode::Close));
        assert!(!messages.is_between());
        let second = messages.next_unit().unwrap().unwrap();
        assert!(matches!(second, Unit::Message(message) if message.payload == b"Hello"[..]));
        assert!(messages.is_between());
    }

    proptest! {
        #[test]
        fn every_chunking_gives_the_same_messages(
            texts in proptest::collection::vec(("[a-c]{0,300}", 1usize..4, any::<bool>()), 0..6),
            size in 1usize..40,
            starts_anew in any::<bool>(),
        ) {
            let header = if starts_anew { "permessage-deflate; server_no_context_takeover" } else { "permessage-deflate" };
            let mut sender = Deflater { compress: Compress::new(Compression::fast(), false), starts_anew };
            let mut stream = Vec::new();
            for (text, parts, compressed) in &texts {
                stream.extend(match compressed {
                    true => sender.message(text.as_bytes(), *parts),
                    false => frames_of(text.as_bytes(), *parts, false),
                });
            }
            let chunks: Vec<&[u8]> = stream.chunks(size).collect();
            let mut messages = Messages::new(Sender::Server, deflate(header), 1_000);
            let found = read(&mut messages, &chunks).unwrap();
            let expected: Vec<&[u8]> = texts.iter().map(|(text, ..)| text.as_bytes()).collect();
            prop_assert_eq!(found.iter().map(|message| &message.payload[..]).collect::<Vec<_>>(), expected);
            let raw: Vec<u8> = found.iter().flat_map(|message| message.framed.raw.to_vec()).collect();
            prop_assert_eq!(raw, stream);
            prop_assert!(messages.finish().is_none());
        }

        #[test]
        fn nothing_that_is_sent_panics(bytes in proptest::collection::vec(any::<u8>(), 0..60), cut in 0usize..60) {
            let cut = cut.min(bytes.len());
            let mut whole = Messages::new(Sender::Server, deflate("permessage-deflate"), 1_000);
            let mut halves = Messages::new(Sender::Server, deflate("permessage-deflate"), 1_000);
            let read = |messages: &mut Messages, chunks: &[&[u8]]| {
                read(messages, chunks).map(|found| found.into_iter().map(|message| message.payload).collect::<Vec<_>>())
            };
            prop_assert_eq!(read(&mut whole, &[&bytes]), read(&mut halves, &[&bytes[..cut], &bytes[cut..]]));
        }
    }
}

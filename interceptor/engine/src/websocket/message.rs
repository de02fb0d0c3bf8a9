//! Messages: put together from frames, inflated where they were compressed, and written anew where they were changed.
//! Knows order and compression. Does not know what a message says.

#[cfg(test)]
mod tests;

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

//! Cuts a stream of chunks into frames, without copying a frame that lies in one chunk.
//! Knows where the last frame ended. Does not know what ends one: that is each framing's own business.

use std::fmt;
use std::ops::Range;

use bytes::{Bytes, BytesMut};

/// A frame as it came.
#[derive(Clone, PartialEq, Eq)]
pub struct Framed {
    /// All its bytes.
    pub raw: Bytes,
    /// Where they lie in the chunk that was pushed last, if they all do.
    pub within: Option<Range<usize>>,
}

/// The bytes between the last frame's end and the last chunk's.
#[derive(Default)]
pub(crate) struct Cutter {
    /// A frame whose end has not come.
    partial: BytesMut,
    /// The chunk that is being cut, and how far it is cut.
    chunk: Bytes,
    cut: usize,
}

impl Cutter {
    /// Takes a chunk. All frames of the one before must have been taken out.
    pub(crate) fn push(&mut self, chunk: Bytes) {
        self.keep_rest();
        self.chunk = chunk;
    }

    /// The chunk that was pushed last.
    pub(crate) fn chunk(&self) -> &[u8] {
        &self.chunk
    }

    /// What came before the chunk and belongs to no frame yet.
    pub(crate) fn partial(&self) -> &[u8] {
        &self.partial
    }

    /// Where the last frame ended in the chunk.
    pub(crate) fn cut(&self) -> usize {
        self.cut
    }

    /// The frame that ends before offset `end` of the chunk.
    pub(crate) fn take(&mut self, end: usize) -> Framed {
        let range = self.cut..end;
        self.cut = end;
        let piece = self.chunk.slice(range.clone());
        if self.partial.is_empty() {
            return Framed { raw: piece, within: Some(range) };
        }
        self.partial.extend_from_slice(&piece);
        Framed { raw: self.partial.split().freeze(), within: None }
    }

    /// Bytes of the frame that has begun.
    pub(crate) fn pending(&self) -> usize {
        self.partial.len() + self.chunk.len() - self.cut
    }

    /// The stream has ended: what is left, if anything.
    pub(crate) fn finish(&mut self) -> Option<Bytes> {
        self.keep_rest();
        let rest = self.partial.split().freeze();
        (!rest.is_empty()).then_some(rest)
    }

    fn keep_rest(&mut self) {
        let rest = &self.chunk[self.cut..];
        self.partial.extend_from_slice(rest);
        self.chunk = Bytes::new();
        self.cut = 0;
    }
}

// Frames are payload, and payload is not for logs: how long they are has to do.
impl fmt::Debug for Framed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Framed({} bytes, within {:?})", self.raw.len(), self.within)
    }
}

impl fmt::Debug for Cutter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cutter({} pending)", self.pending())
    }
}

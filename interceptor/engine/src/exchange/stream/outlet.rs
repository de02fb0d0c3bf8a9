//! Where events leave. Knows slices and edits. Does not know why an event was held, or for how long.

use std::ops::Range;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::edit::{self, Edit};
use crate::exchange::channel::Piece;

/// An event that has not left.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) raw: Bytes,
    /// Where it lies in the chunk that is being read.
    pub(super) within: Option<Range<usize>>,
    pub(super) pieces: SmallVec<[Piece; 1]>,
    pub(super) edits: Vec<Edit>,
}

/// Hands events on. Neighbours in one chunk that leave together leave as one slice of it, so that what came in
/// one chunk goes on in one.
pub(super) struct Outlet<'a> {
    chunk: Bytes,
    run: Range<usize>,
    out: &'a mut Vec<Bytes>,
}

impl<'a> Outlet<'a> {
    pub(super) fn new(chunk: Bytes, out: &'a mut Vec<Bytes>) -> Self {
        Outlet { chunk, run: 0..0, out }
    }

    pub(super) fn send(&mut self, held: Held) {
        match held.within {
            Some(range) if held.edits.is_empty() => {
                if range.start != self.run.end || self.run.is_empty() {
                    self.flush();
                    self.run = range.start..range.start;
                }
                self.run.end = range.end;
            }
            _ => {
                self.flush();
                let mut edits = held.edits;
                edits.sort_by_key(|edit| edit.range.start);
                edit::apply(&[held.raw], &edits, self.out);
            }
        }
    }

    pub(super) fn flush(&mut self) {
        if !self.run.is_empty() {
            self.out.push(self.chunk.slice(self.run.clone()));
            self.run = 0..0;
        }
    }
}

//! Where frames leave. Knows slices and edits. Does not know why a frame was held, or for how long.

use std::ops::Range;

use bytes::Bytes;
use smallvec::SmallVec;

use super::framing::Shell;
use crate::edit::{self, Edit};
use crate::exchange::channel::Piece;

/// A frame that has not left.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) raw: Bytes,
    /// Where it lies in the chunk that is being read.
    pub(super) within: Option<Range<usize>>,
    /// What pieces and edits are in.
    pub(super) document: Bytes,
    pub(super) shell: Shell,
    pub(super) pieces: SmallVec<[Piece; 1]>,
    pub(super) edits: Vec<Edit>,
}

/// Hands frames on. Neighbours in one chunk that leave together leave as one slice of it, so that what came in
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

    /// Hands a frame on; `anew` even if nothing in it was changed. True if it was written anew.
    pub(super) fn send(&mut self, held: Held, anew: bool) -> bool {
        let anew = anew || !held.edits.is_empty();
        match held.within {
            Some(range) if !anew => {
                if range.start != self.run.end || self.run.is_empty() {
                    self.flush();
                    self.run = range.start..range.start;
                }
                self.run.end = range.end;
            }
            _ if !anew => self.aside(held.raw),
            _ => {
                self.flush();
                let mut edits = held.edits;
                edits.sort_by_key(|edit| edit.range.start);
                let mut document = Vec::new();
                edit::apply(&[held.document], &edits, &mut document);
                held.shell.close(&held.raw, document, self.out);
            }
        }
        anew
    }

    /// Hands bytes on that wait for nothing.
    pub(super) fn aside(&mut self, bytes: Bytes) {
        self.flush();
        self.out.push(bytes);
    }

    pub(super) fn flush(&mut self) {
        if !self.run.is_empty() {
            self.out.push(self.chunk.slice(self.run.clone()));
            self.run = 0..0;
        }
    }
}

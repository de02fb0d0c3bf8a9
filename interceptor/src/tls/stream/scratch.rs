//! Memory for one call, shared by all connections of a thread.
//! Knows its size and its shelf. Does not know what is put in.

use std::cell::RefCell;
use std::io::{self, IoSlice};

/// Enough for the largest incomplete message that rustls keeps (64 KiB and headers) and for as much again to
/// be read; also for 64 KiB of plaintext as records.
const SIZE: usize = 144 * 1024;
/// The most that one call reads.
const MAX_READ: usize = 64 * 1024;
/// A connection over a connection, or a joined write, takes two at a time.
const SHELF: usize = 3;

thread_local! {
    static FREE: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
}

/// A block, put back on the shelf when it is dropped.
pub(super) struct Scratch(Box<[u8]>);

impl Scratch {
    pub(super) fn take() -> Self {
        let shelved = FREE.with_borrow_mut(Vec::pop);
        Self(shelved.unwrap_or_else(|| vec![0; SIZE].into_boxed_slice()))
    }

    /// Room for `head` bytes that are known already, and the room to read into after them.
    pub(super) fn split(&mut self, head: usize) -> io::Result<(&mut [u8], &mut [u8])> {
        let end = (head + MAX_READ).min(SIZE);
        if head >= end {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a TLS message that does not end"));
        }
        Ok(self.0[..end].split_at_mut(head))
    }

    pub(super) fn filled(&mut self, len: usize) -> &mut [u8] {
        &mut self.0[..len]
    }

    pub(super) fn all(&mut self) -> &mut [u8] {
        &mut self.0
    }

    /// Copies the slices one after the other, `most` bytes at most, and returns how many.
    pub(super) fn join(&mut self, slices: &[IoSlice<'_>], most: usize) -> usize {
        let mut len = 0;
        for slice in slices {
            let part = slice.len().min(most - len);
            self.0[len..len + part].copy_from_slice(&slice[..part]);
            len += part;
        }
        len
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let block = std::mem::take(&mut self.0);
        FREE.with_borrow_mut(|free| {
            if free.len() < SHELF {
                free.push(block);
            }
        });
    }
}

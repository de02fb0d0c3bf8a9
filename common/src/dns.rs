//! Reads DNS answers for addresses of names in the catalogue. Pure and without allocation: the BPF program drives it
//! over a packet, the tests and the fuzzer over a slice. Knows the wire format of RFC 1035. Does not know who sent an
//! answer, nor what becomes of an address.
//!
//! The question decides: once it names an endpoint, every A and AAAA record of class IN in the answer section counts,
//! whoever owns it, because between the two lies at most a chain of aliases. Names of records are skipped and never
//! followed, so that there is no compression loop to be caught in.
//!
//! Written for the verifier of 5.15, which has no `bpf_loop` and simulates every turn of a loop. A turn therefore
//! takes its state from memory ([`World::state`]) and leaves it there: what the verifier reads from memory it takes
//! for any number, so that all paths through one turn look alike at the next and are followed once. What is asked both
//! before and after a loop is kept there as well: in a register it would be known on each path, and the loop would be
//! followed once for each.

mod answers;
mod name;
mod question;
#[cfg(test)]
mod tests;

use crate::Address;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

pub use answers::{MAX_RECORDS, MAX_TURNS, Walked, answers};
pub use name::{LABELS, Label, NameEdge, NameKey};
pub use question::{Asked, question};

/// The port that answers come from.
pub const PORT: u16 = 53;
/// Longest message that is read.
pub const MAX_MESSAGE: usize = 4096;
/// The type of HTTPS records, which carry addresses, QUIC and ECH parameters of a name.
pub const HTTPS: u16 = 65;

/// Bytes of a message before its question.
const HEADER: u32 = 12;
/// The class of everything on the internet.
const IN: u16 = 1;

/// In the second word of a message: that it is an answer, what was to be done, that it is cut off, and what came of it.
const IS_ANSWER: u16 = 1 << 15;
const OPERATION: u16 = 0b1111 << 11;
const IS_TRUNCATED: u16 = 1 << 9;
const OUTCOME: u16 = 0b1111;

/// What the reader may ask and tell.
pub trait World {
    /// Length of the message in bytes.
    fn end(&self) -> u32;
    /// One byte of the message; anything where `at` is past the end. The reader compares with [`World::end`] first.
    fn byte(&self, at: u32) -> u8;
    /// Two bytes of the message as they are.
    #[inline(always)]
    fn pair(&self, at: u32) -> [u8; 2] {
        [self.byte(at), self.byte(at.wrapping_add(1))]
    }
    /// Four bytes of the message as they are.
    #[inline(always)]
    fn quad(&self, at: u32) -> [u8; 4] {
        let at = |n: u32| self.byte(at.wrapping_add(n));
        [at(0), at(1), at(2), at(3)]
    }
    /// A step through the names of the catalogue.
    fn edge(&self, key: &NameKey) -> Option<NameEdge>;
    /// An address of the name that was asked for, whose provider is in [`World::state`].
    fn learn(&mut self, address: Address);
    /// Where the reader keeps its place. Asked for anew in every turn of a loop.
    fn state(&mut self) -> &mut State;
}

/// The reader's place in a message.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoBytes, FromBytes, Immutable, KnownLayout)]
pub struct State {
    /// The next byte to be read.
    at: u32,
    /// Records that are still to come.
    records: u32,
    /// Bytes of the current label that are still to come.
    left: u32,
    /// Labels that are complete.
    count: u32,
    /// Whose name was asked for.
    provider: u32,
    /// The type of record that was asked for.
    kind: u16,
    /// The second word of the message.
    flags: u16,
    /// Records in the answer section, as the head says.
    answers: u32,
    /// Always zero.
    pad: u32,
    /// The current label.
    label: Label,
    /// The last labels that are complete, each at its number modulo the length.
    labels: [Label; LABELS as usize],
}
const _: () = assert!(size_of::<State>() == 48 + 16 * LABELS as usize);

impl State {
    /// Before the first byte.
    pub const NEW: Self = Self {
        at: 0,
        records: 0,
        left: 0,
        count: 0,
        provider: 0,
        kind: 0,
        flags: 0,
        answers: 0,
        pad: 0,
        label: Label::EMPTY,
        labels: [Label::EMPTY; LABELS as usize],
    };

    /// Whose name was asked for, once the question was read: 0 if nobody's of the catalogue.
    #[inline(always)]
    #[must_use]
    pub const fn provider(&self) -> u32 {
        self.provider
    }

    /// Whether the answer did not fit, and will be asked for over TCP.
    #[inline(always)]
    #[must_use]
    pub const fn is_truncated(&self) -> bool {
        self.flags & IS_TRUNCATED != 0
    }

    /// Whether the question could be answered.
    #[inline(always)]
    #[must_use]
    pub const fn is_success(&self) -> bool {
        self.flags & OUTCOME == 0
    }

    /// Whether the answer offers HTTPS records. An empty one offers nothing, and may as well arrive.
    #[inline(always)]
    #[must_use]
    pub const fn is_service(&self) -> bool {
        self.kind == HTTPS && self.is_success() && self.answers != 0
    }
}

/// What one turn of a loop came to.
enum Turn {
    More,
    Done,
    Broken,
}

/// A number of two bytes. The caller has compared with the end.
#[inline(always)]
fn number(world: &impl World, at: u32) -> u16 {
    u16::from_be_bytes(world.pair(at))
}

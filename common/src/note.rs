//! How the guard of interfaces tells packets of sockets from packets that somebody made up: the egress guard, which sees
//! what sockets send, notes whatever begins something, and what comes out of a namespace without a note is raw.
//!
//! Only what begins a flow is noted and looked for, so that a note that is gone never hurts a flow that exists: a raw
//! TCP connection has to begin with a SYN to be of any use, and of datagrams each has a note.

use crate::Address;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Key of the map `NOTES`: a flow as it leaves the socket, whose value is when that was, nanoseconds of
/// `CLOCK_MONOTONIC`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoBytes, FromBytes, Immutable, KnownLayout)]
pub struct NoteKey {
    /// The sender's address.
    pub source: Address,
    /// Where the packet goes.
    pub destination: Address,
    /// The sender's port, host byte order; 0 where headers hide it.
    pub source_port: u16,
    /// The destination's, likewise.
    pub destination_port: u16,
    /// The protocol's number; 0 where headers hide it.
    pub protocol: u32,
}
const _: () = assert!(size_of::<NoteKey>() == 40);

impl NoteKey {
    /// How long a note counts. A packet takes microseconds from its socket to the other end of a veth, unless it waits
    /// for its neighbour's address, which the kernel asks for three times in as many seconds, or for a queue.
    pub const LIFE_NS: u64 = 10_000_000_000;
    /// How old a note gets before it is written anew: a stream of datagrams need not write one for each.
    const RENEWAL_NS: u64 = 1_000_000_000;

    /// The key of a packet whose addresses alone can be told.
    #[inline(always)]
    #[must_use]
    pub const fn of_addresses(source: Address, destination: Address) -> Self {
        Self { source, destination, source_port: 0, destination_port: 0, protocol: 0 }
    }

    /// Whether a note that was made `at` counts `now`.
    #[inline(always)]
    #[must_use]
    pub const fn counts(at: u64, now: u64) -> bool {
        // On another processor the clock may be a little behind.
        now.saturating_sub(at) < Self::LIFE_NS
    }

    /// Whether it is to be written anew.
    #[inline(always)]
    #[must_use]
    pub const fn is_due(at: u64, now: u64) -> bool {
        now.saturating_sub(at) >= Self::RENEWAL_NS
    }
}

/// Value of the map `INTERFACES`, whose key is an interface's index: the raw packets to endpoints that came out of it.
/// An interface is guarded because it has one of these.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, IntoBytes, FromBytes, Immutable, KnownLayout)]
pub struct RawPackets {
    /// Those that went on.
    pub left: u64,
    /// Those that were dropped.
    pub dropped: u64,
}
const _: () = assert!(size_of::<RawPackets>() == 16);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_counts_for_its_life_and_on_a_clock_that_is_behind() {
        let at = 50 * NoteKey::LIFE_NS;
        assert!(NoteKey::counts(at, at) && NoteKey::counts(at, at - 1));
        assert!(NoteKey::counts(at, at + NoteKey::LIFE_NS - 1));
        assert!(!NoteKey::counts(at, at + NoteKey::LIFE_NS));
    }

    #[test]
    fn a_note_is_renewed_long_before_it_ends() {
        let at = 7;
        assert!(!NoteKey::is_due(at, at) && !NoteKey::is_due(at, at - 1));
        assert!(NoteKey::is_due(at, at + NoteKey::RENEWAL_NS));
        const { assert!(NoteKey::RENEWAL_NS * 2 < NoteKey::LIFE_NS) };
    }
}

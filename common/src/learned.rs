//! What is kept of an address that an answer gave.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Value of the map `LEARNED`, which the kernel side fills and the daemon ages. Apart from `ADDRESSES`, which only the
/// daemon fills: a flood of answers must not crowd out what the daemon knows by itself.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoBytes, FromBytes, Immutable, KnownLayout)]
pub struct Learned {
    /// When it was last in an answer, nanoseconds of `CLOCK_MONOTONIC`.
    pub at: u64,
    /// Whose name it was last given for, as the daemon numbered the providers; or [`Learned::PROXY`].
    pub provider: u32,
    /// Always zero.
    pub pad: u32,
}
const _: () = assert!(size_of::<Learned>() == 16);

impl Learned {
    /// In the place of a provider: the name is a proxy's.
    pub const PROXY: u32 = u32::MAX;
}

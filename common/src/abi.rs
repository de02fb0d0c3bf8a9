//! The version by which a daemon recognises the BPF object it was written for.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Raised whenever a shared struct, a map's name or the meaning of a field changes.
pub const ABI_VERSION: u32 = 7;

/// Placed in the object's read-only data (section `.rodata.abi`), read back by the daemon before it attaches
/// anything. Map sizes are checked as well, but a changed meaning keeps its size.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoBytes, FromBytes, Immutable, KnownLayout)]
pub struct Abi {
    /// Always [`Abi::MAGIC`]; anything else is not an object of ours.
    pub magic: u32,
    /// The [`ABI_VERSION`] that the object was built with.
    pub version: u32,
}
const _: () = assert!(size_of::<Abi>() == 8);

impl Abi {
    /// "iBPF" in ASCII, read as a little-endian number.
    pub const MAGIC: u32 = u32::from_le_bytes(*b"iBPF");
    /// What this build speaks.
    pub const CURRENT: Self = Self { magic: Self::MAGIC, version: ABI_VERSION };
}

//! The catalogue's names as the kernel side knows them: an automaton over whole labels, from the right, in one hash
//! map. The daemon compiles it; here are its keys and how a label becomes part of one.
//!
//! A label is known by a hash. That two labels share one makes the automaton wider by a name, which is harmless: the
//! ClientHello decides, an address only brings a connection to it.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Labels of the longest name that can be in the catalogue.
pub const LABELS: u32 = 16;

const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

/// A label, lower-cased and hashed (64-bit FNV-1a).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoBytes, FromBytes, Immutable, KnownLayout)]
pub struct Label {
    /// All of it.
    pub whole: u64,
    /// What follows its last dash, for patterns like `*-aiplatform`; without a dash, nothing that has a meaning.
    pub tail: u64,
}

impl Label {
    /// No byte yet.
    pub const EMPTY: Self = Self { whole: FNV_BASIS, tail: 0 };

    /// The label with one more byte. Case does not count: resolvers mix it on purpose ("0x20") and answer so. The bit
    /// that tells cases apart is set in bytes that are no letters too, because a branch here would double what the
    /// verifier follows in each turn; no two characters of host names become one by that.
    #[inline(always)]
    #[must_use]
    pub const fn and(self, byte: u8) -> Self {
        let byte = byte | 0x20;
        let tail = if byte == b'-' { FNV_BASIS } else { fold(self.tail, byte) };
        Self { whole: fold(self.whole, byte), tail }
    }

    /// A label as text.
    #[must_use]
    pub const fn of(text: &[u8]) -> Self {
        let mut label = Self::EMPTY;
        let mut at = 0;
        while at < text.len() {
            label = label.and(text[at]);
            at += 1;
        }
        label
    }
}

#[inline(always)]
const fn fold(hash: u64, byte: u8) -> u64 {
    (hash ^ byte as u64).wrapping_mul(FNV_PRIME)
}

/// Key of the map `NAMES`: a node of the automaton, and what it is left by.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoBytes, FromBytes, Immutable, KnownLayout)]
pub struct NameKey {
    /// The node.
    pub node: u32,
    /// What `label` is: one of the constants here.
    pub kind: u32,
    /// Hash of a label or of its tail; 0 where any label will do.
    pub label: u64,
}
const _: () = assert!(size_of::<NameKey>() == 16);

impl NameKey {
    const WHOLE: u32 = 1;
    const TAIL: u32 = 2;
    const ANY: u32 = 3;

    /// Leads to the node at which names begin. One entry, so that replacing it replaces all names at once.
    pub const ROOT: Self = Self { node: 0, kind: 0, label: 0 };

    /// Out of `node` by exactly this label.
    #[inline(always)]
    #[must_use]
    pub const fn whole(node: u32, label: Label) -> Self {
        Self { node, kind: Self::WHOLE, label: label.whole }
    }

    /// Out of `node` by any label that ends so after its last dash.
    #[inline(always)]
    #[must_use]
    pub const fn tail(node: u32, label: Label) -> Self {
        Self { node, kind: Self::TAIL, label: label.tail }
    }

    /// Out of `node` by any other label.
    #[inline(always)]
    #[must_use]
    pub const fn any(node: u32) -> Self {
        Self { node, kind: Self::ANY, label: 0 }
    }
}

/// Value of the map `NAMES`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoBytes, FromBytes, Immutable, KnownLayout)]
pub struct NameEdge {
    /// The node it leads to.
    pub next: u32,
    /// Whose name it is if it ends here, or 0 if none does.
    pub provider: u32,
}
const _: () = assert!(size_of::<NameEdge>() == 8);

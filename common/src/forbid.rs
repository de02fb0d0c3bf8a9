//! Verdicts that hold before anything is sent: who may not call which provider, by which rule, and how often it was
//! tried. Knows keys and values of the maps. Does not know policy: the daemon enters what is certain.
//!
//! Callers are forbidden what their class is forbidden: a node has many callers and few policies, and who runs a hundred
//! workloads must not have a hundred entries for each of two hundred providers. A class is the daemon's own number, as a
//! provider's is.
//!
//! A verdict is about a provider and not about an address, so that an address which becomes a provider's needs no entry
//! of its own. Whose an address is, the connect hook takes from `ADDRESSES` alone, which the daemon fills with what it
//! asked for by itself. `LEARNED` would be quicker, but a tenant that poses as a resolver writes into it, and could have
//! its neighbour's address refused. Answers to applications count against a verdict only: an address that they give for
//! another name as well decides nothing, and the daemon is brought the connection as ever.

use crate::Address;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Key of the map `CALLERS`: of whom is more forbidden than of everyone?
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoBytes, FromBytes, Immutable, KnownLayout)]
pub struct CallerKey {
    /// Id of the control group of the calling task.
    pub cgroup: u64,
    /// Its user in the initial user namespace, or [`CallerKey::ANYONE`].
    pub uid: u32,
    /// Always zero.
    pub pad: u32,
}
const _: () = assert!(size_of::<CallerKey>() == 16);

impl CallerKey {
    /// No user has this number. It stands for all users of a control group of whom nothing else is said.
    pub const ANYONE: u32 = u32::MAX;

    /// One user in a control group.
    #[inline(always)]
    #[must_use]
    pub const fn user(cgroup: u64, uid: u32) -> Self {
        Self { cgroup, uid, pad: 0 }
    }

    /// The other users of a control group.
    #[inline(always)]
    #[must_use]
    pub const fn group(cgroup: u64) -> Self {
        Self::user(cgroup, Self::ANYONE)
    }
}

/// Value of the map `CALLERS`: which class a caller is of.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoBytes, FromBytes, Immutable, KnownLayout)]
pub struct Class {
    /// Its number; never [`Class::EVERYONE`].
    pub number: u32,
    /// The policy that it is a class of, see [`Forbidden::generation`].
    pub generation: u32,
}
const _: () = assert!(size_of::<Class>() == 8);

impl Class {
    /// The class that every caller is of, besides his own.
    pub const EVERYONE: u32 = 0;
}

/// Key of the map `FORBIDDEN`: who may not call whom.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoBytes, FromBytes, Immutable, KnownLayout)]
pub struct ForbiddenKey {
    /// The class of callers.
    pub class: u32,
    /// The provider, as the daemon numbered it.
    pub provider: u32,
}
const _: () = assert!(size_of::<ForbiddenKey>() == 8);

impl ForbiddenKey {
    /// Nobody may call the provider.
    #[inline(always)]
    #[must_use]
    pub const fn everyone(provider: u32) -> Self {
        Self { class: Class::EVERYONE, provider }
    }
}

/// Value of the map `FORBIDDEN`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoBytes, FromBytes, Immutable, KnownLayout)]
pub struct Forbidden {
    /// The policy by which it was entered. It counts while `Config::generation` is the same, so that a new policy is in
    /// force at once, whatever is still to be removed.
    pub generation: u32,
    /// Number of the rule in that policy; never 0.
    pub rule: u32,
    /// [`Forbidden::ANYWHERE`].
    pub flags: u32,
    /// Always zero.
    pub pad: u32,
}
const _: () = assert!(size_of::<Forbidden>() == 16);

impl Forbidden {
    /// It holds even at an address that was given for other names, too.
    pub const ANYWHERE: u32 = 1;

    /// Whether it is in force. Whether the address is shared costs look-ups, and is asked last.
    #[inline(always)]
    #[must_use]
    pub fn holds(&self, generation: u32, is_shared: impl FnOnce() -> bool) -> bool {
        self.generation == generation && (self.flags & Self::ANYWHERE != 0 || !is_shared())
    }
}

/// By what an attempt was refused.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoBytes, FromBytes, Immutable, KnownLayout)]
pub struct Verdict {
    /// The provider whose address it was.
    pub provider: u32,
    /// See [`Forbidden::generation`].
    pub generation: u32,
    /// See [`Forbidden::rule`]; 0 if there is no verdict.
    pub rule: u32,
}
const _: () = assert!(size_of::<Verdict>() == 12);

impl Verdict {
    /// There is none. A number and no `Option`, because the compiler leaves the inside of a `None` undefined, and the
    /// verifier refuses what it then makes of two tests in one.
    pub const NONE: Self = Self { provider: 0, generation: 0, rule: 0 };

    /// Whether there is none.
    #[inline(always)]
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.rule == 0
    }
}

/// Key of the map `REFUSALS`, whose value is how often that happened: the daemon is told of a few of many attempts by an
/// event, and of how many there were by this.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoBytes, FromBytes, Immutable, KnownLayout)]
pub struct RefusalKey {
    /// Id of the control group of the calling task.
    pub cgroup: u64,
    /// Its user.
    pub uid: u32,
    /// By what.
    pub verdict: Verdict,
}
const _: () = assert!(size_of::<RefusalKey>() == 24);

/// The key of the map `OTHERS` that is no address anybody can connect to. The map holds addresses that were given for
/// names of nobody in the catalogue, or of two; the value is when that was last, nanoseconds of `CLOCK_MONOTONIC`. Under
/// this key it is when an address found no room: until the daemon has taken that back no address is known to be one
/// provider's alone.
pub const MISSED: Address = Address::from_v6_words([0; 4]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_holds_for_its_policy_and_where_nobody_else_is() {
        let found = Forbidden { generation: 7, rule: 1, flags: 0, pad: 0 };
        assert!(found.holds(7, || false));
        assert!(!found.holds(7, || true));
        assert!(!found.holds(8, || unreachable!("of another policy nothing more is asked")));
        let anywhere = Forbidden { flags: Forbidden::ANYWHERE, ..found };
        assert!(anywhere.holds(7, || unreachable!("it does not matter")));
        assert!(!anywhere.holds(6, || unreachable!("nor does it here")));
    }
}

//! The keys of many issuers, as data: a name, a label, and the shapes that the issuer documents. One file for
//! each kind of service.

mod agent;
mod ai;
mod azure;
mod business;
mod cloud;
mod data;
mod deploy;
mod hash;
mod messaging;
mod monitoring;
mod payment;
mod saas;
mod small;
mod source;

use crate::detect::Confidence;

/// A kind of key.
#[derive(Clone, Copy, Debug)]
pub(in crate::detect) struct Key {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) description: &'static str,
    /// See [`super::shape::Shape`].
    pub(super) shapes: &'static [&'static str],
    pub(super) told: Told,
}

/// How a key is told from other things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::detect) enum Told {
    /// By constant characters in it that the pass looks for.
    Prefix,
    /// By its whole shape, wherever it stands.
    Shape,
    /// By one of these words (lower case) before it: the shape alone is that of many things.
    Words(&'static [&'static str]),
}

impl Told {
    /// What confirms a key, for lists.
    pub(super) const fn validators(self) -> &'static [&'static str] {
        match self {
            Self::Prefix => &["prefix", "alphabet and length of each part", "no placeholder"],
            Self::Shape => &["alphabet and length of each part", "unlike words"],
            Self::Words(_) => &["the service's name before it", "alphabet and length", "unlike words"],
        }
    }

    /// How sure a key of that many open characters, and that many constant ones, is.
    pub(super) fn confidence(self, open: usize, constant: usize) -> Confidence {
        match self {
            Self::Prefix if open >= 16 => Confidence::High,
            // The constant characters were not looked for, but they prove as much.
            Self::Shape if open >= 20 && constant >= 4 => Confidence::High,
            _ => Confidence::Medium,
        }
    }
}

const fn prefixed(
    name: &'static str,
    label: &'static str,
    description: &'static str,
    shapes: &'static [&'static str],
) -> Key {
    Key { name, label, description, shapes, told: Told::Prefix }
}

const fn bare(
    name: &'static str,
    label: &'static str,
    description: &'static str,
    shapes: &'static [&'static str],
) -> Key {
    Key { name, label, description, shapes, told: Told::Shape }
}

const fn announced(
    name: &'static str,
    label: &'static str,
    description: &'static str,
    words: &'static [&'static str],
    shapes: &'static [&'static str],
) -> Key {
    Key { name, label, description, shapes, told: Told::Words(words) }
}

const GROUPS: [&[Key]; 14] = [
    agent::KEYS,
    ai::KEYS,
    azure::KEYS,
    business::KEYS,
    cloud::KEYS,
    data::KEYS,
    deploy::KEYS,
    messaging::KEYS,
    monitoring::KEYS,
    payment::KEYS,
    saas::KEYS,
    small::KEYS,
    hash::KEYS,
    source::KEYS,
];

/// How many there are.
pub(super) const COUNT: usize = {
    let (mut count, mut group) = (0, 0);
    while group < GROUPS.len() {
        count += GROUPS[group].len();
        group += 1;
    }
    count
};

/// All of them.
pub(super) static KEYS: [Key; COUNT] = {
    let mut all = [GROUPS[0][0]; COUNT];
    let (mut to, mut group) = (0, 0);
    while group < GROUPS.len() {
        let mut from = 0;
        while from < GROUPS[group].len() {
            all[to] = GROUPS[group][from];
            from += 1;
            to += 1;
        }
        group += 1;
    }
    all
};

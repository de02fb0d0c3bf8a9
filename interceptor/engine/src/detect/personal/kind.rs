//! One kind of number: what it is called, how it is written, what checks it, which words announce it. The
//! tables are data; everything that reads text stands elsewhere.

use super::super::metadata::{Detector, Family, Sample};
use super::recipe::Recipe;

/// What a number is for. Words such as "tax number" announce all of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Topic {
    /// Identity cards, population registers.
    Identity,
    Tax,
    /// Social security, pensions.
    Social,
    /// Health insurance, patients.
    Health,
    Passport,
    /// Driving licences.
    Licence,
    Vehicle,
    /// Accounts and what stands for them.
    Bank,
    /// Firms.
    Company,
    /// Phones and their chips.
    Device,
    Birth,
    Post,
    Coin,
    Phone,
    /// Addresses of machines.
    Network,
    /// Announced by its own words only.
    Other,
}

impl Topic {
    /// How many there are.
    pub(super) const COUNT: usize = Self::Other as usize + 1;
}

/// Whether upper-case characters without marks can be a number of a kind.
pub(in super::super) type Check = fn(&[u8]) -> bool;

/// A kind of number and everything that tells it apart.
#[derive(Clone, Copy)]
pub(in super::super) struct Kind {
    pub(in super::super) detector: Detector,
    /// How it is written; see `form.rs`.
    pub(super) forms: &'static [&'static str],
    /// Over upper-case characters without marks.
    pub(super) check: Check,
    /// Passes what has the structure and a wrong check digit, where the structure is telling by itself: a mistyped
    /// number is still somebody's.
    pub(super) loose: Option<Check>,
    /// What is loose still has a sum over its digits: a value that stands alone may be meant as one.
    pub(super) summed: bool,
    /// One in so many strings of the form passes the check. One means that there is none.
    pub(super) odds: u32,
    pub(super) words: &'static [&'static str],
    pub(super) topic: Topic,
    /// It says where something is, and never whose it is.
    pub(super) nobodys: bool,
}

/// Fewer than one in this many pass by chance: where the form is rare, the check alone is certain.
const CERTAIN: u32 = 1000;
/// The same for digits without marks, of which there are whole tables.
const CERTAIN_BARE: u32 = 10_000;
/// Fewer than one in this many: worth reporting when the form is rare too.
const TELLING: u32 = 90;
/// Checks weaker than one digit's are none.
const CHECKED: u32 = 8;

impl Kind {
    /// The country that its name begins with: `de` of `pii.de_tax_id`.
    pub(super) fn country(&self) -> Option<[u8; 2]> {
        let name = self.detector.name.as_bytes().strip_prefix(b"pii.")?;
        (name.get(2) == Some(&b'_')).then(|| [name[0], name[1]])
    }

    /// How sure a value is without a word that announces it. `rare` says that it has marks or letters.
    pub(super) fn alone(&self, rare: bool) -> super::super::Confidence {
        use super::super::Confidence::{High, Low, Medium};
        match self.odds {
            CERTAIN.. if rare => High,
            CERTAIN_BARE.. => High,
            TELLING.. if rare => Medium,
            _ => Low,
        }
    }

    /// How sure it is with a word of its own before it, or with its topic and country.
    pub(super) fn announced(&self) -> super::super::Confidence {
        use super::super::Confidence::{High, Low, Medium};
        match self.odds {
            CHECKED.. => High,
            _ if self.nobodys => Low,
            _ => Medium,
        }
    }

    /// True if a word that only says the topic is enough to be reported at all.
    pub(super) fn is_checked(&self) -> bool {
        self.odds >= CHECKED
    }

    /// A value of its form may be meant as one of this kind, by its digits alone.
    pub(super) fn reads(&self, chars: &[u8]) -> bool {
        (self.check)(chars) || (self.summed && self.loose.is_some_and(|loose| loose(chars)))
    }

    /// Its form and check say something by themselves, and not only words.
    pub(super) fn tells(&self) -> bool {
        self.odds > 1 || self.country().is_some()
    }

    /// Every word of the topic is a word of the kind's own: only words tell it, and no country has a kind of its own.
    pub(super) fn is_whole(&self, topic: Topic) -> bool {
        let whole = matches!(topic, Topic::Birth | Topic::Passport | Topic::Licence);
        whole && self.topic == topic && self.odds == 1 && self.country().is_none()
    }

    /// What tests ask about: the check, and the structure alone.
    #[cfg(test)]
    pub(in super::super) fn rules(&self) -> (Check, Option<Check>) {
        (self.check, self.loose)
    }

    /// How its test values are made up.
    #[cfg(test)]
    pub(super) fn recipe(&self) -> Recipe {
        match self.detector.sample {
            Sample::Shaped(recipe) => recipe,
            Sample::Made(_) | Sample::Key(_) => unreachable!("kinds of the tables are shaped"),
        }
    }

    pub(super) const fn checks(mut self, checks: &'static [&'static str]) -> Self {
        self.detector.validators = checks;
        self
    }

    pub(super) const fn forms(mut self, forms: &'static [&'static str]) -> Self {
        self.forms = forms;
        self
    }

    pub(super) const fn loose(mut self, shape: fn(&[u8]) -> bool) -> Self {
        self.loose = Some(shape);
        self
    }

    pub(super) const fn summed(mut self) -> Self {
        self.summed = true;
        self
    }

    pub(super) const fn words(mut self, words: &'static [&'static str]) -> Self {
        self.words = words;
        self
    }

    pub(super) const fn topic(mut self, topic: Topic) -> Self {
        self.topic = topic;
        self
    }

    /// Maps, weather and towns are full of it. It is of low confidence, whatever announces it.
    pub(super) const fn nobodys(mut self) -> Self {
        self.nobodys = true;
        self
    }

    /// How a test value is made up; comes last, because it takes the words and the check with it.
    pub(super) const fn sample(mut self, pattern: &'static str) -> Self {
        let before = if self.words.is_empty() { "" } else { self.words[0] };
        self.detector.sample = Sample::Shaped(Recipe { before, pattern, check: self.check });
        self
    }
}

/// A kind with its check; the rest follows.
pub(super) const fn kind(
    name: &'static str,
    label: &'static str,
    description: &'static str,
    check: fn(&[u8]) -> bool,
    odds: u32,
) -> Kind {
    let sample = Sample::Shaped(Recipe { before: "", pattern: "", check });
    let detector = Detector { name, family: Family::Personal, label, description, validators: &[], sample };
    let (forms, words) = (&[], &[]);
    let (loose, summed, topic, nobodys) = (None, false, Topic::Other, false);
    Kind { detector, forms, check, loose, summed, odds, words, topic, nobodys }
}

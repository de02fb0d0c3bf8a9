//! A checked rule: every name in it exists, every pattern fits something.

use std::sync::Arc;

use super::arguments::{Given, Wanted};
use super::conditions::{Conditions, Holds, Quantifier};
use super::pattern::Patterns;
use super::{Action, Cell, Direction};
use crate::detect::{Confidence, DetectorId};

/// Whether a rule acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// It acts.
    Enforce,
    /// It is evaluated, and what it would have done is recorded.
    Shadow,
}

/// One rule of a policy.
#[derive(Debug, Clone)]
pub struct Rule {
    pub(super) name: Arc<str>,
    pub(super) directions: [bool; 2],
    pub(super) target: Target,
    pub(super) conditions: Conditions,
    pub(super) action: Action,
    pub(super) reply: Option<Arc<Reply>>,
    pub(super) headers: Headers,
    pub(super) mode: Mode,
    pub(super) at: At,
}

/// Where a rule that blocks does so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum At {
    /// Before a connection is made, where it is certain that nothing else is refused with it; otherwise in the exchange.
    #[default]
    Automatic,
    /// In the exchange, where the application is told why.
    Exchange,
    /// Before a connection is made, even if something else at the same address is refused with it.
    Connect,
}

/// What a rule is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// What detectors find.
    Findings {
        detectors: Detectors,
        confidence: Confidence,
        /// So many in one direction of an exchange.
        at_least: u32,
    },
    /// Tools that are offered or called.
    Tools(Tools),
    /// The exchange as such.
    Exchange,
}

/// Tools, and what they are called with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tools {
    /// In small letters.
    pub(super) names: Patterns,
    /// Rules that ask for this are about calls, and not about offers.
    pub(super) arguments: Option<Wanted>,
}

impl Tools {
    pub(super) fn fit(&self, name: &str) -> bool {
        self.names.fit(&name.to_ascii_lowercase())
    }

    /// A call whose tool is not named, or named twice, may be a call of any of these.
    fn fit_call(&self, names: &[String], given: &Given, quantifier: Quantifier) -> Holds {
        let mut fits = names.iter().map(|name| self.fit(name));
        let is_of_these = match quantifier {
            Quantifier::Any if names.is_empty() => self.arguments.is_some(),
            Quantifier::Any => fits.any(|fits| fits),
            Quantifier::All => !names.is_empty() && fits.all(|fits| fits),
        };
        match &self.arguments {
            _ if !is_of_these => Holds::No,
            None => Holds::Yes,
            Some(wanted) => wanted.fits(names, given, quantifier),
        }
    }
}

/// A set of detectors.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Detectors(Vec<u64>);

/// What the application is told instead of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status, 400 to 499.
    pub status: u16,
    /// In the place of the standard sentence.
    pub message: Option<Box<str>>,
}

/// What a rule does with the headers of requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers {
    /// Names, in small letters, of those that do not leave.
    pub remove: Vec<Box<str>>,
    /// Names, in small letters, of those without which a request does not leave.
    pub require: Vec<Box<str>>,
}

impl Headers {
    pub(super) fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.require.is_empty()
    }
}

impl Detectors {
    pub(super) fn insert(&mut self, detector: DetectorId) {
        let word = detector.index() / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (detector.index() % 64);
    }

    pub(super) fn contains(&self, detector: DetectorId) -> bool {
        self.0.get(detector.index() / 64).is_some_and(|word| word & (1 << (detector.index() % 64)) != 0)
    }

    pub(super) fn insert_all(&mut self, others: &Self) {
        if self.0.len() < others.0.len() {
            self.0.resize(others.0.len(), 0);
        }
        self.0.iter_mut().zip(&others.0).for_each(|(word, other)| *word |= other);
    }

    /// True if some are not in the other set.
    pub(super) fn reach_beyond(&self, others: &Self) -> bool {
        let other = |at: usize| others.0.get(at).copied().unwrap_or_default();
        self.0.iter().enumerate().any(|(at, word)| word & !other(at) != 0)
    }
}

impl Rule {
    /// Its name, unique in its policy.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// What it does.
    pub fn action(&self) -> Action {
        self.action
    }

    /// Whether it acts.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// True if it looks at this direction.
    pub fn looks_at(&self, direction: Direction) -> bool {
        self.directions[direction.index()]
    }

    /// True if it asks for what this detector finds.
    pub fn asks_for(&self, detector: DetectorId) -> bool {
        matches!(&self.target, Target::Findings { detectors, .. } if detectors.contains(detector))
    }

    pub(super) fn matches(&self, cell: Cell) -> bool {
        match &self.target {
            Target::Findings { detectors, confidence, .. } => {
                self.looks_at(cell.direction)
                    && cell.confidence >= *confidence
                    && detectors.contains(cell.detector)
            }
            Target::Tools(_) | Target::Exchange => false,
        }
    }

    /// True if it is about the call of a tool.
    pub(super) fn fits_call(&self, direction: Direction, names: &[String], given: &Given) -> bool {
        let Target::Tools(tools) = &self.target else { return false };
        self.looks_at(direction) && tools.fit_call(names, given, self.quantifier()) == Holds::Yes
    }

    /// True if it asks what the tool of this name is called with.
    pub(super) fn asks_for_arguments_of(&self, direction: Direction, name: &str) -> bool {
        let Target::Tools(tools) = &self.target else { return false };
        self.looks_at(direction) && tools.arguments.is_some() && tools.fit(name)
    }

    /// How its names are compared with what an exchange names several of.
    pub(super) fn quantifier(&self) -> Quantifier {
        if self.action == Action::Allow { Quantifier::All } else { Quantifier::Any }
    }

    /// True if it asks something of a call that cannot be said.
    pub(super) fn fails_at_call(&self, direction: Direction, names: &[String], given: &Given) -> bool {
        let Target::Tools(tools) = &self.target else { return false };
        self.looks_at(direction) && tools.fit_call(names, given, self.quantifier()) == Holds::Failed
    }

    /// True if it is about tools, whatever their names.
    pub(super) fn is_about_every_tool(&self) -> bool {
        matches!(&self.target, Target::Tools(tools) if tools.names.has_any())
    }

    /// True if it acts on every call of the endpoints it names, whatever they carry.
    pub(super) fn is_of_endpoint(&self) -> bool {
        self.target == Target::Exchange && self.headers.is_empty() && self.conditions.are_of_endpoint()
    }
}

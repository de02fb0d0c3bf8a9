//! What is known about a detector apart from its code: what policies, labels and reports need. The tables
//! stand beside the detectors, in `secret.rs` and `personal.rs`; here they become one.

use super::sample::SampleSource;
use super::{DetectorId, injection, personal, secret};

pub(super) use super::personal::{CARD, EMAIL, IBAN, PHONE, US_SSN};
pub(super) use super::secret::{
    ANTHROPIC_KEY, API_KEY, AWS_ACCESS_KEY, AWS_SECRET_KEY, GITHUB_TOKEN, JWT, OPENAI_KEY, PRIVATE_KEY,
};

/// The kinds of data, which are also the first part of a detector's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// `secret.`: whoever holds it can act as its owner.
    Secret,
    /// `pii.`: it belongs to a person.
    Personal,
    /// `risk.`: it may be written to make a model do something. Heuristics.
    Risk,
}

impl Family {
    /// The word for it in lists and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Personal => "personal",
            Self::Risk => "risk",
        }
    }

    /// The first part of the names of its detectors, with the dot.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Secret => "secret.",
            Self::Personal => "pii.",
            Self::Risk => "risk.",
        }
    }
}

/// What is known about a detector apart from its code.
#[derive(Debug, Clone, Copy)]
pub struct Detector {
    /// Stable name, used in policies and audit events.
    pub name: &'static str,
    /// The kind of data.
    pub family: Family,
    /// What stands in for the found text, without the brackets.
    pub label: &'static str,
    /// One line for people.
    pub description: &'static str,
    /// What confirms a candidate, one name for each check.
    pub validators: &'static [&'static str],
    /// Makes a text in which it finds something.
    pub(super) sample: Sample,
}

impl Detector {
    /// A text that this detector finds, made up: the value, with the words before it that it needs if it
    /// needs any. The same source gives the same texts; no value of this kind stands in a source file.
    pub fn sample(&self, source: &mut SampleSource) -> String {
        match self.sample {
            Sample::Made(make) => make(source),
            Sample::Key(key) => secret::sample(key, source),
            Sample::Shaped(recipe) => recipe.text(source),
        }
    }
}

/// How a test value comes about.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sample {
    /// By a function of the detector's own.
    Made(fn(&mut SampleSource) -> String),
    /// From the shape of a key.
    Key(&'static secret::Key),
    /// From a pattern, until a check agrees.
    Shaped(personal::Recipe),
}

/// The detectors of this build in order of their numbers: the secrets, the personal data, the risks.
const TABLES: [&[Detector]; 3] = [secret::TABLE, personal::TABLE, injection::TABLE];

/// How many there are in this build.
pub(super) const COUNT: usize = TABLES[0].len() + TABLES[1].len() + TABLES[2].len();

/// What is known about a detector, if it is one of this build.
pub(super) fn known(id: DetectorId) -> Option<&'static Detector> {
    let mut at = id.index();
    for table in TABLES {
        if let Some(detector) = table.get(at) {
            return Some(detector);
        }
        at -= table.len();
    }
    None
}

/// The id of a secret's detector, found while compiling: a name that is not in the table does not compile.
pub(super) const fn secret_id(name: &str) -> DetectorId {
    DetectorId::nth(position(secret::TABLE, name))
}

/// The id of a personal detector; see [`secret_id`].
pub(super) const fn personal_id(name: &str) -> DetectorId {
    DetectorId::nth(secret::TABLE.len() + position(personal::TABLE, name))
}

/// The id of a heuristic; see [`secret_id`].
pub(super) const fn risk_id(name: &str) -> DetectorId {
    DetectorId::nth(secret::TABLE.len() + personal::TABLE.len() + position(injection::TABLE, name))
}

const fn position(table: &[Detector], name: &str) -> usize {
    let mut at = 0;
    while at < table.len() {
        if same(table[at].name.as_bytes(), name.as_bytes()) {
            return at;
        }
        at += 1;
    }
    panic!("no detector of the table has this name")
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() && a[at] == b[at] {
        at += 1;
    }
    at == a.len()
}

/// Who confirms a literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    /// A detector of secrets.
    Secret(secret::Route),
    /// A detector of personal data.
    Personal(personal::Route),
    /// A heuristic.
    Risk(injection::Route),
}

/// A literal that announces a candidate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Literal {
    /// Three bytes or more.
    pub(super) text: &'static str,
    pub(super) route: Route,
}

/// Every literal of this build.
pub(super) fn literals() -> impl Iterator<Item = Literal> {
    let secrets = secret::literals().map(|(text, route)| (text, Route::Secret(route)));
    let personal = personal::LITERALS.iter().map(|(text, route)| (*text, Route::Personal(*route)));
    let risks = injection::LITERALS.iter().map(|(text, route)| (*text, Route::Risk(*route)));
    secrets.chain(personal).chain(risks).map(|(text, route)| Literal { text, route })
}

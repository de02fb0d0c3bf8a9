//! Finds secrets and personal data in text. Knows the shapes of keys, numbers and addresses; does not know
//! where the text came from, nor what a policy will do about a finding.
//!
//! One pass over the text looks for **anchors**: a literal that begins a key (`ghp_`), an `@`, the first
//! digit of a number. Only there a detector confirms, by a bounded look backward and forward and a
//! validator (checksum, length, structure). No regular expressions, nothing backtracks: the cost is linear
//! in the text, whoever wrote it.
//!
//! Detectors that an operator wrote run beside them, see `operator.rs`.
//!
//! Whole texts go through [`Detectors::scan`], streamed ones through [`StreamScanner`]. Both drive the same
//! machine, so that they find the same.

mod anchor;
mod aws;
mod card;
mod check;
mod email;
mod encoded;
mod github;
mod iban;
mod injection;
mod jwt;
mod machine;
mod metadata;
mod number;
mod operator;
mod pem;
mod personal;
mod phone;
mod provider_key;
mod registry;
mod sample;
mod secret;
mod seen;
mod ssn;
mod stream;
mod text;
mod tier;

use std::fmt;
use std::sync::{Arc, LazyLock};

use crate::document::{self, Mistakes, Report};

pub(crate) use anchor::Brief;
pub use metadata::{Detector, Family};
pub(crate) use operator::{DOCUMENT as SET, KIND as SET_KIND, SPEC as SET_SPEC, read as read_sets};
pub(crate) use personal::EMAIL;
pub use registry::{Registry, RegistryError};
pub use sample::SampleSource;
pub(crate) use secret::is_general;
pub use stream::{StreamFinding, StreamScanner};
pub use text::HOLD_BOUND;
pub use tier::{Heard, ModelTier, TierFinding};

/// Names a detector. The number is an index into a [`Registry`]; what is written down (policy, audit) is the name.
/// The detectors of this build come first and have the same number everywhere.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DetectorId(u16);

impl DetectorId {
    /// Every detector of this build, in order of their ids.
    pub fn all() -> impl ExactSizeIterator<Item = DetectorId> + Clone {
        (0..metadata::COUNT).map(Self::nth)
    }

    /// The detector called `name` (`secret.github_token`).
    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|id| id.name() == name)
    }

    /// The operator's detector of this number.
    fn after_builtin(number: usize) -> Self {
        Self::nth(metadata::COUNT + number)
    }

    const fn nth(at: usize) -> Self {
        assert!(at < u16::MAX as usize, "detectors are counted in 16 bits");
        #[expect(clippy::cast_possible_truncation, reason = "asserted in the line above")]
        Self(at as u16)
    }

    /// Position in tables that have one place per detector; below [`DetectorId::all`]'s length.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// What is known about a detector of this build.
    ///
    /// # Panics
    /// If it is an operator's; see [`DetectorId::is_builtin`].
    pub fn detector(self) -> &'static Detector {
        metadata::known(self).expect("asked for detectors of this build only")
    }

    /// True for the detectors of this build, false for those that an operator wrote.
    pub fn is_builtin(self) -> bool {
        self.index() < metadata::COUNT
    }

    /// The stable name of a detector of this build: `pii.email`. [`Registry::name`] knows all.
    ///
    /// # Panics
    /// As [`DetectorId::detector`].
    pub fn name(self) -> &'static str {
        self.detector().name
    }
}

impl fmt::Debug for DetectorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match metadata::known(*self) {
            Some(detector) => f.write_str(detector.name),
            None => write!(f, "operator's {}", self.index() - metadata::COUNT),
        }
    }
}

/// How sure a detector is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// The shape fits, and so do many harmless things.
    Low,
    /// The shape fits and is rare, or the context says so.
    Medium,
    /// A checksum or a structure that does not occur by chance fits.
    High,
}

impl Confidence {
    /// All levels, weakest first.
    pub const ALL: [Self; 3] = [Self::Low, Self::Medium, Self::High];

    /// The word used in policies and audit events.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// Something found. Carries the place, never the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    /// Which detector.
    pub detector: DetectorId,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// How sure.
    pub confidence: Confidence,
}

/// What a scan cost, in steps that do not depend on the machine or its load.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Work {
    /// Places at which a detector looked closer.
    pub anchors: u64,
    /// Bytes that detectors examined there, on top of the one pass over the text.
    pub examined: u64,
}

/// The compiled set of detectors. Immutable and shared.
pub struct Detectors {
    anchors: anchor::Anchors,
    registry: Registry,
    /// The operator's.
    own: Option<operator::Compiled>,
}

impl Detectors {
    /// The detectors that ship with this build.
    pub fn builtin() -> Arc<Self> {
        static BUILTIN: LazyLock<Arc<Detectors>> = LazyLock::new(|| {
            let anchors = anchor::Anchors::new(metadata::literals());
            Arc::new(Detectors { anchors, registry: Registry::builtin(), own: None })
        });
        BUILTIN.clone()
    }

    /// The detectors that ship with this build, and an operator's.
    fn with(registry: Registry, own: operator::Compiled) -> Arc<Self> {
        let anchors = anchor::Anchors::new(metadata::literals());
        Arc::new(Self { anchors, registry, own: Some(own) })
    }

    /// The detectors that ship with this build, and those of the documents of kind `DetectorSet` in these files, each
    /// a name and its text. Files whose names end in `.txt` are lists that `literalsFile` names.
    ///
    /// # Errors
    /// Every mistake in every file.
    pub fn load<N: AsRef<str>, T: AsRef<str>>(files: &[(N, T)]) -> Result<Arc<Self>, Mistakes> {
        let report = Report::new();
        let files = files.iter().map(|(name, text)| (name.as_ref(), text.as_ref()));
        let (lists, files): (Vec<_>, Vec<_>) = files.partition(|(name, _)| is_list(name));
        let parsed = files
            .iter()
            .flat_map(|(name, text)| document::parse(name, text, document::Limits::WRITTEN_BY_HAND, &report));
        let documents: Vec<document::Document> = parsed.collect();
        let roots: Vec<_> = documents.iter().map(|document| document.root(&report)).collect();
        let (_, set) = read_sets(&roots, &lists, &report);
        report.finish(set)
    }

    /// Bytes that an operator's detectors take.
    pub fn memory(&self) -> usize {
        self.own.as_ref().map_or(0, operator::Compiled::memory)
    }

    /// The names of the detectors in the set.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Pushes every finding in `text` on `out`, sorted by start. Those of this build do not overlap each other; those of
    /// an operator may overlap any. A key longer than [`HOLD_BOUND`] is reported as several findings that touch.
    pub fn scan(&self, text: &[u8], out: &mut Vec<Finding>) {
        self.scan_measured(text, out);
    }

    /// Every kind of number of this build that `value`, all of it, may be by its form and its check digits, whatever
    /// speaks for or against it. A scan reports only the likeliest: many countries have numbers of nine digits.
    pub fn readings(value: &[u8]) -> Vec<DetectorId> {
        personal::readings(value)
    }

    /// A look at `text`, if that is so short that one may show that nothing is in it.
    pub(crate) fn brief<'a>(&'a self, text: &'a [u8]) -> Option<Brief<'a>> {
        self.anchors.brief(text).filter(|_| self.own.is_none())
    }

    /// As [`Detectors::scan`], and says what it cost.
    pub fn scan_measured(&self, text: &[u8], out: &mut Vec<Finding>) -> Work {
        let (first, text, mut sweep) = (out.len(), text::Text::complete(text), anchor::Sweep::new());
        // Most texts have no anchor, and the machine is not small.
        if self.own.is_none() && self.anchors.next(&mut sweep, text, 0, 0).is_err() {
            return Work::default();
        }
        let mut machine = machine::Machine::default();
        machine.run_on(&self.anchors, sweep, text, out);
        if let Some(own) = &self.own {
            own.run(&mut operator::Walk::default(), text, out);
            in_order(&mut out[first..]);
        }
        machine.work()
    }
}

/// Sorts findings by where they lie; the longer one of two that begin together comes first.
fn in_order(found: &mut [Finding]) {
    found.sort_by_key(|f| (f.start, std::cmp::Reverse(f.end), f.detector));
}

/// True for files that hold a list of literals, one on each line, and no documents.
pub(crate) fn is_list(name: &str) -> bool {
    name.ends_with(".txt")
}

impl fmt::Debug for Detectors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Detectors({})", self.registry.len())
    }
}

//! What is allowed. Reads policy documents, checks them into types that cannot be wrong, and answers two
//! questions: what happens to a finding, and what happens where the engine cannot be sure.
//!
//! Does not know bodies, formats or findings' text, and does nothing itself: it decides, others act. The
//! language is described in `policies/README.md`.

mod arguments;
mod call;
mod conditions;
mod context;
mod decide;
mod document;
pub mod explain;
mod expression;
mod forbid;
mod index;
mod pattern;
mod reach;
mod rule;
pub mod schema;
mod scope;
mod set;
mod shape;
mod subject;
mod subjects;
mod uncertain;

use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::budget::Limit;
use crate::detect::{Confidence, DetectorId};
use crate::document::{Field, Mistakes, Report};
use crate::price::Prices;

pub(crate) use arguments::Given;
pub use context::{BodyFacts, Context};
pub use decide::{Decision, Shadow};
pub use document::Vocabulary;
pub use forbid::{Callers, Forbids, Standing};
pub use pattern::Pattern;
pub use rule::{At, Headers, Mode, Reply, Rule};
pub use scope::Scope;
pub use set::PolicySet;
pub use subject::{Identity, Owner, Pod, Subject};
pub use uncertain::{Answer, Uncertainty};

/// Which way bytes travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// To the provider.
    Request,
    /// Back to the application.
    Response,
}

impl Direction {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Request, Self::Response];

    /// The word used in policies and audit events.
    pub fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
        }
    }

    /// Position in tables with one place per direction.
    pub(crate) fn index(self) -> usize {
        match self {
            Self::Request => 0,
            Self::Response => 1,
        }
    }
}

/// How found text is replaced, weakest first: what says least is the strongest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Redaction {
    /// By a token, for which the text is put back in the answer to the same request. In answers it is a token like any
    /// other, since nobody is left to put anything back.
    Reversible {
        /// Whether it is put back in the arguments of tool calls, too: they may carry it anywhere.
        in_tools: bool,
    },
    /// By a token that stands for the text: the same text always has the same one.
    Token,
    /// By the detector's label in brackets: `[EMAIL]`. Cannot be undone.
    Label,
}

impl Redaction {
    /// The word used in policies.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reversible { .. } => "reversible",
            Self::Token => "token",
            Self::Label => "label",
        }
    }
}

/// What is done about a finding, weakest first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// The connection is not looked into.
    Passthrough,
    /// Nothing.
    #[default]
    Allow,
    /// It is recorded.
    Audit,
    /// It is replaced, and recorded.
    Redact(Redaction),
    /// The exchange ends with an error of the provider's own shape.
    Block,
}

impl Action {
    /// The word used in policies and audit events.
    pub fn name(self) -> &'static str {
        match self {
            Self::Passthrough => "passthrough",
            Self::Allow => "allow",
            Self::Audit => "audit",
            Self::Redact(_) => "redact",
            Self::Block => "block",
        }
    }
}

/// The strongest thing that the rules of a direction may do to an exchange. Decides whether a body must be
/// held until its verdict or may pass while it is scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// No rule can apply: there is nothing to scan for.
    None,
    /// Findings are recorded only.
    Audit,
    /// A finding may be rewritten.
    Rewrite,
    /// A finding may end the exchange.
    Block,
}

/// A checked policy. Immutable; clones share it.
#[derive(Clone)]
pub struct Policy {
    checked: Arc<decide::Compiled>,
}

/// The text of the built-in policy, which is also shipped as a file to copy.
pub const BUILTIN: &str = include_str!("../../../policies/default.yaml");

/// The same with its name for messages.
const BUILTIN_FILE: (&str, &str) = ("policies/default.yaml", BUILTIN);

impl Policy {
    /// The policy that applies if the operator gives none: secrets do not leave, personal data leaves
    /// masked, answers are watched.
    pub fn builtin() -> Self {
        Self::load(&[BUILTIN_FILE]).expect("the built-in policy is loaded by a test of this crate")
    }

    /// Reads policy files, each a name for messages and its text, as one policy: rules keep the order of the
    /// files. Every mistake in every file is reported.
    pub fn load<N: AsRef<str>, T: AsRef<str>>(files: &[(N, T)]) -> Result<Self, Mistakes> {
        Self::load_checked(files, &Vocabulary::default())
    }

    /// As [`Policy::load`], and names of providers and operations that `vocabulary` does not have are
    /// mistakes.
    pub fn load_checked<N: AsRef<str>, T: AsRef<str>>(
        files: &[(N, T)],
        vocabulary: &Vocabulary<'_>,
    ) -> Result<Self, Mistakes> {
        let report = Report::new();
        let documents = set::parse(files, &report);
        let roots: Vec<_> = documents.iter().map(|document| document.root(&report)).collect();
        let policy = Self::read(&roots, vocabulary, version(files));
        report.finish(Some(policy))
    }

    fn read(documents: &[Field<'_>], vocabulary: &Vocabulary<'_>, version: Arc<str>) -> Self {
        let spec = document::read(documents, vocabulary);
        Self { checked: Arc::new(decide::Compiled::new(spec.entries, spec.rules, spec.prices, version)) }
    }

    /// Hash of the files' content: 16 hexadecimal digits, the same for the same text everywhere.
    pub fn version(&self) -> &str {
        &self.checked.version
    }

    /// The limits of the policies that are about a caller.
    pub fn limits_for<'a>(&'a self, subject: &Subject) -> impl Iterator<Item = &'a Arc<Limit>> {
        self.checked.entries_for(subject).flat_map(|entry| &entry.limits)
    }

    /// All limits.
    pub fn limits(&self) -> impl Iterator<Item = &Arc<Limit>> {
        self.checked.entries.iter().flat_map(|entry| &entry.limits)
    }

    /// What models cost: the policy's own prices, and the shipped ones after them.
    pub fn prices(&self) -> &Prices {
        &self.checked.prices
    }

    /// The rules in order.
    pub fn rules(&self) -> &[Rule] {
        &self.checked.rules
    }

    /// Names of the policies that are about a caller, in the order in which they are read.
    pub fn names_for<'a>(&'a self, subject: &'a Subject) -> impl Iterator<Item = &'a Arc<str>> {
        self.checked.entries_for(subject).map(|entry| &entry.name)
    }

    /// How many policies there are.
    pub fn count(&self) -> usize {
        self.checked.entries.len()
    }

    /// What happens to a connection before anything is asked over it: `passthrough` leaves it alone, `block` ends it.
    pub fn connection(&self, context: &Context<'_>) -> Decision {
        self.scope(context).connection()
    }

    /// The rules that can apply to one exchange; resolved once, asked for every finding.
    pub fn scope(&self, context: &Context<'_>) -> Scope {
        Scope::new(&self.checked, context)
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Policy({}, {} rules)", self.version(), self.rules().len())
    }
}

/// SHA-256 over lengths and texts, cut to 64 bits: enough to tell versions apart, not a signature.
fn version<N, T: AsRef<str>>(files: &[(N, T)]) -> Arc<str> {
    let mut hash = Sha256::new();
    for (_, text) in files {
        let text = text.as_ref();
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    let digest = hash.finalize();
    digest[..8].iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
}

/// What rules about findings are asked.
#[derive(Debug, Clone, Copy)]
struct Cell {
    direction: Direction,
    detector: DetectorId,
    confidence: Confidence,
}

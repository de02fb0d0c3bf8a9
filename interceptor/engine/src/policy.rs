//! What is allowed: directions, actions, uncertainties and the answers to them.
use std::sync::Arc;

use crate::detect::{Confidence, DetectorId};

/// Which way bytes travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// To the provider.
    Request,
    /// Back to the application.
    Response,
}

/// How found text is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Redaction {
    /// By the detector's label.
    Label,
}

/// What is done about a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Nothing.
    Allow,
    /// It is recorded.
    Audit,
    /// It is replaced.
    Redact(Redaction),
    /// The exchange ends.
    Block,
}

/// What the engine could not be sure of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Uncertainty {
    /// The body is longer than what may be held.
    OversizedBody,
    /// A content coding that is unknown or broken.
    UndecodableBody,
    /// A body that grows beyond all measure when decoded, or is nested too deep.
    DecodeLimit,
    /// Not JSON where JSON was expected.
    MalformedJson,
    /// No known format.
    UnknownFormat,
}

/// Policy's answer to an uncertainty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// Go on.
    Allow,
    /// Go on and say so.
    Audit,
    /// Stop.
    Block,
}

/// The strongest thing any rule of a direction may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// No rule applies.
    None,
    /// Rules only record.
    Audit,
    /// A rule may rewrite.
    Rewrite,
    /// A rule may block.
    Block,
}

/// Who called, as the kernel attests it.
#[derive(Clone, Debug, Default)]
pub struct Subject {
    /// User id.
    pub uid: u32,
    /// Path of the executable.
    pub executable: String,
    /// Name of the command.
    pub comm: String,
    /// Control group.
    pub cgroup: String,
    /// Kubernetes namespace.
    pub namespace: Option<String>,
}

/// What an exchange is, as far as rules ask.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Stable name of the provider.
    pub provider: &'a str,
    /// Name of the format, or `unknown`.
    pub operation: &'a str,
    /// The model, once known.
    pub model: Option<&'a str>,
    /// The caller.
    pub subject: &'a Subject,
}

/// A decision on one finding.
#[derive(Clone, Debug)]
pub struct Decision {
    /// What is done.
    pub action: Action,
    /// The rule that says so, if one does.
    pub rule: Option<Arc<str>>,
    /// True if the rule only watches.
    pub shadow: bool,
}

/// A checked policy.
#[derive(Debug)]
pub struct Policy;

/// The rules that can apply to one exchange.
#[derive(Clone, Debug)]
pub struct Scope;

impl Policy {
    /// The policy that ships with this build.
    pub fn builtin() -> Policy {
        Policy
    }

    /// Hash of its content.
    pub fn version(&self) -> &str {
        "0000000000000000"
    }

    /// The rules that can apply.
    pub fn scope(&self, _context: &Context<'_>) -> Scope {
        Scope
    }
}

impl Scope {
    /// The strongest thing any rule may do.
    pub fn strongest(&self, direction: Direction) -> Reach {
        match direction {
            Direction::Request => Reach::Block,
            Direction::Response => Reach::Rewrite,
        }
    }

    /// What is done about a finding.
    pub fn decide(&self, direction: Direction, detector: DetectorId, _confidence: Confidence) -> Decision {
        let secret = detector.name().starts_with("secret.");
        let action = match direction {
            Direction::Request if secret => Action::Block,
            _ => Action::Redact(Redaction::Label),
        };
        Decision { action, rule: Some("builtin".into()), shadow: false }
    }

    /// What is done about an uncertainty.
    pub fn when(&self, uncertainty: Uncertainty, _direction: Direction) -> (Answer, Arc<str>) {
        let answer = match uncertainty {
            Uncertainty::UnknownFormat | Uncertainty::MalformedJson => Answer::Audit,
            _ => Answer::Block,
        };
        (answer, "default".into())
    }
}

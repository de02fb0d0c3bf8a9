//! What the engine cannot be sure of, and what a policy may answer. Every kind has a stated default, so that
//! leaving one out is a decision too.

use std::sync::LazyLock;

use super::Direction;

/// Something that keeps the engine from knowing what an exchange carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Uncertainty {
    /// The body is longer than what may be held.
    OversizedBody,
    /// A content coding that is unknown or broken.
    UndecodableBody,
    /// A body that grows beyond all measure when decoded, or is nested too deep.
    DecodeLimit,
    /// Not JSON where JSON was expected, or a form that does not end; it was scanned as plain text.
    MalformedJson,
    /// No known format; it was scanned as plain text.
    UnknownFormat,
    /// Parts that carry no text that can be scanned: images, sound, a tokeniser's numbers, documents that cannot be
    /// opened.
    BinaryContent,
    /// A finding lies where nothing may be rewritten: in content that the provider sealed, inside a document, or
    /// already sent.
    Unrewritable,
    /// A finding lies in a request whose sender signed the body, so that the provider would refuse it changed.
    SignedBody,
    /// A channel that is passed through uninspected, such as a WebSocket.
    NotInspected,
    /// The client rejects the internal CA. `allow` and `audit` pass its connections through uninspected.
    UntrustedClient,
    /// Who calls could not be found out, and some policy is not for everyone.
    UnknownCaller,
    /// A rule asks for the model, and the request names none although its format has a place for one.
    UnknownModel,
    /// The condition of a rule could not be evaluated.
    FailedCondition,
}

/// Policy's answer to an uncertainty, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Answer {
    /// Go on.
    Allow,
    /// Go on and say so in the audit trail.
    Audit,
    /// Change what was to be changed, and sign the request again with credentials of the operator's; without any for
    /// the place that is called, stop. Of [`Uncertainty::SignedBody`] only, and of requests.
    Resign,
    /// Stop.
    Block,
}

impl Answer {
    /// The words used in policies.
    pub const WORDS: [(&'static str, Self); 3] =
        [("allow", Self::Allow), ("audit", Self::Audit), ("block", Self::Block)];

    /// The words for requests that their sender signed.
    pub const WORDS_OF_SIGNED: [(&'static str, Self); 4] =
        [("allow", Self::Allow), ("audit", Self::Audit), ("resign", Self::Resign), ("block", Self::Block)];

    /// The word used in policies and audit events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Audit => "audit",
            Self::Resign => "resign",
            Self::Block => "block",
        }
    }
}

/// How many kinds there are.
pub(super) const KINDS: usize = 13;

impl Uncertainty {
    /// All kinds.
    pub const ALL: [Self; KINDS] = [
        Self::OversizedBody,
        Self::UndecodableBody,
        Self::DecodeLimit,
        Self::MalformedJson,
        Self::UnknownFormat,
        Self::BinaryContent,
        Self::Unrewritable,
        Self::SignedBody,
        Self::NotInspected,
        Self::UntrustedClient,
        Self::UnknownCaller,
        Self::UnknownModel,
        Self::FailedCondition,
    ];

    /// The words of all kinds, in the same order.
    pub(super) const NAMES: &'static [&'static str] = &[
        "oversizedBody",
        "undecodableBody",
        "decodeLimit",
        "malformedJson",
        "unknownFormat",
        "binaryContent",
        "unrewritable",
        "signedBody",
        "notInspected",
        "untrustedClient",
        "unknownCaller",
        "unknownModel",
        "failedCondition",
    ];

    /// The word used in policies and audit events.
    pub const fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// What an event names as the rule: `uncertain.oversizedBody`.
    pub fn path(self) -> &'static str {
        match self {
            Self::OversizedBody => "uncertain.oversizedBody",
            Self::UndecodableBody => "uncertain.undecodableBody",
            Self::DecodeLimit => "uncertain.decodeLimit",
            Self::MalformedJson => "uncertain.malformedJson",
            Self::UnknownFormat => "uncertain.unknownFormat",
            Self::BinaryContent => "uncertain.binaryContent",
            Self::Unrewritable => "uncertain.unrewritable",
            Self::SignedBody => "uncertain.signedBody",
            Self::NotInspected => "uncertain.notInspected",
            Self::UntrustedClient => "uncertain.untrustedClient",
            Self::UnknownCaller => "uncertain.unknownCaller",
            Self::UnknownModel => "uncertain.unknownModel",
            Self::FailedCondition => "uncertain.failedCondition",
        }
    }

    /// The answer of a policy that does not say. What leaves the node unseen is stopped; what was at least
    /// scanned as text, or comes back, is recorded.
    pub fn default_answer(self, direction: Direction) -> Answer {
        match (self, direction) {
            (Self::MalformedJson | Self::UnknownFormat | Self::BinaryContent | Self::NotInspected, _) => {
                Answer::Audit
            }
            (Self::UntrustedClient, _) | (_, Direction::Request) => Answer::Block,
            (_, Direction::Response) => Answer::Audit,
        }
    }

    fn index(self) -> usize {
        self as usize
    }
}

/// The answers of one policy.
#[derive(Debug, Clone)]
pub(super) struct Answers([[Answer; 2]; KINDS]);

impl Answers {
    /// What holds where the policy says nothing.
    pub(super) fn defaults() -> Self {
        // Every exchange begins with them.
        static DEFAULTS: LazyLock<Answers> =
            LazyLock::new(|| Answers(Uncertainty::ALL.map(|u| Direction::ALL.map(|d| u.default_answer(d)))));
        DEFAULTS.clone()
    }

    pub(super) fn answer(&self, uncertainty: Uncertainty, direction: Direction) -> Answer {
        self.0[uncertainty.index()][direction.index()]
    }
}

/// What one policy says, as far as it does.
#[derive(Debug, Clone, Default)]
pub(super) struct SomeAnswers([[Option<Answer>; 2]; KINDS]);

impl SomeAnswers {
    pub(super) fn set(&mut self, uncertainty: Uncertainty, direction: Direction, answer: Answer) {
        self.0[uncertainty.index()][direction.index()] = Some(answer);
    }

    /// Where several policies answer, the strongest answer holds.
    pub(super) fn add(&mut self, other: &Self) {
        let pairs = self.0.iter_mut().flatten().zip(other.0.iter().flatten());
        pairs.for_each(|(answer, other)| *answer = (*answer).max(*other));
    }

    /// What nobody answered has its default.
    pub(super) fn or_defaults(&self) -> Answers {
        let mut answers = Answers::defaults();
        let pairs = answers.0.iter_mut().flatten().zip(self.0.iter().flatten());
        pairs.for_each(|(answer, said)| *answer = said.unwrap_or(*answer));
        answers
    }
}

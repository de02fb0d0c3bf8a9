//! The documents of the policy language, field by field. The readers beside this file take the names of fields from
//! here, so that what they know and what a schema says cannot differ.

use super::Uncertainty;
use crate::document::resource::{METADATA_MEMBER, NAME, VERSION_MEMBER};
use crate::document::{Kind, Member, Shape};

/// A name or pattern of the catalogue or of a detector.
const PATTERN: Kind = Kind::Fitting("^[a-z0-9._*-]{1,128}$");
/// A name that others chose, or a pattern of such.
const ANY_PATTERN: Kind = Kind::Fitting("^[^ \\t\\r\\n]{1,512}$");
/// A text with blanks in it, or a pattern of such.
const TEXT_PATTERN: Kind = Kind::Name;
const HEADER: Kind = Kind::Fitting("^[A-Za-z0-9_-]{1,64}$");
const CLOCK: Kind = Kind::Fitting("^([01][0-9]|2[0-4]):[0-5][0-9]$");
const PATTERNS: Kind = Kind::List(&PATTERN);
const ANY_PATTERNS: Kind = Kind::List(&ANY_PATTERN);
const LABELS: Kind = Kind::Entries(&Kind::Either(&[ANY_PATTERN, ANY_PATTERNS]));
const DIRECTIONS: &[&str] = &["request", "response", "both"];
const ANSWER: Kind = Kind::Word(&["allow", "audit", "block"]);
const SIGNED_ANSWER: Kind = Kind::Word(&["allow", "audit", "resign", "block"]);
const WAYS: Kind = Kind::Word(&["label", "token", "reversible"]);

const PER: Kind = Kind::Word(&["subject", "namespace", "user", "provider", "model"]);
const EACH: Kind = Kind::Word(&["minute", "hour", "day", "month"]);
const UNAVAILABLE: Kind = Kind::Word(&["share", "allow", "block"]);

/// More tokens than anybody uses in a month; sums of them stay exact in floating point.
pub(super) const MOST: u64 = 1_000_000_000_000_000;

/// Highest `spec.priority`.
pub(super) const PRIORITY: u64 = 1_000_000;

/// What documents of this kind say in `kind`.
pub(super) const KIND: &str = "EgressPolicy";

/// A whole document.
pub(super) static DOCUMENT: Shape = Shape {
    name: KIND,
    doc: "What callers may send to AI providers, and what may come back to them.",
    fields: &[
        VERSION_MEMBER,
        Member::required("kind", Kind::Word(&[KIND]), "What the document is."),
        METADATA_MEMBER,
        Member::required("spec", Kind::Map(&SPEC), "What the policy says."),
    ],
};

pub(super) static SPEC: Shape = Shape {
    name: "Spec",
    doc: "Whom a policy is for, and what it says.",
    fields: &[
        Member::optional("description", Kind::Text, "Why it is there."),
        Member::optional(
            "priority",
            Kind::Number(0, PRIORITY),
            "Policies of higher priority are read first; equals in the order of their files. Default 0.",
        ),
        Member::optional(
            "subjects",
            Kind::List(&Kind::Map(&SUBJECT)),
            "Callers that any of these selects; without it the policy is for everyone.",
        ),
        Member::optional(
            "rules",
            Kind::AnyList(&Kind::Map(&RULE)),
            "Rules, read from top to bottom. Only a policy with limits may have none.",
        ),
        Member::optional("limits", Kind::List(&Kind::Map(&LIMIT)), "How much may be used."),
        Member::optional(
            "prices",
            Kind::List(&Kind::Map(&PRICE)),
            "Prices that go before the built-in ones.",
        ),
        Member::optional("uncertain", Kind::Map(&UNCERTAIN), "What happens where the engine cannot be sure."),
    ],
};

pub(super) static SUBJECT: Shape = Shape {
    name: "Subject",
    doc: "Selects callers by what the node attests of them. All fields have to fit; of each list one element.",
    fields: &[
        Member::optional("namespaces", ANY_PATTERNS, "Namespaces of pods."),
        Member::optional("namespaceLabels", LABELS, "Labels of the pod's namespace."),
        Member::optional("pods", ANY_PATTERNS, "Names of pods."),
        Member::optional("podLabels", LABELS, "Labels of pods."),
        Member::optional("serviceAccounts", ANY_PATTERNS, "Service accounts of pods."),
        Member::optional("containers", ANY_PATTERNS, "Names of containers in pods."),
        Member::optional("images", ANY_PATTERNS, "Images of containers, as they were asked for."),
        Member::optional("executables", ANY_PATTERNS, "Paths of programs."),
        Member::optional("units", ANY_PATTERNS, "systemd units."),
        Member::optional("users", Kind::List(&Kind::Name), "Names or numbers of users."),
        Member::optional("cgroups", ANY_PATTERNS, "Control groups, as paths below the mount."),
        Member::optional("known", Kind::Boolean, "Whether the caller could be told for certain."),
    ],
};

pub(super) static RULE: Shape = Shape {
    name: "Rule",
    doc: "What is asked for, and what is done then.",
    fields: &[
        Member::required("name", NAME, "Unique; appears in errors, audit events and metrics."),
        Member::optional("description", Kind::Text, "Why it is there."),
        Member::required("match", Kind::Map(&MATCH), "What it asks for."),
        Member::required(
            "action",
            Kind::Either(&[
                Kind::Word(&["passthrough", "allow", "audit", "redact", "block"]),
                Kind::Map(&ACTION),
            ]),
            "What it does.",
        ),
        Member::optional("headers", Kind::Map(&HEADERS), "What it does with the headers of requests."),
        Member::optional(
            "mode",
            Kind::Word(&["enforce", "shadow"]),
            "`shadow` does nothing, and the audit trail says what it would have done. Default `enforce`.",
        ),
    ],
};

pub(super) static MATCH: Shape = Shape {
    name: "Match",
    doc: "What a rule asks for. All fields have to fit; of each list one element.",
    fields: &[
        Member::optional(
            "direction",
            Kind::Word(DIRECTIONS),
            "Which way the bytes go. Needed beside `detectors`.",
        ),
        Member::optional(
            "detectors",
            PATTERNS,
            "Detectors; a rule without them is about exchanges or tools.",
        ),
        Member::optional(
            "confidence",
            Kind::Word(&["low", "medium", "high"]),
            "Weaker findings do not match. Default `medium`.",
        ),
        Member::optional(
            "atLeast",
            Kind::Number(1, 100_000),
            "How many findings in one direction. Default 1.",
        ),
        Member::optional("tools", ANY_PATTERNS, "Tools that are offered or called."),
        Member::optional(
            "arguments",
            Kind::Entries(&Kind::Either(&[TEXT_PATTERN, Kind::List(&TEXT_PATTERN)])),
            "What the tools are called with: keys with dots between them, and patterns of the values there.",
        ),
        Member::optional(
            "call",
            Kind::Text,
            "An expression of CEL over a call of the tools: `tool`, and `arguments` by their paths.",
        ),
        Member::optional("providers", PATTERNS, "Providers of the catalogue."),
        Member::optional("hosts", ANY_PATTERNS, "Hosts that are called."),
        Member::optional("paths", ANY_PATTERNS, "Paths, without their queries."),
        Member::optional(
            "operations",
            PATTERNS,
            "Formats of the catalogue, such as `openai.chat_completions`.",
        ),
        Member::optional("models", ANY_PATTERNS, "Models, whether named in the body or the path."),
        Member::optional("mcpMethods", ANY_PATTERNS, "Methods of the Model Context Protocol."),
        Member::optional("size", Kind::Map(&SIZE), "Bytes of the decoded body."),
        Member::optional("time", Kind::Map(&TIME), "Hours of the week."),
        Member::optional("when", Kind::Text, "An expression of CEL over the documented facts."),
    ],
};

pub(super) static SIZE: Shape = Shape {
    name: "Size",
    doc: "Bounds of a size, both excluded.",
    fields: &[
        Member::optional("over", Kind::ByteSize, "More than this."),
        Member::optional("under", Kind::ByteSize, "Less than this."),
    ],
};

pub(super) static TIME: Shape = Shape {
    name: "Time",
    doc: "Hours of the week; over midnight if `to` is earlier than `from`.",
    fields: &[
        Member::optional(
            "days",
            Kind::List(&Kind::Fitting("^(mon|tue|wed|thu|fri|sat|sun)(-(mon|tue|wed|thu|fri|sat|sun))?$")),
            "Days and spans of days, such as `mon-fri`. Default all.",
        ),
        Member::optional("from", CLOCK, "From this time of day on. Default `00:00`."),
        Member::optional("to", CLOCK, "Until this time of day, excluded. Default `24:00`."),
        Member::optional(
            "zone",
            Kind::Fitting("^(UTC|[+-][01][0-9]:[0-5][0-9])$"),
            "`UTC`, or a distance from it such as `+02:00`. Default `UTC`.",
        ),
    ],
};

pub(super) static ACTION: Shape = Shape {
    name: "Action",
    doc: "Either `redact` or `block`, with particulars.",
    fields: &[
        Member::optional(
            "redact",
            Kind::Either(&[WAYS, Kind::Map(&REDACT)]),
            "What takes the place of a text.",
        ),
        Member::optional("block", Kind::Map(&BLOCK), "What the application is told."),
    ],
};

pub(super) static REDACT: Shape = Shape {
    name: "Redact",
    doc: "What takes the place of a text, and where it is put back.",
    fields: &[
        Member::required("with", WAYS, "A label, a token that stands for the text, or one that is put back."),
        Member::optional(
            "restoreIn",
            Kind::List(&Kind::Word(&["text", "toolArguments"])),
            "Where `reversible` puts it back. Default `[text]`.",
        ),
    ],
};

pub(super) static BLOCK: Shape = Shape {
    name: "Block",
    doc: "What the application is told instead of an answer.",
    fields: &[
        Member::optional("status", Kind::Number(400, 499), "HTTP status. Default 403."),
        Member::optional("message", Kind::Text, "One line in the place of the standard sentence."),
        Member::optional(
            "at",
            Kind::Word(&["exchange", "connect"]),
            "`exchange`: when something is sent, and never before. `connect`: when a connection is made, even if the \
             address serves others as well. Without it, when a connection is made only if the rule forbids the \
             provider as such, says nothing to be told, and the address serves nobody else.",
        ),
    ],
};

pub(super) static HEADERS: Shape = Shape {
    name: "Headers",
    doc: "What is done with the headers of requests.",
    fields: &[
        Member::optional("remove", Kind::List(&HEADER), "Do not leave."),
        Member::optional("require", Kind::List(&HEADER), "Without these nothing leaves."),
    ],
};

pub(super) static ANSWERS: Shape = Shape {
    name: "Answers",
    doc: "An answer for each direction.",
    fields: &[
        Member::optional("request", ANSWER, "For requests."),
        Member::optional("response", ANSWER, "For answers."),
    ],
};

pub(super) static SIGNED_ANSWERS: Shape = Shape {
    name: "SignedAnswers",
    doc: "An answer for each direction. Answers of providers are not signed.",
    fields: &[
        Member::optional("request", SIGNED_ANSWER, "For requests."),
        Member::optional("response", ANSWER, "For answers."),
    ],
};

pub(super) static LIMIT: Shape = Shape {
    name: "Limit",
    doc: "How much callers may use: one of `requests`, `tokens`, `cost` and `concurrency`.",
    fields: &[
        Member::required("name", NAME, "Unique among rules and limits; events and errors name it."),
        Member::optional("description", Kind::Text, "Why it is there."),
        Member::optional(
            "match",
            Kind::Map(&LIMIT_MATCH),
            "The exchanges it is about; all if it is left out.",
        ),
        Member::optional(
            "per",
            Kind::AnyList(&PER),
            "What has a count of its own; without it all share one.",
        ),
        Member::optional("requests", Kind::Number(1, MOST), "Most requests in each window."),
        Member::optional("tokens", Kind::Number(1, MOST), "Most tokens in each window."),
        Member::optional("cost", Kind::Text, "Most money in each window, such as `5.00 USD`."),
        Member::optional("concurrency", Kind::Number(1, 1_000_000), "Most exchanges at the same time."),
        Member::optional("each", EACH, "The window, of the calendar in UTC."),
        Member::optional(
            "reserve",
            Kind::Number(0, MOST),
            "Tokens of an answer to set aside before it is known.",
        ),
        Member::optional("mode", Kind::Word(&["enforce", "shadow"]), "Whether it acts. Default enforce."),
        Member::optional(
            "whenUnavailable",
            UNAVAILABLE,
            "What holds while the shared counts are out of reach.",
        ),
        Member::optional(
            "unknownPrice",
            Kind::Word(&["allow", "block"]),
            "For models without a price. Default block.",
        ),
    ],
};

pub(super) static LIMIT_MATCH: Shape = Shape {
    name: "LimitMatch",
    doc: "The exchanges that a limit is about.",
    fields: &[
        Member::optional("providers", PATTERNS, "Providers of the catalogue."),
        Member::optional("operations", PATTERNS, "Formats of the catalogue."),
        Member::optional("models", ANY_PATTERNS, "Models, whatever their case."),
    ],
};

pub(super) static PRICE: Shape = Shape {
    name: "Price",
    doc: "What a million tokens of some models cost, in US dollars.",
    fields: &[
        Member::optional("providers", PATTERNS, "Providers of the catalogue; all if it is left out."),
        Member::required("models", ANY_PATTERNS, "Models, whatever their case."),
        Member::required("input", Kind::Name, "Of the request."),
        Member::optional("cacheRead", Kind::Name, "Read from the provider's cache."),
        Member::optional("cacheWrite", Kind::Name, "Written to the provider's cache."),
        Member::required("output", Kind::Name, "Of the answer."),
    ],
};

/// One field for each uncertainty; a test compares them with [`Uncertainty::ALL`].
pub(super) static UNCERTAIN: Shape = Shape {
    name: "Uncertain",
    doc: "What happens where the engine cannot be sure. What is left out has its default.",
    fields: &[
        doubt(Uncertainty::OversizedBody, "The body is longer than what may be held."),
        doubt(Uncertainty::UndecodableBody, "A content coding that is unknown or broken."),
        doubt(Uncertainty::DecodeLimit, "It grows beyond all measure when decoded, or is nested too deep."),
        doubt(Uncertainty::MalformedJson, "Not JSON where JSON was expected; scanned as text."),
        doubt(Uncertainty::UnknownFormat, "No known format; scanned as text."),
        doubt(Uncertainty::BinaryContent, "Images, sound, documents that cannot be opened: nothing to scan."),
        doubt(Uncertainty::Unrewritable, "A finding where nothing may be rewritten."),
        Member::optional(
            Uncertainty::SignedBody.name(),
            Kind::Either(&[SIGNED_ANSWER, Kind::Map(&SIGNED_ANSWERS)]),
            "A finding to be replaced in a body that its sender signed. `resign` replaces it and signs the request again \
             with credentials of the daemon's own, and blocks where it has none.",
        ),
        doubt(Uncertainty::NotInspected, "Passed through unseen: a protocol that is not known."),
        doubt(Uncertainty::UntrustedClient, "The client rejects the internal CA."),
        doubt(Uncertainty::UnknownCaller, "The caller could not be told, and policies tell callers apart."),
        doubt(Uncertainty::UnknownModel, "No model is named where one belongs, and rules ask for it."),
        doubt(Uncertainty::FailedCondition, "An expression could not be evaluated."),
    ],
};

static ONE_ANSWER_OR_TWO: [Kind; 2] = [ANSWER, Kind::Map(&ANSWERS)];

const fn doubt(uncertainty: Uncertainty, doc: &'static str) -> Member {
    Member::optional(uncertainty.name(), Kind::Either(&ONE_ANSWER_OR_TWO), doc)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::{Each, Per, WhenUnavailable};

    #[test]
    fn words_of_limits_are_those_of_their_readers() {
        let words = |kind: &Kind| kind.words().expect("words").to_vec();
        assert_eq!(words(&PER), Per::WORDS.map(|(word, _)| word));
        assert_eq!(words(&EACH), Each::WORDS.map(|(word, _)| word));
        assert_eq!(words(&UNAVAILABLE), WhenUnavailable::WORDS.map(|(word, _)| word));
    }

    #[test]
    fn every_uncertainty_has_its_field() {
        let names: Vec<&str> = Uncertainty::ALL.iter().map(|uncertainty| uncertainty.name()).collect();
        assert_eq!(UNCERTAIN.names().collect::<Vec<_>>(), names);
    }
}

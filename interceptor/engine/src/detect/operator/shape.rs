//! The document `DetectorSet`, field by field: for its reader beside this file and for the schemas.

use super::Validator;
use super::judge::FARTHEST;
use crate::detect::Confidence;
use crate::document::resource::{METADATA_MEMBER, VERSION_MEMBER};
use crate::document::{Kind, Member, Shape, words};

/// What documents of this kind say in `kind`.
pub(crate) const KIND: &str = "DetectorSet";

pub(super) const CONFIDENCE: [(&str, Confidence); 3] =
    [("low", Confidence::Low), ("medium", Confidence::Medium), ("high", Confidence::High)];

/// A whole document.
pub(crate) static DOCUMENT: Shape = Shape {
    name: KIND,
    doc: "What an operator looks for beside what everybody does.",
    fields: &[
        VERSION_MEMBER,
        Member::required("kind", Kind::Word(&[KIND]), "What the document is."),
        METADATA_MEMBER,
        Member::required("spec", Kind::Map(&SPEC), "The detectors."),
    ],
};

pub(crate) static SPEC: Shape = Shape {
    name: "DetectorSetSpec",
    doc: "Detectors of an operator's own.",
    fields: &[Member::required(
        "detectors",
        Kind::List(&Kind::Map(&DETECTOR)),
        "What is looked for; rules name each by its `name`.",
    )],
};

pub(super) static DETECTOR: Shape = Shape {
    name: "Detector",
    doc: "Literals, a bounded pattern, or both.",
    fields: &[
        Member::required(
            "name",
            Kind::Fitting("^[a-z0-9_-]+(\\.[a-z0-9_-]+){1,7}$"),
            "Two to eight words with dots between them; the first is none of `secret`, `pii`, `risk`.",
        ),
        Member::optional(
            "label",
            Kind::Fitting("^[A-Z0-9_]{1,32}$"),
            "What takes the place of a finding, in brackets. Default: the last word of the name, in capitals.",
        ),
        Member::optional("description", Kind::Text, "Why it is there."),
        Member::optional("literals", Kind::List(&Kind::Name), "Texts of 3 to 128 bytes."),
        Member::optional(
            "literalsFile",
            Kind::Text,
            "A `.txt` file beside this one, with a text on each line.",
        ),
        Member::optional("pattern", Kind::Text, "A regular expression in which every repetition is bounded."),
        Member::optional(
            "ignoreCase",
            Kind::Boolean,
            "Whether ASCII letters fit in either case. Default `false`.",
        ),
        Member::optional(
            "wholeWord",
            Kind::Boolean,
            "Whether it may not lie within a longer word. Default `true`.",
        ),
        Member::optional("context", Kind::Map(&CONTEXT), "Words that have to stand before it."),
        Member::optional("validator", Kind::Word(&VALIDATORS), "A check digit that has to be right."),
        Member::optional("confidence", Kind::Word(&LEVELS), "How sure a finding is. Default `medium`."),
    ],
};

pub(super) static CONTEXT: Shape = Shape {
    name: "DetectorContext",
    doc: "Words near a match.",
    fields: &[
        Member::required("words", Kind::List(&Kind::Name), "Of 2 to 64 bytes, whatever their case."),
        Member::optional(
            "within",
            Kind::Number(1, FARTHEST as u64),
            "In how many bytes before it. Default 64.",
        ),
        Member::optional(
            "required",
            Kind::Boolean,
            "Whether nothing is found without one of them; else a finding is less sure. Default `false`.",
        ),
    ],
};

const VALIDATORS: [&str; Validator::WORDS.len()] = words(&Validator::WORDS);
const LEVELS: [&str; CONFIDENCE.len()] = words(&CONFIDENCE);

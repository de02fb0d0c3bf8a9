//! Reads policy files into checked rules. Knows the fields of the documents and what they may hold; every
//! mistake goes to the report, and reading goes on.

use std::sync::Arc;

use super::rule::{Mode, Rule, Selector};
use super::uncertain::{Answer, Answers, Uncertainty};
use super::{Action, Direction, Pattern, Redaction};
use crate::detect::{Confidence, DetectorId};
use crate::document::{Document, Field, Fields, Limits, Mistakes, Position, Report, parse};

const API_VERSION: &str = "interceptor.dev/v1alpha1";
const KIND: &str = "EgressPolicy";

/// The names that rules may use. An empty list allows any name, for readers without a catalogue.
#[derive(Debug, Clone, Copy, Default)]
pub struct Vocabulary<'a> {
    /// Names of providers.
    pub providers: &'a [&'a str],
    /// Names of operations (formats).
    pub operations: &'a [&'a str],
}

/// What the files say together.
pub(super) struct Spec {
    pub(super) rules: Vec<Rule>,
    pub(super) uncertain: Answers,
}

/// Where something was defined first.
type Place = (Arc<str>, Position);

struct Reader<'a> {
    vocabulary: &'a Vocabulary<'a>,
    rules: Vec<Rule>,
    uncertain: Answers,
    names: Vec<(Arc<str>, Place)>,
    answered: Vec<(Uncertainty, Place)>,
}

pub(super) fn read(files: &[(&str, &str)], vocabulary: &Vocabulary<'_>) -> Result<Spec, Mistakes> {
    let report = Report::new();
    let documents: Vec<Document> = files.iter().flat_map(|(name, text)| file(name, text, &report)).collect();
    let mut reader = Reader {
        vocabulary,
        rules: Vec::new(),
        uncertain: Answers::defaults(),
        names: Vec::new(),
        answered: Vec::new(),
    };
    for document in &documents {
        // What is wrong is in the report; the other documents are read all the same.
        let _ = reader.document(&document.root(&report));
    }
    report.finish(Some(Spec { rules: reader.rules, uncertain: reader.uncertain }))
}

fn file(name: &str, text: &str, report: &Report) -> Vec<Document> {
    let clean_before = report.count();
    let documents = parse(name, text, Limits::WRITTEN_BY_HAND, report);
    if documents.is_empty() && report.count() == clean_before {
        report.about_file(name, "the file holds no document", Some("a policy"));
    }
    documents
}

impl Reader<'_> {
    fn document(&mut self, root: &Field<'_>) -> Option<()> {
        let top = root.map(&["apiVersion", "kind", "metadata", "spec"])?;
        if let Some(field) = top.required("apiVersion") {
            field.one_of(&[(API_VERSION, ())]);
        }
        if let Some(field) = top.required("kind") {
            field.one_of(&[(KIND, ())]);
        }
        if let Some(metadata) = top.required("metadata").and_then(|m| m.map(&["name"])) {
            metadata.required("name").and_then(|name| identifier(&name));
        }
        let spec = top.required("spec")?.map(&["rules", "uncertain"])?;
        for rule in spec.required("rules").and_then(|rules| rules.list()).unwrap_or_default() {
            self.rule(&rule);
        }
        if let Some(uncertain) = spec.optional("uncertain") {
            self.uncertain(&uncertain);
        }
        Some(())
    }

    fn rule(&mut self, field: &Field<'_>) -> Option<()> {
        let fields = field.map(&["name", "description", "match", "action", "mode"])?;
        // All fields are read before any is missed, so that all their mistakes are reported.
        let name = fields.required("name").and_then(|name| self.name(&name));
        let description = fields.optional("description").map(|d| d.text());
        let matches = fields.required("match").and_then(|m| self.matches(&m));
        let action = fields.required("action").and_then(|a| action(&a));
        let mode = match fields.optional("mode") {
            Some(mode) => mode.one_of(&[("enforce", Mode::Enforce), ("shadow", Mode::Shadow)]),
            None => Some(Mode::Enforce),
        };
        if description == Some(None) {
            return None;
        }
        let (name, matches, action, mode) = (name?, matches?, action?, mode?);
        self.rules.push(Rule {
            name,
            directions: matches.directions,
            detectors: matches.detectors,
            confidence: matches.confidence,
            selector: matches.selector,
            action,
            mode,
        });
        Some(())
    }

    /// A rule's name, unique in the policy.
    fn name(&mut self, field: &Field<'_>) -> Option<Arc<str>> {
        let name = identifier(field)?;
        if let Some((_, (file, at))) = self.names.iter().find(|(known, _)| **known == *name) {
            let what = format!("the name `{name}` is taken by the rule at {file}:{}", at.line);
            field.mistake(what, Some("another name"));
            return None;
        }
        let name: Arc<str> = name.into();
        self.names.push((name.clone(), (field.file().clone(), field.position())));
        Some(name)
    }

    fn matches(&self, field: &Field<'_>) -> Option<Match> {
        let fields = field.map(&["direction", "detectors", "providers", "operations", "confidence"])?;
        let directions = fields.required("direction").and_then(|d| {
            d.one_of(&[("request", [true, false]), ("response", [false, true]), ("both", [true, true])])
        });
        let detectors = fields.required("detectors").and_then(|d| detectors(&d));
        let confidence = match fields.optional("confidence") {
            Some(field) => field.one_of(&Confidence::ALL.map(|c| (c.name(), c))),
            None => Some(Confidence::Medium),
        };
        let providers = patterns(&fields, "providers", "provider", self.vocabulary.providers);
        let operations = patterns(&fields, "operations", "operation", self.vocabulary.operations);
        Some(Match {
            directions: directions?,
            detectors: detectors?,
            confidence: confidence?,
            selector: Selector { providers: providers?, operations: operations? },
        })
    }

    fn uncertain(&mut self, field: &Field<'_>) -> Option<()> {
        const KNOWN: &[&str] = &[
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
        ];
        let fields = field.map(KNOWN)?;
        for (uncertainty, name) in Uncertainty::ALL.into_iter().zip(KNOWN) {
            debug_assert_eq!(uncertainty.name(), *name);
            let Some(answer) = fields.optional(name) else { continue };
            if let Some((_, (file, at))) = self.answered.iter().find(|(known, _)| *known == uncertainty) {
                answer.mistake(format!("is already answered at {file}:{}", at.line), Some("one answer"));
                continue;
            }
            self.answered.push((uncertainty, (answer.file().clone(), answer.position())));
            self.answer(uncertainty, &answer);
        }
        Some(())
    }

    /// One word for both directions, or one for each.
    fn answer(&mut self, uncertainty: Uncertainty, field: &Field<'_>) -> Option<()> {
        if !matches!(field.value(), crate::document::Value::Map(_)) {
            let answer = field.one_of(&Answer::WORDS)?;
            for direction in Direction::ALL {
                self.uncertain.set(uncertainty, direction, answer);
            }
            return Some(());
        }
        let fields = field.map(&["request", "response"])?;
        for direction in Direction::ALL {
            if let Some(answer) = fields.optional(direction.name()).and_then(|f| f.one_of(&Answer::WORDS)) {
                self.uncertain.set(uncertainty, direction, answer);
            }
        }
        Some(())
    }
}

/// The checked `match` of a rule.
struct Match {
    directions: [bool; 2],
    detectors: Box<[bool]>,
    confidence: Confidence,
    selector: Selector,
}

/// A name of lower-case letters, digits and dashes, at most 63, as Kubernetes takes them.
fn identifier<'a>(field: &Field<'a>) -> Option<&'a str> {
    field.parsed(
        "at most 63 lower-case letters, digits and `-`, with a letter or digit at both ends",
        |name| {
            let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
            let bytes = name.as_bytes();
            let ends = bytes.first().is_some_and(|b| plain(*b)) && bytes.last().is_some_and(|b| plain(*b));
            (ends && bytes.len() <= 63 && bytes.iter().all(|b| plain(*b) || *b == b'-')).then_some(name)
        },
    )
}

/// `redact` alone is `redact: label`, and `redact: token` is short for `redact: {with: token}`.
fn action(field: &Field<'_>) -> Option<Action> {
    if matches!(field.value(), crate::document::Value::Map(_)) {
        let how = field.map(&["redact"])?.required("redact")?;
        return redaction(&how).map(Action::Redact);
    }
    field.one_of(&[
        ("allow", Action::Allow),
        ("audit", Action::Audit),
        ("redact", Action::Redact(Redaction::Label)),
        ("block", Action::Block),
    ])
}

fn redaction(field: &Field<'_>) -> Option<Redaction> {
    const WAYS: [(&str, Redaction); 3] = [
        ("label", Redaction::Label),
        ("token", Redaction::Token),
        ("reversible", Redaction::Reversible { in_tools: false }),
    ];
    if !matches!(field.value(), crate::document::Value::Map(_)) {
        return field.one_of(&WAYS);
    }
    let fields = field.map(&["with", "restoreIn"])?;
    let with = fields.required("with")?.one_of(&WAYS);
    let Some(places) = fields.optional("restoreIn") else { return with };
    let tools: Vec<bool> = places
        .filled_list()?
        .iter()
        .filter_map(|place| place.one_of(&[("text", false), ("toolArguments", true)]))
        .collect();
    let in_tools = tools.contains(&true);
    match with? {
        Redaction::Reversible { .. } => Some(Redaction::Reversible { in_tools }),
        other => {
            places.mistake(
                format!("`{}` is never put back", other.name()),
                Some("`restoreIn` with `reversible` only"),
            );
            None
        }
    }
}

/// A list of detector names and patterns, each of which fits at least one detector.
fn detectors(field: &Field<'_>) -> Option<Box<[bool]>> {
    let mut chosen = vec![false; DetectorId::all().len()].into_boxed_slice();
    let mut whole = true;
    for item in field.filled_list()? {
        let Some(pattern) = pattern(&item) else {
            whole = false;
            continue;
        };
        let mut fits = false;
        for detector in DetectorId::all().filter(|d| pattern.fits(d.name())) {
            chosen[detector.index()] = true;
            fits = true;
        }
        if !fits {
            let known = DetectorId::all().map(DetectorId::name).chain(["secret.*", "pii.*"]);
            let expected = "a detector such as `pii.email`, or a pattern such as `secret.*`";
            item.unknown_word_of_many("detector", &pattern.to_string(), known, expected);
            whole = false;
        }
    }
    whole.then_some(chosen)
}

/// A list of names and patterns; everything if it is not there. Names without a `*` must be known.
fn patterns(fields: &Fields<'_>, name: &'static str, kind: &str, known: &[&str]) -> Option<Vec<Pattern>> {
    let Some(field) = fields.optional(name) else { return Some(vec![Pattern::any()]) };
    let items = field.filled_list()?;
    let mut read = Vec::with_capacity(items.len());
    for item in &items {
        let Some(pattern) = pattern(item) else { continue };
        if !known.is_empty() && !known.iter().any(|k| pattern.fits(k)) {
            let expected = format!("{kind}s of the catalogue, or a pattern that fits one");
            item.unknown_word_of_many(kind, &pattern.to_string(), known.iter().copied(), &expected);
            continue;
        }
        read.push(pattern);
    }
    (read.len() == items.len()).then_some(read)
}

fn pattern(field: &Field<'_>) -> Option<Pattern> {
    field.parsed("lower-case letters, digits, `.`, `_`, `-` and `*`", Pattern::parse)
}

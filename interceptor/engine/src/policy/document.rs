//! Reads policy files into checked rules. Knows the fields of the documents and what they may hold; every
//! mistake goes to the report, and reading goes on.

mod action;
mod limits;
mod matches;
mod subjects;

use std::collections::HashMap;
use std::sync::Arc;

use super::conditions::Conditions;
use super::decide::Entry;
use super::forbid::is_of_endpoints;
use super::rule::{At, Headers, Mode, Rule, Target};
use super::subjects::Selector;
use super::uncertain::{Answer, SomeAnswers, Uncertainty};
use super::{Action, Direction, Pattern, shape};
use crate::budget::Limit;
use crate::detect::Registry;
use crate::document::resource::{self, identifier};
use crate::document::{Field, Position};
use crate::price::Prices;

/// The names that rules may use. An empty list allows any name, for readers without a catalogue.
#[derive(Debug, Clone, Copy, Default)]
pub struct Vocabulary<'a> {
    /// Names of providers.
    pub providers: &'a [&'a str],
    /// Names of operations (formats).
    pub operations: &'a [&'a str],
    /// The detectors; those of this build if there are no others.
    pub registry: Option<&'a Registry>,
}

/// What the files say together.
pub(super) struct Spec {
    pub(super) entries: Vec<Entry>,
    pub(super) rules: Vec<Rule>,
    pub(super) prices: Prices,
}

/// Where something was defined first.
type Place = (Arc<str>, Position);

/// One document, not yet in its place among the others.
struct Draft {
    name: Arc<str>,
    priority: u64,
    subjects: Vec<Selector>,
    rules: Vec<Rule>,
    limits: Vec<Arc<Limit>>,
    answers: SomeAnswers,
}

struct Reader<'a> {
    vocabulary: &'a Vocabulary<'a>,
    drafts: Vec<Draft>,
    prices: Prices,
    names: HashMap<Arc<str>, Place>,
    /// By whom it is for and what it is.
    answered: HashMap<(String, Uncertainty), Place>,
    /// By all that a rule asks for: what it does then, and where it stands.
    acting: HashMap<String, (Action, Arc<str>, Place)>,
}

/// Reads the roots of documents of this kind. What is wrong is in the report.
pub(super) fn read(documents: &[Field<'_>], vocabulary: &Vocabulary<'_>) -> Spec {
    let mut reader = Reader {
        vocabulary,
        drafts: Vec::new(),
        prices: Prices::default(),
        names: HashMap::new(),
        answered: HashMap::new(),
        acting: HashMap::new(),
    };
    for document in documents {
        // The other documents are read all the same.
        let _ = reader.document(document);
    }
    reader.finish()
}

impl Reader<'_> {
    /// Puts the documents in the order in which they are read: higher priorities first, equals as they came.
    fn finish(mut self) -> Spec {
        self.drafts.sort_by_key(|draft| std::cmp::Reverse(draft.priority));
        let prices = self.prices.before(Prices::builtin());
        let mut spec = Spec { entries: Vec::new(), rules: Vec::new(), prices };
        for draft in self.drafts {
            let from = spec.rules.len();
            let is_of_endpoints = draft.rules.iter().any(is_of_endpoints);
            spec.rules.extend(draft.rules);
            spec.entries.push(Entry {
                name: draft.name,
                subjects: draft.subjects,
                rules: from..spec.rules.len(),
                limits: draft.limits,
                answers: draft.answers,
                is_of_endpoints,
            });
        }
        spec
    }

    fn document(&mut self, root: &Field<'_>) -> Option<()> {
        let resource = resource::read(root, &shape::DOCUMENT)?;
        let (name, spec) = (resource.name, resource.spec.shaped(&shape::SPEC)?);
        if let Some(description) = spec.optional("description") {
            description.text();
        }
        let priority =
            spec.optional("priority").and_then(|field| field.number(0..=shape::PRIORITY)).unwrap_or_default();
        let subjects = spec.optional("subjects").and_then(|field| subjects::selectors(&field));
        let mut draft = Draft {
            name: name.unwrap_or_default().into(),
            priority,
            subjects: subjects.unwrap_or_default(),
            rules: Vec::new(),
            limits: Vec::new(),
            answers: SomeAnswers::default(),
        };
        let limits = spec.optional("limits");
        // A policy may be about limits alone.
        let rules = if limits.is_some() { spec.optional("rules") } else { spec.required("rules") };
        for rule in rules.and_then(|rules| rules.list()).unwrap_or_default() {
            self.rule(&rule, &mut draft);
        }
        for limit in limits.and_then(|limits| limits.filled_list()).unwrap_or_default() {
            draft.limits.extend(self.limit(&limit));
        }
        for price in spec.optional("prices").and_then(|prices| prices.filled_list()).unwrap_or_default() {
            limits::price(&price, self.vocabulary.providers, &mut self.prices);
        }
        if let Some(uncertain) = spec.optional("uncertain") {
            self.uncertain(&uncertain, &mut draft);
        }
        self.drafts.push(draft);
        Some(())
    }

    fn rule(&mut self, field: &Field<'_>, draft: &mut Draft) -> Option<()> {
        let fields = field.shaped(&shape::RULE)?;
        // All fields are read before any is missed, so that all their mistakes are reported.
        let name = fields.required("name").and_then(|name| self.name(&name));
        let description = fields.optional("description").map(|d| d.text());
        let matches = fields.required("match").and_then(|m| matches::read(&m, self.vocabulary));
        let action = fields.required("action").and_then(|a| action::read(&a).map(|read| (a, read)));
        let headers = fields.optional("headers").map(|headers| (action::headers(&headers), headers));
        let mode = match fields.optional("mode") {
            Some(mode) => mode.one_of(&[("enforce", Mode::Enforce), ("shadow", Mode::Shadow)]),
            None => Some(Mode::Enforce),
        };
        if description == Some(None) {
            return None;
        }
        let (name, matches, (field_of_action, act), mode) = (name?, matches?, action?, mode?);
        let action::Act { action, reply, at } = act;
        check_action(&field_of_action, action, &matches.target, &matches.conditions)?;
        let headers = match headers {
            None => Headers::default(),
            Some((read, at)) => {
                check_headers(&at, &matches.target, &matches.conditions)?;
                read?
            }
        };
        let matches::Match { directions, target, conditions } = matches;
        let rule = Rule { name, directions, target, conditions, action, reply, headers, mode, at };
        if at == At::Connect && !rule.is_of_endpoint() {
            field_of_action.mistake(
                "cannot be `at: connect`, before anything is said",
                Some("a match of `providers` only, and no `headers`"),
            );
            return None;
        }
        self.contradiction(field, &rule, draft);
        draft.rules.push(rule);
        Some(())
    }

    /// Two rules that ask for the same and do something else: whoever wrote the second did not know of the first.
    fn contradiction(&mut self, field: &Field<'_>, rule: &Rule, draft: &Draft) {
        if rule.mode != Mode::Enforce {
            return;
        }
        let asked = format!(
            "{} {:?} {:?} {:?} {:?}",
            draft.priority, draft.subjects, rule.directions, rule.target, rule.conditions
        );
        let place = (field.file().clone(), field.position());
        let (action, name, (file, at)) =
            self.acting.entry(asked).or_insert_with(|| (rule.action, rule.name.clone(), place));
        if *action != rule.action {
            let what = format!(
                "contradicts the rule `{name}` at {file}:{}: for the same callers and the same match it says `{}`, this \
                 one `{}`",
                at.line,
                action.name(),
                rule.action.name()
            );
            field.mistake(what, Some("one of the two"));
        }
    }

    /// A rule's name, unique in the policy.
    fn name(&mut self, field: &Field<'_>) -> Option<Arc<str>> {
        let name = identifier(field)?;
        if let Some((file, at)) = self.names.get(name) {
            let what = format!("the name `{name}` is taken by the rule at {file}:{}", at.line);
            field.mistake(what, Some("another name"));
            return None;
        }
        let name: Arc<str> = name.into();
        self.names.insert(name.clone(), (field.file().clone(), field.position()));
        Some(name)
    }

    fn uncertain(&mut self, field: &Field<'_>, draft: &mut Draft) -> Option<()> {
        let fields = field.shaped(&shape::UNCERTAIN)?;
        for uncertainty in Uncertainty::ALL {
            let Some(answer) = fields.optional(uncertainty.name()) else { continue };
            let key = (format!("{} {:?}", draft.priority, draft.subjects), uncertainty);
            if let Some((file, at)) = self.answered.get(&key) {
                answer.mistake(format!("is already answered at {file}:{}", at.line), Some("one answer"));
                continue;
            }
            self.answered.insert(key, (answer.file().clone(), answer.position()));
            read_answer(uncertainty, &answer, &mut draft.answers);
        }
        Some(())
    }
}

/// One word for both directions, or one for each.
fn read_answer(uncertainty: Uncertainty, field: &Field<'_>, answers: &mut SomeAnswers) -> Option<()> {
    let is_signed = uncertainty == Uncertainty::SignedBody;
    if !matches!(field.value(), crate::document::Value::Map(_)) {
        let answer = one_answer(is_signed, field)?;
        for direction in Direction::ALL {
            // Nobody signs answers: the word is about requests.
            if answer != Answer::Resign || direction == Direction::Request {
                answers.set(uncertainty, direction, answer);
            }
        }
        return Some(());
    }
    let fields = field.shaped(if is_signed { &shape::SIGNED_ANSWERS } else { &shape::ANSWERS })?;
    for direction in Direction::ALL {
        let is_signed = is_signed && direction == Direction::Request;
        if let Some(answer) = fields.optional(direction.name()).and_then(|f| one_answer(is_signed, &f)) {
            answers.set(uncertainty, direction, answer);
        }
    }
    Some(())
}

fn one_answer(is_signed: bool, field: &Field<'_>) -> Option<Answer> {
    if is_signed { field.one_of(&Answer::WORDS_OF_SIGNED) } else { field.one_of(&Answer::WORDS) }
}

/// Not everything can be done about everything.
fn check_action(at: &Field<'_>, action: Action, target: &Target, conditions: &Conditions) -> Option<()> {
    let (wrong, expected) = match (action, target) {
        (Action::Redact(_), Target::Tools(_) | Target::Exchange) => {
            ("there is nothing to redact", "`redact` in rules with `detectors`")
        }
        (Action::Passthrough, Target::Findings { .. } | Target::Tools(_)) => {
            ("what passes through is not looked at", "`passthrough` in rules without `detectors` and `tools`")
        }
        (Action::Passthrough, Target::Exchange) if !conditions.are_of_connection() => {
            ("is decided before there is a request", "a match of `providers`, `hosts` and `time` only")
        }
        _ => return Some(()),
    };
    at.mistake(wrong, Some(expected));
    None
}

fn check_headers(at: &Field<'_>, target: &Target, conditions: &Conditions) -> Option<()> {
    if *target != Target::Exchange {
        at.mistake("belong to a request as such", Some("`headers` in rules without `detectors` and `tools`"));
        return None;
    }
    if conditions.ask_for_body() {
        at.mistake(
            "leave before the body is read",
            Some("a match without `models`, `tools`, `mcpMethods`, `size` and expressions about them"),
        );
        return None;
    }
    Some(())
}

/// A list of names that others chose, and patterns of such.
fn any_patterns(field: &Field<'_>) -> Option<Vec<Pattern>> {
    let items = field.filled_list()?;
    let expected = "a name or pattern without blanks, at most 512 bytes";
    let read: Vec<Pattern> =
        items.iter().filter_map(|item| item.parsed(expected, Pattern::parse_any)).collect();
    (read.len() == items.len()).then_some(read)
}

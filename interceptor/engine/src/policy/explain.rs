//! Says why an exchange is decided as it is: every policy, whether it is about the caller and if not, why; every rule,
//! whether it holds and if not, what keeps it from holding; and of the rules that match something, which one wins.
//!
//! Asks the same conditions as the decision itself, one at a time. It is for people, and as slow as that allows.

use std::sync::Arc;

use super::arguments::Wanted;
use super::conditions::{Conditions, Holds};
use super::context::{BodyFacts, Context};
use super::decide::outcome;
use super::rule::{At, Mode, Rule, Target};
use super::subjects::Selector;
use super::{Action, Cell, Direction, Policy, Subject};
use crate::detect::{Confidence, DetectorId};

/// A policy, seen from one exchange.
#[derive(Debug, Clone)]
pub struct PolicyTrace {
    /// Its name.
    pub name: Arc<str>,
    /// The field of each of its subjects that does not fit; `None` if the policy is about the caller.
    pub unfit: Option<Vec<&'static str>>,
    /// Its rules, in order; none if it is not about the caller.
    pub rules: Vec<RuleTrace>,
}

/// A rule, seen from one exchange.
#[derive(Debug, Clone)]
pub struct RuleTrace {
    /// Its name.
    pub name: Arc<str>,
    /// What it does.
    pub action: Action,
    /// Whether it acts.
    pub mode: Mode,
    /// What it looks for.
    pub about: About,
    /// By what it asks what tools are called with: keys, in small letters, and `call` for an expression.
    pub arguments: Vec<String>,
    /// Where it blocks, if that is what it does to every call of an endpoint.
    pub at: Option<At>,
    /// The fields of its match that ask something of the exchange.
    pub conditions: Vec<&'static str>,
    /// Whether its conditions hold.
    pub state: State,
}

/// What a rule looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// Findings of detectors.
    Findings,
    /// Tools that are offered or called.
    Tools,
    /// The exchange as such.
    Exchange,
}

/// Whether the conditions of a rule hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// They do.
    Holds,
    /// This field does not fit.
    Unfit(&'static str),
    /// These fields ask for something that is not known here.
    Open(Vec<&'static str>),
    /// The expression could not be evaluated.
    Failed,
}

/// A rule that matches a finding, and what becomes of what it says.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Its name.
    pub rule: Arc<str>,
    /// What it says.
    pub action: Action,
    /// What becomes of it.
    pub place: Place,
}

/// What becomes of what a matching rule says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It is done.
    Wins,
    /// A stronger rule, or an equal one before it, is done instead.
    Weaker,
    /// An `allow` before it ends the reading.
    Exempt,
    /// It only says what it would do.
    Shadow,
}

impl Policy {
    /// Goes through all policies and rules for an exchange. Without the body, rules that ask for it are open.
    pub fn explain(&self, context: &Context<'_>, body: Option<&BodyFacts<'_>>) -> Vec<PolicyTrace> {
        let all = &self.checked;
        let trace = |entry: &super::decide::Entry| {
            let is_for = entry.is_for(context.subject);
            let unfit = || entry.subjects.iter().filter_map(|s| unfit_subject(s, context.subject)).collect();
            let rules = all.rules.get(entry.rules.clone()).unwrap_or_default();
            let rules = rules.iter().filter(|_| is_for).map(|rule| rule.trace(context, body));
            PolicyTrace { name: entry.name.clone(), unfit: (!is_for).then(unfit), rules: rules.collect() }
        };
        all.entries.iter().map(trace).collect()
    }

    /// The rules that match a finding that is one of `count`, in order, and what becomes of each.
    pub fn candidates(
        &self,
        context: &Context<'_>,
        body: Option<&BodyFacts<'_>>,
        finding: (Direction, DetectorId, Confidence),
        count: u32,
    ) -> Vec<Candidate> {
        let (direction, detector, confidence) = finding;
        let cell = Cell { direction, detector, confidence };
        let matching: Vec<&Rule> = { self.checked.entries_for(context.subject) }
            .flat_map(|entry| self.checked.rules.get(entry.rules.clone()).unwrap_or_default())
            .filter(|rule| rule.conditions.hold(context, body, rule.quantifier()) == Holds::Yes)
            .filter(|rule| rule.matches(cell))
            .filter(|rule| matches!(rule.target, Target::Findings { at_least, .. } if count >= at_least))
            .collect();
        let winner = outcome(matching.iter().copied().filter(|rule| rule.mode == Mode::Enforce));
        let mut ended = false;
        { matching.iter() }
            .map(|rule| {
                let place = match rule.mode {
                    Mode::Shadow => Place::Shadow,
                    Mode::Enforce if winner.is_some_and(|winner| std::ptr::eq(winner, *rule)) => Place::Wins,
                    Mode::Enforce if ended => Place::Exempt,
                    Mode::Enforce => Place::Weaker,
                };
                ended |= rule.mode == Mode::Enforce && rule.action == Action::Allow;
                Candidate { rule: rule.name.clone(), action: rule.action, place }
            })
            .collect()
    }
}

impl Rule {
    fn trace(&self, context: &Context<'_>, body: Option<&BodyFacts<'_>>) -> RuleTrace {
        let state = match self.conditions.hold(context, body, self.quantifier()) {
            Holds::Yes => State::Holds,
            Holds::Failed => State::Failed,
            Holds::Open => {
                let open = |(_, one): &(&str, Conditions)| one.ask_for_body();
                State::Open(apart(&self.conditions).into_iter().filter(open).map(|(name, _)| name).collect())
            }
            Holds::No => {
                let no =
                    |(_, one): &(&str, Conditions)| one.hold(context, body, self.quantifier()) == Holds::No;
                // One of them says no, since all together do.
                let name = apart(&self.conditions).into_iter().find(no).map_or("match", |(name, _)| name);
                State::Unfit(name)
            }
        };
        let about = match self.target {
            Target::Findings { .. } => About::Findings,
            Target::Tools(_) => About::Tools,
            Target::Exchange => About::Exchange,
        };
        let arguments = match &self.target {
            Target::Tools(tools) => tools.arguments.iter().flat_map(Wanted::asked).collect(),
            Target::Findings { .. } | Target::Exchange => Vec::new(),
        };
        RuleTrace {
            name: self.name.clone(),
            action: self.action,
            mode: self.mode,
            about,
            arguments,
            at: (self.action == Action::Block && self.is_of_endpoint()).then_some(self.at),
            conditions: self.conditions(),
            state,
        }
    }

    fn conditions(&self) -> Vec<&'static str> {
        let asks = |(_, one): &(&str, Conditions)| *one != Conditions::default();
        apart(&self.conditions).into_iter().filter(asks).map(|(name, _)| name).collect()
    }
}

/// Each condition by itself, with the name of its field.
fn apart(all: &Conditions) -> [(&'static str, Conditions); 10] {
    let none = Conditions::default;
    [
        ("providers", Conditions { providers: all.providers.clone(), ..none() }),
        ("hosts", Conditions { hosts: all.hosts.clone(), ..none() }),
        ("paths", Conditions { paths: all.paths.clone(), ..none() }),
        ("operations", Conditions { operations: all.operations.clone(), ..none() }),
        ("time", Conditions { time: all.time, ..none() }),
        ("models", Conditions { models: all.models.clone(), ..none() }),
        ("tools", Conditions { tools: all.tools.clone(), ..none() }),
        ("mcpMethods", Conditions { methods: all.methods.clone(), ..none() }),
        ("size", Conditions { size: all.size, ..none() }),
        ("when", Conditions { when: all.when.clone(), ..none() }),
    ]
}

/// The first field of a selector that does not fit a caller.
fn unfit_subject(all: &Selector, subject: &Subject) -> Option<&'static str> {
    let none = Selector::default;
    let apart = [
        ("namespaces", Selector { namespaces: all.namespaces.clone(), ..none() }),
        ("namespaceLabels", Selector { namespace_labels: all.namespace_labels.clone(), ..none() }),
        ("pods", Selector { pods: all.pods.clone(), ..none() }),
        ("podLabels", Selector { pod_labels: all.pod_labels.clone(), ..none() }),
        ("serviceAccounts", Selector { service_accounts: all.service_accounts.clone(), ..none() }),
        ("containers", Selector { containers: all.containers.clone(), ..none() }),
        ("images", Selector { images: all.images.clone(), ..none() }),
        ("executables", Selector { executables: all.executables.clone(), ..none() }),
        ("units", Selector { units: all.units.clone(), ..none() }),
        ("users", Selector { users: all.users.clone(), ..none() }),
        ("cgroups", Selector { cgroups: all.cgroups.clone(), ..none() }),
        ("known", Selector { known: all.known, ..none() }),
    ];
    apart.into_iter().find(|(_, one)| !one.fits(subject)).map(|(name, _)| name)
}

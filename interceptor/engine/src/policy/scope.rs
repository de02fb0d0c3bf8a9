//! The rules that can apply to one exchange, and what they say: to findings, tools, the exchange and what is uncertain.
//!
//! What a rule asks of the exchange is asked once, before its body and with it. What is left is read from top to bottom for
//! every finding.

use std::sync::Arc;

use smallvec::SmallVec;

use super::arguments::Given;
use super::conditions::Holds;
use super::context::{BodyFacts, Context};
use super::decide::{Compiled, Decision, Shadow, outcome};
use super::rule::{Headers, Mode, Rule, Target};
use super::uncertain::{Answers, SomeAnswers};
use super::{Action, Answer, Cell, Direction, Reach, Subject, Uncertainty};
use crate::detect::{Confidence, DetectorId};

/// A rule that can apply to an exchange.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chosen {
    pub(super) rule: u32,
    /// The body decides whether it does.
    pub(super) open: bool,
    /// Findings that it would match, in each direction.
    found: [u32; 2],
}

/// The rules that can apply to one exchange.
#[derive(Clone)]
pub struct Scope {
    pub(super) policy: Arc<Compiled>,
    pub(super) chosen: SmallVec<[Chosen; 12]>,
    answers: Answers,
    pub(super) reach: [Reach; 2],
    pub(super) makes_tokens: [bool; 2],
    pub(super) restores: bool,
    /// A condition could not be evaluated.
    failed: bool,
}

impl Scope {
    pub(super) fn new(policy: &Arc<Compiled>, context: &Context<'_>) -> Self {
        let (mut chosen, mut answers, mut failed) = (SmallVec::new(), SomeAnswers::default(), false);
        for entry in policy.entries_for(context.subject) {
            answers.add(&entry.answers);

            for number in entry.rules.clone() {
                let rule = &policy.rules[number];
                let holds = rule.conditions.hold(context, None, rule.quantifier());
                failed |= holds == Holds::Failed;
                if let (Holds::Yes | Holds::Open, Ok(number)) = (holds, u32::try_from(number)) {
                    chosen.push(Chosen { rule: number, open: holds == Holds::Open, found: [0; 2] });
                }
            }
        }
        let mut scope = Self {
            policy: policy.clone(),
            chosen,
            answers: answers.or_defaults(),
            reach: [Reach::None; 2],
            makes_tokens: [false; 2],
            restores: false,
            failed,
        };
        scope.reckon();
        scope
    }

    /// What the body says is known: rules that were open hold now, or not.
    pub fn settle(&mut self, context: &Context<'_>, body: &BodyFacts<'_>) {
        if !self.is_open() {
            return;
        }
        let rules = &self.policy.rules;
        let failed = &mut self.failed;
        self.chosen.retain(|chosen| {
            if !chosen.open {
                return true;
            }
            let rule = &rules[chosen.rule as usize];
            let holds = rule.conditions.hold(context, Some(body), rule.quantifier());
            *failed |= holds == Holds::Failed;
            chosen.open = false;
            holds == Holds::Yes
        });
        self.reckon();
    }

    /// True if the body decides about some rule.
    pub fn is_open(&self) -> bool {
        self.chosen.iter().any(|chosen| chosen.open)
    }

    /// True if some rule that can apply asks for the model.
    pub fn asks_for_model(&self) -> bool {
        self.rules().any(|rule| rule.conditions.ask_for_model())
    }

    /// True if some rule that can apply looks at tools by their names.
    pub fn asks_for_tools(&self) -> bool {
        self.rules().any(|rule| matches!(rule.target, Target::Tools(_)) || rule.conditions.tools.is_some())
    }

    /// True if policies tell callers apart, and not enough is known of this one to say which are for him.
    pub fn leaves_caller_open(&self, subject: &Subject) -> bool {
        self.policy.leaves_open(subject)
    }

    /// True if a condition of a rule could not be evaluated.
    pub fn has_failed(&self) -> bool {
        self.failed
    }

    /// The strongest thing that any rule of this direction may do. Says nothing about uncertainties: for those ask
    /// [`Scope::when`].
    pub fn strongest(&self, direction: Direction) -> Reach {
        self.reach[direction.index()]
    }

    /// Counts a finding, for rules that ask for several.
    pub fn count(&mut self, direction: Direction, detector: DetectorId, confidence: Confidence) {
        let cell = Cell { direction, detector, confidence };
        for chosen in &mut self.chosen {
            if self.policy.rules[chosen.rule as usize].matches(cell) {
                let found = &mut chosen.found[direction.index()];
                *found = found.saturating_add(1);
            }
        }
    }

    /// What happens to a finding, with what was counted so far.
    pub fn decide(&self, direction: Direction, detector: DetectorId, confidence: Confidence) -> Decision {
        let cell = Cell { direction, detector, confidence };
        self.decision(|rule, chosen| {
            let enough = match rule.target {
                Target::Findings { at_least, .. } => chosen.found[direction.index()].max(1) >= at_least,
                Target::Tools(_) | Target::Exchange => false,
            };
            enough && rule.matches(cell)
        })
    }

    /// What happens to an exchange as such.
    pub fn exchange(&self, direction: Direction) -> Decision {
        // Whether it passes was decided with its connection.
        self.decision(|rule, _| {
            rule.target == Target::Exchange && rule.looks_at(direction) && rule.action != Action::Passthrough
        })
    }

    /// What happens to a connection before anything is asked over it.
    pub(super) fn connection(&self) -> Decision {
        self.decision(|rule, _| rule.target == Target::Exchange && rule.conditions.are_of_connection())
    }

    /// What happens because a tool is named, and nothing is known of what it is called with: it is offered, most often.
    pub fn tool(&self, direction: Direction, name: &str) -> Decision {
        self.call(direction, &[name.to_owned()], &Given::default())
    }

    /// What happens at once because a tool is about to be called. What it is called with is still to come, and an exemption
    /// that asks for that may take the call out of the rules behind it.
    pub(crate) fn called(&self, direction: Direction, name: &str) -> Decision {
        let exempts = |rule: &Rule| rule.mode == Mode::Enforce && rule.action == Action::Allow;
        let mut waiting = self.chosen.iter().map(|chosen| chosen.rule).filter(|number| {
            let rule = &self.policy.rules[*number as usize];
            exempts(rule) && rule.asks_for_arguments_of(direction, name)
        });
        let first = waiting.next().unwrap_or(u32::MAX);
        let names = [name.to_owned()];
        self.decision(|rule, chosen| {
            chosen.rule < first && rule.fits_call(direction, &names, &Given::default())
        })
    }

    /// What happens because fragments make up the name of a tool: as if it was named, but that rules about every tool have
    /// nothing to say.
    pub(crate) fn made_up(&self, direction: Direction, name: &str) -> Decision {
        let names = [name.to_owned()];
        self.decision(|rule, _| {
            !rule.is_about_every_tool() && rule.fits_call(direction, &names, &Given::default())
        })
    }

    /// What happens because a tool is called, with all that is known of the call.
    pub(crate) fn call(&self, direction: Direction, names: &[String], given: &Given) -> Decision {
        self.decision(|rule, _| rule.fits_call(direction, names, given))
    }

    /// True if some rule asks something of a call that cannot be said.
    pub(crate) fn fails_at_call(&self, direction: Direction, names: &[String], given: &Given) -> bool {
        { self.chosen.iter() }
            .filter(|chosen| !chosen.open)
            .any(|chosen| self.policy.rules[chosen.rule as usize].fails_at_call(direction, names, given))
    }

    /// True if some rule asks what the tool of this name is called with.
    pub fn waits_for_call(&self, direction: Direction, name: &str) -> bool {
        self.rules().any(|rule| rule.asks_for_arguments_of(direction, name))
    }

    /// True if some rule that can apply asks what tools are called with.
    pub fn asks_for_arguments(&self, direction: Direction) -> bool {
        let asks = |rule: &Rule| match &rule.target {
            Target::Tools(tools) => tools.arguments.is_some() && rule.looks_at(direction),
            Target::Findings { .. } | Target::Exchange => false,
        };
        self.rules().any(asks)
    }

    /// What rules do with the headers of the request. Only those that hold for certain are asked.
    pub fn headers(&self) -> impl Iterator<Item = (&Arc<str>, &Headers)> {
        { self.chosen.iter() }
            .filter(|chosen| !chosen.open)
            .map(|chosen| &self.policy.rules[chosen.rule as usize])
            .filter(|rule| rule.mode == Mode::Enforce && !rule.headers.is_empty())
            .map(|rule| (&rule.name, &rule.headers))
    }

    /// True if a rule of this direction may put a token in the place of a finding.
    pub fn makes_tokens(&self, direction: Direction) -> bool {
        self.makes_tokens[direction.index()]
    }

    /// True if a rule may ask for texts to be put back in the answer.
    pub fn restores(&self) -> bool {
        self.restores
    }

    /// The answer to an uncertainty, and what an event names as the rule.
    pub fn when(&self, uncertainty: Uncertainty, direction: Direction) -> (Answer, &'static str) {
        (self.answers.answer(uncertainty, direction), uncertainty.path())
    }

    /// The version of the policy that decides.
    pub fn version(&self) -> &Arc<str> {
        &self.policy.version
    }

    fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.chosen.iter().map(|chosen| &self.policy.rules[chosen.rule as usize])
    }

    fn decision(&self, matches: impl Fn(&Rule, &Chosen) -> bool) -> Decision {
        let fitting = || {
            { self.chosen.iter() }
                .filter(|chosen| !chosen.open)
                .map(|chosen| (&self.policy.rules[chosen.rule as usize], chosen))
                .filter(|(rule, chosen)| matches(rule, chosen))
                .map(|(rule, _)| rule)
        };
        let acting = outcome(fitting().filter(|rule| rule.mode == Mode::Enforce));
        let shadow = outcome(fitting())
            .filter(|rule| rule.mode == Mode::Shadow)
            .map(|rule| Shadow { action: rule.action, rule: rule.name.clone() });
        Decision {
            action: acting.map_or(Action::Allow, |rule| rule.action),
            rule: acting.map(|rule| rule.name.clone()),
            reply: acting.and_then(|rule| rule.reply.clone()),
            shadow,
        }
    }
}

impl std::fmt::Debug for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Scope({}, {:?})", self.policy.version, self.reach)
    }
}

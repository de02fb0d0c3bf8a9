//! What can be said of a provider before anything is sent to it: the rule by which every call there would be refused.
//! Whoever stands nearer to the caller than a proxy can then refuse in its place.
//!
//! Does not know who that is, and never guesses: an exemption that might hold, for a caller or for a call, leaves the
//! decision to the exchange.

use std::sync::Arc;

use super::conditions::Holds;
use super::context::Context;
use super::decide::{Compiled, Entry};
use super::rule::{At, Mode, Rule, Target};
use super::subjects::Selector;
use super::{Action, Policy, Subject};

/// Whom an answer is to hold for.
#[derive(Debug, Clone, Copy)]
pub enum Callers<'a> {
    /// Whoever calls.
    Everyone,
    /// All processes of a control group that run as one user: whatever is said of the subject but for its executable,
    /// and for whether it could be told, which differ from one process to the next.
    Like(&'a Subject),
}

/// A rule that forbids a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forbids<'p> {
    /// Its name.
    pub rule: &'p Arc<str>,
    /// It is to be enforced at every address of the provider, even at those that serve others as well.
    pub anywhere: bool,
}

/// How many of the callers an entry or a selector is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Share {
    None,
    Some,
    All,
}

impl Policy {
    /// The rule that forbids callers a provider whatever is sent there and whenever, if there is one.
    pub fn forbids(&self, callers: Callers<'_>, provider: &str) -> Option<Forbids<'_>> {
        forbids(&self.checked, callers, provider)
    }

    /// True if some rule could forbid a provider to somebody: without one nobody needs to ask.
    pub fn may_forbid(&self) -> bool {
        self.checked.rules.iter().any(is_certain)
    }
}

fn forbids<'p>(policy: &'p Compiled, callers: Callers<'_>, provider: &str) -> Option<Forbids<'p>> {
    // Not enough is known of such a caller to say which policies are for him.
    if let Callers::Like(subject) = callers
        && policy.leaves_open(subject)
    {
        return None;
    }
    let nobody = Subject::default();
    let subject = match callers {
        Callers::Everyone => &nobody,
        Callers::Like(subject) => subject,
    };
    let everywhere = Context::of_connection(provider, "", subject, 0);
    for entry in &policy.entries {
        let share = share(entry, callers);
        if share == Share::None {
            continue;
        }
        for rule in policy.rules_of(entry) {
            let fits = || rule.conditions.hold(&everywhere, None, rule.quantifier());
            match rule.action {
                Action::Allow | Action::Passthrough if may_hold(rule, fits) => return None,
                Action::Block if share == Share::All && is_certain(rule) && fits() == Holds::Yes => {
                    return Some(Forbids { rule: &rule.name, anywhere: rule.at == At::Connect });
                }
                // It may be this one that answers, and it is to be heard.
                Action::Block if rule.at == At::Exchange && may_hold(rule, fits) => return None,
                _ => {}
            }
        }
    }
    None
}

/// True of rules about exchanges as such that act. What their conditions leave open may hold.
fn may_hold(rule: &Rule, fits: impl Fn() -> Holds) -> bool {
    let acts = rule.mode == Mode::Enforce && rule.target == Target::Exchange;
    acts && (!rule.conditions.are_of_endpoint() || fits() == Holds::Yes)
}

/// True of rules that block every call of an endpoint, and may do so before there is one.
fn is_certain(rule: &Rule) -> bool {
    rule.action == Action::Block
        && rule.mode == Mode::Enforce
        && rule.at != At::Exchange
        && rule.is_of_endpoint()
}

fn share(entry: &Entry, callers: Callers<'_>) -> Share {
    if entry.subjects.is_empty() {
        return Share::All;
    }
    match callers {
        Callers::Everyone => Share::Some,
        Callers::Like(subject) => {
            entry.subjects.iter().map(|selector| selector.share(subject)).max().unwrap_or(Share::None)
        }
    }
}

impl Selector {
    /// How many of the processes it selects that are like the subject but for what differs between processes.
    fn share(&self, subject: &Subject) -> Share {
        if !self.fits_group(subject) {
            Share::None
        } else if self.asks_for_process() {
            Share::Some
        } else {
            Share::All
        }
    }
}

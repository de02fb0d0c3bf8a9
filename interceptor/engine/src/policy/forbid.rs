//! What can be said of a provider before anything is sent to it: the rule by which every call there would be refused.
//! Whoever stands nearer to the caller than a proxy can then refuse in its place.
//!
//! Does not know who that is, and never guesses: an exemption that might hold, for a caller or for a call, leaves the
//! decision to the exchange.

use std::collections::BTreeSet;
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
    /// All processes of a control group: whatever is said of the subject but for its user and its executable, and for
    /// whether that could be told, which differ from one process to the next.
    Group(&'a Subject),
    /// Those of them that run as the subject's user.
    Like(&'a Subject),
}

impl<'a> Callers<'a> {
    fn subject(self) -> Option<&'a Subject> {
        match self {
            Self::Everyone => None,
            Self::Group(subject) | Self::Like(subject) => Some(subject),
        }
    }
}

/// Which policies are for callers, for all of them or for some. Callers of equal standing are forbidden the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Standing(Box<[(u32, Share)]>);

/// A rule that forbids a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forbids<'p> {
    /// Its name.
    pub rule: &'p Arc<str>,
    /// It is to be enforced at every address of the provider, even at those that serve others as well.
    pub anywhere: bool,
}

/// How many of the callers an entry or a selector is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Share {
    None,
    Some,
    All,
}

impl Policy {
    /// Where callers stand. `None` where not enough is known of them to say which policies are for them.
    pub fn standing(&self, callers: Callers<'_>) -> Option<Standing> {
        standing(&self.checked, callers)
    }

    /// The rule that forbids callers of this standing a provider whatever is sent there and whenever, if there is one.
    pub fn forbids(&self, standing: &Standing, provider: &str) -> Option<Forbids<'_>> {
        forbids(&self.checked, standing, provider)
    }

    /// True if some rule could forbid a provider to somebody: without one nobody needs to ask.
    pub fn may_forbid(&self) -> bool {
        self.checked.rules.iter().any(is_certain)
    }

    /// True if it could forbid a provider to some and not to others.
    pub fn may_forbid_some(&self) -> bool {
        self.checked.asked.caller && self.may_forbid()
    }

    /// The users that policies name, among those of the `host` and beside them. Where there is none, all users of a
    /// control group are forbidden the same.
    pub fn named_users<'a>(&self, host: impl IntoIterator<Item = (u32, &'a str)>) -> BTreeSet<u32> {
        let heard = self.checked.entries.iter().filter(|entry| entry.is_of_endpoints);
        let asked: Vec<_> = { heard.flat_map(|entry| &entry.subjects) }
            .filter_map(|selector| selector.users.as_ref())
            .collect();
        let numbers = asked.iter().flat_map(|users| users.each_literal());
        let mut named: BTreeSet<u32> = numbers.filter_map(|user| user.parse().ok()).collect();
        let fits = |(uid, name): &(u32, &str)| {
            asked.iter().any(|users| users.fit(name) || users.fit(&uid.to_string()))
        };
        named.extend(host.into_iter().filter(fits).map(|(uid, _)| uid));
        named
    }
}

fn standing(policy: &Compiled, callers: Callers<'_>) -> Option<Standing> {
    if callers.subject().is_some_and(|subject| policy.leaves_open(subject)) {
        return None;
    }
    let share = |number: u32| {
        let entry = policy.entries.get(number as usize).filter(|entry| entry.is_of_endpoints)?;
        let share = share(entry, callers);
        (share != Share::None).then_some((number, share))
    };
    let entries = match callers.subject() {
        None => (0..).zip(&policy.entries).filter_map(|(number, _)| share(number)).collect(),
        Some(subject) => policy.candidates_like(subject).into_iter().filter_map(share).collect(),
    };
    Some(Standing(entries))
}

fn forbids<'p>(policy: &'p Compiled, standing: &Standing, provider: &str) -> Option<Forbids<'p>> {
    // Nothing that is asked of a provider as such is about the caller.
    let nobody = Subject::default();
    let everywhere = Context::of_connection(provider, "", &nobody, 0);
    let entries = standing
        .0
        .iter()
        .filter_map(|(number, share)| policy.entries.get(*number as usize).map(|entry| (entry, *share)));
    for (entry, share) in entries {
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

/// True of rules that may answer when a provider is called, or keep others from it.
pub(super) fn is_of_endpoints(rule: &Rule) -> bool {
    let answers = matches!(rule.action, Action::Allow | Action::Passthrough | Action::Block);
    answers && rule.mode == Mode::Enforce && rule.target == Target::Exchange
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
    if matches!(callers, Callers::Everyone) {
        return Share::Some;
    }
    entry.subjects.iter().map(|selector| selector.share(callers)).max().unwrap_or(Share::None)
}

impl Selector {
    /// How many of the callers it selects.
    fn share(&self, callers: Callers<'_>) -> Share {
        let (fits, differs) = match callers {
            Callers::Everyone => (true, true),
            Callers::Group(subject) => (self.fits_group(subject), self.users.is_some()),
            Callers::Like(subject) => (self.fits_group(subject) && self.fits_user(subject), false),
        };
        if !fits {
            Share::None
        } else if differs || self.asks_for_process() {
            Share::Some
        } else {
            Share::All
        }
    }
}

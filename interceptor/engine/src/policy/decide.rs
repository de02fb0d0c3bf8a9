//! Policies, ready to decide: found by their callers, so that they are few for one exchange however many there are; and
//! which of the rules that match something wins. What rules are asked for one exchange is in `scope.rs`.

use std::sync::Arc;

use super::index::{Candidates, Index};
use super::rule::{Reply, Rule};
use super::subjects::Selector;
use super::uncertain::SomeAnswers;
use super::{Action, Identity, Subject};
use crate::budget::Limit;
use crate::price::Prices;

/// What happens to a finding, a tool or an exchange, and who says so.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decision {
    /// What is done.
    pub action: Action,
    /// The rule that says so; `None` if no rule matched, which allows.
    pub rule: Option<Arc<str>>,
    /// What the application is told, if the rule says it.
    pub reply: Option<Arc<Reply>>,
    /// What would be done if the rules in shadow acted, if that is something else.
    pub shadow: Option<Shadow>,
}

/// What a rule in shadow would have done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shadow {
    /// What it would have done.
    pub action: Action,
    /// Its name.
    pub rule: Arc<str>,
}

/// One document: whom it is for and what it says.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: Arc<str>,
    pub(super) subjects: Vec<Selector>,
    /// Its rules, by number.
    pub(super) rules: std::ops::Range<usize>,
    pub(super) limits: Vec<Arc<Limit>>,
    pub(super) answers: SomeAnswers,
    /// Whether a rule of it may answer when a provider is called, whatever is sent there.
    pub(super) is_of_endpoints: bool,
}

impl Entry {
    pub(super) fn is_for(&self, subject: &Subject) -> bool {
        self.subjects.is_empty() || self.subjects.iter().any(|selector| selector.fits(subject))
    }
}

/// Policies, ready to decide.
#[derive(Debug)]
pub(super) struct Compiled {
    /// In the order in which they are read.
    pub(super) entries: Vec<Entry>,
    pub(super) rules: Vec<Rule>,
    pub(super) prices: Prices,
    pub(super) version: Arc<str>,
    index: Index,
    pub(super) asked: Asked,
}

/// What policies ask of callers that not every node can tell.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Asked {
    /// Some policy is not for everyone.
    pub(super) caller: bool,
    /// Some policy is for certain service accounts.
    service_account: bool,
    /// Some policy is for namespaces with certain labels.
    namespace_labels: bool,
}

impl Asked {
    fn by(entries: &[Entry]) -> Self {
        let mut asked = Self::default();
        for selector in entries.iter().flat_map(|entry| &entry.subjects) {
            asked.caller = true;
            asked.service_account |= selector.service_accounts.is_some();
            asked.namespace_labels |= !selector.namespace_labels.is_empty();
        }
        asked
    }

    /// True if a policy may be for a caller of whom not enough is known to say so. Only the cluster knows service
    /// accounts and labels of namespaces.
    pub(super) fn leaves_open(self, subject: &Subject) -> bool {
        let unknown = matches!(subject.identity, Identity::Unknown(_));
        let of_pod = subject.pod.as_deref().is_some_and(|pod| {
            (self.service_account && pod.service_account.is_none())
                || (self.namespace_labels && pod.namespace_labels.is_none())
        });
        self.caller && (unknown || of_pod)
    }
}

impl Compiled {
    pub(super) fn new(entries: Vec<Entry>, rules: Vec<Rule>, prices: Prices, version: Arc<str>) -> Self {
        let mut index = Index::default();
        for (number, entry) in (0u32..).zip(&entries) {
            index.add(number, &entry.subjects);
        }
        let asked = Asked::by(&entries);
        Self { entries, rules, prices, version, index, asked }
    }

    /// True if a policy may be for this caller, and not enough is known of him to say so.
    pub(super) fn leaves_open(&self, subject: &Subject) -> bool {
        self.asked.leaves_open(subject)
    }

    pub(super) fn rules_of<'a>(&'a self, entry: &Entry) -> &'a [Rule] {
        &self.rules[entry.rules.clone()]
    }

    /// The policies that may be for processes of a caller's control group, in order.
    pub(super) fn candidates_like(&self, subject: &Subject) -> Candidates {
        self.index.candidates_like(subject)
    }

    /// The policies for a caller, in order.
    pub(super) fn entries_for<'a, 's>(
        &'a self,
        subject: &'s Subject,
    ) -> impl Iterator<Item = &'a Entry> + use<'a, 's> {
        let candidates = self.index.candidates(subject);
        { candidates.into_iter() }
            .filter_map(|number| self.entries.get(number as usize))
            .filter(|entry| entry.is_for(subject))
    }
}

/// The rule that wins. Rules are read in order; the strongest action wins, the first among equals. An
/// `allow` ends the reading: it is an exemption from the rules behind it, not from those before it.
pub(super) fn outcome<'r>(rules: impl Iterator<Item = &'r Rule>) -> Option<&'r Rule> {
    let mut best: Option<&Rule> = None;
    for rule in rules {
        if matches!(rule.action, Action::Allow | Action::Passthrough) {
            return best.or(Some(rule));
        }
        if best.is_none_or(|best| rule.action > best.action) {
            best = Some(rule);
        }
    }
    best
}

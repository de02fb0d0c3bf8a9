//! Callers by what they are forbidden. Those of one class share its verdicts at the kernel side, so that a caller costs one
//! entry there, however much he is forbidden.
//! Knows policy's standings, and counts who is of a class. Does not know callers.

use std::collections::HashMap;
use std::sync::Arc;

use interceptor_common::{Class, Forbidden, ForbiddenKey};
use interceptor_engine::policy::{Callers, Standing};

use super::{InForce, Tally};
use crate::bpf::Verdicts;
use crate::telemetry::chain;

/// Standings that are remembered. Whoever may change labels may make new ones.
const KNOWN: usize = 4096;

/// One provider that somebody is forbidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Found {
    provider: u32,
    rule: u32,
    flags: u32,
}

/// What callers are forbidden beside what everyone is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Outcome(Arc<[Found]>);

impl Outcome {
    /// Whether that is nothing.
    pub(super) fn is_nothing(&self) -> bool {
        self.0.is_empty()
    }
}

/// See the head of this file.
pub(super) struct Classes {
    verdicts: Verdicts,
    tally: Arc<Tally>,
    everyone: Vec<Found>,
    /// Worked out once.
    outcomes: HashMap<Standing, Outcome>,
    entered: HashMap<Outcome, Entered>,
    last: u32,
}

struct Entered {
    number: u32,
    callers: usize,
}

impl Classes {
    pub(super) fn new(verdicts: Verdicts, tally: Arc<Tally>) -> Self {
        let (everyone, outcomes, entered) = (Vec::new(), HashMap::new(), HashMap::new());
        Self { verdicts, tally, everyone, outcomes, entered, last: Class::EVERYONE }
    }

    /// Begins anew with what everyone is forbidden. What was entered for the last policy counts no more.
    pub(super) fn begin(&mut self, in_force: &InForce) {
        self.outcomes.clear();
        self.entered.clear();
        let everyone = in_force.policy.standing(Callers::Everyone);
        self.everyone = everyone.map_or_else(Vec::new, |standing| find(in_force, &standing));
        for found in self.everyone.clone() {
            self.enter(in_force, Class::EVERYONE, found);
        }
    }

    /// What callers of this standing are forbidden beside that.
    pub(super) fn outcome(&mut self, in_force: &InForce, standing: Standing) -> Outcome {
        if let Some(known) = self.outcomes.get(&standing) {
            return known.clone();
        }
        let mut found = find(in_force, &standing);
        found.retain(|one| !self.everyone.iter().any(|all| all.provider == one.provider));
        let outcome = Outcome(found.into());
        if self.outcomes.len() >= KNOWN {
            self.outcomes.clear();
        }
        self.outcomes.insert(standing, outcome.clone());
        outcome
    }

    /// One more is of the class with this outcome: its number.
    pub(super) fn join(&mut self, in_force: &InForce, outcome: &Outcome) -> u32 {
        if let Some(entered) = self.entered.get_mut(outcome) {
            entered.callers += 1;
            return entered.number;
        }
        // A number that was another class's may still be in a caller's entry for a moment: none is used twice.
        self.last = self.last.wrapping_add(1).max(Class::EVERYONE + 1);
        let number = self.last;
        for found in outcome.0.iter() {
            self.enter(in_force, number, *found);
        }
        self.entered.insert(outcome.clone(), Entered { number, callers: 1 });
        number
    }

    /// One less is. A class of nobody makes room.
    pub(super) fn leave(&mut self, outcome: &Outcome) {
        let Some(entered) = self.entered.get_mut(outcome) else { return };
        entered.callers -= 1;
        if entered.callers > 0 {
            return;
        }
        let class = entered.number;
        self.entered.remove(outcome);
        for found in outcome.0.iter() {
            match self.verdicts.remove(&ForbiddenKey { class, provider: found.provider }) {
                Ok(was_there) => self.tally.verdicts(-i64::from(was_there)),
                Err(error) => {
                    tracing::warn!(error = chain(&error), "a verdict stays until the policy is replaced");
                }
            }
        }
    }

    fn enter(&self, in_force: &InForce, class: u32, found: Found) {
        let Found { provider, rule, flags } = found;
        let entry = Forbidden { generation: in_force.generation, rule, flags, pad: 0 };
        match self.verdicts.enter(&ForbiddenKey { class, provider }, &entry) {
            Ok(()) => self.tally.verdicts(1),
            Err(error) => self.tally.no_room(&error),
        }
    }
}

/// In the order of the providers' numbers, so that equal outcomes look alike.
fn find(in_force: &InForce, standing: &Standing) -> Vec<Found> {
    let of = |(provider, name): (u32, &Arc<str>)| {
        let found = in_force.policy.forbids(standing, name)?;
        let flags = if found.anywhere { Forbidden::ANYWHERE } else { 0 };
        Some(Found { provider, rule: in_force.rule_number(found.rule)?, flags })
    };
    // Where several providers answer, only what they are all forbidden may be refused, and only if it is said that what
    // else is there does not matter: nobody asks for all that is there.
    let of_all = |(provider, names): (u32, Vec<&Arc<str>>)| {
        let all: Option<Vec<_>> = names.iter().map(|name| in_force.policy.forbids(standing, name)).collect();
        let all = all?;
        let first = all.first().filter(|_| all.iter().all(|found| found.anywhere))?;
        let rule = in_force.rule_number(first.rule)?;
        Some(Found { provider, rule, flags: Forbidden::ANYWHERE })
    };
    let mut found: Vec<_> = in_force.providers().filter_map(of).collect();
    found.extend(in_force.sets().filter_map(of_all));
    found.sort_unstable_by_key(|found| found.provider);
    found
}

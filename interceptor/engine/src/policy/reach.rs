//! What the rules for an exchange may do at most, so that a body is held only if it has to be, and scanned only if somebody
//! asks. Knows rules. Asks them about nothing.

use super::rule::{Detectors, Mode, Rule, Target};
use super::scope::Scope;
use super::{Action, Direction, Reach, Redaction};
use crate::detect::Confidence;

impl Scope {
    /// Works out what the rules may do at most, without asking them about anything.
    pub(super) fn reckon(&mut self) {
        let mut reach = [Reach::None; 2];
        let mut makes_tokens = [false; 2];
        let mut restores = false;
        for direction in Direction::ALL {
            let mut exempt = Exempt::default();
            for chosen in &self.chosen {
                let rule = &self.policy.rules[chosen.rule as usize];
                if !rule.looks_at(direction) || !exempt.leaves(rule) {
                    continue;
                }
                let place = &mut reach[direction.index()];
                *place = (*place).max(reach_of(rule));
                if rule.mode == Mode::Enforce {
                    if let Action::Redact(how @ (Redaction::Token | Redaction::Reversible { .. })) =
                        rule.action
                    {
                        makes_tokens[direction.index()] = true;
                        restores |= direction == Direction::Request && how != Redaction::Token;
                    }
                    if !chosen.open {
                        exempt.add(rule);
                    }
                }
            }
        }
        (self.reach, self.makes_tokens, self.restores) = (reach, makes_tokens, restores);
    }
}

/// What `allow` rules further up have taken out of the reach of those below.
#[derive(Default)]
struct Exempt {
    /// By confidence.
    detectors: [Detectors; Confidence::ALL.len()],
    exchange: bool,
}

impl Exempt {
    /// True if the rule can still match something.
    fn leaves(&self, rule: &Rule) -> bool {
        match &rule.target {
            Target::Findings { detectors, confidence, .. } => { Confidence::ALL.into_iter() }
                .filter(|level| *level >= *confidence)
                .any(|level| detectors.reach_beyond(&self.detectors[level as usize])),
            Target::Tools(_) => true,
            Target::Exchange => !self.exchange || !rule.headers.is_empty(),
        }
    }

    fn add(&mut self, rule: &Rule) {
        match &rule.target {
            _ if rule.action != Action::Allow => {}
            Target::Findings { detectors, confidence, at_least: 0..=1 } => {
                let levels = Confidence::ALL.into_iter().filter(|level| *level >= *confidence);
                levels.for_each(|level| self.detectors[level as usize].insert_all(detectors));
            }
            Target::Findings { .. } | Target::Tools(_) => {}
            Target::Exchange => self.exchange = true,
        }
    }
}

fn reach_of(rule: &Rule) -> Reach {
    match (rule.mode, rule.action) {
        (Mode::Enforce, Action::Block) => Reach::Block,
        (Mode::Enforce, Action::Redact(_)) => Reach::Rewrite,
        // What only exempts is worth recording too.
        _ => Reach::Audit,
    }
}

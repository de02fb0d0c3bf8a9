//! A policy as the kernel side knows it: by numbers. Knows which number is which provider and which rule.

use std::collections::HashMap;
use std::sync::Arc;

use interceptor_engine::{Engine, Policy};

use crate::app::whose::{self, Sets};

/// The number of a provider at the kernel side: of its name alone.
pub(in crate::app) fn number(provider: &str) -> u32 {
    whose::number(provider.bytes())
}

/// A policy with its numbers.
pub(super) struct InForce {
    pub(super) generation: u32,
    pub(super) policy: Arc<Policy>,
    /// Names by number, `None` where two share one: their addresses decide nothing.
    providers: HashMap<u32, Option<Arc<str>>>,
    /// Providers that share addresses.
    sets: Sets,
    /// In the policy's order; they are numbered from 1 on.
    rules: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u32>,
}

impl InForce {
    pub(super) fn of(engine: &Engine, generation: u32, sets: Sets) -> Self {
        let policy = engine.policy().clone();
        let mut providers: HashMap<u32, Option<Arc<str>>> = HashMap::new();
        let mut rules = Vec::new();
        if policy.may_forbid() {
            for (_, provider) in engine.catalogue().providers() {
                let name: Arc<str> = Arc::from(&*provider.id);
                providers.entry(number(&name)).and_modify(|taken| *taken = None).or_insert(Some(name));
            }
            rules.extend(policy.rules().iter().map(|rule| rule.name().clone()));
        }
        let numbers = rules.iter().cloned().zip(1..).collect();
        Self { generation, policy, providers, sets, rules, numbers }
    }

    /// Whether anybody may be forbidden anything before it is sent.
    pub(super) fn may_forbid(&self) -> bool {
        self.policy.may_forbid()
    }

    /// All providers that have a number of their own.
    pub(super) fn providers(&self) -> impl Iterator<Item = (u32, &Arc<str>)> {
        self.providers.iter().filter_map(|(number, name)| Some((*number, name.as_ref()?)))
    }

    /// The providers that share addresses, by the number that these have. All of them have one of their own.
    pub(super) fn sets(&self) -> impl Iterator<Item = (u32, Vec<&Arc<str>>)> {
        self.sets.iter().filter_map(|(number, providers)| {
            let names: Option<_> = providers.iter().map(|provider| self.provider(*provider)).collect();
            Some((number, names?))
        })
    }

    pub(super) fn provider(&self, number: u32) -> Option<&Arc<str>> {
        self.providers.get(&number)?.as_ref()
    }

    pub(super) fn rule(&self, number: u32) -> Option<&Arc<str>> {
        self.rules.get(usize::try_from(number).ok()?.checked_sub(1)?)
    }

    pub(super) fn rule_number(&self, rule: &str) -> Option<u32> {
        self.numbers.get(rule).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_of_the_builtin_catalogue_have_numbers_of_their_own() {
        let catalogue = interceptor_engine::Catalogue::builtin();
        let mut numbers: Vec<u32> = catalogue.providers().map(|(_, provider)| number(&provider.id)).collect();
        let count = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), count);
        assert!(!numbers.contains(&0) && !numbers.contains(&u32::MAX));
        // They are in maps that outlive a daemon: two of the vectors that the function was published with.
        assert_eq!((number("a"), number("foobar")), (0xe40c_292c, 0xbf9c_f968));
    }
}

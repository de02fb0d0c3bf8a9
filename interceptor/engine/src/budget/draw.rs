//! What one exchange draws on: every limit that is about it, with the count it is kept under and how much is taken.
//! Knows limits, usage and prices. Does not know what is left.

use std::sync::Arc;

use super::limit::{Caller, Limit, Measure};
use super::usage::Usage;
use crate::price::{Price, Prices};
use crate::record::Ledger;

/// What is known of an exchange when its request is complete.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// Who calls.
    pub caller: Caller<'a>,
    /// The provider's name in the catalogue.
    pub provider: &'a str,
    /// The format's name.
    pub operation: &'a str,
    /// The models that the request names, in small letters. Several are what a router may choose from, or somebody's
    /// attempt to name one to us and another to the provider.
    pub models: &'a [String],
    /// What was looked at in the request.
    pub request: &'a Ledger,
}

/// A part of one limit.
#[derive(Debug, Clone)]
pub struct Draw {
    /// Of which limit.
    pub limit: Arc<Limit>,
    /// What the count is kept under.
    pub key: Arc<str>,
    /// How much is taken before the answer.
    pub amount: u64,
    price: Price,
}

/// What an exchange draws on.
#[derive(Debug, Clone, Default)]
pub struct Drawn {
    /// The parts.
    pub draws: Vec<Draw>,
    /// Limits on cost that cannot be counted, because nobody has told what the model costs.
    pub unpriced: Vec<Arc<Limit>>,
}

impl Drawn {
    /// Whether no limit is about the exchange.
    pub fn is_empty(&self) -> bool {
        self.draws.is_empty() && self.unpriced.is_empty()
    }
}

/// How an exchange ended, as far as limits ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The provider never got it: nothing was used.
    Unsent,
    /// The provider refused it. It was a request, and cost nothing.
    Refused,
    /// The provider took it.
    Used(Usage),
}

/// What an exchange draws on.
pub fn draws(limits: &[Arc<Limit>], asking: &Asking<'_>, prices: &Prices) -> Drawn {
    let mut drawn = Drawn::default();
    for limit in limits {
        if !limit.may_fit(asking.provider, asking.operation) || !limit.fits_models(asking.models) {
            continue;
        }
        let mut price = Price::default();
        if matches!(limit.measure, Measure::Cost { .. }) {
            match dearest(asking, prices) {
                Some(known) => price = known,
                None => {
                    drawn.unpriced.push(limit.clone());
                    continue;
                }
            }
        }
        let reserve = match limit.measure {
            Measure::Tokens { reserve, .. } | Measure::Cost { reserve, .. } => reserve,
            Measure::Requests { .. } | Measure::Concurrency { .. } => 0,
        };
        let expected = Usage::expected(asking.request, reserve);
        let model = asking.models.first().map(String::as_str);
        let key = limit.key(&asking.caller, asking.provider, model);
        let mut draw = Draw { limit: limit.clone(), key, amount: 1, price };
        if limit.measure.each().is_some() {
            draw.amount = draw.settled(End::Used(expected));
        }
        drawn.draws.push(draw);
    }
    drawn
}

/// The price of the dearest model; `None` if there is one whose price nobody told, or no model.
fn dearest(asking: &Asking<'_>, prices: &Prices) -> Option<Price> {
    let each = asking.models.iter().map(|model| prices.of(asking.provider, model));
    let all: Vec<Price> = each.collect::<Option<_>>()?;
    all.into_iter().max_by_key(|price| price.output.max(price.input))
}

impl Draw {
    /// How much it comes to in the end. An exchange that is over holds no place among those at the same time.
    pub fn settled(&self, end: End) -> u64 {
        match (self.limit.measure, end) {
            (_, End::Unsent) | (Measure::Concurrency { .. }, _) => 0,
            (Measure::Requests { .. }, _) => 1,
            (Measure::Tokens { .. } | Measure::Cost { .. }, End::Refused) => 0,
            (Measure::Tokens { .. }, End::Used(usage)) => usage.total(),
            (Measure::Cost { .. }, End::Used(usage)) => self.price.of(&usage).nanos(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::{Each, Money, WhenUnavailable};
    use crate::policy::{Mode, Pattern};

    fn limit(name: &str, models: &str, measure: Measure) -> Arc<Limit> {
        Arc::new(Limit {
            name: name.into(),
            providers: Box::from([Pattern::any()]),
            models: Box::from([Pattern::parse(models).unwrap()]),
            operations: Box::from([Pattern::any()]),
            per: Box::default(),
            measure,
            mode: Mode::Enforce,
            when_unavailable: WhenUnavailable::Share,
            allow_unknown_price: false,
        })
    }

    fn all() -> Vec<Arc<Limit>> {
        let (each, reserve) = (Each::Hour, 100);
        vec![
            limit("requests", "*", Measure::Requests { most: 9, each }),
            limit("tokens", "gpt-*", Measure::Tokens { most: 9, each, reserve }),
            limit("cost", "*", Measure::Cost { most: Money::of_nanos(9), each, reserve: 0 }),
            limit("places", "o*", Measure::Concurrency { most: 9 }),
        ]
    }

    fn drawn(models: &[&str]) -> Drawn {
        let models: Vec<String> = models.iter().map(ToString::to_string).collect();
        let request = Ledger { seen: 40, scanned: 40, ..Ledger::default() };
        let asking = Asking {
            caller: Caller::default(),
            provider: "openai",
            operation: "openai.chat_completions",
            models: &models,
            request: &request,
        };
        draws(&all(), &asking, Prices::builtin())
    }

    #[test]
    fn an_exchange_draws_on_every_limit_that_is_about_it() {
        let drawn = drawn(&["gpt-4.1"]);
        let shown: Vec<_> = drawn.draws.iter().map(|draw| (&*draw.limit.name, draw.amount)).collect();
        // Ten tokens of the request at two dollars a million.
        assert_eq!(shown, [("requests", 1), ("tokens", 110), ("cost", 20_000)]);
        assert!(drawn.unpriced.is_empty());
    }

    #[test]
    fn a_price_that_nobody_told_is_not_guessed() {
        for models in [&[][..], &["of-tomorrow"], &["gpt-4.1", "of-tomorrow"]] {
            let drawn = drawn(models);
            assert_eq!(drawn.unpriced.len(), 1);
            assert!(drawn.draws.iter().all(|draw| &*draw.limit.name != "cost"));
        }
    }

    #[test]
    fn of_several_models_the_dearest_is_paid() {
        let cost = |models: &[&str]| drawn(models).draws[2].amount;
        assert_eq!(cost(&["gpt-4.1-mini", "gpt-4.1"]), cost(&["gpt-4.1"]));
        assert!(cost(&["gpt-4.1-mini"]) < cost(&["gpt-4.1"]));
        // A limit on one of them is a limit on all.
        assert!(drawn(&["gpt-4.1", "o3"]).draws.iter().any(|draw| &*draw.limit.name == "places"));
    }

    #[test]
    fn what_the_provider_refused_cost_nothing() {
        let drawn = drawn(&["gpt-4.1"]);
        let all = |end| drawn.draws.iter().map(|draw| draw.settled(end)).collect::<Vec<_>>();
        assert_eq!(all(End::Unsent), [0, 0, 0]);
        assert_eq!(all(End::Refused), [1, 0, 0]);
        let usage = Usage { input: 5, cache_read: 4, cache_write: 0, output: 3 };
        assert_eq!(all(End::Used(usage)), [1, 12, 5 * 2_000 + 4 * 500 + 3 * 8_000]);
    }
}

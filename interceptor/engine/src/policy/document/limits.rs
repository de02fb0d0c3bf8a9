//! Reads what a policy limits: `spec.limits`, and `spec.prices` beside it.

use std::sync::Arc;

use super::{Field, Reader, any_patterns};
use crate::budget::{Each, Limit, Measure, Money, Per, WhenUnavailable};
use crate::document::Fields;
use crate::policy::document::matches::catalogue_names;
use crate::policy::{Mode, Pattern, shape};
use crate::price::{Price, Prices};

const MOST: u64 = shape::MOST;

impl Reader<'_> {
    /// One limit. Its name is unique among rules and limits: events name either.
    pub(super) fn limit(&mut self, field: &Field<'_>) -> Option<Arc<Limit>> {
        let fields = field.shaped(&shape::LIMIT)?;
        let before = field.mistakes();
        let name = fields.required("name").and_then(|name| self.name(&name));
        if let Some(description) = fields.optional("description") {
            description.text();
        }
        let [providers, operations, models] = self.about(&fields);
        let per = fields.optional("per").map(|field| field.list_of(|item| item.one_of(&Per::WORDS)));
        let measure = measure(&fields);
        let word = |name: &'static str| fields.optional(name);
        let mode = match word("mode") {
            Some(mode) => mode.one_of(&[("enforce", Mode::Enforce), ("shadow", Mode::Shadow)]),
            None => Some(Mode::Enforce),
        };
        let when_unavailable = match word("whenUnavailable") {
            Some(field) => field.one_of(&WhenUnavailable::WORDS),
            None => Some(WhenUnavailable::default()),
        };
        let allow_unknown_price = match word("unknownPrice") {
            Some(field) => field.one_of(&[("allow", true), ("block", false)]),
            None => Some(false),
        };
        (field.mistakes() == before).then_some(())?;
        let per = per.flatten().unwrap_or_default().into();
        let (providers, operations, models) = (providers.into(), operations.into(), models.into());
        Some(Arc::new(Limit {
            name: name?,
            providers,
            models,
            operations,
            per,
            measure: measure?,
            mode: mode?,
            when_unavailable: when_unavailable?,
            allow_unknown_price: allow_unknown_price?,
        }))
    }

    /// The exchanges that a limit is about; what is left out is everything.
    fn about(&self, fields: &Fields<'_>) -> [Vec<Pattern>; 3] {
        let any = || vec![Pattern::any()];
        let Some(fields) = fields.optional("match").and_then(|m| m.shaped(&shape::LIMIT_MATCH)) else {
            return [any(), any(), any()];
        };
        let known = self.vocabulary;
        let models = fields.optional("models").and_then(|field| models(&field));
        [
            catalogue_names(&fields, "providers", "provider", known.providers).unwrap_or_else(any),
            catalogue_names(&fields, "operations", "operation", known.operations).unwrap_or_else(any),
            models.unwrap_or_else(any),
        ]
    }
}

/// Exactly one of the four, with what belongs to it. Everything is read before anything is missed.
fn measure(fields: &Fields<'_>) -> Option<Measure> {
    let number = |name: &'static str, most: u64| fields.optional(name).map(|field| field.number(1..=most));
    let (requests, tokens) = (number("requests", MOST), number("tokens", MOST));
    let concurrency = number("concurrency", 1_000_000);
    let expected = "an amount such as `5.00 USD`, at most 1000000 USD";
    let amount = |text: &str| Money::parse(text).filter(|most| most.nanos() > 0);
    let cost = fields.optional("cost").map(|field| field.parsed(expected, amount));
    let each = fields.optional("each").map(|field| (field.one_of(&Each::WORDS), field));
    let reserve = fields.optional("reserve").map(|field| (field.number(0..=MOST), field));
    let given = [requests.is_some(), tokens.is_some(), cost.is_some(), concurrency.is_some()];
    let given = given.into_iter().filter(|given| *given).count();
    if given != 1 {
        let what = if given == 0 { "limits nothing" } else { "limits several things" };
        fields.this().mistake(what, Some("one of `requests`, `tokens`, `cost` and `concurrency`"));
        return None;
    }
    if let Some((_, field)) = reserve.as_ref().filter(|_| tokens.is_none() && cost.is_none()) {
        field.mistake("sets tokens aside", Some("`tokens` or `cost` beside it"));
    }
    if let Some(field) = fields.optional("unknownPrice").filter(|_| cost.is_none()) {
        field.mistake("is about prices", Some("`cost` beside it"));
    }
    if let Some(most) = concurrency {
        if let Some((_, each)) = each {
            each.mistake("what is counted at the same time has no window", Some("`concurrency` alone"));
        }
        return Some(Measure::Concurrency { most: most? });
    }
    let each = match each {
        Some((each, _)) => each?,
        None => return fields.required("each").and(None),
    };
    let reserve = reserve.map_or(Some(0), |(reserve, _)| reserve)?;
    match (requests, tokens, cost) {
        (Some(most), _, _) => Some(Measure::Requests { most: most?, each }),
        (_, Some(most), _) => Some(Measure::Tokens { most: most?, each, reserve }),
        (_, _, most) => Some(Measure::Cost { most: most??, each, reserve }),
    }
}

/// Names of models, compared in small letters.
fn models(field: &Field<'_>) -> Option<Vec<Pattern>> {
    Some(any_patterns(field)?.into_iter().map(Pattern::folded).collect())
}

/// One line of `spec.prices`.
pub(super) fn price(field: &Field<'_>, known: &[&str], prices: &mut Prices) -> Option<()> {
    let fields = field.shaped(&shape::PRICE)?;
    let before = field.mistakes();
    let price = Price::read(&fields);
    let models = fields.required("models").and_then(|field| models(&field));
    let providers = catalogue_names(&fields, "providers", "provider", known);
    if field.mistakes() == before {
        prices.add(providers.unwrap_or_else(|| vec![Pattern::any()]), models?, price?);
    }
    Some(())
}

//! What models cost: a table that is data, with where and when each price was read.
//! Knows prices for tokens. Does not know discounts, prices of long prompts, or what is not sold by the token.

use std::sync::OnceLock;

use crate::budget::{Money, Usage};
use crate::document::{Field, Fields, Limits, Mistakes, Report, parse};
use crate::policy::Pattern;

const BUILTIN: &str = include_str!("../data/prices.yaml");

/// Dollars for a million tokens, by what the tokens are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Price {
    /// Read by the model.
    pub input: Money,
    /// Taken from the cache.
    pub cache_read: Money,
    /// Put into the cache.
    pub cache_write: Money,
    /// Written by the model.
    pub output: Money,
}

impl Price {
    /// Reads `input`, `output` and the two of the cache. What is not told of the cache costs what reading costs.
    pub(crate) fn read(fields: &Fields<'_>) -> Option<Self> {
        let input = fields.required("input").and_then(|field| dollars(&field));
        let output = fields.required("output").and_then(|field| dollars(&field));
        let other = |name| match fields.optional(name) {
            Some(field) => dollars(&field),
            None => input,
        };
        let (cache_read, cache_write) = (other("cacheRead"), other("cacheWrite"));
        Some(Price { input: input?, cache_read: cache_read?, cache_write: cache_write?, output: output? })
    }

    /// What so many tokens cost.
    pub fn of(&self, usage: &Usage) -> Money {
        let part = |tokens: u64, price: Money| u128::from(tokens) * u128::from(price.nanos());
        let sum = part(usage.input, self.input)
            + part(usage.cache_read, self.cache_read)
            + part(usage.cache_write, self.cache_write)
            + part(usage.output, self.output);
        Money::of_nanos(u64::try_from(sum.div_ceil(1_000_000)).unwrap_or(u64::MAX))
    }
}

/// A table of prices, read from top to bottom: the first line that fits a model has its price.
#[derive(Debug, Clone, Default)]
pub struct Prices {
    lines: Vec<Line>,
}

#[derive(Debug, Clone)]
struct Line {
    providers: Vec<Pattern>,
    models: Vec<Pattern>,
    price: Price,
}

impl Prices {
    /// The table that is shipped.
    pub fn builtin() -> &'static Self {
        static READ: OnceLock<Prices> = OnceLock::new();
        READ.get_or_init(|| {
            Self::load("prices.yaml", BUILTIN)
                .expect("the built-in prices are loaded by a test of this crate")
        })
    }

    /// Reads a table.
    ///
    /// # Errors
    /// All mistakes in it.
    pub fn load(name: &str, text: &str) -> Result<Self, Mistakes> {
        let report = Report::new();
        let documents = parse(name, text, Limits::WRITTEN_BY_HAND, &report);
        let mut prices = Self::default();
        for document in &documents {
            let root = document.root(&report);
            for group in
                root.map(&["prices"]).and_then(|top| top.required("prices")?.list()).unwrap_or_default()
            {
                let _ = prices.group(&group);
            }
        }
        report.finish(Some(prices))
    }

    /// The price of a model; `None` if nobody has told.
    pub fn of(&self, provider: &str, model: &str) -> Option<Price> {
        let fits = |patterns: &[Pattern], name: &str| patterns.iter().any(|pattern| pattern.fits(name));
        let line =
            self.lines.iter().find(|line| fits(&line.providers, provider) && fits(&line.models, model))?;
        Some(line.price)
    }

    /// These prices, and those of another table for what has none here.
    #[must_use]
    pub fn before(mut self, other: &Self) -> Self {
        self.lines.extend(other.lines.iter().cloned());
        self
    }

    /// Adds a line at the end.
    pub fn add(&mut self, providers: Vec<Pattern>, models: Vec<Pattern>, price: Price) {
        self.lines.push(Line { providers, models, price });
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    fn group(&mut self, field: &Field<'_>) -> Option<()> {
        let fields = field.map(&["providers", "source", "asOf", "models"])?;
        let providers = fields.required("providers").and_then(|field| names(&field));
        // For people; that they are there is checked.
        let told = [fields.required("source"), fields.required("asOf")];
        let told = told.into_iter().flatten().filter_map(|field| field.text()).count();
        for model in fields.required("models").and_then(|models| models.list()).unwrap_or_default() {
            if let (Some((models, price)), Some(providers)) = (line(&model), &providers) {
                self.add(providers.clone(), models, price);
            }
        }
        (told == 2).then_some(())
    }
}

fn line(field: &Field<'_>) -> Option<(Vec<Pattern>, Price)> {
    let fields = field.map(&["models", "input", "cacheRead", "cacheWrite", "output"])?;
    let price = Price::read(&fields);
    Some((names(&fields.required("models")?)?, price?))
}

/// Read as text, since a number would be one in floating point.
fn dollars(field: &Field<'_>) -> Option<Money> {
    field.parsed("dollars for a million tokens, such as `0.25`", |text| {
        Money::parse_number(text).filter(|price| *price <= Money::MOST)
    })
}

fn names(field: &Field<'_>) -> Option<Vec<Pattern>> {
    field.list_of(|item| item.parsed("a name, or a pattern with `*`", Pattern::parse))
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    fn price(provider: &str, model: &str) -> Option<[String; 2]> {
        let price = Prices::builtin().of(provider, model)?;
        Some([price.input, price.output].map(|price| price.to_string()))
    }

    #[test]
    fn the_shipped_table_knows_what_models_cost() {
        let costs = |a: &str, b: &str| Some([a, b].map(|part| format!("{part} USD")));
        assert_eq!(price("openai", "gpt-5"), costs("1.25", "10.00"));
        assert_eq!(price("openai", "gpt-5-2025-08-07"), costs("1.25", "10.00"));
        assert_eq!(price("openai", "gpt-5-mini-2025-08-07"), costs("0.25", "2.00"));
        assert_eq!(price("anthropic", "claude-sonnet-4-20250514"), costs("3.00", "15.00"));
        assert_eq!(price("anthropic", "claude-opus-4-1-20250805"), costs("15.00", "75.00"));
        assert_eq!(price("anthropic", "claude-opus-4-5-20251101"), costs("5.00", "25.00"));
        assert_eq!(price("openai", "gpt-of-tomorrow"), None);
        assert!(Prices::builtin().len() > 30);
    }

    #[test]
    fn mistakes_are_reported_at_once() {
        let text = "prices:\n  - providers: [a]\n    source: here\n    models:\n      - {models: [m], input: 0.5, output: \"-1\"}\n      \
                    - {models: [m], output: \"1\"}\n";
        let mistakes = Prices::load("file.yaml", text).unwrap_err();
        expect![[r#"
            file.yaml:2:5: prices[0]: the field `asOf` is missing
            file.yaml:5:43: prices[0].models[0].output: `-1` is not allowed; expected dollars for a million tokens, such as `0.25`
            file.yaml:6:9: prices[0].models[1]: the field `input` is missing"#]].assert_eq(&mistakes.to_string());
    }

    #[test]
    fn a_part_of_a_billionth_is_rounded_up() {
        let price = Price { input: Money::of_nanos(5_000_000), ..Price::default() };
        let usage = |input| Usage { input, ..Usage::default() };
        assert_eq!(price.of(&usage(1)).nanos(), 5);
        let price = Price { input: Money::of_nanos(1), ..Price::default() };
        assert_eq!(price.of(&usage(1)).nanos(), 1);
        assert_eq!(price.of(&usage(0)).nanos(), 0);
        assert_eq!(price.of(&usage(u64::MAX)).nanos(), 18_446_744_073_710);
    }
}

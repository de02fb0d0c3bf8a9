//! The part of a rule that is about the exchange and not about what was found in it.
//!
//! Answers in three ways, because a rule can be asked before the body is there: a condition that asks for the model
//! cannot say no until the body has been read.

use super::context::{BodyFacts, Context};
use super::expression::Expression;
use super::pattern::Patterns;

/// Whether a rule's conditions hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    Yes,
    No,
    /// The body decides.
    Open,
    /// The expression could not be evaluated.
    Failed,
}

/// What has to be true of an exchange. Nothing that is left out is asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Conditions {
    pub(super) providers: Option<Patterns>,
    pub(super) hosts: Option<Patterns>,
    pub(super) paths: Option<Patterns>,
    pub(super) operations: Option<Patterns>,
    /// In small letters; models are compared without regard to case.
    pub(super) models: Option<Patterns>,
    /// In small letters, as tools are compared.
    pub(super) tools: Option<Patterns>,
    /// Methods of the Model Context Protocol.
    pub(super) methods: Option<Patterns>,
    pub(super) size: Option<Size>,
    pub(super) time: Option<Time>,
    pub(super) when: Option<Expression>,
}

/// Bytes of a decoded body, both bounds excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) over: Option<u64>,
    pub(super) under: Option<u64>,
}

/// Hours of a week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Time {
    /// Seconds to add to UTC.
    pub(super) offset: i64,
    /// By weekday, Monday first.
    pub(super) days: [bool; 7],
    /// Minutes of the day: from this one up to that one, over midnight if it is earlier.
    pub(super) from: u16,
    pub(super) to: u16,
}

/// Whether a rule exempts: then all that is named has to fit, since one approved name among others proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantifier {
    Any,
    All,
}

impl Conditions {
    /// Without the body, conditions that ask for it are open.
    pub(super) fn hold(
        &self,
        context: &Context<'_>,
        body: Option<&BodyFacts<'_>>,
        quantifier: Quantifier,
    ) -> Holds {
        if !self.fit_head(context) {
            return Holds::No;
        }
        match body {
            Some(body) if !self.fit_body(body, quantifier) => return Holds::No,
            None if self.ask_for_body() => return Holds::Open,
            _ => {}
        }
        match &self.when {
            None => Holds::Yes,
            Some(when) => when.holds(context, body),
        }
    }

    fn fit_head(&self, context: &Context<'_>) -> bool {
        let fits = |asked: &Option<Patterns>, fact: &str| asked.as_ref().is_none_or(|asked| asked.fit(fact));
        fits(&self.providers, context.provider)
            && fits(&self.hosts, context.host)
            && fits(&self.operations, context.operation)
            && self.paths.as_ref().is_none_or(|asked| asked.fit(context.bare_path()))
            && self.time.is_none_or(|time| time.includes(context.at))
    }

    fn fit_body(&self, body: &BodyFacts<'_>, quantifier: Quantifier) -> bool {
        let fit = |asked: &Option<Patterns>, names: &[String]| {
            let Some(asked) = asked else { return true };
            let fits = |name: &String| asked.fit(&name.to_ascii_lowercase());
            match quantifier {
                Quantifier::Any => names.iter().any(fits),
                Quantifier::All => !names.is_empty() && names.iter().all(fits),
            }
        };
        let size = self.size.is_none_or(|size| {
            size.over.is_none_or(|over| body.size > over) && size.under.is_none_or(|under| body.size < under)
        });
        size && fit(&self.models, body.models)
            && fit(&self.tools, body.tools)
            && fit(&self.methods, body.methods)
    }

    /// True if they cannot be decided before the body is there.
    pub(super) fn ask_for_body(&self) -> bool {
        let named = self.models.is_some() || self.tools.is_some() || self.methods.is_some();
        named || self.size.is_some() || self.when.as_ref().is_some_and(Expression::asks_for_body)
    }

    /// True if they can be decided when a connection begins: nothing is asked of a request.
    pub(super) fn are_of_connection(&self) -> bool {
        !self.ask_for_body() && self.paths.is_none() && self.operations.is_none() && self.when.is_none()
    }

    /// True if they hold whenever the provider is called, so that the kernel can answer.
    pub(super) fn are_of_endpoint(&self) -> bool {
        self.are_of_connection() && self.hosts.is_none() && self.time.is_none()
    }

    /// True if a model is asked for.
    pub(super) fn ask_for_model(&self) -> bool {
        self.models.is_some() || self.when.as_ref().is_some_and(Expression::asks_for_model)
    }
}

impl Time {
    fn includes(self, at: u64) -> bool {
        const DAY: i64 = 86_400;
        let local = i64::try_from(at).unwrap_or(i64::MAX / 2) + self.offset;
        let minute = local.rem_euclid(DAY) / 60;
        // 1970 began on a Thursday.
        let weekday = |day: i64| usize::try_from((day + 3).rem_euclid(7)).unwrap_or_default();
        let day = local.div_euclid(DAY);
        let (from, to) = (i64::from(self.from), i64::from(self.to));
        if from < to {
            return self.days[weekday(day)] && (from..to).contains(&minute);
        }
        // What began yesterday belongs to yesterday.
        (minute >= from && self.days[weekday(day)]) || (minute < to && self.days[weekday(day - 1)])
    }
}

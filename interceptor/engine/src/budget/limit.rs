//! A limit: whom and what it is about, what it counts, and how much there is.
//! Knows the words of policies. Does not know what has been used.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use super::window::{Each, Window};
use crate::policy::{Mode, Pattern};

/// A checked limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// Its name, unique in the policy; what events, metrics and refusals call it, and what its counts are kept under.
    pub name: Arc<str>,
    /// Providers that it is about.
    pub providers: Box<[Pattern]>,
    /// Models that it is about. One that is not known fits a pattern for all only.
    pub models: Box<[Pattern]>,
    /// Operations that it is about.
    pub operations: Box<[Pattern]>,
    /// What has a count of its own; nothing means that everybody draws on one.
    pub per: Box<[Per]>,
    /// What is counted, and how much there is.
    pub measure: Measure,
    /// Whether it refuses, or only says that it would.
    pub mode: Mode,
    /// What happens where it cannot be counted.
    pub when_unavailable: WhenUnavailable,
    /// Whether a model passes whose price is not known. Only limits on cost ask.
    pub allow_unknown_price: bool,
}

/// What has a count of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Per {
    /// Whoever calls, by the narrowest name that stays the same over restarts: service account, unit, or user.
    Subject,
    /// The Kubernetes namespace.
    Namespace,
    /// The user on the host.
    User,
    /// The provider.
    Provider,
    /// The model.
    Model,
}

impl Per {
    /// The words used in policies.
    pub const WORDS: [(&'static str, Self); 5] = [
        ("subject", Self::Subject),
        ("namespace", Self::Namespace),
        ("user", Self::User),
        ("provider", Self::Provider),
        ("model", Self::Model),
    ];
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Requests.
    Requests {
        /// How many there are.
        most: u64,
        /// In which window.
        each: Each,
    },
    /// Tokens of requests and answers together.
    Tokens {
        /// How many there are.
        most: u64,
        /// In which window.
        each: Each,
        /// What is set aside for an answer while it is under way.
        reserve: u64,
    },
    /// What the provider charges, by the table of prices.
    Cost {
        /// How much there is.
        most: Money,
        /// In which window.
        each: Each,
        /// Tokens that are set aside for an answer while it is under way.
        reserve: u64,
    },
    /// Exchanges at the same time, on this node.
    Concurrency {
        /// How many there may be.
        most: u64,
    },
}

impl Measure {
    /// How much there is, in the measure's own unit.
    pub fn most(self) -> u64 {
        match self {
            Self::Requests { most, .. } | Self::Tokens { most, .. } | Self::Concurrency { most } => most,
            Self::Cost { most, .. } => most.nanos(),
        }
    }

    /// The window that `now` lies in; what has none never begins anew.
    pub fn window(self, now: u64) -> Option<Window> {
        Some(self.each()?.window(now))
    }

    /// How often it begins anew.
    pub fn each(self) -> Option<Each> {
        match self {
            Self::Requests { each, .. } | Self::Tokens { each, .. } | Self::Cost { each, .. } => Some(each),
            Self::Concurrency { .. } => None,
        }
    }

    /// What is counted, in a word for events and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Requests { .. } => "requests",
            Self::Tokens { .. } => "tokens",
            Self::Cost { .. } => "cost",
            Self::Concurrency { .. } => "concurrency",
        }
    }
}

/// `100 requests each minute`, `5 USD each day`, `4 exchanges at a time`.
impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requests { most, each } => write!(f, "{most} requests each {}", each.name()),
            Self::Tokens { most, each, .. } => write!(f, "{most} tokens each {}", each.name()),
            Self::Cost { most, each, .. } => write!(f, "{most} each {}", each.name()),
            Self::Concurrency { most } => write!(f, "{most} exchanges at a time"),
        }
    }
}

/// An amount of US dollars, in billionths: the price of one token of the cheapest models is a few of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(u64);

impl Money {
    /// The largest amount that limits may name. Counts of a store that calculates in floating point are exact up to nine
    /// times of it.
    pub const MOST: Self = Self(1_000_000_000_000_000);

    /// So many billionths.
    pub const fn of_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// In billionths.
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// Reads `5 USD`, `5.00 USD` or `0.000000001 USD`; `None` for anything else, and for more than [`Money::MOST`].
    pub fn parse(text: &str) -> Option<Self> {
        let amount = Self::parse_number(text.strip_suffix("USD")?.trim_end())?;
        (amount <= Self::MOST).then_some(amount)
    }

    /// Reads a plain number of dollars, with at most nine digits behind the point.
    pub(crate) fn parse_number(text: &str) -> Option<Self> {
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(part) || part.len() > 9 || whole.len() > 9 {
            return None;
        }
        let nanos: u64 = format!("{part:0<9}").parse().ok()?;
        whole.parse::<u64>().ok()?.checked_mul(1_000_000_000)?.checked_add(nanos).map(Self)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        let part = format!("{part:09}");
        let short = part.trim_end_matches('0');
        write!(f, "{whole}.{short:0<2} USD")
    }
}

/// What happens to a request where its limit cannot be counted: because the shared store is away, or because there is no
/// room for another count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenUnavailable {
    /// The node's own share of the limit holds: the limit divided by the number of nodes. Where there is no room, it is
    /// refused.
    #[default]
    Share,
    /// It passes.
    Allow,
    /// It is refused.
    Block,
}

impl WhenUnavailable {
    /// The words used in policies.
    pub const WORDS: [(&'static str, Self); 3] =
        [("share", Self::Share), ("allow", Self::Allow), ("block", Self::Block)];
}

/// Who calls, in the names that limits count by; `None` where nobody attests one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Caller<'a> {
    /// Kubernetes namespace.
    pub namespace: Option<&'a str>,
    /// Kubernetes service account.
    pub service_account: Option<&'a str>,
    /// systemd unit.
    pub unit: Option<&'a str>,
    /// User on the host.
    pub uid: Option<u32>,
}

impl Limit {
    /// Whether it is about exchanges of this kind, whatever their model.
    pub fn may_fit(&self, provider: &str, operation: &str) -> bool {
        let fits = |patterns: &[Pattern], name: &str| patterns.iter().any(|pattern| pattern.fits(name));
        fits(&self.providers, provider) && fits(&self.operations, operation)
    }

    /// Whether it is about any of these models.
    pub fn fits_models(&self, models: &[String]) -> bool {
        self.models.iter().any(|pattern| pattern.is_any() || models.iter().any(|model| pattern.fits(model)))
    }

    /// What the count is kept under that an exchange draws on. Names are quoted by their length, so that no name can be
    /// chosen that makes two counts one.
    pub fn key(&self, caller: &Caller<'_>, provider: &str, model: Option<&str>) -> Arc<str> {
        let mut key = String::with_capacity(64);
        let mut part = |kind: &str, name: Option<&str>| {
            let name = name.unwrap_or_default();
            // Writing to a String cannot fail.
            let _ = write!(key, "|{kind}:{}:{name}", name.len());
        };
        part(self.measure.name(), Some(&self.name));
        part("each", self.measure.each().map(Each::name));
        let uid = caller.uid.map(|uid| uid.to_string());
        for per in &self.per {
            match per {
                Per::Subject => match (caller.service_account, caller.namespace, caller.unit) {
                    (Some(account), namespace, _) => {
                        part("ns", namespace);
                        part("sa", Some(account));
                    }
                    (None, Some(namespace), _) => part("ns", Some(namespace)),
                    (None, None, Some(unit)) => part("unit", Some(unit)),
                    // Callers that nobody knows share one count: being unknown gains nothing.
                    (None, None, None) => part("uid", uid.as_deref()),
                },
                Per::Namespace => part("ns", caller.namespace),
                Per::User => part("uid", uid.as_deref()),
                Per::Provider => part("provider", Some(provider)),
                Per::Model => part("model", model),
            }
        }
        key.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(per: &[Per]) -> Limit {
        let any = || Box::from([Pattern::any()]);
        Limit {
            name: "a".into(),
            providers: any(),
            models: any(),
            operations: any(),
            per: per.into(),
            measure: Measure::Requests { most: 1, each: Each::Day },
            mode: Mode::Enforce,
            when_unavailable: WhenUnavailable::Share,
            allow_unknown_price: false,
        }
    }

    #[test]
    fn money_is_exact() {
        for (text, nanos) in [
            ("5 USD", 5_000_000_000),
            ("5.00 USD", 5_000_000_000),
            ("0.000000001USD", 1),
            ("1000000 USD", Money::MOST.nanos()),
        ] {
            assert_eq!(Money::parse(text).map(Money::nanos), Some(nanos), "{text}");
        }
        for text in [
            "",
            "5",
            "USD",
            "5. USD",
            ".5 USD",
            "-5 USD",
            "5e3 USD",
            "5 EUR",
            "0.0000000001 USD",
            "1000001 USD",
        ] {
            assert_eq!(Money::parse(text), None, "{text}");
        }
        assert_eq!(Money::of_nanos(5_000_000_000).to_string(), "5.00 USD");
        assert_eq!(Money::of_nanos(1).to_string(), "0.000000001 USD");
    }

    #[test]
    fn a_subject_is_the_narrowest_name() {
        let limit = limit(&[Per::Subject]);
        let key = |caller| limit.key(&caller, "openai", Some("m")).to_string();
        let unit = Caller { unit: Some("a.service"), uid: Some(7), ..Caller::default() };
        let pod = Caller { namespace: Some("pay"), uid: Some(7), ..Caller::default() };
        let account = Caller { service_account: Some("web"), ..pod };
        assert_eq!(key(unit), "|requests:1:a|each:3:day|unit:9:a.service");
        assert_eq!(key(pod), "|requests:1:a|each:3:day|ns:3:pay");
        assert_eq!(key(account), "|requests:1:a|each:3:day|ns:3:pay|sa:3:web");
        assert_eq!(key(Caller::default()), "|requests:1:a|each:3:day|uid:0:");
    }

    #[test]
    fn no_name_makes_two_counts_one() {
        let limit = limit(&[Per::Provider, Per::Model]);
        let caller = Caller::default();
        let one = limit.key(&caller, "a", Some("b|model:1:c"));
        let other = limit.key(&caller, "a|model:1:b", Some("c"));
        assert_ne!(one, other);
    }

    #[test]
    fn a_model_that_is_not_known_is_no_model_in_particular() {
        let mut limit = limit(&[]);
        assert!(limit.fits_models(&[]));
        limit.models = Box::from([Pattern::parse("gpt-*").unwrap()]);
        assert!(limit.fits_models(&["o3".to_owned(), "gpt-5".to_owned()]) && !limit.fits_models(&[]));
    }
}

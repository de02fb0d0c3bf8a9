//! What another policy changes about limits: those that it adds, takes away or gives another amount.
//! Knows two sets of policies. How much was used when, an audit line does not tell.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use interceptor_engine::budget::{Limit, Measure, Per, WhenUnavailable};
use interceptor_engine::policy::{Mode, Pattern, PolicySet, Subject};

/// A limit that is another one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Changed {
    pub(super) name: String,
    /// In words; `None` if it is new.
    pub(super) old: Option<String>,
    /// `None` if it is gone.
    pub(super) new: Option<String>,
}

/// All limits that are not the same in both, by their names.
pub(super) fn changes(old: &PolicySet, new: &PolicySet) -> Vec<Changed> {
    let mut all: BTreeMap<String, [Option<String>; 2]> = BTreeMap::new();
    for (at, set) in [old, new].into_iter().enumerate() {
        for limit in set.policy.limits() {
            all.entry(limit.name.to_string()).or_default()[at] = Some(words(limit));
        }
    }
    { all.into_iter() }
        .filter(|(_, [old, new])| old != new)
        .map(|(name, [old, new])| Changed { name, old, new })
        .collect()
}

/// True if a caller draws on other limits under the other policy.
pub(super) fn differ(old: &PolicySet, new: &PolicySet, subject: &Subject) -> bool {
    let all = |set: &PolicySet| -> BTreeMap<String, String> {
        set.policy.limits_for(subject).map(|limit| (limit.name.to_string(), words(limit))).collect()
    };
    all(old) != all(new)
}

/// `100 requests each minute for each subject, models gpt-4o*`
fn words(limit: &Limit) -> String {
    let mut out = limit.measure.to_string();
    if let Measure::Tokens { reserve, .. } | Measure::Cost { reserve, .. } = limit.measure
        && reserve > 0
    {
        let _ = write!(out, ", {reserve} tokens set aside");
    }
    if !limit.per.is_empty() {
        let word =
            |per: &Per| Per::WORDS.iter().find(|(_, known)| known == per).map_or("", |(word, _)| *word);
        let per: Vec<&str> = limit.per.iter().map(word).collect();
        let _ = write!(out, " for each {}", per.join(" and "));
    }
    for (what, patterns) in
        [("providers", &limit.providers), ("operations", &limit.operations), ("models", &limit.models)]
    {
        if !patterns.iter().any(Pattern::is_any) {
            let patterns: Vec<String> = patterns.iter().map(ToString::to_string).collect();
            let _ = write!(out, ", {what} {}", patterns.join(" "));
        }
    }
    match limit.when_unavailable {
        WhenUnavailable::Share => {}
        WhenUnavailable::Allow => out.push_str(", allows while counts are out of reach"),
        WhenUnavailable::Block => out.push_str(", blocks while counts are out of reach"),
    }
    if limit.allow_unknown_price {
        out.push_str(", allows models without a price");
    }
    if limit.mode == Mode::Shadow {
        out.push_str(", in shadow");
    }
    out
}

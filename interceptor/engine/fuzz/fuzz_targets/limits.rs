//! Limits and prices of a policy, put together from the words that they are written with and from any text: they are
//! refused with mistakes that can be printed, or they are exact, and nobody is let take more of one than there is.
#![no_main]

use std::fmt::Write as _;

use interceptor_engine::budget::{Asking, Caller, Measure, Money, Table, draws};
use interceptor_engine::policy::{Mode, Policy};
use interceptor_engine::record::Ledger;
use libfuzzer_sys::fuzz_target;

const FIELDS: [&str; 14] = [
    "requests",
    "tokens",
    "cost",
    "concurrency",
    "each",
    "per",
    "mode",
    "reserve",
    "match",
    "unknownPrice",
    "whenUnavailable",
    "description",
    "models",
    "input",
];
const VALUES: [&str; 20] = [
    "1",
    "7",
    "0",
    "-1",
    "18446744073709551615",
    "5.00 USD",
    "0.000000001 USD",
    "1000000 USD",
    "minute",
    "month",
    "[subject, model]",
    "[]",
    "{ models: [\"gpt-*\"] }",
    "{ providers: [openai] }",
    "shadow",
    "block",
    "allow",
    "share",
    "0.25",
    "~",
];

/// Fields of each limit and their values, a text, the time, and calls by their size and whether they are over at once.
type Input<'a> = (Vec<Vec<(u8, u8)>>, &'a str, u32, Vec<(u16, bool)>);

fuzz_target!(|input: Input<'_>| {
    let (limits, text, now, calls) = input;
    let Ok(policy) = Policy::load(&[("fuzz.yaml", file(&limits, text))])
        .inspect_err(|mistakes| assert!(!mistakes.to_string().is_empty()))
    else {
        return;
    };
    for limit in policy.limits() {
        assert!(limit.measure.most() > 0, "{limit:?}");
        if let Measure::Cost { most, .. } = limit.measure {
            assert_eq!(Money::parse(&most.to_string()), Some(most), "money is shown as it is written");
        }
    }
    take(&policy, u64::from(now), &calls);
});

/// A policy with these limits, and the text as one more or, if it is long, as a part of the first.
fn file(limits: &[Vec<(u8, u8)>], text: &str) -> String {
    let mut file =
        "apiVersion: interceptor.dev/v1alpha1\nkind: EgressPolicy\nmetadata: { name: fuzz }\nspec:\n  limits:\n".to_owned();
    for (number, fields) in limits.iter().take(8).enumerate() {
        let _ = writeln!(file, "    - name: l{number}");
        for (field, value) in fields.iter().take(6) {
            let value = VALUES.get(usize::from(*value)).copied().unwrap_or(text);
            let _ = writeln!(file, "      {}: {value}", FIELDS[usize::from(*field) % FIELDS.len()]);
        }
    }
    if limits.is_empty() {
        text.lines().for_each(|line| {
            let _ = writeln!(file, "    {line}");
        });
    }
    file
}

/// Calls of several sizes, of which some are given back: no count is ever past its limit before the answers.
fn take(policy: &Policy, mut now: u64, calls: &[(u16, bool)]) {
    let limits: Vec<_> = policy.limits().cloned().collect();
    let mut table = Table::new(4, true);
    let models = ["gpt-4.1".to_owned()];
    for (size, is_over) in calls.iter().take(64) {
        now = now.saturating_add(u64::from(*size));
        let request = Ledger { seen: u64::from(*size), scanned: u64::from(*size), ..Ledger::default() };
        let caller = Caller { uid: Some(u32::from(*size) % 3), ..Caller::default() };
        let asking = Asking {
            caller,
            provider: "openai",
            operation: "openai.responses",
            models: &models,
            request: &request,
        };
        let drawn = draws(&limits, &asking, policy.prices());
        match table.take(&drawn.draws, now) {
            Ok(admission) => {
                for (at, count) in table.counts(&admission.taken) {
                    let limit = &admission.taken[at].draw().limit;
                    assert!(limit.mode == Mode::Shadow || count.own <= count.most, "{limit:?} {count:?}");
                }
                if *is_over {
                    admission.taken.iter().for_each(|taken| table.settle(taken, 0));
                }
            }
            Err(short) => assert!(short.retry_after > 0 && short.limit.mode == Mode::Enforce),
        }
    }
}

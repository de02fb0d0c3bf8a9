//! What policies limit: what is said about limits that are wrong, and what exchanges draw on.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop here")]

use std::sync::Arc;

use bytes::Bytes;
use expect_test::{Expect, expect};
use interceptor_engine::budget::{End, Short, Usage, Why};
use interceptor_engine::policy::{Identity, Pod};
use interceptor_engine::{
    Catalogue, Detectors, Engine, Exchange, Limits, Policy, RequestHead, RequestPlan, Subject,
};

const HEAD: &str = "apiVersion: interceptor.dev/v1alpha1\nkind: EgressPolicy\nmetadata: {name: t}\nspec:\n";

fn policy(spec: &str) -> Policy {
    Policy::load(&[("p.yaml", format!("{HEAD}{spec}"))]).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

fn mistakes(spec: &str, expected: Expect) {
    let error = Policy::load(&[("p.yaml", format!("{HEAD}{spec}"))]).unwrap_err();
    expected.assert_eq(&error.to_string());
}

#[test]
fn mistakes_are_reported_at_once() {
    mistakes(
        "  limits:\n    - {name: a, each: day}\n    - {name: a, requests: 5, tokens: 7, each: day}\n    \
         - {name: b, requests: 0, each: year}\n    - {name: c, cost: 5, each: day}\n    \
         - {name: d, concurrency: 3, each: day}\n    - {name: e, requests: 5, each: day, reserve: 7, unknownPrice: allow}\n    \
         - {name: f, requests: 5, each: day, per: [model, team], whenUnavailable: maybe, match: {models: [], tools: [x]}}\n    \
         - {name: g, requests: 5}\n  prices:\n    - {models: [m], input: cheap}\n",
        expect![[r#"
            p.yaml:6:7: spec.limits[0]: limits nothing; expected one of `requests`, `tokens`, `cost` and `concurrency`
            p.yaml:7:7: spec.limits[1]: limits several things; expected one of `requests`, `tokens`, `cost` and `concurrency`
            p.yaml:7:14: spec.limits[1].name: the name `a` is taken by the rule at p.yaml:6; expected another name
            p.yaml:8:27: spec.limits[2].requests: `0` is not allowed; expected a whole number from 1 to 1000000000000000
            p.yaml:8:36: spec.limits[2].each: unknown value `year`; expected one of `minute`, `hour`, `day`, `month`
            p.yaml:9:23: spec.limits[3].cost: `5` is not allowed; expected an amount such as `5.00 USD`, at most 1000000 USD
            p.yaml:10:39: spec.limits[4].each: what is counted at the same time has no window; expected `concurrency` alone
            p.yaml:11:50: spec.limits[5].reserve: sets tokens aside; expected `tokens` or `cost` beside it
            p.yaml:11:67: spec.limits[5].unknownPrice: is about prices; expected `cost` beside it
            p.yaml:12:54: spec.limits[6].per[1]: unknown value `team`; expected one of `subject`, `namespace`, `user`, `provider`, `model`
            p.yaml:12:78: spec.limits[6].whenUnavailable: unknown value `maybe`; expected one of `share`, `allow`, `block`
            p.yaml:12:101: spec.limits[6].match.models: is an empty list; expected at least one element
            p.yaml:12:105: spec.limits[6].match: unknown field `tools`; expected one of `providers`, `operations`, `models`
            p.yaml:13:7: spec.limits[7]: the field `each` is missing
            p.yaml:15:7: spec.prices[0]: the field `output` is missing
            p.yaml:15:28: spec.prices[0].input: `cheap` is not allowed; expected dollars for a million tokens, such as `0.25`"#]],
    );
    mistakes(
        "  limits: []\n",
        expect!["p.yaml:5:11: spec.limits: is an empty list; expected at least one element"],
    );
    mistakes(
        "  prices: [{models: [m], input: 1, output: 1}]\n",
        expect!["p.yaml:5:3: spec: the field `rules` is missing"],
    );
}

fn exchange(policy: Policy, subject: Subject, body: &str) -> Exchange {
    let catalogue = Catalogue::builtin();
    let provider = catalogue.route("api.openai.com").unwrap().provider;
    let engine = Engine::new(catalogue, Arc::new(policy), Detectors::builtin(), Limits::STANDARD);
    let mut exchange = engine.exchange(&RequestHead {
        provider,
        host: "api.openai.com",
        method: "POST",
        path: "/v1/chat/completions",
        content_type: Some("application/json"),
        content_encoding: None,
        content_length: Some(body.len() as u64),
        subject: &Arc::new(subject),
        at: 0,
        request_id: "req",
    });
    exchange.begin().unwrap();
    let mut out = Vec::new();
    exchange.request_data(Bytes::from(body.to_owned()), &mut out).unwrap();
    exchange.request_end(&mut out).unwrap();
    exchange
}

const LIMITS: &str = "  subjects: [{namespaces: [pay]}]
  limits:
    - {name: calls, requests: 5, each: minute, per: [subject, model]}
    - {name: spend, cost: 5 USD, each: month, match: {models: [\"gpt-*\", Own]}, reserve: 1000}
    - {name: others, tokens: 5, each: day, match: {operations: [openai.embeddings]}}
  prices:
    - {models: [own], input: 1, output: 10}
";

fn pod(namespace: &str) -> Subject {
    let pod = Pod { service_account: Some("web".into()), ..Pod::named(namespace, "web-1") };
    Subject { pod: Some(Arc::new(pod)), identity: Identity::Known, ..Subject::default() }
}

const BODY: &str = r#"{"model":"Own","messages":[{"role":"user","content":"Good morning."}]}"#;

#[test]
fn an_exchange_draws_on_the_limits_of_its_callers_policies() {
    let drawn = exchange(policy(LIMITS), pod("pay"), BODY).drawn();
    let shown: Vec<_> =
        drawn.draws.iter().map(|draw| format!("{} {} {}", draw.limit.name, draw.key, draw.amount)).collect();
    // 71 bytes are 18 tokens, and a thousand are set aside.
    expect![[r#"
        calls |requests:5:calls|each:6:minute|ns:3:pay|sa:3:web|model:3:own 1
        spend |cost:5:spend|each:5:month 10018000"#]]
    .assert_eq(&shown.join("\n"));
    assert!(exchange(policy(LIMITS), pod("play"), BODY).drawn().is_empty());
}

#[test]
fn a_request_with_a_limit_is_held_and_others_are_not() {
    let plan = |subject| exchange(policy(LIMITS), subject, BODY).request_plan();
    assert_eq!(plan(pod("pay")), RequestPlan::Hold);
    assert_eq!(plan(pod("play")), RequestPlan::Stream);
}

#[test]
fn a_caller_of_whom_more_may_be_true_shares_a_count_with_all_such() {
    let open = LIMITS.replace("  subjects: [{namespaces: [pay]}]\n", "");
    let key = |uid, identity| {
        let subject = Subject { uid, identity, ..Subject::default() };
        exchange(policy(&open), subject, BODY).drawn().draws[0].key.clone()
    };
    assert_ne!(key(1, Identity::Known), key(2, Identity::Known));
    assert_eq!(key(1, Identity::Unknown("gone")), key(2, Identity::Unknown("gone")));
    assert_ne!(key(1, Identity::Unknown("gone")), key(1, Identity::Known));
}

#[test]
fn a_limit_that_is_short_ends_the_exchange_and_is_recorded() {
    let mut exchange = exchange(policy(LIMITS), pod("pay"), BODY);
    let drawn = exchange.drawn();
    let limit = drawn.draws[1].limit.clone();
    let refusal = exchange.short(&Short { limit, why: Why::Over, retry_after: 60 });
    assert_eq!((refusal.status, &*refusal.rule), (429, "spend"));
    let record = exchange.record();
    assert_eq!((&*record.limits[0].limit, record.limits[0].refused), ("spend", true));
    assert!(exchange.drawn().is_empty());
    let used = Usage { input: 18, output: 4, ..Usage::default() };
    assert_eq!(drawn.draws[1].settled(End::Used(used)), 18 * 1_000 + 4 * 10_000);
}

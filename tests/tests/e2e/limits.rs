//! Limits: what is used up is refused in the provider's own words, and counts outlive a reload.

use anyhow::Result;
use interceptor_tests::lab::{ANTHROPIC, host};
use interceptor_tests::stage::Setup;
use nix::sys::signal::Signal;
use serde_json::json;

use super::{chat, post};

const LIMITS: &str = "apiVersion: interceptor.dev/v1alpha1
kind: EgressPolicy
metadata: {name: limits}
spec:
  limits:
    - {name: calls, requests: 2, each: month, match: {providers: [openai]}}
    - {name: tokens, tokens: 1000000, each: month, match: {providers: [openai]}}
    - {name: places, concurrency: 1}
    - {name: spend, cost: 5 USD, each: day, match: {providers: [anthropic]}}
";

#[tokio::test]
async fn the_third_of_two_requests_is_refused_and_a_reload_gives_nothing_back() -> Result<()> {
    let Some(stage) = Setup::default().policy(LIMITS).up().await? else { return Ok(()) };
    let mut app = stage.openai().await?;
    for _ in 0..2 {
        let answer = app.call(&post("/v1/chat/completions"), chat("hello")).await?;
        assert_eq!(answer.head.status, 200);
    }
    let refused = app.call(&post("/v1/chat/completions"), chat("hello")).await?;
    assert_eq!(refused.head.status, 429);
    assert_eq!(refused.head.header("x-should-retry"), Some("false"));
    let after: u64 = refused.head.header("retry-after").unwrap_or_default().parse()?;
    assert!((1..=31 * 86_400).contains(&after), "{after}");
    let error = &refused.json()?["error"];
    assert_eq!(
        (&error["type"], &error["code"]),
        (&json!("insufficient_quota"), &json!("egress_limit_exceeded"))
    );
    let event = stage.exchange("blocked").await?;
    assert_eq!(event["inspection"]["limits"], json!([{"limit": "calls", "why": "over", "refused": true}]));
    assert_eq!(stage.lab.provider.record().seen().calls.len(), 2);
    // The provider told of 14 tokens for each, and what was refused took nothing.
    let metrics = stage.metrics().await?;
    for line in [
        "interceptor_budget_used{limit=\"tokens\",measure=\"tokens\"} 28",
        "interceptor_budget_used{limit=\"calls\",measure=\"requests\"} 2",
        "interceptor_budget_limit{limit=\"calls\",measure=\"requests\"} 2",
        "interceptor_budget_used{limit=\"places\",measure=\"concurrency\"} 0",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
    // The same connection would keep its rules; a new one has those that were read again, and the old counts.
    stage.lab.file("policy.yaml", LIMITS.replace("requests: 2", "requests: 3"))?;
    stage.daemon.signal(Signal::SIGHUP)?;
    stage.daemon.audited("a reload", |event| event["event"] == "reload").await?;
    let mut app = stage.openai().await?;
    assert_eq!(app.call(&post("/v1/chat/completions"), chat("hello")).await?.head.status, 200);
    assert_eq!(app.call(&post("/v1/chat/completions"), chat("hello")).await?.head.status, 429);
    Ok(())
}

#[tokio::test]
async fn a_model_without_a_price_is_refused_where_money_is_limited() -> Result<()> {
    let Some(stage) = Setup::default().policy(LIMITS).up().await? else { return Ok(()) };
    let mut app = stage.http1(host::SHARED, ANTHROPIC).await?;
    let head = "POST /v1/messages HTTP/1.1\r\nhost: api.anthropic.com\r\ncontent-type: application/json\r\n\
                anthropic-version: 2023-06-01";
    let body = |model| {
        json!({"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]})
            .to_string()
    };
    let refused = app.call(head, body("lab-1")).await?;
    assert_eq!(refused.head.status, 429);
    let error = &refused.json()?["error"];
    assert_eq!(error["type"], "rate_limit_error");
    assert!(error["message"].as_str().unwrap_or_default().contains("price"), "{error}");
    let passed = app.call(head, body("claude-haiku-4-5")).await?;
    assert_eq!(passed.head.status, 200);
    stage.exchange("complete").await?;
    // Nine tokens at one dollar a million and five at five dollars.
    let metrics = stage.metrics().await?;
    let line = "interceptor_budget_used{limit=\"spend\",measure=\"cost\"} 34000";
    assert!(metrics.contains(line), "{line} is not in {metrics}");
    Ok(())
}

#[tokio::test]
async fn a_model_without_a_price_passes_where_policy_says_so_and_is_told_of() -> Result<()> {
    let policy = LIMITS.replace("each: day,", "each: day, unknownPrice: allow,");
    assert_ne!(policy, LIMITS);
    let Some(stage) = Setup::default().policy(&policy).up().await? else { return Ok(()) };
    let mut app = stage.http1(host::SHARED, ANTHROPIC).await?;
    let head = "POST /v1/messages HTTP/1.1\r\nhost: api.anthropic.com\r\ncontent-type: application/json\r\n\
                anthropic-version: 2023-06-01";
    let body = json!({"model": "lab-1", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]});
    assert_eq!(app.call(head, body.to_string()).await?.head.status, 200);
    let event = stage.exchange("complete").await?;
    let told = json!([{"limit": "spend", "why": "unknown_price", "refused": false}]);
    assert_eq!(event["inspection"]["limits"], told);
    let used = "interceptor_budget_used{limit=\"spend\"";
    assert!(!stage.metrics().await?.contains(used), "what nobody can count is not counted");
    Ok(())
}

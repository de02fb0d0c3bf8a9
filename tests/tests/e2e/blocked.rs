//! A secret does not leave: the provider never sees the request, the caller is told the rule and not to try again.

use anyhow::Result;
use interceptor_tests::lab::{ANTHROPIC, host};
use interceptor_tests::samples;
use interceptor_tests::stage::{Setup, Stage};
use serde_json::json;

use super::{chat, detectors, post};

#[tokio::test]
async fn a_secret_is_refused_in_openais_words_and_the_provider_sees_nothing() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let secret = samples::github_token();
    let mut app = stage.openai().await?;
    let answer = app.call(&post("/v1/chat/completions"), chat(&format!("deploy with {secret} now"))).await?;
    assert_eq!(answer.head.status, 403);
    assert_eq!(answer.head.header("x-should-retry"), Some("false"));
    let error = &answer.json()?["error"];
    assert_eq!(
        (&error["type"], &error["code"]),
        (&json!("permission_error"), &json!("egress_policy_blocked"))
    );
    let message = error["message"].as_str().unwrap_or_default();
    for part in ["no-secrets-out", "secret.github_token", "messages[0].content"] {
        assert!(message.contains(part), "{message} does not name {part}");
    }
    let event = stage.exchange("blocked").await?;
    assert_eq!(detectors(&event), ["secret.github_token"]);
    assert!(message.contains(event["id"].as_str().unwrap_or("?")), "{message} does not name the audit id");
    assert_eq!(event["inspection"]["verdict"], "block");
    assert_eq!(event["inspection"]["findings"][0]["rule"], "no-secrets-out");
    assert_eq!(stage.lab.provider.record().seen().calls.len(), 0);
    // The connection is still good: what is harmless goes through on it.
    let answer = app.call(&post("/v1/chat/completions"), chat("hello")).await?;
    assert_eq!(answer.head.status, 200);
    assert_eq!(stage.lab.provider.record().seen().calls.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_secret_is_refused_in_anthropics_words() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let mut app = stage.http1(host::SHARED, ANTHROPIC).await?;
    let body = json!({"model": "lab-1", "max_tokens": 9,
        "messages": [{"role": "user", "content": samples::aws_key_id()}]});
    let head = "POST /v1/messages HTTP/1.1\r\nhost: api.anthropic.com\r\ncontent-type: application/json\r\n\
                anthropic-version: 2023-06-01";
    let answer = app.call(head, body.to_string()).await?;
    assert_eq!(answer.head.status, 403);
    assert_eq!(answer.head.header("x-should-retry"), Some("false"));
    let body = answer.json()?;
    assert_eq!((&body["type"], &body["error"]["type"]), (&json!("error"), &json!("permission_error")));
    let message = body["error"]["message"].as_str().unwrap_or_default();
    assert!(message.contains("no-secrets-out") && message.contains("secret.aws_access_key"), "{message}");
    assert_eq!(body["request_id"], stage.exchange("blocked").await?["id"]);
    assert_eq!(stage.lab.provider.record().seen().calls.len(), 0);
    Ok(())
}

#[tokio::test]
async fn a_secret_is_refused_on_http2_and_other_streams_go_on() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let mut app = stage.http2(host::SHARED, "api.openai.com").await?;
    let mut other = app.clone();
    let secret = chat(&samples::openai_key());
    let (blocked, passed) = tokio::join!(
        app.post("/v1/chat/completions", secret),
        other.post("/v1/chat/completions", chat("hello")),
    );
    assert_eq!((blocked?.0, passed?.0), (403, 200));
    let seen = stage.lab.provider.record().seen();
    assert_eq!(seen.calls.iter().map(|c| c.version.as_str()).collect::<Vec<_>>(), ["HTTP/2.0"]);
    Ok(())
}

#[tokio::test]
async fn a_secret_outside_the_prompt_is_found_too() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let secret = samples::github_token();
    let elsewhere = [
        json!({"model": "lab-1", "messages": [{"role": "system", "content": secret}]}),
        json!({"model": "lab-1", "messages": [{"role": "user", "content": [{"type": "text", "text": secret}]}]}),
        json!({"model": "lab-1", "messages": [], "tools": [{"type": "function",
            "function": {"name": "f", "description": secret, "parameters": {}}}]}),
        json!({"model": "lab-1", "messages": [{"role": "assistant", "content": null, "tool_calls": [
            {"id": "1", "type": "function",
             "function": {"name": "f", "arguments": json!({"token": secret}).to_string()}}]}]}),
        json!({"model": "lab-1", "messages": [], "metadata": {"note": secret}}),
    ];
    for body in elsewhere {
        let mut app = stage.openai().await?;
        let answer = app.call(&post("/v1/chat/completions"), body.to_string()).await?;
        assert_eq!(answer.head.status, 403, "{body}");
    }
    assert_eq!(stage.lab.provider.record().seen().calls.len(), 0);
    Ok(())
}

#[tokio::test]
async fn a_rule_in_shadow_changes_nothing_and_says_what_it_would_have_done() -> Result<()> {
    let policy = "apiVersion: interceptor.dev/v1alpha1\nkind: EgressPolicy\nmetadata: {name: trial}\nspec:\n  \
        rules:\n    - name: trial\n      match: {direction: request, detectors: ['secret.*']}\n      \
        action: block\n      mode: shadow\n";
    let Some(stage) = Setup::default().policy(policy).up().await? else { return Ok(()) };
    let body = chat(&samples::github_token());
    let answer = stage.openai().await?.call(&post("/v1/chat/completions"), &body).await?;
    assert_eq!(answer.head.status, 200);
    assert_eq!(stage.lab.provider.record().call(0).await?.body, body.as_bytes());
    let finding = &stage.exchange("complete").await?["inspection"]["findings"][0];
    assert_eq!(finding["shadow"], json!({"action": "block", "rule": "trial"}));
    assert_eq!((&finding["action"], &finding["rule"]), (&json!("allow"), &json!(null)));
    Ok(())
}

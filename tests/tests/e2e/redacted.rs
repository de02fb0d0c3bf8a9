//! Personal data leaves masked: the provider receives the original bytes with only the found spans changed.

use anyhow::{Context as _, Result};
use interceptor_tests::lab::host;
use interceptor_tests::provider::{Format, Script, gzip};
use interceptor_tests::samples::{CARD, EMAIL};
use interceptor_tests::stage::{Setup, Stage};
use interceptor_tests::{client, samples};

use serde_json::json;

use super::{chat, chat_stream, detectors, post};

#[tokio::test]
async fn only_the_found_spans_change() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    // Written oddly on purpose: nothing may be parsed and printed again.
    let body = format!(
        "{{ \"model\":\"lab-1\",\n\t\"messages\" : [ {{\"content\":\"mail {EMAIL} or pay {CARD} — \\u00fc\\/ ok\",\"role\":\"user\"}} ],\n  \"temperature\": 1.0e0 , \"n\":1}}\n"
    );
    let mut app = stage.openai().await?;
    let answer = app.call(&post("/v1/chat/completions"), &body).await?;
    assert_eq!(answer.head.status, 200);
    let call = stage.lab.provider.record().call(0).await?;
    let wanted = body.replace(EMAIL, "[EMAIL]").replace(CARD, "[CARD]");
    assert_eq!(String::from_utf8_lossy(&call.body), wanted);
    assert_eq!(call.header("content-length"), Some(wanted.len().to_string().as_str()));
    let event = stage.exchange("complete").await?;
    assert_eq!(event["inspection"]["verdict"], "redact");
    assert_eq!(detectors(&event), ["pii.email", "pii.card"]);
    Ok(())
}

#[tokio::test]
async fn an_address_hidden_in_escapes_is_found_and_only_its_span_changes() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let (local, domain) = EMAIL.split_once('@').unwrap_or_default();
    let body = chat("PLACE").replace("PLACE", &format!("write to {local}\\u0040{domain}\\n\\tnow"));
    stage.openai().await?.call(&post("/v1/chat/completions"), &body).await?;
    let call = stage.lab.provider.record().call(0).await?;
    let wanted = body.replace(&format!("{local}\\u0040{domain}"), "[EMAIL]");
    assert_eq!(String::from_utf8_lossy(&call.body), wanted);
    Ok(())
}

#[tokio::test]
async fn a_request_with_nothing_to_change_arrives_byte_for_byte_with_its_head() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let body = "{\"model\" : \"lab-1\",\"messages\":[{\"role\":\"user\",\"content\":\"caf\\u00e9 \\/ \\\"x\\\"\"}]}\n\n";
    let head = format!(
        "{}\r\nX-Stainless-Lang: python\r\nX-Twice: a\r\nX-Twice: b",
        post("/v1/chat/completions?x=%2F")
    );
    let sent = client::request(&head, body.len()) + body;
    let mut app = stage.openai().await?;
    app.send(&sent).await?;
    assert_eq!(app.answer().await?.head.status, 200);
    let seen = stage.lab.provider.record().seen();
    let received: Vec<_> = seen.connections.iter().map(|c| String::from_utf8_lossy(&c.received)).collect();
    assert_eq!(received, [sent]);
    Ok(())
}

#[tokio::test]
async fn a_redacted_request_sent_in_chunks_stays_whole_json() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let body = chat(&format!("mail {EMAIL} today"));
    let mut app = stage.openai().await?;
    app.send(format!("{}\r\nTransfer-Encoding: chunked\r\n\r\n", post("/v1/chat/completions"))).await?;
    // Cut inside the address.
    let cut = body.find('@').unwrap_or_default() + 1;
    for part in [&body[..cut], &body[cut..]] {
        app.send(format!("{:x}\r\n{part}\r\n", part.len())).await?;
    }
    app.send("0\r\n\r\n").await?;
    assert_eq!(app.answer().await?.head.status, 200);
    let call = stage.lab.provider.record().call(0).await?;
    assert_eq!(String::from_utf8_lossy(&call.body), body.replace(EMAIL, "[EMAIL]"));
    assert_eq!(call.whole, Some(true));
    Ok(())
}

#[tokio::test]
async fn a_redacted_request_on_http2_has_the_right_length() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let body = chat(&format!("mail {EMAIL} today"));
    let mut app = stage.http2(host::SHARED, "api.openai.com").await?;
    assert_eq!(app.post("/v1/chat/completions", body.clone()).await?.0, 200);
    let call = stage.lab.provider.record().call(0).await?;
    assert_eq!(String::from_utf8_lossy(&call.body), body.replace(EMAIL, "[EMAIL]"));
    Ok(())
}

/// What masks answers, too.
const BOTH_WAYS: &str = "apiVersion: interceptor.dev/v1alpha1\nkind: EgressPolicy\nmetadata: {name: both}\nspec:\n  \
    rules:\n    - name: mask\n      match: {direction: both, detectors: ['pii.*']}\n      action: redact\n    \
    - name: stop\n      match: {direction: both, detectors: ['secret.*']}\n      action: block\n";

#[tokio::test]
async fn an_answer_is_masked_where_a_rule_says_so() -> Result<()> {
    let Some(stage) = Setup::default().policy(BOTH_WAYS).up().await? else { return Ok(()) };
    stage.lab.provider.next("/v1/chat/completions", Script::tokens(["ask ", EMAIL, " about it"]));
    let mut app = stage.openai().await?;
    let answer = app.call(&post("/v1/chat/completions"), chat("who knows?")).await?;
    assert_eq!(answer.json()?["choices"][0]["message"]["content"], "ask [EMAIL] about it");
    stage.lab.provider.next("/v1/chat/completions", Script::tokens(["it is ", &samples::github_token()]));
    let answer = app.call(&post("/v1/chat/completions"), chat("what is the token?")).await?;
    assert_eq!(answer.head.status, 403);
    assert!(!answer.text().contains(&samples::github_token()));
    Ok(())
}

#[tokio::test]
async fn a_compressed_answer_is_masked_too() -> Result<()> {
    let Some(stage) = Setup::default().policy(BOTH_WAYS).up().await? else { return Ok(()) };
    let text = interceptor_tests::provider::Format::Chat.whole(&format!("ask {EMAIL}")).to_string();
    let script = Script::sized(gzip(text.as_bytes())).header("content-type", "application/json");
    stage.lab.provider.next("/v1/chat/completions", script.header("content-encoding", "gzip"));
    let head = format!("{}\r\nAccept-Encoding: gzip", post("/v1/chat/completions"));
    let answer = stage.openai().await?.call(&head, chat("who knows?")).await?;
    assert_eq!(answer.head.header("content-encoding"), None);
    assert_eq!(answer.json()?["choices"][0]["message"]["content"], "ask [EMAIL]");
    Ok(())
}

/// Requests go with tokens, for which the text is put back; answers are masked for good.
const REVERSIBLE: &str = "apiVersion: interceptor.dev/v1alpha1\nkind: EgressPolicy\nmetadata: {name: back}\nspec:\n  \
    rules:\n    - name: stand-in\n      match: {direction: request, detectors: ['pii.*']}\n      \
    action: {redact: reversible}\n    - name: mask\n      match: {direction: response, detectors: ['pii.*']}\n      \
    action: redact\n";

/// What the provider was told in the place of an address.
async fn token_of(stage: &Stage, call: usize) -> Result<String> {
    let call = stage.lab.provider.record().call(call).await?;
    let body: serde_json::Value = serde_json::from_slice(&call.body)?;
    let text = body["messages"][0]["content"].as_str().context("no text")?.to_owned();
    assert!(!text.contains(EMAIL), "{text}");
    let token = text.split(' ').find(|word| word.starts_with("QXEMAIL"));
    Ok(token.with_context(|| format!("no token in {text:?}"))?.to_owned())
}

#[tokio::test]
async fn an_address_leaves_as_a_token_and_comes_back_in_the_streamed_answer() -> Result<()> {
    let Some(stage) = Setup::default().policy(REVERSIBLE).up().await? else { return Ok(()) };
    let mut stream = stage.lab.provider.stream(Format::Chat);
    let mut app = stage.openai().await?;
    let body = chat_stream(&format!("write to {EMAIL} please"));
    app.send(client::request(&post("/v1/chat/completions"), body.len()) + &body).await?;
    let token = token_of(&stage, 0).await?;
    stream.open()?;
    // As a model writes it: in pieces, with emphasis, in another case. Beside it an address of the model's own.
    let (first, rest) = token.split_at(5);
    for piece in ["Dear **", first, &rest.to_lowercase(), "**, ask john.roe@example.org", " about it"] {
        stream.token(piece)?;
    }
    stream.close()?;
    assert_eq!(app.head().await?.status, 200);
    let mut got = Vec::new();
    while let Some(chunk) = app.chunk(&mut Vec::new()).await? {
        got.extend(chunk);
    }
    let got = String::from_utf8(got)?;
    let mut text = String::new();
    for line in got.lines().filter_map(|line| line.strip_prefix("data: {")) {
        let event: serde_json::Value = serde_json::from_str(&format!("{{{line}"))?;
        text += event["choices"][0]["delta"]["content"].as_str().unwrap_or_default();
    }
    assert_eq!(text, format!("Dear **{EMAIL}**, ask [EMAIL] about it"));
    let event = stage.exchange("complete").await?;
    assert_eq!(event["inspection"]["restored"], 1);
    assert!(!event.to_string().contains(EMAIL), "{event}");
    Ok(())
}

#[tokio::test]
async fn the_key_file_decides_which_token_it_is_and_a_whole_answer_is_restored_too() -> Result<()> {
    let mut tokens = Vec::new();
    for secret in ["sixteen letters and more", "sixteen letters and more", "another secret of some length"] {
        let key = tempfile::NamedTempFile::new()?;
        std::fs::write(key.path(), secret)?;
        let spec = json!({"redaction": {"keyFile": key.path()}});
        let Some(stage) = Setup::default().policy(REVERSIBLE).spec(spec).up().await? else { return Ok(()) };
        let body = chat(&format!("write to {EMAIL} please"));
        stage.openai().await?.call(&post("/v1/chat/completions"), &body).await?;
        let token = token_of(&stage, 0).await?;
        stage.lab.provider.next("/v1/chat/completions", Script::tokens(["I wrote to ", &token, "."]));
        let answer = stage.openai().await?.call(&post("/v1/chat/completions"), &body).await?;
        assert_eq!(answer.json()?["choices"][0]["message"]["content"], format!("I wrote to {EMAIL}."));
        assert_eq!(token_of(&stage, 1).await?, token);
        tokens.push(token);
    }
    assert!(tokens[0] == tokens[1] && tokens[1] != tokens[2], "{tokens:?}");
    Ok(())
}

//! A streamed answer arrives as it is made: each event is sent only after the application has the one before.

use anyhow::{Context as _, Result};
use http_body_util::{BodyExt as _, Full};
use interceptor_tests::lab::{ANTHROPIC, OPENAI, host};
use interceptor_tests::provider::{Answer, Format};
use interceptor_tests::samples::EMAIL;
use interceptor_tests::stage::{Setup, Stage};
use interceptor_tests::{client, samples, within};
use serde_json::json;

use super::{Secured, chat_stream, post};

const WORDS: [&str; 6] = ["Once ", "upon ", "a ", "time, ", "a key ", "sk-etched."];

/// Sends the request and gets to the answer's body.
async fn begin(app: &mut Secured, head: &str, body: &str) -> Result<()> {
    app.send(client::request(head, body.len()) + body).await?;
    let head = app.head().await?;
    assert_eq!(head.status, 200);
    assert_eq!(head.header("content-type"), Some("text/event-stream; charset=utf-8"));
    assert_eq!(head.header("transfer-encoding"), Some("chunked"));
    Ok(())
}

/// Exactly these bytes are here, in however many chunks; the provider sends nothing more before that.
async fn arrives(app: &mut Secured, event: &str) -> Result<()> {
    let mut got = Vec::new();
    while got.len() < event.len() {
        got.extend(app.chunk(&mut Vec::new()).await?.context("the stream ended early")?);
    }
    assert_eq!(String::from_utf8_lossy(&got), event);
    Ok(())
}

#[tokio::test]
async fn chat_events_arrive_one_by_one() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let mut stream = stage.lab.provider.stream(Format::Chat);
    let mut app = stage.openai().await?;
    begin(&mut app, &post("/v1/chat/completions"), &chat_stream("tell me a story")).await?;
    stream.open()?;
    arrives(&mut app, &Format::Chat.opening().concat()).await?;
    for word in WORDS {
        let event = stream.token(word)?;
        arrives(&mut app, &event).await?;
    }
    let closing = Format::Chat.closing(WORDS.len(), &WORDS.concat()).concat();
    stream.close()?;
    arrives(&mut app, &closing).await?;
    assert_eq!(app.chunk(&mut Vec::new()).await?, None);
    let event = stage.exchange("complete").await?;
    assert_eq!(event["inspection"]["streamed"], true);
    assert_eq!(event["inspection"]["operation"], "openai.chat_completions");
    Ok(())
}

#[tokio::test]
async fn responses_events_arrive_one_by_one() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let mut stream = stage.lab.provider.stream(Format::Responses);
    let mut app = stage.openai().await?;
    let body = json!({"model": "lab-1", "input": "tell me a story", "stream": true}).to_string();
    begin(&mut app, &post("/v1/responses"), &body).await?;
    stream.open()?;
    arrives(&mut app, &Format::Responses.opening().concat()).await?;
    for word in WORDS {
        let event = stream.token(word)?;
        arrives(&mut app, &event).await?;
    }
    stream.close()?;
    arrives(&mut app, &Format::Responses.closing(WORDS.len(), &WORDS.concat()).concat()).await?;
    assert_eq!(app.chunk(&mut Vec::new()).await?, None);
    Ok(())
}

#[tokio::test]
async fn anthropics_events_arrive_one_by_one_on_http2() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let mut stream = stage.lab.provider.stream(Format::Messages);
    let mut app = stage.http2(host::SHARED, ANTHROPIC).await?;
    let body = json!({"model": "lab-1", "max_tokens": 9, "stream": true,
        "messages": [{"role": "user", "content": "tell me a story"}]});
    let request = app.request("POST", "/v1/messages").header("content-type", "application/json");
    let mut answer = app.send(request.body(Full::from(body.to_string()))?).await?.into_body();
    stream.open()?;
    let mut sent = vec![Format::Messages.opening().concat()];
    for word in WORDS {
        let frame = within("a DATA frame", answer.frame()).await?.context("the stream ended early")??;
        let data = frame.into_data().map_err(|_| anyhow::anyhow!("trailers came too early"))?;
        assert_eq!(Some(String::from_utf8_lossy(&data).into_owned()), sent.pop());
        sent.push(stream.token(word)?);
    }
    Ok(())
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_call_at_the_provider() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    for alpn in ["http/1.1", "h2"] {
        let mut stream = stage.lab.provider.stream(Format::Chat);
        let calls = stage.lab.provider.record().seen().calls.len();
        if alpn == "h2" {
            let mut app = stage.http2(host::SHARED, OPENAI).await?;
            let request =
                app.request("POST", "/v1/chat/completions").header("content-type", "application/json");
            let mut answer = app.send(request.body(Full::from(chat_stream("go on")))?).await?.into_body();
            stream.token("once")?;
            within("a DATA frame", answer.frame()).await?.context("the stream ended early")??;
            // Only the stream ends; its connection stays.
            drop(answer);
        } else {
            let mut app = stage.openai().await?;
            begin(&mut app, &post("/v1/chat/completions"), &chat_stream("go on")).await?;
            let event = stream.token("once")?;
            arrives(&mut app, &event).await?;
            drop(app);
        }
        let left = |seen: &interceptor_tests::provider::Seen| seen.calls[calls].answer == Answer::Dropped;
        stage.lab.provider.record().until("the application's leaving", left).await?;
    }
    stage.exchange("application_gone").await?;
    Ok(())
}

#[tokio::test]
async fn a_client_that_leaves_before_the_answer_ends_the_call_too() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    stage.lab.provider.next("/v1/chat/completions", interceptor_tests::provider::Script::silence());
    let mut app = stage.openai().await?;
    let body = chat_stream("are you there?");
    app.send(client::request(&post("/v1/chat/completions"), body.len()) + &body).await?;
    stage.lab.provider.record().call(0).await?;
    drop(app);
    let left = |seen: &interceptor_tests::provider::Seen| seen.calls[0].answer == Answer::Dropped;
    stage.lab.provider.record().until("the application's leaving", left).await?;
    stage.exchange("application_gone").await?;
    Ok(())
}

#[tokio::test]
async fn a_provider_that_breaks_off_is_not_covered_up() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let mut stream = stage.lab.provider.stream(Format::Chat);
    let mut app = stage.openai().await?;
    begin(&mut app, &post("/v1/chat/completions"), &chat_stream("go on")).await?;
    let event = stream.token("once")?;
    arrives(&mut app, &event).await?;
    stream.abort()?;
    // A chunked body without its end: whoever parses it knows that something is missing.
    let (rest, _) = app.end().await?;
    assert!(!rest.ends_with(b"0\r\n\r\n"), "{}", String::from_utf8_lossy(&rest));
    stage.exchange("origin_failed").await?;
    Ok(())
}

#[tokio::test]
async fn an_address_spread_over_events_is_masked_where_a_rule_says_so() -> Result<()> {
    let policy = "apiVersion: interceptor.dev/v1alpha1\nkind: EgressPolicy\nmetadata: {name: both}\nspec:\n  \
        rules:\n    - name: mask\n      match: {direction: both, detectors: ['pii.*']}\n      action: redact\n";
    let Some(stage) = Setup::default().policy(policy).up().await? else { return Ok(()) };
    let (first, rest) = EMAIL.split_at(6);
    let tokens = ["ask ", first, rest, " about", " it"];
    stage.lab.provider.next("/v1/chat/completions", interceptor_tests::provider::Script::tokens(tokens));
    let mut app = stage.openai().await?;
    let answer = app.call(&post("/v1/chat/completions"), chat_stream("who knows?")).await?;
    let mut text = String::new();
    for line in answer.text().lines().filter_map(|line| line.strip_prefix("data: {")) {
        let event: serde_json::Value = serde_json::from_str(&format!("{{{line}"))?;
        text += event["choices"][0]["delta"]["content"].as_str().unwrap_or_default();
    }
    assert_eq!(text, "ask [EMAIL] about it");
    assert!(answer.text().ends_with("data: [DONE]\n\n"));
    Ok(())
}

#[tokio::test]
async fn a_secret_in_the_middle_of_a_stream_ends_it_with_an_error_the_sdk_understands() -> Result<()> {
    let policy = "apiVersion: interceptor.dev/v1alpha1\nkind: EgressPolicy\nmetadata: {name: both}\nspec:\n  \
        rules:\n    - name: stop\n      match: {direction: both, detectors: ['secret.*']}\n      action: block\n";
    let Some(stage) = Setup::default().policy(policy).up().await? else { return Ok(()) };
    let secret = samples::github_token();
    let (first, rest) = secret.split_at(11);
    let tokens = ["it is ", first, rest, ", keep it"];
    stage.lab.provider.next("/v1/chat/completions", interceptor_tests::provider::Script::tokens(tokens));
    let mut app = stage.openai().await?;
    let answer = app.call(&post("/v1/chat/completions"), chat_stream("what is it?")).await?;
    let text = answer.text();
    assert!(text.contains("it is "), "{text}");
    assert!(!text.contains(rest) && !text.contains("keep it"), "{text}");
    let last = text.trim_end().rsplit("\n\n").next().unwrap_or_default();
    let event: serde_json::Value = serde_json::from_str(last.trim_start_matches("data: "))?;
    assert_eq!(event["error"]["code"], "egress_policy_blocked");
    stage.exchange("blocked").await?;
    Ok(())
}

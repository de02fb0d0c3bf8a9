//! Amazon's and Google's own SDKs, whose errors have other shapes and whose retries have other rules. A refused call is one
//! exchange: nothing is tried again.

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use interceptor_tests::aws::Credentials;
use interceptor_tests::provider::Script;
use interceptor_tests::samples;
use interceptor_tests::sdk::{App, Sdk};
use interceptor_tests::stage::{Setup, Stage};
use serde_json::{Value, json};

use crate::{stage, staged};

/// Every call of both, and its path.
const CALLS: [(App, &str, &str); 6] = [
    (App::Bedrock, "converse", "/model/anthropic.claude-lab-1/converse"),
    (App::Bedrock, "converse_stream", "/model/anthropic.claude-lab-1/converse-stream"),
    (App::Bedrock, "invoke", "/model/anthropic.claude-lab-1/invoke"),
    (App::Bedrock, "invoke_stream", "/model/anthropic.claude-lab-1/invoke-with-response-stream"),
    (App::Gemini, "generate", "/v1/models/gemini-lab-1:generateContent"),
    (App::Gemini, "generate_stream", "/v1/models/gemini-lab-1:streamGenerateContent"),
];

/// An answer to a call with these words in the model's mouth, in one event each where it is a stream.
fn answer(call: &str, words: &[&str]) -> Script {
    let whole = |body: Value| Script::sized(body.to_string()).header("content-type", "application/json");
    let text = words.concat();
    match call {
        "converse" => whole(json!({
            "output": {"message": {"role": "assistant", "content": [{"text": text}]}}, "stopReason": "end_turn",
            "usage": {"inputTokens": 9, "outputTokens": 5, "totalTokens": 14}, "metrics": {"latencyMs": 1}
        })),
        "invoke" => whole(json!({
            "id": "msg_lab", "type": "message", "role": "assistant", "model": "lab",
            "content": [{"type": "text", "text": text}], "stop_reason": "end_turn",
            "usage": {"input_tokens": 9, "output_tokens": 5}
        })),
        "generate" => whole(candidate(&text, Some("STOP"))),
        "converse_stream" => amazon(words.iter().map(|word| {
            let delta = json!({"contentBlockIndex": 0, "delta": {"text": word}});
            event("contentBlockDelta", &delta)
        })),
        "invoke_stream" => amazon(words.iter().map(|word| {
            let delta = json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}});
            event("chunk", &json!({"bytes": STANDARD.encode(delta.to_string())}))
        })),
        _ => {
            let event = |word: &&str| Bytes::from(format!("data: {}\r\n\r\n", candidate(word, None)));
            Script::chunked(words.iter().map(event).collect(), None).header("content-type", "text/event-stream")
        }
    }
}

fn candidate(text: &str, finish: Option<&str>) -> Value {
    let content = json!({"role": "model", "parts": [{"text": text}]});
    let mut candidate = json!({"content": content, "index": 0});
    if let Some(finish) = finish {
        candidate["finishReason"] = finish.into();
    }
    json!({
        "candidates": [candidate],
        "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 5, "totalTokenCount": 14},
        "modelVersion": "gemini-lab-1"
    })
}

fn amazon(events: impl Iterator<Item = Bytes>) -> Script {
    let kind = "application/vnd.amazon.eventstream";
    Script::chunked(events.collect(), None).header("content-type", kind)
}

/// One message of Amazon's event stream, as the service writes it.
fn event(name: &str, payload: &Value) -> Bytes {
    let mut headers = Vec::new();
    for (key, value) in
        [(":event-type", name), (":content-type", "application/json"), (":message-type", "event")]
    {
        // 7 says that a string follows.
        let length = |text: &str| u8::try_from(text.len()).expect("names are short");
        headers.extend([&[length(key)], key.as_bytes(), &[7, 0, length(value)], value.as_bytes()].concat());
    }
    let payload = payload.to_string();
    let size = |size: usize| u32::try_from(size).expect("messages are short").to_be_bytes();
    let mut message = [size(headers.len() + payload.len() + 16), size(headers.len())].concat();
    message.extend(checksum(&message));
    message.extend([&headers, payload.as_bytes()].concat());
    message.extend(checksum(&message));
    message.into()
}

fn checksum(bytes: &[u8]) -> [u8; 4] {
    let mut sum = flate2::Crc::new();
    sum.update(bytes);
    sum.sum().to_be_bytes()
}

/// What the application says of a call that is refused. The provider is not asked, and nothing is tried again.
async fn refused(stage: &Stage, mut sdk: Sdk, call: &str, prompt: &str, number: usize) -> Result<Value> {
    let said = sdk.whole(call, prompt).await?;
    assert_eq!(said.len(), 1, "{call}: {said:?}");
    assert_eq!(said[0]["event"], "error", "{call}: {said:?}");
    assert_eq!(stage.exchanges(number).await?.len(), number, "{call}: {said:?}");
    assert_eq!(stage.lab.provider.record().seen().calls.len(), 0, "{call}");
    Ok(said[0].clone())
}

#[tokio::test]
async fn ordinary_calls_of_cloud_sdks_are_answered() -> Result<()> {
    let Some(stage) = stage().await? else { return Ok(()) };
    let words = ["This is ", "the laboratory ", "speaking."];
    for (app, call, path) in CALLS {
        stage.lab.provider.next(path, answer(call, &words));
        let said = Sdk::start(&stage.lab, app)?.whole(call, "how are you?").await?;
        let text: String = said.iter().filter_map(|one| one["text"].as_str()).collect();
        assert_eq!(
            (text, &said.last().unwrap_or(&Value::Null)["event"]),
            (words.concat(), &json!("done")),
            "{said:?}"
        );
    }
    Ok(())
}

/// The service itself checks: without a change it sees the application's signature, with one the daemon's.
#[tokio::test]
async fn what_amazons_sdk_has_signed_is_signed_again_when_it_is_masked() -> Result<()> {
    let policy = "apiVersion: interceptor.dev/v1alpha1\nkind: EgressPolicy\nmetadata: {name: lab}\nspec:\n  rules:\n    \
                  - name: mask\n      match: {direction: request, detectors: ['pii.*']}\n      action: redact\n  \
                  uncertain: {signedBody: resign}\n";
    let keys =
        json!({"name": "lab", "provider": "aws-bedrock", "accessKeyFile": "id", "secretKeyFile": "key"});
    let daemons = Credentials { id: "LABDAEMON".into(), secret: "ours".into(), token: None };
    let setup = Setup::default().policy(policy).spec(json!({"signing": {"credentials": [keys]}}));
    let setup = setup.before(|lab| {
        for (file, word) in [("id", "LABDAEMON"), ("key", "ours")] {
            lab.file(file, word).expect("the laboratory's folder can be written");
        }
    });
    let Some(stage) = staged(setup).await? else { return Ok(()) };
    // As the laboratory's applications are given them.
    let applications = Credentials { id: samples::aws_key_id(), secret: "nobody's".into(), token: None };
    let calls = CALLS.into_iter().filter(|(app, ..)| *app == App::Bedrock);
    for (number, (app, call, path)) in calls.enumerate() {
        let mut sdk = Sdk::start(&stage.lab, app)?;
        for (at, (prompt, signer)) in
            [("Good morning.", &applications), (&*format!("write to {}", samples::EMAIL), &daemons)]
                .into_iter()
                .enumerate()
        {
            stage.lab.provider.next(path, answer(call, &["Done."]));
            let said = sdk.whole(call, prompt).await?;
            assert_eq!(said.last().map(|last| &last["event"]), Some(&json!("done")), "{call}: {said:?}");
            let seen = stage.lab.provider.record().call(2 * number + at).await?;
            let body = String::from_utf8_lossy(&seen.body);
            assert!(!body.contains(samples::EMAIL), "{call}: {body}");
            signer.verify(&seen).with_context(|| format!("{call}: {prompt}"))?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_secret_raises_the_cloud_sdks_own_exception_and_is_not_tried_again() -> Result<()> {
    let Some(stage) = stage().await? else { return Ok(()) };
    let prompt = format!("deploy with {}", samples::github_token());
    for (number, (app, call, _)) in CALLS.into_iter().enumerate() {
        let error = refused(&stage, Sdk::start(&stage.lab, app)?, call, &prompt, number + 1).await?;
        let (class, code) = match app {
            App::Bedrock => ("AccessDeniedException", "AccessDeniedException"),
            _ => ("ClientError", "PERMISSION_DENIED"),
        };
        assert_eq!((&error["class"], &error["code"]), (&class.into(), &code.into()), "{call}: {error}");
        assert_eq!(error["status"], 403, "{call}: {error}");
        let place = match (app, call) {
            (App::Gemini, _) => "contents[0].parts[0].text",
            (_, "converse" | "converse_stream") => "messages[0].content[0].text",
            _ => "messages[0].content",
        };
        let message = error["message"].as_str().unwrap_or_default();
        for part in ["no-secrets-out", "secret.github_token", place] {
            assert!(message.contains(part), "{call}: {part} is not in {message}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_is_used_up_raises_the_cloud_sdks_own_exception_and_is_not_tried_again() -> Result<()> {
    let policy = "apiVersion: interceptor.dev/v1alpha1\nkind: EgressPolicy\nmetadata: {name: limits}\nspec:\n  limits:\n    \
                  - {name: nothing, tokens: 1, each: month}\n";
    let Some(stage) = staged(Setup::default().policy(policy)).await? else { return Ok(()) };
    let mut number = 0;
    for (app, call, _) in CALLS {
        // Amazon's SDKs have rules of their own for what is tried again, and an operator chooses among them.
        let modes: &[&str] = if app == App::Bedrock { &["legacy", "standard", "adaptive"] } else { &[""] };
        for mode in modes {
            number += 1;
            let sdk = Sdk::start_with(&stage.lab, app, &[("AWS_RETRY_MODE", mode)])?;
            let error = refused(&stage, sdk, call, "Good morning.", number).await?;
            let told = [&error["class"], &error["code"], &error["status"], &error["retries"]];
            let expected = match app {
                App::Bedrock => {
                    let name = "ServiceQuotaExceededException";
                    [name.into(), name.into(), 400.into(), 0.into()]
                }
                _ => ["ClientError".into(), "RESOURCE_EXHAUSTED".into(), 429.into(), Value::Null],
            };
            assert_eq!(told, expected.each_ref(), "{call} {mode}: {error}");
            let message = error["message"].as_str().unwrap_or_default();
            assert!(message.contains("egress limit") && message.contains("nothing"), "{message}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_stream_that_is_cut_off_raises_the_cloud_sdks_own_exception() -> Result<()> {
    let policy = "apiVersion: interceptor.dev/v1alpha1\nkind: EgressPolicy\nmetadata: {name: both}\nspec:\n  \
        rules:\n    - name: stop\n      match: {direction: both, detectors: ['secret.*']}\n      action: block\n";
    let Some(stage) = staged(Setup::default().policy(policy)).await? else { return Ok(()) };
    let secret = samples::github_token();
    for (app, call, path) in CALLS.into_iter().filter(|(_, call, _)| call.ends_with("_stream")) {
        stage.lab.provider.next(path, answer(call, &["it is ", &secret[..11], &secret[11..], ", keep it"]));
        let said = Sdk::start(&stage.lab, app)?.whole(call, "what is it?").await?;
        let text: String = said.iter().filter_map(|one| one["text"].as_str()).collect();
        assert!(text.starts_with("it is ") && !text.contains(&secret[11..]), "{call}: {said:?}");
        let error = said.last().cloned().unwrap_or_default();
        let class = if app == App::Bedrock { "EventStreamError" } else { "ClientError" };
        assert_eq!((&error["event"], &error["class"]), (&"error".into(), &class.into()), "{call}: {said:?}");
        assert!(error["message"].as_str().is_some_and(|text| text.contains("stop")), "{call}: {error}");
    }
    Ok(())
}

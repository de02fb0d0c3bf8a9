//! WebSockets through the daemon: inspected both ways, message by message, and ended in the provider's own words.

use anyhow::{Context as _, Result};
use interceptor_engine::websocket::{Agreement, Messages, Opcode, Sender, Unit, close, whole};
use interceptor_tests::provider::{Answer, Socket, accept_key};
use interceptor_tests::samples::{self, EMAIL};
use interceptor_tests::stage::{Setup, Stage};
use serde_json::{Value, json};

use super::{Secured, detectors};

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const MASK: Option<[u8; 4]> = Some([61, 7, 200, 33]);

const BOTH_WAYS: &str = "apiVersion: interceptor.dev/v1alpha1\nkind: EgressPolicy\nmetadata: {name: both}\nspec:\n  \
    rules:\n    - name: mask\n      match: {direction: both, detectors: ['pii.*']}\n      action: redact\n    \
    - name: stop\n      match: {direction: both, detectors: ['secret.*']}\n      action: block\n";

/// Opens a WebSocket; the provider's end and the application's.
async fn open(stage: &Stage, extensions: Option<&str>) -> Result<(Socket, Secured)> {
    let socket = stage.lab.provider.socket("/v1/realtime", extensions);
    let mut app = stage.openai().await?;
    let offer = extensions.map(|value| format!("Sec-WebSocket-Extensions: {value}\r\n")).unwrap_or_default();
    app.send(format!(
        "GET /v1/realtime?model=lab-1 HTTP/1.1\r\nHost: api.openai.com\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{offer}\r\n"
    ))
    .await?;
    let head = app.head().await?;
    assert_eq!(head.status, 101);
    assert_eq!(head.header("sec-websocket-accept"), Some(accept_key(KEY.as_bytes()).as_str()));
    assert_eq!(head.header("sec-websocket-extensions"), extensions);
    Ok((socket, app))
}

fn say(text: &str) -> Value {
    json!({"type": "conversation.item.create", "item": {"content": [{"type": "input_text", "text": text}]}})
}

fn frame(message: &Value, mask: Option<[u8; 4]>) -> Vec<u8> {
    whole(Opcode::Text, message.to_string().as_bytes(), mask).to_vec()
}

/// Reads messages until there are `count`, or the side is told goodbye: with which code.
async fn heard(
    app: &mut Secured,
    count: usize,
    extensions: Option<&str>,
) -> Result<(Vec<Value>, Option<u16>)> {
    let deflate = match Agreement::parse(extensions) {
        Agreement::Deflate(deflate) => Some(deflate),
        Agreement::Plain | Agreement::Unknown => None,
    };
    let mut messages = Messages::new(Sender::Server, deflate, 1 << 20);
    let mut found = Vec::new();
    while found.len() < count {
        messages.push(app.exactly(1).await?.into());
        match messages.next_unit()? {
            Some(Unit::Message(message)) => found.push(serde_json::from_slice(&message.payload)?),
            Some(Unit::Control(frame)) if frame.opcode == Opcode::Close => {
                let mut payload = Vec::new();
                frame.payload(&mut payload);
                let code = payload.first_chunk().context("a close frame without a code")?;
                return Ok((found, Some(u16::from_be_bytes(*code))));
            }
            Some(Unit::Control(_)) | None => {}
        }
    }
    Ok((found, None))
}

/// Waits until the provider has heard so many bytes.
async fn told(stage: &Stage, bytes: usize) -> Result<Vec<u8>> {
    let enough = |seen: &interceptor_tests::provider::Seen| seen.calls[0].body.len() >= bytes;
    Ok(stage.lab.provider.record().until("the application's messages", enough).await?.calls[0].body.clone())
}

#[tokio::test]
async fn messages_are_masked_both_ways_and_the_clean_ones_pass_as_they_are() -> Result<()> {
    let Some(stage) = Setup::default().policy(BOTH_WAYS).up().await? else { return Ok(()) };
    let (socket, mut app) = open(&stage, None).await?;
    let clean = frame(&say("hello"), MASK);
    app.send(&clean).await?;
    assert_eq!(told(&stage, clean.len()).await?, clean);
    app.send(frame(&say(&format!("I am {EMAIL}")), MASK)).await?;
    let wanted = [clean, frame(&say("I am [EMAIL]"), MASK)].concat();
    assert_eq!(told(&stage, wanted.len()).await?, wanted);
    // The other way, each message before the next is sent.
    let clean = frame(&say("welcome"), None);
    socket.send(clean.clone())?;
    assert_eq!(app.exactly(clean.len()).await?, clean);
    socket.send(frame(&say(&format!("write to {EMAIL}")), None))?;
    assert_eq!(heard(&mut app, 1, None).await?.0, [say("write to [EMAIL]")]);
    socket.send(close(1000, "", None))?;
    assert_eq!(heard(&mut app, 1, None).await?.1, Some(1000));
    app.send(close(1000, "", MASK)).await?;
    drop(socket);
    assert_eq!(app.end().await?.0, b"");
    drop(app);
    let event = stage.exchange("complete").await?;
    assert_eq!(event["inspection"]["operation"], "openai.realtime");
    assert_eq!(event["inspection"]["verdict"], "redact");
    assert_eq!(detectors(&event), ["pii.email", "pii.email"]);
    Ok(())
}

#[tokio::test]
async fn compressed_messages_are_read_and_what_is_clean_stays_compressed() -> Result<()> {
    const DEFLATE: &str = "permessage-deflate";
    let Some(stage) = Setup::default().policy(BOTH_WAYS).up().await? else { return Ok(()) };
    let (socket, mut app) = open(&stage, Some(DEFLATE)).await?;
    let mut compress = flate2::Compress::new(flate2::Compression::default(), false);
    let mut compressed = |message: &Value| -> Result<Vec<u8>> {
        let text = message.to_string();
        let mut out = Vec::with_capacity(text.len() + 1_024);
        compress.compress_vec(text.as_bytes(), &mut out, flate2::FlushCompress::Sync)?;
        out.truncate(out.len() - 4);
        let mut frame = whole(Opcode::Text, &out, None).to_vec();
        frame[0] |= 0x40;
        Ok(frame)
    };
    let clean = compressed(&say("welcome"))?;
    socket.send(clean.clone())?;
    assert_eq!(app.exactly(clean.len()).await?, clean);
    for text in [format!("write to {EMAIL}"), "welcome again".to_owned()] {
        socket.send(compressed(&say(&text))?)?;
        assert_eq!(heard(&mut app, 1, Some(DEFLATE)).await?.0, [say(&text.replace(EMAIL, "[EMAIL]"))]);
    }
    Ok(())
}

#[tokio::test]
async fn a_secret_ends_the_conversation_with_the_providers_own_error() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let (socket, mut app) = open(&stage, None).await?;
    app.send(frame(&say(&format!("it is {}", samples::github_token())), MASK)).await?;
    let (messages, code) = heard(&mut app, 2, None).await?;
    assert_eq!(messages[0]["type"], "error");
    assert_eq!(messages[0]["error"]["code"], "egress_policy_blocked");
    assert_eq!(code, Some(1008));
    assert_eq!(app.end().await?.0, b"");
    // The provider has heard nothing of it, and is hung up on.
    let ended = |seen: &interceptor_tests::provider::Seen| seen.calls[0].answer == Answer::Complete;
    let seen = stage.lab.provider.record().until("the end of the conversation", ended).await?;
    assert_eq!(seen.calls[0].body, b"");
    drop(socket);
    stage.exchange("blocked").await?;
    Ok(())
}

#[tokio::test]
async fn who_hangs_up_ends_it_for_the_other_side() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let (socket, app) = open(&stage, None).await?;
    drop(app);
    let ended = |seen: &interceptor_tests::provider::Seen| seen.calls[0].answer == Answer::Complete;
    stage.lab.provider.record().until("the application's leaving", ended).await?;
    drop(socket);
    stage.exchanges(1).await?;
    let (socket, mut app) = open(&stage, None).await?;
    drop(socket);
    assert_eq!(app.end().await?.0, b"");
    Ok(())
}

//! Slow and silent peers: each deadline ends what it should, says so, and nothing waits for longer.

use std::sync::Arc;

use anyhow::Result;
use interceptor_tests::client::Wire;
use interceptor_tests::lab::{OPENAI, host, https};
use interceptor_tests::provider::{Answer, Format, Script, Seen};
use interceptor_tests::stage::{Setup, Stage};
use interceptor_tests::{client, within};
use serde_json::json;

use super::{chat, chat_stream, post};

async fn with_limit(name: &str, value: &str) -> Result<Option<Stage>> {
    Setup::default().spec(json!({"limits": {name: value}})).up().await
}

#[tokio::test]
async fn a_head_that_drips_is_cut_off() -> Result<()> {
    let Some(stage) = with_limit("head", "50ms").await? else { return Ok(()) };
    let mut app = stage.openai().await?;
    app.send("POST /v1/chat/completions HTTP/1.1\r\nHost: api.op").await?;
    assert_eq!(app.answer().await?.head.status, 408);
    assert_eq!(stage.lab.provider.record().seen().calls.len(), 0);
    Ok(())
}

#[tokio::test]
async fn a_body_that_pauses_is_cut_off() -> Result<()> {
    let Some(stage) = with_limit("bodyPause", "50ms").await? else { return Ok(()) };
    let mut app = stage.openai().await?;
    let body = chat("hello");
    app.send(client::request(&post("/v1/chat/completions"), body.len()) + &body[..9]).await?;
    assert_eq!(app.answer().await?.head.status, 408);
    assert_eq!(stage.lab.provider.record().seen().calls.len(), 0);
    stage.exchange("limit").await?;
    Ok(())
}

#[tokio::test]
async fn a_connection_without_a_call_ends() -> Result<()> {
    let Some(stage) = with_limit("idle", "50ms").await? else { return Ok(()) };
    let stream = stage.handshake(https(host::SHARED), OPENAI, &["http/1.1"]).await??;
    let (rest, error) = Wire::new(stream).end().await?;
    assert!(rest.is_empty() && error.is_none(), "{rest:?} {error:?}");
    stage.connection("idle").await?;
    Ok(())
}

#[tokio::test]
async fn an_http2_connection_without_a_call_ends_even_if_its_client_never_begins() -> Result<()> {
    let Some(stage) = with_limit("idle", "50ms").await? else { return Ok(()) };
    let stream = stage.handshake(https(host::SHARED), OPENAI, &["h2"]).await??;
    Wire::new(stream).end().await?;
    stage.connection("idle").await?;
    Ok(())
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_given_up() -> Result<()> {
    let Some(stage) = with_limit("answerPause", "100ms").await? else { return Ok(()) };
    stage.lab.provider.next("/v1/chat/completions", Script::silence());
    let mut app = stage.openai().await?;
    let body = chat("are you there?");
    app.send(client::request(&post("/v1/chat/completions"), body.len()) + &body).await?;
    assert!(!app.end().await?.0.starts_with(b"HTTP/1.1 200"));
    let given_up = |seen: &Seen| seen.calls[0].answer == Answer::Dropped;
    stage.lab.provider.record().until("the call being given up", given_up).await?;
    stage.exchange("limit").await?;
    Ok(())
}

#[tokio::test]
async fn a_stream_that_stops_is_given_up() -> Result<()> {
    let Some(stage) = with_limit("answerPause", "100ms").await? else { return Ok(()) };
    let mut stream = stage.lab.provider.stream(Format::Chat);
    let mut app = stage.openai().await?;
    let body = chat_stream("go on");
    app.send(client::request(&post("/v1/chat/completions"), body.len()) + &body).await?;
    stream.token("once")?;
    let (rest, _) = app.end().await?;
    let rest = String::from_utf8_lossy(&rest).into_owned();
    assert!(rest.contains("once") && !rest.ends_with("0\r\n\r\n"), "{rest}");
    let given_up = |seen: &Seen| seen.calls[0].answer == Answer::Dropped;
    stage.lab.provider.record().until("the call being given up", given_up).await?;
    Ok(())
}

#[tokio::test]
async fn a_handshake_that_stops_is_ended() -> Result<()> {
    let Some(stage) = with_limit("handshake", "50ms").await? else { return Ok(()) };
    let config = stage.lab.client(&["http/1.1"])?;
    let mut tls = rustls::ClientConnection::new(Arc::clone(&config), OPENAI.try_into()?)?;
    let mut hello = Vec::new();
    tls.write_tls(&mut hello)?;
    let mut app = Wire::new(stage.dialer.connect(https(host::SHARED))??);
    app.send(hello).await?;
    // The server's flight comes, ours does not.
    let (flight, _) = app.end().await?;
    assert_eq!(flight.first(), Some(&22));
    stage.connection("client_handshake").await?;
    Ok(())
}

#[tokio::test]
async fn more_connections_than_allowed_are_reset_and_the_others_live() -> Result<()> {
    let setup = Setup::default().spec(json!({"limits": {"connections": 2, "inspected": 1}}));
    let Some(stage) = setup.up().await? else { return Ok(()) };
    let mut app = stage.openai().await?;
    app.call(&post("/v1/chat/completions"), chat("hello")).await?;
    let refused = stage.handshake(https(host::SHARED), OPENAI, &["http/1.1"]).await?;
    refused.expect_err("one inspected connection is enough");
    assert_eq!(stage.connection("refused").await?["reason"], "overload");
    assert_eq!(app.call(&post("/v1/chat/completions"), chat("hello")).await?.head.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_daemon_that_is_told_to_stop_lets_a_stream_finish() -> Result<()> {
    let Some(mut stage) = Stage::up().await? else { return Ok(()) };
    let mut stream = stage.lab.provider.stream(Format::Chat);
    let mut app = stage.openai().await?;
    let body = chat_stream("go on");
    app.send(client::request(&post("/v1/chat/completions"), body.len()) + &body).await?;
    stream.open()?;
    app.head().await?;
    stage.daemon.signal(nix::sys::signal::Signal::SIGTERM)?;
    for word in ["still ", "here"] {
        stream.token(word)?;
    }
    stream.close()?;
    let mut got = Vec::new();
    while let Some(chunk) = app.chunk(&mut Vec::new()).await? {
        got.extend(chunk);
    }
    assert!(String::from_utf8_lossy(&got).ends_with("data: [DONE]\n\n"));
    drop(app);
    assert_eq!(within("the end", stage.daemon.ended()).await??.code(), Some(0));
    Ok(())
}

#[tokio::test]
async fn a_daemon_that_is_told_to_stop_serves_whoever_has_just_connected() -> Result<()> {
    let Some(mut stage) = Stage::up().await? else { return Ok(()) };
    let mut app = stage.openai().await?;
    stage.daemon.signal(nix::sys::signal::Signal::SIGTERM)?;
    stage.daemon.logged("that it stops", |log| log.contains("stopping: connections may finish")).await?;
    let answer = app.call(&post("/v1/chat/completions"), chat("hello")).await?;
    assert_eq!((answer.head.status, answer.head.header("connection")), (200, Some("close")));
    let (rest, error) = app.end().await?;
    assert!(rest.is_empty() && error.is_none(), "{rest:?} {error:?}");
    assert_eq!(within("the end", stage.daemon.ended()).await??.code(), Some(0));
    Ok(())
}

//! A connection that waits for its next exchange gives its buffers back, and nobody notices.

use anyhow::{Result, ensure};
use interceptor_tests::stage::{Setup, Stage};
use interceptor_tests::within;
use serde_json::json;

use super::{chat, post};

/// Connections go to rest as soon as they may.
async fn restless() -> Result<Option<Stage>> {
    Setup::default().spec(json!({"limits": {"rest": "1ms"}})).up().await
}

/// Waits until so many connections rest, as the metrics tell.
async fn resting(stage: &Stage, count: usize) -> Result<()> {
    let line = format!("interceptor_connections_resting {count}");
    let wait = async {
        while !stage.metrics().await?.lines().any(|found| found == line) {}
        anyhow::Ok(())
    };
    within("connections at rest", wait).await?
}

#[tokio::test]
async fn a_connection_at_rest_serves_its_next_call() -> Result<()> {
    let Some(stage) = restless().await? else { return Ok(()) };
    let mut app = stage.openai().await?;
    for _ in 0..3 {
        assert_eq!(app.call(&post("/v1/chat/completions"), chat("hello")).await?.head.status, 200);
        resting(&stage, 1).await?;
    }
    drop(app);
    resting(&stage, 0).await?;
    let events = stage.exchanges(3).await?;
    ensure!(events.iter().all(|event| event["connection"] == events[0]["connection"]), "{events:?}");
    Ok(())
}

#[tokio::test]
async fn a_call_that_wakes_a_connection_byte_by_byte_is_read_whole() -> Result<()> {
    let Some(stage) = restless().await? else { return Ok(()) };
    let mut app = stage.openai().await?;
    // Before its first call, too.
    resting(&stage, 1).await?;
    let body = chat("a call in pieces");
    let call = interceptor_tests::client::request(&post("/v1/chat/completions"), body.len()) + &body;
    let (first, rest) = call.split_at(1);
    app.send(first).await?;
    resting(&stage, 0).await?;
    for byte in rest.as_bytes() {
        app.send([*byte]).await?;
    }
    assert_eq!(app.answer().await?.head.status, 200);
    let seen = stage.lab.provider.record().seen();
    assert_eq!(seen.calls.len(), 1);
    assert_eq!(seen.calls[0].body, body.as_bytes());
    Ok(())
}

#[tokio::test]
async fn an_answer_under_way_is_no_rest() -> Result<()> {
    let Some(stage) = restless().await? else { return Ok(()) };
    let mut app = stage.openai().await?;
    // Two calls at once: the second is read while the first is answered, and must not be forgotten.
    let body = chat("one of two");
    let call = interceptor_tests::client::request(&post("/v1/chat/completions"), body.len()) + &body;
    app.send(call.repeat(2)).await?;
    for _ in 0..2 {
        assert_eq!(app.answer().await?.head.status, 200);
    }
    resting(&stage, 1).await?;
    Ok(())
}

#[tokio::test]
async fn a_daemon_that_stops_ends_connections_at_rest() -> Result<()> {
    let Some(stage) = restless().await? else { return Ok(()) };
    let mut app = stage.openai().await?;
    assert_eq!(app.call(&post("/v1/chat/completions"), chat("hello")).await?.head.status, 200);
    resting(&stage, 1).await?;
    let Stage { daemon, dialer: _dialer, lab: _lab } = stage;
    ensure!(daemon.stop().await?.success(), "the daemon stops");
    let (rest, error) = app.end().await?;
    ensure!(rest.is_empty() && error.is_none(), "{} bytes, {error:?}", rest.len());
    Ok(())
}

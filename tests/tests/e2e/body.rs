//! Bodies that are not what they should be: broken JSON, too large, compressed, a bomb.

use std::io::{Read as _, Write as _};

use anyhow::Result;
use interceptor_tests::client;
use interceptor_tests::provider::gzip;
use interceptor_tests::samples::{self, EMAIL};
use interceptor_tests::stage::{Setup, Stage};
use serde_json::json;

use super::{chat, detectors, post};

#[tokio::test]
async fn invalid_json_is_scanned_raw_and_forwarded_unchanged_if_clean() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let mut app = stage.openai().await?;
    let clean = "{\"messages\":[{\"role\":\"user\",\"content\":\"hello\"";
    assert_eq!(app.call(&post("/v1/chat/completions"), clean).await?.head.status, 200);
    assert_eq!(stage.lab.provider.record().call(0).await?.body, clean.as_bytes());
    let event = stage.exchange("complete").await?;
    assert!(event["inspection"]["doubts"].to_string().to_lowercase().contains("json"), "{event}");
    let dirty = format!("{clean} {}", samples::github_token());
    assert_eq!(app.call(&post("/v1/chat/completions"), dirty).await?.head.status, 403);
    assert_eq!(stage.lab.provider.record().seen().calls.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_path_that_nobody_knows_is_scanned_too() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let mut app = stage.openai().await?;
    let body = json!({"anything": samples::github_token()}).to_string();
    assert_eq!(app.call(&post("/v9/unheard/of"), body).await?.head.status, 403);
    assert_eq!(detectors(&stage.exchange("blocked").await?), ["secret.github_token"]);
    assert_eq!(app.call(&post("/echo"), "{\"x\":1}").await?.text(), "{\"x\":1}");
    Ok(())
}

#[tokio::test]
async fn a_body_above_the_limit_is_refused_by_the_built_in_policy() -> Result<()> {
    let setup = Setup::default().spec(json!({"limits": {"heldBody": "64KiB"}}));
    let Some(stage) = setup.up().await? else { return Ok(()) };
    let body = chat(&"lorem ipsum ".repeat(500_000));
    let head = post("/v1/chat/completions");
    // Chunked, nobody knows the length before it is too much.
    let chunked = format!("{head}\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n", body.len());
    for head in [client::request(&head, body.len()), chunked] {
        let mut app = stage.openai().await?;
        app.send(&head).await?;
        // The refusal comes in the middle of the body. Whether or not the rest can still be sent, it can be read.
        let _ = app.send(&body).await;
        let answer = app.answer().await?;
        assert_eq!((answer.head.status, answer.head.header("x-should-retry")), (413, Some("false")));
        assert!(answer.text().contains("larger"), "{}", answer.text());
    }
    let seen = stage.lab.provider.record().seen();
    assert_eq!(seen.calls.iter().filter(|c| c.whole == Some(true)).count(), 0);
    stage.exchange("blocked").await?;
    Ok(())
}

#[tokio::test]
async fn a_body_above_the_limit_passes_whole_where_policy_says_so() -> Result<()> {
    let policy = "apiVersion: interceptor.dev/v1alpha1\nkind: EgressPolicy\nmetadata: {name: p}\nspec:\n  \
        rules:\n    - name: stop\n      match: {direction: request, detectors: ['secret.*']}\n      \
        action: block\n  uncertain:\n    oversizedBody: audit\n";
    let setup = Setup::default().policy(policy).spec(json!({"limits": {"heldBody": "64KiB"}}));
    let Some(stage) = setup.up().await? else { return Ok(()) };
    let body = chat(&"lorem ipsum ".repeat(10_000));
    let answer = stage.openai().await?.call(&post("/v1/chat/completions"), &body).await?;
    assert_eq!(answer.head.status, 200);
    assert!(stage.lab.provider.record().call(0).await?.body == body.as_bytes());
    let doubts = stage.exchange("complete").await?["inspection"]["doubts"].to_string();
    assert!(doubts.to_lowercase().contains("oversized"), "{doubts}");
    Ok(())
}

#[tokio::test]
async fn a_compressed_request_is_scanned() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let head = format!("{}\r\nContent-Encoding: gzip", post("/v1/chat/completions"));
    let mut app = stage.openai().await?;
    let clean = gzip(chat("hello").as_bytes());
    assert_eq!(app.call(&head, &clean).await?.head.status, 200);
    assert_eq!(stage.lab.provider.record().call(0).await?.body, clean);
    let secret = gzip(chat(&samples::github_token()).as_bytes());
    assert_eq!(app.call(&head, secret).await?.head.status, 403);
    assert_eq!(stage.lab.provider.record().seen().calls.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_compressed_request_is_masked() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let head = format!("{}\r\nContent-Encoding: gzip", post("/v1/chat/completions"));
    let body = chat(&format!("mail {EMAIL}"));
    let answer = stage.openai().await?.call(&head, gzip(body.as_bytes())).await?;
    assert_eq!(answer.head.status, 200);
    let call = stage.lab.provider.record().call(0).await?;
    // Packed again or not: the head says which, and the length fits.
    let arrived = if call.header("content-encoding") == Some("gzip") {
        let mut text = String::new();
        flate2::read::GzDecoder::new(&call.body[..]).read_to_string(&mut text)?;
        text
    } else {
        assert_eq!(call.header("content-encoding"), None);
        String::from_utf8(call.body.clone())?
    };
    assert_eq!(arrived, body.replace(EMAIL, "[EMAIL]"));
    assert_eq!(call.header("content-length"), Some(call.body.len().to_string().as_str()));
    Ok(())
}

#[tokio::test]
async fn a_bomb_is_cut_off_early() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..256 {
        bomb.write_all(&[b' '; 1 << 20])?;
    }
    let bomb = bomb.finish()?;
    assert!(bomb.len() < 1 << 20, "256 MiB in {} bytes", bomb.len());
    let head = format!("{}\r\nContent-Encoding: gzip", post("/v1/chat/completions"));
    let answer = stage.openai().await?.call(&head, bomb).await?;
    assert_eq!((answer.head.status, answer.head.header("x-should-retry")), (413, Some("false")));
    assert!(answer.text().contains("limits when it is decoded"), "{}", answer.text());
    let event = stage.exchange("blocked").await?;
    assert!(event["inspected_us"].as_u64() < Some(2_000_000), "{event}");
    assert_eq!(stage.lab.provider.record().seen().calls.len(), 0);
    Ok(())
}

#[tokio::test]
async fn a_broken_or_unknown_coding_is_refused() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    for (coding, body) in [("gzip", b"no gzip at all".to_vec()), ("x-unheard-of", chat("hello").into_bytes())]
    {
        let head = format!("{}\r\nContent-Encoding: {coding}", post("/v1/chat/completions"));
        let answer = stage.openai().await?.call(&head, body).await?;
        assert_eq!(
            (answer.head.status, answer.head.header("x-should-retry")),
            (403, Some("false")),
            "{coding}"
        );
    }
    assert_eq!(stage.lab.provider.record().seen().calls.len(), 0);
    Ok(())
}

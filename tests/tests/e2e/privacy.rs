//! Nothing that a peer said reaches what the daemon writes: neither log, audit trail, metrics nor standard output,
//! at the most talkative log level, on the ordinary way and on every way that ends badly.

use anyhow::Result;
use interceptor_tests::client;
use interceptor_tests::lab::{ANTHROPIC, OPENAI, host, https};
use interceptor_tests::provider::{Script, gzip};
use interceptor_tests::samples::{self, CARD, EMAIL, IBAN};
use interceptor_tests::stage::Stage;
use serde_json::json;

use super::{chat, chat_stream, post};

/// A word that appears in payload and nowhere else.
fn marker(number: usize) -> String {
    format!("quokka{number}zeppelin")
}

#[tokio::test]
async fn nothing_of_the_payload_is_written_anywhere() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let secrets =
        [samples::github_token(), samples::aws_key_id(), samples::openai_key(), samples::anthropic_key()];
    ordinary(&stage, &secrets).await?;
    strange(&stage, &secrets).await?;
    broken(&stage).await?;
    // The last call is told of, so all before it are.
    let done = |e: &serde_json::Value| e["event"] == "exchange" && e["inspection"]["model"] == "last-one";
    let last = json!({"model": "last-one", "messages": []}).to_string();
    assert_eq!(stage.openai().await?.call(&post("/v1/chat/completions"), last).await?.head.status, 200);
    stage.daemon.audited("the last call", done).await?;

    let metrics = stage.metrics().await?;
    assert!(metrics.contains("interceptor"), "{metrics}");
    let audit = stage.daemon.audit_file();
    let (daemon, lab) = (stage.daemon, stage.lab);
    daemon.signal(nix::sys::signal::Signal::SIGTERM)?;
    let mut daemon = daemon;
    daemon.ended().await?;
    let mut places =
        vec![("output", daemon.written()), ("audit", std::fs::read_to_string(audit)?), ("metrics", metrics)];
    for entry in std::fs::read_dir(lab.folder().join("state")).into_iter().flatten() {
        places.push(("state", String::from_utf8_lossy(&std::fs::read(entry?.path())?).into_owned()));
    }
    assert!(places[0].1.len() > 100, "the daemon has said something");
    let mut forbidden: Vec<String> = (0..40).map(marker).collect();
    forbidden.extend(secrets);
    forbidden.extend([EMAIL, CARD, IBAN].map(str::to_owned));
    // Parts of a secret are no better.
    forbidden.extend([&samples::github_token()[4..20], &samples::openai_key()[8..28]].map(str::to_owned));
    for (place, text) in places {
        for word in &forbidden {
            if let Some(line) = text.lines().find(|line| line.contains(word.as_str())) {
                panic!("{word:?} is in the {place}: {line}");
            }
        }
    }
    Ok(())
}

/// Prompts, answers, keys, in every format and direction.
async fn ordinary(stage: &Stage, secrets: &[String]) -> Result<()> {
    let key = format!("Authorization: Bearer {}", samples::openai_key());
    let head = format!(
        "{}\r\n{key}\r\nCookie: s={}\r\nX-Custom: {}",
        post("/v1/chat/completions"),
        marker(0),
        marker(1)
    );
    let mut app = stage.openai().await?;
    for secret in secrets {
        app.call(&head, chat(&format!("{} {secret} {}", marker(2), marker(3)))).await?;
    }
    app.call(&head, chat(&format!("{} {EMAIL} {CARD} {IBAN}", marker(4)))).await?;
    let answer = [marker(5), EMAIL.to_owned(), samples::aws_key_id(), "sk-etched".to_owned()];
    for body in [chat(&marker(6)), chat_stream(&marker(6))] {
        let script = Script::tokens(answer.iter().map(String::as_str));
        stage.lab.provider.next("/v1/chat/completions", script.header("set-cookie", &marker(7)));
        assert_eq!(app.call(&head, body).await?.head.status, 200);
    }
    let mut claude = stage.http1(host::SHARED, ANTHROPIC).await?;
    let body = json!({"model": "lab-1", "max_tokens": 9, "system": marker(8), "metadata": {"user_id": marker(9)},
        "messages": [{"role": "user", "content": [{"type": "text", "text": samples::github_token()}]}]});
    let head = format!(
        "POST /v1/messages HTTP/1.1\r\nhost: {ANTHROPIC}\r\ncontent-type: application/json\r\nx-api-key: {}",
        samples::anthropic_key()
    );
    assert_eq!(claude.call(&head, body.to_string()).await?.head.status, 403);
    let mut h2 = stage.http2(host::SHARED, OPENAI).await?;
    h2.post("/v1/chat/completions", chat(&format!("{} {}", marker(10), samples::github_token()))).await?;
    Ok(())
}

/// Payload where names and places are expected.
async fn strange(stage: &Stage, secrets: &[String]) -> Result<()> {
    let mut app = stage.openai().await?;
    for secret in secrets {
        let bodies = [
            json!({"model": secret, "messages": []}),
            json!({"model": format!("a prompt, {}", marker(11)), "messages": [{"role": secret, "content": "x"}]}),
            json!({"model": "lab-1", "metadata": {secret.as_str(): "x"}}),
            json!({"model": "lab-1", "metadata": {"x": {marker(12): {"y": secret}}}}),
            json!({marker(13): secret, secret.as_str(): 1}),
        ];
        for body in bodies {
            app.call(&post("/v1/chat/completions"), body.to_string()).await?;
        }
        app.call(&post(&format!("/v1/{}/{secret}?key={secret}&q={}", marker(14), marker(15))), "{}").await?;
    }
    app.call(&post("/v1/chat/completions"), format!("{{\"{} {}", marker(16), samples::github_token()))
        .await?;
    let zipped = format!("{}\r\nContent-Encoding: gzip", post("/v1/chat/completions"));
    app.call(&zipped, gzip(chat(&format!("{} {}", marker(17), samples::github_token())).as_bytes())).await?;
    app.call(&format!("{}\r\nContent-Encoding: {}", post("/v1/chat/completions"), marker(18)), "{}").await?;
    let script = Script::sized(format!("{} {EMAIL}", marker(19))).header("content-type", "application/json");
    stage.lab.provider.next("/v1/models", script.header("x-request-id", &marker(20)));
    app.send("GET /v1/models HTTP/1.1\r\nhost: api.openai.com\r\n\r\n").await?;
    app.answer().await?;
    Ok(())
}

/// Ways that end badly, each with payload in hand.
async fn broken(stage: &Stage) -> Result<()> {
    for request in [
        format!("POST /{} HTTP/1.1\r\nHost: api.openai.com\r\n{}: a\r\n b\r\n\r\n", marker(21), marker(22)),
        format!("GET / HTTP/1.1\r\nHost: {}.example.com\r\n\r\n", "fronted"),
        format!("GET / HTTP/1.1\r\nHost: {} {}\r\n\r\n", marker(23), marker(24)),
        format!("{} {}\r\n\r\n", marker(25), marker(26)),
        format!("GET /{} HTTP/1.1\r\nHost: api.openai.com\r\nX: {}\nY: 1\r\n\r\n", marker(27), marker(28)),
    ] {
        let mut app = stage.openai().await?;
        app.send(request).await?;
        app.finish().await?;
        app.end().await?;
    }
    stage.lab.provider.next("/v1/chat/completions", Script::hangup());
    let mut app = stage.openai().await?;
    let body = chat(&marker(29));
    app.send(client::request(&post("/v1/chat/completions"), body.len()) + &body).await?;
    app.end().await?;
    // Not TLS, a hello that breaks off, an application that leaves in the middle of its body.
    let mut plain = client::Wire::new(stage.dialer.connect(https(host::CLOSED))??);
    plain.send(format!("{}\r\n", marker(30))).await?;
    plain.end().await?;
    let mut broken = client::Wire::new(stage.dialer.connect(https(host::SHARED))??);
    broken
        .send([&[22, 3, 1, 0, 40, 1, 0, 0, 36][..], marker(31).as_bytes(), marker(32).as_bytes()].concat())
        .await?;
    broken.end().await?;
    let mut leaving = stage.openai().await?;
    leaving.send(client::request(&post("/v1/chat/completions"), 500) + &chat(&marker(33))).await?;
    drop(leaving);
    Ok(())
}

//! HTTP as it is spoken: both versions, kept and reused connections, interim answers, trailers, upgrades.

use anyhow::{Context as _, Result};
use http_body_util::Full;
use hyper::HeaderMap;
use hyper::header::HeaderValue;
use interceptor_tests::client::{self, Wire};
use interceptor_tests::lab::{OPENAI, STATIC, host, https};
use interceptor_tests::provider::{Script, Site, gzip, pattern};
use interceptor_tests::stage::{Setup, Stage};
use interceptor_tests::within;
use serde_json::json;
use tokio_rustls::TlsAcceptor;

use super::{chat, post};

#[tokio::test]
async fn the_protocol_is_the_one_that_the_provider_chose() -> Result<()> {
    for (to, offered, chosen) in [
        (host::SHARED, &["h2", "http/1.1"][..], Some("h2")),
        (host::SHARED, &["http/1.1"], Some("http/1.1")),
        (host::SHARED, &[], None),
        (host::HTTP1, &["h2", "http/1.1"], Some("http/1.1")),
        (host::HTTP1, &["http/1.1"], Some("http/1.1")),
    ] {
        // A daemon of its own for each: a warm connection to the same name would decide instead.
        let Some(stage) = Stage::up().await? else { return Ok(()) };
        let stream = stage.handshake(https(to), OPENAI, offered).await?.context("handshake")?;
        assert_eq!(stream.get_ref().1.alpn_protocol(), chosen.map(str::as_bytes), "{offered:?}");
    }
    Ok(())
}

#[tokio::test]
async fn one_connection_serves_many_calls_and_the_next_one_finds_the_provider_warm() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    for _ in 0..3 {
        let mut app = stage.openai().await?;
        for _ in 0..3 {
            assert_eq!(app.call(&post("/v1/chat/completions"), chat("hello")).await?.head.status, 200);
        }
    }
    let seen = stage.lab.provider.record().seen();
    assert_eq!((seen.calls.len(), seen.connections.len()), (9, 1));
    // The first finds the connection that was opened to learn the provider's protocol.
    let events = stage.exchanges(9).await?;
    let reused = events.iter().filter(|e| e["upstream_reused"] == true).count();
    assert!(reused >= 8, "{reused} of 9");
    Ok(())
}

#[tokio::test]
async fn a_provider_that_closed_a_kept_connection_is_called_again_on_a_new_one() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let mut app = stage.openai().await?;
    let script = Script::sized("{}").header("content-type", "application/json").header("connection", "close");
    stage.lab.provider.next("/v1/models", script);
    for _ in 0..2 {
        app.send("GET /v1/models HTTP/1.1\r\nhost: api.openai.com\r\n\r\n").await?;
        assert_eq!(app.answer().await?.head.status, 200);
    }
    assert_eq!(stage.lab.provider.record().seen().connections.len(), 2);
    Ok(())
}

#[tokio::test]
async fn many_streams_share_one_connection_on_http2() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let app = stage.http2(host::SHARED, OPENAI).await?;
    let calls = (0..20).map(|i| {
        let mut app = app.clone();
        tokio::spawn(async move { app.post("/v1/chat/completions", chat(&format!("call {i}"))).await })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(within("a call", call).await???.0, 200);
    }
    let seen = stage.lab.provider.record().seen();
    assert_eq!(seen.calls.len(), 20);
    assert!(seen.connections.len() <= 2, "{} upstream connections", seen.connections.len());
    Ok(())
}

#[tokio::test]
async fn a_client_that_waits_for_100_continue_is_told_to_go_on() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let mut app = stage.openai().await?;
    let body = chat("hello");
    app.send(client::request(
        &format!("{}\r\nExpect: 100-continue", post("/v1/chat/completions")),
        body.len(),
    ))
    .await?;
    assert_eq!(app.head().await?.status, 100);
    app.send(&body).await?;
    assert_eq!(app.answer().await?.head.status, 200);
    assert_eq!(stage.lab.provider.record().call(0).await?.body, body.as_bytes());
    Ok(())
}

#[tokio::test]
async fn trailers_pass_in_both_directions() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let mut trailers = HeaderMap::new();
    trailers.insert("x-answer-sum", HeaderValue::from_static("42"));
    let chunks = vec![bytes::Bytes::from_static(b"{\"a\":"), bytes::Bytes::from_static(b"1}")];
    let script = Script::chunked(chunks, Some(trailers)).header("content-type", "application/json");
    stage.lab.provider.next("/v1/chat/completions", script.header("trailer", "x-answer-sum"));
    let mut app = stage.openai().await?;
    let body = chat("hello");
    app.send(format!(
        "{}\r\nTE: trailers\r\nTrailer: X-Request-Sum\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\
         X-Request-Sum: 7\r\n\r\n",
        post("/v1/chat/completions"),
        body.len()
    ))
    .await?;
    let answer = app.answer().await?;
    assert_eq!(
        (answer.text().as_str(), answer.trailers.as_slice()),
        ("{\"a\":1}", &[("x-answer-sum".to_owned(), "42".to_owned())][..])
    );
    let call = stage.lab.provider.record().call(0).await?;
    assert_eq!(call.trailers, [("x-request-sum".to_owned(), "7".to_owned())]);
    Ok(())
}

#[tokio::test]
async fn large_bodies_pass_whole_sized_and_chunked() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let mut app = stage.openai().await?;
    for path in ["/bytes/3000000", "/chunked/3000000"] {
        app.send(format!("GET {path} HTTP/1.1\r\nhost: api.openai.com\r\n\r\n")).await?;
        let answer = app.answer().await?;
        assert_eq!(answer.head.header("content-length").is_some(), path.starts_with("/bytes"));
        assert!(answer.body == pattern(3_000_000), "{path} changed on its way");
    }
    let body =
        json!({"model": "lab-1", "messages": [{"role": "user", "content": "lorem ipsum ".repeat(200_000)}]});
    let body = body.to_string();
    assert_eq!(app.call(&post("/v1/chat/completions"), &body).await?.head.status, 200);
    assert!(stage.lab.provider.record().call(2).await?.body == body.as_bytes());
    Ok(())
}

#[tokio::test]
async fn an_answer_with_nothing_to_change_keeps_its_bytes_and_head() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let mut bare = stage.lab.bare()?;
    let acceptor = TlsAcceptor::from(Site::new(&[OPENAI]).alpn(&["http/1.1"]).tls(&stage.lab.pki)?);
    let answer = "HTTP/1.1 200 OK\r\nDate: Mon, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: application/json\r\n\
        X-Request-ID: abc\r\nopenai-processing-ms: 12\r\nx-should-retry: true\r\nSet-Cookie: a=1\r\n\
        Set-Cookie: b=2\r\nContent-Length: 17\r\n\r\n{\"id\" : \"\\u0041\"}";
    let body = chat("hello");
    let origin = async {
        let mut origin = Wire::new(within("a handshake", acceptor.accept(bare.accept().await?)).await??);
        origin.head_of_request().await?;
        origin.exactly(body.len()).await?;
        origin.send(answer).await?;
        anyhow::Ok(origin)
    };
    let app = async {
        let mut app = stage.http1(host::BARE, OPENAI).await?;
        app.send(client::request(&post("/v1/chat/completions"), body.len()) + &body).await?;
        app.exactly(answer.len()).await
    };
    let (origin, got) = tokio::join!(origin, app);
    origin?;
    assert_eq!(String::from_utf8_lossy(&got?), answer);
    Ok(())
}

#[tokio::test]
async fn a_compressed_answer_that_no_rule_changes_stays_compressed() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let mut app = stage.openai().await?;
    let text = interceptor_tests::provider::Format::Chat.whole("hello").to_string();
    let packed = gzip(text.as_bytes());
    let script = Script::sized(packed.clone()).header("content-type", "application/json");
    stage.lab.provider.next("/v1/chat/completions", script.header("content-encoding", "gzip"));
    let head = format!("{}\r\nAccept-Encoding: gzip", post("/v1/chat/completions"));
    let answer = app.call(&head, chat("hello")).await?;
    assert_eq!(answer.head.header("content-encoding"), Some("gzip"));
    assert_eq!(answer.body, packed);
    Ok(())
}

#[tokio::test]
async fn answers_without_a_body_have_none() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let mut app = stage.openai().await?;
    stage.lab.provider.next("/v1/models", Script::sized("").status(hyper::StatusCode::NO_CONTENT));
    app.send("GET /v1/models HTTP/1.1\r\nhost: api.openai.com\r\n\r\n").await?;
    assert_eq!(app.answer().await?.head.status, 204);
    app.send("HEAD /bytes/100 HTTP/1.1\r\nhost: api.openai.com\r\n\r\n").await?;
    let head = app.head().await?;
    assert_eq!((head.status, head.header("content-length")), (200, Some("100")));
    // The connection is in step: the next answer is the next request's.
    app.send("GET /bytes/3 HTTP/1.1\r\nhost: api.openai.com\r\n\r\n").await?;
    assert_eq!(app.answer().await?.body, pattern(3));
    Ok(())
}

#[tokio::test]
async fn a_provider_that_hangs_up_is_called_once_and_the_application_sees_it() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    stage.lab.provider.next("/v1/chat/completions", Script::hangup());
    let mut app = stage.openai().await?;
    let body = chat("hello");
    app.send(client::request(&post("/v1/chat/completions"), body.len()) + &body).await?;
    let (rest, _) = app.end().await?;
    assert_eq!(String::from_utf8_lossy(&rest), "");
    // It may have been acted upon: whether to try again is the application's to decide.
    assert_eq!(stage.lab.provider.record().seen().calls.len(), 1);
    stage.exchange("origin_failed").await?;
    Ok(())
}

#[tokio::test]
async fn another_protocol_passes_and_is_counted_as_not_inspected() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let mut app = stage.openai().await?;
    app.send(
        "GET /v1/realtime?model=lab-1 HTTP/1.1\r\nHost: api.openai.com\r\nConnection: Upgrade\r\n\
         Upgrade: laboratory\r\n\r\n",
    )
    .await?;
    assert_eq!(app.head().await?.status, 101);
    app.send("any bytes").await?;
    assert_eq!(app.exactly(9).await?, b"any bytes");
    drop(app);
    let event = stage.exchange("upgraded").await?;
    assert_eq!(event["status"], 101);
    let doubts = event["inspection"]["doubts"].to_string();
    assert!(doubts.contains("not_inspected") || doubts.contains("notInspected"), "{event}");
    Ok(())
}

#[tokio::test]
async fn another_protocol_is_refused_where_policy_says_so() -> Result<()> {
    let policy = "apiVersion: interceptor.dev/v1alpha1\nkind: EgressPolicy\nmetadata: {name: p}\nspec:\n  \
        rules: []\n  uncertain:\n    notInspected: block\n";
    let Some(stage) = Setup::default().policy(policy).up().await? else { return Ok(()) };
    let mut app = stage.openai().await?;
    app.send(
        "GET /v1/realtime HTTP/1.1\r\nHost: api.openai.com\r\nConnection: Upgrade\r\nUpgrade: laboratory\r\n\r\n",
    )
    .await?;
    let answer = app.answer().await?;
    assert_eq!((answer.head.status, answer.head.header("x-should-retry")), (403, Some("false")));
    assert_eq!(stage.lab.provider.record().seen().calls.len(), 0);
    Ok(())
}

#[tokio::test]
async fn advice_to_leave_tcp_is_not_passed_on() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let script = Script::sized("{}").header("alt-svc", "h3=\":443\"; ma=86400");
    stage.lab.provider.next("/v1/models", script);
    let mut app = stage.openai().await?;
    app.send("GET /v1/models HTTP/1.1\r\nhost: api.openai.com\r\n\r\n").await?;
    assert_eq!(app.answer().await?.head.header("alt-svc"), None);
    Ok(())
}

#[tokio::test]
async fn case_26_a_request_for_another_host_than_its_connection_is_sent_elsewhere() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let mut app = stage.openai().await?;
    app.send("GET /v1/models HTTP/1.1\r\nhost: api.anthropic.com\r\n\r\n").await?;
    assert_eq!(app.answer().await?.head.status, 421);
    assert_eq!(stage.lab.provider.record().seen().calls.len(), 0);
    stage.exchange("bad_request").await?;
    Ok(())
}

#[tokio::test]
async fn case_28_a_connection_is_not_shared_with_a_name_that_it_was_not_opened_for() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let mut app = stage.http2(host::SHARED, OPENAI).await?;
    // Another name at the same address, of a provider and of somebody else: a browser may reuse the connection if the
    // certificate has the name too, and 421 tells it to open one of its own.
    for (name, status) in [("api.anthropic.com", 421), (STATIC, 421), (OPENAI, 200)] {
        let request = hyper::Request::get(format!("https://{name}/v1/models"));
        let answer = app.send(request.body(Full::default())?).await?;
        assert_eq!(answer.status(), status, "{name}");
    }
    assert_eq!(stage.lab.provider.record().seen().calls.len(), 1);
    Ok(())
}

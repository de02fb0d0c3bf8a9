//! The first bytes of a connection, ordinary and not: split, broken, nameless, no TLS at all; and the application
//! that does not trust us.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use anyhow::{Context as _, Result};
use interceptor_tests::client::{self, Wire};
use interceptor_tests::lab::{OPENAI, STATIC, host, https};
use interceptor_tests::stage::{Setup, Stage};
use interceptor_tests::within;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsConnector;

use super::{chat, post};

#[tokio::test]
async fn a_broken_hello_is_ended_and_the_provider_never_called() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    // A handshake record, and in it a ClientHello whose session id is longer than it may be.
    let body = [&[3, 3][..], &[7; 32], &[200], &[0; 64]].concat();
    let length = u8::try_from(body.len())?;
    let broken = [&[22, 3, 1, 0, length + 4, 1, 0, 0, length][..], &body].concat();
    let mut app = Wire::new(stage.dialer.connect(https(host::SHARED))??);
    app.send(&broken).await?;
    let (rest, _) = app.end().await?;
    // Nothing, or a TLS alert: never the origin's words.
    assert!(rest.is_empty() || rest[0] == 21, "{rest:?}");
    let event = stage.connection("refused").await?;
    assert_eq!(event["reason"], "malformed_hello");
    assert_eq!(stage.lab.provider.record().seen().connections.len(), 0);
    Ok(())
}

#[tokio::test]
async fn case_25_a_hello_without_a_name_passes() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let mut config = Arc::unwrap_or_clone(client::trusting(&stage.lab.pki.root_pem(), &["http/1.1"])?);
    config.enable_sni = false;
    let stream = stage.dialer.connect(https(host::SHARED))??;
    let mut app = Wire::new(client::handshake(stream, STATIC, &Arc::new(config)).await??);
    app.send("GET / HTTP/1.1\r\nhost: static.example.net\r\n\r\n").await?;
    assert_eq!(app.answer().await?.text(), "the origin itself\n");
    assert_eq!(stage.lab.provider.record().seen().connections[0].server_name, None);
    drop(app);
    assert_eq!(stage.connection("closed").await?["reason"], "no_name");
    Ok(())
}

#[tokio::test]
async fn plain_http_on_the_port_passes() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let mut bare = stage.lab.bare()?;
    let mut app = Wire::new(stage.dialer.connect(https(host::BARE))??);
    let request = "GET / HTTP/1.1\r\nHost: api.openai.com\r\n\r\n";
    app.send(request).await?;
    let mut origin = Wire::new(bare.accept().await?);
    assert_eq!(origin.exactly(request.len()).await?, request.as_bytes());
    let answer = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
    origin.send(answer).await?;
    assert_eq!(app.exactly(answer.len()).await?, answer.as_bytes());
    drop((app, origin));
    assert_eq!(stage.connection("closed").await?["reason"], "not_tls");
    Ok(())
}

#[tokio::test]
async fn a_client_that_waits_for_its_server_is_not_kept_waiting() -> Result<()> {
    let setup = Setup::default().spec(json!({"limits": {"silence": "20ms"}}));
    let Some(stage) = setup.up().await? else { return Ok(()) };
    let mut bare = stage.lab.bare()?;
    let mut app = Wire::new(stage.dialer.connect(https(host::BARE))??);
    let mut origin = Wire::new(bare.accept().await?);
    origin.send("220 speak\r\n").await?;
    assert_eq!(app.exactly(11).await?, b"220 speak\r\n");
    drop((app, origin));
    assert_eq!(stage.connection("closed").await?["reason"], "silent_client");
    Ok(())
}

#[tokio::test]
async fn a_hello_that_does_not_go_on_is_ended() -> Result<()> {
    let setup = Setup::default().spec(json!({"limits": {"hello": "50ms"}}));
    let Some(stage) = setup.up().await? else { return Ok(()) };
    let mut app = Wire::new(stage.dialer.connect(https(host::SHARED))??);
    app.send([22, 3, 1, 2, 0, 1, 0, 1, 252]).await?;
    assert_eq!(app.end().await?.0, b"");
    assert_eq!(stage.connection("refused").await?["reason"], "slow_hello");
    assert_eq!(stage.lab.provider.record().seen().connections.len(), 0);
    Ok(())
}

#[tokio::test]
async fn case_25_a_hello_over_many_records_and_segments_is_read() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let mut config = Arc::unwrap_or_clone(stage.lab.client(&["http/1.1"])?);
    config.max_fragment_size = Some(64);
    for name in [OPENAI, STATIC] {
        let stream = Drip(stage.dialer.connect(https(host::SHARED))??);
        let connector = TlsConnector::from(Arc::new(config.clone()));
        let server = rustls_pki_types::ServerName::try_from(name)?;
        let stream = within("the handshake", connector.connect(server, stream)).await?.context(name)?;
        let mut app = Wire::new(stream);
        app.send(format!("GET /v1/models HTTP/1.1\r\nhost: {name}\r\n\r\n")).await?;
        assert_eq!(app.answer().await?.head.status, 200, "{name}");
    }
    Ok(())
}

/// Writes one byte at a time, each in a segment of its own.
struct Drip(tokio::net::TcpStream);

impl AsyncRead for Drip {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Drip {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, &bytes[..bytes.len().min(1)])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// An application that does not trust us tries an AI name. The error is its own TLS library's.
async fn distrust(stage: &Stage) -> Result<std::io::Result<()>> {
    let config = client::trusting(&stage.lab.pki.root_pem(), &["http/1.1"])?;
    let stream = stage.dialer.connect(https(host::SHARED))??;
    Ok(client::handshake(stream, OPENAI, &config).await?.map(drop))
}

#[tokio::test]
async fn a_client_that_rejects_our_certificate_is_counted_and_stays_refused() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    for _ in 0..2 {
        let error = distrust(&stage).await?.expect_err("a certificate nobody trusts");
        assert!(format!("{error:?}").contains("UnknownIssuer"), "{error:?}");
    }
    let event = stage.connection("client_untrusted").await?;
    assert_eq!((&event["host"], &event["caller"]["comm"]), (&OPENAI.into(), &"lab-dialer".into()));
    let metrics = stage.metrics().await?;
    let counted = metrics.lines().any(|line| line.contains("client_untrusted") && !line.ends_with(" 0"));
    assert!(counted, "{metrics}");
    assert_eq!(stage.lab.provider.record().seen().calls.len(), 0);
    Ok(())
}

#[tokio::test]
async fn a_client_that_rejects_our_certificate_passes_next_time_where_policy_says_so() -> Result<()> {
    let policy = "apiVersion: interceptor.dev/v1alpha1\nkind: EgressPolicy\nmetadata: {name: p}\nspec:\n  \
        rules: []\n  uncertain:\n    untrustedClient: audit\n";
    let Some(stage) = Setup::default().policy(policy).up().await? else { return Ok(()) };
    distrust(&stage).await?.expect_err("a certificate nobody trusts");
    stage.connection("client_untrusted").await?;
    distrust(&stage).await?.context("the origin's own certificate")?;
    let passed = |e: &serde_json::Value| e["reason"] == "untrusted_authority";
    stage.daemon.audited("a connection passed for want of trust", passed).await?;
    Ok(())
}

#[tokio::test]
async fn case_25_the_hellos_name_is_compared_without_regard_to_case() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let mut app = stage.http1(host::SHARED, "API.OpenAI.com").await?;
    assert_eq!(app.call(&post("/v1/chat/completions"), chat("hello")).await?.head.status, 200);
    assert_eq!(stage.exchange("complete").await?["host"], OPENAI);
    Ok(())
}

/// A ClientHello in one record that names a server and nothing else.
pub(super) fn hello_for(name: &str) -> Result<Vec<u8>> {
    let length = |extra: usize| u16::try_from(name.len() + extra).map(u16::to_be_bytes);
    let extension = [&[0, 0][..], &length(5)?, &length(3)?, &[0], &length(0)?, name.as_bytes()].concat();
    // Version, random, no session id, one cipher suite of TLS 1.3, no compression.
    let head = [&[3, 3][..], &[7; 32], &[0, 0, 2, 0x13, 1, 1, 0]].concat();
    let body = [&head[..], &length(9)?, &extension].concat();
    let body_length = u16::try_from(body.len())?.to_be_bytes();
    let handshake = [&[1, 0][..], &body_length, &body].concat();
    let record_length = u16::try_from(handshake.len())?.to_be_bytes();
    Ok([&[22, 3, 1][..], &record_length, &handshake].concat())
}

#[tokio::test]
async fn case_25_an_address_for_a_name_passes_untouched() -> Result<()> {
    for name in ["203.0.113.10", "2001:db8::10"] {
        let Some(stage) = Stage::up().await? else { return Ok(()) };
        let mut bare = stage.lab.bare()?;
        let mut app = Wire::new(stage.dialer.connect(https(host::BARE))??);
        let hello = hello_for(name)?;
        app.send(&hello).await?;
        let mut origin = Wire::new(bare.accept().await?);
        assert_eq!(origin.exactly(hello.len()).await?, hello, "{name}");
        drop((app, origin));
        assert_eq!(stage.connection("closed").await?["route"], "passthrough", "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn case_25_a_name_with_a_dot_at_its_end_is_the_name_without() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let mut app = Wire::new(stage.dialer.connect(https(host::SHARED))??);
    app.send(hello_for("api.openai.com.")?).await?;
    // A hello without key shares comes no further; that it was not passed on is what counts.
    let (rest, _) = app.end().await?;
    assert!(rest.is_empty() || rest[0] == 21, "{rest:?}");
    let about = |e: &serde_json::Value| e["event"] == "connection" && e["host"] == OPENAI;
    assert_eq!(stage.daemon.audited("the connection's event", about).await?["route"], "inspect");
    Ok(())
}

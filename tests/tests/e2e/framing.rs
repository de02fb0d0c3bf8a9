//! HTTP/1.1 that two parsers could read differently is refused, and nothing of it reaches the provider; the same
//! from a provider ends the exchange.

use anyhow::Result;
use interceptor_tests::client::{self, Wire};
use interceptor_tests::lab::{OPENAI, host};
use interceptor_tests::provider::Site;
use interceptor_tests::stage::Stage;
use interceptor_tests::within;
use tokio_rustls::TlsAcceptor;

use super::{chat, post};

#[tokio::test]
async fn ambiguous_requests_are_refused() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let head = post("/v1/chat/completions");
    let cases = [
        (
            "a length and chunks",
            format!("{head}\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ),
        ("two lengths", format!("{head}\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{{}}")),
        ("a list of lengths", format!("{head}\r\nContent-Length: 2, 2\r\n\r\n{{}}")),
        ("a signed length", format!("{head}\r\nContent-Length: +2\r\n\r\n{{}}")),
        ("a bare LF", format!("{head}\r\nX-Odd: a\nX-Even: b\r\nContent-Length: 2\r\n\r\n{{}}")),
        ("a folded line", format!("{head}\r\nX-Odd: a\r\n b\r\nContent-Length: 2\r\n\r\n{{}}")),
        ("a space before the colon", format!("{head}\r\nContent-Length : 2\r\n\r\n{{}}")),
        ("another coding", format!("{head}\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n")),
        ("two hosts", format!("{head}\r\nHost: api.anthropic.com\r\nContent-Length: 2\r\n\r\n{{}}")),
        ("no host", "GET /v1/models HTTP/1.1\r\nAccept: */*\r\n\r\n".to_owned()),
    ];
    for (what, request) in cases {
        let mut app = stage.openai().await?;
        app.send(&request).await?;
        let answer = app.answer().await?;
        assert_eq!(answer.head.status, 400, "{what}");
        assert_eq!(answer.head.header("x-should-retry"), Some("false"), "{what}");
        assert_eq!(answer.head.header("connection"), Some("close"), "{what}");
        assert_eq!(answer.json()?["error"]["type"], "invalid_request_error", "{what}");
        // The connection ends: where its next request would begin is just what is not known.
        assert_eq!(app.end().await?.0, b"", "{what}");
    }
    let seen = stage.lab.provider.record().seen();
    assert_eq!(seen.calls.len(), 0);
    assert!(seen.connections.iter().all(|c| c.received.is_empty()));
    stage.connection("framing").await?;
    Ok(())
}

#[tokio::test]
async fn chunks_that_lie_about_their_length_never_reach_the_provider() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    for chunks in
        ["5\r\n{}\r\n0\r\n\r\n", "2\r\n{}X\r\n0\r\n\r\n", "0x2\r\n{}\r\n0\r\n\r\n", "2\n{}\r\n0\r\n\r\n"]
    {
        let mut app = stage.openai().await?;
        app.send(format!("{}\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}", post("/v1/chat/completions")))
            .await?;
        app.finish().await?;
        let (rest, _) = app.end().await?;
        let rest = String::from_utf8_lossy(&rest).into_owned();
        assert!(rest.is_empty() || rest.starts_with("HTTP/1.1 400 "), "{chunks:?}: {rest}");
    }
    assert!(stage.lab.provider.record().seen().calls.iter().all(|c| c.whole != Some(true)));
    Ok(())
}

#[tokio::test]
async fn a_head_without_end_is_cut_off() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let mut app = stage.openai().await?;
    let line = format!("X-Filler: {}\r\n", "f".repeat(1000));
    app.send(format!("{}\r\n{}", post("/v1/chat/completions"), line.repeat(80))).await?;
    assert_eq!(app.answer().await?.head.status, 431);
    assert_eq!(stage.lab.provider.record().seen().calls.len(), 0);
    Ok(())
}

#[tokio::test]
async fn an_ambiguous_answer_is_not_handed_on() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let mut bare = stage.lab.bare()?;
    let acceptor = TlsAcceptor::from(Site::new(&[OPENAI]).alpn(&["http/1.1"]).tls(&stage.lab.pki)?);
    let body = chat("hello");
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
        "HTTP/1.1 200 OK\r\nX-Odd: a\r\n b\r\nContent-Length: 2\r\n\r\n{}",
        "HTTP/1.1 200 OK\nContent-Length: 2\n\n{}",
    ] {
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
            app.end().await
        };
        let (origin, got) = tokio::join!(origin, app);
        origin?;
        let got = String::from_utf8_lossy(&got?.0).into_owned();
        assert!(!got.starts_with("HTTP/1.1 200"), "{answer:?} became {got:?}");
    }
    stage.exchange("origin_failed").await?;
    Ok(())
}

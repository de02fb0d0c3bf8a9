//! The laboratory itself, without a daemon: what the other tiers rely on. Needs root.

use std::io;

use anyhow::{Context as _, Result};
use interceptor_tests::lab::{self, Lab, OPENAI, STATIC, host};
use interceptor_tests::provider::{Answer, Format, Script};
use interceptor_tests::{client, daemon, topology, within};

/// Speaks to a site as a client of the plain internet.
async fn plain(
    lab: &Lab,
    host: u8,
    name: &str,
) -> Result<client::Wire<client::TlsStream<tokio::net::TcpStream>>> {
    let dialer = lab.dialer()?;
    let stream = dialer.connect(lab::https(host))??;
    let config = client::trusting(&lab.pki.root_pem(), &["http/1.1"])?;
    Ok(client::Wire::new(client::handshake(stream, name, &config).await??))
}

#[tokio::test]
async fn the_provider_records_exactly_the_bytes_it_was_sent() -> Result<()> {
    let lab = Lab::new()?;
    let mut wire = plain(&lab, host::SHARED, OPENAI).await?;
    let sent = b"POST /echo?a=b HTTP/1.1\r\nHOST: api.openai.com\r\nX-odd:   spaces  \r\nContent-Length: 5\r\n\r\nhello";
    wire.send(sent).await?;
    let answer = wire.answer().await?;
    assert_eq!(answer.text(), "hello");
    let call = lab.provider.record().call(0).await?;
    assert_eq!(
        (call.method.as_str(), call.target.as_str(), call.body.as_slice()),
        ("POST", "/echo?a=b", &b"hello"[..])
    );
    let seen = lab.provider.record().seen();
    assert_eq!(seen.connections[call.connection].received, sent);
    assert_eq!(seen.connections[0].peer.ip(), topology::APP.0);
    assert_eq!(seen.connections[0].server_name.as_deref(), Some(OPENAI));
    Ok(())
}

#[tokio::test]
async fn one_address_has_a_certificate_for_each_name_and_others_have_bad_ones() -> Result<()> {
    let lab = Lab::new()?;
    let dialer = lab.dialer()?;
    let config = client::trusting(&lab.pki.root_pem(), &["http/1.1"])?;
    for name in [OPENAI, lab::ANTHROPIC, STATIC] {
        let stream = dialer.connect(lab::https6(host::SHARED))??;
        client::handshake(stream, name, &config).await?.with_context(|| name.to_owned())?;
    }
    for (host, what) in [
        (host::EXPIRED, "Expired"),
        (host::SELF_SIGNED, "UnknownIssuer"),
        (host::WRONG_HOST, "NotValidForName"),
        (host::UNKNOWN_ISSUER, "UnknownIssuer"),
    ] {
        let stream = dialer.connect(lab::https(host))??;
        let error = client::handshake(stream, OPENAI, &config).await?.expect_err("a bad certificate");
        assert!(format!("{error:?}").contains(what), "{error:?}");
    }
    Ok(())
}

#[tokio::test]
async fn there_is_no_way_out() -> Result<()> {
    let lab = Lab::new()?;
    let dialer = lab.dialer()?;
    for outside in ["192.0.2.1:443", "[2001:db8:9::1]:443"] {
        let error = dialer.connect(outside.parse()?)?.expect_err("a way out");
        let kinds = [io::ErrorKind::NetworkUnreachable, io::ErrorKind::HostUnreachable];
        assert!(kinds.contains(&error.kind()), "{outside}: {error:?}");
    }
    let error = dialer.connect(lab::https(host::CLOSED))?.expect_err("a listener");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    Ok(())
}

#[tokio::test]
async fn a_stream_goes_as_far_as_the_test_lets_it_and_its_abandonment_is_noticed() -> Result<()> {
    let lab = Lab::new()?;
    let mut stream = lab.provider.stream(Format::Chat);
    let mut wire = plain(&lab, host::SHARED, OPENAI).await?;
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: api.openai.com";
    wire.send(client::request(head, 2) + "{}").await?;
    assert_eq!(wire.head().await?.status, 200);
    for token in ["one ", "two ", "three"] {
        let event = stream.token(token)?;
        assert_eq!(wire.chunk(&mut Vec::new()).await?.as_deref(), Some(event.as_bytes()));
    }
    drop(wire);
    let gone = lab.provider.record().until("the client's leaving", |s| s.calls[0].answer == Answer::Dropped);
    gone.await?;
    Ok(())
}

#[tokio::test]
async fn scripts_answer_in_order_and_a_hangup_is_an_end_without_an_answer() -> Result<()> {
    let lab = Lab::new()?;
    let mut wire = plain(&lab, host::SHARED, OPENAI).await?;
    lab.provider.next("/v1/chat/completions", Script::tokens(["scripted"]));
    lab.provider.next("/v1/chat/completions", Script::hangup());
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: api.openai.com";
    let answer = wire.call(head, r#"{"messages":[]}"#).await?;
    assert_eq!(answer.json()?["choices"][0]["message"]["content"], "scripted");
    wire.send(client::request(head, 2) + "{}").await?;
    let (rest, _) = wire.end().await?;
    assert!(rest.is_empty());
    Ok(())
}

#[tokio::test]
async fn an_unmodified_program_resolves_and_connects_by_name() -> Result<()> {
    let lab = Lab::new()?;
    let mut curl = lab.app()?.command("/usr/bin/curl");
    curl.args(["--silent", "--show-error", "--cacert"]).arg(lab.folder().join("origin-root.pem"));
    curl.arg(format!("https://{STATIC}/"));
    let output = daemon::run(curl).await?;
    assert_eq!((output.code, output.stdout.as_str()), (Some(0), "the origin itself\n"), "{}", output.stderr);
    assert!(lab.zone.asked().iter().any(|(name, _)| name == STATIC));
    Ok(())
}

#[tokio::test]
async fn the_bare_origin_hands_over_the_connection() -> Result<()> {
    let lab = Lab::new()?;
    let mut bare = lab.bare()?;
    let stream = lab.dialer()?.connect(lab::https(host::BARE))??;
    let mut app = client::Wire::new(stream);
    app.send("ping").await?;
    let mut origin = client::Wire::new(bare.accept().await?);
    assert_eq!(origin.exactly(4).await?, b"ping");
    drop(within("nothing", async { origin }).await?);
    Ok(())
}

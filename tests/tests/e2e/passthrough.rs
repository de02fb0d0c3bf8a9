//! What is not AI traffic passes untouched: byte for byte, with the origin's own certificate, in both directions to
//! the end of each; and the origin is the one the application asked for.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use interceptor_tests::client::{self, Wire};
use interceptor_tests::lab::{Lab, OPENAI, STATIC, host, https, https6};
use interceptor_tests::provider::{Site, pattern};
use interceptor_tests::stage::{Setup, Stage};
use interceptor_tests::{daemon, topology, within};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio_rustls::TlsAcceptor;

use super::{chat, post};

#[tokio::test]
async fn another_name_at_the_same_address_shows_the_origins_own_certificate() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    // This client trusts the internet's root only: our certificate would fail.
    let config = client::trusting(&stage.lab.pki.root_pem(), &["http/1.1"])?;
    let stream = stage.dialer.connect(https(host::SHARED))??;
    let mut app = Wire::new(client::handshake(stream, STATIC, &config).await??);
    let issuer = app.stream().get_ref().1.peer_certificates().and_then(|c| c.first()).cloned();
    assert!(issuer.is_some());
    let request = "GET / HTTP/1.1\r\nhost: static.example.net\r\n\r\n";
    app.send(request).await?;
    assert_eq!(app.answer().await?.text(), "the origin itself\n");
    let seen = stage.lab.provider.record().seen();
    assert_eq!(seen.connections[0].received, request.as_bytes());
    assert_eq!(seen.connections[0].server_name.as_deref(), Some(STATIC));
    drop(app);
    let event = stage.connection("closed").await?;
    assert_eq!((&event["route"], &event["reason"]), (&"passthrough".into(), &"other_name".into()));
    assert_eq!(event["host"], STATIC);
    // The same client does see our certificate for an AI name, and refuses it.
    let stream = stage.dialer.connect(https(host::SHARED))??;
    let error = client::handshake(stream, OPENAI, &config).await?.expect_err("the interceptor's certificate");
    assert!(format!("{error:?}").contains("UnknownIssuer"), "{error:?}");
    Ok(())
}

#[tokio::test]
async fn every_byte_passes_and_each_direction_ends_by_itself() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let mut bare = stage.lab.bare()?;
    let acceptor = TlsAcceptor::from(Site::new(&[STATIC]).tls(&stage.lab.pki)?);
    let up = pattern(700_001);
    let down = pattern(900_003);
    let origin = async {
        let stream = bare.accept().await?;
        let mut origin = Wire::new(within("the origin's handshake", acceptor.accept(stream)).await??);
        // The application has ended its direction; ours is still open, and long.
        let got = origin.rest().await?;
        origin.send(&down).await?;
        origin.finish().await?;
        anyhow::Ok(got)
    };
    let app = async {
        let stream = stage.handshake(https(host::BARE), STATIC, &[]).await?.context("handshake")?;
        let mut app = Wire::new(stream);
        app.send(&up).await?;
        app.finish().await?;
        app.rest().await
    };
    let (got_up, got_down) = tokio::join!(origin, app);
    assert!(got_up? == up, "the origin got other bytes than were sent");
    assert!(got_down? == down, "the application got other bytes than were sent");
    let event = stage.connection("closed").await?;
    assert!(event["bytes_sent"].as_u64() > Some(700_001) && event["bytes_received"].as_u64() > Some(900_003));
    Ok(())
}

#[tokio::test]
async fn a_reset_by_the_origin_is_a_reset_for_the_application() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let mut bare = stage.lab.bare()?;
    let mut app = Wire::new(stage.dialer.connect(https(host::BARE))??);
    app.send("not TLS at all\r\n").await?;
    let mut origin = bare.accept().await?;
    socket2::SockRef::from(&origin).set_linger(Some(std::time::Duration::ZERO))?;
    origin.flush().await?;
    drop(origin);
    let (rest, error) = app.end().await?;
    assert_eq!((rest.len(), error.map(|e| e.kind())), (0, Some(std::io::ErrorKind::ConnectionReset)));
    Ok(())
}

#[tokio::test]
async fn the_origin_is_the_one_that_was_asked_for() -> Result<()> {
    for (to, name) in [
        (https(host::HTTP1), OPENAI),
        (https6(host::HTTP1), OPENAI),
        (https6(host::SHARED), STATIC),
        (https(host::SHARED), STATIC),
    ] {
        // A daemon of its own for each: a warm connection to the same name may serve any of its addresses.
        let Some(stage) = Stage::up().await? else { return Ok(()) };
        let stream = stage.dialer.connect(to)??;
        // What the application sees of the connection is what it asked for.
        assert_eq!(stream.peer_addr()?, to);
        let stream = client::handshake(stream, name, &stage.lab.client(&["http/1.1"])?).await??;
        let mut app = Wire::new(stream);
        app.send(format!("GET /v1/models HTTP/1.1\r\nhost: {name}\r\n\r\n")).await?;
        app.answer().await?;
        let seen = stage.lab.provider.record().seen();
        let connection = seen.connections.last().context("the provider was called")?;
        assert_eq!(connection.local, to, "{name}");
        // It comes from the application's own namespace and addresses.
        let own: std::net::IpAddr =
            if to.is_ipv4() { topology::APP.0.into() } else { topology::APP.1.into() };
        assert_eq!(connection.peer.ip(), own, "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn an_address_that_is_no_endpoint_is_left_alone() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let outside: SocketAddr = (topology::v4(host::DNS), 443).into();
    let mut bare = stage.lab.bare_at(outside.ip(), 443)?;
    let mut app = Wire::new(stage.dialer.connect(outside)??);
    app.send("hello").await?;
    let mut origin = Wire::new(bare.accept().await?);
    assert_eq!(origin.exactly(5).await?, b"hello");
    drop((app, origin));
    // A later, intercepted call is told of; this one is not.
    stage.openai().await?.call(&post("/v1/chat/completions"), chat("hello")).await?;
    stage.exchange("complete").await?;
    let destinations: Vec<_> = stage.daemon.audit()?.iter().map(|e| e["destination"].clone()).collect();
    assert!(!destinations.contains(&outside.to_string().into()), "{destinations:?}");
    Ok(())
}

#[tokio::test]
async fn the_caller_is_known_as_the_kernel_knows_it() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    stage.openai().await?.call(&post("/v1/chat/completions"), chat("hello")).await?;
    let event = stage.exchange("complete").await?;
    let caller = &event["caller"];
    assert_eq!(caller["pid"], stage.dialer.pid());
    assert_eq!((&caller["uid"], &caller["comm"]), (&0.into(), &"lab-dialer".into()));
    assert!(caller["executable"].as_str().is_some_and(|path| path.ends_with("/lab-dialer")), "{caller}");
    assert_eq!((&event["provider"], &event["host"]), (&"openai".into(), &OPENAI.into()));
    Ok(())
}

#[tokio::test]
async fn addresses_are_learned_from_the_name_servers_answers() -> Result<()> {
    let setup = Setup::default().spec(json!({"endpoints": {"addresses": []}}));
    // Known by an alias, at an address that no configuration names.
    let named = |lab: &Lab| {
        lab.zone.forget(OPENAI);
        lab.zone.alias(OPENAI, "edge.example.net");
        lab.zone.address("edge.example.net", topology::v4(host::SHARED));
    };
    let Some(stage) = setup.before(named).up().await? else { return Ok(()) };
    stage.openai().await?.call(&post("/v1/chat/completions"), chat("hello")).await?;
    assert_eq!(stage.exchange("complete").await?["host"], OPENAI);
    // An address that was in no answer is left alone: the provider's own certificate.
    let config = client::trusting(&stage.lab.pki.root_pem(), &["http/1.1"])?;
    let stream = stage.dialer.connect(https(host::HTTP1))??;
    client::handshake(stream, OPENAI, &config).await?.context("the provider's own certificate")?;
    Ok(())
}

#[tokio::test]
async fn addresses_are_learned_from_answers_to_the_application() -> Result<()> {
    // The daemon asks once, at its start, when the name does not exist yet.
    let setup = Setup::default().spec(json!({"endpoints": {"addresses": [], "refresh": "1h"}}));
    let Some(stage) = setup.before(|lab| lab.zone.forget(OPENAI)).up().await? else { return Ok(()) };
    stage.lab.zone.address(OPENAI, topology::v4(host::HTTP1));
    let mut lookup = stage.lab.app()?.command("/usr/bin/getent");
    lookup.args(["ahostsv4", OPENAI]);
    assert_eq!(daemon::run(lookup).await?.code, Some(0));

    drop(stage.lab.http1(&stage.dialer, https(host::HTTP1), OPENAI).await?);
    let event = stage.connection("closed").await?;
    assert_eq!((&event["route"], &event["host"]), (&"inspect".into(), &OPENAI.into()));
    let metrics = stage.metrics().await?;
    // The other names of the laboratory share two addresses, which the daemon's own questions have taught.
    assert!(metrics.contains("\ninterceptor_learned_addresses 3\n"), "{metrics}");
    // The daemon called the provider from the application's namespace, by a socket that has the daemon's own cgroup:
    // the egress guard let it be.
    for counter in ["guard_left", "guard_unseen", "guard_dropped"] {
        let line = format!("interceptor_kernel_total{{counter=\"{counter}\"}} 0\n");
        assert!(metrics.contains(&line), "{metrics}");
    }
    Ok(())
}

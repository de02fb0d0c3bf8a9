//! Applications that reach the world through a proxy: what they ask it for with `CONNECT` is inspected inside the
//! tunnel if it is for an AI provider, and passes unchanged if not; and the proxy sees what it would have seen.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use interceptor_tests::client::{self, TlsStream, Wire};
use interceptor_tests::daemon;
use interceptor_tests::lab::{OPENAI, STATIC, host, https, proxy};
use interceptor_tests::proxy::{CREDENTIALS_WANTED, ESTABLISHED, PLAIN, Proxy, UNREACHABLE};
use interceptor_tests::samples::{self, EMAIL};
use interceptor_tests::stage::{Setup, Stage};
use interceptor_tests::topology::{v4, v6};
use nix::sys::signal::Signal;
use rustls::ClientConfig;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::command::exec;
use super::hello::hello_for;
use super::{Secured, chat, coverage, failure, post, ready};

/// The daemon's configuration, which knows the proxy.
fn spec() -> Value {
    let at = proxy();
    json!({"endpoints": {"proxies": [{"address": at.ip(), "port": at.port()}]}})
}

/// A stage with a proxy, and a daemon that was told of it.
async fn stage() -> Result<Option<(Stage, Proxy)>> {
    let Some(stage) = Setup::default().spec(spec()).up().await? else { return Ok(None) };
    let proxy = stage.lab.proxy()?;
    Ok(Some((stage, proxy)))
}

/// What an application asks the proxy with. `more` are whole lines.
fn connect(authority: &str, more: &str) -> String {
    format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: lab/1.0\r\n{more}\r\n")
}

/// Credentials as a line of a head. Nobody else has them.
fn credentials(user: &str) -> String {
    format!("Proxy-Authorization: Basic {user}quokkazeppelin")
}

/// Sends a head to the proxy, and returns the connection and what came back until the end of its answer's head.
async fn ask(stage: &Stage, head: &str) -> Result<(Wire<TcpStream>, String)> {
    let mut wire = Wire::new(stage.dialer.connect(proxy())??);
    wire.send(head).await?;
    let answer = String::from_utf8(wire.head().await?.raw)?;
    Ok((wire, answer))
}

/// Shakes hands inside a tunnel.
async fn secure(
    tunnel: Wire<TcpStream>,
    name: &str,
    config: &Arc<ClientConfig>,
) -> Result<std::io::Result<TlsStream<TcpStream>>> {
    client::handshake(tunnel.into_stream(), name, config).await
}

/// An application's connection to `api.openai.com` through the proxy, inspected.
async fn openai(stage: &Stage, head: &str) -> Result<Secured> {
    let (tunnel, answer) = ask(stage, head).await?;
    ensure!(answer == ESTABLISHED, "{answer:?}");
    Ok(Wire::new(secure(tunnel, OPENAI, &stage.lab.client(&["http/1.1"])?).await??))
}

/// The roots of somebody who does not trust our authority.
fn outsider(stage: &Stage) -> Result<Arc<ClientConfig>> {
    client::trusting(&stage.lab.pki.root_pem(), &["http/1.1"])
}

/// The event of a connection with this reason.
async fn because(stage: &Stage, reason: &str) -> Result<Value> {
    let wanted = |e: &Value| e["event"] == "connection" && e["reason"] == reason;
    stage.daemon.audited(&format!("a connection because of {reason}"), wanted).await
}

#[tokio::test]
async fn case_24_a_call_through_a_proxy_is_inspected_and_the_proxy_sees_what_it_would_have_seen() -> Result<()>
{
    let Some((stage, proxy_)) = stage().await? else { return Ok(()) };
    let (target, line) = (format!("{OPENAI}:443"), credentials("one"));
    proxy_.require(&line);
    let head = connect(&target, &format!("{line}\r\n"));
    let mut app = openai(&stage, &head).await?;
    let secret = samples::github_token();
    assert_eq!(app.call(&post("/v1/chat/completions"), chat(&secret)).await?.head.status, 403);
    let masked = app.call(&post("/v1/chat/completions"), chat(&format!("write to {EMAIL}"))).await?;
    assert_eq!(masked.head.status, 200);

    // One head, byte for byte; one connection, which comes from the proxy; one call, masked.
    assert_eq!(proxy_.heads(), [head]);
    let call = stage.lab.provider.record().call(0).await?;
    assert_eq!(String::from_utf8(call.body)?, chat("write to [EMAIL]"));
    let seen = stage.lab.provider.record().seen();
    assert_eq!((seen.calls.len(), seen.connections.len()), (1, 1));
    assert_eq!(seen.connections[0].peer.ip(), proxy().ip());
    drop(app);
    let event = stage.connection("closed").await?;
    assert_eq!((&event["route"], &event["host"]), (&"inspect".into(), &OPENAI.into()));
    assert_eq!((&event["destination"], &event["tunnel"]), (&proxy().to_string().into(), &target.into()));
    assert_eq!(stage.exchange("blocked").await?["connection"], event["connection"]);

    // The credentials are the proxy's business alone.
    let written =
        [stage.daemon.written(), std::fs::read_to_string(stage.daemon.audit_file())?, stage.metrics().await?];
    assert!(written[0].len() > 100, "the daemon has said something");
    for text in written {
        assert!(!text.contains("quokkazeppelin"), "{text}");
    }
    Ok(())
}

#[tokio::test]
async fn case_24_a_tunnel_is_used_again_only_with_the_same_credentials() -> Result<()> {
    let Some((stage, proxy_)) = stage().await? else { return Ok(()) };
    let head = |user: &str| connect(&format!("{OPENAI}:443"), &format!("{}\r\n", credentials(user)));
    // A tunnel that nobody used is a connection without a handshake.
    let connections = || {
        let seen = stage.lab.provider.record().seen();
        seen.connections.iter().filter(|connection| connection.server_name.is_some()).count()
    };
    for (user, expected) in [("one", 1), ("one", 1), ("two", 2), ("one", 2)] {
        let mut app = openai(&stage, &head(user)).await?;
        assert_eq!(app.call(&post("/v1/chat/completions"), chat("hello")).await?.head.status, 200);
        drop(app);
        // Every application asks the proxy; the provider is spoken to anew only where there is no warm connection.
        assert_eq!(connections(), expected, "{user}");
    }
    assert_eq!(proxy_.heads(), [head("one"), head("one"), head("two"), head("one")]);
    // Two calls at once of one application need two connections: the second is asked for with the same head.
    let first = stage.lab.provider.stream(interceptor_tests::provider::Format::Chat);
    let mut apps = [openai(&stage, &head("three")).await?, openai(&stage, &head("three")).await?];
    let body = super::chat_stream("hello");
    apps[0].send(client::request(&post("/v1/chat/completions"), body.len()) + &body).await?;
    first.open()?;
    assert_eq!(apps[0].head().await?.status, 200);
    assert_eq!(apps[1].call(&post("/v1/chat/completions"), chat("hello")).await?.head.status, 200);
    assert_eq!(connections(), 4);
    // Never with another's.
    assert!(proxy_.heads()[4..].iter().all(|asked| *asked == head("three")));
    Ok(())
}

#[tokio::test]
async fn case_24_http2_and_many_calls_go_through_one_tunnel() -> Result<()> {
    let Some((stage, proxy_)) = stage().await? else { return Ok(()) };
    let (tunnel, answer) = ask(&stage, &connect(&format!("{OPENAI}:443"), "")).await?;
    assert_eq!(answer, ESTABLISHED);
    let stream = secure(tunnel, OPENAI, &stage.lab.client(&["h2", "http/1.1"])?).await??;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let mut http2 = stage.http2_on(stream, OPENAI).await?;
    for _ in 0..3 {
        assert_eq!(http2.post("/v1/chat/completions", chat("hello")).await?.0, 200);
    }
    let (status, body) = http2.post("/v1/chat/completions", chat(&samples::github_token())).await?;
    assert_eq!(status, 403, "{}", String::from_utf8_lossy(&body));
    assert_eq!((proxy_.heads().len(), stage.lab.provider.record().seen().connections.len()), (1, 1));
    Ok(())
}

#[tokio::test]
async fn case_24_the_name_in_the_hello_decides_and_must_be_the_one_that_was_asked_for() -> Result<()> {
    let Some((stage, proxy_)) = stage().await? else { return Ok(()) };
    // Asked for under the name of a provider, and used for another.
    let (tunnel, _) = ask(&stage, &connect(&format!("{OPENAI}:443"), "")).await?;
    let error = secure(tunnel, STATIC, &outsider(&stage)?).await?.expect_err("the tunnel is refused");
    assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof), "{error:?}");
    let event = because(&stage, "tunnel_name").await?;
    assert_eq!((&event["route"], &event["host"]), (&"refuse".into(), &STATIC.into()));
    // Asked for by another name or by address, and used for a provider: inspected, and verified as that provider.
    proxy_.route("alias.example.net:443", https(host::SHARED));
    for target in ["alias.example.net:443", "203.0.113.10:443"] {
        let (tunnel, _) = ask(&stage, &connect(target, "")).await?;
        let stream = secure(tunnel, OPENAI, &stage.lab.client(&["http/1.1"])?).await??;
        let answer =
            Wire::new(stream).call(&post("/v1/chat/completions"), chat(&samples::github_token())).await?;
        assert_eq!(answer.head.status, 403, "{target}");
    }
    // Without a name in the hello, the one that was asked for counts.
    let config = client::nameless(&stage.lab.bundle()?)?;
    let (tunnel, _) = ask(&stage, &connect(&format!("{OPENAI}:443"), "")).await?;
    let mut app = Wire::new(secure(tunnel, OPENAI, &config).await??);
    let answer = app.call(&post("/v1/chat/completions"), chat(&samples::github_token())).await?;
    assert_eq!(answer.head.status, 403);
    assert_eq!(stage.lab.provider.record().seen().calls.len(), 0);
    Ok(())
}

#[tokio::test]
async fn case_24_what_is_for_nobody_in_the_catalogue_passes_byte_for_byte() -> Result<()> {
    let Some((stage, proxy_)) = stage().await? else { return Ok(()) };
    let head = connect(&format!("{STATIC}:443"), &format!("{}\r\n", credentials("one")));
    let (tunnel, answer) = ask(&stage, &head).await?;
    assert_eq!(answer, ESTABLISHED);
    let mut app = Wire::new(secure(tunnel, STATIC, &outsider(&stage)?).await??);
    let request = "GET / HTTP/1.1\r\nhost: static.example.net\r\n\r\n";
    app.send(request).await?;
    assert_eq!(app.answer().await?.text(), "the origin itself\n");
    assert_eq!(stage.lab.provider.record().seen().connections[0].received, request.as_bytes());
    drop(app);
    let event = because(&stage, "other_name").await?;
    assert_eq!((&event["route"], &event["host"]), (&"passthrough".into(), &STATIC.into()));
    assert_eq!(event["tunnel"], format!("{STATIC}:443"));

    // A server that speaks first is heard at once.
    let mut bare = stage.lab.bare()?;
    proxy_.route("mail.example.net:25", https(host::BARE));
    let (mut app, _) = ask(&stage, &connect("mail.example.net:25", "")).await?;
    let mut origin = Wire::new(bare.accept().await?);
    origin.send("220 ready\r\n").await?;
    assert_eq!(app.exactly(11).await?, b"220 ready\r\n");
    app.send("HELO\r\n").await?;
    app.finish().await?;
    assert_eq!(origin.rest().await?, b"HELO\r\n");
    drop(origin);
    because(&stage, "silent_client").await?;
    // An eager client says what is for the other end before the proxy has agreed; it arrives once, and after the head.
    let eager = connect("mail.example.net:25", "");
    let (app, answer) = ask(&stage, &format!("{eager}EHLO\r\n")).await?;
    assert_eq!(answer, ESTABLISHED);
    let mut origin = Wire::new(bare.accept().await?);
    assert_eq!(origin.exactly(6).await?, b"EHLO\r\n");
    assert_eq!(proxy_.heads().last(), Some(&eager));
    drop(app);
    assert_eq!(origin.rest().await?, b"");

    // Plain requests and TLS with the proxy itself are told of as what they are.
    let plain = "GET http://static.example.net/ HTTP/1.1\r\nHost: static.example.net\r\n\r\n";
    let mut app = Wire::new(stage.dialer.connect(proxy())??);
    app.send(plain).await?;
    assert_eq!(app.exactly(PLAIN.len()).await?, PLAIN.as_bytes());
    drop(app);
    assert_eq!(because(&stage, "not_tls").await?["tunnel"], Value::Null);
    assert_eq!(proxy_.heads().last().map(String::as_str), Some(plain));
    let mut app = Wire::new(stage.dialer.connect(proxy())??);
    app.send(hello_for("proxy.example.net")?).await?;
    app.finish().await?;
    app.end().await?;
    because(&stage, "tls_to_proxy").await?;
    Ok(())
}

#[tokio::test]
async fn case_24_the_proxys_refusals_are_the_applications_to_read() -> Result<()> {
    let Some((stage, proxy_)) = stage().await? else { return Ok(()) };
    proxy_.require(&credentials("one"));
    let (without, with) = (
        connect(&format!("{OPENAI}:443"), ""),
        connect(&format!("{OPENAI}:443"), &format!("{}\r\n", credentials("one"))),
    );
    // As curl does: on the same connection, once it is told what is wanted.
    let mut wire = Wire::new(stage.dialer.connect(proxy())??);
    wire.send(&without).await?;
    assert_eq!(wire.exactly(CREDENTIALS_WANTED.len()).await?, CREDENTIALS_WANTED.as_bytes());
    wire.send(&with).await?;
    assert_eq!(wire.exactly(ESTABLISHED.len()).await?, ESTABLISHED.as_bytes());
    let stream = secure(wire, OPENAI, &stage.lab.client(&["http/1.1"])?).await??;
    let answer = Wire::new(stream).call(&post("/v1/chat/completions"), chat("hello")).await?;
    assert_eq!(answer.head.status, 200);
    assert_eq!(proxy_.heads(), [without.clone(), with]);
    // One that gives up.
    let (wire, answer) = ask(&stage, &without).await?;
    assert_eq!(answer.as_str(), &CREDENTIALS_WANTED[..answer.len()]);
    drop(wire);
    let event = stage.connection("proxy").await?;
    assert_eq!((&event["route"], &event["detail"]), (&"inspect".into(), &"the proxy answered 407".into()));
    // One whose target the proxy does not reach.
    let head = connect("203.0.113.16:443", &format!("{}\r\n", credentials("one")));
    let mut wire = Wire::new(stage.dialer.connect(proxy())??);
    wire.send(head).await?;
    assert_eq!(wire.rest().await?, UNREACHABLE.as_bytes());
    let declined = |e: &Value| e["outcome"] == "proxy" && e["detail"] == "the proxy answered 502";
    assert_eq!(stage.daemon.audited("the proxy's 502", declined).await?["tunnel"], "203.0.113.16:443");
    Ok(())
}

#[tokio::test]
async fn case_24_a_malformed_request_to_a_proxy_is_refused_and_never_forwarded() -> Result<()> {
    let Some((stage, proxy_)) = stage().await? else { return Ok(()) };
    let heads = [
        "CONNECT api.openai.com:443 HTTP/1.1\nHost: a\r\n\r\n",
        "CONNECT api.openai.com:443 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "CONNECT api.openai.com HTTP/1.1\r\nHost: a\r\n\r\n",
        "CONNECT api.openai.com:443 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n",
    ];
    for head in heads {
        let (mut wire, answer) = ask(&stage, head).await?;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{head:?}: {answer:?}");
        let text = String::from_utf8(wire.rest().await?)?;
        assert!(text.starts_with("interceptor: the request to the proxy was refused: "), "{text}");
    }
    // What only a lenient proxy takes for one.
    for head in ["connect api.openai.com:443 HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\nCONNECT"] {
        let mut wire = Wire::new(stage.dialer.connect(proxy())??);
        wire.send(head).await?;
        let (_, error) = wire.end().await?;
        assert_eq!(error.map(|error| error.kind()), Some(ErrorKind::ConnectionReset), "{head:?}");
    }
    assert_eq!(proxy_.heads(), Vec::<String>::new());
    because(&stage, "malformed_connect").await?;
    Ok(())
}

#[tokio::test]
async fn case_24_defects_of_a_provider_behind_a_proxy_are_shown_and_absence_looks_like_absence() -> Result<()>
{
    let absent = SocketAddr::new(v4(host::CLOSED).into(), 3128);
    let proxies = json!({"endpoints": {"proxies": [
        {"address": proxy().ip(), "port": proxy().port()}, {"address": absent.ip(), "port": absent.port()}
    ]}});
    let Some(stage) = Setup::default().spec(proxies).up().await? else { return Ok(()) };
    let proxy_ = stage.lab.proxy()?;
    let target = format!("{OPENAI}:443");
    for (number, said) in [(host::EXPIRED, "Expired"), (host::WRONG_HOST, "NotValidForName")] {
        proxy_.route(&target, https(number));
        // Another head, so that no warm connection to another origin is found.
        let (tunnel, _) = ask(&stage, &connect(&target, &format!("X: {number}\r\n"))).await?;
        let error = secure(tunnel, OPENAI, &stage.lab.client(&["http/1.1"])?).await?.expect_err("a defect");
        assert!(format!("{error:?}").contains(said), "{error:?}");
    }
    stage.connection("origin_certificate").await?;
    // A proxy that is down.
    let mut wire = Wire::new(stage.dialer.connect(absent)??);
    wire.send(connect(&target, "")).await?;
    let (said, error) = wire.end().await?;
    assert_eq!((said.len(), error.map(|error| error.kind())), (0, Some(ErrorKind::ConnectionReset)));
    let event = stage.connection("origin").await?;
    assert_eq!((&event["route"], &event["tunnel"]), (&"inspect".into(), &target.into()));
    Ok(())
}

#[tokio::test]
async fn case_24_proxies_are_found_by_name_and_only_their_port_is_looked_at() -> Result<()> {
    let setup = Setup::default()
        .spec(json!({"endpoints": {"proxies": [{"name": "proxy.example.net", "port": 3128}]}}));
    let named = |lab: &interceptor_tests::lab::Lab| {
        lab.zone.address("proxy.example.net", v4(host::PROXY));
        lab.zone.address("proxy.example.net", v6(host::PROXY));
    };
    let Some(stage) = setup.before(named).up().await? else { return Ok(()) };
    let _proxy = stage.lab.proxy()?;
    let elsewhere =
        Proxy::start(&stage.lab.topology.internet, (v4(host::PROXY), 8080).into(), v4(host::SHARED).into())?;
    let mut app = openai(&stage, &connect(&format!("{OPENAI}:443"), "")).await?;
    assert_eq!(app.call(&post("/v1/chat/completions"), chat("hello")).await?.head.status, 200);
    // The same address at another port is none of ours: the provider's own certificate.
    let mut wire = Wire::new(stage.dialer.connect((v4(host::PROXY), 8080).into())??);
    wire.send(connect(&format!("{OPENAI}:443"), "")).await?;
    assert_eq!(wire.exactly(ESTABLISHED.len()).await?, ESTABLISHED.as_bytes());
    secure(wire, OPENAI, &outsider(&stage)?).await?.context("the provider's own certificate")?;
    assert_eq!(elsewhere.heads().len(), 1);
    Ok(())
}

#[tokio::test]
async fn case_24_a_proxy_is_learned_from_an_answer_to_the_application() -> Result<()> {
    // The daemon asks once, at its start, when the name does not exist yet.
    let proxies = json!([{"name": "proxy.example.net", "port": 3128}]);
    let setup = Setup::default().spec(json!({"endpoints": {"proxies": proxies, "refresh": "1h"}}));
    let Some(stage) = setup.up().await? else { return Ok(()) };
    let _proxy = stage.lab.proxy()?;
    stage.lab.zone.address("proxy.example.net", v4(host::PROXY));
    let mut lookup = stage.lab.app()?.command("/usr/bin/getent");
    lookup.args(["ahostsv4", "proxy.example.net"]);
    assert_eq!(daemon::run(lookup).await?.code, Some(0));
    let mut app = openai(&stage, &connect(&format!("{OPENAI}:443"), "")).await?;
    assert_eq!(app.call(&post("/v1/chat/completions"), chat("hello")).await?.head.status, 200);
    drop(app);
    assert_eq!(stage.connection("closed").await?["tunnel"], format!("{OPENAI}:443"));
    Ok(())
}

#[tokio::test]
async fn case_24_exec_knows_the_proxy_that_its_command_is_told_of() -> Result<()> {
    let Some((lab, config)) = ready().await? else { return Ok(()) };
    let proxy_ = lab.proxy()?;
    let api = format!("https://{OPENAI}/v1/chat/completions");
    let body = chat(&format!("write to {EMAIL}"));
    let curl = ["/usr/bin/curl", "--silent", "--show-error", "--json", &body, &api];
    let mut exec = exec(&lab, &config, &curl)?;
    exec.env("HTTPS_PROXY", format!("http://robot:quokkazeppelin@{}", proxy()));
    let output = daemon::run(exec).await?;
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(serde_json::from_str::<Value>(&output.stdout)?["object"], "chat.completion");
    let call = lab.provider.record().call(0).await?;
    assert!(String::from_utf8(call.body)?.contains("write to [EMAIL]"));
    assert!(proxy_.heads()[0].contains("\r\nProxy-Authorization: Basic "), "{:?}", proxy_.heads());
    Ok(())
}

#[tokio::test]
async fn case_24_without_a_daemon_the_fail_policy_answers_for_a_proxy() -> Result<()> {
    for policy in ["open", "closed"] {
        let mut spec = spec();
        spec["capture"] = json!({"onFailure": policy});
        let Some(mut stage) = failure::pinned(spec).await? else { return Ok(()) };
        let proxy_ = stage.lab.proxy()?;
        drop(openai(&stage, &connect(&format!("{OPENAI}:443"), "")).await?);
        stage.daemon.signal(Signal::SIGKILL)?;
        stage.daemon.ended().await?;
        match stage.dialer.connect(proxy())? {
            Ok(stream) => {
                let mut wire = Wire::new(stream);
                wire.send(connect(&format!("{OPENAI}:443"), "")).await?;
                assert_eq!(wire.exactly(ESTABLISHED.len()).await?, ESTABLISHED.as_bytes());
                secure(wire, OPENAI, &outsider(&stage)?).await?.context("the provider's own certificate")?;
                assert_eq!((policy, proxy_.heads().len()), ("open", 2));
            }
            Err(error) => assert_eq!((policy, error.raw_os_error()), ("closed", Some(libc::EPERM))),
        }
        // The next daemon finds the proxies that the first one was told of.
        stage.daemon = stage.lab.daemon_with(&failure::config(&stage)?).await?;
        drop(openai(&stage, &connect(&format!("{OPENAI}:443"), "")).await?);
    }
    Ok(())
}

#[tokio::test]
async fn case_24_coverage_counts_what_went_through_a_proxy_and_adds_up() -> Result<()> {
    let Some((stage, proxy_)) = stage().await? else { return Ok(()) };
    for _ in 0..2 {
        let mut app = openai(&stage, &connect(&format!("{OPENAI}:443"), "")).await?;
        assert_eq!(app.call(&post("/v1/chat/completions"), chat("hello")).await?.head.status, 200);
    }
    let (tunnel, _) = ask(&stage, &connect(&format!("{STATIC}:443"), "")).await?;
    drop(secure(tunnel, STATIC, &outsider(&stage)?).await??);
    let (tunnel, _) = ask(&stage, &connect(&format!("{OPENAI}:443"), "")).await?;
    assert!(secure(tunnel, STATIC, &outsider(&stage)?).await?.is_err());
    proxy_.require(&credentials("one"));
    drop(ask(&stage, &connect(&format!("{OPENAI}:443"), "")).await?);
    drop(stage.openai().await?);
    coverage::ended(&stage, 6).await?;
    let report = coverage::report(&stage).await?;
    let line = &report["workloads"][0];
    let said = json!({
        "attempts": line["attempts"], "redirected": line["redirected"], "inspected": line["inspected"],
        "tunnelled": line["tunnelled"], "passed": line["passed"], "rejected": line["rejected"],
        "failed": line["failed"], "adds_up": report["adds_up"]
    });
    let expected = json!({
        "attempts": 6, "redirected": 6, "inspected": 3, "tunnelled": 5, "passed": {"other_name": 1},
        "rejected": {"tunnel_name": 1}, "failed": {"proxy": 1}, "adds_up": true
    });
    assert_eq!(said, expected);
    Ok(())
}

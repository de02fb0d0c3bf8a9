//! Providers that are not as they should be: what the application sees is what it would have seen without us.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use interceptor_tests::client::{self, Wire};
use interceptor_tests::daemon::{self, Daemon};
use interceptor_tests::lab::{Lab, OPENAI, host, https};
use interceptor_tests::pki::crypto;
use interceptor_tests::stage::{Setup, Stage};
use interceptor_tests::{gate, topology};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use tokio::net::TcpStream;

#[tokio::test]
async fn a_defective_certificate_is_mirrored() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    for (to, seen, label) in [
        (host::EXPIRED, "Expired", "expired"),
        (host::SELF_SIGNED, "UnknownIssuer", "self_signed"),
        (host::WRONG_HOST, "NotValidForName", "wrong_name"),
        (host::UNKNOWN_ISSUER, "UnknownIssuer", "unknown_issuer"),
    ] {
        let error = stage.handshake(https(to), OPENAI, &["http/1.1"]).await?.expect_err(label);
        assert!(format!("{error:?}").contains(seen), "{label}: {error:?}");
        let is_told = |e: &serde_json::Value| {
            e["outcome"] == "origin_certificate" && e["destination"] == https(to).to_string()
        };
        stage.daemon.audited(label, is_told).await?;
    }
    assert_eq!(stage.lab.provider.record().seen().calls.len(), 0);
    Ok(())
}

#[tokio::test]
async fn a_client_that_ignores_the_defect_still_reaches_nobody() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let mut curl = stage.lab.app()?.command("/usr/bin/curl");
    curl.args(["--silent", "--show-error", "--insecure", "--http1.1", "--write-out", "%{http_code}"]);
    curl.args(["--output", "/dev/null", "--connect-to", &format!("::{}:443", https(host::EXPIRED).ip())]);
    let output = daemon::run({
        curl.arg(format!("https://{OPENAI}/v1/models"));
        curl
    })
    .await?;
    assert_eq!((output.code, output.stdout.as_str()), (Some(0), "502"), "{}", output.stderr);
    assert_eq!(stage.lab.provider.record().seen().calls.len(), 0);
    Ok(())
}

#[tokio::test]
async fn an_unreachable_provider_looks_unreachable() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let error = stage.handshake(https(host::CLOSED), OPENAI, &["http/1.1"]).await?.expect_err("nobody there");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error:?}");
    let event = stage.connection("origin").await?;
    assert_eq!(event["destination"], https(host::CLOSED).to_string());
    assert!(event["detail"].as_str().is_some_and(|d| d.contains("refused")), "{event}");
    Ok(())
}

#[tokio::test]
async fn a_provider_that_ends_the_handshake_looks_so() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let mut bare = stage.lab.bare()?;
    let origin = async {
        let mut origin = Wire::new(bare.accept().await?);
        origin.exactly(5).await?;
        // A fatal handshake_failure alert.
        origin.send([21, 3, 3, 0, 2, 2, 40]).await
    };
    let (origin, app) = tokio::join!(origin, stage.handshake(https(host::BARE), OPENAI, &["http/1.1"]));
    origin?;
    app?.expect_err("no handshake upstream, none here");
    stage.connection("origin").await?;
    Ok(())
}

#[tokio::test]
async fn a_provider_that_does_not_answer_is_given_up() -> Result<()> {
    let setup = Setup::default().spec(json!({"limits": {"dial": "100ms"}}));
    let Some(stage) = setup.up().await? else { return Ok(()) };
    let mut bare = stage.lab.bare()?;
    let stream = stage.dialer.connect(https(host::BARE))??;
    let config = stage.lab.client(&["http/1.1"])?;
    let (held, app) = tokio::join!(bare.accept(), client::handshake(stream, OPENAI, &config));
    app?.expect_err("nobody answered");
    held.context("the daemon did dial")?;
    let event = stage.connection("origin").await?;
    assert!(event["detail"].is_string(), "{event}");
    Ok(())
}

#[tokio::test]
async fn our_own_authority_is_not_trusted_upstream() -> Result<()> {
    if !gate::passes(gate::kernel()) {
        return Ok(());
    }
    let lab = Lab::new()?;
    lab.ca().await?;
    // As an operator does for the sake of the applications on the node: root and intermediate are both in the
    // system's trust store.
    let (ca, store) = (lab.folder().join("ca"), lab.folder().join("system.pem"));
    let ours = std::fs::read_to_string(ca.join("ca.crt"))? + &std::fs::read_to_string(ca.join("tls.crt"))?;
    std::fs::write(&store, &ours)?;
    let mut config = lab.config();
    config["spec"]["upstream"]["systemRoots"] = json!(true);
    let node = lab.node()?.bind(&store, Path::new("/etc/ssl/certs/ca-certificates.crt"))?;
    let daemon = Daemon::start(&node, &config, lab.folder()).await?;
    assert!(daemon.written().contains("is not trusted for providers"), "{}", daemon.written());
    let stage = Stage { dialer: lab.dialer()?, daemon, lab };

    // Somebody has the key, and plays the provider. The intermediate is the one that the daemon itself shows;
    // another offer than below, so that this connection's upstream is not found warm there.
    let shown = stage.handshake(https(host::SHARED), OPENAI, &["h2"]).await?.context("handshake")?;
    let intermediate = shown.get_ref().1.peer_certificates().and_then(|chain| chain.get(1).cloned());
    let key = KeyPair::from_pem(&std::fs::read_to_string(ca.join("tls.key"))?)?;
    let forged = forged(&intermediate.context("an intermediate")?, key)?;
    let listener = topology::listen(&stage.lab.topology.internet, https(host::BARE))?;
    stage.lab.provider.serve_tls(forged, listener)?;

    // Whoever trusts our root believes the impostor, when asked without us in between.
    let config = client::trusting(&ours, &["http/1.1"])?;
    let direct = stage.lab.topology.internet.run(|| std::net::TcpStream::connect(https(host::BARE)))?;
    direct.set_nonblocking(true)?;
    client::handshake(TcpStream::from_std(direct)?, OPENAI, &config).await??;

    let error = stage.handshake(https(host::BARE), OPENAI, &["http/1.1"]).await?.expect_err("an impostor");
    assert!(format!("{error:?}").contains("UnknownIssuer"), "{error:?}");
    let event = stage.connection("origin_certificate").await?;
    assert_eq!(event["destination"], https(host::BARE).to_string());
    assert_eq!(stage.lab.provider.record().seen().calls.len(), 0);
    Ok(())
}

/// A server for the AI name whose certificate is signed with `key` in the name of `intermediate`.
fn forged(intermediate: &CertificateDer<'static>, key: KeyPair) -> Result<Arc<ServerConfig>> {
    let issuer = Issuer::from_ca_cert_der(intermediate, key)?;
    let leaf_key = KeyPair::generate()?;
    let mut params = CertificateParams::new(vec![OPENAI.to_owned()])?;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let leaf = params.signed_by(&leaf_key, &issuer)?;
    let chain = vec![leaf.der().clone(), intermediate.clone()];
    let key = PrivateKeyDer::try_from(leaf_key.serialize_der()).map_err(anyhow::Error::msg)?;
    let config = ServerConfig::builder_with_provider(crypto())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(Arc::new(config))
}

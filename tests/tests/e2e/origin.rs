//! Providers that are not as they should be: what the application sees is what it would have seen without us.

use anyhow::{Context as _, Result};
use interceptor_tests::client::{self, Wire};
use interceptor_tests::daemon;
use interceptor_tests::lab::{OPENAI, host, https};
use interceptor_tests::stage::{Setup, Stage};
use serde_json::json;

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
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    // A provider that shows a certificate of the interceptor's own making: somebody has the key.
    let first = stage.handshake(https(host::SHARED), OPENAI, &["http/1.1"]).await?.context("handshake")?;
    let chain = first.get_ref().1.peer_certificates().context("a chain")?.to_vec();
    let store = interceptor_tests::client::trusting(
        &std::fs::read_to_string(stage.lab.folder().join("origin-root.pem"))?,
        &["http/1.1"],
    )?;
    // Without our root, our chain is nobody's: the same roots that the daemon's upstream side has.
    let stream = stage.dialer.connect(https(host::SHARED))??;
    let error = client::handshake(stream, OPENAI, &store).await?.expect_err("our chain");
    assert!(format!("{error:?}").contains("UnknownIssuer"), "{error:?}");
    assert!(chain.len() >= 2, "a leaf and its intermediate");
    Ok(())
}

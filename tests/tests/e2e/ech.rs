//! Encrypted ClientHello: most of it is grease and means nothing; where it is real, the name outside decides, and the
//! client is told in its own protocol to do without.

use std::io;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use interceptor_tests::client::{self, TlsStream, Wire};
use interceptor_tests::lab::{OPENAI, STATIC, host, https};
use interceptor_tests::pki;
use interceptor_tests::stage::Stage;
use rustls::client::{EchConfig, EchGreaseConfig, EchMode};
use rustls::crypto::aws_lc_rs::hpke::{ALL_SUPPORTED_SUITES, DH_KEM_X25519_HKDF_SHA256_AES_128};
use rustls::crypto::hpke::Hpke;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, EchConfigListBytes};
use tokio::net::TcpStream;

use super::{chat, post};

const SUITE: &dyn Hpke = DH_KEM_X25519_HKDF_SHA256_AES_128;

/// The application's configuration, with a mode of ECH.
fn trusting(pem: &str, mode: EchMode) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        roots.add(certificate?)?;
    }
    let mut config = ClientConfig::builder_with_provider(pki::crypto())
        .with_ech(mode)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// An `ECHConfigList` of RFC 9849 with one configuration, whose public name is `outer`.
fn published(outer: &str) -> Result<EchConfigListBytes<'static>> {
    let length = |bytes: &[u8]| u16::try_from(bytes.len()).map(u16::to_be_bytes);
    let (key, _) = SUITE.generate_key_pair()?;
    // The KEM is X25519 with HKDF-SHA256; the only suite HKDF-SHA256 with AES-128-GCM.
    let key_config = [&[7, 0, 0x20][..], &length(&key.0)?, &key.0, &[0, 4, 0, 1, 0, 1]].concat();
    let name = [&[64, u8::try_from(outer.len())?], outer.as_bytes()].concat();
    let contents = [&key_config[..], &name, &[0, 0]].concat();
    let config = [&[0xfe, 0x0d][..], &length(&contents)?, &contents].concat();
    Ok([&length(&config)?[..], &config].concat().into())
}

/// The handshake of an application that asks for `inner` within a hello for `outer`.
async fn encrypted(
    stage: &Stage,
    pem: &str,
    outer: &str,
    inner: &str,
) -> Result<io::Result<TlsStream<TcpStream>>> {
    let mode = EchConfig::new(published(outer)?, ALL_SUPPORTED_SUITES)?.into();
    let stream = stage.dialer.connect(https(host::SHARED))??;
    client::handshake(stream, inner, &trusting(pem, mode)?).await
}

/// The server was authenticated as the name outside, and would not open the hello inside: RFC 9849, 6.1.6.
fn told_to_do_without(shaken: io::Result<TlsStream<TcpStream>>) {
    let error = shaken.expect_err("nobody here has the key");
    assert!(format!("{error:?}").contains("ServerRejectedEncryptedClientHello"), "{error:?}");
}

#[tokio::test]
async fn case_27_grease_means_nothing() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    let (placeholder, _) = SUITE.generate_key_pair()?;
    let grease = EchGreaseConfig::new(SUITE, placeholder);
    let config = trusting(&stage.lab.bundle()?, EchMode::Grease(grease))?;
    let stream = stage.dialer.connect(https(host::SHARED))??;
    let mut app = Wire::new(client::handshake(stream, OPENAI, &config).await?.context("the handshake")?);
    assert_eq!(app.call(&post("/v1/chat/completions"), chat("hello")).await?.head.status, 200);
    assert_eq!(stage.exchange("complete").await?["host"], OPENAI);
    Ok(())
}

#[tokio::test]
async fn case_27_a_name_outside_that_is_an_endpoint_is_served_so_that_the_client_does_without() -> Result<()>
{
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    told_to_do_without(encrypted(&stage, &stage.lab.bundle()?, OPENAI, STATIC).await?);
    // The same application calls again, and is inspected.
    let answer = stage.openai().await?.call(&post("/v1/chat/completions"), chat("hello")).await?;
    assert_eq!(answer.head.status, 200);
    stage.exchange("complete").await?;
    Ok(())
}

#[tokio::test]
async fn case_27_a_name_outside_that_is_none_of_ours_passes_whatever_is_inside() -> Result<()> {
    let Some(stage) = Stage::up().await? else { return Ok(()) };
    // Trusts the internet's root alone: it was the origin that answered.
    told_to_do_without(encrypted(&stage, &stage.lab.pki.root_pem(), STATIC, OPENAI).await?);
    // How it ends is the client's business: it may leave without reading what the origin still says.
    let passed = |event: &serde_json::Value| event["route"] == "passthrough" && event["host"] == STATIC;
    stage.daemon.audited("the connection that passed", passed).await?;
    Ok(())
}

//! Verified connections over a pipe, and every defect an upstream certificate can have.

use std::sync::Arc;

use tokio::io::AsyncReadExt;
use tokio::time::Instant;

use super::*;
use crate::tls::testkit::{Ca, Origin, Wrong, host, pipe, serve, soon};

const NAME: &str = "api.openai.com";

fn upstream(origin: &Origin) -> UpstreamTls {
    let mut roots = Roots::none();
    roots.store.add(origin.root.clone()).unwrap();
    UpstreamTls::new(roots).unwrap()
}

async fn connect(
    tls: &UpstreamTls,
    server: Arc<rustls::ServerConfig>,
    offer: AlpnOffer,
) -> Result<(Option<Alpn>, bool), UpstreamError> {
    let (near, far) = pipe();
    let client = async {
        let mut connected = tls.connect(near, &host(NAME), offer, soon()).await?;
        let mut byte = [0];
        connected.stream.read_exact(&mut byte).await.map_err(UpstreamError::Io)?;
        Ok((connected.alpn, connected.resumed))
    };
    let (seen, _) = tokio::join!(client, serve(server, far));
    seen
}

async fn defect(wrong: Wrong) -> Defect {
    let origin = Origin::new();
    let server = Arc::new(origin.server(NAME, wrong, &[]));
    match connect(&upstream(&origin), server, AlpnOffer::None).await {
        Err(UpstreamError::Certificate(defect)) => defect,
        other => panic!("{wrong:?}: {other:?}"),
    }
}

#[tokio::test]
async fn the_upstream_chooses_among_what_is_offered() {
    let origin = Origin::new();
    let tls = upstream(&origin);
    for (offer, serves, chosen) in [
        (AlpnOffer::Both, &["h2", "http/1.1"][..], Some(Alpn::H2)),
        (AlpnOffer::Both, &["http/1.1"], Some(Alpn::Http1)),
        (AlpnOffer::Http1, &["h2", "http/1.1"], Some(Alpn::Http1)),
        (AlpnOffer::H2, &["h2"], Some(Alpn::H2)),
        (AlpnOffer::Both, &[], None),
        (AlpnOffer::None, &["h2"], None),
    ] {
        let server = Arc::new(origin.server(NAME, Wrong::Nothing, serves));
        let (alpn, _) = connect(&tls, server, offer).await.unwrap();
        assert_eq!(alpn, chosen, "{offer:?} to {serves:?}");
    }
}

#[tokio::test]
async fn sessions_are_resumed_whatever_protocol_is_offered() {
    let origin = Origin::new();
    let tls = upstream(&origin);
    let server = Arc::new(origin.server(NAME, Wrong::Nothing, &["h2", "http/1.1"]));
    assert!(!connect(&tls, Arc::clone(&server), AlpnOffer::Both).await.unwrap().1);
    assert!(connect(&tls, Arc::clone(&server), AlpnOffer::Both).await.unwrap().1);
    assert!(connect(&tls, server, AlpnOffer::Http1).await.unwrap().1);
}

#[tokio::test]
async fn an_upstream_that_shares_no_protocol_refuses_with_an_alert() {
    let origin = Origin::new();
    let server = Arc::new(origin.server(NAME, Wrong::Nothing, &["h2"]));
    let error = connect(&upstream(&origin), server, AlpnOffer::Http1).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Alert(AlertDescription::NoApplicationProtocol)), "{error:?}");
}

#[tokio::test]
async fn every_defect_is_named() {
    assert!(matches!(defect(Wrong::Expired).await, Defect::Expired { .. }));
    assert!(matches!(defect(Wrong::NotYetValid).await, Defect::NotYetValid { .. }));
    assert_eq!(defect(Wrong::Name).await, Defect::WrongName { presented: vec![host("wrong.example")] });
    assert_eq!(defect(Wrong::SelfSigned).await, Defect::SelfSigned);
    assert_eq!(defect(Wrong::SelfSignedAuthority).await, Defect::SelfSigned);
    assert_eq!(defect(Wrong::Issuer).await, Defect::UnknownIssuer);
    assert_eq!(defect(Wrong::Purpose).await, Defect::WrongPurpose);
    assert_eq!(defect(Wrong::ChainLength).await, Defect::Other("chain_too_long"));
    assert_eq!(defect(Wrong::ChainMaze).await, Defect::Other("chain_too_complex"));
}

#[tokio::test]
async fn a_damaged_signature_is_never_accepted() {
    assert!(matches!(defect(Wrong::Signature).await, Defect::BadSignature | Defect::UnknownIssuer));
}

#[tokio::test]
async fn a_silent_upstream_runs_into_the_deadline() {
    let origin = Origin::new();
    let (near, _far) = pipe();
    let error =
        upstream(&origin).connect(near, &host(NAME), AlpnOffer::Both, Instant::now()).await.unwrap_err();
    assert!(matches!(error, UpstreamError::TimedOut));
}

#[tokio::test]
async fn an_upstream_that_closes_or_talks_http_is_told_apart() {
    let origin = Origin::new();
    let tls = upstream(&origin);
    let (near, far) = pipe();
    drop(far);
    let error = tls.connect(near, &host(NAME), AlpnOffer::Both, soon()).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Closed(_)), "{error:?}");

    let (near, mut far) = pipe();
    tokio::io::AsyncWriteExt::write_all(&mut far, b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    let error = tls.connect(near, &host(NAME), AlpnOffer::Both, soon()).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Protocol(_)), "{error:?}");
}

#[test]
fn our_own_authority_never_vouches_for_an_upstream() {
    let ca = Ca::new();
    let own = ca.live.current().certificates();
    // The intermediate too: whatever a trust store holds is an end of the chain.
    for file in ["ca.crt", "tls.crt"] {
        let path = ca.path(file);
        let mut roots = Roots::none();
        let error = roots.add_file(Path::new(&path), &own).unwrap_err();
        assert!(matches!(error, RootsError::OwnAuthority { .. }));
        // As when an administrator puts it into the system's store for the applications.
        roots.add_file(Path::new(&path), &[]).unwrap();
        assert_eq!((roots.remove(&own), roots.len()), (1, 0), "{file}");
        assert!(matches!(UpstreamTls::new(roots), Err(RootsError::Empty)));
    }
}

#[test]
fn our_own_key_never_vouches_under_another_name_either() {
    let ca = Ca::new();
    let root = ca.files.path().join("root");
    let key = rcgen::KeyPair::from_pem(&std::fs::read_to_string(root.join("root.key")).unwrap()).unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, "Somebody Else");
    let mut roots = Roots::none();
    roots.store.add(params.self_signed(&key).unwrap().into()).unwrap();
    assert_eq!((roots.remove(&ca.live.current().certificates()), roots.len()), (1, 0));
}

#[tokio::test]
async fn a_root_that_becomes_our_own_is_trusted_no_longer() {
    let (origin, other) = (Origin::new(), Origin::called("another root"));
    let mut roots = Roots::none();
    roots.store.add(origin.root.clone()).unwrap();
    roots.store.add(other.root.clone()).unwrap();
    let tls = UpstreamTls::new(roots).unwrap();
    let server = Arc::new(origin.server(NAME, Wrong::Nothing, &[]));
    connect(&tls, Arc::clone(&server), AlpnOffer::None).await.unwrap();
    assert_eq!(tls.distrust(std::slice::from_ref(&origin.root)).unwrap(), 1);
    let fresh = Arc::new(origin.server(NAME, Wrong::Nothing, &[]));
    let error = connect(&tls, fresh, AlpnOffer::None).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Certificate(Defect::UnknownIssuer)), "{error:?}");
    // The last one cannot be given up: an authority for whose sake nobody would be trusted is not taken up.
    assert!(matches!(tls.distrust(std::slice::from_ref(&other.root)), Err(RootsError::Empty)));
    assert_eq!(tls.distrust(&[]).unwrap(), 0);
}

#[test]
fn a_root_file_that_is_none_is_an_error() {
    let ca = Ca::new();
    let mut roots = Roots::none();
    assert!(matches!(
        roots.add_file(Path::new(&ca.path("tls.key")), &[]),
        Err(RootsError::NoCertificate { .. })
    ));
    assert!(matches!(roots.add_file(Path::new(&ca.path("absent")), &[]), Err(RootsError::Read { .. })));
}

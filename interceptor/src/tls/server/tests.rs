//! Handshakes with applications: protocols, resumption, rejections, and mirrored defects as rustls, OpenSSL,
//! curl and Python report them.

use std::sync::Arc;

use rustls::version::{TLS12, TLS13};
use rustls::{CertificateError, CipherSuite, NamedGroup};
use tokio_rustls::TlsConnector;

use super::*;
use crate::tls::testkit::{Ca, Origin, Wrong, client, host, meet, pipe, run_client, soon};
use crate::tls::upstream::{AlpnOffer, Roots, UpstreamError, UpstreamTls};

const NAME: &str = "api.openai.com";

fn side(ca: &Ca) -> ServerSide {
    ServerSide::new(Arc::clone(&ca.live)).unwrap()
}

#[tokio::test]
async fn the_protocol_is_the_one_configured() {
    let ca = Ca::new();
    let side = side(&ca);
    for (alpn, offered, chosen) in [
        (Some(Alpn::H2), &["h2", "http/1.1"][..], Some("h2")),
        (Some(Alpn::Http1), &["h2", "http/1.1"], Some("http/1.1")),
        (None, &["h2"], None),
        (Some(Alpn::Http1), &[], None),
    ] {
        let config = side.config(&host(NAME), alpn).unwrap();
        let seen = meet(Arc::new(ca.client(offered)), config, NAME).await.unwrap();
        assert_eq!(seen.alpn.as_deref(), chosen);
        assert_eq!(seen.group, Some(NamedGroup::X25519MLKEM768));
        assert_eq!(seen.chain.len(), 2, "leaf and intermediate, not the root");
    }
}

#[tokio::test]
async fn both_protocol_versions_and_resumption_in_both() {
    let ca = Ca::new();
    let side = side(&ca);
    for version in [&TLS12, &TLS13] {
        let client = Arc::new(client(ca.live.current().roots(), &["h2"], &[version]));
        let first =
            meet(Arc::clone(&client), side.config(&host(NAME), Some(Alpn::H2)).unwrap(), NAME).await.unwrap();
        // A different configuration for the same name, as when the upstream negotiates another protocol.
        let second = meet(client, side.config(&host(NAME), None).unwrap(), NAME).await.unwrap();
        assert_eq!((first.resumed, second.resumed), (false, true), "{version:?}");
    }
}

#[tokio::test]
async fn the_cheaper_suite_is_chosen_whatever_the_application_prefers() {
    let ca = Ca::new();
    let mut preferring = rustls::crypto::aws_lc_rs::default_provider();
    preferring.cipher_suites.sort_by_key(|suite| suite.suite() != CipherSuite::TLS13_AES_256_GCM_SHA384);
    let mut only = preferring.clone();
    only.cipher_suites.truncate(1);
    for (provider, chosen) in
        [(preferring, CipherSuite::TLS13_AES_128_GCM_SHA256), (only, CipherSuite::TLS13_AES_256_GCM_SHA384)]
    {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(ca.live.current().roots()[0].clone()).unwrap();
        let client = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let seen = meet(Arc::new(client), side(&ca).config(&host(NAME), None).unwrap(), NAME).await.unwrap();
        assert_eq!(seen.suite, Some(chosen));
    }
}

#[tokio::test]
async fn a_ticket_for_one_name_does_not_open_another() {
    let ca = Ca::new();
    let side = side(&ca);
    let client = Arc::new(ca.client(&[]));
    meet(Arc::clone(&client), side.config(&host(NAME), None).unwrap(), NAME).await.unwrap();
    let other = side.config(&host("eu.api.openai.com"), None).unwrap();
    let seen = meet(Arc::clone(&client), other, "eu.api.openai.com").await.unwrap();
    assert!(!seen.resumed);
    // The application verifies the name it asked for, whatever configuration answers.
    let error =
        meet(Arc::new(ca.client(&[])), side.config(&host("eu.api.openai.com"), None).unwrap(), NAME).await;
    assert!(matches!(
        error,
        Err(rustls::Error::InvalidCertificate(CertificateError::NotValidForNameContext { .. }))
    ));
}

#[test]
fn configurations_and_leafs_are_reused() {
    let ca = Ca::new();
    let side = side(&ca);
    let first = side.config(&host(NAME), Some(Alpn::H2)).unwrap();
    assert!(Arc::ptr_eq(&first, &side.config(&host("API.openai.com."), Some(Alpn::H2)).unwrap()));
    let other = side.config(&host(NAME), Some(Alpn::Http1)).unwrap();
    assert!(!Arc::ptr_eq(&first, &other));
    assert_eq!(side.cache.read().unwrap().len(), 1);
}

#[test]
fn the_cache_is_bounded() {
    let ca = Ca::new();
    let side = side(&ca);
    for i in 0..cache::MAX_NAMES + 10 {
        side.config(&host(&format!("t{i}.openai.azure.com")), None).unwrap();
    }
    assert!(side.cache.read().unwrap().len() <= cache::MAX_NAMES);
}

#[tokio::test]
async fn a_new_authority_takes_over_without_a_restart() {
    let ca = Ca::new();
    let side = side(&ca);
    let before = side.config(&host(NAME), None).unwrap();
    let root = crate::tls::authority::issue::Root::load(&ca.files.path().join("root")).unwrap();
    let domains = crate::tls::constraints::Domains::fold(["api.openai.com"]).unwrap().domains;
    root.issue(&ca.files.path().join("ca"), "second", &domains, 1, OffsetDateTime::now_utc()).unwrap();
    ca.live.replace(ca.live.changed().unwrap().expect("another intermediate"));
    assert!(ca.live.changed().unwrap().is_none());
    let after = side.config(&host(NAME), None).unwrap();
    assert!(!Arc::ptr_eq(&before, &after));
    meet(Arc::new(ca.client(&[])), after, NAME).await.unwrap();
    // The new intermediate may speak for less.
    assert!(matches!(side.config(&host("x.openai.azure.com"), None), Err(MintError::NotPermitted { .. })));
    // Broken files do not replace a good authority.
    std::fs::write(ca.path("tls.crt"), "nothing").unwrap();
    assert!(ca.live.changed().is_err());
    side.config(&host(NAME), None).unwrap();
}

#[tokio::test]
async fn an_application_that_does_not_trust_us_is_recognised() {
    let ca = Ca::new();
    let side = side(&ca);
    let stranger = client(&[Origin::new().root], &[], rustls::ALL_VERSIONS);
    let (near, far) = pipe();
    let connect = TlsConnector::from(Arc::new(stranger)).connect(NAME.try_into().unwrap(), near);
    let (refused, seen) = tokio::join!(connect, accept(side.config(&host(NAME), None).unwrap(), far, soon()));
    assert!(refused.is_err());
    assert!(matches!(seen, Err(AcceptError::Rejected(Rejection::UnknownCa))), "{:?}", seen.err());

    let (near, far) = pipe();
    drop(near);
    let seen = accept(side.config(&host(NAME), None).unwrap(), far, soon()).await;
    assert!(matches!(seen, Err(AcceptError::Closed(_))), "{:?}", seen.err());
}

/// What the application's verifier says when it talks to the origin itself, and when it talks to us.
async fn direct_and_mirrored(wrong: Wrong) -> (rustls::Error, rustls::Error) {
    let (ca, origin) = (Ca::new(), Origin::new());
    let server = Arc::new(origin.server(NAME, wrong, &[]));
    let trusting = client(std::slice::from_ref(&origin.root), &[], rustls::ALL_VERSIONS);
    let direct = meet(Arc::new(trusting), Arc::clone(&server), NAME).await.unwrap_err();
    let mirrored =
        meet(Arc::new(ca.client(&[])), mirror(&ca, &origin, server).await, NAME).await.unwrap_err();
    (direct, mirrored)
}

/// The configuration that mirrors what our own upstream side finds wrong with `server`.
async fn mirror(ca: &Ca, origin: &Origin, server: Arc<ServerConfig>) -> Arc<ServerConfig> {
    let file = ca.files.path().join("origin.pem");
    std::fs::write(&file, pem(&origin.root)).unwrap();
    let mut roots = Roots::none();
    roots.add_file(&file, ca.live.current().roots()).unwrap();
    let upstream = UpstreamTls::new(roots).unwrap();
    let (near, far) = pipe();
    let name = host(NAME);
    let connect = upstream.connect(near, &name, AlpnOffer::None, soon());
    let (seen, _) = tokio::join!(connect, crate::tls::testkit::serve(server, far));
    let Err(UpstreamError::Certificate(defect)) = seen else { panic!("no defect found") };
    side(ca).mirror(&name, None, &defect).unwrap()
}

fn pem(der: &[u8]) -> String {
    crate::tls::pem::encode("CERTIFICATE", der).to_string()
}

fn kind(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(why) => {
            // The context holds the moment of the check, which differs.
            format!("{why:?}").split([' ', '{', '(']).next().unwrap_or_default().to_owned()
        }
        other => format!("{other:?}"),
    }
}

#[tokio::test]
async fn rustls_sees_the_defect_it_would_have_seen_directly() {
    for wrong in
        [Wrong::Expired, Wrong::NotYetValid, Wrong::Name, Wrong::Issuer, Wrong::Purpose, Wrong::SelfSigned]
    {
        let (direct, mirrored) = direct_and_mirrored(wrong).await;
        assert_eq!(kind(&direct), kind(&mirrored), "{wrong:?}: {direct:?} and {mirrored:?}");
    }
    // The end of the validity is the upstream's own, to the second.
    let (direct, mirrored) = direct_and_mirrored(Wrong::Expired).await;
    let end = |error: &rustls::Error| match error {
        rustls::Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. }) => {
            not_after.as_secs()
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(end(&direct), end(&mirrored));
}

#[tokio::test]
async fn no_defect_ends_in_a_certificate_that_is_accepted() {
    let ca = Ca::new();
    let side = side(&ca);
    let now = OffsetDateTime::now_utc();
    for defect in [
        Defect::Expired { not_after: now - time::Duration::seconds(1) },
        Defect::NotYetValid { not_before: now + time::Duration::seconds(60) },
        Defect::WrongName { presented: vec![] },
        Defect::WrongName { presented: vec![host(NAME)] },
        Defect::WrongName { presented: vec![host("x.openai.azure.com"), host("bank.example")] },
        Defect::SelfSigned,
        Defect::UnknownIssuer,
        Defect::Revoked,
        Defect::BadSignature,
        Defect::WrongPurpose,
        Defect::Other("anything"),
    ] {
        // The second name is one that the authority may not speak for.
        for name in [NAME, "bank.example"] {
            let config = side.mirror(&host(name), Some(Alpn::H2), &defect).unwrap();
            let seen = meet(Arc::new(ca.client(&["h2"])), config, name).await;
            assert!(
                matches!(seen, Err(rustls::Error::InvalidCertificate(_))),
                "{defect:?} for {name}: {seen:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_session_from_better_days_does_not_hide_a_defect() {
    let ca = Ca::new();
    let side = side(&ca);
    let client = Arc::new(ca.client(&[]));
    meet(Arc::clone(&client), side.config(&host(NAME), None).unwrap(), NAME).await.unwrap();
    let seen = meet(client, side.mirror(&host(NAME), None, &Defect::UnknownIssuer).unwrap(), NAME).await;
    assert!(matches!(seen, Err(rustls::Error::InvalidCertificate(_))), "{seen:?}");
}

/// A program with its own verifier, and how to run it against a port.
struct Native<'a> {
    program: &'a str,
    arguments: &'a [&'a str],
    /// What it says of a good leaf with this protocol.
    accepts: (Option<Alpn>, &'a str),
}

impl Native<'_> {
    /// Shows it every defect of `cases`, which it must name as said there, then a good leaf, which it must accept.
    /// False if the program is not installed.
    async fn judges(&self, ca: &Ca, cases: &[(Wrong, &str)]) -> bool {
        let origin = Origin::new();
        for (wrong, text) in cases {
            let config = mirror(ca, &origin, Arc::new(origin.server(NAME, *wrong, &[]))).await;
            let Some(said) = run_client(self.program, self.arguments, config).await else { return false };
            // OpenSSL has spelt it with a blank, depending on its age.
            assert!(said.replace("self signed", "self-signed").contains(text), "{wrong:?}: {said}");
        }
        let (alpn, text) = self.accepts;
        let good = side(ca).config(&host(NAME), alpn).unwrap();
        let said = run_client(self.program, self.arguments, good).await.unwrap();
        assert!(said.contains(text), "{said}");
        true
    }
}

/// The text by which each program names each defect.
const NATIVE: &[(Wrong, &str)] = &[
    (Wrong::Expired, "certificate has expired"),
    (Wrong::NotYetValid, "certificate is not yet valid"),
    (Wrong::Name, "mismatch"),
    (Wrong::SelfSigned, "self-signed certificate"),
    (Wrong::Issuer, "unable to get local issuer certificate"),
];

#[tokio::test]
async fn openssl_names_the_mirrored_defect() {
    let ca = Ca::new();
    let root = ca.path("ca.crt");
    let arguments = [
        "s_client",
        "-connect",
        "127.0.0.1:{port}",
        "-servername",
        NAME,
        "-verify_hostname",
        NAME,
        "-CAfile",
        &root,
    ];
    let openssl =
        Native { program: "openssl", arguments: &arguments, accepts: (None, "Verify return code: 0 (ok)") };
    let cases = [NATIVE, &[(Wrong::Purpose, "unsuitable certificate purpose")]].concat();
    if !openssl.judges(&ca, &cases).await {
        return;
    }
    let broken = side(&ca).mirror(&host(NAME), None, &Defect::BadSignature).unwrap();
    let said = run_client("openssl", &arguments, broken).await.unwrap();
    assert!(said.contains("certificate signature failure"), "{said}");
}

#[tokio::test]
async fn python_raises_its_own_error_for_a_mirrored_defect() {
    let ca = Ca::new();
    let root = ca.path("ca.crt");
    let script = "import socket, ssl, sys\n\
        context = ssl.create_default_context(cafile=sys.argv[1])\n\
        try:\n\
        \x20   context.wrap_socket(socket.create_connection(('127.0.0.1', int(sys.argv[2]))), server_hostname=sys.argv[3])\n\
        \x20   print('accepted')\n\
        except ssl.SSLCertVerificationError as error:\n\
        \x20   print(error.verify_message)\n";
    let arguments = ["-c", script, &root, "{port}", NAME];
    let python = Native { program: "python3", arguments: &arguments, accepts: (None, "accepted") };
    python.judges(&ca, NATIVE).await;
}

#[tokio::test]
async fn node_gives_its_own_code_for_a_mirrored_defect() {
    let ca = Ca::new();
    let root = ca.path("ca.crt");
    let script = "const [file, port, name] = process.argv.slice(1);\n\
        const ca = require('fs').readFileSync(file);\n\
        const socket = require('tls').connect({ host: '127.0.0.1', port, servername: name, ca },\n\
        \x20   () => { console.log('accepted'); socket.destroy(); });\n\
        socket.on('error', (error) => console.log(error.code));\n";
    let arguments = ["-e", script, &root, "{port}", NAME];
    let node = Native { program: "node", arguments: &arguments, accepts: (None, "accepted") };
    let cases = [
        (Wrong::Expired, "CERT_HAS_EXPIRED"),
        (Wrong::NotYetValid, "CERT_NOT_YET_VALID"),
        (Wrong::Name, "ERR_TLS_CERT_ALTNAME_INVALID"),
        (Wrong::SelfSigned, "DEPTH_ZERO_SELF_SIGNED_CERT"),
        (Wrong::Issuer, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"),
    ];
    node.judges(&ca, &cases).await;
}

#[tokio::test]
async fn curl_refuses_a_mirrored_defect_and_accepts_a_good_leaf() {
    let ca = Ca::new();
    let root = ca.path("ca.crt");
    let url = format!("https://{NAME}:{{port}}/");
    let resolve = format!("{NAME}:{{port}}:127.0.0.1");
    let arguments =
        ["-sS", "--noproxy", "*", "--max-time", "20", "--cacert", &root, "--resolve", &resolve, &url];
    let curl = Native { program: "curl", arguments: &arguments, accepts: (Some(Alpn::Http1), "ok") };
    let cases = [
        (Wrong::Expired, "curl: (60) SSL certificate problem: certificate has expired"),
        (Wrong::Name, "curl: (60) SSL: no alternative certificate subject name"),
        (Wrong::Issuer, "curl: (60) SSL certificate problem: unable to get local issuer certificate"),
    ];
    curl.judges(&ca, &cases).await;
}

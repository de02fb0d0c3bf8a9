//! What the tests of this module share: authorities in temporary directories, origins with any defect,
//! clients, and handshakes over a pipe in memory.

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration as Wait;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use super::authority::LiveAuthority;
use super::authority::issue::Root;
use super::constraints::Domains;
use super::provider;
use crate::hello::Host;

pub(super) const DOMAINS: &[&str] = &["api.openai.com", "*.openai.azure.com"];

pub(super) fn host(name: &str) -> Host {
    Host::parse(name).unwrap()
}

pub(super) fn soon() -> Instant {
    Instant::now() + Wait::from_secs(20)
}

/// An authority for [`DOMAINS`] in a directory that goes away with it.
pub(super) struct Ca {
    pub(super) files: TempDir,
    pub(super) live: Arc<LiveAuthority>,
}

impl Ca {
    pub(super) fn new() -> Self {
        Self::for_patterns(DOMAINS)
    }

    pub(super) fn for_patterns(patterns: &[&str]) -> Self {
        let files = tempfile::tempdir().unwrap();
        let domains = Domains::fold(patterns.iter().copied()).unwrap().domains;
        let now = OffsetDateTime::now_utc();
        let root = Root::create(&files.path().join("root"), "test", 30, now).unwrap();
        root.issue(&files.path().join("ca"), "test intermediate", &domains, 7, now).unwrap();
        let live = LiveAuthority::load(files.path().join("ca")).unwrap();
        Self { files, live: Arc::new(live) }
    }

    pub(super) fn path(&self, name: &str) -> String {
        self.files.path().join("ca").join(name).to_str().unwrap().to_owned()
    }

    /// A client that trusts this authority's root and nothing else.
    pub(super) fn client(&self, alpn: &[&str]) -> ClientConfig {
        client(self.live.current().roots(), alpn, rustls::ALL_VERSIONS)
    }
}

pub(super) fn client(
    roots: &[CertificateDer<'static>],
    alpn: &[&str],
    versions: &[&'static SupportedProtocolVersion],
) -> ClientConfig {
    let mut store = RootCertStore::empty();
    for root in roots {
        store.add(root.clone()).unwrap();
    }
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(store)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|p| p.as_bytes().to_vec()).collect();
    config
}

/// A provider's own authority, and certificates under it with any defect.
pub(super) struct Origin {
    pub(super) root: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

/// How the certificate of an origin is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrong {
    Nothing,
    Expired,
    NotYetValid,
    Name,
    SelfSigned,
    SelfSignedAuthority,
    Issuer,
    Purpose,
    Signature,
    ChainLength,
    ChainMaze,
}

impl Origin {
    pub(super) fn new() -> Self {
        Self::called("origin root")
    }

    /// An authority with this name.
    pub(super) fn called(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let root = params.self_signed(&key).unwrap().der().clone();
        Self { root, issuer: Issuer::new(params, key) }
    }

    /// The chain and key of a server called `name`.
    pub(super) fn certificate(
        &self,
        name: &str,
        wrong: Wrong,
    ) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let now = OffsetDateTime::now_utc();
        let key = KeyPair::generate().unwrap();
        let named = if wrong == Wrong::Name { "wrong.example" } else { name };
        let mut params = CertificateParams::new(vec![named.to_owned()]).unwrap();
        params.not_before = now - Duration::days(30);
        params.not_after = now + Duration::days(30);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        match wrong {
            Wrong::Expired => params.not_after = now - Duration::days(2),
            Wrong::NotYetValid => params.not_before = now + Duration::days(2),
            Wrong::Purpose => params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth],
            Wrong::SelfSignedAuthority => params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained),
            _ => {}
        }
        let mut der = match wrong {
            Wrong::SelfSigned | Wrong::SelfSignedAuthority => params.self_signed(&key).unwrap(),
            Wrong::Issuer => params.signed_by(&key, &Self::called("nobody knows").issuer).unwrap(),
            _ => params.signed_by(&key, &self.issuer).unwrap(),
        }
        .der()
        .to_vec();
        if wrong == Wrong::Signature {
            *der.last_mut().unwrap() ^= 1;
        }
        let mut chain = vec![der.into()];
        if wrong == Wrong::ChainLength {
            chain.extend(std::iter::repeat_n(self.root.clone(), 7));
        }
        if wrong == Wrong::ChainMaze {
            // Each could have issued each, and the trusted root could have issued all.
            chain.extend((0..5).map(|_| Self::called("origin root").root));
        }
        (chain, PrivateKeyDer::try_from(key.serialize_der()).unwrap())
    }

    pub(super) fn server(&self, name: &str, wrong: Wrong, alpn: &[&str]) -> ServerConfig {
        let (chain, key) = self.certificate(name, wrong);
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        config.alpn_protocols = alpn.iter().map(|p| p.as_bytes().to_vec()).collect();
        config
    }
}

/// A pipe with room for two flights.
pub(super) fn pipe() -> (DuplexStream, DuplexStream) {
    tokio::io::duplex(128 * 1024)
}

/// A server that does one handshake, says `!`, and waits for the other side to close.
pub(super) async fn serve(config: Arc<ServerConfig>, io: DuplexStream) -> std::io::Result<()> {
    let mut stream = tokio_rustls::TlsAcceptor::from(config).accept(io).await?;
    stream.write_all(b"!").await?;
    stream.flush().await?;
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.map(drop)
}

/// A whole handshake between a client and a server configuration; what the client saw.
pub(super) async fn meet(
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
    name: &str,
) -> Result<Seen, rustls::Error> {
    let (near, far) = pipe();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let connect = async {
        let mut stream = TlsConnector::from(client).connect(name, near).await.map_err(tls_error)?;
        // The byte after the handshake brings the session tickets with it.
        let mut byte = [0];
        stream.read_exact(&mut byte).await.map_err(tls_error)?;
        let (_, session) = stream.get_ref();
        Ok(Seen {
            alpn: session.alpn_protocol().map(|p| String::from_utf8_lossy(p).into_owned()),
            resumed: session.handshake_kind() == Some(rustls::HandshakeKind::Resumed),
            suite: session.negotiated_cipher_suite().map(|suite| suite.suite()),
            group: session.negotiated_key_exchange_group().map(|group| group.name()),
            chain: session
                .peer_certificates()
                .unwrap_or_default()
                .iter()
                .map(|c| c.clone().into_owned())
                .collect(),
        })
    };
    let (seen, _) = tokio::join!(connect, serve(server, far));
    seen
}

/// What a client knows after a handshake.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) alpn: Option<String>,
    pub(super) resumed: bool,
    pub(super) suite: Option<rustls::CipherSuite>,
    pub(super) group: Option<rustls::NamedGroup>,
    pub(super) chain: Vec<CertificateDer<'static>>,
}

pub(super) fn tls_error(error: std::io::Error) -> rustls::Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(tls) => tls.clone(),
        None => rustls::Error::General(error.to_string()),
    }
}

/// Runs a client program of the machine against `server` on loopback; `{port}` in an argument is replaced.
/// `None`, said aloud, if the program is not installed and this is not CI.
pub(super) async fn run_client(
    program: &str,
    arguments: &[&str],
    server: Arc<ServerConfig>,
) -> Option<String> {
    if Command::new(program).arg("--help").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
        assert!(std::env::var_os("CI").is_none(), "{program} is not installed, and CI must run this test");
        eprintln!("skipped: {program} is not installed");
        return None;
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let arguments = arguments.iter().map(|argument| argument.replace("{port}", &port));
    let child = tokio::process::Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let answer = async {
        let (io, _) = listener.accept().await.unwrap();
        let Ok(mut stream) = tokio_rustls::TlsAcceptor::from(server).accept(io).await else { return };
        let _ =
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok").await;
        let _ = stream.shutdown().await;
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
    };
    let (output, ()) = tokio::join!(child.wait_with_output(), answer);
    let output = output.unwrap();
    Some(format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)))
}

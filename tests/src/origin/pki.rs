//! The certificates of the benchmark: a root for the origins, another for the peers that intercept.
//! Writes and reads one folder of PEM files. Everything is ECDSA P-256, as it is for every proxy measured.
//!
//! `origin-root.pem`, `origin/NAME.pem`, `origin/NAME.key`: the provider's side.
//! `peer-ca.pem`, `peer-ca.key`, `peer-ca-and-key.pem`, `peer/NAME.pem`, `peer/NAME.key`: the interceptors' side.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::crypto::aws_lc_rs;
use rustls::server::ResolvesServerCertUsingSni;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::Alpn;

/// Makes both roots and one leaf under each for every name.
///
/// # Errors
/// A folder that cannot be written, or a name that no certificate can carry.
pub fn write(folder: &Path, names: &[String]) -> anyhow::Result<()> {
    let origin = root("interceptor bench origin root")?;
    let peer = root("interceptor bench peer CA")?;
    fs::create_dir_all(folder.join("origin"))?;
    fs::create_dir_all(folder.join("peer"))?;
    fs::write(folder.join("origin-root.pem"), &origin.pem)?;
    fs::write(folder.join("peer-ca.pem"), &peer.pem)?;
    fs::write(folder.join("peer-ca.key"), &peer.key)?;
    fs::write(folder.join("peer-ca-and-key.pem"), format!("{}{}", peer.pem, peer.key))?;
    for name in names {
        leaf(&origin, &folder.join("origin"), name)?;
        leaf(&peer, &folder.join("peer"), name)?;
    }
    Ok(())
}

struct Root {
    pem: String,
    key: String,
    issuer: Issuer<'static, KeyPair>,
}

fn root(common_name: &str) -> anyhow::Result<Root> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    dated(&mut params);
    let pem = params.self_signed(&key)?.pem();
    Ok(Root { pem, key: key.serialize_pem(), issuer: Issuer::new(params, key) })
}

fn leaf(root: &Root, folder: &Path, name: &str) -> anyhow::Result<()> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(vec![name.to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    dated(&mut params);
    fs::write(folder.join(format!("{name}.pem")), params.signed_by(&key, &root.issuer)?.pem())?;
    fs::write(folder.join(format!("{name}.key")), key.serialize_pem())?;
    Ok(())
}

/// Fixed dates: the folder lives for one run, and rcgen's default of the year 4096 is refused by some clients.
fn dated(params: &mut CertificateParams) {
    params.not_before = rcgen::date_time_ymd(2024, 1, 1);
    params.not_after = rcgen::date_time_ymd(2044, 1, 1);
}

/// A server that picks the origin leaf by the name asked for.
///
/// # Errors
/// A folder that `write` did not make.
pub fn server_config(folder: &Path, alpn: Alpn) -> anyhow::Result<rustls::ServerConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut resolver = ResolvesServerCertUsingSni::new();
    let origin = folder.join("origin");
    for entry in fs::read_dir(&origin).with_context(|| format!("read {}", origin.display()))? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "pem") {
            continue;
        }
        let name = path.file_stem().and_then(|stem| stem.to_str()).context("a leaf file without a name")?;
        let chain = CertificateDer::pem_file_iter(&path)?.collect::<Result<Vec<_>, _>>()?;
        let key = PrivateKeyDer::from_pem_file(path.with_extension("key"))?;
        resolver.add(name, CertifiedKey::from_der(chain, key, &provider)?)?;
    }
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(resolver));
    config.alpn_protocols = alpn.protocols();
    // Sessions can be resumed, as providers allow; clients of the benchmark decide whether they do.
    config.ticketer = aws_lc_rs::Ticketer::new()?;
    Ok(config)
}

/// The certificates in a PEM file, as roots.
///
/// # Errors
/// A file that cannot be read or holds something else.
pub fn roots(path: &Path) -> anyhow::Result<rustls::RootCertStore> {
    let mut store = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path)
        .with_context(|| format!("read the roots in {}", path.display()))?
    {
        store.add(certificate?)?;
    }
    Ok(store)
}

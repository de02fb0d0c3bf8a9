//! The certificates of the laboratory's internet: one root which is not the interceptor's, and leafs, good and bad.
//! Knows rcgen and rustls. Does not know who presents a certificate to whom, nor the interceptor's own CA.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// What is wrong, or not, with a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quality {
    /// Valid for the name, chains to the laboratory's root.
    Good,
    /// Chains to the root; its validity ended in 2021.
    Expired,
    /// Signed by its own key.
    SelfSigned,
    /// Chains to the root; names somebody else.
    WrongHost,
    /// Chains to a root nobody was given.
    UnknownIssuer,
}

/// A certificate authority that plays the public web PKI of the laboratory.
pub struct Pki {
    root: CertifiedIssuer<'static, KeyPair>,
    stranger: CertifiedIssuer<'static, KeyPair>,
}

impl Pki {
    /// Makes a new root, and a second one that nobody trusts.
    pub fn new() -> Result<Self> {
        Ok(Self { root: authority("Laboratory Web Root")?, stranger: authority("Nobody's Root")? })
    }

    /// The trusted root as PEM, the file a client of the plain internet would have.
    #[must_use]
    pub fn root_pem(&self) -> String {
        self.root.pem()
    }

    /// The trusted root as DER.
    #[must_use]
    pub fn root_der(&self) -> CertificateDer<'static> {
        self.root.der().clone()
    }

    /// A good leaf for these names and addresses, and its key, both as PEM: for servers that are not ours.
    pub fn files(&self, names: &[&str]) -> Result<(String, String)> {
        let mut params =
            CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.not_before = date_time_ymd(2024, 1, 1);
        params.not_after = date_time_ymd(2124, 1, 1);
        let key = KeyPair::generate()?;
        Ok((params.signed_by(&key, &self.root)?.pem(), key.serialize_pem()))
    }

    /// A leaf for `name` with its chain and key, ready for a rustls server.
    pub fn leaf(&self, name: &str, quality: Quality) -> Result<Arc<CertifiedKey>> {
        let subject = if quality == Quality::WrongHost { "somebody.else.example" } else { name };
        let mut params = CertificateParams::new(vec![subject.to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, subject);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        if quality == Quality::Expired {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        } else {
            params.not_before = date_time_ymd(2024, 1, 1);
            params.not_after = date_time_ymd(2124, 1, 1);
        }
        let key = KeyPair::generate()?;
        let leaf = match quality {
            Quality::SelfSigned => params.self_signed(&key)?,
            Quality::UnknownIssuer => params.signed_by(&key, &self.stranger)?,
            Quality::Good | Quality::Expired | Quality::WrongHost => params.signed_by(&key, &self.root)?,
        };
        certified(leaf.der().clone(), &key)
    }
}

fn authority(name: &str) -> Result<CertifiedIssuer<'static, KeyPair>> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = date_time_ymd(2024, 1, 1);
    params.not_after = date_time_ymd(2124, 1, 1);
    CertifiedIssuer::self_signed(params, KeyPair::generate()?).context("self-sign a laboratory root")
}

fn certified(leaf: CertificateDer<'static>, key: &KeyPair) -> Result<Arc<CertifiedKey>> {
    let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?;
    let key = crypto().key_provider.load_private_key(key)?;
    Ok(Arc::new(CertifiedKey::new(vec![leaf], key)))
}

/// The one crypto provider of the laboratory, the same as the daemon's.
#[must_use]
pub fn crypto() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

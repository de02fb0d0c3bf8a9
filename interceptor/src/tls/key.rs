//! Private keys that sign certificates. The scalar lives in aws-lc, which wipes it when it is freed; no
//! serialised copy is kept, and no key can be printed.
//! Knows ECDSA P-256 and P-384 and RSA. Does not know certificates or files.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use rcgen::{PublicKeyData, SignatureAlgorithm, SigningKey};
use zeroize::Zeroizing;

use super::pem;

/// A key that signs certificates.
pub(super) enum SecretKey {
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    /// Accepted because cert-manager makes RSA keys unless told otherwise; a signature costs 25 times more.
    Rsa(RsaKeyPair),
}

/// The text is no private key of a kind that is supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotAKey;

impl SecretKey {
    /// A new ECDSA P-256 key.
    pub(super) fn generate() -> Result<Self, NotAKey> {
        EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map(Self::P256).map_err(|_| NotAKey)
    }

    /// Reads PKCS #8, SEC 1 or PKCS #1 in PEM.
    pub(super) fn from_pem(text: &[u8]) -> Result<Self, NotAKey> {
        let der = pem::private_key(text).ok_or(NotAKey)?;
        if let Ok(key) = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_ASN1_SIGNING, &der) {
            return Ok(Self::P256(key));
        }
        if let Ok(key) = EcdsaKeyPair::from_private_key_der(&ECDSA_P384_SHA384_ASN1_SIGNING, &der) {
            return Ok(Self::P384(key));
        }
        RsaKeyPair::from_pkcs8(&der)
            .or_else(|_| RsaKeyPair::from_der(&der))
            .map(Self::Rsa)
            .map_err(|_| NotAKey)
    }

    /// PKCS #8, for writing to a file or for handing to rustls.
    pub(super) fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, NotAKey> {
        match self {
            Self::P256(key) | Self::P384(key) => key
                .to_pkcs8v1()
                .map(|document| Zeroizing::new(document.as_ref().to_vec()))
                .map_err(|_| NotAKey),
            Self::Rsa(key) => {
                let document: aws_lc_rs::encoding::Pkcs8V1Der<'_> = key.as_der().map_err(|_| NotAKey)?;
                Ok(Zeroizing::new(document.as_ref().to_vec()))
            }
        }
    }

    /// PKCS #8 in PEM.
    pub(super) fn to_pem(&self) -> Result<Zeroizing<String>, NotAKey> {
        Ok(pem::encode("PRIVATE KEY", &self.to_pkcs8()?))
    }
}

impl PublicKeyData for SecretKey {
    fn der_bytes(&self) -> &[u8] {
        match self {
            Self::P256(key) | Self::P384(key) => key.public_key().as_ref(),
            Self::Rsa(key) => key.public_key().as_ref(),
        }
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        match self {
            Self::P256(_) => &rcgen::PKCS_ECDSA_P256_SHA256,
            Self::P384(_) => &rcgen::PKCS_ECDSA_P384_SHA384,
            Self::Rsa(_) => &rcgen::PKCS_RSA_SHA256,
        }
    }
}

impl SigningKey for SecretKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let random = SystemRandom::new();
        match self {
            Self::P256(key) | Self::P384(key) => key
                .sign(&random, message)
                .map(|s| s.as_ref().to_vec())
                .map_err(|_| rcgen::Error::RemoteKeyError),
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .map_err(|_| rcgen::Error::RemoteKeyError)?;
                Ok(signature)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rsa::KeySize;

    use super::*;

    #[test]
    fn every_kind_survives_its_pem() {
        let keys = [
            SecretKey::generate().unwrap(),
            SecretKey::P384(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).unwrap()),
            SecretKey::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()),
        ];
        for key in keys {
            let again = SecretKey::from_pem(key.to_pem().unwrap().as_bytes()).unwrap();
            assert_eq!(again.der_bytes(), key.der_bytes());
            assert_eq!(again.algorithm(), key.algorithm());
            assert!(!again.sign(b"message").unwrap().is_empty());
        }
    }
}

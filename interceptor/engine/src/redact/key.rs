//! The key that tokens are made with, and what of it a tenant gets. Knows HMAC. Does not know tokens.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The secret that decides which token stands for a text. Whoever has it can tell whether a token stands for a text
/// that he guesses; nobody can get from a token to its text.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct RedactionKey([u8; 32]);

/// Fewest bytes that a key may be made of.
const FEWEST: usize = 16;

impl RedactionKey {
    /// A key of random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        RedactionKey(bytes)
    }

    /// The key that a file's content stands for. `None` if it is too short to be a secret.
    pub fn derive(material: &[u8]) -> Option<Self> {
        (material.len() >= FEWEST).then(|| RedactionKey(mac(material, &[b"interceptor redaction"])))
    }

    /// The key of one tenant: texts of two tenants have nothing in common.
    pub(crate) fn tenant(&self, name: &str) -> TenantKey {
        TenantKey(mac(&self.0, &[b"tenant", name.as_bytes()]))
    }
}

impl fmt::Debug for RedactionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedactionKey")
    }
}

/// A tenant's key.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct TenantKey([u8; 32]);

impl TenantKey {
    /// A number that the parts decide.
    pub(super) fn number(&self, parts: &[&[u8]]) -> u128 {
        let [.., a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = mac(&self.0, parts);
        u128::from_be_bytes([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p])
    }
}

impl fmt::Debug for TenantKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TenantKey")
    }
}

/// HMAC-SHA-256 over parts that cannot be mistaken for each other.
fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenants_and_parts_do_not_meet() {
        let key = RedactionKey::new([7; 32]);
        let one = key.tenant("one");
        assert_eq!(one.number(&[b"ab", b"c"]), key.tenant("one").number(&[b"ab", b"c"]));
        assert_ne!(one.number(&[b"ab", b"c"]), one.number(&[b"a", b"bc"]));
        assert_ne!(one.number(&[b"ab", b"c"]), key.tenant("two").number(&[b"ab", b"c"]));
    }

    #[test]
    fn a_key_is_long_enough_and_never_shown() {
        assert!(RedactionKey::derive(b"fifteen bytes..").is_none());
        let key = RedactionKey::derive(b"sixteen bytes...").unwrap();
        assert_eq!(format!("{key:?} {:?}", key.tenant("x")), "RedactionKey TenantKey");
    }
}

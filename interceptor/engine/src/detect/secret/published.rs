//! Keys that their issuers print: in documentation, for emulators, in sample applications. They have a key's form and
//! open nothing that is not open to everybody. Such a key is reported, of low confidence.
//!
//! Holds hashes: the sources stay free of what looks like a key. Does not know keys that leaked: those are secrets.

use sha2::{Digest as _, Sha256};

use super::super::text::{Text, Verdict};
use super::super::{Confidence, Finding};

/// Length in bytes, and the first half of the SHA-256.
const PUBLISHED: [(usize, u128); 21] = [
    // Sample applications of Google's Firebase, as the allow list of gitleaks has them.
    (39, 0xf56e3234_94a6ffc2_064e7a95_5908957d),
    (39, 0x2037abca_ffb2b777_85da716c_f7ccff4f),
    (39, 0x3f370c9d_d8225c63_b5c77de1_f785edc9),
    (39, 0xe4a5542b_b7fd7b67_e943c71a_d29c34b5),
    (39, 0xa19f89ab_3555eac1_0c40741f_6df79ecf),
    (39, 0x0b476bdf_9acf2123_d547b5ae_76f1e598),
    (39, 0xeb540d2b_6ee2a0a4_7c5779bc_8a014178),
    (39, 0x37f8f09b_df12c2f2_eae4ead7_273a62dd),
    (39, 0x8731261c_b72d8626_7a32a532_ebd3df42),
    (39, 0x49f777db_995e8260_da7ca9ff_df0c08d6),
    (39, 0x27a9a429_31dff7eb_2f8434e2_0a9bce97),
    (39, 0xdc0fcf04_6c61640c_bd1e8b99_9ada3262),
    (39, 0x4c98242d_cadc8b29_005c6b4a_ad526552),
    (39, 0xea9bb108_2cf95663_f5faca23_b8b15ef2),
    (39, 0x3a8b61d0_f636b007_840c0d40_ba12bcf4),
    (39, 0xa6c814bc_555ae62c_7bd8b58e_c07bf559),
    // The account of Azure's storage emulator, and that of Cosmos DB's: every installation has them.
    (88, 0x0011cc25_eb432071_7494d270_3e8cba85),
    (88, 0xaa654743_9583c3a2_75d4542a_0df6c1ad),
    // The secret of reCAPTCHA for tests, with which every answer passes.
    (40, 0xf5e95c99_54635b65_acab57e6_d5ea663e),
    // The keys of Stripe's documentation.
    (32, 0x2cafc097_0149a84f_3b9e62ea_f169f36f),
    (32, 0xf2d6ca16_515033e5_dce14eba_840b979d),
];

/// Lowers the confidence of a key that is printed.
pub(in crate::detect) fn lowered(text: Text<'_>, verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::Match(finding) if is_published(&text.bytes[finding.start..finding.end]) => {
            Verdict::Match(Finding { confidence: Confidence::Low, ..finding })
        }
        verdict => verdict,
    }
}

/// True if `key` is one of [`PUBLISHED`]. Most findings are told by their length alone.
fn is_published(key: &[u8]) -> bool {
    if !PUBLISHED.iter().any(|(length, _)| *length == key.len()) {
        return false;
    }
    let hash = Sha256::digest(key).iter().take(16).fold(0, |hash, byte| (hash << 8) | u128::from(*byte));
    PUBLISHED.iter().any(|(_, published)| *published == hash)
}

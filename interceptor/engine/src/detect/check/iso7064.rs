//! ISO/IEC 7064: the pure systems (mod 11-2, mod 37-2, mod 97-10) and the hybrid ones (mod 11,10 and
//! mod 37,36), as many identifiers use them.

use super::place;

/// Digits, then letters: the alphabet of the standard.
const ALPHANUMERIC: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Mod 11,10: digits with one check digit behind them (German and Croatian tax numbers).
pub(in super::super) fn mod11_10(text: &[u8]) -> bool {
    hybrid(text, &ALPHANUMERIC[..10])
}

/// Mod 37,36: letters and digits with one check character of both.
pub(in super::super) fn mod37_36(text: &[u8]) -> bool {
    hybrid(text, ALPHANUMERIC)
}

/// Mod 11-2: digits, and a check character that may be `X` (ISNI, ORCID, Chinese resident numbers).
pub(in super::super) fn mod11_2(text: &[u8]) -> bool {
    pure(text, 11, b"0123456789X")
}

/// Mod 37-2: letters and digits, and a check character that may be `*` (blood donations, ISBT 128).
#[cfg(test)]
pub(super) fn mod37_2(text: &[u8]) -> bool {
    pure(text, 37, b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*")
}

/// Mod 97-10: letters become 10 to 35, and the number is 1 modulo 97 (IBAN, LEI).
pub(in super::super) fn mod97_10(text: &[u8]) -> bool {
    remainder97(text.iter().copied()) == Some(1)
}

/// The number that letters and digits write, modulo 97; `None` for other characters.
pub(in super::super) fn remainder97(text: impl Iterator<Item = u8>) -> Option<u32> {
    let mut rest = 0u32;
    for byte in text {
        rest = match byte {
            b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
            b'A'..=b'Z' => (rest * 100 + u32::from(byte - b'A') + 10) % 97,
            _ => return None,
        };
    }
    Some(rest)
}

/// The recursive method of the hybrid systems: modulus `M` and `M + 1`, `M` being the alphabet's size.
fn hybrid(text: &[u8], alphabet: &[u8]) -> bool {
    let Some((check, body)) = text.split_last() else { return false };
    let modulus = u16::try_from(alphabet.len()).unwrap_or(u16::MAX);
    let mut product = modulus;
    for byte in body {
        let Some(value) = place(alphabet, *byte) else { return false };
        let sum = (product + value) % modulus;
        product = if sum == 0 { modulus } else { sum } * 2 % (modulus + 1);
    }
    !body.is_empty() && place(alphabet, *check).is_some_and(|check| (product + check) % modulus == 1)
}

/// The recursive method of the pure systems with radix 2; the last letter of the alphabet is a check only.
fn pure(text: &[u8], modulus: u16, alphabet: &[u8]) -> bool {
    let Some((check, body)) = text.split_last() else { return false };
    let mut product = 0;
    for byte in body {
        let Some(value) = place(&alphabet[..alphabet.len() - 1], *byte) else { return false };
        product = (product + value) * 2 % modulus;
    }
    !body.is_empty() && place(alphabet, *check).is_some_and(|check| (product + check) % modulus == 1)
}

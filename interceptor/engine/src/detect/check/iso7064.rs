//! ISO/IEC 7064: the pure systems (mod 11-2, mod 37-2, mod 97-10) and the hybrid ones (mod 11,10 and
//! mod 37,36), as many identifiers use them.

/// Mod 11,10: digits with one check digit behind them (German and Croatian tax numbers).
pub(in super::super) fn mod11_10(text: &[u8]) -> bool {
    hybrid::<10>(text)
}

/// Mod 37,36: letters and digits with one check character of both.
pub(in super::super) fn mod37_36(text: &[u8]) -> bool {
    hybrid::<36>(text)
}

/// Mod 11-2: digits, and a check character that may be `X` (ISNI, ORCID, Chinese resident numbers).
pub(in super::super) fn mod11_2(text: &[u8]) -> bool {
    pure::<11>(text, b'X')
}

/// Mod 37-2: letters and digits, and a check character that may be `*` (blood donations, ISBT 128).
#[cfg(test)]
pub(super) fn mod37_2(text: &[u8]) -> bool {
    pure::<37>(text, b'*')
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

/// The value of a character in the alphabet of the standard.
fn value(byte: u8) -> Option<u16> {
    match byte {
        b'0'..=b'9' => Some(u16::from(byte - b'0')),
        b'A'..=b'Z' => Some(u16::from(byte - b'A') + 10),
        _ => None,
    }
}

/// The recursive method of the hybrid systems: modulus `M` and `M + 1`, `M` being the alphabet's size. Subtractions
/// stand for divisions, of which there would be two for each character.
fn hybrid<const M: u16>(text: &[u8]) -> bool {
    let Some((check, body)) = text.split_last() else { return false };
    let less = |n: u16, modulus: u16| if n >= modulus { n - modulus } else { n };
    let valued = |byte: u8| value(byte).filter(|value| *value < M);
    let mut product = M;
    for byte in body {
        let Some(value) = valued(*byte) else { return false };
        // The product is at most M.
        let sum = less(product + value, M);
        product = less(2 * if sum == 0 { M } else { sum }, M + 1);
    }
    !body.is_empty() && valued(*check).is_some_and(|check| less(product + check, M) == 1)
}

/// The recursive method of the pure systems with radix 2; the last letter of the alphabet is a check only.
fn pure<const M: u16>(text: &[u8], last: u8) -> bool {
    let Some((check, body)) = text.split_last() else { return false };
    let valued = |byte: u8| value(byte).filter(|value| *value < M - 1);
    let mut product = 0;
    for byte in body {
        let Some(value) = valued(*byte) else { return false };
        product = (product + value) * 2 % M;
    }
    let check = if *check == last { Some(M - 1) } else { valued(*check) };
    !body.is_empty() && check.is_some_and(|check| (product + check) % M == 1)
}

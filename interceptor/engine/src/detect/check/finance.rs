//! Numbers of securities, firms, vehicles and devices that no country gives out.

use super::{digits, iso7064, luhn, monotonous, place, up_to_ten};

const ALPHANUMERIC: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// International number of a payment medium's phone chip: `89`, Luhn over 19 or 20 digits (ITU-T E.118).
pub(in super::super) fn iccid(text: &[u8]) -> bool {
    matches!(text.len(), 19 | 20) && text.starts_with(b"89") && luhn(text)
}

/// IMEI: Luhn over fifteen digits (3GPP TS 23.003 annex B); the reporting body in the first two is assigned.
pub(in super::super) fn imei(text: &[u8]) -> bool {
    text.len() == 15 && luhn(text) && !monotonous(text)
}

/// Clave bancaria estandarizada of Mexico: weights 3, 7, 1, each product modulo ten (ABM).
pub(in super::super) fn mx_clabe(text: &[u8]) -> bool {
    const WEIGHTS: [u16; 17] = [3, 7, 1, 3, 7, 1, 3, 7, 1, 3, 7, 1, 3, 7, 1, 3, 7];
    digits::<18>(text).is_some_and(|d| {
        let sum = d.iter().zip(WEIGHTS).map(|(digit, weight)| digit * weight % 10).sum();
        up_to_ten(sum) == d[17] && !monotonous(text)
    })
}

/// LEI: eighteen letters and digits, mod 97-10 (ISO 17442).
pub(in super::super) fn lei(text: &[u8]) -> bool {
    text.len() == 20
        && text[18..].iter().all(u8::is_ascii_digit)
        && text.iter().filter(|b| b.is_ascii_digit()).count() >= 4
        // Twelve characters are drawn from digits and letters: all digits are rather a number of 64 bits.
        && text.iter().any(u8::is_ascii_alphabetic)
        && iso7064::mod97_10(text)
}

/// ISIN: country, nine characters, Luhn over the digits that letters and digits make (ISO 6166).
pub(in super::super) fn isin(text: &[u8]) -> bool {
    if text.len() != 12 || !text[..2].iter().all(u8::is_ascii_uppercase) || !text[11].is_ascii_digit() {
        return false;
    }
    let (mut sum, mut double) = (0, false);
    for byte in text.iter().rev() {
        let Some(value) = place(ALPHANUMERIC, *byte) else { return false };
        let mut count = |digit: u16| {
            sum += if double { super::cross(2 * digit) } else { digit };
            double = !double;
        };
        count(value % 10);
        if value > 9 {
            count(value / 10);
        }
    }
    sum.is_multiple_of(10) && text[2..].iter().any(u8::is_ascii_digit)
}

/// CUSIP: eight characters, every second value doubled, digits added up (ANSI X9.6).
pub(in super::super) fn cusip(text: &[u8]) -> bool {
    let Some((check, body)) = text.split_last() else { return false };
    let mut sum = 0;
    for (byte, factor) in body.iter().zip([1, 2].iter().cycle()) {
        let Some(value) = place(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*@#", *byte) else { return false };
        sum += super::cross(value * factor);
    }
    body.len() == 8 && up_to_ten(sum) == u16::from(check.wrapping_sub(b'0')) && !monotonous(body)
}

/// SEDOL: six characters without vowels, weights 1, 3, 1, 7, 3, 9 (London Stock Exchange).
pub(in super::super) fn sedol(text: &[u8]) -> bool {
    let Some((check, body)) = text.split_last() else { return false };
    let mut sum = 0;
    for (byte, weight) in body.iter().zip([1u16, 3, 1, 7, 3, 9]) {
        if b"AEIOU".contains(byte) {
            return false;
        }
        let Some(value) = place(ALPHANUMERIC, *byte) else { return false };
        sum += value * weight;
    }
    body.len() == 6 && up_to_ten(sum) == u16::from(check.wrapping_sub(b'0')) && !monotonous(body)
}

/// BIC: four letters of the party, a country, two characters, perhaps three of a branch (ISO 9362).
pub(in super::super) fn bic(text: &[u8]) -> bool {
    matches!(text.len(), 8 | 11)
        && text[..6].iter().all(u8::is_ascii_uppercase)
        && text[6..].iter().all(u8::is_ascii_alphanumeric)
}

/// VIN: seventeen characters without I, O and Q; weights, modulo 11, the check in the ninth place (49 CFR
/// 565.15). European makers need not keep to the check.
pub(in super::super) fn vin(text: &[u8]) -> bool {
    const WEIGHTS: [u16; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    const LETTERS: &[u8; 26] = b"12345678-12345-7-923456789";
    if !vin_shape(text) {
        return false;
    }
    let mut sum = 0;
    for (byte, weight) in text.iter().zip(WEIGHTS) {
        let value = if byte.is_ascii_digit() { *byte } else { LETTERS[usize::from(byte - b'A')] };
        sum += u16::from(value.wrapping_sub(b'0')) * weight;
    }
    b"0123456789X"[usize::from(sum % 11)] == text[8]
}

/// The alphabet of a VIN, digits at its end, both kinds in it.
pub(in super::super) fn vin_shape(text: &[u8]) -> bool {
    text.len() == 17
        && text.iter().all(|b| b.is_ascii_digit() || (b.is_ascii_uppercase() && !b"IOQ".contains(b)))
        && text[13..].iter().all(u8::is_ascii_digit)
        && text[..11].iter().filter(|b| b.is_ascii_uppercase()).count() >= 2
}

/// ORCID and ISNI: sixteen digits, ISO 7064 mod 11-2 (ISO 27729); ORCID has a block of its own.
pub(in super::super) fn orcid(text: &[u8]) -> bool {
    text.len() == 16 && text.starts_with(b"000") && iso7064::mod11_2(text) && !monotonous(&text[..15])
}

/// Driver card of a tachograph and other company cards: ISO 7064 mod 37,36 over sixteen characters (TIR, GRid).
pub(in super::super) fn grid(text: &[u8]) -> bool {
    text.len() == 18 && text.starts_with(b"A1") && iso7064::mod37_36(text)
}

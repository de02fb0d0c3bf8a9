//! Numbers of Australia and New Zealand.

use super::{digits, letter, monotonous, place, up_to_ten, value, weigh};

/// Australian tax file number: nine digits, weights 1, 4, 3, 7, 5, 8, 6, 9, 10, modulo 11 (ATO).
pub(in super::super) fn au_tfn(text: &[u8]) -> bool {
    digits::<9>(text)
        .is_some_and(|d| weigh(&d, &[1, 4, 3, 7, 5, 8, 6, 9, 10]).is_multiple_of(11) && !monotonous(text))
}

/// Australian business number: one less in the first place, weights, modulo 89 (ABR).
pub(in super::super) fn au_abn(text: &[u8]) -> bool {
    digits::<11>(text).is_some_and(|mut d| {
        if d[0] == 0 {
            return false;
        }
        d[0] -= 1;
        weigh(&d, &[10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]).is_multiple_of(89)
    })
}

/// Australian company number: weights 8 to 1, modulo 10 (ASIC).
pub(in super::super) fn au_acn(text: &[u8]) -> bool {
    digits::<9>(text)
        .is_some_and(|d| up_to_ten(weigh(&d, &[8, 7, 6, 5, 4, 3, 2, 1])) == d[8] && !monotonous(text))
}

/// Medicare card of Australia: begins with 2 to 6; weights 1, 3, 7, 9; the check, the issue, perhaps the
/// person's place on the card (Services Australia).
pub(in super::super) fn au_medicare(text: &[u8]) -> bool {
    let number = if text.len() == 11 { &text[..10] } else { text };
    digits::<10>(number).is_some_and(|d| {
        (2..=6).contains(&d[0]) && weigh(&d, &[1, 3, 7, 9, 1, 3, 7, 9]) % 10 == d[8] && d[9] != 0
    })
}

/// IRD number of New Zealand: eight or nine digits in the range that was given out; two rows of weights,
/// modulo 11 (Inland Revenue, RWT specification).
pub(in super::super) fn nz_ird(text: &[u8]) -> bool {
    let mut nine = *b"000000000";
    match text.len() {
        8 => nine[1..].copy_from_slice(text),
        9 => nine.copy_from_slice(text),
        _ => return false,
    }
    digits::<9>(&nine).is_some_and(|d| {
        let first = (11 - weigh(&d, &[3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11;
        let second = || (11 - weigh(&d, &[7, 4, 3, 2, 5, 2, 7, 6]) % 11) % 11;
        (if first == 10 { second() } else { first }) == d[8]
            && (10_000_000..=200_000_000).contains(&value(&d))
            && !monotonous(text)
    })
}

/// National health index of New Zealand: three letters without I and O, then digits (modulo 11) or, since
/// 2019, digits and letters (modulo 23 … 24) (HISO 10046).
pub(in super::super) fn nz_nhi(text: &[u8]) -> bool {
    const LETTERS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ";
    if text.len() != 7 {
        return false;
    }
    let mut sum = 0;
    for (i, (byte, weight)) in text[..6].iter().zip([7u16, 6, 5, 4, 3, 2]).enumerate() {
        let value = match place(LETTERS, *byte) {
            Some(value) if i < 3 || i == 5 => value + 1,
            None if i >= 3 && byte.is_ascii_digit() => u16::from(byte - b'0'),
            _ => return false,
        };
        sum += value * weight;
    }
    if letter(text[5], 0).is_some() {
        return place(LETTERS, text[6]) == Some((23 - sum % 24) % 24);
    }
    let rest = sum % 11;
    rest != 0 && text[6].is_ascii_digit() && (11 - rest) % 10 == u16::from(text[6] - b'0')
}

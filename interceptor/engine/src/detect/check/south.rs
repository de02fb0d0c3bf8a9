//! Numbers of Israel, the Gulf, Egypt and South Africa.

use super::date::{two, yymmdd};
use super::{digits, luhn, monotonous, weigh};

/// Emirates identity number: `784`, a year of birth, seven digits, Luhn (ICA).
pub(in super::super) fn ae_id(text: &[u8]) -> bool {
    let year = text.get(3..5).unwrap_or_default();
    text.len() == 15 && text.starts_with(b"784") && (year == b"19" || year == b"20") && luhn(text)
}

/// Identity number of Saudi Arabia: ten digits that begin with 1 (citizens) or 2 (residents), Luhn.
pub(in super::super) fn sa_id(text: &[u8]) -> bool {
    text.len() == 10 && matches!(text[0], b'1' | b'2') && luhn(text)
}

/// Identity number of Israel: Luhn over nine digits (Ministry of Interior).
pub(in super::super) fn il_id(text: &[u8]) -> bool {
    text.len() == 9 && luhn(text) && !monotonous(text)
}

/// South African identity number: date of birth, sequence, citizenship 0 to 2, Luhn (Department of Home
/// Affairs).
pub(in super::super) fn za_id(text: &[u8]) -> bool {
    digits::<13>(text).is_some_and(|d| yymmdd(&d) && d[10] <= 2 && luhn(text))
}

/// Civil number of Kuwait: century 2 or 3, date of birth, weights, modulo 11 (PACI).
pub(in super::super) fn kw_civil(text: &[u8]) -> bool {
    digits::<12>(text).is_some_and(|d| {
        matches!(d[0], 2 | 3)
            && yymmdd(&d[1..])
            && 11 - weigh(&d, &[2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]) % 11 == d[11]
    })
}

/// National identity number of Egypt: century, date of birth, governorate (Civil Status Organisation). The
/// rule of its last digit is not published and not asked for.
pub(in super::super) fn eg_id(text: &[u8]) -> bool {
    digits::<14>(text).is_some_and(|d| {
        matches!(d[0], 2 | 3)
            && yymmdd(&d[1..])
            && matches!(two(d[7], d[8]), 1..=4 | 11..=19 | 21..=29 | 31..=35 | 88)
    })
}

//! Numbers of China, Hong Kong, Taiwan, Japan and Korea.

use super::date::{exists, two, yyyymmdd};
use super::{cross, digits, iso7064, letter, monotonous, place, up_to_ten, value, weigh};

/// Resident identity number of China: region, date of birth, sequence, ISO 7064 mod 11-2 (GB 11643-1999).
pub(in super::super) fn cn_resident(text: &[u8]) -> bool {
    let Some(d) = text.get(..17).and_then(digits::<17>) else { return false };
    text.len() == 18 && province(two(d[0], d[1])) && yyyymmdd(&d[6..]) && iso7064::mod11_2(text)
}

/// The number of fifteen digits that was given until 1999: no check, a short date.
pub(in super::super) fn cn_resident_old(text: &[u8]) -> bool {
    digits::<15>(text).is_some_and(|d| {
        province(two(d[0], d[1])) && exists(1900 + two(d[6], d[7]), two(d[8], d[9]), two(d[10], d[11]))
    })
}

/// GB/T 2260: the provinces.
fn province(code: u16) -> bool {
    matches!(code, 11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81 | 82 | 91)
}

/// Unified social credit code: 31 characters, weights are powers of three, modulo 31 (GB 32100-2015).
pub(in super::super) fn cn_company(text: &[u8]) -> bool {
    const ALPHABET: &[u8] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
    let Some((check, body)) = text.split_last() else { return false };
    if body.len() != 17 || !body[2..8].iter().all(u8::is_ascii_digit) || monotonous(body) {
        return false;
    }
    let (mut sum, mut weight) = (0u16, 1);
    for byte in body {
        let Some(value) = place(ALPHABET, *byte) else { return false };
        sum += value * weight;
        weight = weight * 3 % 31;
    }
    b"123456789ANY".contains(&body[0]) && place(ALPHABET, *check) == Some((31 - sum % 31) % 31)
}

/// Hong Kong identity card: one or two letters, six digits, weights 9 to 2, modulo 11, `A` for ten.
pub(in super::super) fn hk_id(text: &[u8]) -> bool {
    let (letters, rest) = match text.len() {
        8 => text.split_at(1),
        9 => text.split_at(2),
        _ => return false,
    };
    let Some(d) = digits::<6>(&rest[..6]) else { return false };
    // A missing first letter counts as a space, 36.
    let (first, second) = match letters {
        [b] => (Some(36), letter(*b, 10)),
        [a, b] => (letter(*a, 10), letter(*b, 10)),
        _ => return false,
    };
    let (Some(first), Some(second)) = (first, second) else { return false };
    let check = match rest[6] {
        b'A' => 10,
        b @ b'0'..=b'9' => u16::from(b - b'0'),
        _ => return false,
    };
    (first * 9 + second * 8 + weigh(&d, &[7, 6, 5, 4, 3, 2]) + check).is_multiple_of(11)
}

/// Identity number of Taiwan: a letter as two digits, the sex (1, 2; residents 8, 9), weights, modulo 10.
pub(in super::super) fn tw_id(text: &[u8]) -> bool {
    // The place of a letter in this row is its number less ten.
    const LETTERS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVXYWZIO";
    let Some((first, number)) = text.split_first() else { return false };
    let (Some(l), Some(d)) = (place(LETTERS, *first), digits::<9>(number)) else { return false };
    let l = l + 10;
    let sum = l / 10 + l % 10 * 9 + weigh(&d, &[8, 7, 6, 5, 4, 3, 2, 1, 1]);
    matches!(d[0], 1 | 2 | 8 | 9) && sum.is_multiple_of(10)
}

/// Unified business number of Taiwan: cross sums; a multiple of five; a seventh digit 7 may count one more.
pub(in super::super) fn tw_company(text: &[u8]) -> bool {
    digits::<8>(text).is_some_and(|d| {
        let sum = super::weigh_crosswise(&d, &[1, 2, 1, 2, 1, 2, 4, 1]);
        let seven = d[6] == 7 && (sum + 1).is_multiple_of(5);
        (sum.is_multiple_of(5) || seven) && !monotonous(text)
    })
}

/// My Number of Japan: weights 6 to 2 and 7 to 2, modulo 11 (ordinance 85 of 2014).
pub(in super::super) fn jp_my_number(text: &[u8]) -> bool {
    digits::<12>(text).is_some_and(|d| {
        let rest = weigh(&d, &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
        (if rest <= 1 { 0 } else { 11 - rest }) == d[11] && !monotonous(text)
    })
}

/// Corporate number of Japan: the first digit is nine less the rest by nine (ordinance 70 of 2014).
pub(in super::super) fn jp_corporate(text: &[u8]) -> bool {
    digits::<13>(text).is_some_and(|d| {
        let sum = weigh(&d[1..], &[2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1]);
        9 - sum % 9 == d[0] && !monotonous(text)
    })
}

/// Shape of a Korean registration number: date of birth and a seventh digit that says century and sex.
fn korean(text: &[u8], sexes: std::ops::RangeInclusive<u16>) -> Option<[u16; 13]> {
    let d = digits::<13>(text)?;
    let century = match d[6] {
        1 | 2 | 5 | 6 => 1900,
        3 | 4 | 7 | 8 => 2000,
        _ => 1800,
    };
    let birth = exists(century + two(d[0], d[1]), two(d[2], d[3]), two(d[4], d[5]));
    (birth && sexes.contains(&d[6])).then_some(d)
}

/// Weights 2 to 9 and 2 to 5.
fn korean_sum(d: &[u16; 13]) -> u16 {
    weigh(d, &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]) % 11
}

/// Resident registration number of Korea with its check digit. Numbers given since October 2020 have none.
pub(in super::super) fn kr_resident(text: &[u8]) -> bool {
    korean(text, 1..=4).is_some_and(|d| (11 - korean_sum(&d)) % 10 == d[12])
}

/// As [`kr_resident`], the check digit left out.
pub(in super::super) fn kr_resident_shape(text: &[u8]) -> bool {
    korean(text, 1..=4).is_some()
}

/// Foreigner registration number of Korea.
pub(in super::super) fn kr_foreigner(text: &[u8]) -> bool {
    korean(text, 5..=8).is_some_and(|d| (13 - korean_sum(&d)) % 10 == d[12])
}

/// As [`kr_foreigner`], the check digit left out.
pub(in super::super) fn kr_foreigner_shape(text: &[u8]) -> bool {
    korean(text, 5..=8).is_some()
}

/// Business registration number of Korea: weights 1, 3, 7, the last product counted with its tens (NTS).
pub(in super::super) fn kr_business(text: &[u8]) -> bool {
    digits::<10>(text).is_some_and(|d| {
        let sum = weigh(&d, &[1, 3, 7, 1, 3, 7, 1, 3, 5]) + d[8] * 5 / 10;
        value(&d[..3]) >= 101 && up_to_ten(sum) == d[9] && cross(two(d[3], d[4])) != 0
    })
}

/// Korean driving licence: region 11 to 28, year, serial, check that is not published.
pub(in super::super) fn kr_licence(text: &[u8]) -> bool {
    digits::<12>(text).is_some_and(|d| (11..=28).contains(&two(d[0], d[1])) && value(&d[4..10]) != 0)
}

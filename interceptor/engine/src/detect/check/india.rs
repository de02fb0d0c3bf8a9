//! Numbers of India, Pakistan, Sri Lanka, Thailand, Malaysia, Indonesia, Singapore and the Philippines.

use super::date::{short, two, yymmdd};
use super::{digits, monotonous, place, value, verhoeff, weigh};

/// Aadhaar: twelve digits, the first at least 2, Verhoeff (UIDAI).
pub(in super::super) fn in_aadhaar(text: &[u8]) -> bool {
    text.len() == 12 && text[0] >= b'2' && verhoeff::check(text) && !monotonous(text)
}

/// Permanent account number: five letters of which the fourth is the kind of holder, four digits, a letter
/// (Income Tax Department). The last letter's rule is not published.
pub(in super::super) fn in_pan(text: &[u8]) -> bool {
    let Some((head, tail)) = text.split_at_checked(5) else { return false };
    let [number @ .., last] = tail else { return false };
    digits::<4>(number).is_some_and(|d| value(&d) != 0)
        && head.iter().all(u8::is_ascii_uppercase)
        && b"ABCFGHLJPTKE".contains(&head[3])
        && last.is_ascii_uppercase()
}

/// Shape of a GSTIN: state, permanent account number, entity, `Z`, check.
pub(in super::super) fn in_gstin_shape(text: &[u8]) -> bool {
    const STATES: std::ops::RangeInclusive<u16> = 1..=38;
    if text.len() != 15 {
        return false;
    }
    let state = digits::<2>(&text[..2]).map(|d| two(d[0], d[1]));
    let pan = &text[2..12];
    state.is_some_and(|state| STATES.contains(&state) || matches!(state, 97 | 99))
        && pan[..5].iter().all(u8::is_ascii_uppercase)
        && pan[5..9].iter().all(u8::is_ascii_digit)
        && pan[9].is_ascii_uppercase()
        && text[12] != b'0'
        && text[13] == b'Z'
}

/// GSTIN: Luhn's scheme over 36 characters (GSTN, "GSTIN check digit").
pub(in super::super) fn in_gstin(text: &[u8]) -> bool {
    in_gstin_shape(text) && luhn36(&text[..14]) == place(ALPHABET, text[14])
}

const ALPHABET: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Digits to the base of 36 with alternating factors 1 and 2, from the left; each product's digits add up.
fn luhn36(text: &[u8]) -> Option<u16> {
    let mut sum = 0;
    for (byte, factor) in text.iter().zip([1, 2].iter().cycle()) {
        let product = place(ALPHABET, *byte)? * factor;
        sum += product / 36 + product % 36;
    }
    Some((36 - sum % 36) % 36)
}

/// Identity card number of Pakistan: thirteen digits, the first a province, the last the sex (NADRA).
pub(in super::super) fn pk_cnic(text: &[u8]) -> bool {
    digits::<13>(text).is_some_and(|d| (1..=7).contains(&d[0]) && d[12] != 0 && value(&d[1..5]) != 0)
}

/// Identity number of Sri Lanka: year and day of birth (women's raised by 500), old with `V` or `X`, new with
/// the year in full (Department for Registration of Persons).
pub(in super::super) fn lk_nic(text: &[u8]) -> bool {
    let day = |d: &[u16]| matches!(value(d), 1..=366 | 501..=866);
    let old = text.strip_suffix(b"V").or_else(|| text.strip_suffix(b"X"));
    old.and_then(digits::<9>).is_some_and(|d| day(&d[2..5]))
        || digits::<12>(text).is_some_and(|d| matches!(value(&d[..4]), 1900..=2030) && day(&d[4..7]))
}

/// National number of Thailand: weights 13 to 2, modulo 11; the first digit is the kind of person, the next
/// two a province (Department of Provincial Administration; ISO 3166-2:TH).
pub(in super::super) fn th_id(text: &[u8]) -> bool {
    digits::<13>(text).is_some_and(|d| {
        let province = matches!(two(d[1], d[2]), 10..=27 | 30..=58 | 60..=67 | 70..=77 | 80..=86 | 90..=96);
        let check = (11 - weigh(&d, &[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11) % 10;
        (1..=8).contains(&d[0]) && province && check == d[12] && !monotonous(text)
    })
}

/// MyKad of Malaysia: date of birth, place of birth, four digits (JPN). There is no check digit.
pub(in super::super) fn my_nric(text: &[u8]) -> bool {
    digits::<12>(text).is_some_and(|d| {
        let place =
            matches!(two(d[6], d[7]), 1..=16 | 21..=59 | 60..=68 | 71 | 72 | 74..=79 | 82..=93 | 98 | 99);
        yymmdd(&d) && place && value(&d[8..]) != 0
    })
}

/// NIK of Indonesia: province, regency, district, date of birth (women's day raised by 40), serial (Dukcapil).
pub(in super::super) fn id_nik(text: &[u8]) -> bool {
    digits::<16>(text).is_some_and(|d| {
        let day = two(d[6], d[7]);
        (11..=97).contains(&two(d[0], d[1]))
            && two(d[2], d[3]) != 0
            && two(d[4], d[5]) != 0
            && short(two(d[10], d[11]), two(d[8], d[9]), if day > 40 { day - 40 } else { day })
            && value(&d[12..]) != 0
    })
}

/// NRIC and FIN of Singapore: weights 2, 7, 6, 5, 4, 3, 2 with an offset by the leading letter, modulo 11 (ICA).
pub(in super::super) fn sg_nric(text: &[u8]) -> bool {
    let [kind, number @ .., check] = text else { return false };
    let Some(d) = digits::<7>(number) else { return false };
    let sum = weigh(&d, &[2, 7, 6, 5, 4, 3, 2]);
    let (offset, checks): (u16, &[u8; 11]) = match kind {
        b'S' => (0, b"JZIHGFEDCBA"),
        b'T' => (4, b"JZIHGFEDCBA"),
        b'F' => (0, b"XWUTRQPNMLK"),
        b'G' => (4, b"XWUTRQPNMLK"),
        b'M' => (3, b"XWUTRQPNJLK"),
        _ => return false,
    };
    checks[usize::from((sum + offset) % 11)] == *check
}

/// Unique entity number of Singapore, in its three forms (ACRA): business, local company, other.
pub(in super::super) fn sg_uen(text: &[u8]) -> bool {
    let Some((check, number)) = text.split_last() else { return false };
    match number.len() {
        8 => digits::<8>(number).is_some_and(|d| {
            b"XMKECAWLJDB"[usize::from(weigh(&d, &[10, 4, 9, 3, 8, 2, 7, 1]) % 11)] == *check
        }),
        9 if number[0].is_ascii_digit() => digits::<9>(number).is_some_and(|d| {
            let year = value(&d[..4]);
            (1900..=2099).contains(&year)
                && b"ZKCMDNERGWH"[usize::from(weigh(&d, &[10, 8, 6, 4, 9, 7, 5, 3, 1]) % 11)] == *check
        }),
        9 => other_entity(number, *check),
        _ => false,
    }
}

/// `TyyPQnnnnX`: the kind of entity in two letters, values by an alphabet without letters that look like digits.
fn other_entity(number: &[u8], check: u8) -> bool {
    const OTHER: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWX0123456789";
    const WEIGHTS: [u16; 9] = [4, 3, 5, 3, 10, 2, 2, 5, 7];
    let shape = b"RST".contains(&number[0])
        && number[1..3].iter().all(u8::is_ascii_digit)
        && number[3..5].iter().all(u8::is_ascii_uppercase)
        && number[5..].iter().all(u8::is_ascii_digit);
    let mut sum = 0;
    for (byte, weight) in number.iter().zip(WEIGHTS) {
        let Some(value) = place(OTHER, *byte) else { return false };
        sum += value * weight;
    }
    // Five less, modulo eleven.
    shape && OTHER[usize::from((sum + 6) % 11)] == check
}

/// Taxpayer identification number of the Philippines: weights 9 to 2, modulo 11, and a branch code (BIR).
pub(in super::super) fn ph_tin(text: &[u8]) -> bool {
    let (number, branch) = text.split_at(text.len().min(9));
    digits::<9>(number).is_some_and(|d| {
        weigh(&d, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11 == d[8]
            && value(&d) != 0
            && matches!(branch.len(), 0 | 3 | 5)
            && branch.iter().all(u8::is_ascii_digit)
    })
}

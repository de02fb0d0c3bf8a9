//! Numbers of Germany, Austria, Switzerland, Luxembourg, the Netherlands and Belgium.

use super::date::{ddmmyy, exists, short, two, yyyymmdd};
use super::{
    cross, digits, iso7064, letter, luhn, monotonous, up_to_ten, value, verhoeff, weigh, weigh_crosswise,
};

/// Steuerliche Identifikationsnummer: ISO 7064 mod 11,10; no leading zero; of the first ten digits at most one
/// is there three times (BZSt, "Informationen zur Berechnung gültiger Prüfziffern").
pub(in super::super) fn de_tax_id(text: &[u8]) -> bool {
    let Some(d) = digits::<11>(text).filter(|_| iso7064::mod11_10(text)) else { return false };
    let mut counts = [0u8; 10];
    for digit in &d[..10] {
        counts[usize::from(*digit)] += 1;
    }
    d[0] != 0 && counts.iter().all(|count| *count <= 3)
}

/// Versicherungsnummer of the pension insurance: area, date of birth, letter, serial, check over cross sums
/// (§ 2 VKVV). The day may be raised by 30 or 60 where a number was given twice.
pub(in super::super) fn de_pension(text: &[u8]) -> bool {
    let [head @ .., l, a, b, check] = text else { return false };
    let (Some(h), Some(l), Some([a, b, check])) =
        (digits::<8>(head), letter(*l, 1), digits::<3>(&[*a, *b, *check]))
    else {
        return false;
    };
    let all = [h[0], h[1], h[2], h[3], h[4], h[5], h[6], h[7], l / 10, l % 10, a, b];
    let day = two(h[2], h[3]);
    let birth = short(two(h[6], h[7]), two(h[4], h[5]), if day > 31 { (day - 1) % 30 + 1 } else { day });
    birth
        && two(h[0], h[1]) >= 2
        && weigh_crosswise(&all, &[2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1]) % 10 == check
}

/// Serial number of identity card or passport with the check digit of ICAO Doc 9303 (weights 7, 3, 1). The
/// letters are those that cannot be taken for a digit or form a word.
pub(in super::super) fn de_document(text: &[u8]) -> bool {
    let Some((check, serial)) = text.split_last() else { return false };
    let allowed = |b: &u8| b.is_ascii_digit() || b"CFGHJKLMNPRTVWXYZ".contains(b);
    matches!(serial.len(), 8 | 9)
        && b"CFGHJKLMNPRTVWXYZ".contains(&serial[0])
        && serial.iter().all(allowed)
        && icao(serial) == Some(u16::from(check.wrapping_sub(b'0')))
}

/// As [`de_document`], and the authority's letter is one of passports.
pub(in super::super) fn de_passport(text: &[u8]) -> bool {
    text.first().is_some_and(|b| b"CFGHJK".contains(b)) && de_document(text)
}

/// ICAO Doc 9303 part 3, 4.9: weights 7, 3, 1; letters from 10 on.
pub(in super::super) fn icao(text: &[u8]) -> Option<u16> {
    let mut sum = 0;
    for (byte, weight) in text.iter().zip([7, 3, 1].iter().cycle()) {
        sum += weight * if byte.is_ascii_digit() { u16::from(byte - b'0') } else { letter(*byte, 10)? };
    }
    Some(sum % 10)
}

/// Krankenversichertennummer: a letter as two digits, then eight, Luhn's weights from the left (§ 290 SGB V).
pub(in super::super) fn de_health(text: &[u8]) -> bool {
    let Some((first, rest)) = text.split_first() else { return false };
    let (Some(l), Some(d)) = (letter(*first, 1), digits::<9>(rest)) else { return false };
    let all = [l / 10, l % 10, d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7]];
    weigh_crosswise(&all, &[1, 2, 1, 2, 1, 2, 1, 2, 1, 2]) % 10 == d[8]
}

/// Lebenslange Arztnummer: weights 4 and 9 over six digits, then the check and two of the speciality (KBV).
pub(in super::super) fn de_lanr(text: &[u8]) -> bool {
    digits::<9>(text).is_some_and(|d| value(&d) != 0 && up_to_ten(weigh(&d, &[4, 9, 4, 9, 4, 9])) == d[6])
}

/// Betriebsstättennummer: the first two digits are an association of physicians (KBV, Arztnummern-Richtlinie).
pub(in super::super) fn de_bsnr(text: &[u8]) -> bool {
    digits::<9>(text).is_some_and(|d| {
        let area =
            matches!(two(d[0], d[1]), 1..=3 | 17 | 20 | 35 | 38 | 46..=52 | 71..=73 | 78 | 83 | 88 | 93 | 98);
        area && !monotonous(text)
    })
}

/// Number of a German driving licence: authority, serial, a check character in the tenth place and the number
/// of the copy. The check is not published.
pub(in super::super) fn de_licence(text: &[u8]) -> bool {
    text.len() == 11
        && text[1..3].iter().all(u8::is_ascii_digit)
        && text[9].is_ascii_alphanumeric()
        && text.iter().filter(|b| b.is_ascii_digit()).count() >= 4
        && text[0].is_ascii_uppercase()
}

/// Versicherungsnummer of Austria: three digits, the check, the date of birth; modulo 11 (ASVG § 30c).
pub(in super::super) fn at_svnr(text: &[u8]) -> bool {
    digits::<10>(text).is_some_and(|d| {
        let month = two(d[6], d[7]);
        // Where the numbers of a day are used up, the month is 13 to 15.
        let birth = ddmmyy(&d[4..]) || ((13..=15).contains(&month) && (1..=31).contains(&two(d[4], d[5])));
        d[0] != 0 && birth && weigh(&d, &[3, 7, 9, 0, 5, 8, 4, 2, 1, 6]) % 11 == d[3]
    })
}

/// Abgabenkontonummer of Austria: Luhn's weights from the left over eight digits (BMF).
pub(in super::super) fn at_tin(text: &[u8]) -> bool {
    digits::<9>(text).is_some_and(|d| {
        up_to_ten(weigh_crosswise(&d, &[1, 2, 1, 2, 1, 2, 1, 2])) == d[8] && !monotonous(text)
    })
}

/// AHV number of Switzerland and Liechtenstein: `756` and the check digit of EAN-13 (BSV).
pub(in super::super) fn ch_ahv(text: &[u8]) -> bool {
    text.starts_with(b"756")
        && digits::<13>(text)
            .is_some_and(|d| up_to_ten(weigh(&d, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3])) == d[12])
}

/// Unternehmens-Identifikationsnummer: `CHE` and nine digits, weights 5,4,3,2,7,6,5,4 modulo 11 (BFS).
pub(in super::super) fn ch_uid(text: &[u8]) -> bool {
    let Some(number) = text.strip_prefix(b"CHE").and_then(|rest| rest.get(..9)) else { return false };
    digits::<9>(number).is_some_and(|d| {
        let check = (11 - weigh(&d, &[5, 4, 3, 2, 7, 6, 5, 4]) % 11) % 11;
        check == d[8] && !monotonous(number)
    })
}

/// Matricule of Luxembourg: date of birth, three digits, Luhn and Verhoeff over the first eleven (CTIE).
pub(in super::super) fn lu_matricule(text: &[u8]) -> bool {
    let Some(d) = digits::<13>(text) else { return false };
    let mut second = [0; 12];
    second[..11].copy_from_slice(&text[..11]);
    second[11] = text[12];
    yyyymmdd(&d) && luhn(&text[..12]) && verhoeff::check(&second)
}

/// Burgerservicenummer of the Netherlands: weights 9 to 2 and -1, modulo 11 (RvIG, "elfproef").
pub(in super::super) fn nl_bsn(text: &[u8]) -> bool {
    digits::<9>(text).is_some_and(|d| {
        let sum = weigh(&d, &[9, 8, 7, 6, 5, 4, 3, 2]);
        value(&d) >= 10_000_000 && sum % 11 == d[8] % 11 && !monotonous(text)
    })
}

/// National register number of Belgium: date of birth, sequence, 97 less the rest by 97; a 2 stands before
/// for births from 2000 on (royal decree of 25 November 1997). The month of foreigners is raised by 20 or 40.
pub(in super::super) fn be_national(text: &[u8]) -> bool {
    digits::<11>(text).is_some_and(|d| {
        let (first, check) = (value(&d[..9]), value(&d[9..]));
        let month = two(d[2], d[3]) % 20;
        let birth = exists(2000 + two(d[0], d[1]), month, two(d[4], d[5])) || (month == 0 && d[4] < 4);
        let matches = |number: u64| 97 - number % 97 == check;
        birth && (matches(first) || matches(2_000_000_000 + first))
    })
}

/// Number of a Belgian identity card: ten digits and their rest by 97.
pub(in super::super) fn be_card(text: &[u8]) -> bool {
    digits::<12>(text).is_some_and(|d| {
        let rest = value(&d[..10]) % 97;
        (if rest == 0 { 97 } else { rest }) == value(&d[10..]) && !monotonous(text)
    })
}

/// Steuernummer in the form of the federation: thirteen digits, the first of an office, a 0 in the fifth
/// place (ELSTER, "Prüfung der Steuernummer").
pub(in super::super) fn de_tax_number(text: &[u8]) -> bool {
    digits::<13>(text).is_some_and(|d| d[4] == 0 && cross(two(d[0], d[1])) != 0)
}

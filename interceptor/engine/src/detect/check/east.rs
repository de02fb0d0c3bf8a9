//! Numbers of Czechia, Slovakia, Hungary, Romania, Bulgaria, the lands of former Yugoslavia, Greece, Turkey and
//! Iran.

use super::date::{ddmmyy, exists, short, two};
use super::{digits, iso7064, luhn, monotonous, up_to_ten, value, weigh, weigh_crosswise};

/// Rodné číslo: date of birth (women's months raised by 50, further ones by 20), a multiple of 11 (Czech law
/// 133/2000). Until 1953 the number had nine digits and no check.
pub(in super::super) fn birth_number(text: &[u8]) -> bool {
    let born = |d: &[u16]| {
        let month = two(d[2], d[3]);
        let month = if month > 50 { month - 50 } else { month };
        short(two(d[0], d[1]), if month > 20 { month - 20 } else { month }, two(d[4], d[5]))
    };
    digits::<10>(text).is_some_and(|d| {
        let whole = value(&d).is_multiple_of(11);
        born(&d) && (whole || (value(&d[..9]) % 11 == 10 && d[9] == 0))
    }) || digits::<9>(text).is_some_and(|d| born(&d) && two(d[0], d[1]) < 54 && value(&d[6..]) != 0)
}

/// IČO of Czechia and Slovakia: weights 8 to 2, modulo 11.
pub(in super::super) fn cz_company(text: &[u8]) -> bool {
    digits::<8>(text)
        .is_some_and(|d| (11 - weigh(&d, &[8, 7, 6, 5, 4, 3, 2]) % 11) % 10 == d[7] && !monotonous(text))
}

/// Adóazonosító jel of Hungary: begins with 8; weights 1 to 9, modulo 11 (law CL of 2017).
pub(in super::super) fn hu_tax(text: &[u8]) -> bool {
    digits::<10>(text).is_some_and(|d| d[0] == 8 && weigh(&d, &[1, 2, 3, 4, 5, 6, 7, 8, 9]) % 11 == d[9])
}

/// TAJ number of Hungary: weights 3 and 7, modulo 10 (law XX of 1996).
pub(in super::super) fn hu_taj(text: &[u8]) -> bool {
    digits::<9>(text).is_some_and(|d| weigh(&d, &[3, 7, 3, 7, 3, 7, 3, 7]) % 10 == d[8] && !monotonous(text))
}

/// Személyi azonosító of Hungary: sex and century, date of birth, serial; weights upward until 1996, downward
/// since, modulo 11 (law XX of 1996).
pub(in super::super) fn hu_personal(text: &[u8]) -> bool {
    digits::<11>(text).is_some_and(|d| {
        let old = weigh(&d, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) % 11;
        let new = || weigh(&d, &[10, 9, 8, 7, 6, 5, 4, 3, 2, 1]) % 11;
        (1..=8).contains(&d[0])
            && (old == d[10] || new() == d[10])
            && short(two(d[1], d[2]), two(d[3], d[4]), two(d[5], d[6]))
    })
}

/// Cod numeric personal of Romania: sex and century, date of birth, county, weights, modulo 11.
pub(in super::super) fn ro_cnp(text: &[u8]) -> bool {
    digits::<13>(text).is_some_and(|d| {
        let rest = weigh(&d, &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11;
        d[0] != 0
            && short(two(d[1], d[2]), two(d[3], d[4]), two(d[5], d[6]))
            && matches!(two(d[7], d[8]), 1..=52 | 70 | 80..=83)
            && (if rest == 10 { 1 } else { rest }) == d[12]
    })
}

/// Cod unic de înregistrare of Romania: two to ten digits, weights from the right, modulo 11.
pub(in super::super) fn ro_cui(text: &[u8]) -> bool {
    const WEIGHTS: [u16; 9] = [2, 3, 5, 7, 1, 2, 3, 5, 7];
    let Some((check, number)) = text.split_last() else { return false };
    if !(1..=9).contains(&number.len()) || text[0] == b'0' || !text.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let sum: u16 = number.iter().rev().zip(WEIGHTS).map(|(b, weight)| u16::from(b - b'0') * weight).sum();
    sum * 10 % 11 % 10 == u16::from(check - b'0')
}

/// EGN of Bulgaria: date of birth with the century in the month, weights, modulo 11 (GRAO).
pub(in super::super) fn bg_egn(text: &[u8]) -> bool {
    digits::<10>(text).is_some_and(|d| {
        let month = two(d[2], d[3]);
        short(two(d[0], d[1]), if month > 40 { month - 40 } else { month % 20 }, two(d[4], d[5]))
            && weigh(&d, &[2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10 == d[9]
    })
}

/// BULSTAT of Bulgaria: nine digits, two rows of weights, modulo 11.
pub(in super::super) fn bg_company(text: &[u8]) -> bool {
    digits::<9>(text).is_some_and(|d| {
        let first = weigh(&d, &[1, 2, 3, 4, 5, 6, 7, 8]) % 11;
        let second = || weigh(&d, &[3, 4, 5, 6, 7, 8, 9, 10]) % 11;
        (if first == 10 { second() % 10 } else { first }) == d[8] && !monotonous(text)
    })
}

/// OIB of Croatia: ISO 7064 mod 11,10 (law on the personal identification number).
pub(in super::super) fn hr_oib(text: &[u8]) -> bool {
    text.len() == 11 && iso7064::mod11_10(text) && !monotonous(text)
}

/// JMBG and EMŠO: date of birth with three digits of the year, region, weights 7 to 2, modulo 11.
fn yugoslav(text: &[u8], region: impl Fn(u16) -> bool) -> bool {
    digits::<13>(text).is_some_and(|d| {
        let year = d[4] * 100 + two(d[5], d[6]);
        let year = if year >= 850 { 1000 + year } else { 2000 + year };
        let check = (11 - weigh(&d, &[7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11 % 10;
        let alive = (1850..=2049).contains(&year);
        alive && exists(year, two(d[2], d[3]), two(d[0], d[1])) && region(two(d[7], d[8])) && check == d[12]
    })
}

/// EMŠO of Slovenia: region 50.
pub(in super::super) fn si_emso(text: &[u8]) -> bool {
    yugoslav(text, |region| (50..=59).contains(&region))
}

/// JMBG: every region but Slovenia's.
pub(in super::super) fn jmbg(text: &[u8]) -> bool {
    yugoslav(text, |region| !(50..=59).contains(&region))
}

/// Davčna številka of Slovenia: weights 8 to 2, modulo 11.
pub(in super::super) fn si_tax(text: &[u8]) -> bool {
    digits::<8>(text).is_some_and(|d| {
        let check = 11 - weigh(&d, &[8, 7, 6, 5, 4, 3, 2]) % 11;
        d[0] != 0 && check != 11 && check % 10 == d[7] && !monotonous(text)
    })
}

/// PIB of Serbia: nine digits, ISO 7064 mod 11,10 (law on tax procedure).
pub(in super::super) fn rs_tax(text: &[u8]) -> bool {
    text.len() == 9 && iso7064::mod11_10(text) && !monotonous(text)
}

/// AFM of Greece: powers of two, modulo 11.
pub(in super::super) fn gr_tax(text: &[u8]) -> bool {
    digits::<9>(text)
        .is_some_and(|d| weigh(&d, &[256, 128, 64, 32, 16, 8, 4, 2]) % 11 % 10 == d[8] && !monotonous(text))
}

/// AMKA of Greece: date of birth, Luhn (IDIKA).
pub(in super::super) fn gr_amka(text: &[u8]) -> bool {
    digits::<11>(text).is_some_and(|d| ddmmyy(&d)) && luhn(text)
}

/// T.C. kimlik numarası: the tenth digit weighs odd against even places, the eleventh sums the ten (NVI).
pub(in super::super) fn tr_id(text: &[u8]) -> bool {
    digits::<11>(text).is_some_and(|d| {
        let odd = d[0] + d[2] + d[4] + d[6] + d[8];
        let even = d[1] + d[3] + d[5] + d[7];
        d[0] != 0 && (odd * 7 + 90 - even) % 10 == d[9] && (odd + even + d[9]) % 10 == d[10]
    })
}

/// Vergi kimlik numarası: nine digits, shifted, times powers of two modulo 9 (Gelir İdaresi).
pub(in super::super) fn tr_tax(text: &[u8]) -> bool {
    const POWERS: [u16; 9] = [512, 256, 128, 64, 32, 16, 8, 4, 2];
    digits::<10>(text).is_some_and(|d| {
        let mut sum = 0;
        for (shift, (digit, power)) in (0..9u16).zip(d.iter().zip(POWERS)) {
            let moved = (digit + 9 - shift) % 10;
            let part = moved * power % 9;
            sum += if moved != 0 && part == 0 { 9 } else { part };
        }
        up_to_ten(sum) == d[9] && !monotonous(text)
    })
}

/// National code of Iran: weights 10 to 2, modulo 11 (National Organization for Civil Registration).
pub(in super::super) fn ir_code(text: &[u8]) -> bool {
    digits::<10>(text).is_some_and(|d| {
        let rest = weigh(&d, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
        value(&d[3..9]) != 0 && (if rest < 2 { rest } else { 11 - rest }) == d[9] && !monotonous(text)
    })
}

/// Číslo of a Slovak tax payer (IČ DPH): a multiple of eleven.
pub(in super::super) fn sk_tax(text: &[u8]) -> bool {
    digits::<10>(text).is_some_and(|d| {
        matches!(d[0], 1..=9) && matches!(d[2], 2..=4 | 7..=9) && value(&d).is_multiple_of(11)
    })
}

/// Hungarian company: eight digits, weights 9, 7, 3, 1, modulo 10.
pub(in super::super) fn hu_company(text: &[u8]) -> bool {
    digits::<8>(text)
        .is_some_and(|d| up_to_ten(weigh(&d, &[9, 7, 3, 1, 9, 7, 3])) == d[7] && !monotonous(text))
}

/// Eight digits of an Austrian firm: cross sums and four, modulo ten (BMF, UID).
pub(in super::super) fn at_company(text: &[u8]) -> bool {
    digits::<8>(text).is_some_and(|d| {
        up_to_ten(weigh_crosswise(&d, &[1, 2, 1, 2, 1, 2, 1]) + 4) == d[7] && !monotonous(text)
    })
}

//! Numbers of Estonia, Lithuania, Latvia, Poland, Ukraine, Russia, Kazakhstan and Moldova.

use super::date::{exists, short, two};
use super::{digits, letter, monotonous, value, weigh};

/// Isikukood and asmens kodas: sex and century, date of birth, serial; two rows of weights, modulo 11 (EVS
/// 585:2007; Lithuanian law I-2237).
pub(in super::super) fn personal_code(text: &[u8]) -> bool {
    let Some(d) = digits::<11>(text) else { return false };
    let century = match d[0] {
        1..=8 => 1800 + (d[0] - 1) / 2 * 100,
        _ => return false,
    };
    let first = weigh(&d, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11;
    let second = || weigh(&d, &[3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11;
    let check = if first < 10 { first } else { second() % 10 };
    check == d[10] && exists(century + two(d[1], d[2]), two(d[3], d[4]), two(d[5], d[6]))
}

/// Personas kods: date of birth, century, three digits, modulo 11 (Latvian rules 1131). Numbers given since
/// 2017 begin with 32 and carry neither date nor a published check.
pub(in super::super) fn lv_personal(text: &[u8]) -> bool {
    let Some(d) = digits::<11>(text) else { return false };
    let check = (1101 - weigh(&d, &[1, 6, 3, 7, 9, 10, 5, 8, 4, 2])) % 11;
    short(two(d[4], d[5]), two(d[2], d[3]), two(d[0], d[1])) && d[6] <= 2 && check == d[10]
}

/// The Latvian numbers of 2017 and later.
pub(in super::super) fn lv_new(text: &[u8]) -> bool {
    digits::<11>(text).is_some_and(|d| d[0] == 3 && (2..=9).contains(&d[1]))
}

/// PESEL: date of birth with the century in the month, weights 1, 3, 7, 9 (Polish law on population records).
pub(in super::super) fn pl_pesel(text: &[u8]) -> bool {
    digits::<11>(text).is_some_and(|d| {
        let month = two(d[2], d[3]);
        short(two(d[0], d[1]), month % 20, two(d[4], d[5]))
            && super::up_to_ten(weigh(&d, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3])) == d[10]
    })
}

/// A PESEL whose sum is right and whose month is none of any century, as programs make them up.
pub(in super::super) fn pl_pesel_sum(text: &[u8]) -> bool {
    digits::<11>(text).is_some_and(|d| {
        !(1..=12).contains(&(two(d[2], d[3]) % 20))
            && super::up_to_ten(weigh(&d, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3])) == d[10]
            && !monotonous(text)
    })
}

/// NIP: weights 6, 5, 7, 2, 3, 4, 5, 6, 7, modulo 11 (Polish law on the identification of taxpayers).
pub(in super::super) fn pl_nip(text: &[u8]) -> bool {
    digits::<10>(text).is_some_and(|d| {
        d[0] != 0 && weigh(&d, &[6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11 == d[9] && !monotonous(text)
    })
}

/// REGON: nine or fourteen digits, modulo 11 (GUS).
pub(in super::super) fn pl_regon(text: &[u8]) -> bool {
    let short = |text: &[u8]| {
        digits::<9>(text)
            .is_some_and(|d| weigh(&d, &[8, 9, 2, 3, 4, 5, 6, 7]) % 11 % 10 == d[8] && !monotonous(text))
    };
    let long = |text: &[u8]| {
        digits::<14>(text)
            .is_some_and(|d| weigh(&d, &[2, 4, 8, 5, 0, 9, 7, 3, 6, 1, 2, 4, 8]) % 11 % 10 == d[13])
    };
    short(text) || (long(text) && short(&text[..9]))
}

/// Polish identity card: three letters, the check, five digits; weights 7, 3, 1 (Ministry of the Interior).
pub(in super::super) fn pl_card(text: &[u8]) -> bool {
    let Some((head, tail)) = text.split_at_checked(3) else { return false };
    let Some(d) = digits::<6>(tail) else { return false };
    let weights = [7, 3, 1];
    let mut sum = weigh(&d[1..], &[7, 3, 1, 7, 3]);
    for (byte, weight) in head.iter().zip(weights) {
        let Some(value) = letter(*byte, 10) else { return false };
        sum += value * weight;
    }
    sum % 10 == d[0]
}

/// Polish passport: two letters, the check, six digits.
pub(in super::super) fn pl_passport(text: &[u8]) -> bool {
    let Some((head, tail)) = text.split_at_checked(2) else { return false };
    let (Some(a), Some(b), Some(d)) = (letter(head[0], 10), letter(head[1], 10), digits::<7>(tail)) else {
        return false;
    };
    (a * 7 + b * 3 + weigh(&d, &[9, 1, 7, 3, 1, 7, 3])).is_multiple_of(10)
}

/// Ukrainian taxpayer's number (RNOKPP): days since 1899 in front; weights -1, 5, 7, 9, 4, 6, 10, 5, 7, modulo
/// 11 (State Tax Service).
pub(in super::super) fn ua_tax(text: &[u8]) -> bool {
    digits::<10>(text).is_some_and(|d| {
        // Ten is minus one modulo eleven.
        weigh(&d, &[10, 5, 7, 9, 4, 6, 10, 5, 7]) % 11 % 10 == d[9]
            && !monotonous(text)
            && value(&d[..5]) != 0
    })
}

/// INN of Russia: ten digits for companies, twelve for people (FNS, order MMV-7-6/435).
pub(in super::super) fn ru_inn(text: &[u8]) -> bool {
    let region = |d: &[u16]| two(d[0], d[1]) != 0;
    let ten = digits::<10>(text)
        .is_some_and(|d| region(&d) && weigh(&d, &[2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11 % 10 == d[9]);
    let twelve = digits::<12>(text).is_some_and(|d| {
        region(&d)
            && weigh(&d, &[7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11 % 10 == d[10]
            && weigh(&d, &[3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11 % 10 == d[11]
    });
    (ten || twelve) && !monotonous(text)
}

/// SNILS of Russia: weights 9 to 1, modulo 101 (Social Fund).
pub(in super::super) fn ru_snils(text: &[u8]) -> bool {
    digits::<11>(text).is_some_and(|d| {
        let sum = weigh(&d, &[9, 8, 7, 6, 5, 4, 3, 2, 1]);
        value(&d[..9]) > 1_001_998 && u64::from(sum % 101 % 100) == value(&d[9..])
    })
}

/// OGRN (13 digits) and OGRNIP (15) of Russia: the rest by 11 and by 13 (government decree 438).
pub(in super::super) fn ru_ogrn(text: &[u8]) -> bool {
    let kind = |d: u16| matches!(d, 1..=9) && d != 4;
    digits::<13>(text)
        .is_some_and(|d| kind(d[0]) && value(&d[..12]) % 11 % 10 == u64::from(d[12]) && !monotonous(text))
        || digits::<15>(text)
            .is_some_and(|d| d[0] == 3 && value(&d[..14]) % 13 % 10 == u64::from(d[14]) && !monotonous(text))
}

/// IIN of Kazakhstan: date of birth, century and sex, two rows of weights, modulo 11 (law 223-III).
pub(in super::super) fn kz_iin(text: &[u8]) -> bool {
    digits::<12>(text).is_some_and(|d| {
        let first = weigh(&d, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]) % 11;
        let second = weigh(&d, &[3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2]) % 11;
        super::date::yymmdd(&d)
            && (1..=6).contains(&d[6])
            && (if first == 10 { second } else { first }) == d[11]
    })
}

/// IDNP of Moldova: begins with 0 or 2; weights 7, 3, 1, modulo 10 (State Register of Population).
pub(in super::super) fn md_idnp(text: &[u8]) -> bool {
    digits::<13>(text).is_some_and(|d| {
        matches!(d[0], 0 | 2)
            && weigh(&d, &[7, 3, 1, 7, 3, 1, 7, 3, 1, 7, 3, 1]) % 10 == d[12]
            && !monotonous(text)
    })
}

//! Numbers of Finland, Sweden, Norway, Denmark and Iceland.

use super::date::{ddmmyy, short, two};
use super::{digits, luhn, monotonous, weigh};

/// Henkilötunnus: date of birth, the century's mark, three digits, and a character that is the rest by 31 of
/// the nine digits (DVV; the marks of 2023 included).
pub(in super::super) fn fi_hetu(text: &[u8]) -> bool {
    const CHECKS: &[u8; 31] = b"0123456789ABCDEFHJKLMNPRSTUVWXY";
    let (birth, mark, tail) = match text.len() {
        // A dash or plus between the groups is no character.
        10 => (&text[..6], b'-', &text[6..]),
        11 => (&text[..6], text[6], &text[7..]),
        _ => return false,
    };
    let [number @ .., check] = tail else { return false };
    let (Some(birth), Some(number)) = (digits::<6>(birth), digits::<3>(number)) else { return false };
    let century = matches!(mark, b'-' | b'A'..=b'F' | b'U'..=b'Y');
    let rest = (super::value(&birth) * 1000 + super::value(&number)) % 31;
    century
        && ddmmyy(&birth)
        && super::value(&number) >= 2
        && CHECKS.get(usize::try_from(rest).unwrap_or(usize::MAX)) == Some(check)
}

/// Business identity code of Finland: weights 7, 9, 10, 5, 8, 4, 2, modulo 11 (PRH).
pub(in super::super) fn fi_business(text: &[u8]) -> bool {
    digits::<8>(text).is_some_and(|d| {
        let rest = weigh(&d, &[7, 9, 10, 5, 8, 4, 2]) % 11;
        rest != 1 && (11 - rest) % 11 == d[7] && !monotonous(text)
    })
}

/// Personnummer, also samordningsnummer (day raised by 60): Luhn over the ten digits (Skatteverket, SKV 704).
pub(in super::super) fn se_personal(text: &[u8]) -> bool {
    let born = |d: &[u16]| {
        let day = two(d[4], d[5]);
        short(two(d[0], d[1]), two(d[2], d[3]), if day > 60 { day - 60 } else { day })
    };
    match text.len() {
        10 => digits::<10>(text).is_some_and(|d| born(&d)) && luhn(text),
        12 => {
            let century = matches!(&text[..2], b"18" | b"19" | b"20");
            century && digits::<12>(text).is_some_and(|d| born(&d[2..])) && luhn(&text[2..])
        }
        _ => false,
    }
}

/// Twelve digits with the sum over all of them, the century too: not the rule, but what some programs write.
pub(in super::super) fn se_personal_whole(text: &[u8]) -> bool {
    digits::<12>(text).is_some_and(|d| {
        let day = two(d[6], d[7]);
        matches!(two(d[0], d[1]), 18..=20)
            && short(two(d[2], d[3]), two(d[4], d[5]), if day > 60 { day - 60 } else { day })
    }) && luhn(text)
}

/// Organisationsnummer: the third digit is at least 2, which no month's is; Luhn (Bolagsverket).
pub(in super::super) fn se_organisation(text: &[u8]) -> bool {
    text.len() == 10 && text[0] != b'0' && text[2] >= b'2' && luhn(text) && !monotonous(text)
}

/// Fødselsnummer and D-number (day raised by 40): date of birth and two check digits, modulo 11
/// (Skatteetaten).
pub(in super::super) fn no_birth(text: &[u8]) -> bool {
    digits::<11>(text).is_some_and(|d| {
        let (day, month) = (two(d[0], d[1]), two(d[2], d[3]));
        let first = (11 - weigh(&d, &[3, 7, 6, 1, 8, 9, 4, 5, 2]) % 11) % 11;
        let second = || (11 - weigh(&d, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11;
        // Hospitals raise the month by 40, test populations by 80.
        first == d[9]
            && second() == d[10]
            && short(two(d[4], d[5]), month % 40, if day > 40 { day - 40 } else { day })
    })
}

/// Organisasjonsnummer: begins with 8 or 9; weights 3, 2, 7, 6, 5, 4, 3, 2, modulo 11 (Brønnøysundregistrene).
pub(in super::super) fn no_organisation(text: &[u8]) -> bool {
    digits::<9>(text).is_some_and(|d| {
        let check = (11 - weigh(&d, &[3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11;
        matches!(d[0], 8 | 9) && check == d[8] && !monotonous(text)
    })
}

/// CPR number of Denmark: a date of birth, four digits, and a sum that 11 divides.
pub(in super::super) fn dk_cpr(text: &[u8]) -> bool {
    digits::<10>(text).is_some_and(|d| {
        ddmmyy(&d)
            && super::value(&d[6..]) != 0
            && weigh(&d, &[4, 3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
    })
}

/// One of the numbers that were given out since 2007 without the sum: only to those born on a first of January, the
/// date of whoever does not know his own (CPR-kontoret, "Personnumre uden kontrolciffer").
pub(in super::super) fn dk_cpr_without_sum(text: &[u8]) -> bool {
    digits::<10>(text).is_some_and(|d| super::value(&d[..4]) == 101 && super::value(&d[6..]) != 0)
}

/// CVR number of Denmark: weights 2, 7, 6, 5, 4, 3, 2, 1, modulo 11 (Erhvervsstyrelsen).
pub(in super::super) fn dk_cvr(text: &[u8]) -> bool {
    digits::<8>(text).is_some_and(|d| {
        d[0] != 0 && weigh(&d, &[2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11) && !monotonous(text)
    })
}

/// Kennitala of Iceland: date of birth (companies raise the day by 40), weights 3, 2, 7 …, modulo 11, the
/// century at the end (Þjóðskrá).
pub(in super::super) fn is_kennitala(text: &[u8]) -> bool {
    digits::<10>(text).is_some_and(|d| {
        let day = two(d[0], d[1]);
        let check = (11 - weigh(&d, &[3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11;
        short(two(d[4], d[5]), two(d[2], d[3]), if day > 40 { day - 40 } else { day })
            && matches!(d[9], 0 | 9)
            && check == d[8]
    })
}

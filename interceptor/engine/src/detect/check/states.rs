//! Numbers of the United States, Canada, the United Kingdom and Ireland.

use super::date::two;
use super::{digits, luhn, luhn_after, monotonous, value, weigh};

/// Individual taxpayer identification number: nine digits that begin with 9; the fourth and fifth are 50 to
/// 65, 70 to 88, 90 to 92 or 94 to 99 (IRS, Publication 4757).
pub(in super::super) fn us_itin(text: &[u8]) -> bool {
    digits::<9>(text)
        .is_some_and(|d| d[0] == 9 && matches!(two(d[3], d[4]), 50..=65 | 70..=88 | 90..=92 | 94..=99))
}

/// Employer identification number: the first two digits are a prefix that the IRS has assigned.
pub(in super::super) fn us_ein(text: &[u8]) -> bool {
    digits::<9>(text).is_some_and(|d| {
        let unused =
            matches!(two(d[0], d[1]), 0 | 7..=9 | 17..=19 | 28 | 29 | 49 | 69 | 70 | 78 | 79 | 89 | 96 | 97);
        !unused && !monotonous(text)
    })
}

/// National provider identifier: Luhn over `80840` and ten digits that begin with 1 or 2 (45 CFR 162.406).
pub(in super::super) fn us_npi(text: &[u8]) -> bool {
    text.len() == 10 && matches!(text[0], b'1' | b'2') && luhn_after(24, text)
}

/// Medicare beneficiary identifier: eleven places, of which each has its own class; the letters S, L, O, I, B
/// and Z are not used (CMS, "Understanding the MBI").
pub(in super::super) fn us_mbi(text: &[u8]) -> bool {
    const CLASSES: &[u8; 11] = b"CAXNAXNAANN";
    text.len() == 11
        && text.iter().zip(CLASSES).all(|(b, class)| {
            let letter = b.is_ascii_uppercase() && !b"SLOIBZ".contains(b);
            match class {
                b'C' => matches!(b, b'1'..=b'9'),
                b'A' => letter,
                b'N' => b.is_ascii_digit(),
                _ => letter || b.is_ascii_digit(),
            }
        })
}

/// Registration with the Drug Enforcement Administration: two characters and seven digits; the digits in odd
/// places and twice those in even places add up to the last (21 CFR 1301, DEA's practitioner's manual).
pub(in super::super) fn us_dea(text: &[u8]) -> bool {
    let Some((kind, number)) = text.split_at_checked(2) else { return false };
    let Some(d) = digits::<7>(number) else { return false };
    b"ABCDEFGHJKLMPRSTUX".contains(&kind[0])
        && (kind[1].is_ascii_uppercase() || kind[1] == b'9')
        && d[..6].iter().any(|digit| *digit != 0)
        && weigh(&d, &[1, 2, 1, 2, 1, 2]) % 10 == d[6]
}

/// Routing transit number: weights 3, 7, 1; the first two digits are a Federal Reserve district or a kind of
/// institution (American Bankers Association, key to routing numbers).
pub(in super::super) fn us_aba(text: &[u8]) -> bool {
    digits::<9>(text).is_some_and(|d| {
        matches!(two(d[0], d[1]), 1..=12 | 21..=32 | 61..=72 | 80)
            && weigh(&d, &[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10)
    })
}

/// Canadian social insurance number: Luhn. A leading 0 is for examples and some taxpayers' numbers, 8 marks business
/// numbers.
pub(in super::super) fn ca_sin(text: &[u8]) -> bool {
    text.len() == 9 && text[0] != b'8' && luhn(text) && !monotonous(text)
}

/// Canadian business number: Luhn over nine digits.
pub(in super::super) fn ca_bn(text: &[u8]) -> bool {
    let number = text.get(..9).unwrap_or_default();
    luhn(number) && !monotonous(number)
}

/// National insurance number: two letters of which several are never used, six digits, a letter from A to D
/// (HMRC, National Insurance Manual NIM39110).
pub(in super::super) fn uk_nino(text: &[u8]) -> bool {
    let [a, b, number @ .., suffix] = text else { return false };
    let pair: &[u8] = &[*a, *b];
    let never: [&[u8]; 7] = [b"BG", b"GB", b"KN", b"NK", b"NT", b"TN", b"ZZ"];
    digits::<6>(number).is_some()
        && a.is_ascii_uppercase()
        && b.is_ascii_uppercase()
        && !b"DFIQUV".contains(a)
        && !b"DFIOQUV".contains(b)
        && matches!(suffix, b'A'..=b'D')
        && !never.contains(&pair)
}

/// NHS number: weights 10 to 2, modulo 11 (NHS data dictionary).
pub(in super::super) fn uk_nhs(text: &[u8]) -> bool {
    digits::<10>(text).is_some_and(|d| {
        let check = 11 - weigh(&d, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
        check != 10 && check % 11 == d[9] && !monotonous(text)
    })
}

/// Unique taxpayer reference: the first digit checks the others (HMRC, modulus 11 check for UTRs).
pub(in super::super) fn uk_utr(text: &[u8]) -> bool {
    const CHECKS: [u16; 11] = [2, 1, 9, 8, 7, 6, 5, 4, 3, 2, 1];
    digits::<10>(text).is_some_and(|d| {
        let sum = weigh(&d[1..], &[6, 7, 8, 9, 10, 5, 4, 3, 2]);
        CHECKS[usize::from(sum % 11)] == d[0] && !monotonous(text)
    })
}

/// Driver number of Great Britain: five characters of the surname filled up with 9, a date of birth in pieces
/// (the month of women is raised by 50), initials, a digit and two check letters (DVLA, INF45).
pub(in super::super) fn uk_driver(text: &[u8]) -> bool {
    let Some((name, rest)) = text.split_at_checked(5) else { return false };
    let Some((birth, tail)) = rest.split_at_checked(6) else { return false };
    let Some(d) = digits::<6>(birth) else { return false };
    let letters = name.iter().take_while(|b| b.is_ascii_uppercase()).count();
    let initial = |b: u8| b.is_ascii_uppercase() || b == b'9';
    let [first, second, number, check @ ..] = tail else { return false };
    letters >= 1
        && name[letters..].iter().all(|b| *b == b'9')
        && super::date::short(two(d[0], d[5]), two(d[1] % 5, d[2]), two(d[3], d[4]))
        && initial(*first)
        && initial(*second)
        && number.is_ascii_alphanumeric()
        && check.len() == 2
        && check.iter().all(u8::is_ascii_uppercase)
}

/// Value added tax number: weights 8 to 2 and the check in the last two digits, modulo 97, with or without 55
/// added (HMRC, VATREG14000). Three digits of a branch may follow.
pub(in super::super) fn uk_vat(text: &[u8]) -> bool {
    let number = if text.len() == 12 { &text[..9] } else { text };
    digits::<9>(number).is_some_and(|d| {
        let sum = weigh(&d, &[8, 7, 6, 5, 4, 3, 2]) + two(d[7], d[8]);
        value(&d[..7]) != 0 && (sum.is_multiple_of(97) || (sum + 55).is_multiple_of(97))
    })
}

/// Irish personal public service number: weights 8 to 2, a second letter counts nine times (Department of
/// Social Protection). `W` stands for 0 in both places.
pub(in super::super) fn ie_pps(text: &[u8]) -> bool {
    const CHECKS: &[u8; 23] = b"WABCDEFGHIJKLMNOPQRSTUV";
    let Some((number, letters)) = text.split_at_checked(7) else { return false };
    let Some(d) = digits::<7>(number) else { return false };
    let second = match letters {
        [_] => 0,
        [_, b'W' | b'T' | b'X'] => 0,
        [_, b @ b'A'..=b'I'] => u16::from(b - b'A') + 1,
        _ => return false,
    };
    let sum = weigh(&d, &[8, 7, 6, 5, 4, 3, 2]) + 9 * second;
    CHECKS[usize::from(sum % 23)] == letters[0]
}

//! Numbers of France, Spain, Italy and Portugal.

use super::date::{short, two};
use super::{digits, letter, luhn, monotonous, place, value, weigh};

/// Numéro d'inscription au répertoire (sécurité sociale): sex, year, month, department, commune, order; 97
/// less the rest by 97 (INSEE, décret 82-103). Corsica's `2A` and `2B` count as 19 and 18.
pub(in super::super) fn fr_nir(text: &[u8]) -> bool {
    if text.len() != 15 {
        return false;
    }
    let mut number = [0; 15];
    number.copy_from_slice(text);
    match &text[5..7] {
        b"2A" => number[5..7].copy_from_slice(b"19"),
        b"2B" => number[5..7].copy_from_slice(b"18"),
        _ => {}
    }
    let Some(d) = digits::<15>(&number) else { return false };
    let month = two(d[3], d[4]);
    matches!(d[0], 1..=4 | 7 | 8)
        && matches!(month, 1..=12 | 20..=42 | 50..=99)
        && 97 - value(&d[..13]) % 97 == value(&d[13..])
}

/// SIREN: Luhn over nine digits (INSEE).
pub(in super::super) fn fr_siren(text: &[u8]) -> bool {
    text.len() == 9 && luhn(text) && !monotonous(text)
}

/// SIRET: SIREN and five digits of the establishment, Luhn over all. La Poste's numbers add up to a multiple
/// of five instead (INSEE).
pub(in super::super) fn fr_siret(text: &[u8]) -> bool {
    digits::<14>(text).is_some_and(|d| {
        let post = text.starts_with(b"356000000") && d.iter().sum::<u16>().is_multiple_of(5);
        fr_siren(&text[..9]) && (luhn(text) || post)
    })
}

/// Numéro fiscal (SPI): thirteen digits that begin with 0 to 3; the last three are the first ten modulo 511
/// (DGFiP, OECD's TIN sheet for France).
pub(in super::super) fn fr_spi(text: &[u8]) -> bool {
    digits::<13>(text)
        .is_some_and(|d| d[0] <= 3 && value(&d[..10]) % 511 == value(&d[10..]) && value(&d[..10]) != 0)
}

/// The letter that belongs to a number (Real Decreto 1553/2005): its rest by 23.
fn spanish_letter(number: u64) -> u8 {
    b"TRWAGMYFPDXBNJZSQVHLCKE"[usize::try_from(number % 23).unwrap_or(0)]
}

/// NIF of a citizen (DNI): eight digits and the letter. Seven digits are written without the leading zero.
pub(in super::super) fn es_nif(text: &[u8]) -> bool {
    let Some((check, number)) = text.split_last() else { return false };
    let number = match number.len() {
        8 => digits::<8>(number).map(|d| value(&d)),
        7 => digits::<7>(number).map(|d| value(&d)),
        _ => None,
    };
    number.is_some_and(|n| n != 0 && spanish_letter(n) == *check)
}

/// NIE of a foreigner: X, Y or Z for 0, 1 or 2, seven digits, the letter. K, L and M stand for nothing.
pub(in super::super) fn es_nie(text: &[u8]) -> bool {
    let [first, number @ .., check] = text else { return false };
    let Some(d) = digits::<7>(number) else { return false };
    let lead = match first {
        b'X' | b'K' | b'L' | b'M' => 0,
        b'Y' => 10_000_000,
        b'Z' => 20_000_000,
        _ => return false,
    };
    spanish_letter(lead + value(&d)) == *check
}

/// CIF of a legal person: a letter, seven digits, a digit or letter that checks them (Orden EHA/451/2008).
pub(in super::super) fn es_cif(text: &[u8]) -> bool {
    let [kind, number @ .., check] = text else { return false };
    let Some(d) = digits::<7>(number) else { return false };
    let doubled = |digit: u16| super::cross(2 * digit);
    let sum = doubled(d[0]) + d[1] + doubled(d[2]) + d[3] + doubled(d[4]) + d[5] + doubled(d[6]);
    let wanted = super::up_to_ten(sum);
    let by_digit = u16::from(check.wrapping_sub(b'0')) == wanted;
    let by_letter = b"JABCDEFGHI"[usize::from(wanted)] == *check;
    match kind {
        b'A' | b'B' | b'E' | b'H' => by_digit,
        b'N' | b'P' | b'Q' | b'R' | b'S' | b'W' => by_letter,
        b'C' | b'D' | b'F' | b'G' | b'J' | b'U' | b'V' => by_digit || by_letter,
        _ => false,
    }
}

/// Código cuenta cliente: bank, branch, two check digits, account (Consejo Superior Bancario).
pub(in super::super) fn es_ccc(text: &[u8]) -> bool {
    const WEIGHTS: [u16; 10] = [1, 2, 4, 8, 5, 10, 9, 7, 3, 6];
    let fold = |sum: u16| match 11 - sum % 11 {
        10 => 1,
        11 => 0,
        check => check,
    };
    digits::<20>(text).is_some_and(|d| {
        let bank = weigh(&d[..8], &[4, 8, 5, 10, 9, 7, 3, 6]);
        !monotonous(text) && fold(bank) == d[8] && fold(weigh(&d[10..], &WEIGHTS)) == d[9]
    })
}

/// What a character counts in an odd place of the codice fiscale, digits and letters alike.
const ODD: [u16; 26] =
    [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];

/// Shape of the codice fiscale, `L` a letter and `N` a digit or the letter that replaces it when two people
/// would have the same code.
const FISCAL: &[u8; 16] = b"LLLLLLNNLNNLNNNL";

/// True if the shape and the month's letter fit, whatever the check letter says.
pub(in super::super) fn it_fiscal_shape(text: &[u8]) -> bool {
    text.len() == 16
        && text.iter().zip(FISCAL).all(|(b, class)| match class {
            b'L' => b.is_ascii_uppercase(),
            _ => b.is_ascii_digit() || b"LMNPQRSTUV".contains(b),
        })
        && born(&text[6..11])
}

/// The months' letters, in their order.
const MONTHS: &[u8; 12] = b"ABCDEHLMPRST";

/// Digits of the codice fiscale that are letters, by their value.
const REPLACED: &[u8; 10] = b"LMNPQRSTUV";

/// Year, month and day exist; women's days are raised by 40.
fn born(date: &[u8]) -> bool {
    let digit =
        |b: u8| if b.is_ascii_digit() { Some(u16::from(b - b'0')) } else { super::place(REPLACED, b) };
    let [a, b, month, c, d] = *date else { return false };
    let (Some(a), Some(b), Some(c), Some(d)) = (digit(a), digit(b), digit(c), digit(d)) else { return false };
    let (month, day) = (super::place(MONTHS, month), two(c, d));
    month.is_some_and(|month| short(two(a, b), month + 1, if day > 40 { day - 40 } else { day }))
}

/// Codice fiscale: the check letter over values that depend on the place (decreto ministeriale 23.12.1976).
pub(in super::super) fn it_fiscal(text: &[u8]) -> bool {
    if !it_fiscal_shape(text) {
        return false;
    }
    let sum: u16 = text[..15]
        .iter()
        .enumerate()
        .map(|(i, b)| {
            let value = if b.is_ascii_digit() { u16::from(b - b'0') } else { u16::from(b - b'A') };
            if i % 2 == 0 { ODD[usize::from(value)] } else { value }
        })
        .sum();
    letter(text[15], 0) == Some(sum % 26)
}

/// Partita IVA: Luhn over eleven digits; the eighth to tenth are a province's office.
pub(in super::super) fn it_vat(text: &[u8]) -> bool {
    digits::<11>(text).is_some_and(|d| {
        let office = value(&d[7..10]);
        value(&d[..7]) != 0 && matches!(office, 1..=100 | 120 | 121 | 888 | 999) && luhn(text)
    })
}

/// NIF of Portugal: weights 9 to 2, modulo 11 (Decreto-Lei 14/2013); some leading digits are not given out.
pub(in super::super) fn pt_nif(text: &[u8]) -> bool {
    digits::<9>(text).is_some_and(|d| {
        let check = 11 - weigh(&d, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
        !matches!(d[0], 0 | 4) && (if check > 9 { 0 } else { check }) == d[8] && !monotonous(text)
    })
}

/// Cartão de cidadão: eight digits, a check digit, two characters of the version, Luhn over letters and
/// digits of all (Instituto dos Registos e do Notariado).
pub(in super::super) fn pt_cc(text: &[u8]) -> bool {
    if text.len() != 12
        || !text[..9].iter().all(u8::is_ascii_digit)
        || !text[9..11].iter().all(u8::is_ascii_uppercase)
    {
        return false;
    }
    let mut sum = 0;
    for (i, byte) in text.iter().rev().enumerate() {
        let Some(value) = place(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", *byte) else { return false };
        let doubled = if 2 * value > 9 { 2 * value - 9 } else { 2 * value };
        sum += if i % 2 == 0 { value } else { doubled };
    }
    sum.is_multiple_of(10)
}

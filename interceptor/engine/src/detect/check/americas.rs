//! Numbers of Latin America.

use super::date::{two, yymmdd};
use super::{digits, luhn, monotonous, place, up_to_ten, value, weigh};

/// CPF of Brazil: two check digits, modulo 11 (Receita Federal, instrução normativa 1548).
pub(in super::super) fn br_cpf(text: &[u8]) -> bool {
    digits::<11>(text).is_some_and(|d| {
        let first = weigh(&d, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) * 10 % 11 % 10;
        let second = || weigh(&d, &[11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) * 10 % 11 % 10;
        first == d[9] && second() == d[10] && !monotonous(text)
    })
}

/// CNPJ of Brazil: two check digits, modulo 11; letters count by their code less 48 since 2026 (instrução
/// normativa 2229).
pub(in super::super) fn br_cnpj(text: &[u8]) -> bool {
    const WEIGHTS: [u16; 13] = [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2];
    if text.len() != 14 || monotonous(text) || !text.iter().all(u8::is_ascii_alphanumeric) {
        return false;
    }
    // A letter in front of nothing but digits is the name of something.
    if text[0].is_ascii_uppercase() && text[1..].iter().all(u8::is_ascii_digit) {
        return false;
    }
    let mut d = [0; 14];
    for (value, byte) in d.iter_mut().zip(text) {
        *value = u16::from(byte.saturating_sub(48));
    }
    let check = |sum: u16| if sum % 11 < 2 { 0 } else { 11 - sum % 11 };
    let first = d.iter().zip(&WEIGHTS[1..]).map(|(digit, weight)| digit * weight).sum();
    check(first) == d[12] && check(weigh(&d, &WEIGHTS)) == d[13]
}

/// PIS/PASEP/NIT of Brazil: weights 3, 2, 9 to 2, modulo 11 (Caixa).
pub(in super::super) fn br_pis(text: &[u8]) -> bool {
    digits::<11>(text).is_some_and(|d| {
        let check = 11 - weigh(&d, &[3, 2, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
        (if check > 9 { 0 } else { check }) == d[10] && !monotonous(text)
    })
}

/// Título eleitoral of Brazil: eight digits, a state, two check digits, modulo 11 (TSE, resolução 21538).
pub(in super::super) fn br_voter(text: &[u8]) -> bool {
    digits::<12>(text).is_some_and(|d| {
        let state = two(d[8], d[9]);
        let fold = |sum: u16| match sum % 11 {
            10 => 0,
            // São Paulo and Minas Gerais write 1 where the rest is 0.
            0 if state <= 2 => 1,
            rest => rest,
        };
        let first = fold(weigh(&d, &[2, 3, 4, 5, 6, 7, 8, 9]));
        (1..=28).contains(&state) && first == d[10] && fold(d[8] * 7 + d[9] * 8 + first * 9) == d[11]
    })
}

/// CUIT and CUIL of Argentina: kind of person, weights 5, 4, 3, 2, 7 to 2, modulo 11 (AFIP).
pub(in super::super) fn ar_cuit(text: &[u8]) -> bool {
    digits::<11>(text).is_some_and(|d| {
        // A nine stands for ten.
        let check = ((11 - weigh(&d, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11).min(9);
        matches!(two(d[0], d[1]), 20 | 23..=27 | 30 | 33 | 34 | 50 | 51 | 55) && check == d[10]
    })
}

/// RUT of Chile: factors 2 to 7 from the right, modulo 11, `K` for ten (Servicio de Impuestos Internos).
pub(in super::super) fn cl_rut(text: &[u8]) -> bool {
    let Some((check, number)) = text.split_last() else { return false };
    if !matches!(number.len(), 7 | 8) || !number.iter().all(u8::is_ascii_digit) || monotonous(number) {
        return false;
    }
    let sum: u16 =
        number.iter().rev().zip([2, 3, 4, 5, 6, 7, 2, 3]).map(|(b, w)| u16::from(b - b'0') * w).sum();
    b"0123456789K0"[usize::from(11 - sum % 11)] == *check || (sum.is_multiple_of(11) && *check == b'0')
}

/// NIT of Colombia: primes as weights, modulo 11 (DIAN, orden administrativa 4 of 1989).
pub(in super::super) fn co_nit(text: &[u8]) -> bool {
    digits::<10>(text).is_some_and(|d| {
        let rest = weigh(&d, &[41, 37, 29, 23, 19, 17, 13, 7, 3]) % 11;
        (if rest > 1 { 11 - rest } else { rest }) == d[9] && !monotonous(text)
    })
}

/// Shape of a CURP: four letters, date of birth, sex, state, consonants.
pub(in super::super) fn mx_curp_shape(text: &[u8]) -> bool {
    text.len() == 18
        && text[..4].iter().all(u8::is_ascii_uppercase)
        && text.get(4..10).and_then(digits::<6>).is_some_and(|d| yymmdd(&d))
        && matches!(text[10], b'H' | b'M' | b'X')
        && text[11..16].iter().all(u8::is_ascii_uppercase)
        && text[16].is_ascii_alphanumeric()
        && text[17].is_ascii_digit()
}

/// CURP of Mexico: weights 18 to 2 over an alphabet with Ñ, modulo 10 (RENAPO).
pub(in super::super) fn mx_curp(text: &[u8]) -> bool {
    // The underscore keeps the place of Ñ.
    const ALPHABET: &[u8] = b"0123456789ABCDEFGHIJKLMN_OPQRSTUVWXYZ";
    if !mx_curp_shape(text) {
        return false;
    }
    let sum = text[..17]
        .iter()
        .zip((2..=18u16).rev())
        .map(|(b, weight)| place(ALPHABET, *b).unwrap_or(0) * weight)
        .sum();
    up_to_ten(sum) == u16::from(text[17] - b'0')
}

/// RFC of Mexico: three letters (companies) or four (people), a date, two characters and a check, modulo 11
/// (SAT). The three last may be missing or given by hand, so the shape alone is told apart.
pub(in super::super) fn mx_rfc_shape(text: &[u8]) -> bool {
    let letters = match text.len() {
        12 => 3,
        13 => 4,
        _ => return false,
    };
    let (name, rest) = text.split_at(letters);
    name.iter().all(|b| b.is_ascii_uppercase() || *b == b'&')
        && digits::<6>(&rest[..6]).is_some_and(|d| yymmdd(&d))
        && rest[6..8].iter().all(u8::is_ascii_alphanumeric)
        && (rest[8].is_ascii_digit() || rest[8] == b'A')
}

/// As [`mx_rfc_shape`], with the check character.
pub(in super::super) fn mx_rfc(text: &[u8]) -> bool {
    const ALPHABET: &[u8] = b"0123456789ABCDEFGHIJKLMN&OPQRSTUVWXYZ _";
    if !mx_rfc_shape(text) {
        return false;
    }
    let (check, body) = (text[text.len() - 1], &text[..text.len() - 1]);
    // Companies have one letter less: a space stands in its place.
    let pad = (body.len() == 11).then_some(b' ');
    let sum: u16 = pad
        .iter()
        .chain(body)
        .zip((2..=13u16).rev())
        .map(|(b, weight)| place(ALPHABET, *b).unwrap_or(0) * weight)
        .sum();
    b"0123456789A0"[usize::from(11 - sum % 11)] == check
}

/// Número de seguridad social of Mexico: Luhn over eleven digits (IMSS).
pub(in super::super) fn mx_nss(text: &[u8]) -> bool {
    text.len() == 11 && luhn(text) && !monotonous(text)
}

/// RUC of Peru: kind of tax payer, weights, modulo 11 (SUNAT).
pub(in super::super) fn pe_ruc(text: &[u8]) -> bool {
    digits::<11>(text).is_some_and(|d| {
        let check = (11 - weigh(&d, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 10;
        matches!(two(d[0], d[1]), 10 | 15..=17 | 20) && check == d[10]
    })
}

/// Cédula of Ecuador: province, third digit below 6, Luhn (Registro Civil).
pub(in super::super) fn ec_cedula(text: &[u8]) -> bool {
    digits::<10>(text).is_some_and(|d| matches!(two(d[0], d[1]), 1..=24 | 30) && d[2] < 6 && luhn(text))
}

/// Cédula of Uruguay: weights 2, 9, 8, 7, 6, 3, 4, modulo 10 (DNIC).
pub(in super::super) fn uy_ci(text: &[u8]) -> bool {
    digits::<8>(text)
        .is_some_and(|d| up_to_ten(weigh(&d, &[2, 9, 8, 7, 6, 3, 4])) == d[7] && !monotonous(text))
}

/// RUT of Uruguay: twelve digits, weights 4, 3, 2, 9 to 2, modulo 11 (DGI).
pub(in super::super) fn uy_rut(text: &[u8]) -> bool {
    digits::<12>(text).is_some_and(|d| {
        let check = (11 - weigh(&d, &[4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]) % 11) % 11;
        (1..=22).contains(&two(d[0], d[1])) && value(&d[2..8]) != 0 && check == d[11]
    })
}

/// RIF of Venezuela: a letter that counts four times its number, weights 3, 2, 7 to 2, modulo 11 (SENIAT).
pub(in super::super) fn ve_rif(text: &[u8]) -> bool {
    let Some((kind, number)) = text.split_first() else { return false };
    let (Some(kind), Some(d)) = (place(b"_VEJPG", *kind), digits::<9>(number)) else { return false };
    let check = 11 - (kind * 4 + weigh(&d, &[3, 2, 7, 6, 5, 4, 3, 2])) % 11;
    (if check > 9 { 0 } else { check }) == d[8]
}

/// RUC of Paraguay: factors from the right, modulo 11 (SET).
pub(in super::super) fn py_ruc(text: &[u8]) -> bool {
    let Some((check, number)) = text.split_last() else { return false };
    if !(5..=8).contains(&number.len()) || !text.iter().all(u8::is_ascii_digit) || monotonous(number) {
        return false;
    }
    let sum: u16 = number.iter().rev().zip(2u16..).map(|(b, w)| u16::from(b - b'0') * w).sum();
    (11 - sum % 11) % 11 % 10 == u16::from(check - b'0')
}

/// Cédula of the Dominican Republic: Luhn over eleven digits (JCE).
pub(in super::super) fn do_cedula(text: &[u8]) -> bool {
    text.len() == 11 && luhn(text) && !monotonous(text)
}

/// RNC of the Dominican Republic: weights 7, 9, 8, 6 … 2, modulo 11 (DGII).
pub(in super::super) fn do_rnc(text: &[u8]) -> bool {
    digits::<9>(text).is_some_and(|d| {
        let rest = weigh(&d, &[7, 9, 8, 6, 5, 4, 3, 2]) % 11;
        (10 - rest) % 9 + 1 == d[8] && matches!(d[0], 1 | 4 | 5) || (rest == 0 && d[8] == 2)
    })
}

/// NIT of Guatemala: factors from the right, modulo 11, `K` for ten (SAT).
pub(in super::super) fn gt_nit(text: &[u8]) -> bool {
    let Some((check, number)) = text.split_last() else { return false };
    if !(6..=8).contains(&number.len()) || !number.iter().all(u8::is_ascii_digit) || monotonous(number) {
        return false;
    }
    let sum: u16 = number.iter().rev().zip(2u16..).map(|(b, w)| u16::from(b - b'0') * w).sum();
    b"0123456789K"[usize::from((11 - sum % 11) % 11)] == *check
}

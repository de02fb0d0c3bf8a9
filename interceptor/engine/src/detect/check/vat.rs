//! Value added tax numbers of the member states, with the country in front (VIES; Council Regulation 904/2010,
//! the checks as the states publish them).

use super::{baltic, digits, east, germanic, iso7064, luhn, romance, states, up_to_ten, value, weigh};

/// A number behind its country's two letters, Greece as `EL`, Northern Ireland as `XI`.
pub(in super::super) fn eu(text: &[u8]) -> bool {
    let Some((country, number)) = text.split_at_checked(2) else { return false };
    match country {
        b"AT" => number.strip_prefix(b"U").is_some_and(east::at_company),
        b"BE" => be(number),
        b"BG" => east::bg_company(number) || east::bg_egn(number),
        b"CY" => cy(number),
        b"CZ" => east::cz_company(number) || east::birth_number(number),
        b"DE" => de(number),
        b"DK" => super::nordic::dk_cvr(number),
        b"EE" => digits::<9>(number).is_some_and(|d| up_to_ten(weigh(&d, &[3, 7, 1, 3, 7, 1, 3, 7])) == d[8]),
        b"EL" => east::gr_tax(number),
        b"ES" => romance::es_cif(number) || romance::es_nif(number) || romance::es_nie(number),
        b"FI" => super::nordic::fi_business(number),
        b"FR" => fr(number),
        b"HR" => east::hr_oib(number),
        b"HU" => east::hu_company(number),
        b"IE" => ie(number),
        b"IT" => romance::it_vat(number),
        b"LT" => lt(number),
        b"LU" => digits::<8>(number).is_some_and(|d| value(&d[..6]) % 89 == value(&d[6..])),
        b"LV" => lv(number),
        b"MT" => digits::<8>(number).is_some_and(|d| {
            value(&d[..6]) > 100_000 && u64::from(37 - weigh(&d, &[3, 4, 6, 7, 8, 9]) % 37) == value(&d[6..])
        }),
        b"NL" => nl(text),
        b"PL" => baltic::pl_nip(number),
        b"PT" => romance::pt_nif(number),
        b"RO" => east::ro_cui(number),
        b"SE" => number.strip_suffix(b"01").is_some_and(|n| n.len() == 10 && luhn(n)),
        b"SI" => east::si_tax(number),
        b"SK" => east::sk_tax(number),
        b"XI" => states::uk_vat(number),
        _ => false,
    }
}

/// Germany: nine digits, ISO 7064 mod 11,10.
pub(in super::super) fn de(number: &[u8]) -> bool {
    number.len() == 9 && number[0] != b'0' && iso7064::mod11_10(number)
}

/// Belgium: ten digits of which the first is 0 or 1; 97 less the rest by 97.
pub(in super::super) fn be(number: &[u8]) -> bool {
    // Before 2008 the leading zero was not written.
    if number.len() == 9 {
        return be(&[b"0", number].concat());
    }
    digits::<10>(number)
        .is_some_and(|d| d[0] <= 1 && value(&d[..8]) != 0 && 97 - value(&d[..8]) % 97 == value(&d[8..]))
}

/// Cyprus: eight digits, those in odd places by a table, a letter.
pub(in super::super) fn cy(number: &[u8]) -> bool {
    const ODD: [u16; 10] = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21];
    let Some((check, body)) = number.split_last() else { return false };
    digits::<8>(body).is_some_and(|d| {
        let odd: u16 = d.iter().step_by(2).map(|digit| ODD[usize::from(*digit)]).sum();
        let even: u16 = d.iter().skip(1).step_by(2).sum();
        super::letter(*check, 0) == Some((odd + even) % 26)
    })
}

/// France: two characters of a key and the SIREN. A key of letters is not checked: its rule is not in use.
fn fr(number: &[u8]) -> bool {
    let Some((key, siren)) = number.split_at_checked(2) else { return false };
    if !romance::fr_siren(siren) {
        return false;
    }
    match (digits::<2>(key), digits::<9>(siren)) {
        (Some(key), Some(siren)) => (12 + 3 * (value(&siren) % 97)) % 97 == value(&key),
        _ => key.iter().all(|b| b.is_ascii_alphanumeric() && !b"IO".contains(b)),
    }
}

/// Ireland: as the personal number, also with the old form that has a letter in the second place.
fn ie(number: &[u8]) -> bool {
    let old = || {
        let [first, second, middle @ .., check] = number else { return false };
        let mut new = *b"0000000X";
        if middle.len() != 5 || second.is_ascii_digit() {
            return false;
        }
        new[1..6].copy_from_slice(middle);
        (new[6], new[7]) = (*first, *check);
        states::ie_pps(&new)
    };
    states::ie_pps(number) || old()
}

/// Lithuania: nine digits (companies) or twelve, two rows of weights, modulo 11.
fn lt(number: &[u8]) -> bool {
    let check = |first: u16, second: u16| if first % 11 < 10 { first % 11 } else { second % 11 % 10 };
    digits::<9>(number).is_some_and(|d| {
        d[7] == 1 && check(weigh(&d, &[1, 2, 3, 4, 5, 6, 7, 8]), weigh(&d, &[3, 4, 5, 6, 7, 8, 9, 1])) == d[8]
    }) || digits::<12>(number).is_some_and(|d| {
        let first = weigh(&d, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2]);
        let second = weigh(&d, &[3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4]);
        d[10] == 1 && check(first, second) == d[11]
    })
}

/// Latvia: companies begin with 4 and more; weights 9, 1, 4, 8, 3, 10, 2, 5, 7, 6, 1, the rest by 11 is 3.
fn lv(number: &[u8]) -> bool {
    digits::<11>(number).is_some_and(|d| d[0] > 3 && weigh(&d, &[9, 1, 4, 8, 3, 10, 2, 5, 7, 6, 1]) % 11 == 3)
        || baltic::lv_personal(number)
}

/// The Netherlands: nine digits, `B`, two digits; the nine as a citizen's number, or mod 97-10 over all.
fn nl(text: &[u8]) -> bool {
    let Some((number, branch)) = text[2..].split_at_checked(9) else { return false };
    matches!(branch, [b'B', a, b] if a.is_ascii_digit() && b.is_ascii_digit())
        && number.iter().all(u8::is_ascii_digit)
        && (germanic::nl_bsn(number) || iso7064::mod97_10(text))
}

/// Switzerland: `CHE`, the company's number, and what the tax is called there.
pub(in super::super) fn ch(text: &[u8]) -> bool {
    germanic::ch_uid(text) && matches!(&text[12..], b"" | b"MWST" | b"TVA" | b"IVA")
}

/// Norway: the organisation's number and `MVA`.
pub(in super::super) fn no(text: &[u8]) -> bool {
    let number = text.strip_prefix(b"NO").unwrap_or(text);
    number.strip_suffix(b"MVA").is_some_and(super::nordic::no_organisation)
}

/// Great Britain: `GB` and the number.
pub(in super::super) fn gb(text: &[u8]) -> bool {
    text.strip_prefix(b"GB").is_some_and(states::uk_vat)
}

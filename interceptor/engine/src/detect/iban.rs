//! IBANs (ISO 13616): country, two check digits, an account number of the length that the SWIFT registry
//! gives for the country; ISO 7064 mod 97-10 over all of it. Written in one piece or in groups of four.

use super::check::iso7064;
use super::sample::SampleSource;
use super::text::{Peek, Text, Verdict};
use super::{Confidence, Finding, Work, metadata};

/// Total lengths by country, from the public IBAN registry, and those of countries that use IBANs without
/// being registered.
const LENGTHS: &[(&[u8; 2], usize)] = &[
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BI", 27),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DJ", 27),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FK", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HN", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"LY", 25),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MN", 20),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NI", 28),
    (b"NL", 18),
    (b"NO", 15),
    (b"OM", 23),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"RU", 33),
    (b"SA", 24),
    (b"SC", 31),
    (b"SD", 18),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"SO", 23),
    (b"ST", 25),
    (b"SV", 28),
    (b"TL", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
    (b"VA", 22),
    (b"VG", 24),
    (b"XK", 20),
    (b"YE", 30),
    (b"AO", 25),
    (b"BF", 28),
    (b"BJ", 28),
    (b"CF", 27),
    (b"CG", 27),
    (b"CI", 28),
    (b"CM", 27),
    (b"CV", 25),
    (b"DZ", 26),
    (b"GA", 27),
    (b"GQ", 27),
    (b"GW", 25),
    (b"IR", 26),
    (b"KM", 27),
    (b"MA", 28),
    (b"MG", 27),
    (b"ML", 28),
    (b"MZ", 25),
    (b"NE", 28),
    (b"SN", 28),
    (b"TD", 27),
    (b"TG", 28),
];

/// Longest of the table.
const LONGEST: usize = 33;

/// With a space behind every four characters.
const WIDEST: usize = LONGEST + LONGEST.div_ceil(4);

/// Where a number begins that is at the end of the text so far. Asked while what stands before it may still be the
/// beginning of some other number, which nothing is held for.
pub(super) fn tail(text: Text<'_>) -> Option<usize> {
    let end = text.bytes.len();
    let from = end.saturating_sub(WIDEST).max(text.floor).min(end);
    // Most texts have no digit there, nor a little before, up to where wide instructions can do it without a rest.
    let near = text.bytes.last_chunk::<{ WIDEST.next_multiple_of(16) }>();
    let near = near.map_or(&text.bytes[from..], |near| &near[..]);
    if !near.iter().fold(false, |any, byte| any | byte.is_ascii_digit()) {
        return None;
    }
    let begins = |at: &usize| match text.bytes[*at..] {
        [a, b, c, d, ..] => {
            let letters = a.is_ascii_alphabetic() && b.is_ascii_alphabetic();
            letters && c.is_ascii_digit() && d.is_ascii_digit()
        }
        _ => false,
    };
    let live = |at: &usize| match confirm(text, at + 2, &mut Work::default()) {
        Verdict::Undecided { hold } => hold == *at,
        _ => false,
    };
    (from..end).filter(begins).find(live)
}

/// `digit` is the first of the two check digits.
pub(super) fn confirm(text: Text<'_>, digit: usize, work: &mut Work) -> Verdict {
    let no = Verdict::No { resume: digit + 1 };
    let Some(start) = digit.checked_sub(2).filter(|start| *start >= text.floor) else { return no };
    let country = [text.bytes[start].to_ascii_uppercase(), text.bytes[start + 1].to_ascii_uppercase()];
    let Some((_, length)) = LENGTHS.iter().find(|(code, _)| **code == country) else { return no };
    if !text.key_may_begin(start) {
        return no;
    }
    let mut number = [0u8; LONGEST];
    let mut count = 0;
    let mut at = start;
    let mut separator = None;
    while count < *length {
        work.examined += 1;
        match text.peek(at) {
            Peek::Byte(b) if b.is_ascii_alphanumeric() => {
                // The check digits decide early: most candidates are words such as `at10ms`.
                if (2..4).contains(&count) && !b.is_ascii_digit() {
                    return no;
                }
                number[count] = b.to_ascii_uppercase();
                count += 1;
            }
            Peek::Byte(b @ (b' ' | b'-'))
                if count.is_multiple_of(4) && count > 0 && text.before(at, 1) != Some(b) =>
            {
                if *separator.get_or_insert(b) != b {
                    return no;
                }
            }
            Peek::Unknown => return Verdict::Undecided { hold: if count >= 4 { start } else { usize::MAX } },
            _ => return no,
        }
        at += 1;
    }
    match text.peek(at) {
        Peek::Unknown => return Verdict::Undecided { hold: start },
        Peek::Byte(b) if b.is_ascii_alphanumeric() || matches!(b, b'_' | b'@') => return no,
        _ => {}
    }
    if !structure(&number[..count]) || !checksum(&number[..count]) {
        return no;
    }
    Verdict::Match(Finding { detector: metadata::IBAN, start, end: at, confidence: Confidence::High })
}

/// Countries whose account numbers are digits alone.
const DIGITS: &[u8] = b"AEATBABECRCZDEDKEEESFIFOGLHRHUILISLTLYMEMNNOPLPTRSSESISKTLTNVAXKMREG";
/// Countries whose account numbers begin with four letters of the bank and go on with digits, or with either.
const BANK_LETTERS: &[u8] = b"GBIENLLVMTROBGGIIQJOKWLCPKPSQAVGAZBHSCSV";

/// The characters behind the check digits are of the classes that the registry gives for the country, as far as that
/// is the same for many.
fn structure(number: &[u8]) -> bool {
    let (country, account) = (&number[..2], &number[4..]);
    let among = |list: &[u8]| list.chunks(2).any(|code| code == country);
    let digits = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    let letters = |part: &[u8]| part.iter().all(u8::is_ascii_uppercase);
    match country {
        _ if among(DIGITS) => digits(account),
        b"GB" | b"IE" | b"GE" | b"VG" => {
            let bank = if country == b"GE" { 2 } else { 4 };
            letters(&account[..bank]) && digits(&account[bank..])
        }
        _ if among(BANK_LETTERS) => letters(&account[..4]),
        b"IT" | b"SM" => letters(&account[..1]) && digits(&account[1..11]),
        b"FR" | b"MC" => digits(&account[..10]) && digits(&account[21..]),
        _ => true,
    }
}

/// The first four characters go to the end, letters become 10 to 35, and the whole is 1 modulo 97.
fn checksum(number: &[u8]) -> bool {
    let (head, account) = number.split_at(4);
    iso7064::remainder97(account.iter().chain(head).copied()) == Some(1)
}

/// A German one, made up.
pub(super) fn sample(source: &mut SampleSource) -> String {
    let account = source.digits(18);
    let rest = iso7064::remainder97(account.bytes().chain(*b"DE00")).unwrap_or(0);
    let plain = format!("DE{:02}{account}", 98 - rest);
    let groups: Vec<&str> = (0..plain.len()).step_by(4).map(|i| &plain[i..plain.len().min(i + 4)]).collect();
    groups.join(" ")
}

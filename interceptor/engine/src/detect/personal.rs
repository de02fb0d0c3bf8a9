//! Personal data: what is known about its detectors, what announces a candidate, and who confirms it.
//!
//! The pass stops at a digit that begins a group of digits, at an `@`, and at the literals of [`LITERALS`].
//! How a candidate is confirmed stands beside each detector.

use super::metadata::{Detector, Family, Sample, personal_id};
use super::sample::SampleSource;
use super::text::{Text, Verdict, left};
use super::{DetectorId, Work, email, iban, number};

pub(super) const EMAIL: DetectorId = personal_id("pii.email");
pub(super) const CARD: DetectorId = personal_id("pii.card");
pub(super) const IBAN: DetectorId = personal_id("pii.iban");
pub(super) const US_SSN: DetectorId = personal_id("pii.us_ssn");
pub(super) const PHONE: DetectorId = personal_id("pii.phone");

const fn personal(
    name: &'static str,
    label: &'static str,
    description: &'static str,
    validators: &'static [&'static str],
    sample: fn(&mut SampleSource) -> String,
) -> Detector {
    Detector { name, family: Family::Personal, label, description, validators, sample: Sample::Made(sample) }
}

pub(super) static TABLE: &[Detector] = &[
    personal(
        "pii.email",
        "EMAIL",
        "an e-mail address",
        &["local part", "host labels", "known top-level domain"],
        |s| format!("jane.doe{}@example.com", s.below(1000)),
    ),
    personal(
        "pii.card",
        "CARD",
        "a payment card number",
        &["Luhn checksum", "issuer range", "length of that issuer", "grouping"],
        |s| s.pick(&["4111 1111 1111 1111", "5500-0055-5555-5559"]).to_owned(),
    ),
    personal(
        "pii.iban",
        "IBAN",
        "an international bank account number",
        &["ISO 7064 mod 97-10", "length of the country"],
        |_| "DE89 3704 0044 0532 0130 00".to_owned(),
    ),
    personal(
        "pii.us_ssn",
        "US_SSN",
        "a social security number of the United States",
        &["no number of the never issued ranges", "separators or context"],
        |s| format!("{}-{}-{}", 100 + s.below(500), 10 + s.below(90), 1000 + s.below(9000)),
    ),
    personal(
        "pii.phone",
        "PHONE",
        "a telephone number",
        &["country code and length, or a common national form with separators"],
        |s| format!("+1 (415) 555-{}", 1000 + s.below(9000)),
    ),
];

/// Who confirms a literal. There is none yet: the numbers and addresses of today need no words before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {}

/// Literals that announce personal data, each with the offset of its rare pairs and who confirms it.
pub(super) static LITERALS: &[(&str, usize, Route)] = &[];

/// Asks the detector in charge of the literal that stands from `start` to `end`.
pub(super) fn literal(
    _text: Text<'_>,
    _start: usize,
    _end: usize,
    route: Route,
    _work: &mut Work,
) -> Verdict {
    match route {}
}

/// Asks about an `@`.
pub(super) fn at_sign(text: Text<'_>, at: usize, work: &mut Work) -> Verdict {
    email::confirm(text, at, work)
}

/// Asks about the first digit of a group, which may stand behind letters.
pub(super) fn confirm(text: Text<'_>, digit: usize, work: &mut Work) -> Verdict {
    if text.left(digit).is_some_and(|b| b.is_ascii_alphabetic()) {
        return iban::confirm(text, digit, work);
    }
    number::confirm(text, digit, work)
}

/// True if the first digit of a group is worth [`confirm`]: most digits of prose and code are not. Looks only
/// at bytes that are there, and says true where the text is too short to tell.
pub(super) fn may_begin(bytes: &[u8], digit: usize) -> bool {
    let before = |back: usize| digit.checked_sub(back).map(|i| bytes[i]);
    match left(bytes, digit) {
        Some(b'0'..=b'9' | b'_') => false,
        Some(b) if b.is_ascii_alphabetic() => {
            before(2).is_some_and(|b| b.is_ascii_alphabetic())
                && !left(bytes, digit - 2).is_some_and(|b| b.is_ascii_alphanumeric())
        }
        None | Some(_) => !number::short_and_alone(bytes, digit),
    }
}

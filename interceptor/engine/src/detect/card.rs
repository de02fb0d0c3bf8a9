//! Payment card numbers: issuer range and the lengths of that issuer (ISO/IEC 7812, the networks' public
//! range tables), Luhn checksum, and the grouping in which cards are printed.
//!
//! One random number in ten passes Luhn, so an ungrouped number is only of medium confidence.

use super::number::{Run, Separator, may_end};
use super::text::Text;
use super::{Confidence, Finding, metadata};

const MARKS: [Separator; 3] = [Separator::Space, Separator::Dash, Separator::Dot];

/// Groupings in print, longest first.
const SHAPES: [&[usize]; 8] = [
    &[4, 4, 4, 4, 3],
    &[4, 4, 4, 4, 2],
    &[4, 4, 4, 4],
    &[4, 4, 4, 3],
    &[4, 4, 5],
    &[4, 6, 5],
    &[4, 6, 4],
    &[6, 13],
];

pub(super) fn confirm(text: Text<'_>, run: &Run) -> Option<Finding> {
    for shape in SHAPES {
        if run.shaped(shape, &MARKS)
            && stands_alone(text, run, shape.len())
            && valid(run.digits_of(shape.len()))
        {
            return Some(finding(run, shape.len(), Confidence::High));
        }
    }
    let alone = stands_alone(text, run, 1);
    (alone && valid(run.digits_of(1))).then(|| finding(run, 1, Confidence::Medium))
}

fn finding(run: &Run, groups: usize, confidence: Confidence) -> Finding {
    Finding {
        detector: metadata::CARD,
        start: run.groups[0].start,
        end: run.groups[groups - 1].end(),
        confidence,
    }
}

/// Neither side continues the grouping: a row of a table of numbers is no card. An expiry date or security
/// code behind a card is common, so a group of at most three digits, or another separator, may follow.
fn stands_alone(text: Text<'_>, run: &Run, groups: usize) -> bool {
    let spaced = groups > 1 && run.groups[1].separator == Separator::Space;
    if spaced && left_neighbour(text, run.groups[0].start) {
        return false;
    }
    let Some(next) = run.behind(groups) else { return may_end(text, run.groups[groups - 1].end()) };
    match next.separator {
        Separator::Space => !(spaced && next.len == 4),
        Separator::Slash | Separator::Parenthesis => true,
        Separator::Dash | Separator::Dot => false,
    }
}

/// A group of four digits and a space stand before: an earlier part of the same row, unless a dash ties the
/// group to a number of its own.
fn left_neighbour(text: Text<'_>, start: usize) -> bool {
    let digit = |back| text.before(start, back).is_some_and(|b| b.is_ascii_digit());
    text.before(start, 1) == Some(b' ')
        && (2..=5).all(digit)
        && !digit(6)
        && text.before(start, 6) != Some(b'-')
}

/// Issuer, length and checksum fit, and it is not one digit over and over.
fn valid(digits: &[u8]) -> bool {
    (12..=19).contains(&digits.len())
        && digits[1..].iter().any(|d| *d != digits[0])
        && issuer_allows(digits)
        && luhn(digits)
}

/// ISO/IEC 7812-1 annex B: every second digit from the right but one is doubled.
fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(i, d)| {
            let d = u32::from(*d);
            if i % 2 == 0 { d } else { d * 2 - if d > 4 { 9 } else { 0 } }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// The leading digits belong to a network that issues numbers of this length.
fn issuer_allows(digits: &[u8]) -> bool {
    let lead = |n: usize| digits[..n].iter().fold(0u32, |value, d| value * 10 + u32::from(*d));
    let len = digits.len();
    match lead(4) {
        // Visa. Its thirteen digits are history, and thirteen digits are often something else.
        4000..=4999 => matches!(len, 16 | 19),
        // Mastercard.
        5100..=5599 | 2221..=2720 => len == 16,
        // American Express.
        3400..=3499 | 3700..=3799 => len == 15,
        // Diners Club.
        3000..=3059 | 3095 | 3600..=3699 | 3800..=3999 => matches!(len, 14 | 16..=19),
        // JCB.
        3528..=3589 => matches!(len, 16..=19),
        // UnionPay.
        6200..=6299 | 8100..=8171 => matches!(len, 16..=19),
        // Discover, RuPay.
        6011 | 6440..=6599 | 6000..=6010 | 6012..=6099 => matches!(len, 16..=19),
        // Mir, Troy, Verve.
        2200..=2204 | 9792 | 5060 | 5061 | 5078 | 5079 => matches!(len, 16..=19),
        // Maestro; its shorter lengths are too common elsewhere.
        5018 | 5020 | 5038 | 5893 | 6304 | 6759 | 6761..=6763 | 6390 => matches!(len, 16..=19),
        _ => false,
    }
}

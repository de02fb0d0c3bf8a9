//! Payment card numbers: issuer range and the lengths of that issuer (ISO/IEC 7812, the networks' public
//! range tables), Luhn checksum, and the grouping in which cards are printed.
//!
//! One random number in ten passes Luhn, so an ungrouped number is only of medium confidence; and where cards of its
//! length are rare, as those of seventeen and more digits, of low confidence without a word that speaks of cards.

use super::check::{luhn, monotonous};
use super::number::{Digits, Mark, may_end};
use super::sample::SampleSource;
use super::text::Text;
use super::{Confidence, Finding, Work, metadata};

/// How far before a number a word may stand, and the words.
const REACH: usize = 48;
const WORDS: [&str; 11] = [
    "card",
    "karte",
    "carte",
    "tarjeta",
    "carta",
    "cart\u{e3}o",
    "kaart",
    "kort",
    "karta",
    "visa",
    "maestro",
];

/// How far before a number the one before it in a list may begin.
const LIST: usize = 64;

const MARKS: [Mark; 3] = [Mark::Space, Mark::Dash, Mark::Dot];

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

/// `quiet` says that no letter stands in the bytes before.
pub(super) fn confirm(text: Text<'_>, run: &Digits<'_>, quiet: bool, work: &mut Work) -> Option<Finding> {
    // What a card begins with; most groups of digits end here.
    if !matches!(run.groups[0].len, 4 | 6 | 12..=19) {
        return None;
    }
    for shape in SHAPES {
        if run.shaped(shape, &MARKS) && stands_alone(text, run, shape.len()) && valid(run.of(shape.len())) {
            return Some(finding(run, shape.len(), Confidence::High));
        }
    }
    if !stands_alone(text, run, 1) || !valid(run.of(1)) {
        return None;
    }
    let start = run.groups[0].start;
    if in_list(text, start) {
        return Some(finding(run, 1, Confidence::Low));
    }
    let likely = usual(run.of(1)) || (!quiet && text.mentions_before(start, REACH, &WORDS, work));
    Some(finding(run, 1, if likely { Confidence::Medium } else { Confidence::Low }))
}

/// True if the digits of a group may be a card by themselves.
pub(super) fn may_be(digits: &[u8]) -> bool {
    matches!(digits.len(), 12..=19) && valid(digits)
}

/// Cards of this network mostly have so many digits. Others are as a rule numbers of 64 bits.
fn usual(digits: &[u8]) -> bool {
    match digits {
        [b'3', b'4' | b'7', ..] => digits.len() == 15,
        [b'3', b'0' | b'6' | b'8' | b'9', ..] => digits.len() == 14,
        _ => digits.len() == 16,
    }
}

fn finding(run: &Digits<'_>, groups: usize, confidence: Confidence) -> Finding {
    Finding {
        detector: metadata::CARD,
        start: run.groups[0].start,
        end: run.groups[groups - 1].end(),
        confidence,
    }
}

/// The element before it in a list, a line or a comma away, has as many digits as cards have and is none: numbers of some
/// other kind. The check digit of one in ten fits.
fn in_list(text: Text<'_>, start: usize) -> bool {
    let before = text.bytes[start.saturating_sub(LIST)..start].trim_ascii_end();
    let Some(before) = before.strip_suffix(b",") else { return false };
    let digits = before.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    (12..=20).contains(&digits) && !valid(&before[before.len() - digits..])
}

/// Neither side continues the grouping: a row of a table of numbers is no card. An expiry date or security
/// code behind a card is common, so a group of at most three digits, or another separator, may follow.
fn stands_alone(text: Text<'_>, run: &Digits<'_>, groups: usize) -> bool {
    let spaced = groups > 1 && run.groups[1].mark == Mark::Space;
    if spaced && left_neighbour(text, run.groups[0].start) {
        return false;
    }
    let Some(next) = run.behind(groups) else { return may_end(text, run.groups[groups - 1].end()) };
    match next.mark {
        Mark::Space => !(spaced && next.len == 4),
        Mark::Slash | Mark::Parenthesis => true,
        _ => false,
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
    (12..=19).contains(&digits.len()) && !monotonous(digits) && issuer_allows(digits) && luhn(digits)
}

/// The leading digits belong to a network that issues numbers of this length.
fn issuer_allows(digits: &[u8]) -> bool {
    let lead = |n: usize| digits[..n].iter().fold(0u32, |value, d| value * 10 + u32::from(*d - b'0'));
    let len = digits.len();
    match lead(4) {
        // UATP, the card of airlines.
        1000..=1999 => len == 15,
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

/// A number of one of the large networks, made up until the sum agrees.
pub(super) fn sample(source: &mut SampleSource) -> String {
    loop {
        let digits = format!("{}{}", source.pick(&["4", "51", "2229", "6011", "3530"]), source.digits(15));
        let number = &digits[..16];
        if valid(number.as_bytes()) {
            return format!("{} {} {} {}", &number[..4], &number[4..8], &number[8..12], &number[12..]);
        }
    }
}

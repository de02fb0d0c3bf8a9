//! Telephone numbers: international ones by country code and length (ITU-T E.164), and the national forms
//! that are common in text, by their grouping. The national numbering plans in full come with a library
//! later; until then a bare national number needs a word before it that says what it is.

use super::number::{Digits, Group, Mark, may_end};
use super::text::{Peek, Text};
use super::{Confidence, Finding, metadata};

/// A word this near says that ten digits are a telephone number.
const FAR: usize = 40;
/// This near it says so of any grouping.
const NEAR: usize = 24;
/// Words that say it from behind: `… office`, `…-Fax`.
const LABELS: [&str; 9] = ["office", "fax", "mobile", "cell", "home", "work", "phone", "tel", "direct"];
const LONGEST_EXTENSION: usize = 5;
/// Shorter ones are emergency numbers and parts of others.
const FEWEST_DIGITS: usize = 6;

/// Where a number whose first group is `first` begins: at its `+`, or at the parenthesis around the group.
pub(super) fn start(text: Text<'_>, first: &Group) -> usize {
    let mut start = first.start;
    let closed = matches!(text.peek(first.end()), Peek::Byte(b')') | Peek::Unknown);
    if closed && text.before(start, 1) == Some(b'(') {
        start -= 1;
    }
    if start > 0 && text.before(start, 1) == Some(b'+') && !joined(text, start - 1) {
        start -= 1;
    }
    start.max(text.floor)
}

/// The plus sign at `plus` belongs to what stands before it: an exponent, a sum, a `C++`.
fn joined(text: Text<'_>, plus: usize) -> bool {
    text.before(plus, 1).is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'_' | b')'))
}

/// `hear` says whether a word for telephones stands in so many bytes before the number.
pub(super) fn confirm(
    text: Text<'_>,
    run: &Digits<'_>,
    start: usize,
    hear: &mut dyn FnMut(usize) -> bool,
) -> Option<Finding> {
    if run.chars.len() < FEWEST_DIGITS {
        return None;
    }
    let first = run.groups[0].start;
    let plus = text.bytes[start..first].contains(&b'+');
    let (groups, confidence) = if plus {
        (international(run, 0)?, Confidence::High)
    } else if run.chars.starts_with(b"00") && run.groups.len() > 1 && run.groups[0].len > 1 {
        (international(run, 2)?, Confidence::Medium)
    } else {
        national(text, run, hear)?
    };
    let end = run.groups[groups - 1].end();
    if !plus && groups > 1 && run.groups[1].mark == Mark::Space && row_before(text, start) {
        return None;
    }
    let alone = match run.behind(groups) {
        None => may_end(text, end) || extension(text, end).is_some() || label_follows(text, end),
        // A year or a count may follow behind a space; a dash or dot would tie the digits together.
        Some(next) => plus || groups == 1 || next.mark != run.groups[1].mark,
    };
    let end = extension(text, end).unwrap_or(end);
    alone.then_some(Finding { detector: metadata::PHONE, start, end, confidence })
}

/// A digit and a space stand before: the groups are the rest of a longer row.
fn row_before(text: Text<'_>, start: usize) -> bool {
    text.before(start, 1) == Some(b' ') && text.before(start, 2).is_some_and(|b| b.is_ascii_digit())
}

/// The end of an extension written as `x123`, up to five digits.
fn extension(text: Text<'_>, end: usize) -> Option<usize> {
    let digits = matches!(text.peek(end), Peek::Byte(b'x')).then_some(end + 1)?;
    let stop = text.run_end(digits, LONGEST_EXTENSION + 1, |b| b.is_ascii_digit());
    ((1..=LONGEST_EXTENSION).contains(&(stop - digits))
        && !matches!(text.peek(stop), Peek::Byte(b) if b.is_ascii_alphanumeric()))
    .then_some(stop)
}

/// `…-Fax`, `…-Office`: a dash and a word of letters is a label, not a part of the number.
fn label_follows(text: Text<'_>, end: usize) -> bool {
    matches!((text.peek(end), text.peek(end + 1)), (Peek::Byte(b'-'), Peek::Byte(b)) if b.is_ascii_alphabetic())
}

/// A mark and a letter, as far as the text goes.
fn label_may_begin(text: Text<'_>, end: usize) -> bool {
    matches!(text.peek(end), Peek::Byte(b' ' | b'-'))
        && matches!(text.peek(end + 1), Peek::Unknown | Peek::Byte(b'a'..=b'z' | b'A'..=b'Z'))
}

/// A word behind the number that says what it is.
fn labelled(text: Text<'_>, end: usize) -> bool {
    let end = extension(text, end).unwrap_or(end);
    let word = end + 1;
    label_may_begin(text, end)
        && LABELS.iter().any(|label| {
            let there = text.bytes.get(word..word + label.len());
            there.is_some_and(|there| there.eq_ignore_ascii_case(label.as_bytes()))
                && !matches!(text.peek(word + label.len()), Peek::Byte(b) if b.is_ascii_alphabetic())
        })
}

/// True if the continuation that decides about an extension or a label has not arrived.
pub(super) fn needs_more(text: Text<'_>, end: usize) -> bool {
    let mut end = end;
    if text.peek(end) == Peek::Byte(b'x') {
        let stop = text.run_end(end + 1, LONGEST_EXTENSION + 1, |b| b.is_ascii_digit());
        if text.peek(stop) == Peek::Unknown {
            return true;
        }
        end = stop;
    }
    text.peek(text.bytes.len()) == Peek::Unknown
        && label_may_begin(text, end)
        && LABELS.iter().any(|label| {
            let there = text.bytes.get(end + 1..).unwrap_or_default();
            let known = there.len().min(label.len() + 1);
            there.len() <= label.len() && there[..known].eq_ignore_ascii_case(&label.as_bytes()[..known])
        })
}

/// How many groups make an international number whose country code begins after `skip` digits: the most that
/// the country allows.
fn international(run: &Digits<'_>, skip: usize) -> Option<usize> {
    let digits = run.chars.get(skip..)?;
    let (code_len, least, most) = country(digits)?;
    let trunk = trunk_group(run);
    (1..=run.groups.len()).rev().find(|groups| {
        let dropped = usize::from(trunk.is_some_and(|i| i < *groups));
        let significant = run.of(*groups).len().saturating_sub(skip + code_len + dropped);
        (least..=most).contains(&significant) && run.groups[1..*groups].iter().all(|g| g.len < 12)
    })
}

/// The place of a lone zero in parentheses: `+44 (0)20 …`, a prefix that is not part of the number.
fn trunk_group(run: &Digits<'_>) -> Option<usize> {
    let zero = |i: usize| run.of(i + 1).last() == Some(&b'0');
    let lone = |g: &Group| g.len == 1 && g.mark == Mark::Parenthesis;
    (1..run.groups.len()).find(|i| lone(&run.groups[*i]) && zero(*i))
}

/// Country codes (ITU-T E.164 assignments) with the fewest and most digits of the national number.
fn country(digits: &[u8]) -> Option<(usize, usize, usize)> {
    let code = |n: usize| digits.get(..n).map(|d| d.iter().fold(0u32, |v, d| v * 10 + u32::from(*d - b'0')));
    match code(1)? {
        1 => return digits.get(1).is_some_and(|d| *d >= b'2').then_some((1, 10, 10)),
        7 => return Some((1, 10, 10)),
        _ => {}
    }
    let two = match code(2)? {
        20 => (8, 10),
        27 => (9, 9),
        30 => (10, 10),
        31 => (9, 9),
        32 => (8, 9),
        33 => (9, 9),
        34 => (9, 9),
        36 => (8, 9),
        39 => (6, 11),
        40 => (9, 9),
        41 => (9, 9),
        43 => (4, 13),
        44 => (7, 10),
        45 => (8, 8),
        46 => (7, 10),
        47 => (5, 8),
        48 => (9, 9),
        49 => (6, 11),
        51 => (8, 9),
        52 => (10, 10),
        53 => (6, 8),
        54 => (10, 11),
        55 => (10, 11),
        56 => (8, 9),
        57 => (8, 10),
        58 => (10, 10),
        60 => (8, 10),
        61 => (9, 9),
        62 => (8, 12),
        63 => (8, 10),
        64 => (8, 10),
        65 => (8, 8),
        66 => (8, 9),
        81 => (9, 10),
        82 => (8, 10),
        84 => (8, 10),
        86 => (8, 11),
        90 => (10, 10),
        91 => (10, 10),
        92 => (8, 10),
        93 => (9, 9),
        94 => (9, 9),
        95 => (7, 10),
        98 => (10, 10),
        _ => return three(code(3)?),
    };
    Some((2, two.0, two.1))
}

/// Three-digit codes: the assigned zones, with the lengths that occur in them.
fn three(code: u32) -> Option<(usize, usize, usize)> {
    match code {
        211..=213 | 216 | 218 | 220..=269 | 290 | 291 | 297..=299 => Some((3, 6, 10)),
        350..=359 | 370..=383 | 385..=387 | 389 | 420 | 421 | 423 => Some((3, 6, 12)),
        500..=509 | 590..=599 => Some((3, 6, 11)),
        670 | 672..=683 | 685..=692 => Some((3, 5, 8)),
        850 | 852 | 853 | 855 | 856 | 880 | 886 => Some((3, 7, 10)),
        960..=968 | 970..=977 | 992..=996 | 998 => Some((3, 7, 10)),
        _ => None,
    }
}

const MARKS: [Mark; 4] = [Mark::Space, Mark::Dash, Mark::Dot, Mark::Parenthesis];

/// National forms. The grouping is the evidence; context makes up for a grouping that says little.
fn national(
    text: Text<'_>,
    run: &Digits<'_>,
    hear: &mut dyn FnMut(usize) -> bool,
) -> Option<(usize, Confidence)> {
    let loose = |lengths: &[usize]| {
        run.groups.len() >= lengths.len()
            && run.groups.iter().zip(lengths).all(|(g, len)| usize::from(g.len) == *len)
            && run.groups[1..lengths.len()].iter().all(|g| MARKS.contains(&g.mark))
    };
    if loose(&[3, 3, 4]) && north_american(run.of(3)) {
        return Some((3, Confidence::Medium));
    }
    if loose(&[1, 3, 3, 4]) && run.chars[0] == b'1' && north_american(&run.of(4)[1..]) {
        return Some((4, Confidence::Medium));
    }
    let with_trunk = run.chars[0] == b'0' && run.chars.get(1).is_some_and(|d| *d != b'0');
    if with_trunk && let Some(shape) = TRUNK.iter().find(|shape| loose(shape)) {
        return Some((shape.len(), Confidence::Medium));
    }
    let fits = |n: &usize| (FEWEST_DIGITS..=13).contains(&run.of(*n).len());
    let groups = (1..=run.groups.len().min(6)).rev().find(fits)?;
    let count = run.of(groups).len();
    if is_something_else(run) {
        return None;
    }
    let telling = run.groups[..groups].iter().all(|group| group.len > 1) || with_trunk || count >= 9;
    let end = run.groups[groups - 1].end();
    let said = telling && (hear(NEAR) || labelled(text, end) || (count >= 9 && hear(FAR)));
    if said {
        return Some((groups, Confidence::Medium));
    }
    let bare = match groups {
        1 => (with_trunk && matches!(count, 10 | 11)) || (count == 10 && north_american(run.chars)),
        _ => with_trunk && count >= 9 && groups <= 5,
    };
    bare.then_some((groups, Confidence::Low))
}

/// `2024-01-15`, `15.01.2024`, `203.0.113.10`, `1234567.89`.
fn is_something_else(run: &Digits<'_>) -> bool {
    let marks = [Mark::Dash, Mark::Dot, Mark::Slash];
    let dots = run.uniform(run.groups.len(), &[Mark::Dot]);
    let address = run.groups.len() == 4 && dots && run.groups.iter().all(|group| group.len <= 3);
    let decimal = run.groups.len() == 2 && dots;
    address || decimal || run.shaped(&[4, 2, 2], &marks) || run.shaped(&[2, 2, 4], &marks)
}

/// `NXX NXX XXXX`, N from 2 to 9, neither an N9X area nor an N11 service code.
fn north_american(digits: &[u8]) -> bool {
    let [a, b, c, d, e, f, ..] = digits else { return false };
    *a >= b'2' && *b != b'9' && (*b, *c) != (b'1', b'1') && *d >= b'2' && (*e, *f) != (b'1', b'1')
}

/// Groupings with the trunk prefix 0 that are usual in Europe, Asia and Australia.
const TRUNK: [&[usize]; 16] = [
    &[2, 2, 2, 2, 2],
    &[3, 3, 2, 2],
    &[4, 3, 2, 2],
    &[4, 2, 2, 2],
    &[3, 2, 2, 2],
    &[5, 6],
    &[5, 3, 3],
    &[4, 3, 4],
    &[3, 4, 4],
    &[4, 3, 3],
    &[2, 4, 4],
    &[3, 3, 4],
    &[1, 3, 3, 4],
    &[1, 3, 3, 2, 2],
    &[4, 7],
    &[2, 8],
];

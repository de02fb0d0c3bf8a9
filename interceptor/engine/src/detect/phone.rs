//! Telephone numbers: international ones by the numbering plans of all countries (`phone/plan.rs`), national ones by
//! the groupings that are common in text and the plans of the countries that write so. A national number without a
//! grouping needs a word before it that says what it is. Numbers that are kept for films and manuals are nobody's.

mod plan;
mod reserved;

use plan::{Code, Place};
use smallvec::SmallVec;

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
/// A national number is written in no more groups.
pub(super) const MOST_GROUPED: usize = 6;
/// Longer ones are told by their calling code.
pub(super) const MOST_NATIONAL: u8 = 13;

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
    let first = run.groups[0].start;
    let plus = text.bytes[start..first].contains(&b'+');
    if run.chars.len() < FEWEST_DIGITS || is_typed(run) || is_quantity(text, run, start, plus) {
        return None;
    }
    let abroad = run.chars.starts_with(b"00") && run.groups.len() > 1 && run.groups[0].len > 1;
    let (groups, confidence) = if plus {
        let (groups, valid) = international(run, 0)?;
        (groups, if valid { Confidence::High } else { Confidence::Medium })
    } else if abroad && let Some((groups, valid)) = international(run, 2) {
        // Four groups are written by nobody for another reason.
        let end = run.groups[groups - 1].end();
        let sure = valid || groups >= 4 || labelled(text, end) || hear(FAR);
        (groups, if sure { Confidence::Medium } else { Confidence::Low })
    } else {
        national(text, run, hear)?
    };
    let confidence = match reserved::is_nobodys(run.of(groups), plus || abroad) {
        // Whoever writes one with all that makes a number, or calls it one, wants it to be read as one.
        true if plus || hear(FAR) => confidence.min(Confidence::Medium),
        true => Confidence::Low,
        false => confidence,
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

/// `0123 456 789`, `01 02 03 04`, `111-222-3333`: digits or pairs that count, or groups of one digit each, are typed by
/// who needs some.
fn is_typed(run: &Digits<'_>) -> bool {
    let counted = run.chars.windows(2).all(|two| two[1] == b'0' + (two[0] - b'0' + 1) % 10);
    let groups = run.groups.len().min(3);
    let mut from = 0;
    let same = groups == 3
        && run.groups.iter().all(|group| {
            let digits = &run.chars[from..from + usize::from(group.len)];
            from += digits.len();
            group.len > 2 && digits.iter().all(|digit| *digit == digits[0])
        });
    let pair = |at: usize| (run.chars[at] - b'0') * 10 + (run.chars[at + 1] - b'0');
    let pairs = run.groups.len() > 3 && run.groups.iter().all(|group| group.len == 2);
    let stepped = pairs && (2..run.chars.len() - 1).step_by(2).all(|at| pair(at) == pair(at - 2) + 1);
    counted || same || stepped
}

/// The seconds of a time of day (`09:08:07.123456`), or a number with a fraction and a sign: a dot behind a plus sign and
/// a group parts the calling code from the rest (RFC 5733), so that the group has to be one.
fn is_quantity(text: Text<'_>, run: &Digits<'_>, start: usize, plus: bool) -> bool {
    let clock =
        text.before(start, 1) == Some(b':') && text.before(start, 2).is_some_and(|b| b.is_ascii_digit());
    let fraction = plus && run.groups.len() == 2 && run.groups[1].mark == Mark::Dot;
    clock || (fraction && Code::of(run.chars).is_none_or(|code| code.len != usize::from(run.groups[0].len)))
}

/// The word at `word` stands in a line above that has a number of its own before it: the rows of a table say who else is
/// called, not what the next number is.
pub(super) fn is_row(text: Text<'_>, word: usize, start: usize) -> bool {
    /// So far back in a line a number may stand.
    const NEAR: usize = 64;
    if !text.bytes[word..start].contains(&b'\n') {
        return false;
    }
    let before = &text.bytes[word.saturating_sub(NEAR)..word];
    let line = before.iter().rev().take_while(|b| **b != b'\n');
    line.filter(|b| b.is_ascii_digit()).count() >= 3
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
pub(super) fn labelled(text: Text<'_>, end: usize) -> bool {
    let end = extension(text, end).unwrap_or(end);
    let word = end + 1;
    // What each of them begins with.
    let first = text
        .bytes
        .get(word)
        .is_some_and(|b| matches!(b | 0x20, b'c' | b'd' | b'f' | b'h' | b'm' | b'o' | b'p' | b't' | b'w'));
    first
        && label_may_begin(text, end)
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

/// True if the digits of a value, marks apart, are a number of some country, with its calling code or without.
pub(super) fn may_be(value: &[u8]) -> bool {
    let digits: SmallVec<[u8; 20]> = value.iter().copied().filter(u8::is_ascii_digit).collect();
    let other = |b: &u8| !b.is_ascii_digit() && !matches!(b, b'+' | b' ' | b'-' | b'.' | b'(' | b')' | b'/');
    if value.iter().any(other) || !(FEWEST_DIGITS..=15).contains(&digits.len()) {
        return false;
    }
    let abroad = digits.strip_prefix(b"00").unwrap_or(&digits);
    Place::START.walk(abroad).is_some_and(Place::may_end)
        || plan::Code::all().any(|code| {
            let national = digits.strip_prefix(b"0").filter(|_| code.place.step(b'0').is_none());
            code.place.walk(national.unwrap_or(&digits)).is_some_and(Place::may_end)
        })
}

/// An international number whose calling code begins after `skip` digits: how many groups it has, and whether
/// somebody may have it. The most groups that make a valid number, or else a length that the country uses.
fn international(run: &Digits<'_>, skip: usize) -> Option<(usize, bool)> {
    let code = Code::of(run.chars.get(skip..)?)?;
    let first = skip + code.len;
    let zero = trunk_zero(run, first, &code);
    if !fits_somewhere(run, &code, first, zero) {
        return None;
    }
    let (mut valid, mut likely) = (None, None);
    // Where the digits so far lead, the zero apart, and how many there are.
    let (mut place, mut count, mut at) = (Some(code.place), 0, first);
    let mut end = 0;
    for (groups, group) in (1..).zip(run.groups) {
        if groups > 1 && group.len >= 12 {
            break;
        }
        end += usize::from(group.len);
        if end < first {
            continue;
        }
        while at < end {
            if zero != Some(at) {
                place = place.and_then(|place| place.step(run.chars[at]));
                count += 1;
            }
            at += 1;
        }
        if place.is_some_and(Place::may_end) {
            valid = Some(groups);
        } else if code.has_length(count) && begins(&code, run.chars, first, zero) {
            likely = Some(groups);
        }
    }
    valid.map(|groups| (groups, true)).or(likely.map(|groups| (groups, false)))
}

/// True if the digits of a group, of which the first is no zero, may be a telephone number that no other group belongs to
/// and no word before announces; they end at `end`. Says true where the text is too short to tell.
pub(super) fn may_be_bare(text: Text<'_>, digits: &[u8], end: usize) -> bool {
    let bare = || north_american_alone(digits) || walks_abroad(digits);
    (FEWEST_DIGITS..=MOST_NATIONAL.into()).contains(&digits.len())
        && (bare() || labelled(text, end) || needs_more(text, end))
}

/// Ten digits of the North American plan.
fn north_american_alone(digits: &[u8]) -> bool {
    digits.len() == 10 && plan::valid(b"1", digits)
}

/// The first group is an international number, and not the beginning of a longer one.
fn is_international(run: &Digits<'_>) -> bool {
    walks_abroad(run.of(1)) && matches!(international(run, 0), Some((1, true)))
}

/// The digits are an international number by themselves, with the zero that is dialled inside the country or without.
fn walks_abroad(digits: &[u8]) -> bool {
    let Some(code) = Code::of(digits) else { return false };
    let national = &digits[code.len..];
    // Most are of no length that the country has, and need not be followed.
    if !code.may_have_length(national.len()) {
        return false;
    }
    let zero = national.first() == Some(&b'0') && code.place.step(b'0').is_none();
    code.place.walk(&national[usize::from(zero)..]).is_some_and(Place::may_end)
}

/// Numbers of the country have as many digits as stand before the end of some group, the zero apart. Most rows of digits
/// end here: the plan itself is a look at two far places for each digit.
fn fits_somewhere(run: &Digits<'_>, code: &Code, first: usize, zero: Option<usize>) -> bool {
    let mut end = 0;
    run.groups.iter().any(|group| {
        end += usize::from(group.len);
        let national = end.saturating_sub(first);
        let national = national - usize::from(national > 0 && zero.is_some_and(|zero| zero < end));
        national > 0 && code.may_have_length(national)
    })
}

/// Some number of the country begins with the digit at `first`, or behind the zero that stands there.
fn begins(code: &Code, digits: &[u8], first: usize, zero: Option<usize>) -> bool {
    let digit = digits.get(first + usize::from(zero == Some(first)));
    digit.is_some_and(|digit| code.place.step(*digit).is_some())
}

/// The place of a zero that is dialled inside the country only: `+44 (0)20 …`, and often without the parentheses.
fn trunk_zero(run: &Digits<'_>, first: usize, code: &Code) -> Option<usize> {
    let zero = |at: usize| run.chars.get(at) == Some(&b'0');
    let lone = |i: &usize| run.groups[*i].len == 1 && run.groups[*i].mark == Mark::Parenthesis;
    let places = (1..run.groups.len()).filter(lone).map(|i| run.of(i).len());
    let unheard_of = code.place.step(b'0').is_none();
    // One inside the calling code is a part of it.
    places.chain(unheard_of.then_some(first)).find(|at| *at >= first && zero(*at))
}

const MARKS: [Mark; 4] = [Mark::Space, Mark::Dash, Mark::Dot, Mark::Parenthesis];

/// National forms. The grouping is the evidence, together with the plan of a country that writes numbers so; context
/// makes up for what says little.
fn national(
    text: Text<'_>,
    run: &Digits<'_>,
    hear: &mut dyn FnMut(usize) -> bool,
) -> Option<(usize, Confidence)> {
    let with_trunk = run.chars[0] == b'0' && run.chars.get(1).is_some_and(|d| *d != b'0');
    let mut low = None;
    if let Some((groups, sure)) = grouped(text, run, with_trunk) {
        if sure {
            return Some((groups, Confidence::Medium));
        }
        low = Some((groups, Confidence::Low));
    }
    let fits = |n: &usize| (FEWEST_DIGITS..=MOST_NATIONAL.into()).contains(&run.of(*n).len());
    let groups = (1..=run.groups.len().min(MOST_GROUPED)).rev().find(fits)?;
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
    let bare = || match groups {
        1 if with_trunk => matches!(count, 10 | 11),
        1 => north_american_alone(run.chars) || is_international(run),
        _ => with_trunk && count >= 9 && groups <= 5,
    };
    low.or_else(|| bare().then_some((groups, Confidence::Low)))
}

/// A grouping that numbers are written in, and whether the digits are those of a number, too.
fn grouped(text: Text<'_>, run: &Digits<'_>, with_trunk: bool) -> Option<(usize, bool)> {
    // A parenthesis is around the area code and nothing else: `241-248 (1971)` are pages and a year.
    let outside = |i: usize, lengths: usize| {
        (i..lengths)
            .all(|i| run.groups[i].mark != Mark::Parenthesis || run.groups[i - 1].mark == Mark::Parenthesis)
    };
    let loose = |lengths: &[usize]| {
        run.groups.len() >= lengths.len()
            && run.groups.iter().zip(lengths).all(|(g, len)| usize::from(g.len) == *len)
            && run.groups[1..lengths.len()].iter().all(|g| MARKS.contains(&g.mark))
            && outside(2, lengths.len())
    };
    let spaced = |groups: usize| run.groups[1..groups].iter().any(|group| group.mark == Mark::Space);
    for (lengths, skip) in [(&[3, 3, 4][..], 0), (&[1, 3, 3, 4], 1)] {
        if loose(lengths) && (skip == 0 || run.chars[0] == b'1') {
            let digits = &run.of(lengths.len())[skip..];
            let sure = plan::valid(b"1", digits) || !spaced(lengths.len());
            return north_american(digits).then_some((lengths.len(), sure));
        }
    }
    let shape = TRUNK.iter().find(|shape| with_trunk && loose(shape))?;
    // Bytes are written in pairs of digits, too, for a function that reads them, and among other bytes.
    let start = run.groups[0].start;
    let before = |back: usize| text.before(start, back);
    let byte = |back: usize| before(back).is_some_and(|b| b.is_ascii_hexdigit());
    let read = (matches!(before(1), Some(b'"' | b'\'')) && before(2) == Some(b'('))
        || (before(1) == Some(b' ')
            && byte(2)
            && byte(3)
            && !before(4).is_some_and(|b| b.is_ascii_alphanumeric()));
    let read = read && shape.iter().all(|len| *len == 2);
    let valid = WITH_TRUNK.iter().any(|code| {
        let kept = usize::from(*code != b"39");
        plan::valid(code, &run.of(shape.len())[kept..])
    });
    Some((shape.len(), valid && !read))
}

/// `2024-01-15`, `15.01.2024`, `203.0.113.10`, `1234567.89`.
fn is_something_else(run: &Digits<'_>) -> bool {
    let marks = [Mark::Dash, Mark::Dot, Mark::Slash];
    let dots = run.uniform(run.groups.len(), &[Mark::Dot]);
    let address = run.groups.len() == 4 && dots && run.groups.iter().all(|group| group.len <= 3);
    let decimal = run.groups.len() == 2 && dots;
    address || decimal || run.shaped(&[4, 2, 2], &marks) || run.shaped(&[2, 2, 4], &marks)
}

/// `NXX NXX XXXX`, N from 2 to 9, neither an N9X area nor an N11 service code. Wider than the plan: area codes are
/// opened, and numbers are mistyped.
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

/// Calling codes of countries that write their numbers with a 0 in front; Italy's is a part of the number.
const WITH_TRUNK: [&[u8]; 38] = [
    b"49", b"44", b"33", b"39", b"31", b"32", b"43", b"41", b"46", b"358", b"353", b"81", b"91", b"61",
    b"64", b"27", b"90", b"972", b"82", b"86", b"886", b"63", b"62", b"60", b"66", b"84", b"380", b"40",
    b"385", b"421", b"359", b"381", b"971", b"20", b"234", b"254", b"55", b"54",
];

//! Numbers written in groups: reads the run of digits and separators that begins at a digit, then asks
//! cards, social security numbers and telephone numbers in that order.

use smallvec::SmallVec;

use super::text::{Peek, Text, Verdict};
use super::{Work, card, phone, ssn};

/// More digits than any number that is looked for.
pub(super) const MOST_DIGITS: usize = 20;
const MOST_GROUPS: usize = 10;
/// Fewer digits than this make no number that is looked for.
const FEWEST_DIGITS: usize = 7;

/// From here on a run of digits is worth holding: shorter ones are years, prices and counts.
const HOLD_DIGITS: usize = 5;

/// What stands between two groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Separator {
    Space,
    Dash,
    Dot,
    Slash,
    /// Parentheses, alone or with another mark.
    Parenthesis,
}

/// Digits without a separator between them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Group {
    /// First byte.
    pub(super) start: usize,
    /// Digits.
    pub(super) len: usize,
    /// What stands before it in this run. The first group's is of no meaning.
    pub(super) separator: Separator,
}

impl Group {
    pub(super) fn end(&self) -> usize {
        self.start + self.len
    }
}

/// Groups of digits with separators between them, as far as a number could reach.
pub(super) struct Run {
    pub(super) groups: SmallVec<[Group; MOST_GROUPS]>,
    /// The digits of all groups, as values.
    pub(super) digits: SmallVec<[u8; 24]>,
    /// A group behind them that makes more digits than any number has.
    beyond: Option<Group>,
    /// The text may continue the run.
    open: bool,
}

impl Run {
    /// The digits of the first `groups` groups.
    pub(super) fn digits_of(&self, groups: usize) -> &[u8] {
        let count = self.groups[..groups].iter().map(|g| g.len).sum();
        &self.digits[..count]
    }

    /// The lengths of the first `groups` groups are these, joined by one kind of separator.
    pub(super) fn shaped(&self, lengths: &[usize], allowed: &[Separator]) -> bool {
        self.groups.len() >= lengths.len()
            && self.groups.iter().zip(lengths).all(|(group, len)| group.len == *len)
            && self.uniform(lengths.len(), allowed)
    }

    /// The first `groups` groups are joined by one kind of separator, which is allowed.
    pub(super) fn uniform(&self, groups: usize, allowed: &[Separator]) -> bool {
        let between = &self.groups[1..groups];
        between.iter().all(|g| g.separator == between[0].separator && allowed.contains(&g.separator))
    }

    /// The group behind the first `groups`, if there is one.
    pub(super) fn behind(&self, groups: usize) -> Option<&Group> {
        self.groups.get(groups).or(self.beyond.as_ref())
    }
}

pub(super) fn confirm(text: Text<'_>, first: usize, work: &mut Work) -> Verdict {
    // A digit that is part of a word or of a longer number is none of ours, whatever follows. The rest of its
    // group begins nothing.
    if !may_begin(text, first) {
        return Verdict::No { resume: first + 1 };
    }
    let run = read(text, first);
    let Some((head, last)) = run.groups.first().zip(run.groups.last()) else {
        return Verdict::No { resume: first + MOST_DIGITS + 1 };
    };
    work.examined += (last.end() - first) as u64;
    let no = Verdict::No { resume: head.end() };
    let start = phone::start(text, head);
    if run.open || needs_more(text, last.end()) || phone::needs_more(text, last.end()) {
        let plus = text.bytes[start] == b'+';
        let hold = if plus || run.digits.len() >= HOLD_DIGITS { start } else { usize::MAX };
        return Verdict::Undecided { hold };
    }
    if run.digits.len() < FEWEST_DIGITS {
        return no;
    }
    card::confirm(text, &run)
        .or_else(|| ssn::confirm(text, &run, work))
        .or_else(|| phone::confirm(text, &run, start, work))
        .map_or(no, Verdict::Match)
}

/// True if the group of digits at `first` is too short to be a number and no separator and digit stand behind
/// it: the years, prices and counts of prose, which need no closer look. False where the text is too short to
/// tell.
pub(super) fn short_and_alone(bytes: &[u8], first: usize) -> bool {
    let group = &bytes[first..bytes.len().min(first + FEWEST_DIGITS)];
    let Some(len) = group.iter().position(|b| !b.is_ascii_digit()) else { return false };
    let mark = |b: u8| matches!(b, b' ' | b'-' | b'.' | b'/' | b'(' | b')' | 0xc2 | 0xe2);
    if !mark(group[len]) {
        return true;
    }
    let wide = group[len] >= 0x80;
    !wide && bytes.get(first + len + 1).is_some_and(|b| !mark(*b) && !b.is_ascii_digit())
}

/// What stands before the first digit does not tie it to a word or a longer number.
fn may_begin(text: Text<'_>, first: usize) -> bool {
    let Some(before) = text.left(first) else { return true };
    match before {
        b if b.is_ascii_alphanumeric() || b == b'_' || b == b'$' => false,
        b'-' | b'/' => !text.before(first, 2).is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_'),
        b'.' => !text.before(first, 2).is_some_and(|b| b.is_ascii_digit()),
        _ => true,
    }
}

/// What stands behind the last digit does not tie it to a word or a longer number.
pub(super) fn may_end(text: Text<'_>, end: usize) -> bool {
    let Peek::Byte(next) = text.peek(end) else { return true };
    let then = |class: fn(u8) -> bool| matches!(text.peek(end + 1), Peek::Byte(b) if class(b));
    match next {
        b if b.is_ascii_alphanumeric() || b == b'_' || b == b'@' => false,
        b'-' | b'/' => !then(|b| b.is_ascii_alphanumeric()),
        b'.' => !then(|b| b.is_ascii_digit()),
        // A percent sign or degree makes it a measure.
        b'%' => false,
        _ => true,
    }
}

/// True if [`may_end`] depends on text that has not arrived.
fn needs_more(text: Text<'_>, end: usize) -> bool {
    match text.peek(end) {
        Peek::Unknown => true,
        Peek::Byte(b'-' | b'.' | b'/') => text.peek(end + 1) == Peek::Unknown,
        _ => false,
    }
}

/// Reads the run as far as a number could reach.
fn read(text: Text<'_>, first: usize) -> Run {
    let mut run = Run { groups: SmallVec::new(), digits: SmallVec::new(), beyond: None, open: false };
    let mut at = first;
    let mut separator = Separator::Space;
    loop {
        // One digit too many is enough to know that a group is no number of ours.
        let end = text.run_end(at, MOST_DIGITS + 1, |b| b.is_ascii_digit());
        let group = Group { start: at, len: end - at, separator };
        if run.digits.len() + group.len > MOST_DIGITS {
            run.beyond = Some(group);
            return run;
        }
        run.digits.extend(text.bytes[at..end].iter().map(|b| b - b'0'));
        run.groups.push(group);
        if run.groups.len() == MOST_GROUPS {
            return run;
        }
        match separator_at(text, end) {
            Between::Nothing => return run,
            Between::Unknown => {
                run.open = true;
                return run;
            }
            Between::Separator(kind, next) => (separator, at) = (kind, next),
        }
    }
}

enum Between {
    /// The run ends here.
    Nothing,
    /// The text is too short to tell.
    Unknown,
    /// A separator, and where the next group's first digit stands.
    Separator(Separator, usize),
}

/// Reads up to three marks that are followed by a digit. Non-breaking spaces and hyphens count as what they
/// look like: models write them into telephone numbers.
fn separator_at(text: Text<'_>, from: usize) -> Between {
    let mut at = from;
    let mut kind: Option<Separator> = None;
    for _ in 0..4 {
        let byte = match text.peek(at) {
            Peek::Byte(byte) => byte,
            Peek::End => return Between::Nothing,
            Peek::Unknown => return Between::Unknown,
        };
        let (mark, len) = match byte {
            b'0'..=b'9' => return kind.map_or(Between::Nothing, |kind| Between::Separator(kind, at)),
            b' ' => (Separator::Space, 1),
            b'-' => (Separator::Dash, 1),
            b'.' => (Separator::Dot, 1),
            b'/' => (Separator::Slash, 1),
            b'(' | b')' => (Separator::Parenthesis, 1),
            0xc2 | 0xe2 => match wide_mark(text, at) {
                Between::Separator(mark, next) => (mark, next - at),
                other => return other,
            },
            _ => return Between::Nothing,
        };
        at += len;
        kind = Some(match kind {
            None => mark,
            Some(Separator::Parenthesis) => Separator::Parenthesis,
            Some(_) if mark == Separator::Parenthesis => mark,
            // Two marks of which none is a parenthesis are the end of one thing and the start of another.
            Some(_) => return Between::Nothing,
        });
    }
    Between::Nothing
}

/// U+00A0, U+2009, U+202F as spaces, U+2010 to U+2013 as dashes.
fn wide_mark(text: Text<'_>, at: usize) -> Between {
    let wanted = if text.bytes[at] == 0xc2 { 2 } else { 3 };
    let Some(bytes) = text.bytes.get(at..at + wanted) else {
        return if text.complete { Between::Nothing } else { Between::Unknown };
    };
    match bytes {
        [0xc2, 0xa0] | [0xe2, 0x80, 0x89 | 0xaf] => Between::Separator(Separator::Space, at + wanted),
        [0xe2, 0x80, 0x90..=0x93] => Between::Separator(Separator::Dash, at + wanted),
        _ => Between::Nothing,
    }
}

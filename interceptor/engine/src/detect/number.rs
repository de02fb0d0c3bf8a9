//! Reads what numbers are written with: groups of letters and digits with marks between them. Each group is
//! read once, when somebody asks for it; who looks for numbers of a shape asks no further than the shape goes.
//!
//! Knows marks and boundaries. Does not know which number has which shape.

use smallvec::SmallVec;

use super::text::{Peek, Text};

/// The longest group that is part of something looked for; a longer one matches nothing.
pub(super) const LONGEST_GROUP: usize = 24;
/// Groups that are kept; further ones begin a run of their own.
pub(super) const MOST_GROUPS: usize = 32;

/// Digits in what is there of a number from which on it is worth holding: fewer are years, prices and counts.
const HOLD_DIGITS: usize = 5;
/// The same for digits and capitals together.
const HOLD_TELLING: usize = 7;

/// What stands between two groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// Nothing: the first group.
    Nothing,
    Space,
    Dash,
    Dot,
    Slash,
    Colon,
    Plus,
    /// Parentheses, alone or with another mark.
    Parenthesis,
    /// One that opens, and nothing else.
    Bracket,
}

/// Letters and digits without a mark between them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Group {
    /// First byte.
    pub(super) start: usize,
    /// One bit for each character that is a letter, the first lowest.
    pub(super) letters: u32,
    /// Where its characters begin in [`Run::chars`].
    at: u16,
    /// Characters; more than [`LONGEST_GROUP`] stands for any number of them.
    pub(super) len: u8,
    /// What stands before it in this run.
    pub(super) mark: Mark,
}

impl Group {
    pub(super) fn end(&self) -> usize {
        self.start + usize::from(self.len)
    }

    pub(super) fn is_number(&self) -> bool {
        self.letters == 0
    }
}

/// What the run has at a place.
pub(super) enum Next {
    Is(Group),
    /// The text may go on and bring one. What is there of it, if anything.
    Open(Option<Group>),
    Over,
}

/// How the last group that was read ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tail {
    /// Nobody asked further.
    Unread,
    /// The text may continue it.
    Open,
    Over,
}

/// Groups with marks between them, read as far as somebody asked.
pub(super) struct Run<'t> {
    pub(super) text: Text<'t>,
    groups: SmallVec<[Group; MOST_GROUPS]>,
    /// The characters of all groups, upper case.
    chars: SmallVec<[u8; 128]>,
    tail: Tail,
    /// The text may go on inside the last group.
    partial: bool,
    /// Bytes read.
    pub(super) read: usize,
}

impl<'t> Run<'t> {
    /// The run whose first group begins at `start`. In line, so that the buffers are not moved.
    #[inline(always)]
    pub(super) fn new(text: Text<'t>, start: usize) -> Self {
        let mut run = Self {
            text,
            groups: SmallVec::new(),
            chars: SmallVec::new(),
            tail: Tail::Unread,
            partial: false,
            read: 0,
        };
        run.push(start, Mark::Nothing);
        run
    }

    /// The group at `index`, read now if it was not.
    pub(super) fn group(&mut self, index: usize) -> Next {
        while self.groups.len() <= index && self.tail == Tail::Unread {
            self.advance();
        }
        match self.groups.get(index) {
            Some(group) if self.tail == Tail::Open && index + 1 == self.groups.len() && self.partial => {
                Next::Open(Some(*group))
            }
            Some(group) => Next::Is(*group),
            None if self.tail == Tail::Open => Next::Open(None),
            None => Next::Over,
        }
    }

    /// The groups from `first` to `last`, which were read before.
    pub(super) fn groups(&self, first: usize, last: usize) -> &[Group] {
        &self.groups[first..=last]
    }

    /// The characters of the groups from `first` to `last`, upper case and without marks.
    pub(super) fn chars(&self, first: usize, last: usize) -> &[u8] {
        let last = &self.groups[last];
        &self.chars[usize::from(self.groups[first].at)..usize::from(last.at) + usize::from(last.len)]
    }

    /// True if no room is left for groups behind `index` that a number beginning there may need.
    pub(super) fn crowded(&self, index: usize) -> bool {
        index > 0 && index + MOST_NUMBER_GROUPS + 2 > MOST_GROUPS && self.groups.len() == MOST_GROUPS
    }

    fn advance(&mut self) {
        let Some(last) = self.groups.last() else { return };
        if usize::from(last.len) > LONGEST_GROUP || self.groups.len() == MOST_GROUPS {
            self.tail = Tail::Over;
            return;
        }
        match between(self.text, last.end()) {
            Between::Nothing => self.tail = Tail::Over,
            Between::Unknown => self.tail = Tail::Open,
            Between::Mark(mark, next) => self.push(next, mark),
        }
    }

    fn push(&mut self, start: usize, mark: Mark) {
        let end = self.text.bytes.len().min(start + LONGEST_GROUP + 1);
        let (mut letters, mut len) = (0u32, 0u8);
        for byte in &self.text.bytes[start..end] {
            let letter = byte.is_ascii_alphabetic();
            if !letter && !byte.is_ascii_digit() {
                break;
            }
            if *byte == b'x' && letters == 0 && len >= 2 {
                match extension(self.text, start + usize::from(len)) {
                    Extension::Whole => break,
                    Extension::Open => {
                        self.partial = true;
                        break;
                    }
                    Extension::No => {}
                }
            }
            letters |= u32::from(letter) << len;
            len += 1;
        }
        let at = self.chars.len();
        self.chars.extend_from_slice(&self.text.bytes[start..start + usize::from(len)]);
        if letters != 0 {
            self.chars[at..].make_ascii_uppercase();
        }
        // Thirty-two groups of twenty-five characters are far fewer than 16 bits count.
        let at = u16::try_from(at).unwrap_or(u16::MAX);
        let group = Group { start, letters, at, len, mark };
        self.read += usize::from(len) + 1;
        self.partial |= usize::from(len) <= LONGEST_GROUP && self.text.peek(group.end()) == Peek::Unknown;
        if self.partial {
            self.tail = Tail::Open;
        }
        self.groups.push(group);
    }

    /// What a number that begins with the group at `index` has of digits alone.
    pub(super) fn digits(&mut self, index: usize) -> Digits<'_> {
        let (mut count, mut beyond, mut total) = (0, None, 0);
        // Reads no further than it could go: rows of numbers are read again from each of them.
        let open = loop {
            let group = match self.group(index + count) {
                Next::Is(group) => group,
                Next::Open(part) => break part.is_none_or(|part| part.is_number()),
                Next::Over => break false,
            };
            if !group.is_number() || (count > 0 && !is_number_mark(group.mark)) {
                break false;
            }
            if total + usize::from(group.len) > MOST_DIGITS || count == MOST_NUMBER_GROUPS {
                beyond = Some(group);
                break false;
            }
            total += usize::from(group.len);
            count += 1;
        };
        let groups = &self.groups[index..index + count];
        let from = usize::from(self.groups[index].at);
        Digits { groups, chars: &self.chars[from..from + total], beyond, open }
    }
}

/// More digits than any number in groups that is looked for.
pub(super) const MOST_DIGITS: usize = 20;
/// More groups than any number is written in.
pub(super) const MOST_NUMBER_GROUPS: usize = 9;

fn is_number_mark(mark: Mark) -> bool {
    matches!(mark, Mark::Space | Mark::Dash | Mark::Dot | Mark::Slash | Mark::Parenthesis)
}

/// Groups of digits, as far as a number could reach.
pub(super) struct Digits<'r> {
    pub(super) groups: &'r [Group],
    /// The digits of all groups.
    pub(super) chars: &'r [u8],
    /// A group behind them that makes more digits than any number has.
    pub(super) beyond: Option<Group>,
    /// The text may continue them.
    pub(super) open: bool,
}

impl Digits<'_> {
    /// The digits of the first `groups` groups.
    pub(super) fn of(&self, groups: usize) -> &[u8] {
        let count: usize = self.groups[..groups].iter().map(|g| usize::from(g.len)).sum();
        &self.chars[..count]
    }

    /// The lengths of the first groups are these, joined by one kind of mark.
    pub(super) fn shaped(&self, lengths: &[usize], allowed: &[Mark]) -> bool {
        self.groups.len() >= lengths.len()
            && self.groups.iter().zip(lengths).all(|(group, len)| usize::from(group.len) == *len)
            && self.uniform(lengths.len(), allowed)
    }

    /// The first `groups` groups are joined by one kind of mark, which is allowed.
    pub(super) fn uniform(&self, groups: usize, allowed: &[Mark]) -> bool {
        let between = &self.groups[1..groups];
        between.iter().all(|g| g.mark == between[0].mark && allowed.contains(&g.mark))
    }

    /// The group behind the first `groups`, if there is one.
    pub(super) fn behind(&self, groups: usize) -> Option<&Group> {
        self.groups.get(groups).or(self.beyond.as_ref())
    }
}

/// True if what is there of an open candidate from `start` on is worth holding back.
pub(super) fn worth_holding(text: Text<'_>, start: usize) -> bool {
    let there = &text.bytes[start..];
    let digits = there.iter().filter(|b| b.is_ascii_digit()).count();
    let capitals = there.iter().filter(|b| b.is_ascii_uppercase()).count();
    there.first() == Some(&b'+') || digits >= HOLD_DIGITS || digits + capitals >= HOLD_TELLING
}

/// What stands before the first character does not tie it to a word or a longer number.
pub(super) fn may_begin(text: Text<'_>, first: usize) -> bool {
    let Some(before) = text.left(first) else { return true };
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    match before {
        b if word(b) || b == b'$' => false,
        b'-' | b'/' => !text.before(first, 2).is_some_and(word),
        b'.' => !text.before(first, 2).is_some_and(|b| b.is_ascii_digit()),
        _ => true,
    }
}

/// What stands behind the last character does not tie it to a word or a longer number.
pub(super) fn may_end(text: Text<'_>, end: usize) -> bool {
    let Peek::Byte(next) = text.peek(end) else { return true };
    let then = |class: fn(u8) -> bool| matches!(text.peek(end + 1), Peek::Byte(b) if class(b));
    match next {
        b if b.is_ascii_alphanumeric() || b == b'_' || b == b'@' => false,
        b'-' | b'/' => !then(|b| b.is_ascii_alphanumeric()),
        b'.' => !then(|b| b.is_ascii_digit()),
        // A percent sign makes it a measure.
        b'%' => false,
        _ => true,
    }
}

/// True if [`may_end`] depends on text that has not arrived.
pub(super) fn end_is_open(text: Text<'_>, end: usize) -> bool {
    match text.peek(end) {
        Peek::Unknown => true,
        Peek::Byte(b'-' | b'.' | b'/') => text.peek(end + 1) == Peek::Unknown,
        _ => false,
    }
}

/// What stands at an `x` behind digits.
enum Extension {
    /// Up to five digits and nothing else: `555-0132x123`.
    Whole,
    Open,
    No,
}

const LONGEST_EXTENSION: usize = 5;

fn extension(text: Text<'_>, x: usize) -> Extension {
    let stop = text.run_end(x + 1, LONGEST_EXTENSION + 1, |b| b.is_ascii_digit());
    match text.peek(stop) {
        _ if stop - x > LONGEST_EXTENSION + 1 => Extension::No,
        Peek::Unknown => Extension::Open,
        Peek::Byte(b) if b.is_ascii_alphanumeric() => Extension::No,
        _ if stop == x + 1 => Extension::No,
        _ => Extension::Whole,
    }
}

enum Between {
    /// The run ends here.
    Nothing,
    /// The text is too short to tell.
    Unknown,
    /// A mark, and where the next group begins.
    Mark(Mark, usize),
}

/// Reads a mark that is followed by a letter or digit, or up to three with a parenthesis among them that are
/// followed by a digit. Non-breaking spaces and hyphens count as what they look like: models write them into
/// telephone numbers.
fn between(text: Text<'_>, from: usize) -> Between {
    let mut at = from;
    let mut kind: Option<Mark> = None;
    for _ in 0..4 {
        let byte = match text.peek(at) {
            Peek::Byte(byte) => byte,
            Peek::End => return Between::Nothing,
            Peek::Unknown => return Between::Unknown,
        };
        let (mark, len) = match byte {
            b'0'..=b'9' => return kind.map_or(Between::Nothing, |kind| Between::Mark(kind, at)),
            b if b.is_ascii_alphabetic() => {
                return kind
                    .filter(|_| at - from <= 3)
                    .map_or(Between::Nothing, |kind| Between::Mark(kind, at));
            }
            b' ' => (Mark::Space, 1),
            b'-' => (Mark::Dash, 1),
            b'.' => (Mark::Dot, 1),
            b'/' => (Mark::Slash, 1),
            b':' => (Mark::Colon, 1),
            b'+' => (Mark::Plus, 1),
            b'(' | b')' => (Mark::Parenthesis, 1),
            b'[' => (Mark::Bracket, 1),
            0xc2 | 0xe2 => match wide_mark(text, at) {
                Between::Mark(mark, next) => (mark, next - at),
                other => return other,
            },
            _ => return Between::Nothing,
        };
        at += len;
        kind = Some(match kind {
            None => mark,
            Some(Mark::Parenthesis) => Mark::Parenthesis,
            Some(_) if mark == Mark::Parenthesis => mark,
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
        [0xc2, 0xa0] | [0xe2, 0x80, 0x89 | 0xaf] => Between::Mark(Mark::Space, at + wanted),
        [0xe2, 0x80, 0x90..=0x93] => Between::Mark(Mark::Dash, at + wanted),
        _ => Between::Nothing,
    }
}

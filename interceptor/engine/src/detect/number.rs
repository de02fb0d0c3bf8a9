//! Reads what numbers are written with: groups of letters and digits with marks between them. Each group is
//! read once, when somebody asks for it; who looks for numbers of a shape asks no further than the shape goes.
//!
//! Knows marks and boundaries. Does not know which number has which shape.

mod mark;
mod telling;

use super::text::{Peek, Text};
use crate::wide;
use mark::{Between, between};

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

impl Mark {
    /// A bit of its own.
    pub(super) fn bit(self) -> u16 {
        1 << self as u16
    }

    /// The bits of the marks that a byte may begin, by what stands behind it: a group, or more of the mark.
    pub(super) fn bits(byte: u8, behind: Option<u8>) -> u16 {
        let group = behind.is_some_and(|b| b.is_ascii_alphanumeric());
        mark::single(byte).filter(|_| group).map_or(u16::MAX, Self::bit)
    }
}

/// Letters and digits without a mark between them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Group {
    /// First byte.
    pub(super) start: usize,
    /// One bit for each character that is a letter, the first lowest.
    pub(super) letters: u32,
    /// Characters; more than [`LONGEST_GROUP`] stands for any number of them.
    pub(super) len: u8,
    /// What stands before it in this run.
    pub(super) mark: Mark,
}

impl Group {
    /// Where none was read.
    const NONE: Self = Self { start: 0, letters: 0, len: 0, mark: Mark::Nothing };

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

/// Room for the characters of some groups, upper case and without marks.
pub(super) type Chars = [u8; MOST_CHARS];

/// More characters than any form has, marks apart.
pub(super) const MOST_CHARS: usize = 64;

/// Groups with marks between them, read as far as somebody asked.
pub(super) struct Run<'t> {
    pub(super) text: Text<'t>,
    /// Those that were read, and how many.
    groups: [Group; MOST_GROUPS],
    count: usize,
    /// The digits that were asked for last, where there are marks between them.
    digits: [u8; MOST_DIGITS],
    /// The groups before this one are digits, from the last one that was asked about on.
    digits_to: usize,
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
            groups: [Group::NONE; MOST_GROUPS],
            count: 0,
            digits: [0; MOST_DIGITS],
            digits_to: 0,
            tail: Tail::Unread,
            partial: false,
            read: 0,
        };
        run.push(start, Mark::Nothing);
        run
    }

    /// The group at `index`, read now if it was not.
    #[inline]
    pub(super) fn group(&mut self, index: usize) -> Next {
        while self.count <= index && self.tail == Tail::Unread {
            self.advance();
        }
        match self.groups[..self.count].get(index) {
            Some(group) if self.partial && index + 1 == self.count => Next::Open(Some(*group)),
            Some(group) => Next::Is(*group),
            None if self.tail == Tail::Open => Next::Open(None),
            None => Next::Over,
        }
    }

    /// The groups from `first` to `last`, which were read before.
    pub(super) fn groups(&self, first: usize, last: usize) -> &[Group] {
        &self.groups[first..=last]
    }

    /// The characters of the groups from `first` to `last`, upper case and without marks: where they stand in the text,
    /// or put together in `room`.
    pub(super) fn chars<'c>(&self, first: usize, last: usize, room: &'c mut Chars) -> &'c [u8]
    where
        't: 'c,
    {
        let bytes: &'t [u8] = self.text.bytes;
        let groups = &self.groups[first..=last];
        if let [group] = groups
            && group.is_number()
        {
            return &bytes[group.start..group.end()];
        }
        let (mut len, mut letters) = (0, 0);
        for group in groups {
            letters |= group.letters;
            for byte in &bytes[group.start..group.end()] {
                let Some(to) = room.get_mut(len) else { break };
                *to = *byte;
                len += 1;
            }
        }
        if letters != 0 {
            room[..len].make_ascii_uppercase();
        }
        &room[..len]
    }

    /// True if no room is left for groups behind `index` that a number beginning there may need.
    pub(super) fn crowded(&mut self, index: usize) -> bool {
        if index == 0 || index + MOST_NUMBER_GROUPS + 2 <= MOST_GROUPS {
            return false;
        }
        // Whoever asked before may not have asked so far.
        self.group(MOST_GROUPS - 1);
        self.count == MOST_GROUPS
    }

    fn advance(&mut self) {
        let Some(last) = self.groups[..self.count].last() else { return };
        if usize::from(last.len) > LONGEST_GROUP || self.count == MOST_GROUPS {
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
        let (letters, len) = match digits_alone(self.text.bytes, start) {
            Some(len) => (0, len),
            None => self.characters(start),
        };
        self.read += usize::from(len) + 1;
        if self.partial {
            self.tail = Tail::Open;
        }
        self.groups[self.count] = Group { start, letters, len, mark };
        self.count += 1;
    }

    /// Which of the characters from `start` on are letters, and how many there are.
    fn characters(&mut self, start: usize) -> (u32, u8) {
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
        let behind = self.text.peek(start + usize::from(len));
        self.partial |= usize::from(len) <= LONGEST_GROUP && behind == Peek::Unknown;
        (letters, len)
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
        let (bytes, groups) = (self.text.bytes, &self.groups[index..index + count]);
        let chars = match groups {
            [] => &[][..],
            [only] => &bytes[only.start..only.end()],
            _ => {
                let mut room = &mut self.digits[..total];
                for group in groups {
                    let (to, rest) = room.split_at_mut(usize::from(group.len));
                    to.copy_from_slice(&bytes[group.start..group.end()]);
                    room = rest;
                }
                &self.digits[..total]
            }
        };
        Digits { groups, chars, beyond, open }
    }
}

/// How many digits stand at `start`, if they are a few and nothing but digits: most groups are, and need no look at each
/// character.
#[inline]
fn digits_alone(bytes: &[u8], start: usize) -> Option<u8> {
    let block = bytes.get(start..)?.first_chunk()?;
    let len = u8::try_from(wide::leading_digits(block)).ok()?;
    let behind = *block.get(usize::from(len))?;
    (!behind.is_ascii_alphabetic()).then_some(len)
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

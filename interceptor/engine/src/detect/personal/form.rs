//! How numbers are written, and the table that leads from the first group of a text to the kinds that begin so.
//!
//! A form is a row of characters: `d` a digit, `A` a letter, `X` either; a mark is itself, and `~` is a space,
//! dash or dot, the same in the whole form. A `!` in front says that the form is too common to be reported
//! without a word that announces it. The forms are a tree over the groups' marks and lengths: what a text costs is the
//! path it takes, however many kinds there are.

use std::sync::LazyLock;

use smallvec::SmallVec;

use super::super::number::{Group, LONGEST_GROUP, MOST_CHARS, Mark};
use super::table;

/// A kind that is written in a shape.
#[derive(Debug, Clone, Copy)]
pub(super) struct Use {
    /// Place in the table of kinds.
    pub(super) kind: usize,
    /// Not reported without a word.
    pub(super) only_announced: bool,
    /// The kind's.
    pub(super) country: Option<[u8; 2]>,
    /// The kind's, here so that a look at many kinds stays in a few cache lines.
    pub(super) check: fn(&[u8]) -> bool,
    pub(super) loose: Option<fn(&[u8]) -> bool>,
}

/// What a form wants of one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    mark: Mark,
    len: usize,
    /// Places that may be letters.
    letters: u32,
    /// Places that may be digits.
    digits: u32,
}

impl Part {
    /// The group may be digits alone.
    fn admits_digits(&self) -> bool {
        !self.digits & ((1 << self.len) - 1) == 0
    }

    /// The group's characters are of the classes that are wanted, as far as it goes.
    fn admits(&self, group: &Group) -> bool {
        let there = (1u32 << group.len) - 1;
        group.letters & !self.letters == 0 && !group.letters & there & !self.digits == 0
    }
}

/// A form without the kinds that are written so: many numbers are nine digits.
#[derive(Debug)]
pub(super) struct Shape {
    parts: SmallVec<[Part; 4]>,
    /// A parenthesis or bracket closes it.
    pub(super) closed: bool,
    /// The strictest check first.
    pub(super) kinds: Vec<Use>,
    /// Those that need no word.
    pub(super) bare: Vec<Use>,
}

impl Shape {
    /// The characters of `groups`, whose marks and lengths are known to fit, are of the right classes.
    pub(super) fn admits(&self, groups: &[Group]) -> bool {
        self.parts.iter().zip(groups).all(|(part, group)| part.admits(group))
    }
}

/// A place in the tree: what has been read so far has these marks and lengths.
#[derive(Debug)]
pub(super) struct Node {
    /// What any form through here allows in the last group.
    part: Part,
    /// Some form through here is reported without a word.
    pub(super) bare: bool,
    /// Forms that end here.
    pub(super) shapes: Vec<Shape>,
    /// The places in `shapes` of those that digits alone may be: most groups are.
    of_digits: Vec<usize>,
    /// Where forms go on, each with the mark and length of its group.
    next: Vec<(Mark, u8, usize)>,
    /// A bit for some of them each: most groups lead nowhere, and none of them shows it.
    ways: u64,
}

impl Node {
    /// The forms that end here; of `digits` alone, those that are what digits may be.
    pub(super) fn shapes(&self, digits: bool) -> impl Iterator<Item = &Shape> {
        let count = if digits { self.of_digits.len() } else { self.shapes.len() };
        (0..count).map(move |at| &self.shapes[if digits { self.of_digits[at] } else { at }])
    }

    /// True if no form goes on.
    pub(super) fn is_leaf(&self) -> bool {
        self.next.is_empty()
    }
}

/// The tree of forms.
pub(super) struct Index {
    nodes: Vec<Node>,
    /// By the length of the first group.
    roots: [Option<usize>; LONGEST_GROUP + 1],
    /// For short first groups, by their length and which of their characters are letters: a bit for each mark that a
    /// form has behind them.
    short: [[u16; 1 << SHORT]; SHORT + 1],
}

/// First groups of so many characters are told by [`Index::leads`] without a look at the tree.
const SHORT: usize = 5;

/// The forms of all kinds.
pub(super) static INDEX: LazyLock<Index> = LazyLock::new(Index::new);

impl Index {
    fn new() -> Self {
        let mut index =
            Self { nodes: Vec::new(), roots: [None; LONGEST_GROUP + 1], short: [[0; 1 << SHORT]; SHORT + 1] };
        for (kind, entry) in table::KINDS.iter().enumerate() {
            for form in entry.forms {
                if form.contains('~') {
                    for mark in [" ", "-", "."] {
                        index.enter(kind, &form.replace('~', mark));
                    }
                } else {
                    index.enter(kind, form);
                }
            }
        }
        for shape in index.nodes.iter_mut().flat_map(|node| &mut node.shapes) {
            shape.kinds.sort_by_key(|used| std::cmp::Reverse(table::KINDS[used.kind].odds));
            shape.bare = shape.kinds.iter().filter(|used| !used.only_announced).copied().collect();
        }
        for node in &mut index.nodes {
            let digits = |at: &usize| node.shapes[*at].parts.iter().all(Part::admits_digits);
            node.of_digits = (0..node.shapes.len()).filter(digits).collect();
        }
        index
    }

    fn enter(&mut self, kind: usize, form: &str) {
        let only_announced = form.starts_with('!');
        let form = form.trim_start_matches('!');
        let closed = form.ends_with([')', ']']);
        let parts = parse(form.trim_end_matches([')', ']']));
        assert!(
            parts.iter().map(|part| part.len).sum::<usize>() <= MOST_CHARS,
            "{form} has too many characters"
        );
        self.enter_first(&parts);
        let (check, loose) = (table::KINDS[kind].check, table::KINDS[kind].loose);
        let country = table::KINDS[kind].country();
        let used = Use { kind, only_announced, country, check, loose };
        let mut at = None;
        for part in &parts {
            let step = self.step(at, part);
            self.nodes[step].bare |= !only_announced;
            at = Some(step);
        }
        let Some(node) = at.map(|at| &mut self.nodes[at]) else { return };
        match node.shapes.iter_mut().find(|s| s.parts == parts && s.closed == closed) {
            Some(shape) => shape.kinds.push(used),
            None => node.shapes.push(Shape { parts, closed, kinds: vec![used], bare: Vec::new() }),
        }
    }

    /// Enters the first group of a form into the table of short ones.
    fn enter_first(&mut self, parts: &[Part]) {
        let Some(first) = parts.first().filter(|first| first.len <= SHORT) else { return };
        let marks = parts.get(1).map_or(u16::MAX, |second| second.mark.bit());
        let len = u8::try_from(first.len).expect("it is short");
        for (letters, short) in (0u32..1 << len).zip(&mut self.short[first.len]) {
            if first.admits(&Group { start: 0, letters, len, mark: Mark::Nothing }) {
                *short |= marks;
            }
        }
    }

    /// The node behind `from` (the root of its length if there is none) for `part`, made if it is missing.
    fn step(&mut self, from: Option<usize>, part: &Part) -> usize {
        let known = match from {
            None => self.roots[part.len],
            Some(from) => {
                let same = |way: &&(Mark, u8, usize)| way.0 == part.mark && usize::from(way.1) == part.len;
                self.nodes[from].next.iter().find(same).map(|way| way.2)
            }
        };
        if let Some(at) = known {
            self.nodes[at].part.letters |= part.letters;
            self.nodes[at].part.digits |= part.digits;
            return at;
        }
        let at = self.nodes.len();
        self.nodes.push(Node {
            part: *part,
            bare: false,
            shapes: Vec::new(),
            of_digits: Vec::new(),
            next: Vec::new(),
            ways: 0,
        });
        match from {
            None => self.roots[part.len] = Some(at),
            Some(from) => {
                let len = u8::try_from(part.len).expect("no form has a longer group");
                self.nodes[from].next.push((part.mark, len, at));
                self.nodes[from].ways |= way(part.mark, len);
            }
        }
        at
    }

    /// Where forms are that begin with `group`.
    pub(super) fn beginning(&self, group: &Group) -> Option<&Node> {
        let node = &self.nodes[(*self.roots.get(usize::from(group.len))?)?];
        node.part.admits(group).then_some(node)
    }

    /// False if no form begins with a group of so few characters, of which these are letters, and goes on behind one of
    /// these marks.
    pub(super) fn leads(&self, len: usize, letters: usize, marks: u16) -> bool {
        self.short.get(len).and_then(|short| short.get(letters)).is_none_or(|there| there & marks != 0)
    }

    /// Where forms are that go on from `node` with `group`.
    pub(super) fn next(&self, node: &Node, group: &Group) -> Option<&Node> {
        if node.ways & way(group.mark, group.len) == 0 {
            return None;
        }
        let (_, _, at) = node.next.iter().find(|(mark, len, _)| *mark == group.mark && *len == group.len)?;
        Some(&self.nodes[*at]).filter(|node| node.part.admits(group))
    }

    /// Where `group`, of which more may come (all of it, if none is there yet), may still lead behind `node`.
    pub(super) fn open<'i>(
        &'i self,
        node: &'i Node,
        group: Option<&Group>,
    ) -> impl Iterator<Item = &'i Node> {
        let group = group.copied();
        node.next.iter().map(|(_, _, at)| &self.nodes[*at]).filter(move |next| {
            group.is_none_or(|group| {
                let part = &next.part;
                part.mark == group.mark && part.len >= usize::from(group.len) && part.admits(&group)
            })
        })
    }

    /// True if `group`, of which more may come, may become the first of a form.
    pub(super) fn may_grow(&self, group: &Group) -> bool {
        let longer = self.roots.get(usize::from(group.len)..).unwrap_or_default();
        longer.iter().flatten().any(|at| self.nodes[*at].part.admits(group))
    }
}

/// The bit of a mark and the length of the group behind it.
fn way(mark: Mark, len: u8) -> u64 {
    1 << ((mark as u32 * 7 + u32::from(len)) % u64::BITS)
}

fn parse(form: &str) -> SmallVec<[Part; 4]> {
    let mut parts = SmallVec::new();
    let mut part = Part { mark: Mark::Nothing, len: 0, letters: 0, digits: 0 };
    for character in form.bytes() {
        match character {
            b'd' => part.digits |= 1 << part.len,
            b'A' => part.letters |= 1 << part.len,
            b'X' => {
                part.digits |= 1 << part.len;
                part.letters |= 1 << part.len;
            }
            _ => {
                parts.push(part);
                part = Part { mark: mark(character), len: 0, letters: 0, digits: 0 };
                continue;
            }
        }
        part.len += 1;
    }
    parts.push(part);
    parts
}

fn mark(character: u8) -> Mark {
    match character {
        b' ' => Mark::Space,
        b'-' => Mark::Dash,
        b'.' => Mark::Dot,
        b'/' => Mark::Slash,
        b':' => Mark::Colon,
        b'+' => Mark::Plus,
        b'(' => Mark::Parenthesis,
        b'[' => Mark::Bracket,
        _ => unreachable!("no mark of a form"),
    }
}

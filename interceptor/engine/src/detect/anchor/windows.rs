//! For each literal the four bytes of it that texts have least often, by which the pass finds it: in groups for the
//! sweep, and in buckets for a look at each place that the sweep shows.

use super::sweep::BEYOND;
use crate::detect::metadata::{Literal, Route};
use crate::detect::secret;
use crate::detect::text::{Text, is_key_byte};
use crate::wide::{FOUR, Four, GROUPS, Rows};

/// How often bytes stand in texts, of ten thousand: half a megabyte each of descriptions of Rust libraries as they are
/// and as JSON, of Rust as JSON, and of Python. The last is for all others.
static SHARES: [u16; 128] = [
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 134, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1879,
    12, 62, 31, 1, 4, 15, 36, 102, 102, 16, 5, 94, 70, 144, 109, 30, 25, 20, 11, 11, 8, 11, 5, 11, 7, 118,
    26, 13, 47, 22, 5, 1, 26, 10, 24, 16, 33, 13, 5, 9, 26, 1, 4, 16, 15, 19, 16, 17, 1, 21, 33, 31, 10, 8,
    7, 2, 3, 2, 40, 164, 40, 1, 84, 70, 413, 98, 226, 218, 739, 153, 107, 180, 400, 9, 45, 264, 159, 506,
    404, 170, 9, 425, 451, 553, 192, 50, 67, 39, 82, 14, 21, 13, 21, 1, 20,
];

/// Buckets of three bytes.
const BITS: u32 = 12;
const BUCKETS: usize = 1 << BITS;

/// A literal, as its four bytes lead to it. Most places that show these are something else: its first and last byte
/// tell them apart before anything is compared.
pub(super) struct Entry {
    pub(super) literal: Literal,
    /// Where in it the four bytes begin.
    pub(super) offset: usize,
    four: u32,
    /// A literal of three bytes says nothing about the fourth.
    mask: u32,
    first: u8,
    last: u8,
    /// Fewest bytes of a key that must follow.
    least: usize,
}

pub(super) struct Windows {
    pub(super) rows: Rows,
    entries: Vec<Entry>,
    /// Where each bucket begins in `entries`, and the end of the last.
    buckets: Box<[u16]>,
    /// A bit for each two bytes with which four begin: all that is there at the end of a text that goes on.
    twos: Box<[u64; 1 << 10]>,
}

impl Entry {
    fn new(literal: Literal) -> Self {
        let bytes = literal.text.as_bytes();
        let offset = rarest(bytes);
        let least = if let Route::Secret(route) = literal.route { secret::least(route) } else { 0 };
        let (four, mask) = match &bytes[offset..] {
            [a, b, c, d, ..] => (u32::from_le_bytes([*a, *b, *c, *d]), u32::MAX),
            [a, b, c] => (u32::from_le_bytes([*a, *b, *c, 0]), THREE),
            _ => unreachable!("a literal has three bytes or more"),
        };
        Self { literal, offset, four, mask, first: bytes[0], last: bytes[bytes.len() - 1], least }
    }

    /// What may stand at its four places.
    fn row(&self) -> [Four; FOUR] {
        let [a, b, c, d] = self.four.to_le_bytes().map(Four::one);
        match (self.mask, self.least) {
            (u32::MAX, _) => [a, b, c, d],
            (_, 0) => [a, b, c, Four::ANY],
            // The sweep reads zeros behind the end of a text.
            _ => [a, b, c, Four::those(|byte| is_key_byte(byte) || byte == 0)],
        }
    }

    /// False if the literal is not at the place to which its bytes at `at` point. What has not come yet may still be it.
    pub(super) fn may_stand(&self, text: &[u8], at: usize) -> bool {
        let Some(start) = at.checked_sub(self.offset) else { return false };
        let end = start + self.literal.text.len();
        let last = text.get(end - 1);
        text[start] == self.first
            && last.is_none_or(|last| *last == self.last)
            && (self.least == 0
                || text.get(end..).is_none_or(|rest| rest.iter().take(self.least).all(|b| is_key_byte(*b))))
    }
}

/// Two bytes of four, and three.
const TWO: u32 = 0xffff;
const THREE: u32 = 0x00ff_ffff;

impl Windows {
    pub(super) fn new(literals: impl Iterator<Item = Literal>) -> Self {
        let mut entries: Vec<Entry> = literals.map(Entry::new).collect();
        let (rows, mut twos) = (grouped(&entries), Box::new([0; 1 << 10]));
        for Entry { four, .. } in &entries {
            let two = (four & TWO) as usize;
            twos[two / 64] |= 1 << (two % 64);
        }
        entries.sort_by_key(|entry| (bucket(entry.four), entry.four));
        let before = |number: usize| entries.partition_point(|entry| bucket(entry.four) < number);
        let begins =
            (0..=BUCKETS).map(|number| u16::try_from(before(number)).expect("fewer literals than 65,536"));
        Self { rows, buckets: begins.collect(), entries, twos }
    }

    /// The literals that may stand where the bytes at `at` point.
    #[inline]
    pub(super) fn at<'a>(&'a self, text: Text<'a>, at: usize) -> impl Iterator<Item = &'a Entry> {
        let (four, seen) = match text.bytes.get(at..).unwrap_or_default() {
            [a, b, c, d, ..] => (u32::from_le_bytes([*a, *b, *c, *d]), u32::MAX),
            [a, b, c] => (u32::from_le_bytes([*a, *b, *c, 0]), if text.complete { u32::MAX } else { THREE }),
            [a, b] if !text.complete => (u32::from_le_bytes([*a, *b, 0, 0]), TWO),
            _ => (0, 0),
        };
        let entries = match seen {
            0 => &[],
            TWO if self.twos[four as usize / 64] >> (four % 64) & 1 == 0 => &[],
            // Two bytes lead to no bucket.
            TWO => &self.entries[..],
            _ => {
                let bucket = bucket(four);
                &self.entries[usize::from(self.buckets[bucket])..usize::from(self.buckets[bucket + 1])]
            }
        };
        entries.iter().filter(move |entry| {
            let mask = entry.mask & seen;
            four & mask == entry.four & mask && entry.may_stand(text.bytes, at)
        })
    }
}

/// The bucket of the first three of four bytes. By a multiplication that spreads them over its highest bits.
#[inline(always)]
fn bucket(four: u32) -> usize {
    ((four & THREE).wrapping_mul(0x9e37_79b1) >> (u32::BITS - BITS)) as usize & (BUCKETS - 1)
}

fn share(byte: u8) -> f64 {
    f64::from(SHARES[usize::from(byte.min(127))])
}

/// Where in a literal the four bytes begin that are the rarest together; of three bytes, these.
fn rarest(literal: &[u8]) -> usize {
    // Bytes by themselves and in pairs: each misjudges what the other knows.
    let often = |four: &[u8]| {
        let bytes: f64 = four.iter().map(|byte| share(*byte)).product();
        let pairs = four.windows(2).map(|pair| secret::pair_share(pair[0], pair[1]) as f64 + 1.0);
        bytes * pairs.product::<f64>()
    };
    if literal[0] == BEYOND {
        return 0;
    }
    let fours = literal.windows(FOUR).map(often).enumerate();
    fours.min_by(|(_, one), (_, other)| one.total_cmp(other)).map_or(0, |(at, _)| at)
}

/// Puts rows into groups so that each group is as unlike texts as can be: one after the other, the likeliest first, to
/// where it does least harm.
fn grouped(entries: &[Entry]) -> Rows {
    let ascii = entries.iter().filter(|entry| entry.first != BEYOND);
    let mut fours: Vec<(f64, [Four; FOUR])> =
        ascii.map(Entry::row).map(|row| (Group::EMPTY.with(&row).often(), row)).collect();
    fours.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    let (mut rows, mut groups) = (Rows::new(), [Group::EMPTY; GROUPS]);
    for (_, row) in fours {
        let grown = groups.map(|group| group.with(&row));
        let harm = |group: &usize| grown[*group].often() - groups[*group].often();
        let best = (0..GROUPS).min_by(|one, other| harm(one).total_cmp(&harm(other)));
        let best = best.expect("there are groups");
        groups[best] = grown[best];
        rows.enter(best, &row);
    }
    rows
}

/// What stands at each place of some rows, and how often texts have one of it.
#[derive(Clone, Copy)]
struct Group([(Four, f64); FOUR]);

impl Group {
    const EMPTY: Self = Self([(Four::NONE, 0.0); FOUR]);

    fn with(&self, row: &[Four; FOUR]) -> Self {
        Self(std::array::from_fn(|place| {
            let ((bytes, often), more) = (self.0[place], row[place]);
            let added: f64 = more.without(bytes).kinds().map(|kind| f64::from(SHARES[kind])).sum();
            (bytes.or(more), often + added)
        }))
    }

    /// How often texts have what looks like one of its rows.
    fn often(&self) -> f64 {
        self.0.iter().map(|(_, often)| often).product()
    }
}

//! Words that announce a number: those of a kind ("pesel"), those of a topic ("tax number") and those of a
//! country ("Polish"), in the languages in which the numbers are written about. Looked up only in the few bytes
//! before a candidate that its own check has let through.

mod east;
mod far;
pub(super) mod languages;
mod near;
mod west;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use smallvec::SmallVec;

use super::kind::Topic;
use super::{table, topics};

pub(in super::super) use near::Near;

/// How far before a number a word may stand.
pub(super) const REACH: usize = 64;

/// What a word says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The kind at this place of the table.
    Kind(u16),
    Topic(Topic),
    /// A country, by its code.
    Country([u8; 2]),
    /// "number", "id": nothing by itself, with a country a number of that country.
    Number,
}

impl Meaning {
    /// What tells it apart.
    fn order(self) -> (u8, u16) {
        match self {
            Self::Kind(at) => (0, at),
            Self::Topic(topic) => (1, topic as u16),
            Self::Country([a, b]) => (2, u16::from_be_bytes([a, b])),
            Self::Number => (3, 0),
        }
    }
}

/// The place of a kind in the table.
fn place(name: &str) -> u16 {
    let of = |kind: &super::kind::Kind| kind.detector.name.strip_prefix("pii.") == Some(name);
    let at = table::KINDS.iter().position(of).expect("rows name kinds, as a test says");
    u16::try_from(at).expect("there are fewer kinds")
}

/// A word in the text and where it begins.
pub(super) type Heard = SmallVec<[(usize, Meaning); 16]>;

/// What a word says: from one place of a list to another.
#[derive(Debug, Clone, Copy)]
struct Said {
    from: usize,
    to: usize,
}

/// More meanings than there are.
const MEANINGS: usize = 1024;

/// Words by a hash of their first three bytes.
struct Words {
    /// Words of two letters, for which there is no third byte.
    short: Vec<([u8; 2], Said)>,
    /// Where each hash's words begin in `all`; one more for the end of the last.
    starts: Vec<usize>,
    all: Vec<(Vec<u8>, Said)>,
    /// What words say: many say several things.
    said: Vec<(u16, Meaning)>,
}

const HASHES: usize = 8192;

static WORDS: LazyLock<Words> = LazyLock::new(Words::new);

fn hash(bytes: &[u8]) -> usize {
    (usize::from(bytes[0]) * 1201 + usize::from(bytes[1]) * 59 + usize::from(bytes[2])) % HASHES
}

impl Words {
    fn new() -> Self {
        // By the word, in the order of the tables.
        let mut entered: BTreeMap<Vec<u8>, Vec<(u16, Meaning)>> = BTreeMap::new();
        let mut numbers: BTreeMap<(u8, u16), u16> = BTreeMap::new();
        let mut enter = |word: &str, meaning: Meaning| {
            let next = u16::try_from(numbers.len()).expect("there are fewer meanings");
            let number = *numbers.entry(meaning.order()).or_insert(next);
            assert!(usize::from(number) < MEANINGS, "there are more meanings than numbers for them");
            for spelling in languages::spellings(word) {
                let mut folded = spelling.into_bytes();
                fold(&mut folded);
                let says = entered.entry(folded).or_default();
                // Nobody needs to look twice for what is said in two languages.
                if says.iter().all(|(known, _)| *known != number) {
                    says.push((number, meaning));
                }
            }
        };
        for (at, kind) in (0u16..).zip(&table::KINDS) {
            for word in kind.words {
                enter(word, Meaning::Kind(at));
            }
        }
        for (name, word) in languages::kinds() {
            enter(word, Meaning::Kind(place(name)));
        }
        let said = topics::TOPICS.into_iter().flatten();
        let said = said.flat_map(|(topic, words)| words.iter().map(|word| (*topic, *word)));
        for (topic, word) in said.chain(languages::topics()) {
            enter(word, Meaning::Topic(topic));
            for (at, kind) in (0u16..).zip(&table::KINDS) {
                if kind.is_whole(topic) {
                    enter(word, Meaning::Kind(at));
                }
            }
        }
        for (country, words) in topics::COUNTRIES {
            for word in *words {
                enter(word, Meaning::Country(**country));
            }
        }
        for word in topics::NUMBERS {
            enter(word, Meaning::Number);
        }
        let (mut all, mut short, mut said) = (Vec::new(), Vec::new(), Vec::new());
        for (word, says) in entered {
            let from = said.len();
            said.extend(says);
            let what = Said { from, to: said.len() };
            match word[..] {
                [a, b] => short.push(([a, b], what)),
                _ => all.push((word, what)),
            }
        }
        all.sort_by_key(|(word, _)| hash(word));
        let starts = (0..=HASHES).map(|h| all.partition_point(|(word, _)| hash(word) < h)).collect();
        Self { short, starts, all, said }
    }
}

/// A word may begin with `first`: a letter that no letter stands before. In scripts without spaces every character
/// begins one. `third` stands three bytes before it.
fn begins(first: u8, before: Option<u8>, third: Option<u8>) -> bool {
    match first {
        b'a'..=b'z' => match before {
            None => true,
            Some(b) if b.is_ascii_alphanumeric() => false,
            // The last byte of a character of two bytes is a letter of Latin, Greek or Cyrillic.
            Some(0x80..) => third.is_some_and(|third| third >= 0xe0),
            Some(_) => true,
        },
        0xc3..=0xdf => before.is_none_or(|b| !b.is_ascii_alphabetic() && b < 0x80),
        0xe0.. => true,
        _ => false,
    }
}

/// A long word may go on ("telefonnummer"), a short one must end. Neither may end in a digit, which would make it part
/// of a number; scripts that know no spaces write numbers at once.
fn may_go_on(word: &[u8]) -> bool {
    word.iter().filter(|b| !matches!(b, 0x80..0xc0)).count() >= 5
}

/// Bytes from `at` on of letters that a word would go on with, where words stand apart: all of Latin, Greek and Cyrillic.
fn letters(text: &[u8], at: usize) -> usize {
    let letter = |b: &&u8| b.is_ascii_alphabetic() || matches!(b, 0x80..0xc0 | 0xc3..=0xd4);
    text[at..].iter().take_while(letter).count()
}

/// Lower case for ASCII, Latin-1, Greek and Cyrillic; marks inside names become spaces. `lead` stands before the byte.
fn folded(lead: u8, this: u8) -> u8 {
    match (lead, this) {
        (_, b'A'..=b'Z') => this | 0x20,
        (_, b'_' | b'-' | b'\'' | b'\n' | b'\t') => b' ',
        // The second byte of a capital in two bytes, where the small letter has the same first byte.
        (0xc3, 0x80..=0x9e) | (0xd0, 0x90..=0x9f) | (0xce, 0x91..=0x9f) => this + 0x20,
        _ => this,
    }
}

fn fold(text: &mut [u8]) {
    let mut lead = 0;
    for byte in text {
        let this = *byte;
        *byte = folded(lead, this);
        lead = this;
    }
}

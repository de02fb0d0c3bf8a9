//! Words that announce a number: those of a kind ("pesel"), those of a topic ("tax number") and those of a
//! country ("Polish"), in the languages in which the numbers are written about. Looked up only in the few bytes
//! before a candidate that its own check has let through.

use std::sync::LazyLock;

use smallvec::SmallVec;

use super::super::text::Text;
use super::kind::Topic;
use super::{table, topics};

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

/// A word in the text and where it begins; later ones are nearer to the number.
pub(super) type Heard = SmallVec<[(usize, Meaning); 8]>;

/// Words by a hash of their first three bytes.
struct Words {
    /// Words of two letters, for which there is no third byte.
    short: Vec<([u8; 2], Meaning)>,
    /// Where each hash's words begin in `all`; one more for the end of the last.
    starts: Vec<usize>,
    all: Vec<(Vec<u8>, Meaning)>,
}

const HASHES: usize = 8192;

static WORDS: LazyLock<Words> = LazyLock::new(Words::new);

fn hash(bytes: &[u8]) -> usize {
    (usize::from(bytes[0]) * 1201 + usize::from(bytes[1]) * 59 + usize::from(bytes[2])) % HASHES
}

impl Words {
    fn new() -> Self {
        let mut all: Vec<(Vec<u8>, Meaning)> = Vec::new();
        let mut short = Vec::new();
        let mut enter = |word: &str, meaning| {
            let mut folded = word.as_bytes().to_vec();
            fold(&mut folded);
            match folded[..] {
                [a, b] => short.push(([a, b], meaning)),
                _ => all.push((folded, meaning)),
            }
        };
        for (at, kind) in (0u16..).zip(&table::KINDS) {
            for word in kind.words {
                enter(word, Meaning::Kind(at));
            }
        }
        for (topic, words) in topics::TOPICS.into_iter().flatten() {
            for word in *words {
                enter(word, Meaning::Topic(*topic));
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
        all.sort_by_key(|(word, _)| hash(word));
        let starts = (0..=HASHES).map(|h| all.partition_point(|(word, _)| hash(word) < h)).collect();
        Self { short, starts, all }
    }
}

/// The words in the bytes before `at`.
pub(super) fn before(text: Text<'_>, at: usize) -> Heard {
    let from = at.saturating_sub(REACH);
    // Rows of numbers have no words before them. Without a branch for each byte.
    if !text.bytes[from..at].iter().fold(false, |any, byte| any | (*byte >= b'A')) {
        return Heard::new();
    }
    let mut window = [0; REACH];
    let window = &mut window[..at - from];
    window.copy_from_slice(&text.bytes[from..at]);
    fold(window);
    let (words, mut heard) = (&*WORDS, Heard::new());
    for i in 0..window.len().saturating_sub(1) {
        let before = if i > 0 { Some(window[i - 1]) } else { text.before(from, 1) };
        if !begins(window, i, before) {
            continue;
        }
        let here = &window[i..];
        if !here.get(2).is_some_and(u8::is_ascii_alphanumeric) {
            let two = words.short.iter().filter(|(word, _)| here[..2] == *word);
            heard.extend(two.map(|(_, meaning)| (from + i, *meaning)));
        }
        if here.len() < 3 {
            continue;
        }
        let bucket = hash(here);
        for (word, meaning) in &words.all[words.starts[bucket]..words.starts[bucket + 1]] {
            if here.starts_with(word) && ends(word, &here[word.len()..]) {
                heard.push((from + i, *meaning));
            }
        }
    }
    heard
}

/// A word may begin at `i`: a letter that no letter stands before. In scripts without spaces every character
/// begins one.
fn begins(window: &[u8], i: usize, before: Option<u8>) -> bool {
    match window[i] {
        b'a'..=b'z' => match before {
            None => true,
            Some(b) if b.is_ascii_alphanumeric() => false,
            // The last byte of a character of two bytes is a letter of Latin, Greek or Cyrillic.
            Some(0x80..) => i >= 3 && window[i - 3] >= 0xe0,
            Some(_) => true,
        },
        0xc3..=0xdf => before.is_none_or(|b| !b.is_ascii_alphabetic() && b < 0x80),
        0xe0.. => true,
        _ => false,
    }
}

/// A long word may go on ("telefonnummer"), a short one must end. Neither may end in a digit, which would make it part
/// of a number; scripts that know no spaces write numbers at once.
fn ends(word: &[u8], behind: &[u8]) -> bool {
    let rest = behind.iter().position(|b| !b.is_ascii_lowercase()).unwrap_or(behind.len());
    let tied = word[word.len() - 1] < 0x80 && behind.get(rest).is_some_and(u8::is_ascii_digit);
    !tied && (rest == 0 || word.len() >= 5)
}

/// Lower case for ASCII, Latin-1, Greek and Cyrillic; marks inside names become spaces.
fn fold(text: &mut [u8]) {
    let mut lead = 0;
    for byte in text {
        let this = *byte;
        *byte = match (lead, this) {
            (_, b'A'..=b'Z') => this | 0x20,
            (_, b'_' | b'-' | b'\n' | b'\t') => b' ',
            // The second byte of a capital in two bytes, where the small letter has the same first byte.
            (0xc3, 0x80..=0x9e) | (0xd0, 0x90..=0x9f) | (0xce, 0x91..=0x9f) => this + 0x20,
            _ => this,
        };
        lead = this;
    }
}

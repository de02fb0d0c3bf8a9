//! The phrases, as slots that words go in, and how one is read word by word. Knows English words. Never goes back:
//! the words of a slot are none of the next one's.

use super::{CONCEALMENT, JAILBREAK, OVERRIDE};
use crate::detect::text::{Peek, Text};
use crate::detect::{Confidence, DetectorId, Work};

/// Where words go.
#[derive(Debug, Clone, Copy)]
pub(super) enum Slot {
    /// Exactly one of these.
    One(&'static [&'static str]),
    /// Any number of these, also none.
    Any(&'static [&'static str]),
}

use Slot::{Any, One};

pub(super) struct Phrase {
    pub(super) detector: DetectorId,
    pub(super) confidence: Confidence,
    slots: &'static [Slot],
}

/// How far a phrase could be read.
pub(super) enum Reading {
    Whole {
        end: usize,
    },
    /// The text is too short to tell.
    Cut,
    No,
}

const DROP: &[&str] = &["ignore", "disregard", "forget", "override", "bypass"];
const WHOSE: &[&str] =
    &["all", "any", "of", "the", "your", "my", "these", "those", "every", "and", "completely"];
const BEFORE: &[&str] = &[
    "previous",
    "prior",
    "above",
    "preceding",
    "earlier",
    "initial",
    "original",
    "existing",
    "foregoing",
    "system",
];
const BETWEEN: &[&str] = &["and", "or", "given", "user", "safety", "security", "content", "developer"];
const ORDERS: &[&str] = &[
    "instruction",
    "instructions",
    "prompt",
    "prompts",
    "rules",
    "directions",
    "directives",
    "guidelines",
    "commands",
    "messages",
    "constraints",
    "orders",
    "guidance",
    "programming",
    "conversation",
    "restrictions",
];
const GIVEN: &[&str] = &["above", "before", "given", "you", "previously", "earlier"];
const LAWLESS: &[&str] = &[
    "dan",
    "unrestricted",
    "unfiltered",
    "uncensored",
    "jailbroken",
    "unethical",
    "amoral",
    "developer",
    "evil",
];
const ARTICLES: &[&str] = &["a", "an", "the", "in", "free", "and"];
const USER: &[&str] = &["user", "users", "human", "operator"];

/// Words (lower case) that ask for something to be told.
pub(super) const LEAKING: &[&str] = &[
    "reveal",
    "print",
    "repeat",
    "show",
    "output",
    "display",
    "tell",
    "disclose",
    "leak",
    "expose",
    "dump",
    "what is",
    "what are",
    "what was",
    "write out",
    "summari",
];

pub(super) static PHRASES: &[Phrase] = &[
    phrase(OVERRIDE, Confidence::Medium, &[One(DROP), Any(WHOSE), One(BEFORE), Any(BETWEEN), One(ORDERS)]),
    phrase(OVERRIDE, Confidence::Medium, &[One(DROP), Any(WHOSE), One(ORDERS), One(GIVEN)]),
    phrase(
        OVERRIDE,
        Confidence::Low,
        &[One(DROP), One(&["all", "your"]), Any(&["of", "your", "the"]), One(ORDERS)],
    ),
    phrase(
        OVERRIDE,
        Confidence::Medium,
        &[
            One(&["forget", "disregard", "ignore"]),
            One(&["everything", "all", "anything"]),
            Any(&["that", "i", "was", "were", "have", "been", "you"]),
            One(&["above", "before", "said", "told", "know", "learned", "instructed"]),
        ],
    ),
    phrase(JAILBREAK, Confidence::Medium, &[One(&["do"]), One(&["anything"]), One(&["now"])]),
    phrase(
        JAILBREAK,
        Confidence::Medium,
        &[One(&["you"]), One(&["are"]), One(&["now"]), Any(ARTICLES), One(LAWLESS)],
    ),
    phrase(JAILBREAK, Confidence::Medium, &[One(&["act"]), One(&["as"]), Any(ARTICLES), One(LAWLESS)]),
    phrase(
        JAILBREAK,
        Confidence::Medium,
        &[One(&["pretend"]), One(&["to", "you"]), One(&["be", "are"]), Any(ARTICLES), One(LAWLESS)],
    ),
    phrase(
        CONCEALMENT,
        Confidence::Medium,
        &[
            One(&["do", "don't", "never"]),
            Any(&["not"]),
            One(&["tell", "inform", "mention", "reveal", "alert", "notify"]),
            Any(&["this", "it", "that", "any", "of", "to", "the", "anything", "about"]),
            One(USER),
        ],
    ),
    phrase(
        CONCEALMENT,
        Confidence::Low,
        &[One(&["without"]), One(&["telling", "informing", "notifying"]), Any(&["the"]), One(USER)],
    ),
];

const fn phrase(detector: DetectorId, confidence: Confidence, slots: &'static [Slot]) -> Phrase {
    Phrase { detector, confidence, slots }
}

/// The longest word of a phrase, and more.
const LONGEST_WORD: usize = 16;
/// Most bytes between two words: a line end and an indentation.
const LONGEST_GAP: usize = 6;
/// Most words in a slot that takes any number.
const MOST_WORDS: usize = 6;

enum Word<'t> {
    Whole(&'t [u8], usize),
    Cut(&'t [u8]),
    None,
}

impl Phrase {
    /// Reads the phrase from `start` on.
    pub(super) fn read(&self, text: Text<'_>, start: usize, work: &mut Work) -> Reading {
        let mut at = start;
        for slot in self.slots {
            let (words, most) = match slot {
                One(words) => (words, 1),
                Any(words) => (words, MOST_WORDS),
            };
            for _ in 0..most {
                let (word, end) = match word(text, at, if at == start { 0 } else { LONGEST_GAP }) {
                    Word::Whole(word, end) => (word, end),
                    Word::Cut(begun) if self.may_hold(begun) => return Reading::Cut,
                    Word::Cut(_) | Word::None => return Reading::No,
                };
                work.examined += (end - at) as u64;
                match (slot, holds(words, word)) {
                    (_, true) => at = end,
                    (One(_), false) => return Reading::No,
                    (Any(_), false) => break,
                }
            }
        }
        Reading::Whole { end: at }
    }

    /// True if a word of the phrase begins like this.
    fn may_hold(&self, begun: &[u8]) -> bool {
        self.slots.iter().any(|slot| {
            let (One(words) | Any(words)) = slot;
            words.iter().any(|word| {
                word.len() >= begun.len() && word.as_bytes()[..begun.len()].eq_ignore_ascii_case(begun)
            })
        })
    }
}

fn holds(words: &[&str], word: &[u8]) -> bool {
    words.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(word))
}

/// The next word, behind at most `gap` spaces and marks.
fn word(text: Text<'_>, at: usize, gap: usize) -> Word<'_> {
    let start = text.run_end(at, gap, |b| matches!(b, b' ' | b'\n' | b'\r' | b'\t' | b',' | b'"' | b'*'));
    let end = text.run_end(start, LONGEST_WORD, |b| b.is_ascii_alphabetic() || b == b'\'');
    let word = &text.bytes[start.min(text.bytes.len())..end.min(text.bytes.len())];
    match text.peek(end) {
        Peek::Unknown => Word::Cut(word),
        _ if word.is_empty() || word.len() == LONGEST_WORD => Word::None,
        _ => Word::Whole(word, end),
    }
}

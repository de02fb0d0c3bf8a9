//! Confirms the keys of the table: by their prefix, by their whole shape, or by the name of the service
//! before them. One piece of code for all of them.

use std::ops::Range;
use std::sync::LazyLock;

use memchr::memrchr_iter;

use super::rarity::{self, Scores, TELLING};
use super::read::Read;
use super::shape::{Anchor, Fit, Runs, Shape};
use super::table::{KEYS, Key, Told};
use crate::detect::sample::SampleSource;
use crate::detect::text::{Peek, Text, Verdict, is_placeholder};
use crate::detect::{Confidence, DetectorId, Finding, Work};

/// How many keys there are.
pub(super) const COUNT: usize = KEYS.len();

/// Fewer characters than this make no key that is told without a prefix.
const SHORTEST: usize = 12;
/// How much of a token is read before anything speaks for it.
const GLANCE: usize = 96;
/// How far before a token the service's name may stand.
const REACH: usize = 72;
/// Letters that may stand before the first digit of a token.
const LETTERS: usize = 48;

/// The table, ready for use. The shapes are constants of the build, so it is made once.
static READY: LazyLock<Ready> = LazyLock::new(Ready::new);

struct Ready {
    /// What the pass looks for: key, shape and anchor.
    prefixed: Vec<(usize, Shape, Anchor)>,
    bare: Vec<(usize, Shape)>,
    /// The places in `bare` of those that may begin with a byte.
    bare_by_first: Vec<Vec<usize>>,
    /// By key; empty for those that are told otherwise.
    announced: Vec<Vec<Shape>>,
    /// Those of `prefixed` that begin with `sk-`, as the keys of others do.
    sk: Vec<usize>,
}

impl Ready {
    fn new() -> Self {
        let mut ready = Self {
            prefixed: Vec::new(),
            bare: Vec::new(),
            bare_by_first: Vec::new(),
            announced: Vec::new(),
            sk: Vec::new(),
        };
        for (at, key) in KEYS.iter().enumerate() {
            let shapes = key.shapes.iter().map(|s| Shape::parse(s).expect("a test reads every shape"));
            let mut own = Vec::new();
            match key.told {
                Told::Prefix => ready.prefixed.extend(shapes.map(|shape| {
                    let anchor = shape.anchor().expect("a test asks every shape for its anchor");
                    (at, shape, anchor)
                })),
                Told::Shape => ready.bare.extend(shapes.map(|shape| (at, shape))),
                Told::Words(_) => own = shapes.collect(),
            }
            ready.announced.push(own);
        }
        let bare = &ready.bare;
        let by_first =
            (0..=u8::MAX).map(|first| (0..bare.len()).filter(|at| bare[*at].1.begins_with(first)).collect());
        ready.bare_by_first = by_first.collect();
        let begins = |(_, (_, _, anchor)): &(usize, &(usize, Shape, Anchor))| {
            anchor.lead == 0 && anchor.text.starts_with("sk-")
        };
        ready.sk = ready.prefixed.iter().enumerate().filter(begins).map(|(number, _)| number).collect();
        ready
    }
}

/// The words that announce keys, each with the key's number.
pub(super) fn service_words() -> impl Iterator<Item = (&'static str, usize)> {
    KEYS.iter().enumerate().flat_map(|(at, key)| {
        let words = if let Told::Words(words) = key.told { words } else { &[] };
        words.iter().map(move |word| (*word, at))
    })
}

/// The literals of the table, each with the number that [`prefixed`] takes.
pub(super) fn literals() -> impl Iterator<Item = (&'static str, u16)> {
    READY
        .prefixed
        .iter()
        .enumerate()
        .filter_map(|(at, (_, _, anchor))| Some((anchor.text.as_str(), u16::try_from(at).ok()?)))
}

/// The literals with which keys of the table begin.
pub(super) fn prefixes() -> impl Iterator<Item = (&'static str, super::Route)> {
    READY.prefixed.iter().enumerate().filter(|(_, (_, _, anchor))| anchor.lead == 0).filter_map(
        |(at, (_, _, anchor))| Some((anchor.text.as_str(), super::Route::Key(u16::try_from(at).ok()?))),
    )
}

/// `sk-` stands at `start`: does it begin a key of the table, and not only one of that shape?
pub(super) fn begins_with_sk(
    text: Text<'_>,
    start: usize,
    runs: &mut Runs,
    work: &mut Work,
) -> Option<Verdict> {
    READY.sk.iter().find_map(|number| {
        let (_, _, anchor) = &READY.prefixed[*number];
        let there = text.bytes[start..].starts_with(anchor.text.as_bytes());
        let verdict =
            there.then(|| prefixed(text, start, u16::try_from(*number).unwrap_or(0), runs, work))?;
        (!matches!(verdict, Verdict::No { .. })).then_some(verdict)
    })
}

/// Where a token that is at the end of the text so far begins, if it looks drawn already: then it is held,
/// because what tells the key may come last. Words are never held.
pub(super) fn tail(text: Text<'_>) -> Option<usize> {
    const FEWEST: usize = 8;
    let end = text.bytes.len();
    let lowest = end.saturating_sub(LETTERS + 1).max(text.floor);
    let run = text.bytes[lowest..].iter().rev().take_while(|b| b.is_ascii_alphanumeric()).count();
    // A longer one is data.
    let token = &text.bytes[end - run..];
    let hexadecimal = run >= 12
        && token.iter().all(u8::is_ascii_hexdigit)
        && token.iter().any(u8::is_ascii_digit)
        && token.iter().any(u8::is_ascii_alphabetic);
    let drawn = (FEWEST..=LETTERS).contains(&run) && (rarity::random(token, TELLING) || hexadecimal);
    drawn.then_some(end - run)
}

/// A text that the key's detector finds.
pub(super) fn sample(key: &Key, source: &mut SampleSource) -> String {
    let text = *source.pick(&[key.shapes]).first().unwrap_or(&"");
    let shape = Shape::parse(text).expect("a test reads every shape");
    // A few of the short ones look like words by chance; those would not be found.
    let drawn = |value: &String| {
        let free = shape.free(value.as_bytes());
        let digit = value.bytes().any(|b| b.is_ascii_digit());
        digit && !is_placeholder(value.as_bytes()) && (free.len() < 8 || rarity::random(&free, TELLING + 4))
    };
    let mut value = shape.sample(source);
    for _ in 0..200 {
        if drawn(&value) {
            break;
        }
        value = shape.sample(source);
    }
    match key.told {
        Told::Words(words) => format!("{} key {value}", words.first().unwrap_or(&"")),
        _ => value,
    }
}

/// A literal of the table stands at `at`: is there a key around it?
pub(super) fn prefixed(text: Text<'_>, at: usize, number: u16, runs: &mut Runs, work: &mut Work) -> Verdict {
    // Another literal may begin inside this one.
    let no = Verdict::No { resume: at };
    let Some((key, shape, anchor)) = READY.prefixed.get(usize::from(number)) else { return no };
    let Some(start) = shape.start(text, anchor, at) else { return no };
    if start < text.floor || !text.key_may_begin(start) {
        return no;
    }
    match shape.fit_kept(text, start, runs, work) {
        Fit::No => no,
        Fit::Unknown => Verdict::Undecided { hold: start },
        Fit::End(end) => {
            let key_bytes = &text.bytes[start..end];
            let free = shape.free(key_bytes);
            if is_placeholder(key_bytes) || (free.len() >= 20 && is_placeholder(&free)) {
                return no;
            }
            let digits = free.iter().filter(|b| b.is_ascii_digit()).count();
            // Long and of few characters: typed. Without digits, and no more like a key than a name is: words.
            if free.len() >= 32 && rarity::distinct(&free) < 9 {
                return no;
            }
            let hexadecimal = free.iter().all(|b| b.is_ascii_hexdigit() || !b.is_ascii_alphanumeric());
            let plain = digits < 2 && !hexadecimal;
            let worded = free.len() >= 10 && plain && !rarity::random(&free, TELLING);
            let confidence = if worded { Confidence::Low } else { sure(*key, shape) };
            Verdict::Match(Finding { detector: super::key_id(*key), start, end, confidence })
        }
    }
}

/// True if the first digit of a group may be part of a token that is worth [`token`]. Says true where the text
/// is too short to tell.
pub(super) fn may_begin(bytes: &[u8], digit: usize) -> bool {
    // The first digit of a token speaks for all of it; a word that is long enough also for itself.
    let tied = match digit.checked_sub(1).map(|before| bytes[before]) {
        Some(b'0'..=b'9') => return false,
        before => before.is_some_and(is_token_byte),
    };
    // Most digits of prose are a short number by itself.
    let behind = behind(bytes, digit);
    if !tied {
        return goes_on(bytes, digit, behind, behind);
    }
    let back = before(bytes, digit, 2 * SHORTEST);
    let joined = &bytes[digit - back..digit];
    let word = joined.iter().rev().take_while(|b| b.is_ascii_alphanumeric()).count();
    if joined[back - word..].iter().any(u8::is_ascii_digit) || !goes_on(bytes, digit, behind, back + behind) {
        return false;
    }
    let rest = bytes[digit..].iter().take(SHORTEST).take_while(|b| b.is_ascii_alphanumeric()).count();
    let word_open = digit + rest == bytes.len();
    word_open || word + rest >= SHORTEST || !joined.iter().any(u8::is_ascii_digit)
}

/// Fewer characters than this stand before a colon or bar in no token, unless what follows is one by itself; and fewer
/// than [`SECOND`] do not follow.
const FIRST: usize = 5;
const SECOND: usize = 8;

/// True if a token of which `length` bytes are there, `behind` of them from `digit` on, is long enough, or may be with
/// what follows behind a colon or bar. In rows of short words with these marks between them there is none.
fn goes_on(bytes: &[u8], digit: usize, behind: usize, length: usize) -> bool {
    let end = digit + behind;
    if length >= SHORTEST || end == bytes.len() {
        return true;
    }
    if !matches!(bytes[end], b':' | b'|') {
        return false;
    }
    let second = self::behind(bytes, end + 1);
    let fewest = if length < FIRST { SHORTEST } else { SECOND };
    second >= fewest || end + 1 + second == bytes.len()
}

/// Bytes of a token from `at` on, at most [`SHORTEST`].
fn behind(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().take(SHORTEST).take_while(|b| is_token_byte(**b)).count()
}

/// Bytes of a token directly before `at`, at most `most`.
fn before(bytes: &[u8], at: usize, most: usize) -> usize {
    bytes[..at].iter().rev().take(most).take_while(|b| is_token_byte(**b)).count()
}

/// As [`is_token_byte`], and what stands between the number and the secret of a few tokens.
fn joins(b: u8) -> bool {
    is_token_byte(b) || matches!(b, b':' | b'|')
}

/// What tokens are made of that is not also punctuation.
fn is_token_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')
}

/// Places at which a token around a digit may begin: with its letters, with what dashes and underscores join,
/// with what dots and slashes join, with what equals signs join.
struct Starts([usize; 4], usize);

impl Starts {
    fn new(text: Text<'_>, digit: usize) -> Self {
        let floor = text.floor.max(digit.saturating_sub(LETTERS + 16));
        let back = |from: usize, class: fn(u8) -> bool| {
            from - text.bytes[floor..from].iter().rev().take_while(|b| class(**b)).count()
        };
        let letters = back(digit, |b| b.is_ascii_alphanumeric());
        let joined = back(letters, is_token_byte);
        let dotted = |b: u8| is_token_byte(b) || matches!(b, b'.' | b'/' | b'+' | b'~');
        // An equals sign stands before a token more often than in it.
        let assigned = back(joined, dotted);
        let whole = back(assigned, |b| is_token_byte(b) || matches!(b, b'.' | b'/' | b'+' | b'=' | b'~'));
        Self([letters, joined, assigned, whole], floor)
    }

    /// The different ones, nearest first; without those where the look back was cut off.
    fn each(&self, text: Text<'_>) -> impl Iterator<Item = usize> + use<> {
        let [letters, joined, assigned, whole] = self.0;
        let cut = (self.1 > text.floor).then_some(self.1);
        let all = [
            (letters, true),
            (joined, joined != letters),
            (assigned, assigned != joined),
            (whole, whole != assigned),
        ];
        all.map(|(at, other)| (other && Some(at) != cut).then_some(at)).into_iter().flatten()
    }
}

/// A group of digits begins at `digit`: is it part of a token that its shape or a word before it gives away?
pub(super) fn token(text: Text<'_>, digit: usize, read: &mut Read, work: &mut Work) -> Verdict {
    let starts = Starts::new(text, digit);
    let [letters, joined, _, dotted] = starts.0;
    let end = read.scores.run_end(text, digit, GLANCE, joins);
    let word = text.run_end(digit, GLANCE, |b| b.is_ascii_alphanumeric());
    work.examined += (end - dotted) as u64;
    let no = Verdict::No { resume: digit + 1 };
    let open = text.peek(end) == Peek::Unknown && end - digit < GLANCE;
    if !open && end - joined < SHORTEST {
        return no;
    }
    let bare = bare(text, &starts, work);
    if !matches!(bare, Verdict::No { .. }) {
        return bare;
    }
    if !open
        && !drawn(text.bytes, joined..end, &mut read.scores)
        && !drawn(text.bytes, letters..word, &mut read.scores)
    {
        return no;
    }
    let window = dotted.saturating_sub(REACH)..letters;
    let verdict = announced(text, &starts, window, read, work);
    if !matches!(verdict, Verdict::No { .. }) {
        return verdict;
    }
    for start in starts.each(text).take(2) {
        let verdict = super::assigned::behind(text, start, read, work);
        if !matches!(verdict, Verdict::No { .. }) {
            return verdict;
        }
    }
    super::selfnamed::token(text, joined, work).unwrap_or(no)
}

fn drawn(bytes: &[u8], token: Range<usize>, scores: &mut Scores) -> bool {
    let begin = token.start..token.end.min(token.start + GLANCE);
    is_long_number(&bytes[token]) || scores.random(bytes, begin, TELLING)
}

/// Sixteen digits can be somebody's id; a service's name decides about those.
fn is_long_number(token: &[u8]) -> bool {
    token.len() >= 14 && token.iter().all(u8::is_ascii_digit) && rarity::distinct(token) >= 5
}

/// As [`drawn`], where the service's name and the exact length speak for a key already.
fn fits_a_key(token: &[u8]) -> bool {
    let begin = &token[..token.len().min(GLANCE)];
    let telling = if token.len() >= 16 { TELLING / 2 } else { TELLING };
    is_long_number(token) || rarity::random(begin, telling)
}

/// How sure a key is that fits its shape.
fn sure(key: usize, shape: &Shape) -> Confidence {
    KEYS[key].told.confidence(shape.open(), shape.constant())
}

/// Keys that have no prefix to look for, but a shape that nothing else has.
fn bare(text: Text<'_>, starts: &Starts, work: &mut Work) -> Verdict {
    // Behind a dot it is the end of a name such as that of a file.
    let begins = |start: usize| text.key_may_begin(start) && text.left(start) != Some(b'.');
    for start in starts.each(text).filter(|start| begins(*start)) {
        for at in &READY.bare_by_first[usize::from(text.bytes[start])] {
            let (key, shape) = &READY.bare[*at];
            match shape.fit(text, start, work) {
                Fit::No => {}
                // What comes first wins, so nothing behind it can be decided before it is.
                Fit::Unknown => return Verdict::Undecided { hold: start.min(starts.0[1]) },
                Fit::End(end) => {
                    let free = shape.free(&text.bytes[start..end]);
                    if rarity::random(&free, TELLING) && !is_placeholder(&free) {
                        let (detector, confidence) = (super::key_id(*key), sure(*key, shape));
                        return Verdict::Match(Finding { detector, start, end, confidence });
                    }
                }
            }
        }
    }
    Verdict::No { resume: starts.0[0] }
}

/// Keys of the services that are named in `window`, the text before the token.
fn announced(
    text: Text<'_>,
    starts: &Starts,
    window: Range<usize>,
    read: &mut Read,
    work: &mut Work,
) -> Verdict {
    let window = same_paragraph(text.bytes, window);
    let keys = read.services(text.bytes, window, work);
    for key in keys {
        for shape in &READY.announced[key] {
            for start in starts.each(text) {
                match shape.fit(text, start, work) {
                    Fit::No => {}
                    Fit::Unknown => return Verdict::Undecided { hold: start.min(starts.0[1]) },
                    // A number in the path of an address is somebody's id there.
                    Fit::End(end)
                        if text.left(start) == Some(b'/')
                            && text.bytes[start..end].iter().all(u8::is_ascii_digit) => {}
                    Fit::End(end) if fits_a_key(&shape.free(&text.bytes[start..end])) => {
                        let (detector, confidence) = (super::key_id(key), Confidence::Medium);
                        return Verdict::Match(Finding { detector, start, end, confidence });
                    }
                    Fit::End(_) => {}
                }
            }
        }
    }
    Verdict::No { resume: starts.0[0] }
}

/// The key of a named service, for a value that a name already announced.
pub(super) fn named(
    text: Text<'_>,
    start: usize,
    read: &mut Read,
    work: &mut Work,
) -> Option<(DetectorId, usize)> {
    let window = same_paragraph(text.bytes, start.saturating_sub(REACH)..start);
    let keys = read.services(text.bytes, window, work);
    keys.into_iter().find_map(|key| {
        READY.announced[key].iter().find_map(|shape| match shape.fit(text, start, work) {
            Fit::End(end) if fits_a_key(&shape.free(&text.bytes[start..end])) => {
                Some((super::key_id(key), end))
            }
            _ => None,
        })
    })
}

/// The part of a window behind its last but one line end: a name on the line before still belongs to a value.
fn same_paragraph(bytes: &[u8], window: Range<usize>) -> Range<usize> {
    match memrchr_iter(b'\n', &bytes[window.clone()]).nth(1) {
        Some(at) => window.start + at + 1..window.end,
        None => window,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_can_be_read_and_looked_for() {
        for key in &KEYS {
            for text in key.shapes {
                let shape = Shape::parse(text).unwrap_or_else(|wrong| panic!("{}: {wrong}", key.name));
                if key.told == Told::Prefix {
                    assert!(shape.anchor().is_some(), "{}: {text} has no anchor", key.name);
                }
            }
        }
    }
}

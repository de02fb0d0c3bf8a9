//! Runs of base64 and hexadecimal digits that hold text. A run that holds anything else, such as an image, a key or
//! a hash, is left alone: no text can be found in it, and what it looks like is found in it as written.

use std::ops::Range;

use super::undo::hex;
use crate::wide::{self, Lanes, Pass, WIDTH};

/// Shortest run that is looked at: it holds ten bytes. Numbers of persons have as many, separators included.
pub(super) const SHORTEST: usize = 14;

/// Bytes of the beginning that must be text. Random bytes are not, but for one in ten thousand.
const PROBE: usize = 9;

/// Where within a run decoding may begin, behind its separators: paths and keys have theirs before the data.
const MOST_STARTS: usize = 6;

/// Text before something else that is taken all the same.
const ENOUGH: usize = 24;

/// A run and what it says.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) source: Range<usize>,
    pub(super) decoded: Vec<u8>,
}

/// What a byte of either alphabet of base64 is worth; 64 and above for others.
static VALUES: [u8; 256] = values();

const fn values() -> [u8; 256] {
    let mut values = [64; 256];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut value = 0;
    while value < 64 {
        #[expect(clippy::cast_possible_truncation, reason = "below 64")]
        let small = value as u8;
        values[alphabet[value] as usize] = small;
        value += 1;
    }
    values[b'-' as usize] = 62;
    values[b'_' as usize] = 63;
    values
}

fn value(byte: u8) -> u8 {
    VALUES[usize::from(byte)]
}

/// The first run from `from` on that holds text.
pub(super) fn next(text: &[u8], from: usize) -> Option<Run> {
    let mut at = from;
    loop {
        at = stretch(text, at)?;
        let length = text[at..].iter().position(|byte| value(*byte) >= 64);
        let end = length.map_or(text.len(), |length| at + length);
        let found = starts(&text[at..end]).find_map(|start| run(text, at + start, end));
        if found.is_some() {
            return found;
        }
        at = end;
    }
}

/// The first run from `at` on in a text of which a part was looked at: a row of digits may have begun before, though not
/// before `floor`, and what begins it is no run.
pub(super) fn next_behind(text: &[u8], floor: usize, at: usize) -> Option<Run> {
    let begin = begin_of_row(text, at, floor);
    if begin == at {
        return next(text, at);
    }
    let end = end_of_row(text, at);
    let starts = starts(&text[begin..end]).map(|start| begin + start).filter(|start| *start >= at);
    { starts }.find_map(|start| run(text, start, end)).or_else(|| next(text, end))
}

/// Where the row of digits begins that ends at `end`, if not before `floor`.
pub(super) fn begin_of_row(text: &[u8], end: usize, floor: usize) -> usize {
    let floor = floor.min(end);
    end - text[floor..end].iter().rev().take_while(|byte| value(**byte) < 64).count()
}

/// Where the row of digits around `at` ends.
pub(super) fn end_of_row(text: &[u8], at: usize) -> usize {
    at + text[at..].iter().take_while(|byte| value(**byte) < 64).count()
}

/// How the beginning of a run looks that may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// It holds something else than text.
    Other,
    /// Too little to tell, as most words are.
    Short,
    /// It holds text so far.
    Text,
}

/// So many digits of text are not often chance.
const TELLING: usize = 8;

impl Head {
    /// How digits look that nothing follows yet.
    pub(super) fn of(digits: &[u8]) -> Self {
        // Every word of every text is asked: nothing is allocated.
        let hexadecimal = || {
            let mut bytes = [0; ENOUGH];
            let pairs = digits.chunks_exact(2).map_while(|pair| Some(hex(pair[0])? << 4 | hex(pair[1])?));
            let count = bytes.iter_mut().zip(pairs).map(|(byte, pair)| *byte = pair).count();
            begins_text(&bytes[..count])
        };
        let base64 = || {
            let mut bytes = [0; ENOUGH];
            let groups = bytes.chunks_exact_mut(3).zip(digits.chunks_exact(4));
            let count = groups.map(|(three, four)| three.copy_from_slice(&group(four))).count();
            begins_text(&bytes[..3 * count])
        };
        let is_hex = digits.iter().take(2 * PROBE).all(u8::is_ascii_hexdigit);
        match base64() || (is_hex && hexadecimal()) {
            false => Head::Other,
            true if digits.len() < TELLING => Head::Short,
            true => Head::Text,
        }
    }
}

/// Text may begin so, in UTF-8 or UTF-16.
fn begins_text(bytes: &[u8]) -> bool {
    let zero = |from: usize| bytes.iter().skip(from).step_by(2).all(|byte| *byte == 0);
    let text = |from: usize| bytes.iter().skip(from).step_by(2).all(|byte| is_text(*byte));
    let valid = match std::str::from_utf8(bytes) {
        Ok(_) => bytes.len(),
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        Err(_) => 0,
    };
    let utf8 = valid > 0 || bytes.len() < 4;
    (utf8 && bytes[..valid].iter().all(|byte| *byte >= 0x80 || is_text(*byte)))
        || (zero(1) && text(0))
        || (zero(0) && text(1))
}

/// Where the first row of digits from `from` on begins that is long enough. Prose has none, so it is read by the bits
/// of many bytes at once.
fn stretch(text: &[u8], from: usize) -> Option<usize> {
    wide::run(Stretch { text, from })
}

struct Stretch<'t> {
    text: &'t [u8],
    from: usize,
}

impl Pass for Stretch<'_> {
    type Answer = Option<usize>;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> Option<usize> {
        let mut open = 0;
        for at in (self.from..self.text.len()).step_by(WIDTH) {
            let digits = lanes.base64(lanes.load_at(self.text, at.cast_signed()));
            if let Some(place) = row(digits, open) {
                return Some(at.wrapping_add_signed(place));
            }
            open = digits.leading_ones() as usize;
        }
        None
    }
}

/// Where the first row of bits begins that is long enough, counted from the first. `open` bits stood before that.
#[inline(always)]
pub(super) fn row(digits: u64, open: usize) -> Option<isize> {
    if open + digits.trailing_ones() as usize >= SHORTEST {
        return Some(-open.cast_signed());
    }
    // What is left of each row are the places with thirteen more digits behind them.
    let mut rows = digits & digits >> 1;
    rows &= rows >> 2;
    rows &= rows >> 4;
    rows &= rows >> (SHORTEST - 8);
    (rows != 0).then(|| (rows.trailing_zeros() as usize).cast_signed())
}

/// Where data may begin in a run: at its beginning, and behind separators.
pub(super) fn starts(run: &[u8]) -> impl Iterator<Item = usize> {
    let behind =
        run.iter().take(256).enumerate().filter(|(_, byte)| b"/-_+".contains(byte)).map(|(at, _)| at + 1);
    std::iter::once(0).chain(behind).take(MOST_STARTS)
}

fn run(text: &[u8], start: usize, end: usize) -> Option<Run> {
    (end - start >= SHORTEST).then_some(())?;
    if text[start..end].iter().take(2 * PROBE).all(u8::is_ascii_hexdigit)
        && let Some(run) = hexadecimal(text, start, end)
    {
        return Some(run);
    }
    let mut probe = [0; PROBE];
    for (three, four) in probe.chunks_exact_mut(3).zip(text[start..].chunks_exact(4)) {
        three.copy_from_slice(&group(four)[..3]);
    }
    (looks_like_text(&probe) || looks_like_utf16(&probe)).then_some(())?;
    let mut decoded = Vec::new();
    let source = start..lines(text, start, end, &mut decoded);
    finish(source, decoded)
}

fn hexadecimal(text: &[u8], start: usize, end: usize) -> Option<Run> {
    let digits = text[start..end].iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let pairs = text[start..start + digits / 2 * 2].chunks_exact(2);
    let byte = |pair: &[u8]| Some(hex(pair[0])? << 4 | hex(pair[1])?);
    let probe: Vec<u8> = pairs.clone().take(PROBE).filter_map(byte).collect();
    (looks_like_text(&probe) || looks_like_utf16(&probe)).then_some(())?;
    finish(start..start + digits, pairs.filter_map(byte).collect())
}

/// The run, if enough of it is text.
fn finish(source: Range<usize>, decoded: Vec<u8>) -> Option<Run> {
    if looks_like_utf16(&decoded) {
        let decoded = decoded.into_iter().filter(|byte| *byte != 0).collect();
        return Some(Run { source, decoded });
    }
    let valid = match std::str::from_utf8(&decoded) {
        Ok(_) => decoded.len(),
        Err(error) => error.valid_up_to(),
    };
    let text = decoded[..valid].iter().take_while(|byte| **byte >= 0x80 || is_text(**byte)).count();
    (text == decoded.len() || text >= ENOUGH).then_some(Run { source, decoded })
}

/// Decodes the run and the lines behind it that go on with it: data is wrapped at a width that is the same for all
/// lines but the last. Returns where it ends, padding included. Looks at no line behind one that holds no text, so
/// that no line is looked at twice.
fn lines(text: &[u8], start: usize, end: usize, decoded: &mut Vec<u8>) -> usize {
    let width = end - start;
    let mut line = start..end;
    // Digits that are left over from groups of four, where the width is none of these.
    let mut rest = Vec::new();
    loop {
        rest.extend_from_slice(&text[line.clone()]);
        let whole = rest.len() / 4 * 4;
        let before = decoded.len();
        base64(&rest[..whole], decoded);
        rest.drain(..whole);
        let text_so_far = decoded[before..].iter().all(|byte| *byte >= 0x80 || *byte == 0 || is_text(*byte));
        let more = text_so_far && line.len() == width;
        let Some(next) = more.then(|| next_line(text, line.end)).flatten() else { break };
        let length = text[next..].iter().take(width + 1).take_while(|byte| value(**byte) < 64).count();
        if length == 0 || length > width {
            break;
        }
        line = next..next + length;
    }
    base64(&rest, decoded);
    let padding = text[line.end..].iter().take(2).take_while(|byte| **byte == b'=').count();
    line.end + padding
}

/// Behind a line end and what quotes or indents the next line.
fn next_line(text: &[u8], at: usize) -> Option<usize> {
    let rest = &text[at..];
    let newline = if rest.starts_with(b"\r\n") {
        2
    } else if rest.starts_with(b"\n") {
        1
    } else {
        return None;
    };
    let indent = rest[newline..].iter().take(16).take_while(|byte| b" \t>".contains(byte)).count();
    Some(at + newline + indent)
}

/// Decodes either alphabet, without padding. One character too many says nothing and is left out.
fn base64(digits: &[u8], decoded: &mut Vec<u8>) {
    decoded.reserve(digits.len() / 4 * 3 + 2);
    for four in digits.chunks(4) {
        decoded.extend_from_slice(&group(four)[..four.len() * 6 / 8]);
    }
}

/// What up to four digits say.
fn group(four: &[u8]) -> [u8; 3] {
    let bits = four.iter().fold(0u32, |bits, digit| bits << 6 | u32::from(value(*digit) & 63));
    let [_, a, b, c] = (bits << (6 * (4 - four.len()))).to_be_bytes();
    [a, b, c]
}

/// Printable ASCII, white space, or part of a character that is none.
fn is_text(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7E | b'\t' | b'\n' | b'\r')
}

/// Characters outside of ASCII count, if they are well formed.
fn looks_like_text(bytes: &[u8]) -> bool {
    let start = bytes.len() >= 8;
    let valid = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        // The last one may be cut.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    start && valid.bytes().all(|byte| byte >= 0x80 || is_text(byte))
}

/// Every second byte is zero, the others are text.
fn looks_like_utf16(bytes: &[u8]) -> bool {
    let zero = |from: usize| bytes.iter().skip(from).step_by(2).all(|byte| *byte == 0);
    let text = |from: usize| bytes.iter().skip(from).step_by(2).all(|byte| is_text(*byte));
    bytes.len() >= 8 && ((zero(1) && text(0)) || (zero(0) && text(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<(String, String)> {
        let run = next(text.as_bytes(), 0)?;
        Some((text[run.source].to_owned(), String::from_utf8(run.decoded).unwrap()))
    }

    fn is(text: &str, source: &str, decoded: &str) {
        assert_eq!(found(text), Some((source.to_owned(), decoded.to_owned())), "{text}");
    }

    #[test]
    fn runs_that_hold_text_are_found() {
        is("say amFuZSBkb2Ugd2FzIGhlcmU= twice", "amFuZSBkb2Ugd2FzIGhlcmU=", "jane doe was here");
        is("k=amFuZSBkb2Ugd2FzIGhlcmU", "amFuZSBkb2Ugd2FzIGhlcmU", "jane doe was here");
        is("/v1/users/amFuZT8/Pz8/Pz9hYWFh", "amFuZT8/Pz8/Pz9hYWFh", "jane???????aaaa");
        // Nine digits with two dashes.
        is("see MTIzLTQ1LTY3ODk=", "MTIzLTQ1LTY3ODk=", "123-45-6789");
        is("amFuZT8_Pz8_Pz9hYWFh", "amFuZT8_Pz8_Pz9hYWFh", "jane???????aaaa");
        is("asOpbmUgZG/DqSB3YXMgaGVyZQ==", "asOpbmUgZG/DqSB3YXMgaGVyZQ==", "jéne doé was here");
        is(
            "hex 6a616e6520646f65207761732068657265.",
            "6a616e6520646f65207761732068657265",
            "jane doe was here",
        );
    }

    #[test]
    fn wrapped_lines_are_one_run() {
        is(
            "amFuZSBkb2Ugd2Fz\n  IGhlcmUsIGFuZCBz\r\nbyB3YXMgSQ==\nnext",
            "amFuZSBkb2Ugd2Fz\n  IGhlcmUsIGFuZCBz\r\nbyB3YXMgSQ==",
            "jane doe was here, and so was I",
        );
    }

    #[test]
    fn lines_that_begin_as_text_and_go_on_as_data_cost_no_more_than_others() {
        // Were each line joined with all behind it, this would take minutes.
        let line = format!("amFuZSBkb2Ug{}\n", "/w".repeat(32));
        assert_eq!(found(&line.repeat(20_000)), None);
    }

    #[test]
    fn two_bytes_for_each_character_are_read() {
        is("agBhAG4AZQAgAGQAbwBlAA==", "agBhAG4AZQAgAGQAbwBlAA==", "jane doe");
    }

    #[test]
    fn what_holds_no_text_is_left_alone() {
        for text in [
            "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ",
            "d41d8cd98f00b204e9800998ecf8427e",
            "550e8400-e29b-41d4-a716-446655440000",
            "interceptor_engine::exchange::ResponsePlan",
            "toolu_01A09q90qw90lq917835lq9",
            "internationalization",
            "The quick brown fox",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }
}

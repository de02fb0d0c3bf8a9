//! What a line end does not cut: a guess that puts two lines together takes in what stands by itself before a finding or
//! behind it, such as the name above an address, or the next setting below a key. Knows lines and words; what was found
//! in them is `scan.rs`' business.

use std::ops::Range;

/// The part of a guess that is left without the lines at its ends that stand by themselves.
pub(super) fn kernel(text: &[u8], range: Range<usize>) -> Range<usize> {
    let Range { mut start, mut end } = range;
    while let Some(line) = memchr::memchr(b'\n', &text[start..end]) {
        if !begins_alone(sentence(trimmed(&text[start..start + line]))) {
            break;
        }
        start += line + 1;
        start += text[start..end].iter().take_while(|byte| is_margin(byte)).count();
    }
    while let Some(line) = memchr::memrchr(b'\n', &text[start..end]) {
        let last = &text[start + line + 1..end];
        let indent = last.iter().take_while(|byte| is_margin(byte)).count();
        if !stands_alone(&last[indent..]) {
            break;
        }
        end = start + sentence(trimmed(&text[start..start + line])).len();
    }
    start..end
}

/// What indents a line, or quotes it.
fn is_margin(byte: &u8) -> bool {
    b" \t>".contains(byte)
}

/// A line without what only ends it.
fn trimmed(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    line.strip_suffix(b"\\").unwrap_or(line)
}

/// A line without what ends a sentence: that is no part of what was found in it, and ends more lines than it cuts.
fn sentence(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|byte| !b".,;:!?".contains(byte));
    &line[..end.map_or(0, |last| last + 1)]
}

/// True for what comes before a finding and is no part of it: a word, a setting, or a number, which is at the end of many
/// lines and at the beginning of few addresses.
pub(in crate::exchange) fn begins_alone(part: &[u8]) -> bool {
    let of_number = |byte: &u8| byte.is_ascii_digit() || b".,".contains(byte);
    stands_alone(part) || part.iter().all(of_number)
}

/// True for a word, or a name with its value: what comes before a secret or behind it and is no part of it.
pub(in crate::exchange) fn stands_alone(part: &[u8]) -> bool {
    is_plain_word(part) || is_setting(part)
}

/// True for what looks like the next word and not like the rest of a key: letters, all small but perhaps the first or
/// all large, as in any language. A few last letters of a key may look so, and stay behind.
fn is_plain_word(more: &[u8]) -> bool {
    /// More consonants than stand together in words.
    const MANY: usize = 5;
    /// More letters than words have, but for a few.
    const LONG: usize = 20;
    // Letters of other scripts, and those with accents.
    let foreign = |b: &u8| *b >= 0x80;
    let vowel = |b: &u8| b"aeiouyAEIOUY".contains(b) || foreign(b);
    let small = more.iter().skip(1).all(|b| b.is_ascii_lowercase() || foreign(b));
    let large = more.iter().all(|b| b.is_ascii_uppercase() || foreign(b));
    more.first().is_some_and(|b| b.is_ascii_alphabetic() || foreign(b))
        && more.len() <= LONG
        && (small || large)
        && (more.len() == 1 || more.iter().any(vowel))
        && more.split(vowel).all(|consonants| consonants.len() < MANY)
}

/// `NAME=value`. In what is encoded `=` is only found at the end.
fn is_setting(part: &[u8]) -> bool {
    let Some(sign) = memchr::memchr(b'=', part) else { return false };
    let (name, value) = (&part[..sign], &part[sign + 1..]);
    name.first().is_some_and(u8::is_ascii_alphabetic)
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(byte))
        && value.iter().any(|byte| *byte != b'=')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_stand_by_themselves_are_no_part_of_a_guess() {
        for (text, left) in [
            ("Jane\n  jane@x.org", "jane@x.org"),
            ("Regards\r\n> Jane\r\n> jane@x.org", "jane@x.org"),
            ("3.5\njane@x.org", "jane@x.org"),
            ("k3y0aB9\nThanks", "k3y0aB9"),
            ("naïve\nc\njane@x.org", "jane@x.org"),
            ("k3y0aB9\n12", "k3y0aB9\n12"),
            ("k3y0aB9\\\nNOTE", "k3y0aB9"),
            ("k3y0aB9\nDEBUG=true", "k3y0aB9"),
            ("jane@x.org.\nDo", "jane@x.org"),
            ("the end.\njane@x.org", "the end.\njane@x.org"),
            ("end.\njane@x.org", "jane@x.org"),
            ("k3y0aB9\nc4d5", "k3y0aB9\nc4d5"),
            ("k3y0aB9\nxqzkw", "k3y0aB9\nxqzkw"),
            ("k3y0aB9\nc4d5==", "k3y0aB9\nc4d5=="),
            ("no line end", "no line end"),
        ] {
            let inside = text.len() - text.trim_start().len()..text.len();
            assert_eq!(&text[kernel(text.as_bytes(), inside)], left, "{text:?}");
        }
    }
}

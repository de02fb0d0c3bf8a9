//! Addresses of networks: IPv4 (RFC 791), IPv6 (RFC 4291, RFC 5952) and MAC (IEEE 802). A reserved address or one for
//! documentation says nothing about anybody and is of low confidence, and so is an IPv4 address without a word.

use std::net::{Ipv4Addr, Ipv6Addr};

use smallvec::SmallVec;

use super::super::number::{Group, end_is_open, may_begin};
use super::super::text::{Peek, Text, left};
use super::super::{Confidence, Finding, Work};
use super::words::{self, Heard};
use super::{IPV4, IPV6, MAC};

/// What stands at a group.
pub(super) enum Answer {
    Found(Finding),
    /// An address; the words before it decide how sure that is.
    NeedsWords,
    Open(usize),
    No,
}

/// Longest IPv6 address in text, with an IPv4 address in it.
const LONGEST: usize = 45;

/// Asks whether an address begins with `group` or, for IPv6, holds it as its first group with a digit.
pub(super) fn confirm(text: Text<'_>, group: &Group, heard: Option<&Heard>) -> Answer {
    let after = text.peek(group.end());
    let before = text.before(group.start, 1);
    if before == Some(b':') || (after == Peek::Byte(b':') && group.len <= 4) {
        return colons(text, group, heard);
    }
    let hexadecimal = || text.bytes[group.start..group.end()].iter().all(u8::is_ascii_hexdigit);
    match after {
        // A mark may come that makes it an address.
        Peek::Unknown if group.len <= 4 && hexadecimal() => Answer::Open(group.start),
        Peek::Byte(b'.') if group.is_number() && group.len <= 3 => v4(text, group.start, heard),
        Peek::Byte(b'.') if group.len == 4 => dotted_mac(text, group.start),
        Peek::Byte(b'-') if group.len == 2 => dashed_mac(text, group.start),
        _ => Answer::No,
    }
}

/// The end of the longest stretch of `class` from `from` on and whether more text may continue it.
fn stretch(text: Text<'_>, from: usize, class: impl Fn(u8) -> bool) -> Option<(usize, bool)> {
    let end = text.run_end(from, LONGEST + 1, class);
    (end - from <= LONGEST).then(|| (end, text.peek(end) == Peek::Unknown))
}

fn v4(text: Text<'_>, start: usize, heard: Option<&Heard>) -> Answer {
    if !may_begin(text, start) && text.before(start, 1) != Some(b'/') {
        return Answer::No;
    }
    let Some((mut end, open)) = stretch(text, start, |b| b.is_ascii_digit() || b == b'.') else {
        return Answer::No;
    };
    if open {
        return Answer::Open(start);
    }
    // The full stop of a sentence.
    while text.bytes[end - 1] == b'.' {
        end -= 1;
    }
    let Some(address) = ascii(text, start, end).and_then(|t| t.parse::<Ipv4Addr>().ok()) else {
        return Answer::No;
    };
    if end_is_open(text, end) {
        return Answer::Open(start);
    }
    let tied = matches!(text.peek(end), Peek::Byte(b) if b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if tied || start < text.floor {
        return Answer::No;
    }
    let told = |confidence| Answer::Found(Finding { detector: IPV4, start, end, confidence });
    if nobodys(address) {
        return told(Confidence::Low);
    }
    // A private address is a machine's in somebody's network: where the words speak of an address, it may lead to him.
    match said(heard, start) {
        None => Answer::NeedsWords,
        Some(true) => told(Confidence::Medium),
        Some(false) => told(Confidence::Low),
    }
}

/// Whether a word for addresses stands before; `None` if nobody has looked yet.
fn said(heard: Option<&Heard>, start: usize) -> Option<bool> {
    let near =
        |(at, meaning): &(usize, words::Meaning)| at + words::REACH >= start && super::is_network(*meaning);
    heard.map(|heard| heard.iter().any(near))
}

/// No machine's in particular: reserved, for documentation, a network, a resolver that everybody knows, or counted up.
fn nobodys(address: Ipv4Addr) -> bool {
    let [a, b, c, d] = address.octets();
    let known = (a == b && b == c) || (a, b) == (8, 8) || d == 0;
    let counted = [b, c, d] == [a.wrapping_add(1), a.wrapping_add(2), a.wrapping_add(3)]
        || matches!([a, b, c, d], [12, 34, 56, 78] | [123, 45, 67, 89]);
    let reserved = address.is_loopback()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_multicast()
        || a == 0
        || a >= 240
        || (a, b) == (198, 18);
    known || counted || reserved || is_usual(address)
}

/// Of the networks that every router and every example has: it says where nobody is.
fn is_usual(address: Ipv4Addr) -> bool {
    match address.octets() {
        [10, b, c, _] => matches!((b, c), (0..=1, 0..=1) | (10, _)),
        [172, 16 | 17, 0, _] => true,
        [192, 168, 0..=2, _] => true,
        _ => false,
    }
}

fn ascii(text: Text<'_>, start: usize, end: usize) -> Option<&str> {
    std::str::from_utf8(&text.bytes[start..end]).ok()
}

fn is_colon_group(b: u8) -> bool {
    b.is_ascii_hexdigit() || b == b':' || b == b'.'
}

/// True for bytes that stand in an address with colons and are no digit, which would have been asked about itself.
fn is_between(b: u8) -> bool {
    b == b':' || (b.is_ascii_hexdigit() && !b.is_ascii_digit())
}

/// True if no address begins with the group at `start`, nor with the colons and letters directly before it: something
/// stands before those that ties them to a longer word. In rows with colons that are only read once so.
pub(super) fn is_inside(bytes: &[u8], start: usize) -> bool {
    let lowest = start.saturating_sub(LONGEST + 1);
    let before = bytes[lowest..start].iter().rev().take_while(|b| is_between(**b)).count();
    before > 0 && left(bytes, start - before).is_some_and(is_tied)
}

/// Before an address it makes both something longer.
fn is_tied(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b'$')
}

/// IPv6, and MAC with colons.
fn colons(text: Text<'_>, group: &Group, heard: Option<&Heard>) -> Answer {
    // What stands before is part of it only if it has no digit: otherwise that digit was asked about.
    let mut start = group.start;
    while start > text.floor && group.start - start <= LONGEST {
        if !is_between(text.bytes[start - 1]) {
            break;
        }
        start -= 1;
    }
    if text.left(start).is_some_and(is_tied) {
        return Answer::No;
    }
    let Some((mut end, open)) = stretch(text, start, is_colon_group) else { return Answer::No };
    if open {
        return Answer::Open(start);
    }
    // The marks of a sentence; a lone colon ends no address.
    while end - start > 2
        && (text.bytes[end - 1] == b'.' || (text.bytes[end - 1] == b':' && text.bytes[end - 2] != b':'))
    {
        end -= 1;
    }
    if matches!(text.peek(end), Peek::Byte(b) if b.is_ascii_alphanumeric() || b == b'_') {
        return Answer::No;
    }
    let value = &text.bytes[start..end];
    if is_mac(value, b':', 2) {
        return Answer::Found(Finding {
            detector: MAC,
            start,
            end,
            confidence: mac_confidence(text, start, value),
        });
    }
    let Some(address) = ascii(text, start, end).and_then(|t| t.parse::<Ipv6Addr>().ok()) else {
        return Answer::No;
    };
    let sure = match global(address) {
        None => false,
        Some(true) => true,
        Some(false) => match said(heard, group.start) {
            None => return Answer::NeedsWords,
            Some(said) => said,
        },
    };
    let confidence = if sure { Confidence::Medium } else { Confidence::Low };
    Answer::Found(Finding { detector: IPV6, start, end, confidence })
}

/// True for global unicast with something in its lower half, false for what only words can tell, `None` for
/// documentation, private and local addresses.
fn global(address: Ipv6Addr) -> Option<bool> {
    let parts = address.segments();
    let filled = parts.iter().filter(|part| **part != 0).count();
    match parts[0] {
        0x2001 if parts[1] == 0xdb8 => None,
        0x2000..0x4000 if filled >= 4 => Some(true),
        0xfc00.. => None,
        _ => (filled == 8).then_some(false),
    }
}

fn is_mac(value: &[u8], mark: u8, size: usize) -> bool {
    let mut groups = 0;
    for part in value.split(|b| *b == mark) {
        groups += 1;
        if part.len() != size || !part.iter().all(u8::is_ascii_hexdigit) {
            return false;
        }
    }
    groups * size == 12 || (size == 2 && groups == 8)
}

/// Broadcast, null, spelled and documentation addresses (RFC 7042) are nobody's. Counted ones, those of groups and of the
/// virtual machines and containers of QEMU and Docker are not either, unless a word says what they are.
fn mac_confidence(text: Text<'_>, start: usize, value: &[u8]) -> Confidence {
    const WORDS: [&str; 4] = ["mac", "hardware", "physical", "ethernet"];
    const OF_NO_DEVICE: [&[u8]; 2] = [b"525400", b"0242"];
    const SPELLED: [&[u8]; 3] = [b"deadbe", b"c0ffee", b"cafeba"];
    let digits: SmallVec<[u8; 16]> =
        value.iter().filter(|b| b.is_ascii_hexdigit()).map(u8::to_ascii_lowercase).collect();
    let mut seen = [false; 256];
    digits.iter().for_each(|digit| seen[usize::from(*digit)] = true);
    let few = seen.iter().filter(|s| **s).count() < 4;
    let place = |digit: &u8| char::from(*digit).to_digit(16).unwrap_or(0);
    let counted = digits.windows(2).filter(|two| place(&two[1]) == (place(&two[0]) + 1) % 10).count() >= 9;
    let group = digits.get(1).is_some_and(|digit| place(digit) & 1 == 1);
    let spells = SPELLED.iter().any(|word| digits.windows(word.len()).any(|there| there == *word));
    let odd = counted || group || OF_NO_DEVICE.iter().any(|prefix| digits.starts_with(prefix));
    let documentation = digits.starts_with(b"00005e0053") || digits.starts_with(b"000102030405");
    if few
        || spells
        || documentation
        || (odd && !text.mentions_before(start, 24, &WORDS, &mut Work::default()))
    {
        Confidence::Low
    } else {
        Confidence::Medium
    }
}

fn dotted_mac(text: Text<'_>, start: usize) -> Answer {
    mac(text, start, b'.', 4)
}

fn dashed_mac(text: Text<'_>, start: usize) -> Answer {
    mac(text, start, b'-', 2)
}

fn mac(text: Text<'_>, start: usize, mark: u8, size: usize) -> Answer {
    // The first group may be letters alone; then it stands before.
    let mut first = start;
    while first >= size + 1 + text.floor
        && text.bytes[first - 1] == mark
        && text.bytes[first - 1 - size..first - 1]
            .iter()
            .all(|b| b.is_ascii_alphabetic() && b.is_ascii_hexdigit())
        && start - first < LONGEST
    {
        first -= size + 1;
    }
    // Further groups before it make it a part of a longer row.
    if !may_begin(text, first) || text.before(first, 1) == Some(mark) {
        return Answer::No;
    }
    let Some((end, open)) = stretch(text, first, |b| b.is_ascii_hexdigit() || b == mark) else {
        return Answer::No;
    };
    let so_far = &text.bytes[first..end];
    let fits = so_far.iter().enumerate().all(|(i, b)| (i % (size + 1) == size) == (*b == mark));
    if open && fits && so_far.len() < 24 {
        return Answer::Open(first);
    }
    let tied = matches!(text.peek(end), Peek::Byte(b) if b.is_ascii_alphanumeric() || b == b'_');
    let value = if so_far.last() == Some(&mark) { &so_far[..so_far.len() - 1] } else { so_far };
    if tied || !is_mac(value, mark, size) {
        return Answer::No;
    }
    let confidence = mac_confidence(text, first, value);
    Answer::Found(Finding { detector: MAC, start: first, end: first + value.len(), confidence })
}

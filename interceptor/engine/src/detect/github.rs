//! GitHub tokens: `ghp_ gho_ ghu_ ghs_ ghr_` and `github_pat_`. The classic ones carry six characters of
//! checksum (CRC-32 of the 30 before, in base 62), which makes a match certain; a token without it may still
//! be one of a newer or a self-hosted format.

use super::sample::SampleSource;
use super::text::{Peek, Text, Verdict, is_placeholder};
use super::{Confidence, Finding, Work, metadata};

/// GitHub asks to expect up to 255 characters.
const LONGEST: usize = 255;
const SHORTEST_BODY: usize = 36;

/// `ghp_` and its sisters.
pub(super) fn token(text: Text<'_>, start: usize, body: usize, work: &mut Work) -> Verdict {
    let checked = |body: &[u8]| match body.len() {
        36 if checksum(body) => Some(Confidence::High),
        SHORTEST_BODY.. => Some(Confidence::Medium),
        _ => None,
    };
    confirm(text, start, body, work, checked)
}

/// `github_pat_`: 22 characters, an underscore, 59 characters.
pub(super) fn fine_grained(text: Text<'_>, start: usize, body: usize, work: &mut Work) -> Verdict {
    let checked = |body: &[u8]| match body {
        [key @ .., _, _, _, _, _, _] if body.len() == 82 && key[22] == b'_' => Some(Confidence::High),
        _ => (body.len() >= SHORTEST_BODY).then_some(Confidence::Medium),
    };
    confirm(text, start, body, work, checked)
}

fn confirm(
    text: Text<'_>,
    start: usize,
    body: usize,
    work: &mut Work,
    check: impl Fn(&[u8]) -> Option<Confidence>,
) -> Verdict {
    let no = Verdict::No { resume: body };
    if !text.key_may_begin(start) {
        return no;
    }
    let end = text.run_end(body, LONGEST, |b| b.is_ascii_alphanumeric() || b == b'_');
    work.examined += (end - start) as u64;
    if end - body < LONGEST && text.peek(end) == Peek::Unknown {
        return Verdict::Undecided { hold: start };
    }
    match check(&text.bytes[body..end]).filter(|_| !is_placeholder(&text.bytes[body..end])) {
        Some(confidence) => {
            Verdict::Match(Finding { detector: metadata::GITHUB_TOKEN, start, end, confidence })
        }
        None => no,
    }
}

/// A made-up token with its checksum.
pub(super) fn sample(source: &mut SampleSource) -> String {
    let key = source.mixed(30);
    let check = check_characters(key.as_bytes());
    ["gh", "p_", &key, &String::from_utf8_lossy(&check)].concat()
}

/// The last six characters check the rest.
fn checksum(body: &[u8]) -> bool {
    let (key, check) = body.split_at(body.len() - 6);
    check == check_characters(key)
}

/// The CRC-32 of the key in base 62 (digits, upper case, lower case), six characters.
fn check_characters(key: &[u8]) -> [u8; 6] {
    let mut crc = crc32(key);
    let mut check = [0; 6];
    for place in check.iter_mut().rev() {
        let digit = u8::try_from(crc % 62).unwrap_or(0);
        crc /= 62;
        *place = match digit {
            0..=9 => b'0' + digit,
            10..=35 => b'A' + digit - 10,
            _ => b'a' + digit - 36,
        };
    }
    check
}

/// CRC-32 as in IEEE 802.3, bit by bit: it runs over 30 bytes of a rare candidate.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, b| {
        (0..8).fold(crc ^ u32::from(*b), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}

//! JSON Web Tokens in compact form (RFC 7515, RFC 7516): base64url parts joined by dots, of which the first
//! decodes to a JSON object with `alg`.
//!
//! A token may be longer than what is held back. From [`HOLD_BOUND`] on it is reported in pieces: its header
//! is proof enough by then.

use serde::Deserialize;

use super::machine::{Growing, Step};
use super::text::{HOLD_BOUND, Peek, Text, Verdict, is_key_byte, is_placeholder};
use super::{Confidence, Finding, Work, metadata};

/// A longer header (certificate chains can make one) is not recognised.
const LONGEST_HEADER: usize = 4 * 1024;
/// `{"alg":""}` in base64.
pub(super) const SHORTEST_HEADER: usize = 14;
const SHORTEST_SIGNATURE: usize = 16;
/// So much of a part says whether it is a stand-in.
const SHOWN: usize = 64;

/// The literal `eyJ` is there: `{"` in base64.
pub(super) fn begin(text: Text<'_>, start: usize) -> Verdict {
    if text.key_may_begin(start) {
        return Verdict::Grow(Growing::Jwt(Walk { start, at: start, piece: start, parts: 0, part: start }));
    }
    Verdict::No { resume: start + 3 }
}

/// How far the walk over one candidate has come.
pub(super) struct Walk {
    start: usize,
    at: usize,
    /// Start of what was not reported yet.
    piece: usize,
    /// Parts that are complete.
    parts: usize,
    /// Start of the part being read.
    part: usize,
}

impl Walk {
    pub(super) fn shift(&mut self, gone: usize) {
        // Pieces that were reported may be gone already; nothing looks at them again.
        self.start = self.start.saturating_sub(gone);
        self.part = self.part.saturating_sub(gone);
        self.at -= gone;
        self.piece -= gone;
    }

    pub(super) fn step(&mut self, text: Text<'_>, work: &mut Work) -> Step {
        loop {
            let bound = if self.parts == 0 { self.start + LONGEST_HEADER } else { self.piece + HOLD_BOUND };
            let end = text.run_end(self.at, bound.saturating_sub(self.at), is_key_byte);
            work.examined += (end - self.at) as u64;
            self.at = end;
            if end == bound && self.parts == 0 {
                return self.nothing();
            }
            if end == bound {
                let piece = self.finding(end);
                self.piece = end;
                return Step::Piece(piece);
            }
            match text.peek(end) {
                Peek::Unknown => return Step::Undecided { hold: self.piece },
                Peek::Byte(b'.') if self.parts < 4 => {
                    // The dot may be a sentence's end behind a complete token.
                    if self.parts == 2 || self.parts == 3 {
                        match text.peek(end + 1) {
                            Peek::Unknown => return Step::Undecided { hold: self.piece },
                            Peek::Byte(b) if is_key_byte(b) => {}
                            _ => return self.close(text, end),
                        }
                    }
                    if self.parts == 0 && !is_header(&text.bytes[self.start..end]) {
                        return self.nothing();
                    }
                    self.parts += 1;
                    self.at = end + 1;
                    self.part = end + 1;
                }
                _ => return self.close(text, end),
            }
        }
    }

    /// The parts are over. Two of them are a token whose signature was cut off; one is only a header.
    fn close(&mut self, text: Text<'_>, end: usize) -> Step {
        let reported = self.piece > self.start;
        let signature = end - self.part;
        let whole = match self.parts {
            0 => false,
            1 => signature >= SHORTEST_SIGNATURE,
            2 => signature == 0 || signature >= SHORTEST_SIGNATURE,
            _ => true,
        };
        // Of the last part, as far as a stand-in for one goes: somewhere in a long token every short word occurs.
        let shown = &text.bytes[self.part..end.min(self.part + SHOWN)];
        let stand_in = !reported && signature > 0 && is_placeholder(shown);
        if reported || (whole && !stand_in) {
            let found = (end > self.piece).then(|| self.finding(end));
            return Step::Done { found, resume: end };
        }
        self.nothing()
    }

    fn finding(&self, end: usize) -> Finding {
        let confidence = if self.parts >= 2 { Confidence::High } else { Confidence::Medium };
        Finding { detector: metadata::JWT, start: self.piece, end, confidence }
    }

    fn nothing(&self) -> Step {
        // Another literal may begin with the same letters; the look goes on where it would show.
        Step::Done { found: None, resume: self.start + 2 }
    }
}

#[derive(Deserialize)]
struct Header {
    #[serde(rename = "alg")]
    _alg: String,
}

/// Decodes to a JSON object that names an algorithm. One that somebody changed is no JSON any more, but still one that
/// begins so.
fn is_header(part: &[u8]) -> bool {
    let names_one = |json: &[u8]| json.starts_with(br#"{"alg":""#) || json.starts_with(br#"{"typ":"JWT""#);
    part.len() >= SHORTEST_HEADER
        && decode(part)
            .is_some_and(|json| names_one(&json) || serde_json::from_slice::<Header>(&json).is_ok())
}

/// Base64url without padding (RFC 4648, section 5).
fn decode(part: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(part.len() / 4 * 3 + 2);
    for chunk in part.chunks(4) {
        let mut bits = 0u32;
        for b in chunk {
            let value = match b {
                b'A'..=b'Z' => b - b'A',
                b'a'..=b'z' => b - b'a' + 26,
                b'0'..=b'9' => b - b'0' + 52,
                b'-' => 62,
                b'_' => 63,
                _ => return None,
            };
            bits = bits << 6 | u32::from(value);
        }
        let bytes = (bits << (6 * (4 - chunk.len()))).to_be_bytes();
        let count = chunk.len() * 3 / 4;
        if count == 0 {
            return None;
        }
        out.extend_from_slice(&bytes[1..=count]);
    }
    Some(out)
}

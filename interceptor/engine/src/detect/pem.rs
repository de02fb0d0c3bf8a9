//! Private keys in armour: `-----BEGIN … PRIVATE KEY-----` (RFC 7468, and the older OpenSSL, OpenSSH and
//! OpenPGP forms), with real line ends or with `\n` written out, whole or cut off.
//!
//! A key longer than [`HOLD_BOUND`] is reported in pieces of that length.

use super::machine::{Growing, Step};
use super::sample::SampleSource;
use super::text::{HOLD_BOUND, Peek, Text, Verdict};
use super::{Confidence, Finding, Work, metadata};

const LONGEST_LABEL: usize = 48;
const LONGEST_END_LINE: usize = 64;

/// Base64 without a break that makes a body a body; prose has no such words.
const TELLING: usize = 40;
/// Words shorter than this are not base64 lines, and after this many of them the key is over.
const SHORT: usize = 16;
const MOST_SHORT: u32 = 16;

/// A made-up key in armour.
pub(super) fn sample(source: &mut SampleSource) -> String {
    let label = ["PRIVATE", "KEY"].join(" ");
    let body: String = (0..3).map(|_| source.mixed(64) + "\n").collect();
    format!("-----BEGIN {label}-----\n{body}-----END {label}-----")
}

/// The literal `-----BEGIN` is there, from `start` to `end`.
pub(super) fn begin(text: Text<'_>, start: usize, end: usize, work: &mut Work) -> Verdict {
    let no = Verdict::No { resume: end };
    let label = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b' ';
    let stop = text.run_end(end, LONGEST_LABEL, label);
    work.examined += (stop - start) as u64;
    let dashes = text.run_end(stop, 5, |b| b == b'-');
    if stop - end < LONGEST_LABEL && dashes - stop < 5 && text.peek(dashes) == Peek::Unknown {
        return Verdict::Undecided { hold: start };
    }
    let name = text.bytes[end..stop].trim_ascii();
    if dashes - stop != 5 || !(name.ends_with(b"PRIVATE KEY") || name.ends_with(b"PRIVATE KEY BLOCK")) {
        return no;
    }
    Verdict::Grow(Growing::PrivateKey(Walk {
        start,
        at: dashes,
        piece: start,
        run: dashes,
        longest: 0,
        short: 0,
        good: dashes,
    }))
}

/// How far the walk over one key has come.
pub(super) struct Walk {
    start: usize,
    at: usize,
    /// Start of what was not reported yet.
    piece: usize,
    /// Start of the current run of base64.
    run: usize,
    longest: usize,
    /// Short runs since the last long one.
    short: u32,
    /// End of the last run that was long enough to be key.
    good: usize,
}

impl Walk {
    pub(super) fn shift(&mut self, gone: usize) {
        self.start = self.start.saturating_sub(gone);
        self.run = self.run.saturating_sub(gone);
        self.good = self.good.saturating_sub(gone);
        self.at -= gone;
        self.piece -= gone;
    }

    pub(super) fn step(&mut self, text: Text<'_>, work: &mut Work) -> Step {
        let from = self.at;
        let step = self.walk(text);
        work.examined += (self.at - from) as u64;
        step
    }

    fn walk(&mut self, text: Text<'_>) -> Step {
        loop {
            if self.at - self.piece == HOLD_BOUND {
                self.end_run();
                return self.bound_reached();
            }
            let byte = match text.peek(self.at) {
                Peek::Unknown => return Step::Undecided { hold: self.piece },
                Peek::End => return self.close(),
                Peek::Byte(byte) => byte,
            };
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' | b'=' => self.at += 1,
                b'-' => {
                    let dashes = text.run_end(self.at, 5, |b| b == b'-');
                    if dashes - self.at < 5 && text.peek(dashes) == Peek::Unknown {
                        return Step::Undecided { hold: self.piece };
                    }
                    self.end_run();
                    if dashes - self.at == 5 {
                        return self.end_line(text, dashes);
                    }
                    self.at += 1;
                    self.run = self.at;
                }
                b if b.is_ascii_whitespace() || b"\\\"':;,.()<>*#|_@".contains(&b) => {
                    self.end_run();
                    self.at += 1;
                    self.run = self.at;
                    // A written `\n` is a line end, not the first letter of the next line.
                    if b == b'\\' {
                        match text.peek(self.at) {
                            Peek::Unknown => {
                                self.at -= 1;
                                self.run = self.at;
                                return Step::Undecided { hold: self.piece };
                            }
                            Peek::Byte(b'n' | b'r' | b't') => self.at += 1,
                            _ => {}
                        }
                        self.run = self.at;
                    }
                }
                _ => return self.close(),
            }
            if self.short > MOST_SHORT {
                return self.close();
            }
        }
    }

    fn end_run(&mut self) {
        let len = self.at - self.run;
        self.longest = self.longest.max(len);
        if len >= SHORT {
            self.short = 0;
            self.good = self.at;
        } else if len > 0 {
            self.short += 1;
        }
        self.run = self.at;
    }

    /// Five dashes: the end line belongs to the key, anything else ends it without.
    fn end_line(&mut self, text: Text<'_>, dashes: usize) -> Step {
        const END: &[u8] = b"END ";
        let there = &text.bytes[dashes..text.bytes.len().min(dashes + END.len())];
        if !END.starts_with(there) {
            return self.close();
        }
        let label = text.run_end(dashes, LONGEST_END_LINE, |b| b != b'-' && b != b'\n');
        let closing = text.run_end(label, 5, |b| b == b'-');
        if label - dashes < LONGEST_END_LINE && closing - label < 5 && text.peek(closing) == Peek::Unknown {
            return Step::Undecided { hold: self.piece };
        }
        if there.len() < END.len() {
            return self.close();
        }
        self.good = closing;
        self.close()
    }

    fn bound_reached(&mut self) -> Step {
        if self.longest < TELLING {
            return self.nothing();
        }
        let piece = self.finding(self.at);
        self.piece = self.at;
        Step::Piece(piece)
    }

    /// The body is over.
    fn close(&mut self) -> Step {
        self.end_run();
        let reported = self.piece > self.start;
        if !reported && self.longest < TELLING {
            return self.nothing();
        }
        let end = self.good.max(self.piece);
        let found = (end > self.piece).then(|| self.finding(end));
        Step::Done { found, resume: end }
    }

    fn finding(&self, end: usize) -> Finding {
        let (detector, start) = (metadata::PRIVATE_KEY, self.piece);
        Finding { detector, start, end, confidence: Confidence::High }
    }

    fn nothing(&self) -> Step {
        Step::Done { found: None, resume: self.start + 10 }
    }
}

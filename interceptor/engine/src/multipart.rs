//! Reads multipart bodies (RFC 2046, RFC 7578) as they arrive and says what is a part's head, what its content, and
//! what neither. Every byte is told of exactly once, in order, with its offset.
//! Knows framing. Does not know what a part means.
//!
//! Servers disagree about what ends a line. Here a bare LF does, too: what another reader takes for content of the
//! part before is looked at in either case, since nothing is left out.

mod head;

use std::ops::Range;

use memchr::memmem;

pub use head::{PartEncoding, PartHead};

use head::parameter;

/// Most bytes of one part's head.
const LONGEST_HEAD: usize = 16 * 1024;

/// Most blanks behind a boundary. RFC 2046 allows any number, nobody sends one.
const MOST_PADDING: usize = 128;

/// Longest boundary (RFC 2046, 5.1.1).
const LONGEST_BOUNDARY: usize = 70;

/// What is called for every byte of a body.
pub trait PartSink {
    /// A part's head, complete, with the empty line that ends it.
    fn head(&mut self, head: &[u8], at: usize);
    /// A piece of the part's content.
    fn content(&mut self, piece: &[u8], at: usize);
    /// The part is complete; its content ended at this offset.
    fn end(&mut self, at: usize);
    /// A piece of a boundary.
    fn boundary(&mut self, piece: &[u8], at: usize);
    /// What stands before the first boundary and behind the last.
    fn around(&mut self, piece: &[u8], at: usize);
}

/// Why a body could not be read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MultipartError {
    /// A part's head is longer than any that is sent.
    #[error("a part whose head is longer than {LONGEST_HEAD} bytes")]
    LongHead,
    /// The last boundary did not come.
    #[error("the last boundary is missing")]
    Incomplete,
}

/// Reads one multipart body in chunks.
#[derive(Debug)]
pub struct Multipart {
    /// `\n--boundary`
    delimiter: Box<[u8]>,
    state: State,
    /// What came and cannot be told of yet: a beginning boundary, or a head.
    carry: Vec<u8>,
    /// Offset of the first byte that was not told of.
    at: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the first boundary; true at the very beginning, where it needs no line end before it.
    Preamble {
        start: bool,
    },
    /// Behind a boundary's name: a part begins, or the body ends.
    Boundary,
    Head,
    Content,
    Epilogue,
    Failed(MultipartError),
}

impl Multipart {
    /// A reader for the boundary that a content type names; none if it names none that may be.
    pub fn new(content_type: &str) -> Option<Self> {
        let boundary = boundary(content_type)?;
        let delimiter = [b"\n--", &*boundary].concat().into();
        Some(Multipart { delimiter, state: State::Preamble { start: true }, carry: Vec::new(), at: 0 })
    }

    /// Reads a chunk. After an error the rest is told of as standing around the parts.
    pub fn push(&mut self, chunk: &[u8], sink: &mut impl PartSink) {
        if self.carry.is_empty() {
            let left = self.read(chunk, sink);
            self.carry.extend_from_slice(&chunk[left..]);
        } else {
            let mut data = std::mem::take(&mut self.carry);
            data.extend_from_slice(chunk);
            let left = self.read(&data, sink);
            data.drain(..left);
            self.carry = data;
        }
    }

    /// The body has ended.
    pub fn finish(&mut self, sink: &mut impl PartSink) -> Result<(), MultipartError> {
        let rest = std::mem::take(&mut self.carry);
        let state = std::mem::replace(&mut self.state, State::Epilogue);
        match state {
            State::Content => {
                sink.content(&rest, self.at);
                sink.end(self.at + rest.len());
            }
            _ if rest.is_empty() => {}
            _ => sink.around(&rest, self.at),
        }
        self.at += rest.len();
        match state {
            State::Epilogue => Ok(()),
            State::Failed(error) => Err(error),
            _ => Err(MultipartError::Incomplete),
        }
    }

    /// Why reading stopped, if it did.
    pub fn error(&self) -> Option<MultipartError> {
        match self.state {
            State::Failed(error) => Some(error),
            _ => None,
        }
    }

    /// Tells of as much as is certain; returns how much that is.
    fn read(&mut self, data: &[u8], sink: &mut impl PartSink) -> usize {
        let mut done = 0;
        loop {
            let rest = &data[done..];
            let Some(taken) = self.step(rest, sink) else { return done };
            self.at += taken;
            done += taken;
            if rest.is_empty() {
                return done;
            }
        }
    }

    /// One step: how many bytes it took, or none if more have to come.
    fn step(&mut self, data: &[u8], sink: &mut impl PartSink) -> Option<usize> {
        match self.state {
            State::Preamble { start } => self.preamble(data, start, sink),
            State::Boundary => self.boundary(data, sink),
            State::Head => self.head(data, sink),
            State::Content => self.content(data, sink),
            State::Epilogue | State::Failed(_) => {
                if data.is_empty() {
                    return None;
                }
                sink.around(data, self.at);
                Some(data.len())
            }
        }
    }

    fn preamble(&mut self, data: &[u8], start: bool, sink: &mut impl PartSink) -> Option<usize> {
        let bare = &self.delimiter[1..];
        if start {
            if data.starts_with(bare) {
                sink.boundary(bare, self.at);
                self.state = State::Boundary;
                return Some(bare.len());
            }
            if bare.starts_with(data) {
                return None;
            }
            self.state = State::Preamble { start: false };
        }
        match self.find(data) {
            Found::At(range) => {
                if range.start > 0 {
                    sink.around(&data[..range.start], self.at);
                }
                sink.boundary(&data[range.clone()], self.at + range.start);
                self.state = State::Boundary;
                Some(range.end)
            }
            Found::NotBefore(0) => None,
            Found::NotBefore(end) => {
                sink.around(&data[..end], self.at);
                Some(end)
            }
        }
    }

    fn content(&mut self, data: &[u8], sink: &mut impl PartSink) -> Option<usize> {
        match self.find(data) {
            Found::At(range) => {
                // Behind the boundary's name it shows whether it is one.
                match tail(&data[range.end..]) {
                    Tail::Undecided if range.start == 0 => return None,
                    Tail::Undecided => {
                        sink.content(&data[..range.start], self.at);
                        return Some(range.start);
                    }
                    Tail::None => {
                        sink.content(&data[..range.end], self.at);
                        return Some(range.end);
                    }
                    Tail::Part(_) | Tail::Last => {}
                }
                if range.start > 0 {
                    sink.content(&data[..range.start], self.at);
                }
                sink.end(self.at + range.start);
                sink.boundary(&data[range.clone()], self.at + range.start);
                self.state = State::Boundary;
                Some(range.end)
            }
            Found::NotBefore(0) => None,
            Found::NotBefore(end) => {
                sink.content(&data[..end], self.at);
                Some(end)
            }
        }
    }

    fn boundary(&mut self, data: &[u8], sink: &mut impl PartSink) -> Option<usize> {
        match tail(data) {
            Tail::Undecided => None,
            Tail::Last => {
                sink.boundary(&data[..2], self.at);
                self.state = State::Epilogue;
                Some(2)
            }
            Tail::Part(length) => {
                sink.boundary(&data[..length], self.at);
                self.state = State::Head;
                Some(length)
            }
            // Only before the first part: what looked like a boundary is none.
            Tail::None => {
                self.state = State::Preamble { start: false };
                sink.around(&data[..1], self.at);
                Some(1)
            }
        }
    }

    fn head(&mut self, data: &[u8], sink: &mut impl PartSink) -> Option<usize> {
        match head_end(data) {
            Some(end) if end <= LONGEST_HEAD => {
                sink.head(&data[..end], self.at);
                self.state = State::Content;
                Some(end)
            }
            None if data.len() <= LONGEST_HEAD => None,
            _ => {
                self.state = State::Failed(MultipartError::LongHead);
                Some(0)
            }
        }
    }

    /// The next boundary with the line end before it, or up to where there is certainly none.
    fn find(&self, data: &[u8]) -> Found {
        if let Some(at) = memmem::find(data, &self.delimiter) {
            let start = if at > 0 && data[at - 1] == b'\r' { at - 1 } else { at };
            return Found::At(start..at + self.delimiter.len());
        }
        let longest = data.len().min(self.delimiter.len());
        let begun =
            (1..=longest).rev().find(|length| data.ends_with(&self.delimiter[..*length])).unwrap_or(0);
        let end = data.len() - begun;
        Found::NotBefore(if end > 0 && data[end - 1] == b'\r' { end - 1 } else { end })
    }
}

enum Found {
    At(Range<usize>),
    /// Up to here there is none; behind it one may have begun.
    NotBefore(usize),
}

/// What follows a boundary's name.
enum Tail {
    Undecided,
    /// Blanks and a line end, so many bytes: a part follows.
    Part(usize),
    /// Two hyphens: nothing follows.
    Last,
    /// It was no boundary.
    None,
}

fn tail(data: &[u8]) -> Tail {
    if data.starts_with(b"--") {
        return Tail::Last;
    }
    let blanks = data.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    match &data[blanks..] {
        _ if blanks > MOST_PADDING => Tail::None,
        [] | [b'\r'] => Tail::Undecided,
        [b'-'] if blanks == 0 => Tail::Undecided,
        [b'\n', ..] => Tail::Part(blanks + 1),
        [b'\r', b'\n', ..] => Tail::Part(blanks + 2),
        _ => Tail::None,
    }
}

/// Where the head ends, behind its empty line. A head may be nothing but that line.
fn head_end(data: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let line = memchr::memchr(b'\n', &data[from..])?;
        if matches!(&data[from..from + line], b"" | b"\r") {
            return Some(from + line + 1);
        }
        from += line + 1;
    }
}

/// The boundary that a content type names.
fn boundary(content_type: &str) -> Option<Vec<u8>> {
    let name = content_type.split(';').next()?.trim();
    name.get(..10)?.eq_ignore_ascii_case("multipart/").then_some(())?;
    let value = parameter(content_type.as_bytes(), b"boundary")?;
    (1..=LONGEST_BOUNDARY).contains(&value.len()).then_some(value)
}

#[cfg(test)]
mod tests;

//! Server-sent events: cuts a stream into events and finds the fields inside one.
//! Every byte of the stream is in exactly one event, so that what is forwarded is what came.
//! Does not know what the data means.

use std::ops::Range;

use bytes::Bytes;

use crate::frame::Cutter;
pub use crate::frame::Framed;

/// Cuts a stream of chunks into events. An event reaches to the end of the blank line that closes it.
#[derive(Debug, Default)]
pub struct Framer {
    cutter: Cutter,
    /// How far the chunk has been searched.
    at: usize,
    /// The line so far is empty.
    at_line_start: bool,
    /// The last byte was a CR: an LF now belongs to it.
    after_cr: bool,
    begun: bool,
}

impl Framer {
    /// A framer at the beginning of a stream.
    pub fn new() -> Self {
        Framer { at_line_start: true, ..Self::default() }
    }

    /// Takes a chunk. All events of the one before must have been taken out.
    pub fn push(&mut self, chunk: Bytes) {
        self.cutter.push(chunk);
        self.at = 0;
        // A byte order mark is no text; a line that holds nothing else is empty.
        if !self.begun && self.cutter.chunk().len() >= 3 {
            self.begun = true;
            if self.cutter.chunk().starts_with(b"\xef\xbb\xbf") {
                self.at = 3;
            }
        }
    }

    /// The next event that is complete, and where it lies in the chunk if it lies there alone.
    pub fn next_event(&mut self) -> Option<Framed> {
        while self.at < self.cutter.chunk().len() {
            if self.step() {
                return Some(self.cutter.take(self.at));
            }
        }
        None
    }

    /// Bytes of the event that has begun.
    pub fn pending(&self) -> usize {
        self.cutter.pending()
    }

    /// The stream has ended: what is left, if anything. By the standard it is no event.
    pub fn finish(&mut self) -> Option<Bytes> {
        self.cutter.finish()
    }

    /// Goes on to the next line end; true if an event ends there.
    fn step(&mut self) -> bool {
        let chunk = self.cutter.chunk();
        let rest = &chunk[self.at..];
        if self.after_cr && rest[0] == b'\n' {
            self.after_cr = false;
            self.at += 1;
            return false;
        }
        self.after_cr = false;
        let Some(found) = memchr::memchr2(b'\n', b'\r', rest) else {
            self.at_line_start = false;
            self.at = chunk.len();
            return false;
        };
        let blank = found == 0 && self.at_line_start;
        self.after_cr = rest[found] == b'\r';
        self.at += found + 1;
        self.at_line_start = true;
        // The LF of a CRLF goes with it if it is here already.
        if self.after_cr && chunk.get(self.at) == Some(&b'\n') {
            self.after_cr = false;
            self.at += 1;
        }
        blank
    }
}

/// The fields of an event that carry content; ranges are offsets in the event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// The value of `event`.
    pub event: Option<Range<usize>>,
    /// The values of `data`, one for each line.
    pub data: smallvec::SmallVec<[Range<usize>; 1]>,
}

/// Finds the fields of an event.
pub fn fields(event: &[u8]) -> Fields {
    let mut fields = Fields::default();
    let mut at = if event.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    while at < event.len() {
        let end = memchr::memchr2(b'\n', b'\r', &event[at..]).map_or(event.len(), |found| at + found);
        let line = &event[at..end];
        let colon = memchr::memchr(b':', line).unwrap_or(line.len());
        // One space after the colon belongs to the syntax.
        let space = usize::from(line.get(colon + 1) == Some(&b' '));
        let value = (at + colon + 1 + space).min(end)..end;
        match &line[..colon] {
            b"data" => fields.data.push(value),
            b"event" => fields.event = Some(value),
            _ => {}
        }
        at = end + 1;
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn events(stream: &[u8], cuts: &[usize]) -> (Vec<Vec<u8>>, Option<Bytes>) {
        let mut framer = Framer::new();
        let mut out = Vec::new();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        for pair in cuts.windows(2) {
            framer.push(Bytes::copy_from_slice(&stream[pair[0]..pair[1]]));
            while let Some(event) = framer.next_event() {
                out.push(event.raw.to_vec());
            }
        }
        (out, framer.finish())
    }

    #[test]
    fn every_line_end_counts() {
        let (found, rest) =
            events(b"data: a\n\nevent: x\r\ndata: b\r\n\r\ndata: c\r\r: note\n\ndata: d\n", &[]);
        let found: Vec<&str> = found.iter().map(|event| std::str::from_utf8(event).unwrap()).collect();
        assert_eq!(found, ["data: a\n\n", "event: x\r\ndata: b\r\n\r\n", "data: c\r\r", ": note\n\n"]);
        assert_eq!(rest.unwrap(), "data: d\n");
    }

    #[test]
    fn fields_are_found() {
        let event = b"event: delta\r\ndata:{\"a\":\r\ndata:  1}\r\nid: 7\r\n: note\r\ndata\r\n\r\n";
        let found = fields(event);
        assert_eq!(&event[found.event.unwrap()], b"delta");
        let data: Vec<&[u8]> = found.data.iter().map(|range| &event[range.clone()]).collect();
        assert_eq!(data, [&b"{\"a\":"[..], b" 1}", b""]);
    }

    #[test]
    fn an_event_inside_one_chunk_is_not_copied() {
        let mut framer = Framer::new();
        let chunk = Bytes::from_static(b"data: a\n\ndata: b\n\n");
        framer.push(chunk.clone());
        assert_eq!(framer.next_event().unwrap().raw.as_ptr(), chunk.as_ptr());
        assert_eq!(framer.next_event().unwrap().within, Some(9..18));
        assert_eq!(framer.next_event(), None);
    }

    proptest! {
        #[test]
        fn every_chunking_gives_the_same_events(
            stream in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b'a'), Just(b':')], 0..40),
            cuts in proptest::collection::vec(0usize..40, 0..8),
        ) {
            let (whole, rest) = events(&stream, &[]);
            let (cut, cut_rest) = events(&stream, &cuts);
            let all = |events: &[Vec<u8>], rest: &Option<Bytes>| {
                [events.concat(), rest.as_deref().unwrap_or_default().to_vec()].concat()
            };
            prop_assert_eq!(all(&cut, &cut_rest), stream.clone());
            prop_assert_eq!(all(&whole, &rest), stream);
            // A CRLF that is cut in two leaves its LF to the next event; apart from that nothing moves.
            let bare = |events: Vec<Vec<u8>>| -> Vec<Vec<u8>> {
                events.into_iter().map(|event| event.into_iter().filter(|b| *b != b'\n' && *b != b'\r').collect()).collect()
            };
            prop_assert_eq!(bare(cut), bare(whole));
        }
    }
}

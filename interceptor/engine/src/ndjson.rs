//! JSON lines: cuts a stream into lines, each of which is one document.
//! Every byte of the stream is in exactly one line, so that what is forwarded is what came.
//! Does not know JSON: by the format no document has a line end in it.

use std::ops::Range;

use bytes::Bytes;

use crate::frame::{Cutter, Framed};

/// Cuts a stream of chunks into lines. A line reaches to its LF.
#[derive(Debug, Default)]
pub struct Framer {
    cutter: Cutter,
    /// How far the chunk has been searched.
    at: usize,
}

impl Framer {
    /// A framer at the beginning of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a chunk. All lines of the one before must have been taken out.
    pub fn push(&mut self, chunk: Bytes) {
        self.cutter.push(chunk);
        self.at = 0;
    }

    /// The next line that is complete.
    pub fn next_line(&mut self) -> Option<Framed> {
        let rest = self.cutter.chunk().get(self.at..)?;
        let Some(found) = memchr::memchr(b'\n', rest) else {
            self.at = self.cutter.chunk().len();
            return None;
        };
        self.at += found + 1;
        Some(self.cutter.take(self.at))
    }

    /// Bytes of the line that has begun.
    pub fn pending(&self) -> usize {
        self.cutter.pending()
    }

    /// The stream has ended: the line that nothing closed, if there is one. It counts like the others.
    pub fn finish(&mut self) -> Option<Bytes> {
        self.cutter.finish()
    }
}

/// The document in a line: what is left without white space at both ends, if anything is.
pub fn document(line: &[u8]) -> Option<Range<usize>> {
    let start = line.iter().position(|byte| !byte.is_ascii_whitespace())?;
    let end = line.iter().rposition(|byte| !byte.is_ascii_whitespace())?;
    Some(start..end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(chunks: &[&[u8]]) -> (Vec<Bytes>, Option<Bytes>) {
        let mut framer = Framer::new();
        let mut out = Vec::new();
        for chunk in chunks {
            framer.push(Bytes::copy_from_slice(chunk));
            while let Some(line) = framer.next_line() {
                out.push(line.raw);
            }
        }
        (out, framer.finish())
    }

    #[test]
    fn lines_end_with_their_line_feed() {
        let (found, rest) = lines(&[b"{\"a\":1}\n\n {\"b\"", b":2}\r", b"\n{\"c\":3}"]);
        assert_eq!(found, [&b"{\"a\":1}\n"[..], b"\n", b" {\"b\":2}\r\n"]);
        assert_eq!(rest.as_deref(), Some(&b"{\"c\":3}"[..]));
        assert_eq!(document(&found[2]), Some(1..8));
        assert_eq!(document(b" \r\n"), None);
    }

    #[test]
    fn a_line_inside_one_chunk_is_not_copied() {
        let chunk = Bytes::from_static(b"1\n2\n");
        let mut framer = Framer::new();
        framer.push(chunk.clone());
        assert_eq!(framer.next_line().unwrap().raw.as_ptr(), chunk.as_ptr());
        assert_eq!(framer.next_line().unwrap().within, Some(2..4));
        assert_eq!(framer.next_line(), None);
    }

    proptest! {
        #[test]
        fn every_chunking_gives_the_same_lines(
            stream in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b'{')], 0..40),
            cut in 0usize..40,
        ) {
            let cut = cut.min(stream.len());
            let whole = lines(&[&stream]);
            prop_assert_eq!(&lines(&[&stream[..cut], &stream[cut..]]), &whole);
            let bytes: Vec<&[u8]> = stream.chunks(1).collect();
            prop_assert_eq!(&lines(&bytes), &whole);
            prop_assert_eq!([whole.0.concat(), whole.1.unwrap_or_default().to_vec()].concat(), stream);
        }
    }
}

//! A JSON array that is streamed in pieces: cuts the bytes into its elements, as Gemini answers without `alt=sse`.
//! Every byte of the stream is in exactly one frame, so that what is forwarded is what came.
//! Knows brackets and strings. Does not check JSON: what is none is found by whoever reads the elements.

use std::ops::Range;

use bytes::Bytes;

use crate::frame::{Cutter, Framed};

/// Cuts a stream of chunks into frames. A frame begins where the one before ended, with the bracket or comma and
/// the white space in front of its element, and reaches to the end of the element. The closing bracket is a frame of
/// its own. A document that is no array is one frame.
#[derive(Debug, Default)]
pub struct Framer {
    cutter: Cutter,
    /// How far the chunk has been searched.
    at: usize,
    place: Place,
    /// Brackets that are open inside the element.
    depth: usize,
    quoted: bool,
    escaped: bool,
}

/// Where in the array the stream is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// Nothing but white space has come.
    #[default]
    Before,
    /// The document is no array.
    Single,
    /// Between elements.
    Between,
    /// In an element that is neither object nor array.
    Scalar,
    /// In one that is.
    Element,
    /// The array is closed.
    After,
}

impl Framer {
    /// A framer at the beginning of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a chunk. All frames of the one before must have been taken out.
    pub fn push(&mut self, chunk: Bytes) {
        self.cutter.push(chunk);
        self.at = 0;
    }

    /// The next frame that is complete.
    pub fn next_element(&mut self) -> Option<Framed> {
        while let Some(&byte) = self.cutter.chunk().get(self.at) {
            if self.quoted && !self.escaped {
                self.skip_text();
                continue;
            }
            // What ends a scalar is not part of it.
            if self.place == Place::Scalar && !self.quoted && matches!(byte, b',' | b']') {
                self.place = Place::Between;
                return Some(self.cutter.take(self.at));
            }
            self.at += 1;
            if self.step(byte) {
                return Some(self.cutter.take(self.at));
            }
        }
        None
    }

    /// True once an element has begun: an error frame after it needs a comma.
    pub fn has_begun(&self) -> bool {
        self.place != Place::Before
    }

    /// Bytes of the frame that has begun.
    pub fn pending(&self) -> usize {
        self.cutter.pending()
    }

    /// The stream has ended: what is left, if anything.
    pub fn finish(&mut self) -> Option<Bytes> {
        self.cutter.finish()
    }

    /// Goes on inside a string to what may end it.
    fn skip_text(&mut self) {
        let chunk = self.cutter.chunk();
        match memchr::memchr2(b'"', b'\\', &chunk[self.at..]) {
            None => self.at = chunk.len(),
            Some(found) => {
                self.at += found + 1;
                self.escaped = chunk[self.at - 1] == b'\\';
                self.quoted = self.escaped;
            }
        }
    }

    /// Takes one byte; true if a frame ends with it.
    fn step(&mut self, byte: u8) -> bool {
        if self.escaped {
            self.escaped = false;
            return false;
        }
        match (self.place, byte) {
            (_, b'"') => {
                self.quoted = true;
                self.begin_scalar();
                false
            }
            (Place::Before, b'[') => {
                self.place = Place::Between;
                false
            }
            (Place::Before, byte) if byte.is_ascii_whitespace() => false,
            (Place::Before, _) => {
                self.place = Place::Single;
                false
            }
            (Place::Between, b'{' | b'[') => {
                self.place = Place::Element;
                self.depth = 1;
                false
            }
            (Place::Between, b']') => {
                self.place = Place::After;
                true
            }
            (Place::Between, byte) => {
                if byte != b',' && !byte.is_ascii_whitespace() {
                    self.begin_scalar();
                }
                false
            }
            (Place::Element, b'{' | b'[') => {
                self.depth += 1;
                false
            }
            (Place::Element, b'}' | b']') => {
                self.depth -= 1;
                if self.depth == 0 {
                    self.place = Place::Between;
                }
                self.depth == 0
            }
            _ => false,
        }
    }

    fn begin_scalar(&mut self) {
        match self.place {
            Place::Between => self.place = Place::Scalar,
            Place::Before => self.place = Place::Single,
            _ => {}
        }
    }
}

/// The element in a frame, if it holds one.
pub fn element(frame: &[u8]) -> Option<Range<usize>> {
    let text =
        |from: usize| frame[from..].iter().position(|byte| !byte.is_ascii_whitespace()).map(|at| from + at);
    let first = text(0)?;
    let start = if matches!(frame[first], b'[' | b',') { text(first + 1)? } else { first };
    let end = frame.iter().rposition(|byte| !byte.is_ascii_whitespace())? + 1;
    (frame[start] != b']').then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frames(chunks: &[&[u8]]) -> (Vec<String>, Option<Bytes>) {
        let mut framer = Framer::new();
        let mut out = Vec::new();
        for chunk in chunks {
            framer.push(Bytes::copy_from_slice(chunk));
            while let Some(frame) = framer.next_element() {
                out.push(String::from_utf8_lossy(&frame.raw).into_owned());
            }
        }
        (out, framer.finish())
    }

    #[test]
    fn elements_are_cut_with_what_stands_before_them() {
        let (found, rest) = frames(&[b" [{\"a\":[1,\"]}\\\"\"]}\n,\r\n{\"b\":{}} , 7, \"x,]\" ,[[1]]\n]\n"]);
        assert_eq!(
            found,
            [" [{\"a\":[1,\"]}\\\"\"]}", "\n,\r\n{\"b\":{}}", " , 7", ", \"x,]\" ", ",[[1]]", "\n]"]
        );
        assert_eq!(rest.as_deref(), Some(&b"\n"[..]));
        let inside: Vec<_> =
            found.iter().map(|frame| element(frame.as_bytes()).map(|at| &frame[at])).collect();
        assert_eq!(
            inside,
            [
                Some("{\"a\":[1,\"]}\\\"\"]}"),
                Some("{\"b\":{}}"),
                Some("7"),
                Some("\"x,]\""),
                Some("[[1]]"),
                None
            ]
        );
    }

    #[test]
    fn what_is_no_array_is_one_frame() {
        for text in ["{\"error\":{\"code\":403}}\n", "no JSON, at [all]", "\"[1,2]\""] {
            let (found, rest) = frames(&[text.as_bytes()]);
            assert_eq!((found.len(), rest.as_deref()), (0, Some(text.as_bytes())));
        }
        assert_eq!(frames(&[b"[]"]).0, ["[]"]);
        assert_eq!(element(b"[]"), None);
    }

    proptest! {
        #[test]
        fn every_chunking_gives_the_same_frames(
            stream in proptest::collection::vec(prop::sample::select(&b"[]{},\"\\ 1a"[..]), 0..40),
            cut in 0usize..40,
        ) {
            let cut = cut.min(stream.len());
            let whole = frames(&[&stream]);
            prop_assert_eq!(&frames(&[&stream[..cut], &stream[cut..]]), &whole);
            let bytes: Vec<&[u8]> = stream.chunks(1).collect();
            prop_assert_eq!(&frames(&bytes), &whole);
            let rest = whole.1.as_deref().unwrap_or_default();
            prop_assert_eq!([whole.0.concat().as_bytes(), rest].concat(), stream);
        }
    }
}

//! The framers of JSON lines and of streamed JSON arrays: no byte is lost, added or moved, documents lie inside their
//! frames, and every chunking cuts alike.
#![no_main]

use bytes::Bytes;
use interceptor_engine::{json_array, ndjson};
use libfuzzer_sys::fuzz_target;

fn lines(stream: &[u8], size: usize) -> Vec<Bytes> {
    let mut framer = ndjson::Framer::new();
    let mut out = Vec::new();
    for chunk in stream.chunks(size) {
        framer.push(Bytes::copy_from_slice(chunk));
        while let Some(line) = framer.next_line() {
            assert!(ndjson::document(&line.raw).is_none_or(|at| at.end <= line.raw.len()));
            out.push(line.raw);
        }
    }
    out.extend(framer.finish());
    out
}

fn elements(stream: &[u8], size: usize) -> Vec<Bytes> {
    let mut framer = json_array::Framer::new();
    let mut out = Vec::new();
    for chunk in stream.chunks(size) {
        framer.push(Bytes::copy_from_slice(chunk));
        while let Some(frame) = framer.next_element() {
            assert!(json_array::element(&frame.raw).is_none_or(|at| at.end <= frame.raw.len()));
            out.push(frame.raw);
        }
    }
    out.extend(framer.finish());
    out
}

fuzz_target!(|data: &[u8]| {
    let Some((&size, stream)) = data.split_first() else { return };
    let size = usize::from(size).max(1);
    for cut in [lines, elements] {
        let found = cut(stream, size);
        assert_eq!(found.concat(), stream);
        assert_eq!(found, cut(stream, stream.len().max(1)));
    }
});

//! The framer of event streams: no byte is lost, added or moved, and fields lie inside their event.
#![no_main]

use bytes::Bytes;
use interceptor_engine::sse::{Framer, fields};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&size, stream)) = data.split_first() else { return };
    let mut framer = Framer::new();
    let mut out = Vec::new();
    for chunk in stream.chunks(usize::from(size).max(1)) {
        framer.push(Bytes::copy_from_slice(chunk));
        while let Some(event) = framer.next_event() {
            let found = fields(&event.raw);
            for range in found.data.iter().chain(&found.event) {
                assert!(!event.raw[range.clone()].contains(&b'\n'));
            }
            out.extend_from_slice(&event.raw);
        }
    }
    out.extend_from_slice(&framer.finish().unwrap_or_default());
    assert_eq!(out, stream);
});

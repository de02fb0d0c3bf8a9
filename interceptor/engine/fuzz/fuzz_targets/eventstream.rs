//! Messages of an event stream: cut alike in every chunking, read only if their checksums are right, and the same
//! again when they are written with the payload that they had.
#![no_main]

use bytes::Bytes;
use interceptor_engine::eventstream::{Framer, Message, exception};
use libfuzzer_sys::fuzz_target;

fn messages(stream: &[u8], size: usize) -> (Vec<Bytes>, bool) {
    let mut framer = Framer::new();
    let mut out = Vec::new();
    for chunk in stream.chunks(size) {
        framer.push(Bytes::copy_from_slice(chunk));
        loop {
            match framer.next_message() {
                Ok(Some((framed, _))) => out.push(framed.raw),
                Ok(None) => break,
                Err(_) => return (out, true),
            }
        }
    }
    let rest = framer.finish().unwrap_or_default();
    assert_eq!([out.concat(), rest.to_vec()].concat(), stream);
    (out, false)
}

fuzz_target!(|data: &[u8]| {
    let [size, sound, rest @ ..] = data else { return };
    // Checksums are hard to guess: a message that is sound goes in front.
    let mut stream = Vec::new();
    if sound & 1 == 1 {
        stream.extend_from_slice(&exception("validationException", rest).expect("a short payload"));
    }
    stream.extend_from_slice(rest);
    let found = messages(&stream, usize::from(*size).max(1));
    assert_eq!(found, messages(&stream, stream.len().max(1)));
    for raw in &found.0 {
        let message = Message::read(raw).expect("the framer has read it");
        let payload = &raw[message.payload.clone()];
        assert_eq!(message.with_payload(raw, payload).expect("no longer than it was"), raw);
    }
});

//! Messages of a WebSocket: read alike in every chunking, compressed or not; what is read was all there, and what is
//! written reads as it was meant.
#![no_main]

use bytes::Bytes;
use interceptor_engine::websocket::{Agreement, Broken, Deflate, Message, Messages, Sender, Unit};
use libfuzzer_sys::fuzz_target;

type Read = (Vec<(Bytes, Bytes)>, Option<Broken>);

fn read(stream: &[u8], size: usize, sender: Sender, deflate: Option<Deflate>) -> Read {
    let mut messages = Messages::new(sender, deflate, 1 << 20);
    let mut out = Vec::new();
    for chunk in stream.chunks(size) {
        messages.push(Bytes::copy_from_slice(chunk));
        loop {
            match messages.next_unit() {
                Ok(Some(Unit::Message(message))) => {
                    out.push((message.framed.raw.clone(), payload(&message, sender)));
                }
                Ok(Some(Unit::Control(frame))) => out.push((frame.framed.raw, Bytes::new())),
                Ok(None) => break,
                Err(broken) => {
                    // Nothing is lost: what came until here was handed out, or is left.
                    let left = messages.finish().map_or(0, |rest| rest.len());
                    let all: usize = out.iter().map(|(raw, _)| raw.len()).sum();
                    assert!(all + left <= stream.len());
                    return (out, Some(broken));
                }
            }
        }
    }
    let mut all: usize = out.iter().map(|(raw, _)| raw.len()).sum();
    all += messages.finish().map_or(0, |rest| rest.len());
    assert_eq!(all, stream.len());
    (out, None)
}

/// The payload, after it was written and read once more.
fn payload(message: &Message, sender: Sender) -> Bytes {
    let mut again = Messages::new(sender, None, 0);
    again.push(message.writing.rewritten(&message.payload));
    match again.next_unit() {
        Ok(Some(Unit::Message(read))) => assert_eq!(read.payload, message.payload),
        other => panic!("{other:?}"),
    }
    message.payload.clone()
}

fuzz_target!(|data: &[u8]| {
    let [size, choice, stream @ ..] = data else { return };
    let sender = if choice & 1 == 0 { Sender::Client } else { Sender::Server };
    let header = match choice >> 1 & 3 {
        0 => None,
        1 => Some("permessage-deflate; server_no_context_takeover; client_no_context_takeover"),
        _ => Some("permessage-deflate"),
    };
    let deflate = match Agreement::parse(header) {
        Agreement::Deflate(deflate) => Some(deflate),
        Agreement::Plain | Agreement::Unknown => None,
    };
    let cut = read(stream, usize::from(*size).max(1), sender, deflate);
    assert_eq!(cut, read(stream, stream.len().max(1), sender, deflate));
});

//! Messages of one frame and of many, compressed and not, in every chunking; and what is refused.

use super::*;
use crate::websocket::{Agreement, close};
use flate2::{Compress, Compression, FlushCompress};
use proptest::prelude::*;

/// A sender that compresses with or without regard to what it sent before.
struct Deflater {
    compress: Compress,
    starts_anew: bool,
}

impl Deflater {
    fn message(&mut self, payload: &[u8], parts: usize) -> Vec<u8> {
        if self.starts_anew {
            self.compress.reset();
        }
        let mut out = Vec::with_capacity(payload.len() + 1_024);
        self.compress.compress_vec(payload, &mut out, FlushCompress::Sync).unwrap();
        assert!(out.ends_with(&[0, 0, 0xff, 0xff]));
        out.truncate(out.len() - 4);
        frames_of(&out, parts, true)
    }
}

/// A server's message in so many frames.
fn frames_of(payload: &[u8], parts: usize, compressed: bool) -> Vec<u8> {
    let size = payload.len().div_ceil(parts).max(1);
    let mut chunks: Vec<&[u8]> = payload.chunks(size).collect();
    if chunks.is_empty() {
        chunks.push(b"");
    }
    let mut out = Vec::new();
    for (number, chunk) in chunks.iter().enumerate() {
        let mut frame =
            whole(if number == 0 { Opcode::Text } else { Opcode::Continuation }, chunk, None).to_vec();
        if number + 1 < chunks.len() {
            frame[0] &= 0x7f;
        }
        if number == 0 && compressed {
            frame[0] |= 0x40;
        }
        out.extend(frame);
    }
    out
}

fn read(messages: &mut Messages, chunks: &[&[u8]]) -> Result<Vec<Message>, Broken> {
    let mut out = Vec::new();
    for chunk in chunks {
        messages.push(Bytes::copy_from_slice(chunk));
        while let Some(unit) = messages.next_unit()? {
            if let Unit::Message(message) = unit {
                out.push(message);
            }
        }
    }
    Ok(out)
}

fn deflate(header: &str) -> Option<Deflate> {
    match Agreement::parse(Some(header)) {
        Agreement::Deflate(deflate) => Some(deflate),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_examples_of_the_rfc_are_inflated() {
    // RFC 7692, 7.2.3: one frame, two frames, the same again with the window kept, no compression, two blocks.
    let mut messages = Messages::new(Sender::Server, deflate("permessage-deflate"), 1_000);
    let stream: &[&[u8]] = &[
        b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00",
        b"\x41\x03\xf2\x48\xcd\x80\x04\xc9\xc9\x07\x00",
        b"\xc1\x05\xf2\x00\x11\x00\x00",
        b"\xc1\x0b\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00",
        b"\xc1\x08\xf3\x48\xcd\xc9\xc9\x07\x00\x00",
        b"\xc1\x0d\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00",
        b"\x81\x05Hello",
    ];
    let found = read(&mut messages, stream).unwrap();
    assert_eq!(found.len(), 7);
    assert!(found.iter().all(|message| message.payload == b"Hello"[..]), "{found:?}");
    assert_eq!(found.iter().map(|message| message.framed.raw.to_vec()).collect::<Vec<_>>(), stream);
}

#[test]
fn only_compressed_messages_share_a_window_and_only_if_it_goes_on() {
    for (header, kept) in
        [("permessage-deflate", false), ("permessage-deflate; server_no_context_takeover", true)]
    {
        let compress = Compress::new(Compression::default(), false);
        let mut sender = Deflater { compress, starts_anew: kept };
        let mut messages = Messages::new(Sender::Server, deflate(header), 1_000);
        let text = b"the same words once more, the same words once more";
        for _ in 0..2 {
            let found = read(&mut messages, &[&sender.message(text, 1)]).unwrap();
            assert_eq!(found[0].payload, text[..]);
            assert_eq!(found[0].writing.is_in_window(), !kept);
        }
        assert!(!read(&mut messages, &[&frames_of(text, 1, false)]).unwrap()[0].writing.is_in_window());
    }
}

#[test]
fn parts_out_of_order_and_bombs_are_refused() {
    let fails = |chunk: &[u8]| {
        read(&mut Messages::new(Sender::Server, deflate("permessage-deflate"), 100_000), &[chunk])
            .unwrap_err()
    };
    assert_eq!(fails(b"\x80\x00"), Broken::Order);
    assert_eq!(fails(b"\x01\x00\x01\x00"), Broken::Order);
    assert_eq!(fails(b"\xc1\x02\xff\xff"), Broken::Compression);
    let mut sender = Deflater { compress: Compress::new(Compression::default(), false), starts_anew: false };
    assert_eq!(fails(&sender.message(&vec![b'a'; 200_000], 1)), Broken::Inflation);
}

#[test]
fn a_control_frame_overtakes_the_message_around_it() {
    let mut messages = Messages::new(Sender::Server, None, 1_000);
    let stream = [&b"\x01\x03Hel"[..], &close(1000, "", None), b"\x80\x02lo"].concat();
    messages.push(stream.into());
    let first = messages.next_unit().unwrap().unwrap();
    assert!(matches!(first, Unit::Control(frame) if frame.opcode == Opcode::Close));
    assert!(!messages.is_between());
    let second = messages.next_unit().unwrap().unwrap();
    assert!(matches!(second, Unit::Message(message) if message.payload == b"Hello"[..]));
    assert!(messages.is_between());
}

proptest! {
    #[test]
    fn every_chunking_gives_the_same_messages(
        texts in proptest::collection::vec(("[a-c]{0,300}", 1usize..4, any::<bool>()), 0..6),
        size in 1usize..40,
        starts_anew in any::<bool>(),
    ) {
        let header = if starts_anew { "permessage-deflate; server_no_context_takeover" } else { "permessage-deflate" };
        let mut sender = Deflater { compress: Compress::new(Compression::fast(), false), starts_anew };
        let mut stream = Vec::new();
        for (text, parts, compressed) in &texts {
            stream.extend(match compressed {
                true => sender.message(text.as_bytes(), *parts),
                false => frames_of(text.as_bytes(), *parts, false),
            });
        }
        let chunks: Vec<&[u8]> = stream.chunks(size).collect();
        let mut messages = Messages::new(Sender::Server, deflate(header), 1_000);
        let found = read(&mut messages, &chunks).unwrap();
        let expected: Vec<&[u8]> = texts.iter().map(|(text, ..)| text.as_bytes()).collect();
        prop_assert_eq!(found.iter().map(|message| &message.payload[..]).collect::<Vec<_>>(), expected);
        let raw: Vec<u8> = found.iter().flat_map(|message| message.framed.raw.to_vec()).collect();
        prop_assert_eq!(raw, stream);
        prop_assert!(messages.finish().is_none());
    }

    #[test]
    fn nothing_that_is_sent_panics(bytes in proptest::collection::vec(any::<u8>(), 0..60), cut in 0usize..60) {
        let cut = cut.min(bytes.len());
        let mut whole = Messages::new(Sender::Server, deflate("permessage-deflate"), 1_000);
        let mut halves = Messages::new(Sender::Server, deflate("permessage-deflate"), 1_000);
        let read = |messages: &mut Messages, chunks: &[&[u8]]| {
            read(messages, chunks).map(|found| found.into_iter().map(|message| message.payload).collect::<Vec<_>>())
        };
        prop_assert_eq!(read(&mut whole, &[&bytes]), read(&mut halves, &[&bytes[..cut], &bytes[cut..]]));
    }
}

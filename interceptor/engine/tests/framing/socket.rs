//! WebSockets: messages in both directions, masked, in parts and compressed.

use bytes::Bytes;
use flate2::{Compress, Compression, FlushCompress};
use interceptor_engine::policy::{Direction, Uncertainty};
use interceptor_engine::websocket::{Agreement, Messages, Opcode, Sender, Unit, close, whole};
use interceptor_engine::{Channel, Exchange, Limits, Refusal};
use serde_json::{Value, json};

use crate::run::{BOTH_WAYS, WATCH, begin, engine, engine_with, secret};

const KEY: Option<[u8; 4]> = Some([7, 99, 130, 201]);
const PATH: &str = "/v1/realtime?model=gpt-realtime";

fn open(policy: &str, extensions: Option<&str>) -> Exchange {
    let mut exchange = begin(&engine(policy), "GET", "api.openai.com", PATH);
    exchange.request_end(&mut Vec::new()).unwrap();
    exchange.upgrade("websocket").unwrap();
    assert_eq!(exchange.switched("WebSocket", extensions).unwrap(), Channel::Inspected);
    exchange
}

/// Feeds one direction in chunks of a size.
fn feed(
    exchange: &mut Exchange,
    direction: Direction,
    stream: &[u8],
    size: usize,
) -> Result<Vec<u8>, Refusal> {
    let mut out = Vec::new();
    for chunk in stream.chunks(size) {
        exchange.message_data(direction, Bytes::copy_from_slice(chunk), &mut out)?;
    }
    Ok(out.concat())
}

fn say(text: &str) -> Value {
    json!({"type": "conversation.item.create", "item": {"content": [{"type": "input_text", "text": text}]}})
}

fn delta(text: &str) -> Value {
    json!({"type": "response.output_text.delta", "output_index": 0, "delta": text})
}

/// What a peer reads: text and binary messages, and what it is told at the end.
fn read(stream: &[u8], sender: Sender, extensions: Option<&str>) -> (Vec<Value>, Option<(u16, String)>) {
    let deflate = match Agreement::parse(extensions) {
        Agreement::Deflate(deflate) => Some(deflate),
        _ => None,
    };
    let mut messages = Messages::new(sender, deflate, 1 << 20);
    messages.push(Bytes::copy_from_slice(stream));
    let (mut found, mut end) = (Vec::new(), None);
    while let Some(unit) = messages.next_unit().unwrap() {
        match unit {
            Unit::Message(message) => found.push(serde_json::from_slice(&message.payload).unwrap()),
            Unit::Control(frame) if frame.opcode == Opcode::Close => {
                let mut payload = Vec::new();
                frame.payload(&mut payload);
                let code = u16::from_be_bytes([payload[0], payload[1]]);
                end = Some((code, String::from_utf8(payload.split_off(2)).unwrap()));
            }
            Unit::Control(_) => {}
        }
    }
    assert!(messages.is_between());
    (found, end)
}

/// Compresses messages as a library does that keeps its window.
struct Deflater(Compress);

impl Deflater {
    fn new() -> Self {
        Deflater(Compress::new(Compression::default(), false))
    }

    fn message(&mut self, payload: &str, mask: Option<[u8; 4]>) -> Vec<u8> {
        let mut out = Vec::with_capacity(payload.len() + 1_024);
        self.0.compress_vec(payload.as_bytes(), &mut out, FlushCompress::Sync).unwrap();
        out.truncate(out.len() - 4);
        let mut frame = whole(Opcode::Text, &out, mask).to_vec();
        frame[0] |= 0x40;
        frame
    }
}

/// A message cut into three frames, with a ping between them.
fn in_parts(payload: &str, mask: Option<[u8; 4]>) -> Vec<u8> {
    let third = payload.len() / 3;
    let (first, rest) = payload.as_bytes().split_at(third);
    let (second, last) = rest.split_at(third);
    let mut out = whole(Opcode::Text, first, mask).to_vec();
    out[0] &= 0x7f;
    out.extend(whole(Opcode::Ping, b"?", mask));
    let mut middle = whole(Opcode::Text, second, mask).to_vec();
    middle[0] = 0;
    out.extend(middle);
    let mut end = whole(Opcode::Text, last, mask).to_vec();
    end[0] = 0x80;
    out.extend(end);
    out
}

#[test]
fn what_the_application_says_is_masked_in_every_chunking() {
    let clean = whole(Opcode::Text, say("hello").to_string().as_bytes(), KEY);
    let found = in_parts(&say("I am jane.doe@example.com").to_string(), KEY);
    let stream = [&clean[..], &found, &clean].concat();
    for size in 1..stream.len() {
        let mut exchange = open(BOTH_WAYS, None);
        let out = feed(&mut exchange, Direction::Request, &stream, size).unwrap();
        assert!(out.starts_with(&clean) && out.ends_with(&clean));
        let (messages, _) = read(&out, Sender::Client, None);
        assert_eq!(messages, [say("hello"), say("I am [EMAIL]"), say("hello")]);
        let record = exchange.record();
        assert_eq!(&*record.findings[0].place, "item.content[0].text");
        assert_eq!(record.findings[0].direction, Direction::Request);
        assert_eq!(&*record.operation, "openai.realtime");
    }
}

#[test]
fn what_the_provider_says_is_masked_across_messages() {
    let tokens = ["write to ", "jane.do", "e@example", ".com", " soon"];
    let mut stream: Vec<u8> = tokens
        .iter()
        .flat_map(|text| whole(Opcode::Text, delta(text).to_string().as_bytes(), None))
        .collect();
    let done = json!({"type": "response.output_text.done", "output_index": 0, "text": tokens.concat()});
    // Gemini sends JSON as binary messages; others may as well.
    stream.extend(whole(Opcode::Binary, done.to_string().as_bytes(), None));
    let mut all = Vec::new();
    for size in [1, 3, 50, stream.len()] {
        let mut exchange = open(BOTH_WAYS, None);
        let out = feed(&mut exchange, Direction::Response, &stream, size).unwrap();
        let (messages, _) = read(&out, Sender::Server, None);
        let text: String = messages.iter().filter_map(|message| message["delta"].as_str()).collect();
        assert_eq!(text, "write to [EMAIL] soon");
        assert_eq!(messages.last().unwrap()["text"], "write to [EMAIL] soon");
        all.push(out);
    }
    assert!(all.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn compressed_messages_stay_so_until_one_is_changed() {
    let texts =
        ["hello, how are you today?", "hello, I am jane.doe@example.com", "hello, how are you today?"];
    for (extensions, last_is_kept) in
        [("permessage-deflate", false), ("permessage-deflate; client_no_context_takeover", true)]
    {
        let mut deflater = Deflater::new();
        let frames: Vec<Vec<u8>> = texts
            .iter()
            .map(|text| {
                if last_is_kept {
                    deflater = Deflater::new();
                }
                deflater.message(&say(text).to_string(), KEY)
            })
            .collect();
        let stream = frames.concat();
        for size in [1, 5, stream.len()] {
            let mut exchange = open(BOTH_WAYS, Some(extensions));
            let out = feed(&mut exchange, Direction::Request, &stream, size).unwrap();
            assert!(out.starts_with(&frames[0]));
            assert_eq!(out.ends_with(&frames[2]), last_is_kept);
            let (messages, _) = read(&out, Sender::Client, Some(extensions));
            let masked = texts.map(|text| say(&text.replace("jane.doe@example.com", "[EMAIL]")));
            assert_eq!(messages, masked);
        }
    }
}

#[test]
fn a_message_that_waits_for_one_that_is_changed_is_rewritten_with_it() {
    let mut deflater = Deflater::new();
    let frames: Vec<Vec<u8>> = ["write to jane.doe", "@example.com", ", please, or write to nobody"]
        .iter()
        .map(|text| deflater.message(&delta(text).to_string(), None))
        .collect();
    let mut exchange = open(BOTH_WAYS, Some("permessage-deflate"));
    let out = feed(&mut exchange, Direction::Response, &frames.concat(), 1 << 16).unwrap();
    let (messages, _) = read(&out, Sender::Server, Some("permessage-deflate"));
    let text: String = messages.iter().filter_map(|message| message["delta"].as_str()).collect();
    assert_eq!(text, "write to [EMAIL], please, or write to nobody");
}

#[test]
fn a_key_ends_both_directions_with_the_providers_own_event() {
    let secret = secret();
    for direction in Direction::ALL {
        let mut exchange = open(BOTH_WAYS, None);
        let (before, stream) = match direction {
            Direction::Request => {
                (say("hello"), [say("hello"), say(&format!("it is {secret}")), say("more")].map(|m| (m, KEY)))
            }
            Direction::Response => (
                delta("hello"),
                [delta("hello"), delta(&format!("it is {secret} ")), delta("more")].map(|m| (m, None)),
            ),
        };
        let stream: Vec<u8> = stream
            .into_iter()
            .flat_map(|(message, mask)| whole(Opcode::Text, message.to_string().as_bytes(), mask))
            .collect();
        let mut out = Vec::new();
        let refusal = exchange.message_data(direction, stream.into(), &mut out).unwrap_err();
        let sender = if direction == Direction::Request { Sender::Client } else { Sender::Server };
        assert_eq!(read(&out.concat(), sender, None).0, [before]);
        let (messages, end) = read(&refusal.stream_frame.unwrap(), Sender::Server, None);
        assert_eq!(messages[0]["type"], "error");
        assert_eq!(messages[0]["error"]["code"], "egress_policy_blocked");
        let (code, reason) = end.unwrap();
        assert_eq!(code, 1008);
        assert!(reason.contains("secret.github_token"), "{reason}");
        // Nothing goes either way any more.
        for direction in Direction::ALL {
            exchange.message_data(direction, Bytes::from_static(b"\x81\x00"), &mut out).unwrap();
        }
        assert_eq!(out.len(), 1);
    }
}

#[test]
fn pings_overtake_what_is_held_back_and_a_close_does_not() {
    let mut exchange = open(BOTH_WAYS, None);
    let mut out = Vec::new();
    let held = whole(Opcode::Text, delta("mail jane.doe@exam").to_string().as_bytes(), None);
    exchange.message_data(Direction::Response, held.clone(), &mut out).unwrap();
    assert_eq!(out.len(), 0);
    let ping = whole(Opcode::Ping, b"?", None);
    exchange.message_data(Direction::Response, ping.clone(), &mut out).unwrap();
    assert_eq!(out, std::slice::from_ref(&ping));
    let goodbye = close(1000, "bye", None);
    exchange.message_data(Direction::Response, goodbye.clone(), &mut out).unwrap();
    assert_eq!(out, [ping, held, goodbye]);
}

#[test]
fn control_frames_carry_nothing_past_a_rule() {
    let mut exchange = open(BOTH_WAYS, None);
    let out =
        feed(&mut exchange, Direction::Request, &close(1000, "I am jane.doe@example.com", KEY), 1 << 16)
            .unwrap();
    assert_eq!(read(&out, Sender::Client, None).1, Some((1000, "I am [EMAIL]".to_owned())));
    let ping = whole(Opcode::Ping, secret().as_bytes(), KEY);
    feed(&mut open(BOTH_WAYS, None), Direction::Request, &ping, 1 << 16).unwrap_err();
}

#[test]
fn sound_is_counted_and_policy_answers_for_it() {
    let mut exchange = open(BOTH_WAYS, None);
    let sound = whole(Opcode::Binary, &[0x80; 500], KEY);
    assert_eq!(feed(&mut exchange, Direction::Request, &sound, 1 << 16).unwrap(), sound);
    let record = exchange.record();
    assert_eq!(record.request.binary, 500);
    assert_eq!(record.doubts[0].uncertainty, Uncertainty::BinaryContent);
}

#[test]
fn what_cannot_be_read_is_policys_to_answer() {
    let engine = engine(BOTH_WAYS);
    let mut exchange = begin(&engine, "GET", "api.openai.com", PATH);
    exchange.upgrade("websocket").unwrap();
    assert_eq!(exchange.switched("websocket", Some("x-own")).unwrap(), Channel::Copied);
    assert_eq!(exchange.record().doubts[0].uncertainty, Uncertainty::NotInspected);
    let strict = BOTH_WAYS.replace("malformedJson: allow", "notInspected: block");
    let mut exchange = begin(&crate::run::engine(&strict), "GET", "api.openai.com", PATH);
    assert_eq!(exchange.upgrade("h2c").unwrap_err().status, 403);
    // Broken frames: requests end, answers go on by default, and what follows is not looked at.
    feed(&mut open(BOTH_WAYS, None), Direction::Request, b"\x81\x05Hello", 1 << 16).unwrap_err();
    let mut exchange = open(BOTH_WAYS, None);
    let out = feed(&mut exchange, Direction::Response, b"\x83\x05Hello and so on", 4).unwrap();
    assert_eq!(out, b"\x83\x05Hello and so on");
}

#[test]
fn a_message_beyond_the_limit_is_policys_to_answer() {
    let limits = Limits { held_stream: 2_000, ..Limits::STANDARD };
    let mut exchange = begin(&engine_with(BOTH_WAYS, limits), "GET", "api.openai.com", PATH);
    exchange.upgrade("websocket").unwrap();
    exchange.switched("websocket", None).unwrap();
    let long = whole(Opcode::Text, say(&"x".repeat(3_000)).to_string().as_bytes(), KEY);
    let refusal = feed(&mut exchange, Direction::Request, &long, 100).unwrap_err();
    assert_eq!(refusal.status, 413);
}

#[test]
fn what_is_only_watched_leaves_chunk_by_chunk() {
    let stream = in_parts(&say("I am jane.doe@example.com").to_string(), KEY);
    let mut exchange = open(WATCH, None);
    assert_eq!(feed(&mut exchange, Direction::Request, &stream, 3).unwrap(), stream);
    assert_eq!(exchange.record().findings.len(), 1);
}

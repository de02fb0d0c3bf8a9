//! Streamed answers over HTTP: JSON lines, arrays in pieces and Amazon's event streams.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use interceptor_engine::eventstream::Framer;
use interceptor_engine::policy::Uncertainty;
use interceptor_engine::record::Verdict;
use serde_json::{Value, json};

use crate::eventstream::message;
use crate::run::{
    ADDRESS, BOTH_WAYS, CONVERSE, GEMINI, INVOKE, OLLAMA, Outcome, Place, WATCH, answer, engine, secret,
};

/// The parts of a text in which an address and a clean end lie, cut inside the address.
const TOKENS: [&str; 5] = ["write to ", "jane.do", "e@example", ".com", " soon"];
/// What is left of it.
const MASKED: &str = "write to [EMAIL] soon";

fn lines(tokens: &[&str]) -> String {
    let line =
        |text: &&str| format!("{}\n", json!({"model": "m", "message": {"content": text}, "done": false}));
    let end = "{\"model\": \"m\",\"message\":{\"content\":\"\"},\"done_reason\":\"stop\",\"done\":true}\r\n";
    tokens.iter().map(line).collect::<String>() + end
}

fn lines_text(stream: &str) -> String {
    stream
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .fold(String::new(), |text, line| text + line["message"]["content"].as_str().unwrap_or_default())
}

fn array(tokens: &[&str]) -> String {
    let element = |text: &&str| {
        let part = json!({"text": text});
        serde_json::to_string_pretty(&json!({"candidates": [{"content": {"parts": [part]}}]})).unwrap()
    };
    let last = json!({"candidates": [{"finishReason": "STOP"}]}).to_string();
    let elements: Vec<String> = tokens.iter().map(element).chain([last]).collect();
    format!("[{}\n]\n", elements.join("\n,\r\n"))
}

fn array_text(stream: &str) -> String {
    let elements: Vec<Value> = serde_json::from_str(stream).unwrap();
    let text = |element: &Value| {
        element["candidates"][0]["content"]["parts"][0]["text"].as_str().unwrap_or_default().to_owned()
    };
    elements.iter().map(text).collect()
}

fn converse(tokens: &[&str]) -> Vec<Vec<u8>> {
    let delta = |text: &&str| {
        let payload = json!({"contentBlockIndex": 0, "delta": {"text": text}, "p": "abcdefgh"});
        message("contentBlockDelta", &payload.to_string())
    };
    let mut out = vec![message("messageStart", r#"{"role":"assistant","p":"ab"}"#)];
    out.extend(tokens.iter().map(delta));
    out.push(message("contentBlockStop", r#"{"contentBlockIndex":0,"p":"abcd"}"#));
    out.push(message("messageStop", r#"{"stopReason":"end_turn"}"#));
    out
}

/// The messages of a stream: event and payload. All checksums are right.
fn messages(stream: &[u8]) -> Vec<(String, Value)> {
    let mut framer = Framer::new();
    framer.push(Bytes::copy_from_slice(stream));
    let mut out = Vec::new();
    while let Some((framed, message)) = framer.next_message().unwrap() {
        let name =
            [":event-type", ":exception-type"].into_iter().find_map(|name| message.header(&framed.raw, name));
        let name = String::from_utf8(name.unwrap().to_vec()).unwrap();
        out.push((name, serde_json::from_slice(&framed.raw[message.payload]).unwrap()));
    }
    assert_eq!(framer.finish(), None);
    out
}

fn converse_text(stream: &[u8]) -> String {
    messages(stream).iter().fold(String::new(), |text, (_, payload)| {
        text + payload["delta"]["text"].as_str().unwrap_or_default()
    })
}

/// What invoke-with-response-stream sends: events of the model's own, in base64.
fn invoke(tokens: &[&str]) -> Vec<Vec<u8>> {
    let chunk = |event: Value| {
        message("chunk", &json!({"bytes": STANDARD.encode(event.to_string()), "p": "abcdefghij"}).to_string())
    };
    let delta = |text: &&str| {
        chunk(
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}),
        )
    };
    let mut out: Vec<Vec<u8>> = tokens.iter().map(delta).collect();
    out.push(chunk(json!({"type": "content_block_stop", "index": 0})));
    out.push(chunk(json!({"type": "message_stop"})));
    out
}

fn invoke_text(stream: &[u8]) -> String {
    messages(stream).iter().fold(String::new(), |text, (_, payload)| {
        let event = STANDARD.decode(payload["bytes"].as_str().unwrap()).unwrap();
        let event: Value = serde_json::from_slice(&event).unwrap();
        text + event["delta"]["text"].as_str().unwrap_or_default()
    })
}

/// Runs a stream in one chunk and in every size of chunks; all give the same.
fn in_every_chunking(policy: &str, place: &Place, stream: &[u8]) -> Outcome {
    let engine = engine(policy);
    let whole = answer(&engine, place, &[stream]);
    for size in 1..stream.len() {
        let chunks: Vec<&[u8]> = stream.chunks(size).collect();
        let cut = answer(&engine, place, &chunks);
        assert_eq!(cut.all(), whole.all(), "chunks of {size}");
        assert_eq!(cut.record.findings.len(), whole.record.findings.len());
    }
    whole
}

#[test]
fn an_address_is_cut_out_of_json_lines() {
    let stream = lines(&TOKENS);
    let outcome = in_every_chunking(BOTH_WAYS, &OLLAMA, stream.as_bytes());
    assert_eq!(lines_text(&outcome.text()), MASKED);
    assert_eq!(outcome.text().lines().count(), stream.lines().count());
    assert_eq!(&*outcome.record.findings[0].place, "message.content");
    // The other lines are what they were.
    let same = stream.lines().zip(outcome.text().lines()).filter(|(before, after)| before == after).count();
    assert_eq!(same, 3);
}

#[test]
fn an_address_is_cut_out_of_an_array() {
    let stream = array(&TOKENS);
    let outcome = in_every_chunking(BOTH_WAYS, &GEMINI, stream.as_bytes());
    assert_eq!(array_text(&outcome.text()), MASKED);
}

#[test]
fn an_address_is_cut_out_of_an_event_stream() {
    let stream = converse(&TOKENS).concat();
    let outcome = in_every_chunking(BOTH_WAYS, &CONVERSE, &stream);
    assert_eq!(converse_text(&outcome.out.concat()), MASKED);
    assert_eq!(messages(&outcome.out.concat()).len(), messages(&stream).len());
    assert_eq!(&*outcome.record.findings[0].place, "output.message.content[0].text");
}

#[test]
fn an_address_is_cut_out_of_events_in_base64() {
    let stream = invoke(&TOKENS).concat();
    let outcome = in_every_chunking(BOTH_WAYS, &INVOKE, &stream);
    assert_eq!(invoke_text(&outcome.out.concat()), MASKED);
    // What is around the event is what it was.
    assert!(messages(&outcome.out.concat()).iter().all(|(_, payload)| payload["p"] == "abcdefghij"));
    assert_eq!(&*outcome.record.findings[0].place, "content[0].text");
}

#[test]
fn what_is_clean_leaves_at_once_and_is_not_copied() {
    let clean = ["The ", "quick", " brown", " fox."];
    let lines: Vec<Vec<u8>> =
        lines(&clean).split_inclusive('\n').map(|line| line.as_bytes().to_vec()).collect();
    for (place, frames) in [(OLLAMA, lines), (CONVERSE, converse(&clean)), (INVOKE, invoke(&clean))] {
        let mut exchange = crate::run::begin(&engine(BOTH_WAYS), "POST", place.host, place.path);
        exchange.request_end(&mut Vec::new()).unwrap();
        let head = interceptor_engine::ResponseHead {
            status: 200,
            content_type: Some(place.content_type),
            content_encoding: None,
            content_length: None,
        };
        exchange.response_head(&head).unwrap();
        for frame in frames {
            let (frame, mut out) = (Bytes::from(frame), Vec::new());
            exchange.response_data(frame.clone(), &mut out).unwrap();
            assert_eq!(out, std::slice::from_ref(&frame));
            assert_eq!(out[0].as_ptr(), frame.as_ptr());
        }
    }
}

#[test]
fn a_key_ends_each_stream_in_its_own_words() {
    let key = secret();
    let tokens = ["it is ", &key[..7], &key[7..], ", keep it"];
    let outcome = in_every_chunking(BOTH_WAYS, &OLLAMA, lines(&tokens).as_bytes());
    let text = String::from_utf8(outcome.all()).unwrap();
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(last["error"], "egress_policy_blocked");
    assert!(text.contains("it is ") && !text.contains(&key[7..]) && !text.contains("keep it"), "{text}");

    for tokens in [&tokens[..], &tokens[1..]] {
        let outcome = in_every_chunking(BOTH_WAYS, &GEMINI, array(tokens).as_bytes());
        let elements: Vec<Value> = serde_json::from_slice(&outcome.all()).unwrap();
        assert_eq!(elements.len(), tokens.len() - 2);
        assert_eq!(elements.last().unwrap()["error"]["status"], "PERMISSION_DENIED");
    }

    let outcome = in_every_chunking(BOTH_WAYS, &CONVERSE, &converse(&tokens).concat());
    let (name, payload) = messages(&outcome.all()).pop().unwrap();
    assert_eq!(name, "validationException");
    assert!(payload["message"].as_str().unwrap().contains("secret.github_token"), "{payload}");
    assert_eq!(outcome.record.verdict, Verdict::Block);
}

#[test]
fn an_answer_that_is_not_in_pieces_is_held_and_refused_as_a_whole() {
    let mut exchange = crate::run::begin(&engine(BOTH_WAYS), "POST", GEMINI.host, GEMINI.path);
    exchange.request_end(&mut Vec::new()).unwrap();
    let head = interceptor_engine::ResponseHead {
        status: 400,
        content_type: Some(GEMINI.content_type),
        content_encoding: None,
        content_length: None,
    };
    assert!(exchange.response_head(&head).unwrap().hold);
}

#[test]
fn a_stream_that_cannot_be_read_is_policys_to_answer() {
    let mut stream = converse(&TOKENS).concat();
    let at = stream.len() - 3;
    stream[at] ^= 1;
    // The default for answers: it goes on unseen, and is told of.
    let outcome = answer(&engine(BOTH_WAYS), &CONVERSE, &[&stream]);
    assert!(outcome.out.concat().ends_with(&stream[stream.len() - 40..]));
    assert_eq!(outcome.record.doubts[0].uncertainty, Uncertainty::UndecodableBody);
    let strict = BOTH_WAYS.replace("malformedJson: allow", "undecodableBody: block");
    let outcome = answer(&engine(&strict), &CONVERSE, &[&stream]);
    assert_eq!(messages(&outcome.all()).pop().unwrap().0, "validationException");
    // One that is broken off stays broken off.
    let outcome = answer(&engine(BOTH_WAYS), &CONVERSE, &[&converse(&["a", "b"]).concat()[..200]]);
    assert_eq!(outcome.out.concat(), converse(&["a", "b"]).concat()[..200]);
}

#[test]
fn what_is_only_watched_leaves_chunk_by_chunk() {
    let stream = invoke(&TOKENS).concat();
    let chunks: Vec<&[u8]> = stream.chunks(7).collect();
    let outcome = answer(&engine(WATCH), &INVOKE, &chunks);
    assert_eq!(outcome.out, chunks);
    assert_eq!(outcome.record.findings.len(), 1);
    assert!(outcome.record.streamed && ADDRESS.len() as u64 == outcome.record.findings[0].length);
}

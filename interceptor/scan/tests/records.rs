//! Records in, answers out: what the other end of a pipe sees. Test values are put together here and are nobody's.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::Write as _;

use interceptor_scan::{Options, Scan, Tally};
use serde_json::{Value, json};

const SHOWN: Options = Options { show_values: true };

fn scan(options: Options, input: &str) -> (Vec<Value>, Tally) {
    let mut output = Vec::new();
    let tally = Scan::new(options).unwrap().run(input.as_bytes(), &mut output).unwrap();
    let output = String::from_utf8(output).unwrap();
    (output.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), tally)
}

fn one(record: &Value) -> Value {
    let (mut answers, tally) = scan(SHOWN, &format!("{record}\n"));
    assert_eq!(tally, Tally { scored: 1, bad: 0 });
    answers.pop().unwrap()
}

fn forwarded(answer: &Value) -> String {
    use base64::Engine as _;
    let output = answer["output_b64"].as_str().unwrap();
    String::from_utf8(base64::engine::general_purpose::STANDARD.decode(output).unwrap()).unwrap()
}

const ADDRESS: &str = "jane.doe@example.com";

/// A key of the shape that AWS gives out, which it never gave out.
fn key() -> String {
    ["AKIA", "QYLPMN5HHHFPZAM2"].concat()
}

#[test]
fn places_in_texts_are_code_points() {
    let answer = one(&json!({ "id": "a", "text": format!("é😀 {ADDRESS}!") }));
    let finding =
        json!({ "start": 3, "end": 23, "detector": "pii.email", "confidence": "high", "value": ADDRESS });
    assert_eq!(answer, json!({ "id": "a", "findings": [finding] }));
}

#[test]
fn values_are_shown_only_on_request() {
    let (answers, _) = scan(Options::default(), &format!("{}\n", json!({ "text": ADDRESS })));
    assert_eq!(answers[0]["findings"][0].get("value"), None);
    assert!(!answers[0].to_string().contains(ADDRESS));
}

#[test]
fn every_line_has_an_answer_in_its_place() {
    let (answers, tally) =
        scan(SHOWN, "{\"id\":1,\"text\":\"\"}\n\nnonsense hunter2\n{\"id\":[2],\"text\":\"\"}");
    assert_eq!(tally, Tally { scored: 2, bad: 2 });
    assert_eq!(answers[0], json!({ "id": 1, "findings": [] }));
    assert_eq!(answers[1]["line"], 2);
    assert_eq!(answers[2], json!({ "id": null, "line": 3, "error": "not JSON, at column 2" }));
    assert_eq!(answers[3]["id"], json!([2]));
}

#[test]
fn a_request_is_recognised_and_redacted() {
    let body =
        json!({ "model": "m", "messages": [{ "role": "user", "content": format!("mail {ADDRESS}") }] });
    let body = body.to_string();
    let (front, back) = body.split_at(body.find('@').unwrap());
    let answer = one(
        &json!({ "id": 1, "direction": "request", "content_type": "application/json", "chunks": [front, back] }),
    );
    assert_eq!(answer["operation"], "openai.chat_completions");
    assert_eq!(answer["verdict"], "redact");
    assert_eq!(answer["findings"][0]["value"], ADDRESS);
    assert_eq!(answer["findings"][0]["place"], "messages[0].content");
    assert_eq!(answer["findings"][0]["start"], 5);
    assert_eq!(forwarded(&answer), body.replace(ADDRESS, "[EMAIL]"));
}

#[test]
fn a_key_stops_a_request() {
    let body = json!({ "model": "m", "messages": [{ "role": "user", "content": key() }] }).to_string();
    let answer = one(&json!({ "id": 1, "direction": "request", "chunks": [body] }));
    assert_eq!(answer["verdict"], "block");
    assert_eq!(answer["findings"][0]["value"], key());
    assert_eq!(answer["output_b64"], "");
}

#[test]
fn a_stream_is_recognised_and_redacted() {
    let event = |text: &str| {
        let delta = json!({ "object": "chat.completion.chunk", "choices": [{ "index": 0, "delta": { "content": text } }] });
        format!("data: {delta}\n\n")
    };
    let chunks = ["mail é jane.d", "oe@example.c", "om now"].map(event);
    let answer = one(
        &json!({ "id": 1, "direction": "response", "content_type": "text/event-stream", "chunks": chunks }),
    );
    assert_eq!(answer["findings"][0]["value"], ADDRESS);
    assert_eq!(answer["findings"][0]["start"], 7);
    assert_eq!(forwarded(&answer), [event("mail é [EMAIL]"), event(""), event(" now")].concat());
}

#[test]
fn coded_chunks_are_decoded_and_coded_again() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let body = json!({ "model": "m", "input": ADDRESS }).to_string();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body.as_bytes()).unwrap();
    let coded = encoder.finish().unwrap();
    let chunks: Vec<String> = coded.chunks(7).map(|chunk| STANDARD.encode(chunk)).collect();
    let answer = one(&json!({
        "id": 1, "direction": "request", "content_type": "application/json", "content_encoding": "gzip",
        "chunks_b64": chunks,
    }));
    assert_eq!(answer["operation"], "openai.responses");
    let output = STANDARD.decode(answer["output_b64"].as_str().unwrap()).unwrap();
    let mut decoder = flate2::write::GzDecoder::new(Vec::new());
    decoder.write_all(&output).unwrap();
    assert_eq!(decoder.finish().unwrap(), body.replace(ADDRESS, "[EMAIL]").into_bytes());
}

#[test]
fn a_marker_stands_for_harmless_text() {
    let body =
        json!({ "model": "m", "input": format!("\0PAD\0 {ADDRESS}") }).to_string().replace("\\u0000", "\0");
    let answer = one(&json!({
        "id": 1, "direction": "request", "provider": "openai", "path": "/v1/responses",
        "chunks": [body], "pad_bytes": 300_000,
    }));
    assert_eq!(answer["findings"][0]["start"], 300_001);
    assert!(forwarded(&answer).len() > 300_000);
    assert!(forwarded(&answer).ends_with(" [EMAIL]\"}"));
}

#[test]
fn an_unknown_provider_is_a_mistake_of_the_record() {
    let (answers, tally) = scan(SHOWN, "{\"provider\":\"nobody\",\"chunks\":[]}\n");
    assert_eq!(tally.bad, 1);
    assert_eq!(answers[0]["error"], "the catalogue has no such provider");
}

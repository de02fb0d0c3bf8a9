//! Bodies in which a value is hidden by where and how it stands, not by what is done to its characters.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Sample;

/// So much prose hides a value in a long body.
const PADDING: u64 = 5 << 20;

/// A chat request with one message.
pub(super) fn message(text: &str) -> Value {
    chat(&json!([{ "role": "user", "content": text }]))
}

/// A chat request in which the text stands in a tool call's arguments: JSON in JSON.
pub(super) fn arguments(text: &str) -> Value {
    let arguments = json!({ "note": text, "line": 7 }).to_string();
    let call =
        json!({ "id": "call_1", "type": "function", "function": { "name": "save", "arguments": arguments } });
    chat(&json!([{ "role": "assistant", "content": null, "tool_calls": [call] }]))
}

fn chat(messages: &Value) -> Value {
    record(&json!({ "model": "m", "messages": messages }).to_string())
}

/// The record of a request's body, in chunks as they come from a socket.
fn record(body: &str) -> Value {
    record_of_bytes(body.as_bytes())
}

fn record_of_bytes(body: &[u8]) -> Value {
    let chunks: Vec<String> = body.chunks(1 << 14).map(|chunk| STANDARD.encode(chunk)).collect();
    json!({
        "direction": "request", "provider": "openai", "path": "/v1/chat/completions",
        "content_type": "application/json", "chunks_b64": chunks,
    })
}

/// Every way for this value.
pub(super) fn all(sample: &Sample) -> impl Iterator<Item = (&'static str, u8, Value)> {
    let mut all = Vec::new();
    let text = sample.whole();
    all.push(("json escapes", 1, record(&written(&unicode_escapes(&text), ""))));
    for tier in 1..=3 {
        let nested = (0..tier).fold(text.clone(), |text, _| json!({ "v": text }).to_string());
        all.push(("json in json", tier, message(&nested)));
    }
    all.push((
        "object keys",
        1,
        record(&json!({ "model": "m", "metadata": { &text: "x" }, "messages": [] }).to_string()),
    ));
    all.push((
        "duplicate keys",
        1,
        record(&written(&quoted("nothing"), &format!(",\"content\":\"{}\"", quoted(&text)))),
    ));
    all.push(("duplicate keys", 2, record(&written(&quoted(&text), ",\"content\":\"nothing\""))));
    all.extend(number(sample).map(|record| ("numbers", 1, record)));
    all.extend(split(sample).into_iter().flatten());
    all.push(("utf-16", 1, utf16(&text)));
    all.push(("invalid json", 1, record(&written(&quoted(&text), ",}"))));
    all.push(("depth 200", 1, deep(&text)));
    all.push(("padding", 1, padded(&text)));
    all.into_iter()
}

/// A chat request written by hand: the inside of the content's quotes, and what follows it.
fn written(content: &str, more: &str) -> String {
    format!("{{\"model\":\"m\",\"messages\":[{{\"role\":\"user\",\"content\":\"{content}\"{more}}}]}}")
}

/// The inside of a JSON string.
fn quoted(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

fn unicode_escapes(text: &str) -> String {
    text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect()
}

/// Only what is long enough to be a number of somebody, and begins like a number.
fn number(sample: &Sample) -> Option<Value> {
    let digits = sample.value.bytes().all(|byte| byte.is_ascii_digit());
    let alone = sample.before.is_empty() && sample.value.len() >= 9 && !sample.value.starts_with('0');
    (digits && alone).then(|| {
        record(&format!("{{\"model\":\"m\",\"metadata\":{{\"n\":{}}},\"messages\":[]}}", sample.value))
    })
}

/// In two neighbouring parts of a message, and in two messages.
fn split(sample: &Sample) -> Option<[(&'static str, u8, Value); 2]> {
    let middle = sample.value.char_indices().nth(sample.value.chars().count() / 2)?.0;
    let (front, back) = sample.value.split_at(middle);
    let (front, back) = (format!("{}{front}", sample.before), format!("{back}{}", sample.after));
    let part = |text: &str| json!({ "type": "text", "text": text });
    let message = |text: &str| json!({ "role": "user", "content": text });
    Some([
        ("split over parts", 1, chat(&json!([{ "role": "user", "content": [part(&front), part(&back)] }]))),
        ("split over messages", 1, chat(&json!([message(&front), message(&back)]))),
    ])
}

fn utf16(text: &str) -> Value {
    let body = written(&quoted(text), "");
    let units = std::iter::once(0xFEFF).chain(body.encode_utf16());
    record_of_bytes(&units.flat_map(u16::to_le_bytes).collect::<Vec<u8>>())
}

fn deep(text: &str) -> Value {
    let (open, close) = ("[".repeat(195), "]".repeat(195));
    record(&format!(
        "{{\"model\":\"m\",\"metadata\":{{\"v\":{open}\"{}\"{close}}},\"messages\":[]}}",
        quoted(text)
    ))
}

fn padded(text: &str) -> Value {
    let mut record = record(&written(&format!("\0PAD\0 {}", quoted(text)), ""));
    record["pad_bytes"] = PADDING.into();
    record
}

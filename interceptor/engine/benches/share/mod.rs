//! What the benchmarks send: a policy, texts in which nothing is to be found, and the exchanges that carry them.
//! Knows no clock.

use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use interceptor_engine::policy::Subject;
use interceptor_engine::{Catalogue, Detectors, Engine, Exchange, Limits, Policy, RequestHead};
use serde_json::{Value, json};

/// Masks and blocks both ways, so that nothing is skipped.
const POLICY: &str = "
apiVersion: interceptor.dev/v1alpha1
kind: EgressPolicy
metadata: { name: bench }
spec:
  rules:
    - { name: secrets, match: { direction: both, detectors: [\"secret.*\"] }, action: block }
    - { name: mask, match: { direction: both, detectors: [\"pii.*\"] }, action: redact }
";

/// Sentences and code as agents send them.
pub(crate) const SENTENCES: &str = "The scheduler assigns a worker to every queue, and each of them keeps 4 to 8 \
    connections open. In 2026 the team measured 128 requests per second at 3.5 ms; see section 4.2 for the method. ";
const CODE: &str = "fn main() {\n\tlet total: u64 = values.iter().map(|v| v.size * 1024).sum();\n\tprintln!(\"{}\", total);\n}\n";
pub(crate) const PROSE: &str = include_str!("../../tests/data/prose.txt");
pub(crate) const SOURCE: &str = include_str!("../../src/detect/machine.rs");
pub(crate) const MEGABYTE: usize = 1 << 20;

/// A megabyte of one piece, said over and over.
pub(crate) fn filled(piece: &str) -> Vec<u8> {
    piece.bytes().cycle().take(MEGABYTE).collect()
}

/// The same with something to undo in every line.
pub(crate) fn marked() -> String {
    PROSE.replace('\'', "\u{2019}").replace(". ", " \u{2014} 100 % &amp; more\\n")
}

/// An engine with all detectors.
pub(crate) fn engine() -> Arc<Engine> {
    let policy = Policy::load(&[("bench.yaml", POLICY)]).expect("the policy above");
    Engine::new(Catalogue::builtin(), Arc::new(policy), Detectors::builtin(), Limits::STANDARD)
}

/// A chat request of about this size: sentences, code, and calls of tools whose arguments are JSON in a string.
pub(crate) fn chat(size: usize) -> Bytes {
    let mut messages = vec![json!({"role": "system", "content": "You are a careful assistant."})];
    let mut written = 100;
    while written < size {
        let room = (size - written).min(SENTENCES.len() * 6 + CODE.len() * 3);
        let text: String = (SENTENCES.repeat(6) + &CODE.repeat(3)).chars().take(room).collect();
        written += text.len() + 40;
        messages.push(json!({"role": "user", "content": text}));
        if written + 250 < size {
            let arguments = json!({"path": "src/main.rs", "content": CODE, "line": 42}).to_string();
            written += arguments.len() + 150;
            messages.push(json!({"role": "assistant", "content": null, "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "write_file", "arguments": arguments}}
            ]}));
        }
    }
    Bytes::from(json!({"model": "gpt-x", "stream": true, "messages": messages}).to_string())
}

/// What a turn of an agent adds: a tool call, what the tool printed, and what the model says to it.
fn turn(number: usize) -> [Value; 3] {
    let arguments = json!({ "path": format!("src/part_{number}.rs"), "offset": 10 * number }).to_string();
    let call = json!({ "id": format!("call_{number}"), "type": "function",
        "function": { "name": "read_file", "arguments": arguments } });
    let printed = format!("// part {number}\n{}", CODE.repeat(40));
    let said = format!("Step {number}. {}", SENTENCES.repeat(4));
    [
        json!({ "role": "assistant", "content": null, "tool_calls": [call] }),
        json!({ "role": "tool", "tool_call_id": format!("call_{number}"), "content": printed }),
        json!({ "role": "assistant", "content": said }),
    ]
}

/// Fifty turns, each of which sends all before it again.
pub(crate) fn turns() -> Vec<Bytes> {
    let mut messages = vec![json!({ "role": "system", "content": SENTENCES.repeat(30) })];
    let body = |number| {
        messages.extend(turn(number));
        Bytes::from(json!({ "model": "m", "messages": messages }).to_string())
    };
    (0..50).map(body).collect()
}

/// The beginning of an exchange.
pub(crate) fn begin(engine: &Arc<Engine>, subject: &Arc<Subject>) -> Exchange {
    let provider = engine.catalogue().route("api.openai.com").expect("in the catalogue").provider;
    engine.exchange(&RequestHead {
        provider,
        method: "POST",
        path: "/v1/chat/completions",
        content_type: Some("application/json"),
        content_encoding: None,
        content_length: None,
        subject,
        at: 0,
        host: "",
        request_id: "bench",
    })
}

/// A request in these chunks, all of which must leave.
pub(crate) fn send(engine: &Arc<Engine>, subject: &Arc<Subject>, chunks: &[Bytes], out: &mut Vec<Bytes>) {
    out.clear();
    let mut exchange = begin(engine, subject);
    for chunk in chunks {
        exchange.request_data(chunk.clone(), out).expect("nothing to find");
    }
    exchange.request_end(out).expect("nothing to find");
    assert!(!out.is_empty(), "nothing in it is to be found");
    black_box(exchange.record());
}

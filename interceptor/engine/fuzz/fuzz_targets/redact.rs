//! Redact, then restore: what a model repeats of a redacted text reads as the text did, however the answer is cut, and
//! every chunking gives the same bytes.
#![no_main]

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use interceptor_engine::{
    Catalogue, Detectors, Engine, Exchange, Limits, Policy, RedactionKey, RequestHead, ResponseHead, Subject,
};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

const POLICY: &str = "
apiVersion: interceptor.dev/v1alpha1
kind: EgressPolicy
metadata: { name: fuzz }
spec:
  rules:
    - name: stand-in
      match: { direction: request, detectors: [\"*\"], confidence: low }
      action: { redact: { with: reversible } }
";

static ENGINE: LazyLock<Arc<Engine>> = LazyLock::new(|| {
    let policy = Arc::new(Policy::load(&[("fuzz.yaml", POLICY)]).expect("the policy above"));
    let key = RedactionKey::new([1; 32]);
    Engine::keyed(Catalogue::builtin(), policy, Detectors::builtin(), Limits::STANDARD, key)
});

/// Sends the text and gives what arrived of it.
fn ask(text: &str) -> Option<(Exchange, String)> {
    let subject = Arc::new(Subject::default());
    let mut exchange = ENGINE.exchange(&RequestHead {
        provider: ENGINE.catalogue().route("api.openai.com").expect("in the catalogue").provider,
        method: "POST",
        path: "/v1/chat/completions",
        content_type: None,
        content_encoding: None,
        content_length: None,
        subject: &subject,
        at: 0,
        host: "",
        request_id: "r",
    });
    let body = json!({"messages": [{"role": "user", "content": text}]}).to_string();
    let mut out = Vec::new();
    exchange.request_data(body.into(), &mut out).ok()?;
    exchange.request_end(&mut out).ok()?;
    let sent: Value = serde_json::from_slice(&out.concat()).expect("it stays JSON");
    let sent = sent["messages"][0]["content"].as_str().expect("it stays a string").to_owned();
    Some((exchange, sent))
}

fn answer(mut exchange: Exchange, stream: &str, size: usize) -> Vec<u8> {
    let head = ResponseHead {
        status: 200,
        content_type: Some("text/event-stream"),
        content_encoding: None,
        content_length: None,
    };
    exchange.response_head(&head).expect("no rule for answers");
    let mut out = Vec::new();
    for chunk in stream.as_bytes().chunks(size) {
        exchange.response_data(Bytes::copy_from_slice(chunk), &mut out).expect("no rule for answers");
    }
    exchange.response_end(&mut out).expect("no rule for answers");
    out.concat()
}

fn said(stream: &[u8]) -> String {
    let text = std::str::from_utf8(stream).expect("what was UTF-8 stays so");
    let events =
        text.lines().filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok());
    events.filter_map(|event| Some(event["choices"][0]["delta"]["content"].as_str()?.to_owned())).collect()
}

fuzz_target!(|data: &[u8]| {
    let [size, piece, text @ ..] = data else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    // Something to find in every text; what looks like a token would be taken for one.
    let text = format!("jane.doe@example.com {text}");
    if text.to_ascii_lowercase().contains('q') {
        return;
    }
    let Some((exchange, sent)) = ask(&text) else { return };
    let chars: Vec<char> = sent.chars().collect();
    let pieces = chars.chunks(usize::from(*piece).max(1)).map(|chars| chars.iter().collect::<String>());
    let event =
        |text| format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": {"content": text}}]}));
    let stream: String = pieces.map(event).collect();
    let whole = answer(exchange, &stream, stream.len());
    let (exchange, _) = ask(&text).expect("as before");
    assert_eq!(answer(exchange, &stream, usize::from(*size).max(1)), whole);
    // A text that is JSON itself is escaped for its strings.
    if text.contains(['\\', '"']) || text.chars().any(char::is_control) {
        return;
    }
    let said = said(&whole);
    assert!(!said.contains('Q'), "a token is left in {said:?}");
    // What was written with characters that cannot be seen, or with other ones for the same, comes back in plain ones, and
    // so does what was encoded.
    if text.is_ascii() && !text.contains(['%', '&']) {
        assert_eq!(said, text);
    }
});

//! The place for a detector that understands: it looks at what was forwarded, later, and changes nothing.

use std::sync::Arc;

use bytes::Bytes;
use interceptor_engine::detect::{Confidence, Heard, ModelTier, TierFinding};
use interceptor_engine::{Engine, RequestHead, Subject};
use serde_json::json;

use crate::run::{MASK, engine};

/// Knows two names, and one place that is none.
struct Names;

impl ModelTier for Names {
    fn look(&mut self, text: &str, out: &mut Vec<TierFinding>) {
        for name in ["Jane", "Zoë"] {
            let found = text.match_indices(name).map(|(at, name)| at..at + name.len());
            out.extend(found.map(|range| TierFinding {
                kind: "name".into(),
                range,
                confidence: Confidence::Low,
            }));
        }
        let nowhere = text.len()..text.len() + 7;
        out.push(TierFinding { kind: "name".into(), range: nowhere, confidence: Confidence::Low });
    }
}

fn send(engine: &Arc<Engine>, body: &str, heard: Heard) -> (Vec<u8>, Option<Heard>) {
    let subject = Arc::new(Subject::default());
    let mut exchange = engine.exchange(&RequestHead {
        provider: engine.catalogue().route("api.openai.com").unwrap().provider,
        method: "POST",
        path: "/v1/chat/completions",
        content_type: Some("application/json"),
        content_encoding: None,
        content_length: None,
        subject: &subject,
        at: 0,
        host: "",
        request_id: "tier",
    });
    exchange.listen(heard);
    let mut sent = Vec::new();
    exchange.request_data(Bytes::copy_from_slice(body.as_bytes()), &mut sent).unwrap();
    exchange.request_end(&mut sent).unwrap();
    (sent.concat(), exchange.heard())
}

#[test]
fn it_sees_texts_as_they_are_meant_after_they_were_sent() {
    let body = json!({"model": "gpt-x", "messages": [{"role": "user", "content": "Ask Jane,\nthen \"Zoë\" and Jane."}]});
    let body = body.to_string();
    let (sent, heard) = send(&engine(MASK), &body, Heard::new(1 << 16));
    assert_eq!(sent, body.as_bytes());
    let heard = heard.unwrap();
    assert!(!format!("{heard:?}").contains("Jane"));
    let found = std::thread::spawn(move || heard.second_look(&mut Names)).join().unwrap();
    let places: Vec<_> = found.iter().map(|(_, finding)| finding.range.clone()).collect();
    assert_eq!(places, [4..8, 26..30, 16..20]);
}

#[test]
fn what_finds_no_room_is_counted() {
    let body =
        json!({"model": "gpt-x", "messages": [{"role": "user", "content": "Jane ".repeat(20)}]}).to_string();
    let (_, heard) = send(&engine(MASK), &body, Heard::new(50));
    let heard = heard.unwrap();
    assert_eq!((heard.left_out(), heard.second_look(&mut Names).len()), (1, 0));
}

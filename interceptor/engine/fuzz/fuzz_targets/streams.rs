//! Streams in every framing but server-sent events, which `exchange` knows, and WebSockets both ways: every chunking
//! gives the same bytes and findings, what is clean leaves as it came, and nothing that is sent panics.
#![no_main]

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use interceptor_engine::policy::Direction;
use interceptor_engine::websocket::{Opcode, whole};
use interceptor_engine::{
    Catalogue, Detectors, Engine, Exchange, Limits, Policy, Refusal, RequestHead, ResponseHead, Subject,
    eventstream,
};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

const POLICY: &str = "
apiVersion: interceptor.dev/v1alpha1
kind: EgressPolicy
metadata: { name: fuzz }
spec:
  rules:
    - name: mask
      match: { direction: both, detectors: [\"*\"], confidence: low }
      action: redact
  uncertain: { unrewritable: audit, decodeLimit: audit, undecodableBody: audit, oversizedBody: audit }
";

static ENGINE: LazyLock<Arc<Engine>> = LazyLock::new(|| {
    let policy = Policy::load(&[("fuzz.yaml", POLICY)]).expect("the policy above");
    Engine::new(Catalogue::builtin(), Arc::new(policy), Detectors::builtin(), Limits::STANDARD)
});

/// Host, path and content type of each framing; the last two are a WebSocket's directions.
const PLACES: [(&str, &str, &str); 5] = [
    ("ollama.com", "/api/chat", "application/x-ndjson"),
    ("generativelanguage.googleapis.com", "/v1beta/models/m:streamGenerateContent", "application/json"),
    (
        "bedrock-runtime.us-east-1.amazonaws.com",
        "/model/m/converse-stream",
        "application/vnd.amazon.eventstream",
    ),
    ("api.openai.com", "/v1/realtime", "down"),
    ("api.openai.com", "/v1/realtime", "up"),
];

/// The texts as a stream of this framing.
fn stream(place: usize, texts: &[String]) -> Vec<u8> {
    let frame = |text: &String| match place {
        0 => format!("{}\n", json!({"message": {"content": text}})).into_bytes(),
        1 => json!({"candidates": [{"content": {"parts": [{"text": text}]}}]}).to_string().into_bytes(),
        2 => {
            let payload = json!({"contentBlockIndex": 0, "delta": {"text": text}}).to_string();
            eventstream::exception("contentBlockDelta", payload.as_bytes()).expect("short").to_vec()
        }
        3 => {
            let event = json!({"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": text});
            whole(Opcode::Text, event.to_string().as_bytes(), None).to_vec()
        }
        _ => {
            let event = json!({"type": "conversation.item.create", "item": {"content": [{"text": text}]}});
            whole(Opcode::Text, event.to_string().as_bytes(), Some([9, 8, 7, 6])).to_vec()
        }
    };
    let frames: Vec<Vec<u8>> = texts.iter().map(frame).collect();
    if place == 1 { [&b"["[..], &frames.join(&b",\r\n"[..]), b"]"].concat() } else { frames.concat() }
}

fn run(place: usize, stream: &[u8], size: usize) -> (Vec<u8>, bool, usize) {
    let (host, path, content_type) = PLACES[place];
    let subject = Arc::new(Subject::default());
    let mut exchange = ENGINE.exchange(&RequestHead {
        provider: ENGINE.catalogue().route(host).expect("in the catalogue").provider,
        method: if place < 3 { "POST" } else { "GET" },
        path,
        content_type: None,
        content_encoding: None,
        content_length: None,
        subject: &subject,
        at: 0,
        host: "",
        request_id: "r",
    });
    let mut out = Vec::new();
    let chunks: Vec<Bytes> = stream.chunks(size).map(Bytes::copy_from_slice).collect();
    let result = feed(&mut exchange, content_type, chunks, &mut out);
    (out.concat(), result.is_err(), exchange.record().findings.len())
}

fn feed(
    exchange: &mut Exchange,
    content_type: &str,
    chunks: Vec<Bytes>,
    out: &mut Vec<Bytes>,
) -> Result<(), Box<Refusal>> {
    exchange.request_end(&mut Vec::new())?;
    let direction = match content_type {
        "down" => Direction::Response,
        "up" => Direction::Request,
        _ => {
            exchange.response_head(&ResponseHead {
                status: 200,
                content_type: Some(content_type),
                content_encoding: None,
                content_length: None,
            })?;
            for chunk in chunks {
                exchange.response_data(chunk, out)?;
            }
            return Ok(exchange.response_end(out)?);
        }
    };
    exchange.upgrade("websocket")?;
    exchange.switched("websocket", Some("permessage-deflate"))?;
    for chunk in chunks {
        exchange.message_data(direction, chunk, out)?;
    }
    Ok(exchange.message_end(direction, out)?)
}

fuzz_target!(|data: &[u8]| {
    let [choice, size, data @ ..] = data else { return };
    let place = usize::from(choice & 7) % PLACES.len();
    let raw = choice & 8 != 0;
    let stream = if raw {
        data.to_vec()
    } else {
        let texts: Vec<String> =
            data.split(|byte| *byte == 0).map(|text| String::from_utf8_lossy(text).into_owned()).collect();
        stream(place, &texts)
    };
    let all = run(place, &stream, stream.len().max(1));
    assert_eq!(run(place, &stream, usize::from(*size).max(1)), all);
    // The end of a WebSocket may leave the last message behind, if it is none.
    if all.2 == 0 && !all.1 {
        assert!(all.0 == stream || (raw && place >= 3 && stream.starts_with(&all.0)));
    }
});

//! Whole exchanges: every chunking gives the same bytes and the same findings, a body in which nothing is
//! found leaves as it came, and nothing that is sent panics.
#![no_main]

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use interceptor_engine::record::Verdict;
use interceptor_engine::{Catalogue, Detectors, Engine, Limits, Policy, RequestHead, ResponseHead, Subject};
use libfuzzer_sys::fuzz_target;

const POLICY: &str = "
apiVersion: interceptor.dev/v1alpha1
kind: EgressPolicy
metadata: { name: fuzz }
spec:
  rules:
    - name: mask
      match: { direction: both, detectors: [\"*\"], confidence: low }
      action: redact
  uncertain: { unrewritable: audit, decodeLimit: audit, undecodableBody: audit }
";

static ENGINE: LazyLock<Arc<Engine>> = LazyLock::new(|| {
    let policy = Policy::load(&[("fuzz.yaml", POLICY)]).expect("the policy above");
    Engine::new(Catalogue::builtin(), Arc::new(policy), Detectors::builtin(), Limits::STANDARD)
});

const PLACES: [(&str, &str); 4] = [
    ("api.openai.com", "/v1/chat/completions"),
    ("api.openai.com", "/v1/files"),
    ("api.anthropic.com", "/v1/messages"),
    ("api.openai.com", "/v1/unheard-of"),
];

/// Which way the bytes go, and as what.
#[derive(Clone, Copy)]
struct Way {
    place: usize,
    answer: Option<&'static str>,
    coding: Option<&'static str>,
    content_type: Option<&'static str>,
}

/// What a request may call itself.
const TYPES: [Option<&str>; 4] = [
    None,
    Some("multipart/form-data; boundary=b"),
    Some("application/x-www-form-urlencoded"),
    Some("application/octet-stream"),
];

/// What came out, whether it was refused, and what was found.
type Outcome = (Vec<u8>, bool, usize);

fn run(way: Way, body: &[u8], size: usize) -> Outcome {
    let (host, path) = PLACES[way.place];
    let provider = ENGINE.catalogue().route(host).expect("in the catalogue").provider;
    let subject = Arc::new(Subject::default());
    let mut exchange = ENGINE.exchange(&RequestHead {
        provider,
        method: "POST",
        path,
        content_type: way.content_type,
        content_encoding: if way.answer.is_none() { way.coding } else { None },
        content_length: None,
        subject: &subject,
        at: 0,
        host: "",
        request_id: "r",
    });
    let mut out = Vec::new();
    let chunks = body.chunks(size).map(Bytes::copy_from_slice);
    let result = match way.answer {
        None => (|| {
            chunks.clone().try_for_each(|chunk| exchange.request_data(chunk, &mut out))?;
            exchange.request_end(&mut out)
        })(),
        Some(content_type) => (|| {
            exchange.request_end(&mut Vec::new())?;
            let head = ResponseHead {
                status: 200,
                content_type: Some(content_type),
                content_encoding: way.coding,
                content_length: None,
            };
            exchange.response_head(&head)?;
            chunks.clone().try_for_each(|chunk| exchange.response_data(chunk, &mut out))?;
            exchange.response_end(&mut out)
        })(),
    };
    let record = exchange.record();
    assert_eq!(result.is_err(), record.verdict == Verdict::Block);
    (out.concat(), result.is_err(), record.findings.len())
}

fuzz_target!(|data: &[u8]| {
    let [choice, size, body @ ..] = data else { return };
    let way = Way {
        place: usize::from(choice & 3),
        answer: match choice >> 2 & 3 {
            0 => None,
            1 => Some("application/json"),
            _ => Some("text/event-stream"),
        },
        coding: if choice >> 4 & 3 == 3 { Some("gzip") } else { None },
        content_type: TYPES[usize::from(choice >> 6)],
    };
    let whole = run(way, body, body.len().max(1));
    let cut = run(way, body, usize::from(*size).max(1));
    if way.coding.is_none() {
        assert_eq!(whole, cut);
        if whole.2 == 0 && !whole.1 {
            assert_eq!(whole.0, body);
        }
    }
});

//! What is found with a cache is what is found without one, whatever was asked before and however small it is.

use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use interceptor_engine::policy::{Pod, Subject};
use interceptor_engine::{
    Catalogue, Detectors, Engine, Limits, Policy, RequestHead, ResponseHead, VerdictCache,
};
use proptest::prelude::*;

const POLICY: &str = "
apiVersion: interceptor.dev/v1alpha1
kind: EgressPolicy
metadata: { name: cache }
spec:
  rules:
    - name: mask
      match: { direction: request, detectors: ['*'], confidence: low }
      action: redact
";

static PLAIN: LazyLock<Arc<Engine>> = LazyLock::new(|| {
    let policy = Policy::load(&[("cache.yaml", POLICY)]).expect("the policy above");
    Engine::new(Catalogue::builtin(), Arc::new(policy), Detectors::builtin(), Limits::STANDARD)
});

/// What becomes of a request with these messages: everything that is recorded, and what goes on.
fn run(engine: &Arc<Engine>, messages: &[String], namespace: &str) -> String {
    let messages: Vec<_> =
        messages.iter().map(|text| serde_json::json!({ "role": "user", "content": text })).collect();
    let body = serde_json::json!({ "model": "m", "messages": messages }).to_string();
    let subject = Arc::new(Subject { pod: Some(Pod::named(namespace, "app").into()), ..Subject::default() });
    let provider = engine.catalogue().provider_named("openai").expect("it is in the catalogue");
    let mut exchange = engine.exchange(&RequestHead {
        provider,
        method: "POST",
        path: "/v1/chat/completions",
        content_type: Some("application/json"),
        content_encoding: None,
        content_length: None,
        subject: &subject,
        at: 0,
        host: "",
        request_id: "cache",
    });
    let mut out = Vec::new();
    let taken =
        exchange.request_data(Bytes::from(body), &mut out).and_then(|()| exchange.request_end(&mut out));
    let record = exchange.record();
    let mut said = format!("{} {:?}", String::from_utf8_lossy(&out.concat()), taken.is_ok());
    for finding in record.findings {
        let (place, start) = (finding.place, finding.start);
        write!(said, "\n{:?} {:?} {place} {start}+{}", finding.detector, finding.confidence, finding.length)
            .expect("writing to a string cannot fail");
    }
    write!(said, "\n{:?} {:?}", record.request, record.doubts).expect("writing to a string cannot fail");
    said
}

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("jane.doe@example.com ".to_owned()),
        Just("jane%2Edoe%40example.com ".to_owned()),
        Just("amFuZS5kb2VAZXhhbXBsZS5jb20= ".to_owned()),
        Just("4111 1111 1111 1111\n".to_owned()),
        Just("\\".to_owned()),
        Just("\u{200b}".to_owned()),
        "[a-z ]{1,300}",
    ];
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn findings_are_the_same(
        texts in proptest::collection::vec(text(), 1..6),
        turns in proptest::collection::vec((proptest::collection::vec(0usize..6, 1..6), any::<bool>()), 1..12),
        bytes in prop_oneof![Just(0usize), Just(8 << 10), Just(1 << 20)],
    ) {
        let cache = VerdictCache::new([7; 32], bytes);
        let remembering = PLAIN.remembering(cache.clone());
        for (turn, other) in turns {
            let messages: Vec<String> = turn.iter().map(|at| texts[at % texts.len()].clone()).collect();
            let namespace = if other { "a" } else { "b" };
            prop_assert_eq!(run(&remembering, &messages, namespace), run(&PLAIN, &messages, namespace));
            prop_assert!(cache.cost() <= bytes);
        }
    }
}

#[test]
fn a_text_that_comes_again_is_remembered() {
    let cache = VerdictCache::new([7; 32], 1 << 20);
    let remembering = PLAIN.remembering(cache.clone());
    let text = vec!["something long to say, ".repeat(20) + "jane.doe@example.com"];
    run(&remembering, &text, "a");
    let cost = cache.cost();
    assert!(cost > 0);
    run(&remembering, &text, "a");
    assert_eq!(cache.cost(), cost, "nothing is added");
    run(&remembering, &text, "b");
    assert!(cache.cost() > cost, "another tenant's is another");
}

#[test]
fn an_answer_that_nobody_looks_at_is_no_proof_of_anything() {
    let cache = VerdictCache::new([7; 32], 1 << 20);
    let remembering = PLAIN.remembering(cache.clone());
    let text = "something long to say, ".repeat(20) + "jane.doe@example.com";
    let provider = PLAIN.catalogue().provider_named("openai").expect("it is in the catalogue");
    let subject = Arc::new(Subject { pod: Some(Pod::named("a", "app").into()), ..Subject::default() });
    let mut exchange = remembering.exchange(&RequestHead {
        provider,
        method: "POST",
        path: "/v1/chat/completions",
        content_type: Some("application/json"),
        content_encoding: None,
        content_length: None,
        subject: &subject,
        at: 0,
        host: "",
        request_id: "cache",
    });
    let mut out = Vec::new();
    exchange.request_end(&mut out).expect("there is nothing in it");
    let head = ResponseHead {
        status: 200,
        content_type: Some("application/json"),
        content_encoding: None,
        content_length: None,
    };
    exchange.response_head(&head).expect("no rule is about answers");
    let message = serde_json::json!({ "role": "assistant", "content": text });
    let answer = serde_json::json!({ "choices": [{ "index": 0, "message": message }] }).to_string();
    exchange.response_data(Bytes::from(answer), &mut out).expect("no rule is about answers");
    exchange.response_end(&mut out).expect("no rule is about answers");
    // What the model said comes back with the next turn.
    let texts = [text];
    assert_eq!(run(&remembering, &texts, "a"), run(&PLAIN, &texts, "a"));
    assert!(run(&remembering, &texts, "a").contains("pii.email"));
}

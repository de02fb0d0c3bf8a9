//! What is found with a cache is what is found without one, whatever was asked before and however small it is.

use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use interceptor_engine::policy::{Pod, Subject};
use interceptor_engine::{
    Catalogue, Detectors, Engine, Exchange, Limits, Policy, RequestHead, ResponseHead, VerdictCache,
};
use proptest::prelude::*;
use serde_json::{Value, json};

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

/// What becomes of a request with these texts: everything that is recorded, and what goes on.
fn run(engine: &Arc<Engine>, texts: &[String], namespace: &str) -> String {
    let messages: Vec<_> = texts.iter().map(|text| json!({ "role": "user", "content": text })).collect();
    send(engine, &messages, usize::MAX, namespace)
}

fn begin(engine: &Arc<Engine>, path: &str, subject: &Arc<Subject>) -> Exchange {
    engine.exchange(&RequestHead {
        provider: engine.catalogue().provider_named("openai").expect("it is in the catalogue"),
        method: "POST",
        path,
        content_type: Some("application/json"),
        content_encoding: None,
        content_length: None,
        subject,
        at: 0,
        host: "",
        request_id: "cache",
    })
}

/// The same with whole messages, and a body that comes in chunks of this size.
fn send(engine: &Arc<Engine>, messages: &[Value], chunk: usize, namespace: &str) -> String {
    let body = json!({ "model": "m", "messages": messages }).to_string();
    let subject = Arc::new(Subject { pod: Some(Pod::named(namespace, "app").into()), ..Subject::default() });
    let mut exchange = begin(engine, "/v1/chat/completions", &subject);
    let mut out = Vec::new();
    let body = Bytes::from(body);
    let mut starts = (0..body.len()).step_by(chunk);
    let taken = starts.try_for_each(|at| {
        let end = body.len().min(at.saturating_add(chunk));
        exchange.request_data(body.slice(at..end), &mut out)
    });
    let taken = taken.and_then(|()| exchange.request_end(&mut out));
    let record = exchange.record();
    let mut said = format!("{} {:?}", String::from_utf8_lossy(&out.concat()), taken.is_ok());
    for finding in record.findings {
        let (place, start) = (finding.place, finding.start);
        write!(said, "\n{:?} {:?} {place} {start}+{}", finding.detector, finding.confidence, finding.length)
            .expect("writing to a string cannot fail");
    }
    let tools: Vec<_> = record.tools.iter().map(|tool| &tool.name).collect();
    write!(said, "\n{:?} {:?} {:?} {tools:?}", record.request, record.doubts, record.model)
        .expect("writing to a string cannot fail");
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
        Just("one line of many, and a long one\n".repeat(90)),
        Just("jane.doe@exam".to_owned()),
        Just("ple.com".to_owned()),
        "[a-z ]{1,300}",
    ];
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

/// A message as one of the kinds that agents send.
fn message(kind: usize, text: &str) -> Value {
    let cut = text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at);
    let call = |arguments: String| {
        json!({ "role": "assistant", "content": null, "tool_calls": [
            { "id": "call_1", "type": "function", "function": { "name": format!("tool_{}", text.len() % 5), "arguments": arguments } }
        ]})
    };
    match kind {
        0 => json!({ "role": "user", "content": text }),
        1 => json!({ "role": "user", "content": [
            { "type": "text", "text": &text[..cut] }, { "type": "text", "text": &text[cut..] }
        ]}),
        2 => call(
            json!({ "path": text, "number": 4_111_111_111_111_111_u64, "deep": [{ "more": text }] })
                .to_string(),
        ),
        3 => json!({ "role": "tool", "tool_call_id": "call_1", "content": text }),
        _ => call("not JSON: ".to_owned() + text),
    }
}

proptest! {
    // Each case is a conversation, sent again and again.
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whole messages, alone and several together, in bodies that come in pieces.
    #[test]
    fn messages_say_the_same(
        texts in proptest::collection::vec(text(), 1..6),
        turns in proptest::collection::vec(proptest::collection::vec((0usize..6, 0usize..5), 0..8), 2..8),
        chunk in prop_oneof![Just(usize::MAX), Just(16_384usize), Just(900)],
        bytes in prop_oneof![Just(0usize), Just(32 << 10), Just(1 << 20)],
    ) {
        let cache = VerdictCache::new([7; 32], bytes);
        let remembering = PLAIN.remembering(cache.clone());
        let mut messages = Vec::new();
        for turn in turns {
            // A conversation grows; now and then another one begins.
            if turn.is_empty() {
                messages.clear();
            }
            messages.extend(turn.iter().map(|(at, kind)| message(*kind, &texts[at % texts.len()])));
            for _ in 0..2 {
                prop_assert_eq!(send(&remembering, &messages, chunk, "a"), send(&PLAIN, &messages, chunk, "a"));
                prop_assert!(cache.cost() <= bytes);
            }
        }
    }
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
    let message = json!({ "role": "assistant", "content": text });
    let answer = json!({ "choices": [{ "index": 0, "message": message }] }).to_string();
    exchange.response_data(Bytes::from(answer), &mut out).expect("no rule is about answers");
    exchange.response_end(&mut out).expect("no rule is about answers");
    // What the model said comes back with the next turn.
    let texts = [text];
    assert_eq!(run(&remembering, &texts, "a"), run(&PLAIN, &texts, "a"));
    assert!(run(&remembering, &texts, "a").contains("pii.email"));
}

#[test]
fn what_tools_are_called_with_is_read_each_time() {
    let rules = POLICY.to_owned()
        + "    - name: no-deleting\n      match: { tools: [shell], arguments: { command: '*rm -rf*' } }\n      action: block\n";
    let policy = Arc::new(Policy::load(&[("cache.yaml", &rules)]).expect("the policy above"));
    let plain = Engine::new(Catalogue::builtin(), policy, Detectors::builtin(), Limits::STANDARD);
    let engine = plain.remembering(VerdictCache::new([9; 32], 1 << 20));
    let command =
        json!({ "command": "rm -rf /srv && echo that this was a long call of a tool, and it is done" });
    let said = json!({ "type": "message", "role": "assistant",
        "content": [{ "type": "output_text", "text": "I am about to tidy up, as you have asked me to do." }] });
    let call = json!({ "type": "function_call", "name": "shell", "arguments": command.to_string() });
    let answer = json!({ "output": [said, call] }).to_string();
    for _ in 0..3 {
        assert!(is_refused(&plain, &answer));
        assert!(is_refused(&engine, &answer));
    }
}

/// Whether an answer is.
fn is_refused(engine: &Arc<Engine>, answer: &str) -> bool {
    let mut exchange = begin(engine, "/v1/responses", &Arc::new(Subject::default()));
    let mut out = Vec::new();
    exchange.request_data(Bytes::from_static(b"{}"), &mut out).expect("nothing is in it");
    exchange.request_end(&mut out).expect("nothing is in it");
    let head = ResponseHead {
        status: 200,
        content_type: Some("application/json"),
        content_encoding: None,
        content_length: None,
    };
    exchange.response_head(&head).expect("the head says nothing");
    let taken = exchange.response_data(Bytes::from(answer.to_owned()), &mut out);
    taken.and_then(|()| exchange.response_end(&mut out)).is_err()
}

//! Detectors of a `DetectorSet` in exchanges: rules name them, replacements and refusals are theirs.

use std::sync::{Arc, LazyLock};

use interceptor_engine::document::Mistakes;
use interceptor_engine::policy::PolicySet;
use interceptor_engine::{Engine, Limits};
use serde_json::json;

use crate::run::{ADDRESS, Call, Format, run};
use crate::stream::{chat_text, client_text};

const SET: &str = "
apiVersion: interceptor.dev/v1alpha1
kind: DetectorSet
metadata: {name: acme}
spec:
  detectors:
    - {name: acme.project, label: PROJECT, literals: [Blue Heron, doe@example], ignoreCase: true}
    - {name: acme.badge, pattern: 'AC-[0-9]{4,6}'}
---
apiVersion: interceptor.dev/v1alpha1
kind: EgressPolicy
metadata: {name: acme}
spec:
  rules:
    - {name: no-badges, match: {direction: request, detectors: [acme.badge]}, action: block}
    - {name: mask, match: {direction: both, detectors: ['acme.*', pii.email]}, action: redact}
";

fn load(text: &str) -> Result<PolicySet, Mistakes> {
    PolicySet::load(&[], &[("p.yaml".to_owned(), text.to_owned())])
}

static ENGINE: LazyLock<Arc<Engine>> = LazyLock::new(|| {
    let set = load(SET).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    Engine::new(set.catalogue, set.policy, set.detectors, Limits::STANDARD)
});

fn chat(text: &str) -> String {
    json!({"model": "gpt-x", "messages": [{"role": "user", "content": text}]}).to_string()
}

#[test]
fn rules_name_them_and_labels_are_theirs() {
    let outcome = run(&ENGINE, &Call::new(Format::Chat, chat("on blue heron").as_bytes()));
    assert_eq!(outcome.sent(), chat("on [PROJECT]"));
    assert_eq!(outcome.findings(), ["acme.project@messages[0].content redact"]);

    let outcome = run(&ENGINE, &Call::new(Format::Chat, chat("badge AC-12345!").as_bytes()));
    let refusal = outcome.refusal.unwrap();
    assert!(String::from_utf8_lossy(&refusal.body).contains("acme.badge found in messages[0].content"));
}

#[test]
fn findings_that_overlap_are_replaced_together() {
    let body = chat(&format!("to {ADDRESS}, now"));
    let outcome = run(&ENGINE, &Call::new(Format::Chat, body.as_bytes()));
    assert_eq!(outcome.sent(), chat("to [EMAIL], now"));
    assert_eq!(outcome.findings().len(), 2, "{:?}", outcome.findings());
}

#[test]
fn streams_are_cut_at_every_place() {
    let text = format!("on Blue Heron to {ADDRESS}, now");
    for at in 1..text.len() {
        let (first, second) = text.split_at(at);
        let stream = chat_text(&[first, second]);
        let outcome = run(&ENGINE, &Call::stream(Format::Chat, stream.as_bytes()));
        let client = client_text(&outcome.received(), 0);
        // The plain word before a dot may be out before anything tells that it is one of an address.
        assert!(client.starts_with("on [PROJECT] to ") && client.ends_with("], now"), "{client}");
        assert!(!client.contains("doe@") && !client.contains("example.com"), "{client}");
    }
}

#[test]
fn sets_and_rules_are_checked_together() {
    let error = load(&SET.replace("[acme.badge]", "[acme.bagde]")).unwrap_err();
    assert_eq!(error.len(), 1);
    let said = error.to_string();
    assert!(
        said.contains("unknown detector `acme.bagde`") && said.contains("did you mean `acme.badge`?"),
        "{said}"
    );
    // A rule that names a detector which is wrong is not wrong, too.
    let error = load(&SET.replace("{4,6}", "+")).unwrap_err();
    assert_eq!(error.len(), 1, "{error}");
}

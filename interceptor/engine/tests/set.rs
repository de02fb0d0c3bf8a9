//! Policies, detectors and endpoints that are read together.

use std::sync::Arc;

use bytes::Bytes;
use expect_test::expect;
use interceptor_engine::policy::PolicySet;
use interceptor_engine::{Engine, Limits, RequestHead, Subject};

const SET: &str = "\
apiVersion: interceptor.dev/v1alpha1
kind: EgressPolicy
metadata: { name: projects }
spec:
  rules:
    - name: no-project-names
      match: { direction: request, detectors: [acme.project], providers: [acme-models] }
      action: redact
---
apiVersion: interceptor.dev/v1alpha1
kind: DetectorSet
metadata: { name: acme }
spec:
  detectors:
    - { name: acme.project, label: PROJECT, literals: [Bluebird, Nightjar] }
---
apiVersion: interceptor.dev/v1alpha1
kind: EndpointCatalog
metadata: { name: in-cluster }
spec:
  providers:
    - { id: acme-models, name: Models of our own, kind: local, hosts: [models.acme.example], basePaths: [/v1], formats: [openai.chat_completions] }
";

fn load(text: &str) -> Result<PolicySet, String> {
    PolicySet::load(&[], &[("set.yaml".into(), text.into())]).map_err(|mistakes| mistakes.to_string())
}

#[test]
fn rules_name_detectors_and_providers_that_other_documents_define() {
    let PolicySet { catalogue, detectors, policy } = load(SET).unwrap();
    let provider = catalogue.route("models.acme.example").unwrap().provider;
    let engine = Engine::new(catalogue, policy, detectors, Limits::STANDARD);
    let mut exchange = engine.exchange(&RequestHead {
        provider,
        host: "models.acme.example",
        method: "POST",
        path: "/v1/chat/completions",
        content_type: Some("application/json"),
        content_encoding: None,
        content_length: None,
        subject: &Arc::new(Subject::default()),
        at: 0,
        request_id: "req",
    });
    let body = r#"{"model":"m","messages":[{"role":"user","content":"ship Nightjar on Monday"}]}"#;
    let mut out = Vec::new();
    exchange.begin().unwrap();
    exchange.request_data(Bytes::from(body), &mut out).unwrap();
    exchange.request_end(&mut out).unwrap();
    let sent = String::from_utf8(out.concat()).unwrap();
    assert_eq!(sent, body.replace("Nightjar", "[PROJECT]"));
    assert_eq!(&*exchange.record().findings[0].detector, "acme.project");
}

#[test]
fn what_a_rule_names_has_to_be_there() {
    let without = SET.split("---\n").next().unwrap();
    expect![[r#"
        set.yaml:7:48: spec.rules[0].match.detectors[0]: unknown detector `acme.project`; expected a detector such as `pii.email`, or a pattern such as `secret.*`
        set.yaml:7:75: spec.rules[0].match.providers[0]: unknown provider `acme-models`; expected providers of the catalogue, or a pattern that fits one"#]].assert_eq(&load(without).unwrap_err());
}

#[test]
fn mistakes_of_all_kinds_of_documents_are_told_together() {
    let wrong = SET
        .replace("action: redact", "action: redcat")
        .replace("literals: [Bluebird, Nightjar]", "pattern: \"(a+)+b\"")
        .replace("kind: local", "kind: selfhosted")
        + "---\napiVersion: interceptor.dev/v1alpha1\nkind: EgresPolicy\n---\nspec: {}\n";
    expect![[r#"
        set.yaml:8:15: spec.rules[0].action: unknown value `redcat`; expected one of `passthrough`, `allow`, `audit`, `redact`, `block`; did you mean `redact`?
        set.yaml:15:54: spec.detectors[0].pattern: at character 5: the repetition has no end; expected a bound, such as `{1,32}`
        set.yaml:22:57: spec.providers[0].kind: unknown value `selfhosted`; expected one of `model`, `cloud`, `host`, `router`, `assistant`, `retrieval`, `speech`, `image`, `video`, `guard`, `local`, `tools`
        set.yaml:25:7: kind: unknown value `EgresPolicy`; expected one of `EgressPolicy`, `DetectorSet`, `EndpointCatalog`; did you mean `EgressPolicy`?
        set.yaml:27:1: the field `kind` is missing; expected `EgressPolicy`, `DetectorSet` or `EndpointCatalog`"#]].assert_eq(&load(&wrong).unwrap_err());
}

#[test]
fn without_files_the_built_in_policy_is_in_force() {
    let set = PolicySet::load(&[], &[]).unwrap();
    assert_eq!(set.policy.version(), interceptor_engine::Policy::builtin().version());
}

//! Objects as an API server shows them, and what they are told.

use serde_json::{Value, json};

use super::document::read;
use super::verdict::news;
use super::*;

fn object(value: Value) -> Arc<Document> {
    read::<0>(serde_json::from_value(value).unwrap()).expect("it has a name").1
}

fn policy(name: &str, spec: &Value, generation: i64, status: &Value) -> Arc<Document> {
    object(json!({
        "apiVersion": "interceptor.dev/v1alpha1", "kind": "EgressPolicy",
        "metadata": {"name": name, "generation": generation, "uid": "u", "resourceVersion": "9",
            "managedFields": [{"manager": "kubectl"}], "annotations": {"a": "b"}},
        "spec": spec, "status": status
    }))
}

fn told(status: &str, reason: &str, message: &str, generation: i64) -> Value {
    json!({"conditions": [
        {"type": "Other", "status": "True"},
        {"type": "Accepted", "status": status, "reason": reason, "message": message,
            "observedGeneration": generation, "lastTransitionTime": "2026-01-01T00:00:00Z"}
    ]})
}

#[test]
fn the_kinds_are_those_that_are_defined() {
    let kinds = interceptor_engine::policy::schema::KINDS.iter().map(|kind| (kind.name, kind.plural));
    let ours = document::KINDS.iter().map(|kind| (kind.name, kind.plural));
    assert_eq!(ours.collect::<Vec<_>>(), kinds.collect::<Vec<_>>());
}

#[test]
fn an_object_is_the_file_that_somebody_could_have_written() {
    let document = policy("keys.txt", &json!({"rules": []}), 3, &Value::Null);
    // A file that ends with .txt would be a list of an operator's, and no policy.
    assert_eq!(document.file, "EgressPolicy/keys.txt.json");
    expect_test::expect![[r#"
        {
          "apiVersion": "interceptor.dev/v1alpha1",
          "kind": "EgressPolicy",
          "metadata": {
            "name": "keys.txt"
          },
          "spec": {
            "rules": []
          }
        }
    "#]]
    .assert_eq(&document.text);
}

#[test]
fn every_text_that_json_can_hold_is_read_as_the_same_text() {
    let name = "quote \" back \\ slash / tab \t line \n nul-free \u{7f} \u{85} é 🦀 \u{2028}";
    let rule = json!({"name": "r", "match": {"hosts": ["a.example"]}, "action": "block"});
    let spec = json!({"description": name, "rules": [rule]});
    let document = policy("p", &spec, 1, &Value::Null);
    let files = [(document.file.clone(), document.text.clone())];
    let set = interceptor_engine::policy::PolicySet::load(&[], &files);
    assert!(set.is_ok(), "{}", set.unwrap_err());
}

#[test]
fn an_object_is_told_once_what_became_of_it() {
    let fresh = policy("p", &Value::Null, 2, &Value::Null);
    let condition = news(&fresh, None).unwrap();
    assert_eq!(
        (&*condition.status, &*condition.reason, condition.observed_generation),
        ("True", "InForce", 2)
    );
    let known = policy("p", &Value::Null, 2, &told("True", "InForce", "in force", 2));
    assert_eq!(news(&known, None), None);
    // Changed since, and as good: since when it is good stays.
    let changed = policy("p", &Value::Null, 3, &told("True", "InForce", "in force", 2));
    assert_eq!(news(&changed, None).unwrap().last_transition_time, "2026-01-01T00:00:00Z");
}

#[test]
fn whose_mistake_it_is_is_told_and_who_waits_for_it() {
    let wrong = Wrong {
        mistakes: vec![("EgressPolicy/p.json".into(), "no such action".into())],
        otherwise: String::new(),
    };
    let bad = policy("p", &Value::Null, 2, &told("True", "InForce", "in force", 1));
    let condition = news(&bad, Some(&wrong)).unwrap();
    assert_eq!(
        (&*condition.status, &*condition.reason, &*condition.message),
        ("False", "Mistakes", "no such action")
    );
    assert_ne!(condition.last_transition_time, "2026-01-01T00:00:00Z");
    let new = news(&policy("q", &Value::Null, 1, &Value::Null), Some(&wrong)).unwrap();
    assert_eq!((&*new.status, &*new.reason), ("False", "Waiting"));
    assert_eq!(new.message, "not in force before the mistakes in EgressPolicy/p.json are corrected");
    // It was in force as it is, and is.
    assert_eq!(
        news(&policy("r", &Value::Null, 1, &told("True", "InForce", "in force", 1)), Some(&wrong)),
        None
    );
}

#[test]
fn a_message_is_no_longer_than_kubernetes_takes() {
    let wrong =
        Wrong { mistakes: vec![("EgressPolicy/p.json".into(), "é".repeat(9000))], ..Wrong::default() };
    let condition = news(&policy("p", &Value::Null, 1, &Value::Null), Some(&wrong)).unwrap();
    assert!(condition.message.len() < 4200 && condition.message.ends_with('…'));
}

#[test]
fn a_set_is_whole_before_anybody_sees_it_and_numbered_by_what_it_says() {
    let (verdicts, _told) = unbounded_channel();
    let sources = document::KINDS.map(|kind| Source::new(kind.plural, ""));
    let objects = Objects { state: Mutex::default(), changed: Condvar::new(), sources, verdicts };
    let part = |status: &Value| -> Part {
        ["b", "a"].map(|name| (name.into(), policy(name, &json!({}), 1, status))).into()
    };
    objects.publish(0, &part(&Value::Null));
    objects.publish(1, &Part::new());
    assert!(objects.now().is_none() && !objects.wait(Duration::ZERO));
    objects.publish(2, &Part::new());
    let (number, documents) = objects.now().unwrap();
    assert!(objects.wait(Duration::ZERO));
    let names: Vec<_> = documents.iter().map(|document| &*document.name).collect();
    assert_eq!(names, ["a", "b"]);
    // That somebody has told them is no change, and a list that is the same is none.
    objects.publish(0, &part(&told("True", "InForce", "in force", 1)));
    assert_eq!(objects.now().unwrap().0, number);
    objects.publish(0, &Part::new());
    assert_eq!(objects.now().unwrap().0, number + 1);
}

#[test]
fn what_is_kept_comes_back_and_nobody_else_reads_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    assert!(kept(&state).is_err());
    let set = vec![("EgressPolicy/a.json".to_owned(), "{}".to_owned())];
    keep(&state, &set).unwrap();
    assert_eq!(kept(&state).unwrap(), set);
    let mode = state.join("policies.json").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    keep(&state, &[]).unwrap();
    assert_eq!(kept(&state).unwrap(), []);
    std::fs::write(state.join("policies.json"), "{\"documents\": [[").unwrap();
    assert!(kept(&state).is_err());
}

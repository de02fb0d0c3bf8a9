//! Formatting changes how a file looks and nothing of what it says, and a formatted file stays as it is.
#![expect(clippy::unwrap_used, reason = "helpers of tests: a failure is a failed test")]

use expect_test::expect;
use interceptor_engine::document::{Limits, Node, Report, Shape, Value, format, parse};
use interceptor_engine::policy::schema::KINDS;
use proptest::prelude::*;

fn shape(kind: &str) -> Option<&'static Shape> {
    KINDS.iter().find(|known| known.name == kind).map(|known| known.shape)
}

fn formatted(text: &str) -> String {
    let once = format("p.yaml", text, shape).unwrap_or_else(|mistakes| panic!("{mistakes}\n{text}"));
    assert_eq!(format("p.yaml", &once, shape).unwrap(), once, "a second time it changes");
    once
}

/// What a text says, without order.
fn meaning(text: &str) -> Vec<String> {
    fn words(node: &Node, path: &str, out: &mut Vec<String>) {
        match &node.value {
            Value::Scalar { text, plain } => out.push(format!("{path} = {text:?} {plain}")),
            Value::List(items) => {
                items.iter().enumerate().for_each(|(at, item)| words(item, &format!("{path}[{at}]"), out));
            }
            Value::Map(entries) => {
                entries.iter().for_each(|e| words(&e.value, &format!("{path}.{}", e.key), out));
            }
        }
    }
    let report = Report::new();
    let mut out = Vec::new();
    for (at, document) in parse("p", text, Limits::WRITTEN_BY_HAND, &report).iter().enumerate() {
        words(document.node(), &at.to_string(), &mut out);
    }
    assert!(report.is_clean(), "{text}");
    out.sort();
    out
}

#[test]
fn fields_get_their_order_and_comments_stay_where_they_belong() {
    let text = r#"

---
# For everyone.
kind: EgressPolicy   # the kind
apiVersion: interceptor.dev/v1alpha1
metadata: {name: p}
spec:
     # What is doubtful.
     uncertain:
       signedBody: block
       oversizedBody: {request: block, response: audit}


     rules:
     # The first.
     - action: block

       name: no-secrets-out
       # Only requests.
       match:
           detectors: ["secret.*",
             "pii.*"]   # two
           direction: request
       description: |
           # no comment
             indented

           last
     - { name: second, match: {}, action: audit }
# The end.
"#;
    let out = formatted(text);
    assert_eq!(meaning(&out), meaning(text));
    expect![[r##"
        # For everyone.
        apiVersion: interceptor.dev/v1alpha1
        kind: EgressPolicy   # the kind
        metadata: {name: p}
        spec:
          rules:
            # The first.
            - name: no-secrets-out
              description: |
                  # no comment
                    indented

                  last
              # Only requests.
              match:
                direction: request
                detectors: ["secret.*",
                  "pii.*"]   # two
              action: block
            - { name: second, match: {}, action: audit }
          # What is doubtful.
          uncertain:
            oversizedBody: {request: block, response: audit}
            signedBody: block
        # The end.
    "##]]
    .assert_eq(&out);
}

#[test]
fn shipped_policies_are_formatted_already() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    for name in ["default", "strict", "coding-agent", "shadow-rollout", "examples/one-provider-trusted"] {
        let text = std::fs::read_to_string(root.join(format!("{name}.yaml"))).unwrap();
        assert_eq!(formatted(&text), text, "{name}");
    }
}

#[test]
fn a_marker_is_one_whatever_blanks_stand_behind_it() {
    for text in ["---\r", "--- \n--- ", "---\t\na: 1\n", "a: 1\n--- \nb: 2\n...\r"] {
        formatted(text);
    }
}

#[test]
fn a_carriage_return_ends_a_line() {
    assert_eq!(formatted("a: 1\r\nb:\r  - c\r# d\r"), "a: 1\nb:\n  - c\n# d\n");
    formatted("\u{3}::\r\r\r\n\t\n\ne:");
}

#[test]
fn what_is_no_yaml_is_refused_with_its_place() {
    let said = format("p.yaml", "a: [b\n", shape).unwrap_err().to_string();
    assert!(said.starts_with("p.yaml:2:1: not valid YAML"), "{said}");
    assert!(format("p.yaml", "a: &x 1\n", shape).is_err());
}

/// A value of a made-up document.
#[derive(Debug, Clone)]
enum Made {
    Word(String),
    Flow(Vec<String>),
    Text(Vec<String>),
    List(Vec<Made>),
    Map(Vec<(String, Made)>),
}

fn made() -> impl Strategy<Value = Made> {
    let word = "[a-z]{1,6}|'#[a-z ]{0,4}'|\"a: [b]\"";
    let leaf = prop_oneof![
        word.prop_map(Made::Word),
        prop::collection::vec("[a-z]{1,4}", 0..3).prop_map(Made::Flow),
        prop::collection::vec("[a-z#-]{0,3}( [a-z#:]{1,3})?", 1..4).prop_map(Made::Text),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Made::List),
            prop::collection::btree_map("[a-z]{1,5}", inner, 1..4)
                .prop_map(|map| Made::Map(map.into_iter().collect())),
        ]
    })
}

/// Writes it with `step` blanks for each level, and a comment above every other field.
fn write(value: &Made, indent: usize, step: usize, out: &mut String) {
    let blanks = " ".repeat(indent);
    match value {
        Made::Word(word) => out.push_str(&format!(" {word}\n")),
        Made::Flow(words) => out.push_str(&format!(" [{}] # flow\n", words.join(", "))),
        Made::Text(lines) => {
            out.push_str(" |\n");
            // The first line of a text says how deep it is.
            out.push_str(&format!("{blanks}first\n"));
            lines.iter().for_each(|line| out.push_str(&format!("{blanks}{line}\n")));
        }
        Made::List(items) => {
            out.push('\n');
            for item in items {
                out.push_str(&format!("{blanks}-"));
                write(item, indent + step.max(2), step, out);
            }
        }
        Made::Map(fields) => {
            out.push('\n');
            for (at, (name, value)) in fields.iter().enumerate() {
                if at % 2 == 1 {
                    out.push_str(&format!("\n\n{blanks}# above {name}\n"));
                }
                out.push_str(&format!("{blanks}{name}:"));
                write(value, indent + step, step, out);
            }
        }
    }
}

#[test]
fn what_would_not_settle_is_left_alone() {
    // A block of text that consists of a tab: what belongs to it depends on how far it is indented.
    let mistakes = format("test.yaml", "-\r-  >\r\r\t", shape).unwrap_err();
    assert!(mistakes.to_string().contains("cannot be formatted"), "{mistakes}");
}

proptest! {
    /// What is formatted says the same as before, and is as it will stay.
    #[test]
    fn whatever_is_formatted_means_the_same(fields in prop::collection::btree_map("[a-z]{1,5}", made(), 1..4), step in 1usize..5) {
        let mut text = String::new();
        write(&Made::Map(fields.into_iter().collect()), 0, step, &mut text);
        let once = formatted(&text);
        prop_assert_eq!(meaning(&once), meaning(&text));
    }
}

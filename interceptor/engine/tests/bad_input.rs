//! What people get wrong in sets of policies, each with what they are told. Files of 50 MB, files that are being written
//! and links that lead in a circle are met where files are read, in the daemon's tests of delivery.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop here")]

use expect_test::{Expect, expect};
use interceptor_engine::Policy;
use interceptor_engine::policy::PolicySet;

const HEAD: &str = "apiVersion: interceptor.dev/v1alpha1\nkind: EgressPolicy\nmetadata: { name: p }\nspec:\n";

fn load(files: &[(&str, &str)]) -> Result<PolicySet, String> {
    let files: Vec<_> = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    PolicySet::load(&[], &files).map_err(|mistakes| mistakes.to_string())
}

fn refused(files: &[(&str, &str)], expected: Expect) {
    expected.assert_eq(&load(files).unwrap_err());
}

fn rule(rule: &str, expected: Expect) {
    refused(&[("p.yaml", &format!("{HEAD}  rules: [{rule}]\n"))], expected);
}

#[test]
fn unknown_fields_and_wrong_types() {
    rule(
        "{ name: a, match: {}, action: block, until: friday }",
        expect![
            "p.yaml:5:48: spec.rules[0]: unknown field `until`; expected one of `name`, `description`, `match`, `action`, `headers`, `mode`"
        ],
    );
    rule(
        "{ name: a, match: [], action: block }",
        expect![
            "p.yaml:5:29: spec.rules[0].match: is a list; expected a mapping with `direction`, `detectors`, `confidence`, `atLeast`, `tools`, `arguments`, `call`, `providers`, `hosts`, `paths`, `operations`, `models`, `mcpMethods`, `size`, `time`, `when`"
        ],
    );
    rule(
        "{ name: [a], match: {}, action: block }",
        expect!["p.yaml:5:19: spec.rules[0].name: is a list; expected a word"],
    );
    rule(
        "{ name: a, match: { direction: request, detectors: secret.aws }, action: block }",
        expect!["p.yaml:5:62: spec.rules[0].match.detectors: is a single value; expected a list"],
    );
    rule(
        "{ name: a, match: { direction: request, detectors: ['*'], atLeast: many }, action: block }",
        expect![
            "p.yaml:5:78: spec.rules[0].match.atLeast: `many` is not allowed; expected a whole number from 1 to 100000"
        ],
    );
    refused(&[("p.yaml", "- just\n- a list\n")], expect!["p.yaml:1:1: is a list; expected a mapping"]);
    refused(&[("p.yaml", "")], expect!["p.yaml:1:1: the file holds no document; expected a policy"]);
}

#[test]
fn references_that_are_missing_or_lead_in_a_circle() {
    rule(
        "{ name: a, match: { direction: request, detectors: [acme.project] }, action: block }",
        expect![
            "p.yaml:5:63: spec.rules[0].match.detectors[0]: unknown detector `acme.project`; expected a detector such as `pii.email`, or a pattern such as `secret.*`"
        ],
    );
    rule(
        "{ name: a, match: { providers: [acme] }, action: block }",
        expect![
            "p.yaml:5:43: spec.rules[0].match.providers[0]: unknown provider `acme`; expected providers of the catalogue, or a pattern that fits one"
        ],
    );
    let kind = |kind: &str, spec: &str| {
        format!("apiVersion: interceptor.dev/v1alpha1\nkind: {kind}\nmetadata: {{ name: n }}\nspec: {spec}\n")
    };
    let list = kind("DetectorSet", "{ detectors: [{ name: a.b, literalsFile: names.txt }] }");
    refused(
        &[("d.yaml", &list)],
        expect![
            "d.yaml:4:48: spec.detectors[0].literalsFile: unknown list `names.txt`; expected the name of a `.txt` file that is loaded, too"
        ],
    );
    refused(
        &[
            ("d.yaml", &kind("DetectorSet", "{ detectors: [{ name: a.b, literals: [abc] }] }")),
            ("names.txt", "x"),
        ],
        expect!["names.txt:1:1: no detector reads this list; expected a `literalsFile` with its name"],
    );
    let circle = "{ formats: [{ id: a, paths: [/a], sameAs: b }, { id: b, paths: [/b], sameAs: c }, { id: c, paths: [/c], request: { include: [{ format: a }] } }] }";
    refused(
        &[("e.yaml", &kind("EndpointCatalog", circle))],
        expect![[r#"
        e.yaml:4:49: spec.formats[0].sameAs: the formats name each other in a circle
        e.yaml:4:84: spec.formats[1].sameAs: the formats name each other in a circle
        e.yaml:4:142: spec.formats[2].request.include[0].format: the formats include each other in a circle"#]],
    );
    refused(
        &[("e.yaml", &kind("EndpointCatalog", "{ formats: [{ id: a, paths: [/a], sameAs: openai.chat }] }"))],
        expect![
            "e.yaml:4:49: spec.formats[0].sameAs: unknown format `openai.chat`; expected one of `openai.chat_completions`, `openai.responses`, `openai.completions`, `openai.embeddings`, `openai.moderations`, `openai.images`, `openai.audio`, `openai.files`, `openai.batches`, `openai.file_content`, `openai.assistants`, `openai.realtime`"
        ],
    );
}

#[test]
fn patterns_that_could_be_slow_or_fit_nothing() {
    let set = "apiVersion: interceptor.dev/v1alpha1\nkind: DetectorSet\nmetadata: { name: n }\nspec:\n  detectors: [{ name: a.b, pattern: '(x+x+)+y' }]\n";
    refused(
        &[("d.yaml", set)],
        expect![
            "d.yaml:5:37: spec.detectors[0].pattern: at character 7: the repetition has no end; expected a bound, such as `{1,32}`"
        ],
    );
    rule(
        "{ name: a, match: { providers: ['opneai*'] }, action: block }",
        expect![
            "p.yaml:5:43: spec.rules[0].match.providers[0]: unknown provider `opneai*`; expected providers of the catalogue, or a pattern that fits one; did you mean `openai`?"
        ],
    );
    rule(
        "{ name: a, match: { operations: ['*.chatt'] }, action: block }",
        expect![
            "p.yaml:5:44: spec.rules[0].match.operations[0]: unknown operation `*.chatt`; expected operations of the catalogue, or a pattern that fits one"
        ],
    );
    rule(
        "{ name: a, match: { direction: request, detectors: ['secrets.*'] }, action: block }",
        expect![
            "p.yaml:5:63: spec.rules[0].match.detectors[0]: unknown detector `secrets.*`; expected a detector such as `pii.email`, or a pattern such as `secret.*`; did you mean `secret.*`?"
        ],
    );
}

#[test]
fn policies_that_contradict_each_other() {
    let one = format!(
        "{HEAD}  subjects: [{{ namespaces: [pay] }}]\n  rules: [{{ name: a, match: {{ models: [m] }}, action: allow }}]\n"
    );
    let other = one.replace("name: a,", "name: b,").replace("action: allow", "action: block");
    refused(
        &[("one.yaml", &one), ("other.yaml", &other)],
        expect![
            "other.yaml:6:11: spec.rules[0]: contradicts the rule `a` at one.yaml:6: for the same callers and the same match it says `allow`, this one `block`; expected one of the two"
        ],
    );
    // For other callers it is no contradiction.
    assert!(load(&[("one.yaml", &one), ("other.yaml", &other.replace("[pay]", "[shop]"))]).is_ok());
}

#[test]
fn expressions_of_the_wrong_type() {
    rule(
        "{ name: a, match: { when: 'size > \"1MiB\"' }, action: block }",
        expect![
            "p.yaml:5:37: spec.rules[0].match.when: cannot be evaluated: found no matching overload for '_>_' applied to '(int, string)'; expected an expression of CEL that is true or false"
        ],
    );
    rule(
        "{ name: a, match: { when: 'size + 1' }, action: block }",
        expect![
            "p.yaml:5:37: spec.rules[0].match.when: is int, not true or false; expected an expression of CEL that is true or false"
        ],
    );
    rule(
        "{ name: a, match: { when: 'sise > 1' }, action: block }",
        expect![
            "p.yaml:5:37: spec.rules[0].match.when: asks for `sise`, which is no fact; did you mean `size`?; expected an expression of CEL that is true or false"
        ],
    );
    rule(
        "{ name: a, match: { when: 'size >' }, action: block }",
        expect![
            "p.yaml:5:37: spec.rules[0].match.when: is no expression: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER} at 1:7 of it; expected an expression of CEL that is true or false"
        ],
    );
}

/// The beginning of a file is refused, or is a policy that says less; it is never something else.
#[test]
fn half_a_file() {
    let whole = format!(
        "{HEAD}  rules:\n    - name: first\n      match: {{ models: [m] }}\n      action: block\n    - name: second\n      match: {{ models: [n] }}\n      action: audit\n"
    );
    let mut taken = 0;
    for end in 0..whole.len() {
        // Read by itself: a set would begin with the whole catalogue each time.
        match Policy::load(&[("p.yaml", &whole[..end])]) {
            Ok(policy) => {
                let rules: Vec<_> = policy.rules().iter().map(|rule| rule.name().to_string()).collect();
                assert!(rules == ["first"] || rules == ["first", "second"], "{end}: {rules:?}");
                taken += 1;
            }
            Err(mistakes) => assert!(mistakes.to_string().starts_with("p.yaml:"), "{end}: {mistakes}"),
        }
    }
    assert!(taken > 0);
    let at = |end: &str| &whole[..whole.find(end).unwrap() + end.len()];
    refused(
        &[("p.yaml", at("match: { mod"))],
        expect!["p.yaml:8:1: not valid YAML: while parsing a flow mapping, did not find expected ',' or '}'"],
    );
    refused(
        &[("p.yaml", at("- name: sec"))],
        expect![[r#"
        p.yaml:9:7: spec.rules[1]: the field `match` is missing
        p.yaml:9:7: spec.rules[1]: the field `action` is missing"#]],
    );
}

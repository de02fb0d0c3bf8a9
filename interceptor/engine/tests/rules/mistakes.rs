//! What is said about policies that are wrong.

use expect_test::{Expect, expect};
use interceptor_engine::Policy;

pub(super) fn mistakes(spec: &str, expected: Expect) {
    let head = "apiVersion: interceptor.dev/v1alpha1\nkind: EgressPolicy\nmetadata: { name: t }\nspec:\n";
    let indented: String = spec.lines().map(|line| format!("  {line}\n")).collect();
    let error = Policy::load(&[("p.yaml", format!("{head}{indented}"))]).unwrap_err();
    expected.assert_eq(&error.to_string());
}

#[test]
fn everything_that_is_wrong_in_a_match_is_told_at_once() {
    mistakes(
        "\
subjects:
  - {}
  - { namespace: a }
  - { podLabels: { app: [] } }
rules:
  - { name: a, match: { tolls: [x] }, action: block }
  - { name: b, match: { time: { days: [monday], from: \"25:00\", zone: CET } }, action: block }
  - { name: c, match: { size: {} }, action: block }
  - { name: d, match: { size: { over: 10, under: 11 } }, action: block }
  - { name: e, match: { direction: response }, action: block }
  - { name: f, match: { atLeast: 3 }, action: block }
  - { name: g, match: { tools: [x] }, action: redact }
  - { name: h, match: { paths: [/x] }, action: passthrough }
  - { name: i, match: {}, action: { block: { status: 200 } } }
  - { name: j, match: { models: [x] }, action: audit, headers: { remove: [x] } }
  - { name: k, match: {}, action: audit, headers: { remove: [Host] } }",
        expect![[r#"
            p.yaml:6:7: spec.subjects[0]: selects nobody in particular; expected at least one field; everyone is no `subjects` at all
            p.yaml:7:7: spec.subjects[1]: selects nobody in particular; expected at least one field; everyone is no `subjects` at all
            p.yaml:7:9: spec.subjects[1]: unknown field `namespace`; expected one of `namespaces`, `namespaceLabels`, `pods`, `podLabels`, `serviceAccounts`, `containers`, `images`, `executables`, `units`, `users`, `cgroups`, `known`; did you mean `namespaces`?
            p.yaml:8:27: spec.subjects[2].podLabels.app: is an empty list; expected at least one element
            p.yaml:10:27: spec.rules[0].match: unknown field `tolls`; expected one of `direction`, `detectors`, `confidence`, `atLeast`, `tools`, `arguments`, `call`, `providers`, `hosts`, `paths`, `operations`, `models`, `mcpMethods`, `size`, `time`, `when`; did you mean `tools`?
            p.yaml:11:42: spec.rules[1].match.time.days[0]: `monday` is not allowed; expected a day or a span of days, such as `mon` or `mon-fri`
            p.yaml:11:57: spec.rules[1].match.time.from: `25:00` is not allowed; expected a time of day such as `08:30` or `24:00`
            p.yaml:11:72: spec.rules[1].match.time.zone: `CET` is not allowed; expected `UTC`, or a distance from it such as `+02:00`
            p.yaml:12:33: spec.rules[2].match.size: asks for nothing; expected `over`, `under` or both
            p.yaml:13:33: spec.rules[3].match.size: nothing is of such a size; expected `under` greater than `over`
            p.yaml:14:38: spec.rules[4].match.direction: an exchange begins with its request; expected `request`, or `detectors` or `tools` to look for
            p.yaml:15:36: spec.rules[5].match.atLeast: says something of findings; expected `detectors` beside it
            p.yaml:16:49: spec.rules[6].action: there is nothing to redact; expected `redact` in rules with `detectors`
            p.yaml:17:50: spec.rules[7].action: is decided before there is a request; expected a match of `providers`, `hosts` and `time` only
            p.yaml:18:56: spec.rules[8].action.block.status: `200` is not allowed; expected a whole number from 400 to 499
            p.yaml:19:66: spec.rules[9].headers: leave before the body is read; expected a match without `models`, `tools`, `mcpMethods`, `size` and expressions about them
            p.yaml:20:64: spec.rules[10].headers.remove[0]: `host` says what the request is; expected another header"#]],
    );
}

#[test]
fn expressions_are_checked_when_they_are_read() {
    mistakes(
        "\
rules:
  - { name: a, match: { when: 'provder == \"x\"' }, action: block }
  - { name: b, match: { when: 'size' }, action: block }
  - { name: c, match: { when: 'size > \"1\"' }, action: block }
  - { name: d, match: { when: 'size >' }, action: block }
  - { name: e, match: { when: 'nothing(size)' }, action: block }
  - { name: f, match: { when: '((((((((((((((((((((((((((true))))))))))))))))))))))))))' }, action: block }",
        expect![[r#"
            p.yaml:6:33: spec.rules[0].match.when: asks for `provder`, which is no fact; did you mean `provider`?; expected an expression of CEL that is true or false
            p.yaml:7:33: spec.rules[1].match.when: is int, not true or false; expected an expression of CEL that is true or false
            p.yaml:8:33: spec.rules[2].match.when: cannot be evaluated: found no matching overload for '_>_' applied to '(int, string)'; expected an expression of CEL that is true or false
            p.yaml:9:33: spec.rules[3].match.when: is no expression: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER} at 1:7 of it; expected an expression of CEL that is true or false
            p.yaml:10:33: spec.rules[4].match.when: cannot be evaluated: Undeclared reference to 'nothing'; expected an expression of CEL that is true or false
            p.yaml:11:33: spec.rules[5].match.when: nests brackets deeper than 24 levels; expected an expression of CEL that is true or false"#]],
    );
}

#[test]
fn rules_that_contradict_each_other_are_told() {
    mistakes(
        "\
rules:
  - { name: a, match: { providers: [openai] }, action: allow }
  - { name: b, match: { providers: [openai] }, action: block }
  - { name: c, match: { providers: [openai] }, action: block, mode: shadow }",
        expect![
            "p.yaml:7:7: spec.rules[1]: contradicts the rule `a` at p.yaml:6: for the same callers and the same match it says `allow`, this one `block`; expected one of the two"
        ],
    );
}

#[test]
fn what_is_enforced_before_anything_is_said_asks_for_nothing_that_is_said() {
    mistakes(
        "\
rules:
  - { name: a, match: { models: [x] }, action: { block: { at: connect } } }
  - { name: b, match: { detectors: ['*'], direction: request }, action: { block: { at: connect } } }
  - { name: c, match: { hosts: [x.example] }, action: { block: { at: connect } } }
  - { name: d, match: {}, action: { block: { at: connect, message: Ask us. } } }
  - { name: e, match: {}, action: { block: { at: never } } }
  - { name: f, match: { providers: [openai] }, action: { block: { at: connect } } }",
        expect![[r#"
            p.yaml:6:50: spec.rules[0].action: cannot be `at: connect`, before anything is said; expected a match of `providers` only, and no `headers`
            p.yaml:7:75: spec.rules[1].action: cannot be `at: connect`, before anything is said; expected a match of `providers` only, and no `headers`
            p.yaml:8:57: spec.rules[2].action: cannot be `at: connect`, before anything is said; expected a match of `providers` only, and no `headers`
            p.yaml:9:52: spec.rules[3].action.block.at: leaves nobody to be told a `status` or a `message`; expected `exchange` beside them
            p.yaml:10:52: spec.rules[4].action.block.at: unknown value `never`; expected one of `exchange`, `connect`"#]],
    );
}

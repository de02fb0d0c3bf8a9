//! What policies decide, and what is said about files that are wrong.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop here")]

use expect_test::{Expect, expect};
use interceptor_engine::detect::{Confidence, DetectorId};
use interceptor_engine::policy::{
    Action, Answer, Context, Direction, Policy, Reach, Redaction, Subject, Uncertainty, Vocabulary,
};

const DEFAULT: &str = include_str!("../../../policies/default.yaml");
const STRICT: &str = include_str!("../../../policies/strict.yaml");
const EXAMPLE: &str = include_str!("../../../policies/examples/one-provider-trusted.yaml");

fn id(name: &str) -> DetectorId {
    DetectorId::named(name).unwrap()
}

fn context<'a>(provider: &'a str, operation: &'a str, subject: &'a Subject) -> Context<'a> {
    Context { provider, host: "api.example", method: "POST", path: "/v1/x", operation, subject, at: 0 }
}

/// A policy of these rules, each `name | match | action` with an optional mode.
fn policy(rules: &[(&str, &str, &str)]) -> Policy {
    let mut text =
        "apiVersion: interceptor.dev/v1alpha1\nkind: EgressPolicy\nmetadata: {name: t}\nspec:\n  rules:\n"
            .to_owned();
    for (name, matches, rest) in rules {
        text.push_str(&format!("    - {{name: {name}, match: {{{matches}}}, {rest}}}\n"));
    }
    Policy::load(&[("t.yaml", text)]).unwrap()
}

/// Decides about a medium finding in a request to openai.
fn decide(policy: &Policy, detector: &str) -> String {
    let subject = Subject::default();
    let scope = policy.scope(&context("openai", "openai.chat_completions", &subject));
    let decision = scope.decide(Direction::Request, id(detector), Confidence::Medium);
    let rule = decision.rule.as_deref().unwrap_or("-");
    let shadow = decision.shadow.as_ref().map(|s| format!(", would {} by {}", s.action.name(), s.rule));
    format!("{} by {rule}{}", decision.action.name(), shadow.unwrap_or_default())
}

fn mistakes(text: &str, expected: Expect) {
    let error = Policy::load(&[("p.yaml", text)]).unwrap_err();
    expected.assert_eq(&error.to_string());
}

#[test]
fn the_shipped_policies_load_and_decide() {
    let subject = Subject::default();
    let context = context("openai", "openai.responses", &subject);
    let scope = Policy::builtin().scope(&context);
    let decide = |direction, name| scope.decide(direction, id(name), Confidence::Medium).action;
    assert_eq!(decide(Direction::Request, "secret.jwt"), Action::Block);
    assert_eq!(decide(Direction::Request, "pii.card"), Action::Redact(Redaction::Label));
    assert_eq!(decide(Direction::Response, "pii.card"), Action::Audit);
    assert_eq!(scope.strongest(Direction::Request), Reach::Block);
    assert_eq!(scope.strongest(Direction::Response), Reach::Audit);

    let strict = Policy::load(&[("strict.yaml", STRICT)]).unwrap().scope(&context);
    assert_eq!(strict.strongest(Direction::Response), Reach::Rewrite);
    assert_eq!(strict.decide(Direction::Request, id("pii.iban"), Confidence::High).action, Action::Block);
    for direction in Direction::ALL {
        assert_eq!(strict.when(Uncertainty::OversizedBody, direction).0, Answer::Block);
    }
}

#[test]
fn an_allow_listed_before_is_an_exemption() {
    let subject = Subject::default();
    let policy = Policy::load(&[("example.yaml", EXAMPLE)]).unwrap();
    let action = |provider: &str| {
        let scope = policy.scope(&context(provider, "x", &subject));
        scope.decide(Direction::Request, id("pii.email"), Confidence::High).action
    };
    assert_eq!(action("anthropic"), Action::Allow);
    assert_eq!(action("openai"), Action::Redact(Redaction::Label));
}

#[test]
fn the_strongest_action_wins_whatever_the_order() {
    let any = "direction: both, detectors: ['*']";
    let wide = "direction: both, detectors: ['*'], confidence: low";
    let email = "direction: both, detectors: [pii.email]";
    for (rules, expected) in [
        (vec![("a", any, "action: audit"), ("b", email, "action: block")], "block by b"),
        (vec![("b", email, "action: block"), ("a", any, "action: audit")], "block by b"),
        (vec![("a", any, "action: redact"), ("b", email, "action: redact")], "redact by a"),
        (vec![("a", email, "action: allow"), ("b", any, "action: block")], "allow by a"),
        (vec![("b", any, "action: audit"), ("a", email, "action: allow")], "audit by b"),
        (
            vec![("b", any, "action: audit"), ("a", email, "action: allow"), ("c", wide, "action: block")],
            "audit by b",
        ),
        (vec![("a", "direction: response, detectors: ['*']", "action: block")], "allow by -"),
        (vec![("a", "direction: both, detectors: ['*'], confidence: high", "action: block")], "allow by -"),
        (
            vec![("a", "direction: both, detectors: ['*'], providers: ['ant*']", "action: block")],
            "allow by -",
        ),
    ] {
        assert_eq!(decide(&policy(&rules), "pii.email"), expected);
    }
}

#[test]
fn a_rule_in_shadow_only_tells() {
    let any = "direction: both, detectors: ['*']";
    let shadow = "action: block, mode: shadow";
    assert_eq!(decide(&policy(&[("s", any, shadow)]), "pii.email"), "allow by -, would block by s");
    let both = [("s", any, shadow), ("r", any, "action: redact")];
    assert_eq!(decide(&policy(&both), "pii.email"), "redact by r, would block by s");
    let weaker = [("s", any, "action: audit, mode: shadow"), ("r", any, "action: redact")];
    assert_eq!(decide(&policy(&weaker), "pii.email"), "redact by r");
    let exempt = [("s", any, "action: allow, mode: shadow"), ("r", any, "action: redact")];
    assert_eq!(decide(&policy(&exempt), "pii.email"), "redact by r, would allow by s");

    let subject = Subject::default();
    let scope = policy(&[("s", any, shadow)]).scope(&context("x", "y", &subject));
    assert_eq!(scope.strongest(Direction::Request), Reach::Audit, "a shadow must see, and must not hold");
}

/// More selectors than tables are made for in advance: the same decisions.
#[test]
fn many_selectors_decide_like_few() {
    let names: Vec<String> = (0..20).map(|i| format!("provider-{i}")).collect();
    let matches: Vec<String> =
        names.iter().map(|n| format!("direction: both, detectors: ['pii.*'], providers: [{n}]")).collect();
    for count in [1, 6, 7, 20] {
        let rules: Vec<_> =
            (0..count).map(|i| (names[i].as_str(), matches[i].as_str(), "action: block")).collect();
        let policy = policy(&rules);
        let subject = Subject::default();
        for (i, name) in names.iter().enumerate() {
            let scope = policy.scope(&context(name, "x", &subject));
            let decision = scope.decide(Direction::Request, id("pii.email"), Confidence::High);
            assert_eq!(decision.rule.as_deref(), (i < count).then_some(name.as_str()));
        }
    }
}

#[test]
fn the_version_follows_the_text_and_nothing_else() {
    let version = |files: &[(&str, &str)]| Policy::load(files).unwrap().version().to_owned();
    assert_eq!(version(&[("a", DEFAULT)]), version(&[("b", DEFAULT)]));
    assert_ne!(version(&[("a", DEFAULT)]), version(&[("a", STRICT)]));
    assert_eq!(version(&[("a", DEFAULT)]), Policy::builtin().version());
    assert_eq!(Policy::builtin().version().len(), 16);
}

#[test]
fn ten_mistakes_are_reported_at_once() {
    mistakes(
        r#"
apiVersion: interceptor.dev/v1alpha2
kind: EgressPolici
metadata: { name: Default }
spec:
  rules:
    - name: a
      match: { direction: requests, detectors: ["secrets.*", pii.emial], confidence: sure }
      acton: block
    - name: a
      match: { direction: request, detectors: [], providers: [OpenAI] }
      action: blok
      mode: shado
    - just a word
  uncertain:
    oversizeBody: block
    malformedJson: maybe
"#,
        expect![[r#"
            p.yaml:2:13: apiVersion: unknown value `interceptor.dev/v1alpha2`; expected `interceptor.dev/v1alpha1`; did you mean `interceptor.dev/v1alpha1`?
            p.yaml:3:7: kind: unknown value `EgressPolici`; expected `EgressPolicy`; did you mean `EgressPolicy`?
            p.yaml:4:19: metadata.name: `Default` is not allowed; expected at most 63 lower-case letters, digits and `-`, with a letter or digit at both ends
            p.yaml:7:7: spec.rules[0]: the field `action` is missing
            p.yaml:8:27: spec.rules[0].match.direction: unknown value `requests`; expected one of `request`, `response`, `both`; did you mean `request`?
            p.yaml:8:49: spec.rules[0].match.detectors[0]: unknown detector `secrets.*`; expected a detector such as `pii.email`, or a pattern such as `secret.*`; did you mean `secret.*`?
            p.yaml:8:62: spec.rules[0].match.detectors[1]: unknown detector `pii.emial`; expected a detector such as `pii.email`, or a pattern such as `secret.*`; did you mean `pii.email`?
            p.yaml:8:86: spec.rules[0].match.confidence: unknown value `sure`; expected one of `low`, `medium`, `high`
            p.yaml:9:7: spec.rules[0]: unknown field `acton`; expected one of `name`, `description`, `match`, `action`, `headers`, `mode`; did you mean `action`?
            p.yaml:10:13: spec.rules[1].name: the name `a` is taken by the rule at p.yaml:7; expected another name
            p.yaml:11:47: spec.rules[1].match.detectors: is an empty list; expected at least one element
            p.yaml:11:63: spec.rules[1].match.providers[0]: `OpenAI` is not allowed; expected lower-case letters, digits, `.`, `_`, `-` and `*`
            p.yaml:12:15: spec.rules[1].action: unknown value `blok`; expected one of `passthrough`, `allow`, `audit`, `redact`, `block`; did you mean `block`?
            p.yaml:13:13: spec.rules[1].mode: unknown value `shado`; expected one of `enforce`, `shadow`; did you mean `shadow`?
            p.yaml:14:7: spec.rules[2]: is a single value; expected a mapping with `name`, `description`, `match`, `action`, `headers`, `mode`
            p.yaml:16:5: spec.uncertain: unknown field `oversizeBody`; expected one of `oversizedBody`, `undecodableBody`, `decodeLimit`, `malformedJson`, `unknownFormat`, `binaryContent`, `unrewritable`, `signedBody`, `notInspected`, `untrustedClient`, `unknownCaller`, `unknownModel`, `failedCondition`; did you mean `oversizedBody`?
            p.yaml:17:20: spec.uncertain.malformedJson: unknown value `maybe`; expected one of `allow`, `audit`, `block`"#]],
    );
}

#[test]
fn what_is_no_policy_is_said_plainly() {
    mistakes("", expect!["p.yaml:1:1: the file holds no document; expected a policy"]);
    mistakes("# nothing\n---\n", expect!["p.yaml:1:1: the file holds no document; expected a policy"]);
    mistakes(
        "a: [b\n",
        expect!["p.yaml:2:1: not valid YAML: while parsing a flow sequence, expected ',' or ']'"],
    );
    mistakes(
        "- a\n",
        expect!["p.yaml:1:1: is a list; expected a mapping with `apiVersion`, `kind`, `metadata`, `spec`"],
    );
    mistakes(
        "a: &x 1\nb: *x\na: !t 2\n",
        expect![[r#"
        p.yaml:1:1: unknown field `a`; expected one of `apiVersion`, `kind`, `metadata`, `spec`
        p.yaml:1:1: the field `apiVersion` is missing
        p.yaml:1:1: the field `kind` is missing
        p.yaml:1:1: the field `metadata` is missing
        p.yaml:1:1: the field `spec` is missing
        p.yaml:1:4: anchors (`&name`) are not supported
        p.yaml:2:1: unknown field `b`; expected one of `apiVersion`, `kind`, `metadata`, `spec`
        p.yaml:2:4: aliases (`*name`) are not supported; expected the value itself
        p.yaml:3:1: the key `a` is there twice (first in line 1)
        p.yaml:3:4: tags (`!name`) are not supported"#]],
    );
}

#[test]
fn mistakes_of_all_files_are_reported_in_the_order_of_the_files() {
    let bad = DEFAULT.replace("action: audit", "action: adit");
    let error = Policy::load(&[("b.yaml", bad.as_str()), ("a.yaml", DEFAULT)]).unwrap_err();
    expect![[r#"
        b.yaml:28:15: spec.rules[2].action: unknown value `adit`; expected one of `passthrough`, `allow`, `audit`, `redact`, `block`; did you mean `audit`?
        b.yaml:35:15: spec.rules[3].action: unknown value `adit`; expected one of `passthrough`, `allow`, `audit`, `redact`, `block`; did you mean `audit`?
        a.yaml:9:13: spec.rules[0].name: the name `no-secrets-out` is taken by the rule at b.yaml:9; expected another name
        a.yaml:16:13: spec.rules[1].name: the name `mask-personal-data` is taken by the rule at b.yaml:16; expected another name
        a.yaml:23:13: spec.rules[2].name: the name `note-injections` is taken by the rule at b.yaml:23; expected another name
        a.yaml:30:13: spec.rules[3].name: the name `watch-answers` is taken by the rule at b.yaml:30; expected another name
        a.yaml:39:20: spec.uncertain.oversizedBody: is already answered at b.yaml:39; expected one answer
        a.yaml:40:22: spec.uncertain.undecodableBody: is already answered at b.yaml:40; expected one answer
        a.yaml:41:18: spec.uncertain.decodeLimit: is already answered at b.yaml:41; expected one answer
        a.yaml:42:20: spec.uncertain.malformedJson: is already answered at b.yaml:42; expected one answer
        a.yaml:43:20: spec.uncertain.unknownFormat: is already answered at b.yaml:43; expected one answer
        a.yaml:44:20: spec.uncertain.binaryContent: is already answered at b.yaml:44; expected one answer
        a.yaml:45:19: spec.uncertain.unrewritable: is already answered at b.yaml:45; expected one answer
        a.yaml:46:17: spec.uncertain.signedBody: is already answered at b.yaml:46; expected one answer
        a.yaml:47:19: spec.uncertain.notInspected: is already answered at b.yaml:47; expected one answer
        a.yaml:48:22: spec.uncertain.untrustedClient: is already answered at b.yaml:48; expected one answer
        a.yaml:49:20: spec.uncertain.unknownCaller: is already answered at b.yaml:49; expected one answer
        a.yaml:50:19: spec.uncertain.unknownModel: is already answered at b.yaml:50; expected one answer
        a.yaml:51:22: spec.uncertain.failedCondition: is already answered at b.yaml:51; expected one answer"#]].assert_eq(&error.to_string());
}

#[test]
fn names_outside_the_vocabulary_are_mistakes() {
    let vocabulary =
        Vocabulary { providers: &["openai", "mistral"], operations: &["openai.responses"], registry: None };
    Policy::load_checked(&[("default.yaml", DEFAULT)], &vocabulary).unwrap();
    let error = Policy::load_checked(&[("example.yaml", EXAMPLE)], &vocabulary).unwrap_err();
    expect!["example.yaml:14:70: spec.rules[1].match.providers[0]: unknown provider `anthropic`; expected providers of the catalogue, or a pattern that fits one"].assert_eq(&error.to_string());
}

#[test]
fn what_says_least_is_the_strongest_redaction() {
    let ways = ["{redact: reversible}", "{redact: {with: token}}", "redact", "{redact: {with: label}}"];
    let parsed = ways
        .map(|way| policy(&[("r", "direction: request, detectors: ['pii.*']", &format!("action: {way}"))]));
    let action = |policy: &Policy| policy.rules()[0].action();
    assert_eq!(
        parsed.each_ref().map(action),
        [
            Action::Redact(Redaction::Reversible { in_tools: false }),
            Action::Redact(Redaction::Token),
            Action::Redact(Redaction::Label),
            Action::Redact(Redaction::Label),
        ]
    );
    let both = policy(&[
        (
            "back",
            "direction: request, detectors: ['pii.*']",
            "action: {redact: {with: reversible, restoreIn: [text, toolArguments]}}",
        ),
        ("token", "direction: request, detectors: [pii.email]", "action: {redact: token}"),
        ("label", "direction: request, detectors: [pii.card]", "action: redact"),
    ]);
    let subject = Subject::default();
    let scope = both.scope(&context("openai", "openai.chat_completions", &subject));
    let decide = |name| scope.decide(Direction::Request, id(name), Confidence::High).action;
    assert_eq!(decide("pii.email"), Action::Redact(Redaction::Token));
    assert_eq!(decide("pii.card"), Action::Redact(Redaction::Label));
    assert_eq!(decide("pii.iban"), Action::Redact(Redaction::Reversible { in_tools: true }));
    assert!(
        scope.makes_tokens(Direction::Request)
            && !scope.makes_tokens(Direction::Response)
            && scope.restores()
    );
}

#[test]
fn mistakes_about_redaction_are_reported() {
    let rule = |action: &str| {
        let text = format!(
            "apiVersion: interceptor.dev/v1alpha1\nkind: EgressPolicy\nmetadata: {{name: t}}\nspec:\n  rules:\n    \
             - {{name: r, match: {{direction: request, detectors: ['pii.*']}}, action: {action}}}\n"
        );
        Policy::load(&[("t.yaml", text)]).unwrap_err().to_string()
    };
    for (action, said) in [
        ("{redact: tokn}", "did you mean `token`?"),
        ("{redact: {with: token, restoreIn: [text]}}", "`token` is never put back"),
        ("{redact: {with: reversible, restoreIn: [tools]}}", "expected one of `text`, `toolArguments`"),
        ("{redact: {restoreIn: [text]}}", "with"),
    ] {
        assert!(rule(action).contains(said), "{}", rule(action));
    }
}

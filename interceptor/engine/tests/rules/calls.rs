//! Rules about what tools are called with, in whole answers, in requests and in calls of the Model Context Protocol.

use expect_test::expect;
use interceptor_engine::Engine;
use interceptor_engine::policy::Action;
use serde_json::{Value, json};
use std::sync::Arc;

use super::streams::{chunks, stream};
use super::{Call, engine};

/// Whoever is forbidden to delete, and may only read below `/srv`.
pub(super) const RULES: &str = "\
rules:
  - { name: no-deleting, match: { tools: [\"shell*\"], arguments: { command: [\"*rm -rf*\", \"*mkfs*\"] } }, action: block }
  - { name: our-files, match: { tools: [read_file], direction: response, arguments: { path: \"/srv/*\" } }, action: allow }
  - { name: no-files, match: { tools: [read_file], direction: response }, action: block }";

fn answered(kind: &'static str, answer: String) -> Call {
    Call { answer: Some((kind, answer)), ..Call::model("m") }
}

/// An answer of OpenAI's that calls a tool with this text.
fn chat(name: &str, arguments: &str) -> Call {
    let call = json!({ "id": "c", "type": "function", "function": { "name": name, "arguments": arguments } });
    let choices = json!([{ "message": { "role": "assistant", "tool_calls": [call] } }]);
    answered("application/json", json!({ "choices": choices }).to_string())
}

#[test]
fn what_a_tool_is_called_with_decides() {
    let engine = engine(&[RULES]);
    let verdict = |name: &str, arguments: Value| chat(name, &arguments.to_string()).verdict(&engine);
    assert_eq!(verdict("shell", json!({ "command": "ls -l" })), "pass");
    assert_eq!(verdict("shell", json!({ "command": "cd / && rm -rf ." })), "403 by no-deleting");
    assert_eq!(verdict("Shell_v2", json!({ "Command": ["sudo", "RM -RF /"] })), "403 by no-deleting");
    assert_eq!(verdict("search", json!({ "command": "rm -rf /" })), "pass");
    assert_eq!(verdict("shell", json!({ "comment": "rm -rf /" })), "pass");
    assert_eq!(verdict("read_file", json!({ "path": "/srv/a" })), "pass");
    assert_eq!(verdict("read_file", json!({ "path": "/etc/shadow" })), "403 by no-files");
    assert_eq!(verdict("read_file", json!({})), "403 by no-files");
    let fate = chat("shell", r#"{"command":"rm -rf /"}"#).run(&engine);
    let told: Vec<_> = fate.record.tools.iter().map(|t| (&*t.name, t.action, t.rule.as_deref())).collect();
    assert_eq!(told, [("shell", Action::Block, Some("no-deleting"))]);
}

/// An offer is no call: rules about calls say nothing of it.
#[test]
fn what_is_offered_is_called_with_nothing() {
    let engine = engine(&[RULES]);
    let tools =
        ["shell", "read_file"].map(|name| json!({ "type": "function", "function": { "name": name } }));
    let offer = Call::chat(&json!({ "model": "m", "messages": [], "tools": tools }));
    assert_eq!(offer.verdict(&engine), "pass");
}

/// What was called in earlier turns is sent again with every request, and a rule for requests looks at it, too.
#[test]
fn calls_of_earlier_turns_are_judged_in_requests() {
    let rules = "\
rules:
  - { name: no-deleting, match: { tools: [shell], direction: request, arguments: { command: \"*rm -rf*\" } }, action: block }
  - { name: no-mail, match: { tools: [send_mail], direction: request }, action: block }";
    let engine = engine(&[rules]);
    let arguments = |command: &str| json!({ "command": command });
    let openai = |name: &str, command: &str| {
        let function = json!({ "name": name, "arguments": arguments(command).to_string() });
        let calls = json!([{ "id": "c", "type": "function", "function": function }]);
        let turn = json!({ "role": "assistant", "content": null, "tool_calls": calls });
        Call::chat(&json!({ "model": "m", "messages": [turn] }))
    };
    let responses = |name: &str, command: &str| {
        let item =
            json!({ "type": "function_call", "name": name, "arguments": arguments(command).to_string() });
        Call { path: "/v1/responses".into(), ..Call::chat(&json!({ "model": "m", "input": [item] })) }
    };
    let anthropic = |name: &str, command: &str| {
        let content = json!([{ "type": "tool_use", "id": "t", "name": name, "input": arguments(command) }]);
        let body = json!({ "model": "m", "messages": [{ "role": "assistant", "content": content }] });
        Call {
            provider: "anthropic",
            path: "/v1/messages".into(),
            host: "api.anthropic.com",
            ..Call::chat(&body)
        }
    };
    let google = |name: &str, command: &str| {
        let part = json!({ "functionCall": { "name": name, "args": arguments(command) } });
        Call {
            provider: "google-gemini",
            path: "/v1beta/models/gemini-pro:generateContent".into(),
            host: "generativelanguage.googleapis.com",
            ..Call::chat(&json!({ "contents": [{ "role": "model", "parts": [part] }] }))
        }
    };
    let bedrock = |name: &str, command: &str| {
        let content = json!([{ "toolUse": { "toolUseId": "t", "name": name, "input": arguments(command) } }]);
        Call {
            provider: "aws-bedrock",
            path: "/model/m/converse".into(),
            host: "bedrock-runtime.us-east-1.amazonaws.com",
            ..Call::chat(&json!({ "messages": [{ "role": "assistant", "content": content }] }))
        }
    };
    let makers = |name: &str, command: &str| {
        [
            openai(name, command),
            responses(name, command),
            anthropic(name, command),
            google(name, command),
            bedrock(name, command),
        ]
    };
    let check = |engine: &Arc<Engine>, name: &str, command: &str, expected: &str| {
        for call in makers(name, command) {
            assert_eq!(call.verdict(engine), expected, "{name} at {}", call.path);
        }
    };
    check(&engine, "shell", "ls", "pass");
    check(&engine, "shell", "rm -rf /", "403 by no-deleting");
    check(&engine, "note", "rm -rf /", "pass");
    check(&engine, "send_mail", "ls", "403 by no-mail");
    // A rule for answers does not.
    let answers = rules.replace("direction: request", "direction: response");
    check(&self::engine(&[&answers]), "shell", "rm -rf /", "pass");
}

/// However it is written, it is read; and what is said twice exempts nothing.
#[test]
fn nothing_hides_in_how_a_call_is_written() {
    let engine = engine(&[RULES]);
    let nested = json!({ "command": "rm -rf /" }).to_string();
    let deeper =
        json!({ "input": json!({ "command": "ls" }).to_string(), "command": json!([nested]) }).to_string();
    for arguments in [
        r#"{"command":"\u0072m -\u0072f /"}"#,
        r#"{"c\u006fmmand":"rm -rf /"}"#,
        r#"{"command":"ls","command":"rm -rf /"}"#,
        r#"{"command":"rm -rf /","command":"ls"}"#,
        r#"  {  "command" : [ [ "rm -rf /" ] ] }  "#,
        r#"{"command":"[\"rm -rf /\"]"}"#,
        &deeper,
    ] {
        assert_eq!(chat("shell", arguments).verdict(&engine), "403 by no-deleting", "{arguments}");
    }
    for arguments in [
        r#"{"path":"/srv/a","path":"/etc/shadow"}"#,
        r#"{"path":"/etc/shadow","path":"/srv/a"}"#,
        r#"{"path":["/srv/a","/etc/shadow"]}"#,
        r#"{"path":"/srv/a""#,
        r#"{"path":"/srv/a"}{"path":"/etc/shadow"}"#,
        "/srv/a",
        "",
    ] {
        assert_eq!(chat("read_file", arguments).verdict(&engine), "403 by no-files", "{arguments}");
    }
}

#[test]
fn a_name_that_stands_twice_is_read_both_ways() {
    let engine = engine(&[RULES]);
    for names in [r#""name":"read_file","name":"shell""#, r#""name":"shell","name":"search""#] {
        let call = format!(r#"{{"function":{{"arguments":"{{\"command\":\"rm -rf /\"}}",{names}}}}}"#);
        let answer = format!(r#"{{"choices":[{{"message":{{"tool_calls":[{call}]}}}}]}}"#);
        assert_eq!(answered("application/json", answer).verdict(&engine), "403 by no-deleting", "{names}");
    }
}

/// Any text, and any depth.
#[test]
fn two_stars_are_any_keys() {
    let engine = engine(&["\
rules:
  - { name: r, match: { tools: [\"*\"], arguments: { \"**\": \"*.ssh/*\", \"opt.*.force\": \"true\" } }, action: block }"]);
    let verdict = |arguments: &str| chat("t", arguments).verdict(&engine);
    assert_eq!(verdict(r#"{"a":[{"b":"/root/.ssh/id"}],"opt":{"x":{"force":true}}}"#), "403 by r");
    assert_eq!(verdict(r#"{"a":[{"b":"/root/.ssh/id"}],"opt":{"x":{"force":false}}}"#), "pass");
    assert_eq!(verdict(r#"{"opt":{"x":{"force":true}}}"#), "pass");
    let text = self::engine(&[
        "rules: [{ name: r, match: { tools: [patch], arguments: { \"**\": \"*/etc/*\" } }, action: block }]",
    ]);
    let custom = |input: &str| {
        let call = json!({ "type": "custom", "custom": { "name": "patch", "input": input } });
        answered(
            "application/json",
            json!({ "choices": [{ "message": { "tool_calls": [call] } }] }).to_string(),
        )
    };
    assert_eq!(custom("{ +++ /etc/passwd").verdict(&text), "403 by r");
    assert_eq!(custom("+++ /srv/a").verdict(&text), "pass");
}

/// A call of a tool of the Model Context Protocol.
fn mcp(engine: &Arc<Engine>, body: &Value) -> Call {
    let provider = engine.catalogue().providers().find(|(_, provider)| {
        provider.formats.iter().any(|format| &*engine.catalogue().format(*format).id == "mcp.streamable_http")
    });
    let provider: &'static str = Box::leak(provider.unwrap().1.id.to_string().into_boxed_str());
    Call { provider, path: "/mcp".into(), ..Call::chat(body) }
}

#[test]
fn calls_of_the_model_context_protocol_are_requests() {
    let engine = engine(&[RULES]);
    let body = |params: Value| json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
    let verdict = |body: Value| mcp(&engine, &body).verdict(&engine);
    let deleting = json!({ "arguments": { "command": "rm -rf /" }, "name": "shell" });
    assert_eq!(verdict(body(deleting.clone())), "403 by no-deleting");
    assert_eq!(verdict(body(json!({ "name": "shell", "arguments": { "command": "ls" } }))), "pass");
    assert_eq!(verdict(body(json!({ "name": "note", "arguments": { "command": "rm -rf /" } }))), "pass");
    assert_eq!(verdict(json!([body(json!({ "name": "note" })), body(deleting)])), "403 by no-deleting");
}

/// What is more than can be looked at is policy's to answer, once a rule asks for it.
#[test]
fn calls_without_end_are_an_uncertainty() {
    let blocks = engine(&[&format!("{RULES}\nuncertain: {{ decodeLimit: block }}")]);
    let long = json!({ "command": "x".repeat(300 << 10) }).to_string();
    assert_eq!(chat("shell", &long).verdict(&blocks), "403 by uncertain.decodeLimit");
    let lets = engine(&[&format!("{RULES}\nuncertain: {{ decodeLimit: audit }}")]);
    assert_eq!(chat("shell", &long).verdict(&lets), "pass");
    let unasked = engine(&["rules: []\nuncertain: { decodeLimit: block }"]);
    assert_eq!(chat("shell", &long).verdict(&unasked), "pass");
    let pieces: Vec<&str> = std::iter::once("{\"command\":\"").chain([&*long; 1]).collect();
    let events = chunks(&[(0, "shell", &pieces)]).concat();
    assert_eq!(answered("text/event-stream", events).verdict(&blocks), "403 by uncertain.decodeLimit");
}

/// What patterns cannot say: numbers, lengths, one value beside another.
#[test]
fn an_expression_sees_a_call_by_its_paths() {
    let rule = |call: &str| {
        engine(&[&format!(
            "rules: [{{ name: r, match: {{ tools: [pay, \"transfer*\"], direction: response, call: '{call}' }}, action: block }}]\n\
             uncertain: {{ failedCondition: block }}"
        )])
    };
    let large = rule("arguments[\"amount\"].exists(a, double(a) > 1000.0)");
    let verdict = |engine: &Arc<Engine>, arguments: &str| chat("Pay", arguments).verdict(engine);
    assert_eq!(verdict(&large, r#"{"amount":1000.5}"#), "403 by r");
    assert_eq!(verdict(&large, r#"{"amount":"20","to":"x"}"#), "pass");
    assert_eq!(verdict(&large, r#"{"amount":[1,2e9]}"#), "403 by r");
    assert_eq!(verdict(&large, r#"{"sum":2000}"#), "pass");
    assert_eq!(verdict(&large, r#"{"amount":"a lot"}"#), "403 by uncertain.failedCondition");
    assert_eq!(chat("note", r#"{"amount":2000}"#).verdict(&large), "pass");
    // A call with nothing is as if the tool was only named.
    assert_eq!(verdict(&rule("!(\"to\" in arguments)"), "{}"), "pass");
    assert_eq!(verdict(&rule("!(\"to\" in arguments)"), r#"{"a":1}"#), "403 by r");
    let beside = rule("tool == \"transfer_all\" && arguments[\"from.bank\"] != arguments[\"to.bank\"]");
    let banks = |from: &str, to: &str| json!({ "From": { "Bank": from }, "to": { "bank": to } }).to_string();
    assert_eq!(chat("Transfer_All", &banks("A", "B")).verdict(&beside), "403 by r");
    assert_eq!(chat("Transfer_All", &banks("A", "a")).verdict(&beside), "pass");
    assert_eq!(chat("transfer_some", &banks("A", "B")).verdict(&beside), "pass");
    // Nobody is judged by a part of what he says.
    let many: Vec<u32> = (0..65).collect();
    let many = json!({ "amount": many }).to_string();
    assert_eq!(verdict(&large, &many), "403 by uncertain.failedCondition");
}

/// An exemption wants the whole call, and paths and expression both.
#[test]
fn an_expression_may_exempt() {
    let engine = engine(&["\
rules:
  - { name: small, match: { tools: [pay], direction: response, arguments: { to: \"shop*\" }, call: 'arguments[\"amount\"].all(a, double(a) < 10.0)' }, action: allow }
  - { name: r, match: { tools: [pay], direction: response }, action: block }"]);
    let verdict = |arguments: &str| chat("pay", arguments).verdict(&engine);
    assert_eq!(verdict(r#"{"to":"shop-1","amount":9}"#), "pass");
    assert_eq!(verdict(r#"{"to":"shop-1","amount":11}"#), "403 by r");
    assert_eq!(verdict(r#"{"to":"bank","amount":9}"#), "403 by r");
    assert_eq!(verdict(r#"{"to":"shop-1","amount":9"#), "403 by r");
    assert_eq!(verdict(r#"{"to":"shop-1"}"#), "403 by r");
    let events = chunks(&[(0, "pay", &["{\"to\":\"shop\",", "\"amount\":\"12\"}"])]);
    stream(&engine, &Call::model("m"), &events, "r", 3);
}

#[test]
fn what_is_wrong_with_an_expression_over_calls_is_told_at_once() {
    super::mistakes::mistakes(
        "\
rules:
  - { name: a, match: { call: 'true' }, action: block }
  - { name: b, match: { direction: response, detectors: [pii.email], call: 'true' }, action: block }
  - { name: c, match: { tools: [x], call: 'provider == \"openai\"' }, action: block }
  - { name: d, match: { tools: [x], call: 'arguments + 1' }, action: block }
  - { name: e, match: { tools: [x], call: 'size(arguments)' }, action: block }
  - { name: f, match: { arguments: { a: b }, call: 'tool ==' }, action: block }",
        expect![[r#"
            p.yaml:6:33: spec.rules[0].match.call: says something of calls; expected `tools` beside it
            p.yaml:7:78: spec.rules[1].match.call: says something of calls; expected `tools` beside it, and no `detectors`
            p.yaml:8:45: spec.rules[2].match.call: asks for `provider`, which is no fact; expected an expression of CEL that is true or false
            p.yaml:9:45: spec.rules[3].match.call: cannot be evaluated: Unsupported binary operator 'add': Map(Map { map: {} }), Int(1); expected an expression of CEL that is true or false
            p.yaml:10:45: spec.rules[4].match.call: is int, not true or false; expected an expression of CEL that is true or false
            p.yaml:11:38: spec.rules[5].match.arguments: say something of calls; expected `tools` beside them
            p.yaml:11:54: spec.rules[5].match.call: is no expression: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER} at 1:8 of it; expected an expression of CEL that is true or false
            p.yaml:11:54: spec.rules[5].match.call: says something of calls; expected `tools` beside it"#]],
    );
}

#[test]
fn what_is_wrong_with_arguments_is_told_at_once() {
    super::mistakes::mistakes(
        "\
rules:
  - { name: a, match: { arguments: { command: x } }, action: block }
  - { name: b, match: { direction: response, detectors: [pii.email], arguments: { command: x } }, action: block }
  - { name: c, match: { tools: [x], arguments: {} }, action: block }
  - { name: d, match: { tools: [x], arguments: { a..b: x, ok: [], c: [\"a\\nb\"] } }, action: block }
  - { name: e, match: { tools: [x], arguments: [x] }, action: block }",
        expect![[r#"
            p.yaml:6:38: spec.rules[0].match.arguments: say something of calls; expected `tools` beside them
            p.yaml:7:83: spec.rules[1].match.arguments: say something of calls; expected `tools` beside them, and no `detectors`
            p.yaml:8:50: spec.rules[2].match.arguments: asks for nothing; expected at least one key
            p.yaml:9:58: spec.rules[3].match.arguments.a..b: stands under no path; expected keys with dots between them, in which `*` stands for any characters and `**` for any keys
            p.yaml:9:65: spec.rules[3].match.arguments.ok: is an empty list; expected at least one element
            p.yaml:9:73: spec.rules[3].match.arguments.c[0]: `a
            b` is not allowed; expected a text or pattern without line breaks, at most 512 bytes
            p.yaml:10:50: spec.rules[4].match.arguments: is a list; expected a mapping"#]],
    );
}

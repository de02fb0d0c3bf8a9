//! What a rule can ask of an exchange.

use interceptor_engine::policy::{Action, Context};
use serde_json::{Value, json};

use super::{Call, engine, nobody, pod};

const APPROVED: &str = "\
rules:
  - { name: approved, match: { models: [\"gpt-4o*\", claude-sonnet-4-5] }, action: allow }
  - { name: no-other, match: { models: [\"*\"] }, action: block }";

#[test]
fn models_are_read_in_the_body() {
    let engine = engine(&[APPROVED]);
    assert_eq!(Call::model("gpt-4o-mini").verdict(&engine), "pass");
    assert_eq!(Call::model("GPT-4o").verdict(&engine), "pass");
    assert_eq!(Call::model("o3-pro").verdict(&engine), "403 by no-other");
    // A request that asks for none of them.
    let list = Call { method: "GET", path: "/v1/models".into(), body: String::new(), ..Call::model("") };
    assert_eq!(list.verdict(&engine), "pass");
}

#[test]
fn one_approved_model_beside_another_approves_nothing() {
    let engine = engine(&[APPROVED]);
    let twice = r#"{"model":"gpt-4o","messages":[],"model":"o3-pro"}"#;
    assert_eq!(Call { body: twice.into(), ..Call::model("") }.verdict(&engine), "403 by no-other");
    let twice = r#"{"model":"o3-pro","messages":[],"model":"gpt-4o"}"#;
    assert_eq!(Call { body: twice.into(), ..Call::model("") }.verdict(&engine), "403 by no-other");
}

#[test]
fn a_request_that_hides_its_model_is_an_uncertainty() {
    let engine = engine(&[APPROVED]);
    for body in [json!({ "messages": [] }), json!({ "model": 7, "messages": [] }), json!({ "model": "" })] {
        assert_eq!(Call::chat(&body).verdict(&engine), "403 by uncertain.unknownModel", "{body}");
    }
    // Nobody asks for it here.
    let other = super::engine(&["rules: [{ name: n, match: { providers: [mistral] }, action: block }]"]);
    assert_eq!(Call::chat(&json!({ "messages": [] })).verdict(&other), "pass");
}

#[test]
fn models_are_read_in_the_path() {
    let engine = engine(&[APPROVED]);
    let call = |provider, path: &str, body: Value| Call { provider, path: path.into(), ..Call::chat(&body) };
    let chat = json!({ "messages": [{ "role": "user", "content": "x" }] });
    let azure = |name: &str| format!("/openai/deployments/{name}/chat/completions?api-version=1");
    assert_eq!(call("azure-openai", &azure("gpt-4o"), chat.clone()).verdict(&engine), "pass");
    assert_eq!(call("azure-openai", &azure("o3"), chat).verdict(&engine), "403 by no-other");
    let gemini = json!({ "contents": [{ "parts": [{ "text": "x" }] }] });
    let path = "/v1beta/models/gemini-2.5-pro:generateContent";
    assert_eq!(call("google-gemini", path, gemini).verdict(&engine), "403 by no-other");
    let bedrock = json!({ "messages": [] });
    let path = "/model/anthropic.claude-v2/converse";
    assert_eq!(call("aws-bedrock", path, bedrock).verdict(&engine), "403 by no-other");
}

const TOOLS: &str = "\
rules:
  - { name: harmless, match: { tools: [get_weather, \"read_*\"] }, action: allow }
  - { name: no-shell, match: { tools: [\"*\"] }, action: block }";

fn tool(name: &str) -> Value {
    json!({ "type": "function", "function": { "name": name, "parameters": {} } })
}

#[test]
fn tools_are_judged_by_name_when_they_are_offered() {
    let engine = engine(&[TOOLS]);
    let with = |names: &[&str]| {
        let tools: Vec<Value> = names.iter().map(|name| tool(name)).collect();
        Call::chat(&json!({ "model": "m", "messages": [], "tools": tools }))
    };
    assert_eq!(with(&[]).verdict(&engine), "pass");
    assert_eq!(with(&["get_weather", "read_file"]).verdict(&engine), "pass");
    assert_eq!(with(&["get_weather", "Shell"]).verdict(&engine), "403 by no-shell");
    let fate = with(&["get_weather", "shell"]).run(&engine);
    assert_eq!(fate.sent, "");
    let told: Vec<_> = fate.record.tools.iter().map(|tool| (&*tool.name, tool.action)).collect();
    assert_eq!(told, [("get_weather", Action::Allow), ("shell", Action::Block)]);
}

#[test]
fn tools_are_judged_when_an_answer_calls_them() {
    let engine = engine(&[TOOLS]);
    let answer = |name: &str| {
        let call = json!({ "id": "c", "type": "function", "function": { "name": name, "arguments": "{}" } });
        json!({ "choices": [{ "message": { "role": "assistant", "tool_calls": [call] } }] }).to_string()
    };
    let call = |answer: String| Call { answer: Some(("application/json", answer)), ..Call::model("m") };
    assert_eq!(call(answer("read_file")).verdict(&engine), "pass");
    assert_eq!(call(answer("rm")).verdict(&engine), "403 by no-shell");
}

#[test]
fn a_stream_ends_where_it_calls_a_tool_that_is_not_allowed() {
    let engine = engine(&[TOOLS]);
    let event =
        |delta: Value| format!("data: {}\n\n", json!({ "choices": [{ "index": 0, "delta": delta }] }));
    let stream = [
        event(json!({ "content": "let me see" })),
        event(json!({ "tool_calls": [{ "index": 0, "function": { "name": "rm", "arguments": "" } }] })),
        event(json!({ "tool_calls": [{ "index": 0, "function": { "arguments": "{\"path\":\"/\"}" } }] })),
    ];
    let call = Call { answer: Some(("text/event-stream", stream.concat())), ..Call::model("m") };
    let fate = call.run(&engine);
    assert_eq!(&*fate.refused.as_ref().unwrap().rule, "no-shell");
    assert_eq!(fate.received, stream[0], "what came before has left, the call has not");
    let frame = fate.refused.unwrap().stream_frame.unwrap();
    assert!(frame.starts_with(b"data: {\"error\""), "{frame:?}");
}

#[test]
fn methods_of_the_model_context_protocol_are_conditions() {
    let rule = "rules: [{ name: no-calls, match: { mcpMethods: [tools/call] }, action: block }]";
    let engine = engine(&[rule]);
    let provider = engine.catalogue().providers().find(|(_, provider)| {
        provider.formats.iter().any(|format| &*engine.catalogue().format(*format).id == "mcp.streamable_http")
    });
    let provider: &'static str = Box::leak(provider.unwrap().1.id.to_string().into_boxed_str());
    let call = |method: &str| Call {
        provider,
        path: "/mcp".into(),
        ..Call::chat(&json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": { "name": "x" } }))
    };
    assert_eq!(call("tools/list").verdict(&engine), "pass");
    assert_eq!(call("tools/call").verdict(&engine), "403 by no-calls");
}

#[test]
fn hosts_paths_operations_and_sizes_are_conditions() {
    for (matches, expected) in [
        ("hosts: [\"*.openai.com\"]", true),
        ("hosts: [api.openai.eu]", false),
        ("paths: [\"/v1/chat/*\"]", true),
        ("paths: [/v1/responses]", false),
        ("operations: [openai.chat_completions]", true),
        ("operations: [openai.embeddings]", false),
        ("size: { over: 10 }", true),
        ("size: { over: 1MiB }", false),
        ("size: { under: 1MiB }", true),
        ("size: { over: 10, under: 20 }", false),
    ] {
        let engine = engine(&[&format!("rules: [{{ name: n, match: {{ {matches} }}, action: block }}]")]);
        assert_eq!(Call::model("m").verdict(&engine) == "403 by n", expected, "{matches}");
    }
}

#[test]
fn times_are_conditions_and_nights_belong_to_the_day_they_began() {
    let at = |text: &str| {
        let engine = engine(&[&format!("rules: [{{ name: n, match: {{ time: {text} }}, action: block }}]")]);
        // Thursday 1970-01-01 08:30, Friday 03:00, Saturday 12:00 UTC.
        [30_600, 97_200, 216_000].map(|at| Call { at, ..Call::model("m") }.verdict(&engine) == "403 by n")
    };
    assert_eq!(at("{ days: [mon-fri] }"), [true, true, false]);
    assert_eq!(at("{ days: [sat-thu] }"), [true, false, true]);
    assert_eq!(at("{ from: \"08:00\", to: \"18:00\" }"), [true, false, true]);
    assert_eq!(at("{ days: [thu], from: \"22:00\", to: \"06:00\" }"), [false, true, false]);
    assert_eq!(at("{ from: \"10:00\", to: \"11:00\", zone: \"+02:00\" }"), [true, false, false]);
    assert_eq!(at("{ from: \"08:31\", to: \"24:00\" }"), [false, false, true]);
}

#[test]
fn expressions_say_what_fields_cannot() {
    for (when, expected) in [
        ("provider == \"openai\" && size > 10", true),
        ("model.startsWith(\"gpt\")", true),
        ("model in [\"a\", \"b\"]", false),
        ("subject.namespace == \"pay\" && subject.labels.app == \"cart\"", true),
        ("subject.labels.missing == \"x\"", false),
        ("tools.exists(t, t == \"rm\")", false),
        ("time.hour >= 8 && time.weekday <= 5", false),
        ("subject.known && subject.uid == 0", true),
        ("mcpMethods.size() > 0", false),
        ("models == [\"gpt-4o\"]", true),
        ("path.matches(\"^/v1/.*ions$\")", true),
        ("host == \"api.openai.com\" && method == \"POST\" && operation != \"unknown\"", true),
    ] {
        let engine =
            engine(&[&format!("rules:\n  - name: n\n    match: {{ when: '{when}' }}\n    action: block")]);
        let call = Call { subject: pod("pay", &[("app", "cart")]), ..Call::model("gpt-4o") };
        assert_eq!(call.verdict(&engine) == "403 by n", expected, "{when}: {}", call.verdict(&engine));
    }
}

#[test]
fn an_expression_that_fails_is_an_uncertainty() {
    let spec = "rules: [{ name: n, match: { when: '100 / size > 1000' }, action: block }]";
    let empty = Call { body: String::new(), ..Call::model("m") };
    assert_eq!(empty.verdict(&engine(&[spec])), "403 by uncertain.failedCondition");
    let open = format!("{spec}\nuncertain: {{ failedCondition: audit }}");
    assert_eq!(empty.verdict(&engine(&[&open])), "pass");
}

#[test]
fn findings_can_be_counted() {
    let spec = "\
rules:
  - { name: many, match: { direction: request, detectors: [pii.email], atLeast: 3 }, action: block }
  - { name: few, match: { direction: request, detectors: [pii.email] }, action: redact }";
    let engine = engine(&[spec]);
    let call = |count: usize| {
        let text: Vec<String> = (0..count).map(|n| format!("jane.doe{n}@example.com")).collect();
        Call::chat(&json!({ "model": "m", "messages": [{ "role": "user", "content": text.join(", ") }] }))
    };
    let fate = call(2).run(&engine);
    assert!(fate.refused.is_none());
    assert!(fate.sent.contains("[EMAIL], [EMAIL]"), "{}", fate.sent);
    assert_eq!(call(3).verdict(&engine), "403 by many");
    assert!(call(3).run(&engine).record.findings.iter().all(|f| f.rule.as_deref() == Some("many")));
}

#[test]
fn conditions_apply_to_rules_about_findings_too() {
    let spec = "\
rules:
  - name: internal-model-may-see-it
    match: { direction: request, detectors: [\"pii.*\"], models: [house-*] }
    action: allow
  - { name: mask, match: { direction: both, detectors: [\"pii.*\"] }, action: redact }";
    let engine = engine(&[spec]);
    let call = |model: &str| {
        Call::chat(
            &json!({ "model": model, "messages": [{ "role": "user", "content": "jane.doe@example.com" }] }),
        )
    };
    assert!(call("house-7b").run(&engine).sent.contains("jane.doe@example.com"));
    assert!(call("gpt-4o").run(&engine).sent.contains("[EMAIL]"));
}

#[test]
fn a_rule_says_what_the_application_is_told() {
    let spec = "\
rules:
  - name: ask-first
    match: { providers: [openai] }
    action: { block: { status: 451, message: \"Ask the platform team for access.\" } }";
    let refusal = Call::model("m").run(&engine(&[spec])).refused.unwrap();
    assert_eq!(refusal.status, 451);
    let body: Value = serde_json::from_slice(&refusal.body).unwrap();
    let message = body["error"]["message"].as_str().unwrap();
    assert!(message.starts_with("Ask the platform team for access. Blocked by egress policy \"ask-first\"."));
}

#[test]
fn headers_are_removed_and_required_by_rules_that_hold() {
    let spec = "\
rules:
  - name: project
    match: { providers: [openai] }
    action: audit
    headers: { remove: [X-Internal-Trace], require: [OpenAI-Project] }
  - { name: other, match: { providers: [mistral] }, action: audit, headers: { remove: [x] } }";
    let engine = engine(&[spec]);
    let mut exchange = Call::model("m").begin(&engine);
    let rules: Vec<_> =
        exchange.header_rules().map(|(rule, headers)| (rule.clone(), headers.clone())).collect();
    assert_eq!(rules.len(), 1);
    assert_eq!(rules[0].1.remove, ["x-internal-trace".into()]);
    assert_eq!(rules[0].1.require, ["openai-project".into()]);
    let refusal = exchange.lacks_header(&rules[0].0, "openai-project");
    assert_eq!((refusal.status, &*refusal.rule), (403, "project"));
    assert!(exchange.request_end(&mut Vec::new()).is_ok(), "it is over");
}

#[test]
fn passthrough_is_decided_for_the_connection() {
    let spec = "\
rules:
  - { name: never-openai-eu, match: { hosts: [eu.api.openai.com] }, action: block }
  - { name: their-own-gateway, match: { providers: [openai] }, action: passthrough }
  - { name: rest, match: {}, action: block }";
    let engine = engine(&[spec]);
    let subject = nobody();
    let of = |provider, host| {
        let decision = engine.policy().connection(&Context::of_connection(provider, host, &subject, 0));
        format!("{} by {}", decision.action.name(), decision.rule.unwrap())
    };
    assert_eq!(of("openai", "api.openai.com"), "passthrough by their-own-gateway");
    assert_eq!(of("openai", "eu.api.openai.com"), "block by never-openai-eu");
    assert_eq!(of("mistral", "api.mistral.ai"), "block by rest");
}

#[test]
fn a_rule_in_shadow_says_what_it_would_have_done_with_an_exchange() {
    let spec = "rules: [{ name: s, match: { models: [\"*\"] }, action: block, mode: shadow }]";
    let fate = Call::model("m").run(&engine(&[spec]));
    assert!(fate.refused.is_none());
    let ruled = fate.record.ruled.unwrap();
    assert_eq!((ruled.action, ruled.shadow.unwrap().action), (Action::Allow, Action::Block));
}

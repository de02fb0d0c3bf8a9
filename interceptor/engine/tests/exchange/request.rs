//! Requests: what is found where, what leaves, and what is refused with which words.

use std::io::Write;

use bytes::Bytes;
use interceptor_engine::policy::{Answer, Uncertainty};
use interceptor_engine::record::Verdict;
use interceptor_engine::{Limits, RequestPlan, Signature};
use serde_json::{Value, json};

use crate::run::{
    ADDRESS, BOTH_WAYS, Call, Format, MASK, WATCH, card, cut, engine, engine_with, run, run_chunks, secret,
};

#[test]
fn a_clean_request_leaves_as_it_came_and_is_not_copied() {
    let body = br#"{ "model" : "gpt-x","messages":[{"role":"user","content":"hello \u00e9\n"}],"n":1.50e0 }"#;
    let chunk = Bytes::from_static(body);
    let outcome = run_chunks(&engine(BOTH_WAYS), &Call::new(Format::Chat, b""), vec![chunk.clone()], vec![]);
    assert_eq!(outcome.request_plan, RequestPlan::Hold);
    assert_eq!(outcome.sent.len(), 1);
    assert_eq!((outcome.sent[0].as_ptr(), outcome.sent[0].len()), (chunk.as_ptr(), chunk.len()));
    assert_eq!(outcome.record.verdict, Verdict::Pass);
    assert_eq!(outcome.record.model.as_deref(), Some("gpt-x"));
    assert_eq!(outcome.record.request.unknown, 0);
}

#[test]
fn a_secret_is_refused_in_words_that_help() {
    let body = json!({"model": "m", "messages": [
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": [{"type": "text", "text": format!("my token is {}", secret())}]},
    ]});
    let body = body.to_string();
    for (format, pointer) in [(Format::Chat, "/error/message"), (Format::Messages, "/error/message")] {
        let outcome = run(&engine(BOTH_WAYS), &Call::new(format, body.as_bytes()));
        assert!(outcome.sent.is_empty());
        let refusal = outcome.refusal.unwrap();
        assert_eq!(refusal.status, 403);
        assert!(refusal.headers.contains(&("x-should-retry", "false".to_owned())));
        let answer: Value = serde_json::from_slice(&refusal.body).unwrap();
        let message = answer.pointer(pointer).unwrap().as_str().unwrap();
        for part in ["no-secrets", "secret.github_token", "messages[1].content[0].text", "req-1"] {
            assert!(message.contains(part), "{message}");
        }
        assert!(!String::from_utf8_lossy(&refusal.body).contains(&secret()));
        assert_eq!(&*refusal.rule, "no-secrets");
    }
}

#[test]
fn personal_data_is_replaced_and_nothing_else_changes() {
    let body = format!(
        "{{\"messages\" :[ {{\"role\":\"user\",\"content\":\"mail {ADDRESS}, card {}\\n\\u00e9 ok\"}}]  }}",
        card()
    );
    let outcome = run(&engine(BOTH_WAYS), &Call::new(Format::Chat, body.as_bytes()));
    assert_eq!(outcome.sent(), body.replace(ADDRESS, "[EMAIL]").replace(&card(), "[CARD]"));
    assert_eq!(
        outcome.findings(),
        ["pii.email@messages[0].content redact", "pii.card@messages[0].content redact"]
    );
    assert_eq!(outcome.record.verdict, Verdict::Redact);
}

#[test]
fn escapes_hide_nothing() {
    let body = r#"{"messages":[{"role":"user","content":"to jane.doe\u0040example.com\nand \"jane.doe@example.com\""}]}"#;
    let outcome = run(&engine(BOTH_WAYS), &Call::new(Format::Chat, body.as_bytes()));
    let expected = r#"{"messages":[{"role":"user","content":"to [EMAIL]\nand \"[EMAIL]\""}]}"#;
    assert_eq!(outcome.sent(), expected);
}

#[test]
fn every_part_that_carries_text_is_looked_at() {
    for (format, body) in [
        (Format::Chat, json!({"messages": [{"role": "system", "content": "@"}]})),
        (Format::Chat, json!({"messages": [{"role": "tool", "content": [{"type": "text", "text": "@"}]}]})),
        (
            Format::Chat,
            json!({"messages": [{"tool_calls": [{"function": {"name": "f", "arguments": "{\"to\":\"@\"}"}}]}]}),
        ),
        (
            Format::Chat,
            json!({"tools": [{"function": {"name": "f", "description": "ask @", "parameters": {"enum": ["@"]}}}]}),
        ),
        (Format::Chat, json!({"metadata": {"owner": "@"}, "user": "x"})),
        (Format::Chat, json!({"user": "@"})),
        (Format::Chat, json!({"something": {"new": ["@"]}})),
        (Format::Responses, json!({"instructions": "@", "input": "hello"})),
        (Format::Responses, json!({"input": "@"})),
        (
            Format::Responses,
            json!({"input": [{"role": "user", "content": [{"type": "input_text", "text": "@"}]}]}),
        ),
        (Format::Responses, json!({"input": [{"type": "function_call_output", "output": "@"}]})),
        (Format::Responses, json!({"input": [{"type": "function_call", "arguments": "{\"a\":[\"@\"]}"}]})),
        (Format::Responses, json!({"tools": [{"type": "function", "description": "@"}]})),
        (Format::Messages, json!({"system": "@"})),
        (Format::Messages, json!({"system": [{"type": "text", "text": "@"}]})),
        (
            Format::Messages,
            json!({"messages": [{"content": [{"type": "tool_use", "input": {"a": {"b": "@"}}}]}]}),
        ),
        (Format::Messages, json!({"messages": [{"content": [{"type": "tool_result", "content": "@"}]}]})),
        (
            Format::Messages,
            json!({"messages": [{"content": [{"type": "tool_result", "content": [{"type": "text", "text": "@"}]}]}]}),
        ),
        (
            Format::Messages,
            json!({"messages": [{"content": [{"type": "document", "source": {"type": "text", "data": "a text with @"}}]}]}),
        ),
        (
            Format::Messages,
            json!({"tools": [{"description": "@", "input_schema": {"x": "@"}}], "metadata": {"user_id": "@"}}),
        ),
    ] {
        let body = body.to_string().replace('@', ADDRESS);
        let outcome = run(&engine(BOTH_WAYS), &Call::new(format, body.as_bytes()));
        assert_eq!(outcome.sent(), body.replace(ADDRESS, "[EMAIL]"), "{format:?} {body}");
        serde_json::from_str::<Value>(&outcome.sent()).unwrap();
    }
}

#[test]
fn keys_of_objects_are_looked_at_and_not_shown() {
    let body = json!({"metadata": {ADDRESS: "x"}}).to_string();
    let outcome = run(&engine(BOTH_WAYS), &Call::new(Format::Chat, body.as_bytes()));
    assert_eq!(outcome.sent(), body.replace(ADDRESS, "[EMAIL]"));
    assert_eq!(outcome.findings(), ["pii.email@metadata.* redact"]);
}

#[test]
fn numbers_are_looked_at_and_stay_valid_json() {
    let body = format!(
        r#"{{"metadata":{{"card": {0} }},"messages":[{{"tool_calls":[{{"function":{{"arguments":"{{\"n\":{0}}}"}}}}]}}]}}"#,
        card()
    );
    let outcome = run(&engine(BOTH_WAYS), &Call::new(Format::Chat, body.as_bytes()));
    let expected = r#"{"metadata":{"card": "[CARD]" },"messages":[{"tool_calls":[{"function":{"arguments":"{\"n\":\"[CARD]\"}"}}]}]}"#;
    assert_eq!(outcome.sent(), expected);
    assert_eq!(outcome.findings()[1], "pii.card@messages[0].tool_calls[0].function.arguments.* redact");
}

#[test]
fn json_inside_strings_stays_json() {
    let inner =
        json!({"to": ADDRESS, "note": "a \"quoted\" word", "deep": [{"mail": format!("<{ADDRESS}>")}]});
    let body =
        json!({"messages": [{"tool_calls": [{"function": {"arguments": inner.to_string()}}]}]}).to_string();
    let outcome = run(&engine(BOTH_WAYS), &Call::new(Format::Chat, body.as_bytes()));
    let sent: Value = serde_json::from_str(&outcome.sent()).unwrap();
    let arguments = sent["messages"][0]["tool_calls"][0]["function"]["arguments"].as_str().unwrap();
    let arguments: Value = serde_json::from_str(arguments).unwrap();
    assert_eq!(arguments["to"], "[EMAIL]");
    assert_eq!(arguments["deep"][0]["mail"], "<[EMAIL]>");
    assert_eq!(outcome.sent(), body.replace(ADDRESS, "[EMAIL]"));
}

#[test]
fn json_in_prose_hides_no_key_behind_an_escape() {
    // A tool's answer that is JSON, quoted in a message: the line end before the key is two characters there.
    let inner = json!({"file": format!("first\n{}", secret())}).to_string();
    let body = json!({"messages": [{"role": "tool", "content": inner}]}).to_string();
    let outcome = run(&engine(BOTH_WAYS), &Call::new(Format::Chat, body.as_bytes()));
    assert_eq!(outcome.findings(), ["secret.github_token@messages[0].content block"]);
}

#[test]
fn images_are_counted_and_not_scanned() {
    let image = format!("data:image/png;base64,{}", "iVBORw0KGgoAAAANSUhEUg".repeat(50));
    let body =
        json!({"messages": [{"content": [{"type": "image_url", "image_url": {"url": image}}]}]}).to_string();
    let outcome = run(&engine(BOTH_WAYS), &Call::new(Format::Chat, body.as_bytes()));
    assert_eq!(outcome.record.request.binary, image.len() as u64);
    assert_eq!(outcome.record.doubts[0].uncertainty, Uncertainty::BinaryContent);
    // Text where an image should be is text.
    let body = json!({"messages": [{"content": [{"type": "image_url", "image_url": {"url": format!("mail {ADDRESS} {}", "x".repeat(100))}}]}]}).to_string();
    let outcome = run(&engine(BOTH_WAYS), &Call::new(Format::Chat, body.as_bytes()));
    assert_eq!(outcome.sent(), body.replace(ADDRESS, "[EMAIL]"));
}

#[test]
fn what_the_provider_sealed_is_not_rewritten() {
    for block in [
        json!({"type": "thinking", "thinking": format!("ask {ADDRESS}"), "signature": "c2ln"}),
        // The type may come last.
        serde_json::from_str(&format!(
            r#"{{"thinking":"ask {ADDRESS}","signature":"c2ln","type":"thinking"}}"#
        ))
        .unwrap(),
        json!({"type": "web_search_tool_result", "content": [{"title": format!("{ADDRESS} home"), "encrypted_content": "x"}]}),
    ] {
        let body = json!({"messages": [{"role": "assistant", "content": [block]}]}).to_string();
        let outcome = run(&engine(BOTH_WAYS), &Call::new(Format::Messages, body.as_bytes()));
        // Policy's default: nothing leaves that should have been replaced and cannot be.
        let refusal = outcome.refusal.expect("refused");
        assert_eq!(&*refusal.rule, "uncertain.unrewritable");
        assert!(outcome.record.findings[0].sealed);
        assert!(outcome.record.request.sealed > 0);
    }
    // A thought that is not sealed is a text like any other.
    let body =
        json!({"messages": [{"content": [{"type": "text", "text": format!("ask {ADDRESS}")}]}]}).to_string();
    let outcome = run(&engine(BOTH_WAYS), &Call::new(Format::Messages, body.as_bytes()));
    assert_eq!(outcome.sent(), body.replace(ADDRESS, "[EMAIL]"));
}

#[test]
fn rules_that_only_watch_let_the_request_stream() {
    let body = json!({"messages": [{"content": format!("mail {ADDRESS}")}]}).to_string();
    let chunks = cut(body.as_bytes(), &[10, 30, 35]);
    let outcome = run_chunks(&engine(WATCH), &Call::new(Format::Chat, b""), chunks.clone(), vec![]);
    assert_eq!(outcome.request_plan, RequestPlan::Stream);
    assert_eq!(outcome.sent, chunks);
    assert_eq!(outcome.findings(), ["pii.email@messages[0].content audit"]);
}

#[test]
fn broken_json_is_scanned_as_text_and_forwarded_if_clean() {
    for body in [r#"{"messages": [{"content": "hello""#, r#"{"messages": [}"#, "hello", r#"{"a":1} {"b":2}"#]
    {
        let outcome = run(&engine(BOTH_WAYS), &Call::new(Format::Chat, body.as_bytes()));
        assert_eq!(outcome.sent(), body);
        assert_eq!(outcome.record.doubts[0].uncertainty, Uncertainty::MalformedJson, "{body}");
        let dirty = format!("{body} {ADDRESS} ");
        let outcome = run(&engine(BOTH_WAYS), &Call::new(Format::Chat, dirty.as_bytes()));
        assert_eq!(outcome.sent(), dirty.replace(ADDRESS, "[EMAIL]"));
    }
    let leaking = format!("{{\"messages\": [{{\"content\": \"x\\n{}", secret());
    let outcome = run(&engine(BOTH_WAYS), &Call::new(Format::Chat, leaking.as_bytes()));
    assert_eq!(outcome.refusal.unwrap().status, 403);
}

#[test]
fn nesting_without_end_is_a_limit() {
    let deep = format!("{}{}{}", "[".repeat(10_000), "1", "]".repeat(10_000));
    let body = format!(r#"{{"messages":{deep}}}"#);
    let outcome = run(&engine(BOTH_WAYS), &Call::new(Format::Chat, body.as_bytes()));
    let refusal = outcome.refusal.unwrap();
    assert_eq!((refusal.status, &*refusal.rule), (413, "uncertain.decodeLimit"));
    let outcome = run(&engine(BOTH_WAYS), &Call::new(Format::Chat, deep.as_bytes()));
    assert!(outcome.refusal.is_some());
}

#[test]
fn a_body_past_the_limit_is_refused_with_413() {
    let limits = Limits { held_body: 1_000, ..Limits::STANDARD };
    let body = json!({"messages": [{"content": "x".repeat(2_000)}]}).to_string();
    let call = Call { cuts: &[500, 900, 1_100], ..Call::new(Format::Chat, body.as_bytes()) };
    let outcome = run(&engine_with(BOTH_WAYS, limits), &call);
    assert!(outcome.sent.is_empty());
    let refusal = outcome.refusal.unwrap();
    assert_eq!((refusal.status, &*refusal.rule), (413, "uncertain.oversizedBody"));
}

#[test]
fn a_body_past_the_limit_streams_on_if_policy_says_so() {
    let policy = format!("{MASK}  uncertain: {{ oversizedBody: audit }}\n");
    let limits = Limits { held_body: 1_000, ..Limits::STANDARD };
    let body = json!({"messages": [{"content": ADDRESS}, {"content": "x".repeat(2_000)}]}).to_string();
    let call = Call { cuts: &[500, 900, 1_100], ..Call::new(Format::Chat, body.as_bytes()) };
    let outcome = run(&engine_with(&policy, limits), &call);
    assert_eq!(outcome.sent(), body.replace(ADDRESS, "[EMAIL]"));
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn gunzip(bytes: &[u8]) -> String {
    let mut out = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(bytes), &mut out).unwrap();
    out
}

#[test]
fn a_compressed_request_is_read_and_stays_compressed() {
    let body = json!({"model": "m", "messages": [{"content": format!("mail {ADDRESS}")}]}).to_string();
    let coded = gzip(body.as_bytes());
    let call = Call { request_coding: Some("gzip"), cuts: &[3, 20, 31], ..Call::new(Format::Chat, &coded) };
    let outcome = run(&engine(BOTH_WAYS), &call);
    assert_eq!(gunzip(&outcome.sent.concat()), body.replace(ADDRESS, "[EMAIL]"));
    assert_eq!(outcome.record.request.seen, body.len() as u64);
    let clean = gzip(b"{\"model\":\"m\",\"messages\":[]}");
    let outcome = run(&engine(BOTH_WAYS), &Call { request: &clean, ..call });
    assert_eq!(outcome.sent.concat(), clean);
}

#[test]
fn every_coding_is_read_and_kept() {
    let body = json!({"messages": [{"content": format!("mail {ADDRESS}")}]}).to_string();
    let coded = zstd::encode_all(body.as_bytes(), 3).unwrap();
    let call = Call { request_coding: Some("zstd"), cuts: &[3, 20, 31], ..Call::new(Format::Chat, &coded) };
    let outcome = run(&engine(BOTH_WAYS), &call);
    let sent = zstd::decode_all(&outcome.sent.concat()[..]).unwrap();
    assert_eq!(String::from_utf8(sent).unwrap(), body.replace(ADDRESS, "[EMAIL]"));
}

#[test]
fn bombs_and_unknown_codings_are_refused() {
    let bomb = gzip(&vec![b' '; 20 << 20]);
    for (coding, body, status, rule) in [
        ("gzip", &bomb[..], 413, "uncertain.decodeLimit"),
        ("gzip", b"no gzip at all", 403, "uncertain.undecodableBody"),
        ("compress", b"whatever", 403, "uncertain.undecodableBody"),
    ] {
        let call = Call { request_coding: Some(coding), ..Call::new(Format::Chat, body) };
        let outcome = run(&engine(BOTH_WAYS), &call);
        assert!(outcome.sent.is_empty());
        let refusal = outcome.refusal.unwrap();
        assert_eq!((refusal.status, &*refusal.rule), (status, rule));
    }
}

#[test]
fn unknown_operations_are_scanned_all_the_same() {
    let body = json!({"prompt": format!("mail {ADDRESS}"), "list": [1, 2]}).to_string();
    let call = Call { path: "/v1/brand/new", ..Call::new(Format::Chat, body.as_bytes()) };
    let outcome = run(&engine(BOTH_WAYS), &call);
    assert_eq!(outcome.sent(), body.replace(ADDRESS, "[EMAIL]"));
    assert_eq!(&*outcome.record.operation, "unknown");
    assert_eq!(outcome.record.doubts[0].uncertainty, Uncertainty::UnknownFormat);
    assert!(outcome.record.request.unknown > 0);
    // Text, forms and JSON lines as well.
    for body in [format!("plain {ADDRESS} text"), format!("{{\"a\":1}}\n{{\"b\":\"{ADDRESS}\"}}\n")] {
        let call = Call { request: body.as_bytes(), request_type: None, cuts: &[5, 9], ..call.clone() };
        assert_eq!(run(&engine(BOTH_WAYS), &call).sent(), body.replace(ADDRESS, "[EMAIL]"));
    }
}

#[test]
fn other_products_on_a_shared_host_are_left_alone() {
    let body = json!({"mail": ADDRESS}).to_string();
    let call =
        Call { host: "chatgpt.com", path: "/backend-api/me", ..Call::new(Format::Chat, body.as_bytes()) };
    let outcome = run(&engine(BOTH_WAYS), &call);
    assert_eq!(outcome.request_plan, RequestPlan::Bypass);
    assert_eq!(outcome.sent(), body);
}

#[test]
fn a_signed_body_is_not_rewritten() {
    let body = json!({"messages": [{"content": ADDRESS}]}).to_string();
    let host = "aws-external-anthropic.eu-west-1.api.aws";
    let call = Call { host, ..Call::new(Format::Messages, body.as_bytes()) };
    let outcome = run(&engine(BOTH_WAYS), &call);
    assert_eq!(&*outcome.refusal.unwrap().rule, "uncertain.signedBody");
    assert!(outcome.record.findings[0].sealed);
    // The head knows better than the catalogue, both ways.
    let outcome = run(&engine(BOTH_WAYS), &Call { signature: Some(None), ..call.clone() });
    assert_eq!(outcome.sent(), body.replace(ADDRESS, "[EMAIL]"));
    let signed =
        Call { signature: Some(Some(Signature::Http)), ..Call::new(Format::Messages, body.as_bytes()) };
    assert_eq!(&*run(&engine(BOTH_WAYS), &signed).refusal.unwrap().rule, "uncertain.signedBody");
}

#[test]
fn a_signed_body_is_changed_where_it_can_be_signed_again_and_policy_says_so() {
    let resigning = format!("{BOTH_WAYS}  uncertain: {{ signedBody: resign }}\n");
    let body = json!({"messages": [{"content": format!("ask {ADDRESS} or {}", card())}]}).to_string();
    let host = "aws-external-anthropic.eu-west-1.api.aws";
    let call = Call { host, resigns: true, ..Call::new(Format::Messages, body.as_bytes()) };
    let outcome = run(&engine(&resigning), &call);
    assert_eq!(outcome.sent(), body.replace(ADDRESS, "[EMAIL]").replace(&card(), "[CARD]"));
    assert!(outcome.resigned && outcome.record.findings.iter().all(|finding| !finding.sealed));
    let doubts: Vec<_> = outcome.record.doubts.iter().map(|d| (d.uncertainty, d.answer)).collect();
    assert_eq!(doubts, [(Uncertainty::SignedBody, Answer::Resign)]);
    // Credentials are not enough, nor is policy.
    for (policy, resigns) in [(BOTH_WAYS, true), (&*resigning, false)] {
        let outcome = run(&engine(policy), &Call { resigns, ..call.clone() });
        assert_eq!(&*outcome.refusal.unwrap().rule, "uncertain.signedBody");
        assert!(!outcome.resigned && outcome.sent.is_empty() && outcome.record.findings[0].sealed);
        assert_eq!(outcome.record.doubts[0].answer, Answer::Block);
    }
    // What nothing is known of is not signed for anybody, and what is not changed keeps its signature.
    let unknown = Call { path: "/brand/new", ..call.clone() };
    assert_eq!(&*run(&engine(&resigning), &unknown).refusal.unwrap().rule, "uncertain.signedBody");
    let body = json!({"messages": [{"content": "Good morning."}]}).to_string();
    let plain = Call { request: body.as_bytes(), ..call };
    let outcome = run(&engine(&resigning), &plain);
    assert!(outcome.sent() == body && !outcome.resigned);
}

//! Calls of tools in streams: each maker's own way, and no call is whole on the other side that a rule forbids.

use std::sync::Arc;

use bytes::Bytes;
use interceptor_engine::{Engine, ResponseHead};
use serde_json::{Value, json};

use super::calls::RULES;
use super::eventstream::message;
use super::{Call, engine};

/// Events, and the status and rule under which the stream ends, in every cutting into two.
pub(super) fn stream(engine: &Arc<Engine>, call: &Call, events: &[String], expected: &str, left: usize) {
    let events: Vec<&[u8]> = events.iter().map(|event| event.as_bytes()).collect();
    streamed(engine, call, "text/event-stream", &events, expected, left);
}

/// The same in another framing.
fn streamed(
    engine: &Arc<Engine>,
    call: &Call,
    content_type: &str,
    events: &[&[u8]],
    expected: &str,
    left: usize,
) {
    let whole = events.concat();
    for cut in 0..whole.len() {
        let mut exchange = call.begin(engine);
        let (mut out, mut back) = (Vec::new(), Vec::new());
        exchange.begin().unwrap();
        exchange.request_data(Bytes::from(call.body.clone()), &mut out).unwrap();
        exchange.request_end(&mut out).unwrap();
        let head = ResponseHead {
            status: 200,
            content_type: Some(content_type),
            content_encoding: None,
            content_length: None,
        };
        exchange.response_head(&head).unwrap();
        let result = { [&whole[..cut], &whole[cut..]].into_iter() }
            .try_for_each(|piece| exchange.response_data(Bytes::copy_from_slice(piece), &mut back))
            .and_then(|()| exchange.response_end(&mut back));
        let verdict = result.map_or_else(|refusal| refusal.rule.to_string(), |()| "pass".into());
        assert_eq!(verdict, expected, "cut at {cut}");
        assert_eq!(back.concat(), events[..left].concat(), "cut at {cut}");
    }
}

pub(super) fn data(event: &Value) -> String {
    format!("data: {event}\n\n")
}

/// The events of a call of OpenAI's in fragments.
pub(super) fn chunks(calls: &[(u32, &str, &[&str])]) -> Vec<String> {
    let event = |delta: Value| data(&json!({ "choices": [{ "index": 0, "delta": delta }] }));
    let mut events = vec![event(json!({ "content": "let me see" }))];
    for (index, name, _) in calls {
        let function = json!({ "name": name, "arguments": "" });
        events.push(event(json!({ "tool_calls": [{ "index": index, "function": function }] })));
    }
    for at in 0.. {
        let pieces: Vec<_> = calls.iter().filter_map(|(index, _, all)| Some((index, all.get(at)?))).collect();
        if pieces.is_empty() {
            break;
        }
        let call =
            |(index, piece): &(&u32, &&str)| json!({ "index": index, "function": { "arguments": piece } });
        events.extend(pieces.iter().map(|piece| event(json!({ "tool_calls": [call(piece)] }))));
    }
    events.push(data(&json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "tool_calls" }] })));
    events.push("data: [DONE]\n\n".to_owned());
    events
}

#[test]
fn a_stream_ends_before_the_call_is_complete() {
    let engine = engine(&[RULES]);
    let call = Call::model("m");
    let events = chunks(&[(0, "shell", &["{\"comm", "and\":\"\\u00", "72m -r", "f /\"", "}"])]);
    // The bracket that makes it a call stays behind.
    stream(&engine, &call, &events, "no-deleting", 6);
    let events = chunks(&[(0, "shell", &["{\"command\":\"ls", " -l\"}"])]);
    stream(&engine, &call, &events, "pass", events.len());
    let events = chunks(&[(0, "read_file", &["{\"path\":", "\"/srv/a\"}"])]);
    stream(&engine, &call, &events, "pass", events.len());
    let events = chunks(&[(0, "read_file", &["{\"path\":", "\"/etc/a\"}"])]);
    stream(&engine, &call, &events, "no-files", 3);
    // What is no whole document is nothing that anybody has to exempt: it ends with the event that ends the call.
    let events = chunks(&[(0, "read_file", &["{\"path\":", "\"/srv/a\""])]);
    stream(&engine, &call, &events, "no-files", 4);
    let events = chunks(&[(0, "read_file", &["{\"path\":\"/srv/a\"}", "{\"path\":\"/etc/a\"}"])]);
    stream(&engine, &call, &events, "no-files", 4);
    // Called with nothing: that is clear once the call has ended.
    let events = chunks(&[(0, "read_file", &[])]);
    stream(&engine, &call, &events, "no-files", 2);
}

/// Clients put fragments of a name together, as they do with what it is called with.
#[test]
fn a_name_in_fragments_is_the_whole_name() {
    let call = Call::model("m");
    let named = |pieces: &[(u32, &str)], arguments: &str| {
        let event = |delta: Value| data(&json!({ "choices": [{ "index": 0, "delta": delta }] }));
        let piece = |(index, name): &(u32, &str)| {
            event(json!({ "tool_calls": [{ "index": index, "function": { "name": name } }] }))
        };
        let mut events: Vec<_> = pieces.iter().map(piece).collect();
        let function = json!({ "arguments": arguments });
        events.push(event(json!({ "tool_calls": [{ "index": 0, "function": function }] })));
        events.push("data: [DONE]\n\n".to_owned());
        events
    };
    let by_name =
        engine(&["rules: [{ name: no-shells, match: { tools: [shell, \"*_shell\"] }, action: block }]"]);
    let events = named(&[(0, "sh"), (0, "ell")], "{}");
    stream(&by_name, &call, &events, "no-shells", 1);
    let events = named(&[(0, "sh"), (1, "ell"), (0, "op")], "{}");
    stream(&by_name, &call, &events, "pass", events.len());
    let by_call = engine(&[RULES]);
    let events = named(&[(0, "she"), (0, "ll")], r#"{"command":"rm -rf /"}"#);
    stream(&by_call, &call, &events, "no-deleting", 2);
    // Said again and again, and under one number for two calls: neither makes another tool of it.
    let only = engine(&["\
rules:
  - { name: these, match: { direction: response, tools: [shell, note] }, action: allow }
  - { name: no-others, match: { direction: response, tools: [\"*\"] }, action: block }"]);
    for pieces in [[(0, "shell"), (0, "shell")], [(0, "shell"), (0, "note")]] {
        let events = named(&pieces, "{}");
        stream(&only, &call, &events, "pass", events.len());
    }
    let events = named(&[(0, "shell"), (0, "x")], "{}");
    stream(&only, &call, &events, "no-others", 1);
}

#[test]
fn parallel_calls_are_told_apart() {
    let engine = engine(&[RULES]);
    let call = Call::model("m");
    let ls: &[&str] = &["{\"command\":", "\"ls\"}"];
    let note: &[&str] = &["{\"command\":", "\"rm -rf /\"}"];
    let events = chunks(&[(0, "shell", ls), (1, "note", note)]);
    stream(&engine, &call, &events, "pass", events.len());
    let events = chunks(&[(0, "note", ls), (1, "shell", note)]);
    stream(&engine, &call, &events, "no-deleting", 6);
}

#[test]
fn every_maker_streams_calls_in_a_way_of_its_own() {
    let engine = engine(&[RULES]);
    let anthropic = Call {
        provider: "anthropic",
        path: "/v1/messages".into(),
        host: "api.anthropic.com",
        ..Call::model("m")
    };
    let event = |event: Value| format!("event: {}\n{}", event["type"].as_str().unwrap(), data(&event));
    let begin = json!({ "type": "tool_use", "id": "t", "name": "shell", "input": {} });
    let delta = |json: &str| {
        event(
            json!({ "type": "content_block_delta", "index": 1, "delta": { "type": "input_json_delta", "partial_json": json } }),
        )
    };
    let events = [
        event(json!({ "type": "content_block_start", "index": 1, "content_block": begin })),
        delta("{\"command\": \"mk"),
        delta("fs /dev/sda\"}"),
        event(json!({ "type": "content_block_stop", "index": 1 })),
    ];
    stream(&engine, &anthropic, &events, "no-deleting", 2);

    let responses = Call { path: "/v1/responses".into(), ..Call::model("m") };
    let item = |arguments: &str| json!({ "type": "function_call", "name": "shell", "arguments": arguments });
    let delta = |text: &str| {
        event(json!({ "type": "response.function_call_arguments.delta", "output_index": 0, "delta": text }))
    };
    let deleting = r#"{"command":"rm -rf /"}"#;
    let added = event(json!({ "type": "response.output_item.added", "output_index": 0, "item": item("") }));
    let events = [added.clone(), delta("{\"command\":\"rm "), delta("-rf /\"}")];
    stream(&engine, &responses, &events, "no-deleting", 2);
    // Told as a whole only, without the name beside it.
    let done =
        json!({ "type": "response.function_call_arguments.done", "output_index": 0, "arguments": deleting });
    stream(&engine, &responses, &[added, event(done)], "no-deleting", 1);
    let done = json!({ "type": "response.output_item.done", "output_index": 0, "item": item(deleting) });
    stream(&engine, &responses, &[event(done)], "no-deleting", 0);

    let google = Call {
        provider: "google-gemini",
        path: "/v1beta/models/gemini-pro:streamGenerateContent?alt=sse".into(),
        host: "generativelanguage.googleapis.com",
        ..Call::model("m")
    };
    let part = json!({ "functionCall": { "name": "shell", "args": { "command": "rm -rf /" } } });
    let events = [data(&json!({ "candidates": [{ "content": { "parts": [part] } }] }))];
    stream(&engine, &google, &events, "no-deleting", 0);
}

/// What a format's calls look like in pieces: the last one makes it a call.
fn check(call: &Call, content_type: &str, events: &[Vec<u8>]) {
    let engine = engine(&[RULES]);
    let refs: Vec<&[u8]> = events.iter().map(Vec::as_slice).collect();
    streamed(&engine, call, content_type, &refs, "no-deleting", events.len() - 1);
}

const HALVES: [&str; 2] = ["{\"command\": \"rm ", "-rf /\"}"];

#[test]
fn bedrock_streams_calls_in_frames() {
    let call = Call {
        provider: "aws-bedrock",
        path: "/model/m/converse-stream".into(),
        host: "bedrock-runtime.us-east-1.amazonaws.com",
        ..Call::chat(&json!({ "messages": [] }))
    };
    let start = json!({ "toolUse": { "toolUseId": "t", "name": "shell" } });
    let delta = |text: &str| {
        let delta = json!({ "toolUse": { "input": text } });
        message("contentBlockDelta", &json!({ "contentBlockIndex": 1, "delta": delta }).to_string())
    };
    let start = json!({ "contentBlockIndex": 1, "start": start }).to_string();
    let events = [message("contentBlockStart", &start), delta(HALVES[0]), delta(HALVES[1])];
    check(&call, "application/vnd.amazon.eventstream", &events);
}

#[test]
fn cohere_streams_calls_with_events_of_their_own() {
    let call = Call {
        provider: "cohere",
        path: "/v2/chat".into(),
        host: "api.cohere.com",
        ..Call::chat(&json!({ "model": "m", "messages": [], "stream": true }))
    };
    let event = |kind: &str, function: Value| {
        let delta = json!({ "message": { "tool_calls": { "function": function } } });
        data(&json!({ "type": kind, "index": 0, "delta": delta })).into_bytes()
    };
    let events = [
        event("tool-call-start", json!({ "name": "shell", "arguments": "" })),
        event("tool-call-delta", json!({ "arguments": HALVES[0] })),
        event("tool-call-delta", json!({ "arguments": HALVES[1] })),
    ];
    check(&call, "text/event-stream", &events);
}

#[test]
fn ollama_streams_whole_calls_in_lines() {
    let call = Call {
        provider: "ollama",
        path: "/api/chat".into(),
        host: "localhost",
        ..Call::chat(&json!({ "model": "m", "messages": [] }))
    };
    let line = |message: Value| {
        format!("{}\n", json!({ "model": "m", "message": message, "done": false })).into_bytes()
    };
    let function = json!({ "name": "shell", "arguments": { "command": "rm -rf /" } });
    let events = [
        line(json!({ "role": "assistant", "content": "let me see" })),
        line(json!({ "role": "assistant", "content": "", "tool_calls": [{ "function": function }] })),
    ];
    check(&call, "application/x-ndjson", &events);
}

#[test]
fn mistral_names_the_tool_with_every_fragment() {
    let call = Call {
        provider: "mistral",
        path: "/v1/conversations".into(),
        host: "api.mistral.ai",
        ..Call::chat(&json!({ "model": "m", "inputs": "x", "stream": true }))
    };
    let event = |arguments: &str| {
        let event = json!({ "type": "function.call.delta", "output_index": 0, "name": "shell", "tool_call_id": "t", "arguments": arguments });
        format!("event: function.call.delta\n{}", data(&event)).into_bytes()
    };
    check(&call, "text/event-stream", &HALVES.map(event));
}

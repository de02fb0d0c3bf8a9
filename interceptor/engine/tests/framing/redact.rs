//! Tokens in the place of what was found, and what becomes of them in the answer: put back however a model writes them
//! and wherever a stream is cut, but never where a rule did not ask for it.

use std::sync::Arc;

use bytes::Bytes;
use interceptor_engine::policy::{Direction, Pod};
use interceptor_engine::websocket::{Messages, Opcode, Sender, Unit, whole};
use interceptor_engine::{Engine, Exchange, Limits, Policy, RequestHead, ResponseHead, Subject};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::run::{ADDRESS, begin, engine};

/// Requests are made reversible; answers are masked for good.
const REVERSIBLE: &str = "
apiVersion: interceptor.dev/v1alpha1
kind: EgressPolicy
metadata: { name: reversible }
spec:
  rules:
    - name: stand-in
      match: { direction: request, detectors: [\"*\"], confidence: low }
      action: { redact: { with: reversible } }
    - name: mask
      match: { direction: response, detectors: [\"pii.*\"], confidence: low }
      action: redact
";

const CHAT: (&str, &str) = ("api.openai.com", "/v1/chat/completions");

fn in_tools() -> String {
    REVERSIBLE.replace("with: reversible", "with: reversible, restoreIn: [text, toolArguments]")
}

fn only(action: &str) -> String {
    REVERSIBLE.replace("{ redact: { with: reversible } }", action)
}

/// Sends a request and gives what arrives at the provider.
pub(crate) fn send(exchange: &mut Exchange, body: &Value) -> String {
    let mut out = Vec::new();
    exchange.request_data(Bytes::from(body.to_string()), &mut out).unwrap();
    exchange.request_end(&mut out).unwrap();
    String::from_utf8(out.concat()).unwrap()
}

pub(crate) fn chat(text: &str) -> Value {
    json!({"model": "m", "messages": [{"role": "user", "content": text}]})
}

/// What stands for the text that was asked about.
fn token_for(engine: &Arc<Engine>, text: &str) -> (Exchange, String) {
    let mut exchange = begin(engine, "POST", CHAT.0, CHAT.1);
    let sent = send(&mut exchange, &chat(text));
    let sent: Value = serde_json::from_str(&sent).unwrap();
    (exchange, sent["messages"][0]["content"].as_str().unwrap().to_owned())
}

/// Takes an answer in chunks and gives what arrives at the application.
pub(crate) fn answer(exchange: &mut Exchange, content_type: &str, chunks: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    let head = ResponseHead {
        status: 200,
        content_type: Some(content_type),
        content_encoding: None,
        content_length: None,
    };
    exchange.response_head(&head).unwrap();
    for chunk in chunks {
        exchange.response_data(Bytes::copy_from_slice(chunk), &mut out).unwrap();
    }
    exchange.response_end(&mut out).unwrap();
    out.concat()
}

fn message(content: &str, arguments: &str) -> String {
    let calls = json!([{"id": "1", "type": "function", "function": {"name": "f", "arguments": arguments}}]);
    json!({"choices": [{"message": {"content": content, "tool_calls": calls}}]}).to_string()
}

pub(crate) fn events(texts: &[&str]) -> String {
    let event = |delta: Value| format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": delta}]}));
    let deltas = texts.iter().map(|text| event(json!({"content": text})));
    deltas.chain(["data: [DONE]\n\n".to_owned()]).collect()
}

pub(crate) fn said(stream: &[u8]) -> String {
    let text = std::str::from_utf8(stream).unwrap();
    let events =
        text.lines().filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok());
    events.filter_map(|event| Some(event["choices"][0]["delta"]["content"].as_str()?.to_owned())).collect()
}

/// A private key as people paste it: its line ends have to be escaped.
fn pem() -> String {
    let line = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj";
    let marker = |word: &str| ["-----", word, " PRIVATE", " KEY-----"].concat();
    format!("{}\n{line}\n{line}\n{}", marker("BEGIN"), marker("END"))
}

#[test]
fn a_token_is_the_same_in_every_turn_and_another_for_every_tenant() {
    let engine = engine(&only("{ redact: token }"));
    let (_, first) = token_for(&engine, &format!("ask {ADDRESS}, I mean {ADDRESS}"));
    let token = first.split([' ', ',']).nth(1).unwrap();
    assert_eq!(first, format!("ask {token}, I mean {token}"));
    assert!(token.starts_with("QXEMAIL") && token.bytes().all(|byte| byte.is_ascii_uppercase()), "{token}");
    // In the next turn the text is there again, and so is what stood for it.
    let (_, next) = token_for(&engine, &format!("{first}. And again: {ADDRESS}"));
    assert_eq!(next, format!("{first}. And again: {token}"));
    let subject = Arc::new(Subject { pod: Some(Pod::named("payments", "app").into()), ..Subject::default() });
    let mut exchange = engine.exchange(&RequestHead {
        provider: engine.catalogue().route(CHAT.0).unwrap().provider,
        method: "POST",
        path: CHAT.1,
        content_type: None,
        content_encoding: None,
        content_length: None,
        subject: &subject,
        at: 0,
        host: "",
        request_id: "req-2",
    });
    let other = send(&mut exchange, &chat(ADDRESS));
    assert!(other.contains("QXEMAIL") && !other.contains(token), "{other}");
}

#[test]
fn an_escaped_text_has_the_token_of_the_text_itself() {
    let engine = engine(&only("{ redact: token }"));
    let (_, token) = token_for(&engine, ADDRESS);
    let mut exchange = begin(&engine, "POST", CHAT.0, CHAT.1);
    let body = chat("PLACE").to_string().replace("PLACE", &ADDRESS.replace('@', "\\u0040"));
    let mut out = Vec::new();
    exchange.request_data(Bytes::from(body.clone()), &mut out).unwrap();
    exchange.request_end(&mut out).unwrap();
    let wanted = body.replace(&ADDRESS.replace('@', "\\u0040"), &token);
    assert_eq!(String::from_utf8(out.concat()).unwrap(), wanted);
}

#[test]
fn without_a_key_labels_stand_in() {
    let policy = Policy::load(&[("test.yaml", REVERSIBLE)]).unwrap();
    let catalogue = interceptor_engine::Catalogue::builtin();
    let detectors = interceptor_engine::Detectors::builtin();
    let engine = Engine::new(catalogue, Arc::new(policy), detectors, Limits::STANDARD);
    let (mut exchange, sent) = token_for(&engine, ADDRESS);
    assert_eq!(sent, "[EMAIL]");
    let whole = message("write to [EMAIL]", "{}");
    assert_eq!(answer(&mut exchange, "application/json", &[whole.as_bytes()]), whole.as_bytes());
}

#[test]
fn an_answer_is_restored_however_the_model_writes_it() {
    for way in [
        |token: &str| token.to_owned(),
        |token: &str| token.to_lowercase(),
        |token: &str| format!("**{token}**"),
        |token: &str| format!("{} {}\\_{}", &token[..2], &token[2..7], &token[7..]),
        |token: &str| format!("`{}\u{200b}{}`", &token[..9], &token[9..]),
    ] {
        let (mut exchange, token) = token_for(&engine(REVERSIBLE), ADDRESS);
        let written = way(&token);
        let whole = message(&format!("Dear {written}, \"x\"\n"), "{}");
        let outcome = answer(&mut exchange, "application/json", &[whole.as_bytes()]);
        let outcome: Value = serde_json::from_slice(&outcome).unwrap();
        let text = outcome["choices"][0]["message"]["content"].as_str().unwrap();
        assert!(text.contains(ADDRESS) && text.starts_with("Dear ") && text.ends_with(", \"x\"\n"), "{text}");
        assert!(!text.to_lowercase().contains("qx"), "{text}");
        assert_eq!(exchange.record().restored, 1);
    }
}

#[test]
fn what_is_put_back_is_nobodys_finding_but_what_the_model_knows_is() {
    let (mut exchange, token) = token_for(&engine(REVERSIBLE), ADDRESS);
    let texts = [&format!("{token} or john.roe@example.org, "), &token[..5], &token[5..], "."];
    let stream = events(&texts);
    let outcome = answer(&mut exchange, "text/event-stream", &[stream.as_bytes()]);
    assert_eq!(said(&outcome), format!("{ADDRESS} or [EMAIL], {ADDRESS}."));
    let record = exchange.record();
    assert_eq!((record.restored, record.findings.len()), (2, 2));
}

#[test]
fn arguments_of_tools_are_restored_only_if_a_rule_says_so() {
    let quoted = pem();
    for (policy, restored) in [(REVERSIBLE.to_owned(), false), (in_tools(), true)] {
        for original in [ADDRESS, &quoted] {
            let (mut exchange, token) = token_for(&engine(&policy), original);
            let arguments = json!({"to": token}).to_string();
            let whole = message(&format!("to {token}"), &arguments);
            let outcome = answer(&mut exchange, "application/json", &[whole.as_bytes()]);
            let outcome: Value = serde_json::from_slice(&outcome).unwrap();
            let message = &outcome["choices"][0]["message"];
            assert_eq!(message["content"], format!("to {original}"));
            let arguments = message["tool_calls"][0]["function"]["arguments"].as_str().unwrap();
            let arguments: Value = serde_json::from_str(arguments).unwrap();
            assert_eq!(arguments["to"], if restored { original } else { token.as_str() });
        }
    }
}

#[test]
fn streamed_arguments_of_tools_stay_json() {
    let original = pem();
    for (policy, restored) in [(REVERSIBLE.to_owned(), false), (in_tools(), true)] {
        let (mut exchange, token) = token_for(&engine(&policy), &original);
        let arguments = json!({"note": "a\n\"b\"", "to": format!("<{token}>")}).to_string();
        let mut stream = String::new();
        for at in 0..arguments.len() {
            let call = json!({"index": 0, "function": {"arguments": &arguments[at..=at]}});
            let choice = json!({"index": 0, "delta": {"tool_calls": [call]}});
            stream += &format!("data: {}\n\n", json!({"choices": [choice]}));
        }
        let outcome = answer(&mut exchange, "text/event-stream", &[stream.as_bytes()]);
        let mut got = String::new();
        for line in
            std::str::from_utf8(&outcome).unwrap().lines().filter_map(|line| line.strip_prefix("data: "))
        {
            let event: Value = serde_json::from_str(line).unwrap();
            got += event["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"].as_str().unwrap();
        }
        let got: Value = serde_json::from_str(&got).unwrap();
        assert_eq!(got["to"], format!("<{}>", if restored { &original } else { &token }));
        assert_eq!(got["note"], "a\n\"b\"");
    }
}

#[test]
fn a_text_is_escaped_for_where_it_is_put_back() {
    let original = pem();
    let (mut exchange, token) = token_for(&engine(REVERSIBLE), &original);
    // Prose, and an answer that is JSON itself.
    for content in [format!("Here: {token}"), json!({"key": token}).to_string()] {
        let whole = message(&content, "{}");
        let outcome = answer(&mut exchange, "application/json", &[whole.as_bytes()]);
        let outcome: Value = serde_json::from_slice(&outcome).unwrap();
        let text = outcome["choices"][0]["message"]["content"].as_str().unwrap();
        match serde_json::from_str::<Value>(text) {
            Ok(inner) => assert_eq!(inner["key"], original),
            Err(_) => assert_eq!(text, format!("Here: {original}")),
        }
    }
}

#[test]
fn what_a_stream_repeats_agrees_with_what_it_said() {
    let (mut exchange, token) = {
        let engine = engine(REVERSIBLE);
        let mut exchange = begin(&engine, "POST", "api.openai.com", "/v1/responses");
        let sent = send(&mut exchange, &json!({"model": "m", "input": ADDRESS}));
        let sent: Value = serde_json::from_str(&sent).unwrap();
        (exchange, sent["input"].as_str().unwrap().to_owned())
    };
    let named = |event: Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap());
    let text = format!("to {token}!");
    let delta = |text: &str| {
        named(
            json!({"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": text}),
        )
    };
    let stream = [
        delta(&text[..9]),
        delta(&text[9..]),
        named(
            json!({"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": text}),
        ),
        named(json!({"type": "response.completed", "response": {"output": [{"content": [{"text": text}]}]}})),
    ];
    let outcome = answer(&mut exchange, "text/event-stream", &[stream.concat().as_bytes()]);
    let mut said = String::new();
    for line in std::str::from_utf8(&outcome).unwrap().lines().filter_map(|line| line.strip_prefix("data: "))
    {
        let event: Value = serde_json::from_str(line).unwrap();
        said += event["delta"].as_str().unwrap_or_default();
        for repeated in [&event["text"], &event["response"]["output"][0]["content"][0]["text"]] {
            assert!(repeated.is_null() || *repeated == format!("to {ADDRESS}!"), "{event}");
        }
    }
    assert_eq!(said, format!("to {ADDRESS}!"));
}

#[test]
fn another_exchange_restores_nothing_of_it() {
    let engine = engine(REVERSIBLE);
    let (_, token) = token_for(&engine, ADDRESS);
    let (mut exchange, _) = token_for(&engine, "nothing to hide");
    let whole = message(&format!("to {token}"), "{}");
    assert_eq!(answer(&mut exchange, "application/json", &[whole.as_bytes()]), whole.as_bytes());
    let (mut exchange, _) = token_for(&engine, "john.roe@example.org");
    let stream = events(&["to ", &token]);
    assert_eq!(answer(&mut exchange, "text/event-stream", &[stream.as_bytes()]), stream.as_bytes());
}

#[test]
fn prose_is_not_held_back_for_tokens() {
    let (mut exchange, token) = token_for(&engine(REVERSIBLE), ADDRESS);
    let head = ResponseHead {
        status: 200,
        content_type: Some("text/event-stream"),
        content_encoding: None,
        content_length: None,
    };
    exchange.response_head(&head).unwrap();
    let mut held = Vec::new();
    for text in
        ["The quick", " brown fox", " requires", " quality", " Q", "&A, ", &token[..6], &token[6..], "!"]
    {
        let mut out = Vec::new();
        let event = events(&[text]).replace("data: [DONE]\n\n", "");
        exchange.response_data(Bytes::from(event), &mut out).unwrap();
        held.push(out.is_empty());
    }
    // The word that a token is may begin something that a detector looks for; that is not the finder's to decide.
    assert_eq!(held[..7], [false, false, false, false, true, false, true]);
    assert!(!held[8]);
}

#[test]
fn every_framing_is_restored() {
    for (host, path, content_type) in [
        ("ollama.com", "/api/chat", "application/x-ndjson"),
        ("generativelanguage.googleapis.com", "/v1beta/models/m:streamGenerateContent", "application/json"),
    ] {
        let mut exchange = begin(&engine(REVERSIBLE), "POST", host, path);
        let body = json!({"messages": [{"content": ADDRESS}], "contents": [{"parts": [{"text": ADDRESS}]}]});
        let sent = send(&mut exchange, &body);
        assert!(!sent.contains(ADDRESS));
        let sent: Value = serde_json::from_str(&sent).unwrap();
        let token = sent["messages"][0]["content"].as_str().unwrap().to_owned();
        let frame = |text: &str| match host {
            "ollama.com" => format!("{}\n", json!({"message": {"content": text}})),
            _ => json!({"candidates": [{"content": {"parts": [{"text": text}]}}]}).to_string(),
        };
        let frames = ["to ", &token[..4], &token[4..9], &token[9..], "."].map(frame);
        let stream = match host {
            "ollama.com" => frames.concat(),
            _ => format!("[{}]", frames.join(",\n")),
        };
        let stream: Vec<&[u8]> = stream.as_bytes().chunks(11).collect();
        let outcome = String::from_utf8(answer(&mut exchange, content_type, &stream)).unwrap();
        assert!(outcome.contains(ADDRESS) && !outcome.contains(&token[4..9]), "{outcome}");
    }
}

#[test]
fn a_conversation_over_websocket_is_restored() {
    let mut exchange = begin(&engine(REVERSIBLE), "GET", "api.openai.com", "/v1/realtime");
    exchange.upgrade("websocket").unwrap();
    exchange.switched("websocket", None).unwrap();
    let (mut up, mut down) = (Vec::new(), Vec::new());
    let said = json!({"type": "conversation.item.create", "item": {"content": [{"text": ADDRESS}]}});
    let frame = whole(Opcode::Text, said.to_string().as_bytes(), Some([1, 2, 3, 4]));
    exchange.message_data(Direction::Request, frame, &mut up).unwrap();
    let read = |sender, bytes: Vec<u8>| -> Vec<Value> {
        let mut messages = Messages::new(sender, None, 0);
        messages.push(bytes.into());
        let mut found = Vec::new();
        while let Some(Unit::Message(message)) = messages.next_unit().unwrap() {
            found.push(serde_json::from_slice(&message.payload).unwrap());
        }
        found
    };
    let sent = read(Sender::Client, up.concat());
    let token = sent[0]["item"]["content"][0]["text"].as_str().unwrap();
    assert!(token.starts_with("QXEMAIL"), "{token}");
    for text in ["to ", &token[..8], &token[8..], ", today"] {
        let delta = json!({"type": "response.output_text.delta", "output_index": 0, "delta": text});
        let frame = whole(Opcode::Text, delta.to_string().as_bytes(), None);
        exchange.message_data(Direction::Response, frame, &mut down).unwrap();
    }
    let got: String = read(Sender::Server, down.concat())
        .iter()
        .map(|message| message["delta"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(got, format!("to {ADDRESS}, today"));
}

#[test]
fn a_token_in_the_answer_stands_for_what_a_rule_replaces_there() {
    let policy = only("audit").replace("action: redact\n", "action: { redact: token }\n");
    for cut in 1..ADDRESS.len() {
        let mut exchange = begin(&engine(&policy), "POST", CHAT.0, CHAT.1);
        send(&mut exchange, &chat("hello"));
        let stream = events(&["ask (", &ADDRESS[..cut], &ADDRESS[cut..], ")"]);
        let got = said(&answer(&mut exchange, "text/event-stream", &[stream.as_bytes()]));
        let whole = message(&format!("ask ({ADDRESS})"), "{}");
        let mut exchange = begin(&engine(&policy), "POST", CHAT.0, CHAT.1);
        send(&mut exchange, &chat("hello"));
        let whole = answer(&mut exchange, "application/json", &[whole.as_bytes()]);
        let whole: Value = serde_json::from_slice(&whole).unwrap();
        let whole = whole["choices"][0]["message"]["content"].as_str().unwrap();
        assert!(whole.starts_with("ask (QXEMAIL"), "{whole}");
        // What had left cannot stand for anything; then a label says so.
        assert!(got == whole || got.ends_with("[EMAIL])"), "{got}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_replaced_comes_back_wherever_it_is_cut(
        parts in proptest::collection::vec(prop_oneof![
            Just(ADDRESS.to_owned()), Just(" 4111 1111 1111 1111 ".to_owned()), Just("\"é😀\\\n".to_owned()),
            Just("q Qx QXE ".to_owned()), "[a-z ,.]{0,12}",
        ], 1..6),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..8),
        size in 1usize..200,
        lower in any::<bool>(),
    ) {
        let text = parts.join(" ");
        let (mut exchange, sent) = token_for(&engine(REVERSIBLE), &text);
        prop_assert!(!sent.contains(ADDRESS));
        let echoed = if lower { sent.replace("QXEMAIL", "qxemail") } else { sent };
        // The model says it all again, in pieces.
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(echoed.len() + 1)).collect();
        cuts.retain(|cut| echoed.is_char_boundary(*cut));
        cuts.extend([0, echoed.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&str> = cuts.windows(2).map(|pair| &echoed[pair[0]..pair[1]]).collect();
        let stream = events(&pieces);
        let chunks: Vec<&[u8]> = stream.as_bytes().chunks(size).collect();
        let got = said(&answer(&mut exchange, "text/event-stream", &chunks));
        prop_assert_eq!(got, text.clone());
        // And once more in one document.
        let whole = message(&echoed, "{}");
        let chunks: Vec<&[u8]> = whole.as_bytes().chunks(size).collect();
        let (mut exchange, _) = token_for(&engine(REVERSIBLE), &text);
        let got: Value = serde_json::from_slice(&answer(&mut exchange, "application/json", &chunks)).unwrap();
        prop_assert_eq!(got["choices"][0]["message"]["content"].as_str().unwrap(), text);
    }
}

#[test]
fn prose_that_tools_are_called_with_is_no_prose() {
    for (policy, restored) in [(REVERSIBLE.to_owned(), false), (in_tools(), true)] {
        let mut exchange = begin(&engine(&policy), "POST", "api.openai.com", "/v1/responses");
        let sent: Value =
            serde_json::from_str(&send(&mut exchange, &json!({"model": "m", "input": ADDRESS}))).unwrap();
        let token = sent["input"].as_str().unwrap();
        let named = |event: Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap());
        let delta = |text: &str| {
            named(json!({"type": "response.custom_tool_call_input.delta", "output_index": 0, "delta": text}))
        };
        let done = json!({"type": "response.custom_tool_call_input.done", "output_index": 0, "input": format!("mail {token}")});
        let stream = [delta("mail "), delta(&token[..7]), delta(&token[7..]), named(done)].concat();
        let got =
            String::from_utf8(answer(&mut exchange, "text/event-stream", &[stream.as_bytes()])).unwrap();
        assert_eq!(got.matches(ADDRESS).count(), if restored { 2 } else { 0 }, "{got}");
        assert!(restored || got == stream);
    }
}

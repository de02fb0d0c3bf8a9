//! Streamed answers: nothing is merged or delayed on prose, what is found is cut out wherever it was split, and
//! what repeats a text agrees with what was streamed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use interceptor_engine::Limits;
use interceptor_engine::policy::Uncertainty;
use serde_json::{Value, json};

use crate::run::{
    ADDRESS, BOTH_WAYS, Call, Format, MASK, WATCH, card, engine, engine_with, run, run_chunks, secret,
};

/// An event of the OpenAI chat stream.
fn chat(index: u32, delta: Value, finish: Option<&str>) -> String {
    let choice = json!({"index": index, "delta": delta, "finish_reason": finish});
    format!("data: {}\n\n", json!({"id": "c", "model": "gpt-x", "choices": [choice]}))
}

pub(crate) fn chat_text(texts: &[&str]) -> String {
    let events = texts.iter().map(|text| chat(0, json!({"content": text}), None));
    events.chain([chat(0, json!({}), Some("stop")), "data: [DONE]\n\n".to_owned()]).collect()
}

/// An event with a name, as Anthropic and the Responses API send them.
fn named(data: Value) -> String {
    format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap())
}

/// What a client puts together from the deltas of one choice.
pub(crate) fn client_text(stream: &str, index: u64) -> String {
    let mut text = String::new();
    for line in stream.lines().filter_map(|line| line.strip_prefix("data: ")) {
        let Ok(event) = serde_json::from_str::<Value>(line) else { continue };
        for choice in event["choices"].as_array().into_iter().flatten() {
            if choice["index"] == index {
                text.push_str(choice["delta"]["content"].as_str().unwrap_or_default());
            }
        }
    }
    text
}

fn events(stream: &str) -> Vec<bytes::Bytes> {
    stream.split_inclusive("\n\n").map(|event| bytes::Bytes::copy_from_slice(event.as_bytes())).collect()
}

#[test]
fn prose_is_neither_held_nor_merged_nor_copied() {
    let stream =
        chat_text(&["The ", "quick", " brown", " fox. It", " has 4 legs, and", " 2 eyes; e.g. this."]);
    let chunks = events(&stream);
    let outcome = run_chunks(&engine(BOTH_WAYS), &Call::stream(Format::Chat, b""), vec![], chunks.clone());
    assert_eq!(outcome.steps, chunks.iter().map(bytes::Bytes::len).collect::<Vec<_>>());
    assert_eq!(outcome.received, chunks);
    assert!(outcome.received.iter().zip(&chunks).all(|(out, chunk)| out.as_ptr() == chunk.as_ptr()));
    assert!(outcome.record.streamed);
}

#[test]
fn several_events_in_one_chunk_leave_in_one() {
    let stream = chat_text(&["one ", "two ", "three"]);
    let whole = bytes::Bytes::from(stream);
    let outcome =
        run_chunks(&engine(BOTH_WAYS), &Call::stream(Format::Chat, b""), vec![], vec![whole.clone()]);
    assert_eq!(outcome.received, [whole]);
}

#[test]
fn odd_but_legal_streams_pass_byte_for_byte() {
    let stream = "\u{feff}: OPENROUTER PROCESSING\n\ndata:{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\r\n\r\nid: 7\rretry: 10\revent: x\rdata: {\"choices\" :\rdata:  []}\r\rdata: not json at all\n\ndata\n\ndata: {\"x\":1}\n\n\n\ndata: [DONE]\n\ndata: {\"late\":true}";
    for cuts in [&[][..], &[1, 2, 3, 50, 51, 90], &[120, 121, 122]] {
        let call = Call { cuts, ..Call::stream(Format::Chat, stream.as_bytes()) };
        let outcome = run(&engine(BOTH_WAYS), &call);
        assert_eq!(outcome.received(), stream);
    }
}

#[test]
fn a_card_split_over_events_is_replaced() {
    let number = card();
    let stream = chat_text(&["pay with ", &number[..3], &number[3..9], &number[9..], " or cash"]);
    let outcome = run_chunks(&engine(MASK), &Call::stream(Format::Chat, b""), vec![], events(&stream));
    let text = client_text(&outcome.received(), 0);
    assert!(!text.contains(&number[9..]), "{text}");
    assert!(text.starts_with("pay with ") && text.contains("[CARD]") && text.ends_with(" or cash"), "{text}");
    assert_eq!(outcome.findings(), ["pii.card@choices[0].message.content redact"]);
    assert_eq!(outcome.received().matches("\n\n").count(), stream.matches("\n\n").count());
}

#[test]
fn a_finding_at_the_end_is_replaced_before_the_last_event() {
    let stream = chat_text(&["write to ", "jane.do", "e@example", ".com"]);
    let outcome = run_chunks(&engine(MASK), &Call::stream(Format::Chat, b""), vec![], events(&stream));
    assert_eq!(client_text(&outcome.received(), 0), "write to [EMAIL]");
}

#[test]
fn choices_and_escapes_do_not_mix() {
    let stream = [
        chat(0, json!({"content": "a\n\"jane.doe"}), None),
        chat(1, json!({"content": "b\té john.r"}), None),
        chat(0, json!({"content": "@example.com\" ok"}), None),
        // The index may come after the delta.
        "data: {\"choices\":[{\"delta\":{\"content\":\"oe@example.org\\u0021\"},\"index\":1}]}\n\n"
            .to_owned(),
        chat(0, json!({"content": "."}), Some("stop")),
    ]
    .concat();
    let outcome = run(&engine(MASK), &Call::stream(Format::Chat, stream.as_bytes()));
    assert_eq!(client_text(&outcome.received(), 0), "a\n\"[EMAIL]\" ok.");
    assert_eq!(client_text(&outcome.received(), 1), "b\té [EMAIL]!");
}

#[test]
fn a_key_in_the_stream_ends_it_with_an_error_event() {
    let key = secret();
    let stream = chat_text(&["Here it is: ", &key[..6], &key[6..20], &key[20..], " use it"]);
    let outcome = run_chunks(&engine(BOTH_WAYS), &Call::stream(Format::Chat, b""), vec![], events(&stream));
    assert_eq!(client_text(&outcome.received(), 0), "Here it is: ");
    let refusal = outcome.refusal.unwrap();
    let frame = String::from_utf8(refusal.stream_frame.unwrap().to_vec()).unwrap();
    let data: Value = serde_json::from_str(frame.strip_prefix("data: ").unwrap().trim()).unwrap();
    assert_eq!(data["error"]["code"], "egress_policy_blocked");
    assert!(!frame.contains(&key[6..]));
}

#[test]
fn tool_arguments_stay_json() {
    let call =
        |text: &str| chat(0, json!({"tool_calls": [{"index": 0, "function": {"arguments": text}}]}), None);
    let arguments = json!({"note": format!("line\n{}\\", ADDRESS), "card": card().parse::<u64>().unwrap(), "x": [1, "é"]}).to_string();
    for size in [1, 2, 3, 5, 8, 1_000] {
        let chars: Vec<char> = arguments.chars().collect();
        let fragments = chars.chunks(size).map(|chars| call(&chars.iter().collect::<String>()));
        let stream: String = fragments.chain([chat(0, json!({}), Some("tool_calls"))]).collect();
        let outcome = run_chunks(&engine(MASK), &Call::stream(Format::Chat, b""), vec![], events(&stream));
        let received = outcome.received();
        let mut put_together = String::new();
        for line in received.lines().filter_map(|line| line.strip_prefix("data: ")) {
            let event: Value = serde_json::from_str(line).unwrap();
            let text = &event["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"];
            put_together.push_str(text.as_str().unwrap_or_default());
        }
        let value: Value =
            serde_json::from_str(&put_together).unwrap_or_else(|error| panic!("{error}: {put_together}"));
        assert!(value["note"].as_str().unwrap().starts_with("line\n"), "{size}: {value}");
        assert!(!put_together.contains("example.com"), "{size}: {value}");
        assert!(!put_together.contains(&card()), "{size}: {value}");
        assert_eq!(value["x"], json!([1, "é"]));
        assert_eq!(outcome.record.findings.len(), 2, "{size}: {:?}", outcome.findings());
    }
}

fn messages_stream(blocks: &[(&str, &str, &[&str])]) -> String {
    let mut stream =
        named(json!({"type": "message_start", "message": {"id": "m", "type": "message", "role": "assistant",
        "model": "claude-x", "content": [], "usage": {"input_tokens": 25, "output_tokens": 1}}}));
    for (index, (kind, field, texts)) in blocks.iter().enumerate() {
        stream +=
            &named(json!({"type": "content_block_start", "index": index, "content_block": {"type": kind}}));
        stream += "event: ping\ndata: {\"type\": \"ping\"}\n\n";
        for text in *texts {
            let delta = json!({"type": format!("{field}_delta"), *field: text});
            stream += &named(json!({"type": "content_block_delta", "index": index, "delta": delta}));
        }
        stream += &named(json!({"type": "content_block_stop", "index": index}));
    }
    stream += &named(
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 15}}),
    );
    stream + &named(json!({"type": "message_stop"}))
}

#[test]
fn anthropic_streams_are_rewritten_block_by_block() {
    let stream = messages_stream(&[
        ("thinking", "thinking", &["is it jane.d", "oe@example.com", "?"]),
        ("text", "text", &["It is jane.d", "oe@exam", "ple.com"]),
        ("tool_use", "partial_json", &["{\"to\": \"jane.d", "oe@example", ".com\"}"]),
    ]);
    let outcome = run_chunks(&engine(MASK), &Call::stream(Format::Messages, b""), vec![], events(&stream));
    let mut texts = vec![String::new(); 3];
    for line in outcome.received().lines().filter_map(|line| line.strip_prefix("data: ")) {
        let event: Value = serde_json::from_str(line).unwrap();
        if let Some(index) = event["index"].as_u64() {
            let delta = &event["delta"];
            let text = ["text", "thinking", "partial_json"].iter().find_map(|name| delta[name].as_str());
            texts[usize::try_from(index).unwrap()].push_str(text.unwrap_or_default());
        }
    }
    // Thoughts are signed: the provider would refuse them in the next turn.
    assert_eq!(texts, ["is it jane.doe@example.com?", "It is [EMAIL]", "{\"to\": \"[EMAIL]\"}"]);
    assert_eq!(outcome.record.doubts[0].uncertainty, Uncertainty::Unrewritable);
    assert_eq!(outcome.record.model.as_deref(), Some("claude-x"));
    assert_eq!((outcome.record.usage.input, outcome.record.usage.output), (Some(25), Some(15)));
    assert_eq!(outcome.record.response.unknown, 0);
    assert_eq!(
        outcome.findings(),
        [
            "pii.email@content[0].thinking redact",
            "pii.email@content[1].text redact",
            "pii.email@content[2].input redact"
        ]
    );
}

#[test]
fn anthropic_errors_name_their_event() {
    let key = secret();
    let stream = messages_stream(&[("text", "text", &["key: ", &key, " "])]);
    let outcome = run(&engine(BOTH_WAYS), &Call::stream(Format::Messages, stream.as_bytes()));
    let frame = outcome.refusal.unwrap().stream_frame.unwrap();
    let frame = std::str::from_utf8(&frame).unwrap();
    let data = frame.strip_prefix("event: error\ndata: ").unwrap();
    let data: Value = serde_json::from_str(data).unwrap();
    assert_eq!(data["type"], "error");
    assert_eq!(data["error"]["type"], "permission_error");
}

fn responses_stream(texts: &[&str], arguments: &[&str]) -> String {
    let text = texts.concat();
    let message = json!({"type": "message", "id": "msg", "role": "assistant", "status": "completed",
        "content": [{"type": "output_text", "text": text, "annotations": []}]});
    let call = json!({"type": "function_call", "id": "fc", "call_id": "x", "name": "send", "arguments": arguments.concat()});
    let mut stream = named(
        json!({"type": "response.created", "response": {"id": "r", "model": "gpt-x", "status": "in_progress", "output": []}}),
    );
    stream += &named(
        json!({"type": "response.output_item.added", "output_index": 0, "item": {"type": "message", "id": "msg", "status": "in_progress", "content": []}}),
    );
    for text in texts {
        stream += &named(
            json!({"type": "response.output_text.delta", "item_id": "msg", "output_index": 0, "content_index": 0, "delta": text}),
        );
    }
    stream += &named(
        json!({"type": "response.output_text.done", "item_id": "msg", "output_index": 0, "content_index": 0, "text": text}),
    );
    stream += &named(
        json!({"type": "response.content_part.done", "output_index": 0, "content_index": 0, "part": {"type": "output_text", "text": text}}),
    );
    stream += &named(json!({"type": "response.output_item.done", "output_index": 0, "item": message}));
    for text in arguments {
        stream += &named(
            json!({"type": "response.function_call_arguments.delta", "item_id": "fc", "output_index": 1, "delta": text}),
        );
    }
    stream += &named(
        json!({"type": "response.function_call_arguments.done", "item_id": "fc", "output_index": 1, "arguments": arguments.concat()}),
    );
    stream += &named(json!({"type": "response.output_item.done", "output_index": 1, "item": call}));
    stream
        + &named(
            json!({"type": "response.completed", "response": {"id": "r", "model": "gpt-x", "status": "completed", "output": [message, call],
        "usage": {"input_tokens": 3, "output_tokens": 9, "total_tokens": 12}}}),
        )
}

/// What a client makes of a stream: the text and the arguments put together, and all that repeats either.
#[derive(Default)]
struct Put {
    text: String,
    texts: Vec<Value>,
    arguments: String,
    calls: Vec<Value>,
}

fn put_together(stream: &str) -> Put {
    let mut put = Put::default();
    for line in stream.lines().filter_map(|line| line.strip_prefix("data: ")) {
        let event: Value = serde_json::from_str(line).unwrap();
        match event["type"].as_str().unwrap() {
            "response.output_text.delta" => put.text.push_str(event["delta"].as_str().unwrap()),
            "response.output_text.done" => put.texts.push(event["text"].clone()),
            "response.content_part.done" => put.texts.push(event["part"]["text"].clone()),
            "response.function_call_arguments.delta" => {
                put.arguments.push_str(event["delta"].as_str().unwrap());
            }
            "response.function_call_arguments.done" => put.calls.push(event["arguments"].clone()),
            "response.output_item.done" if event["output_index"] == 0 => {
                put.texts.push(event["item"]["content"][0]["text"].clone());
            }
            "response.output_item.done" => put.calls.push(event["item"]["arguments"].clone()),
            "response.completed" => {
                put.texts.push(event["response"]["output"][0]["content"][0]["text"].clone());
                put.calls.push(event["response"]["output"][1]["arguments"].clone());
            }
            _ => {}
        }
    }
    put
}

#[test]
fn every_copy_of_a_streamed_text_agrees() {
    for (texts, expected) in [
        (&["Write to jane.d", "oe@example.com", " today"][..], "Write to [EMAIL] today"),
        // The plain word was out before the sign that made it an address; the copies leave it in as well.
        (&["Write to ", "jane", ".doe@example.com", " today"][..], "Write to jane[EMAIL] today"),
    ] {
        let arguments = ["{\"to\":\"", texts[1], texts[2], "\"}"];
        let stream = responses_stream(texts, &arguments);
        let outcome =
            run_chunks(&engine(MASK), &Call::stream(Format::Responses, b""), vec![], events(&stream));
        let put = put_together(&outcome.received());
        assert_eq!(put.text, expected);
        assert_eq!(put.texts, vec![Value::from(expected); 4]);
        assert_eq!(put.calls, vec![Value::from(put.arguments.clone()); 3]);
        serde_json::from_str::<Value>(&put.arguments).unwrap();
        assert_eq!(outcome.record.usage.output, Some(9));
        assert_eq!(outcome.record.response.unknown, 0, "{texts:?}");
    }
}

#[test]
fn every_copy_of_a_hidden_text_agrees() {
    let encoded = STANDARD.encode(format!("write to {ADDRESS} today"));
    let percent: String = ADDRESS.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let unseen: String = ADDRESS.chars().map(|letter| format!("{letter}\u{200b}")).collect();
    for hidden in [&encoded, &percent, &unseen, &ADDRESS.replace('@', "&#64;")] {
        let cuts: Vec<usize> = hidden.char_indices().map(|(at, _)| at).collect();
        for cut in cuts {
            let (first, second) = hidden.split_at(cut);
            let arguments = ["{\"to\":\"", first, second, "\"}"];
            let stream = responses_stream(&["It is ", first, second, " ; ok"], &arguments);
            let outcome =
                run_chunks(&engine(MASK), &Call::stream(Format::Responses, b""), vec![], events(&stream));
            let put = put_together(&outcome.received());
            assert!(put.text.contains("[EMAIL]") && put.arguments.contains("[EMAIL]"), "{}", put.text);
            assert_eq!(put.texts, vec![Value::from(put.text.clone()); 4], "cut at {cut}");
            assert_eq!(put.calls, vec![Value::from(put.arguments.clone()); 3], "cut at {cut}");
        }
    }
}

#[test]
fn a_stream_that_rules_only_watch_passes_at_once() {
    let number = card();
    let stream = chat_text(&["pay with ", &number[..3], &number[3..], " or cash"]);
    let chunks = events(&stream);
    let outcome = run_chunks(&engine(WATCH), &Call::stream(Format::Chat, b""), vec![], chunks.clone());
    assert_eq!(outcome.received, chunks);
    assert_eq!(outcome.findings(), ["pii.card@choices[0].message.content audit"]);
    assert!(!outcome.plan.unwrap().may_change_length);
}

#[test]
fn an_event_without_end_is_a_limit() {
    let limits = Limits { held_stream: 2_000, ..Limits::STANDARD };
    let stream = format!("data: {{\"x\":\"{}\"}}\n\n", "word ".repeat(1_000));
    let call = Call { cuts: &[1_000, 1_900, 2_500, 3_000], ..Call::stream(Format::Chat, stream.as_bytes()) };
    let outcome = run(&engine_with(BOTH_WAYS, limits), &call);
    assert_eq!(outcome.record.doubts[0].uncertainty, Uncertainty::OversizedBody);
    assert_eq!(outcome.received(), stream);
    let strict = format!("{BOTH_WAYS}  uncertain: {{ oversizedBody: block }}\n");
    assert!(run(&engine_with(&strict, limits), &call).refusal.is_some());
}

#[test]
fn a_compressed_stream_is_handed_on_decoded_where_rules_may_change_it() {
    use std::io::Write;
    let stream = chat_text(&["write to ", "jane.doe@", "example.com", " now"]);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let mut chunks = Vec::new();
    for event in events(&stream) {
        encoder.write_all(&event).unwrap();
        encoder.flush().unwrap();
        chunks.push(bytes::Bytes::from(std::mem::take(encoder.get_mut())));
    }
    chunks.push(encoder.finish().unwrap().into());
    let call = Call { answer_coding: Some("gzip"), ..Call::stream(Format::Chat, b"") };
    let outcome = run_chunks(&engine(MASK), &call, vec![], chunks.clone());
    assert!(outcome.plan.unwrap().drop_content_encoding);
    assert_eq!(client_text(&outcome.received(), 0), "write to [EMAIL] now");
    assert!(outcome.steps[0] > 0, "the first event leaves with its chunk");
    let outcome = run_chunks(&engine(WATCH), &call, vec![], chunks.clone());
    assert_eq!(outcome.received.concat(), chunks.concat());
    assert_eq!(outcome.findings().len(), 1);
}

#[test]
fn texts_beyond_those_that_may_be_open_are_counted_once() {
    let event = |index: u32| {
        let choice = json!({"index": index, "delta": {"content": format!("ask {ADDRESS} now")}});
        format!("data: {}\n\n", json!({"choices": [choice]}))
    };
    let stream: String = (0..300).map(event).collect();
    // The run itself asserts that every byte is counted once.
    let outcome = run(&engine(BOTH_WAYS), &Call::stream(Format::Chat, stream.as_bytes()));
    assert_eq!(outcome.record.findings.len() as u64 + outcome.record.findings_left_out, 300);
    assert!(!outcome.received().contains(ADDRESS));
}

#[test]
fn a_reason_to_finish_in_every_event_cuts_nothing() {
    let event = |text: &str| {
        let content = json!({"parts": [{"text": text}], "role": "model"});
        let candidate = json!({"content": content, "finishReason": "STOP", "index": 0});
        format!("data: {}\r\n\r\n", json!({"candidates": [candidate]}))
    };
    let stream: String = ["write to jane.do", "e@example", ".com soon"].map(event).concat();
    let call = Call {
        host: "generativelanguage.googleapis.com",
        path: "/v1beta/models/gemini-x:streamGenerateContent?alt=sse",
        ..Call::stream(Format::Chat, stream.as_bytes())
    };
    let outcome = run(&engine(BOTH_WAYS), &call);
    assert_eq!(outcome.record.findings.len(), 1, "{}", outcome.received());
    assert!(!outcome.received().contains("@example"), "{}", outcome.received());
}

/// What encodings and disguises hide is found in fragments, and nothing of it that could be held is out.
#[test]
fn what_is_hidden_in_a_streamed_text_is_cut_out() {
    let encoded = STANDARD.encode(format!("write to {ADDRESS} today"));
    let percent: String = ADDRESS.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let entities: String = ADDRESS.bytes().map(|byte| format!("&#{byte};")).collect();
    let hexadecimal: String = ADDRESS.bytes().map(|byte| format!("{byte:02x}")).collect();
    let unseen: String = ADDRESS.chars().map(|letter| format!("{letter}\u{200b}")).collect();
    let wide = ADDRESS.replace('e', "\u{ff45}");
    let twice = STANDARD.encode(&encoded);
    // The plain word before the `@` may be out; of a run so many digits as say nothing yet.
    let word = |hidden: &str, letters: usize| hidden.chars().take(letters).collect::<String>();
    for (hidden, out) in [
        (&encoded, word(&encoded, 7)),
        (&twice, word(&twice, 7)),
        (&hexadecimal, word(&hexadecimal, 7)),
        (&percent, word(&percent, 8 * 3)),
        (&entities, entities.split_inclusive(';').take(8).collect()),
        (&unseen, word(&unseen, 8 * 2)),
        (&wide, word(&wide, 8)),
    ] {
        for size in [1, 3, 8, 50] {
            let said = format!("It is {hidden} ; and that is all.");
            let letters: Vec<char> = said.chars().collect();
            let tokens: Vec<String> = letters.chunks(size).map(|token| token.iter().collect()).collect();
            let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
            let outcome = run_chunks(
                &engine(BOTH_WAYS),
                &Call::stream(Format::Chat, b""),
                vec![],
                events(&chat_text(&tokens)),
            );
            let received = client_text(&outcome.received(), 0);
            let (before, behind) = received.split_once("[EMAIL]").unwrap_or_else(|| panic!("{received}"));
            assert!(format!("It is {out}").starts_with(before), "{size}: {received}");
            assert!(
                matches!(behind, " ; and that is all." | "\u{200b} ; and that is all."),
                "{size}: {received}"
            );
            assert_eq!(
                outcome.findings(),
                ["pii.email@choices[0].message.content redact"],
                "{size}: {received}"
            );
        }
    }
}

/// A tool's arguments are JSON in JSON, and what hides in them has one level more.
#[test]
fn what_is_hidden_in_streamed_arguments_is_cut_out() {
    let encoded = STANDARD.encode(format!("write to {ADDRESS} today"));
    let arguments = json!({"note": encoded, "escaped": "a\\u0040b"}).to_string();
    let letters: Vec<char> = arguments.chars().collect();
    let call = |text: String| {
        chat(0, json!({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": text}}]}), None)
    };
    let stream: String = letters.chunks(4).map(|token| call(token.iter().collect())).collect();
    let outcome = run_chunks(&engine(BOTH_WAYS), &Call::stream(Format::Chat, b""), vec![], events(&stream));
    let mut received = String::new();
    for line in outcome.received().lines().filter_map(|line| line.strip_prefix("data: ")) {
        let event: Value = serde_json::from_str(line).unwrap();
        received += event["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"].as_str().unwrap();
    }
    let (before, behind) = received.split_once("[EMAIL]").unwrap_or_else(|| panic!("{received}"));
    let (note, rest) = arguments.split_once(&encoded).unwrap();
    assert!(arguments.starts_with(before) && before.len() <= note.len() + 7, "{received}");
    assert_eq!(behind, rest);
}

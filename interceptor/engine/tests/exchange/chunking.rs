//! However bodies are cut into chunks, the same leaves; what is clean leaves as it came; what is replaced is
//! all that changes.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::run::{ADDRESS, Call, Format, MASK, card, engine, run};

/// Text with things to find in it, and things that need escapes.
fn text() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just(ADDRESS.to_owned()),
        Just(card()),
        Just("\n\"\\".to_owned()),
        Just("é😀".to_owned()),
        Just(" eyJ -----BEGIN sk- @ 12345 ".to_owned()),
        "[a-z ]{0,12}",
    ];
    proptest::collection::vec(part, 0..5).prop_map(|parts| parts.join(" "))
}

/// A JSON value with such texts anywhere.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map("[a-z]{1,6}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn request() -> impl Strategy<Value = String> {
    let message = (text(), value(), text()).prop_map(|(content, extra, inner)| {
        let arguments = json!({"a": inner, "n": 4}).to_string();
        json!({"role": "user", "content": content, "extra": extra,
            "tool_calls": [{"function": {"arguments": arguments}}]})
    });
    (proptest::collection::vec(message, 0..3), any::<bool>()).prop_map(|(messages, pretty)| {
        let body = json!({"model": "m", "stream": true, "messages": messages});
        if pretty { serde_json::to_string_pretty(&body).unwrap() } else { body.to_string() }
    })
}

fn cuts() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(any::<usize>(), 0..12)
}

fn stream() -> impl Strategy<Value = String> {
    let delta = (0u32..2, text(), any::<bool>(), any::<prop::sample::Index>());
    proptest::collection::vec(delta, 0..8).prop_map(|deltas| {
        let mut stream = String::new();
        for (index, text, crlf, cut) in deltas {
            // One text over two events, cut anywhere between two characters.
            let chars: Vec<char> = text.chars().collect();
            let (head, tail) = chars.split_at(cut.index(chars.len() + 1));
            for part in [head, tail] {
                let part: String = part.iter().collect();
                let end = if crlf { "\r\n\r\n" } else { "\n\n" };
                let choice = json!({"index": index, "delta": {"content": part}});
                stream += &format!("data: {}{end}", json!({"choices": [choice]}));
            }
        }
        stream + "data: [DONE]\n\n"
    })
}

/// What a client reads: the text of each choice.
fn read(stream: &str) -> [String; 2] {
    let mut texts = [String::new(), String::new()];
    for line in stream.lines().filter_map(|line| line.strip_prefix("data: ")) {
        if let Ok(event) = serde_json::from_str::<Value>(line) {
            let choice = &event["choices"][0];
            let index = usize::try_from(choice["index"].as_u64().unwrap()).unwrap();
            texts[index].push_str(choice["delta"]["content"].as_str().unwrap());
        }
    }
    texts
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_request_leaves_the_same_however_it_is_cut(body in request(), cuts in cuts()) {
        let engine = engine(MASK);
        let whole = run(&engine, &Call::new(Format::Chat, body.as_bytes()));
        let call = Call { cuts: &cuts, ..Call::new(Format::Chat, body.as_bytes()) };
        let cut = run(&engine, &call);
        prop_assert_eq!(cut.sent(), whole.sent());
        prop_assert_eq!(cut.findings(), whole.findings());
        prop_assert_eq!(cut.record.request, whole.record.request);
    }

    #[test]
    fn a_request_stays_json_and_only_findings_change(body in request()) {
        let outcome = run(&engine(MASK), &Call::new(Format::Chat, body.as_bytes()));
        let sent = outcome.sent();
        serde_json::from_str::<Value>(&sent).unwrap();
        if outcome.record.findings.is_empty() {
            prop_assert_eq!(&sent, &body);
        }
        prop_assert!(!sent.contains(ADDRESS));
        // Everything between the labels stands in the original, in the same order.
        let mut rest = &body[..];
        for kept in sent.split("[EMAIL]").flat_map(|part| part.split("[CARD]")).flat_map(|part| part.split("[PHONE]")) {
            let at = rest.find(kept);
            prop_assert!(at.is_some(), "{} is not in {}", kept, rest);
            rest = &rest[at.unwrap() + kept.len()..];
        }
    }

    #[test]
    fn a_stream_leaves_the_same_however_it_is_cut(stream in stream(), cuts in cuts()) {
        let engine = engine(MASK);
        let whole = run(&engine, &Call::stream(Format::Chat, stream.as_bytes()));
        let call = Call { cuts: &cuts, ..Call::stream(Format::Chat, stream.as_bytes()) };
        let cut = run(&engine, &call);
        prop_assert_eq!(cut.received(), whole.received());
        prop_assert_eq!(cut.findings(), whole.findings());
        if whole.record.findings.is_empty() {
            prop_assert_eq!(whole.received(), stream);
        }
    }

    #[test]
    fn a_stream_and_its_text_in_one_piece_hide_the_same(stream in stream()) {
        let outcome = run(&engine(MASK), &Call::stream(Format::Chat, stream.as_bytes()));
        let (before, after) = (read(&stream), read(&outcome.received()));
        for (before, after) in before.iter().zip(&after) {
            let answer = json!({"choices": [{"message": {"content": before}}]}).to_string();
            let whole = run(&engine(MASK), &Call::json_answer(Format::Chat, answer.as_bytes()));
            let whole: Value = serde_json::from_str(&whole.received()).unwrap();
            let whole = whole["choices"][0]["message"]["content"].as_str().unwrap();
            // What a stream could not take back is the only difference, and it stands before a label.
            prop_assert_eq!(after.matches("[EMAIL]").count(), whole.matches("[EMAIL]").count());
            prop_assert_eq!(after.matches("[CARD]").count(), whole.matches("[CARD]").count());
            prop_assert_eq!(after.contains(ADDRESS), whole.contains(ADDRESS));
        }
    }

    #[test]
    fn nothing_that_is_sent_panics(
        body in proptest::collection::vec(any::<u8>(), 0..200),
        cuts in cuts(),
        format in prop_oneof![Just(Format::Chat), Just(Format::Responses), Just(Format::Messages)],
    ) {
        let engine = engine(MASK);
        run(&engine, &Call { cuts: &cuts, ..Call::new(format, &body) });
        run(&engine, &Call { cuts: &cuts, ..Call::stream(format, &body) });
        run(&engine, &Call { cuts: &cuts, answer_coding: Some("gzip"), ..Call::stream(format, &body) });
    }
}

/// What nothing is known of is judged by its first bytes, and not by how many of them came at once.
#[test]
fn the_first_chunk_decides_nothing() {
    let engine = engine(MASK);
    let blank = format!("{}write to {ADDRESS}", " ".repeat(600));
    let noise = format!("[\u{1}\u{2}\u{3} {ADDRESS} \u{4}");
    for body in [&blank, &noise] {
        let bytes: Vec<usize> = (0..body.len()).collect();
        let call =
            Call { path: "/v1/unheard-of", request_type: None, ..Call::new(Format::Chat, body.as_bytes()) };
        let whole = run(&engine, &call);
        let cut = run(&engine, &Call { cuts: &bytes, ..call });
        assert_eq!(whole.findings().len(), 1, "{body:?}");
        assert_eq!(whole.findings(), cut.findings(), "{body:?}");
        assert_eq!(whole.sent(), cut.sent(), "{body:?}");
    }
}

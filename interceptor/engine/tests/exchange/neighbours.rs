//! What is written in several texts of one document, and found as one.

use interceptor_engine::Limits;
use interceptor_engine::detect::SampleSource;
use interceptor_engine::record::Verdict;
use serde_json::json;

use crate::run::{ADDRESS, BOTH_WAYS, Call, Format, MASK, engine, engine_with, run, secret};

#[test]
fn a_key_in_two_parts_of_a_message_is_found() {
    let key = secret();
    for cut in [3, 12, key.len() - 1] {
        let (first, second) = key.split_at(cut);
        let parts =
            json!([{"type": "text", "text": format!("token: {first}")}, {"type": "text", "text": second}]);
        for (format, body) in [
            (Format::Chat, json!({"messages": [{"role": "user", "content": parts}]})),
            (Format::Messages, json!({"system": parts})),
            (Format::Messages, json!({"messages": [{"role": "user", "content": parts}]})),
            (Format::Responses, json!({"input": [{"role": "user", "content": parts}]})),
            // Across messages, too.
            (Format::Chat, json!({"messages": [{"content": first}, {"role": "user", "content": second}]})),
        ] {
            let body = body.to_string();
            let outcome = run(&engine(BOTH_WAYS), &Call::new(format, body.as_bytes()));
            assert_eq!(outcome.record.verdict, Verdict::Block, "{body}");
        }
    }
}

#[test]
fn both_pieces_are_replaced() {
    let body = json!({"messages": [{"role": "user", "content": [
        {"type": "text", "text": "write to \"jane.d"},
        {"type": "text", "text": "oe@exam"},
        {"type": "text", "text": format!("ple.com\" or {ADDRESS}, please")},
    ]}, {"role": "user", "content": "thanks"}]})
    .to_string();
    let outcome = run(&engine(MASK), &Call::new(Format::Chat, body.as_bytes()));
    let expected = body.replace(ADDRESS, "[EMAIL]").replace("jane.d\"", "[EMAIL]\"");
    assert_eq!(outcome.sent(), expected.replace("oe@exam", "").replace("ple.com\\\"", "\\\""));
    assert_eq!(
        outcome.findings(),
        ["pii.email@messages[0].content[2].text redact", "pii.email@messages[0].content[2].text redact"]
    );
}

/// Both halves of a secret that only its name gives away leave, although the first looks like one of its own.
#[test]
fn a_secret_that_goes_on_behind_the_seam_is_replaced_whole() {
    let value = SampleSource::new(3).mixed(40);
    let (first, second) = value.split_at(20);
    for name in ["cohere key", "my_token ="] {
        let body = json!({"messages": [{"role": "user", "content": [
            {"type": "text", "text": format!("the {name} {first}")},
            {"type": "text", "text": format!("{second} is mine")},
        ]}]})
        .to_string();
        let sent = run(&engine(MASK), &Call::new(Format::Chat, body.as_bytes())).sent();
        assert!(!sent.contains(first) && !sent.contains(second), "{sent}");
    }
}

/// Half an address is often one, too.
#[test]
fn an_address_goes_with_what_was_before_the_seam_but_for_words() {
    for (before, behind, left) in [
        ("to jane.", "doe@corp.io or", "to [EMAIL]"),
        ("to jane_m", ".doe@corp.io or", "to [EMAIL]"),
        ("Regards, Jane", "doe@corp.io or", "Regards, Jane"),
        ("TO=1", "doe@corp.io or", "TO=1"),
    ] {
        let texts = [before, behind].map(|text| json!({"type": "text", "text": text}));
        let body = json!({"messages": [{"role": "user", "content": texts}]}).to_string();
        let sent = run(&engine(MASK), &Call::new(Format::Chat, body.as_bytes())).sent();
        let sent: serde_json::Value = serde_json::from_str(&sent).unwrap();
        let text = |at: usize| sent["messages"][0]["content"][at]["text"].as_str().unwrap();
        let other = if left.contains('[') { " or" } else { "[EMAIL] or" };
        assert_eq!((text(0), text(1)), (left, other));
    }
}

/// The next text is no part of a key because it begins without a space.
#[test]
fn a_word_behind_the_seam_is_left_alone() {
    let (value, mixed) = (SampleSource::new(5).mixed(40), SampleSource::new(3).mixed(32));
    for key in [format!("my_token = {value}"), format!("mistral key {mixed}"), secret()] {
        for pieces in
            [vec![key.clone()], vec![key[..key.len() - 9].to_owned(), key[key.len() - 9..].to_owned()]]
        {
            let texts = pieces.iter().map(String::as_str).chain(["nothing else, I hope"]);
            let parts: Vec<_> = texts.map(|text| json!({"type": "text", "text": text})).collect();
            let body = json!({"messages": [{"role": "user", "content": parts}]}).to_string();
            let sent = run(&engine(MASK), &Call::new(Format::Chat, body.as_bytes())).sent();
            assert!(sent.contains("\"nothing else, I hope\""), "{pieces:?}: {sent}");
            assert!(!sent.contains(&key[key.len() - 9..]), "{pieces:?}: {sent}");
        }
    }
}

#[test]
fn what_a_text_shows_by_itself_stays_as_it_is() {
    let body =
        json!({"messages": [{"content": "ask jo"}, {"content": format!("{ADDRESS} now")}]}).to_string();
    let outcome = run(&engine(MASK), &Call::new(Format::Chat, body.as_bytes()));
    assert_eq!(outcome.sent(), body.replace(ADDRESS, "[EMAIL]"));
    // Elements of a list have nothing to do with each other.
    let body = json!({"input": ["jane.doe@exam", "ple.com"]}).to_string();
    let call = Call { path: "/v1/embeddings", ..Call::new(Format::Chat, body.as_bytes()) };
    assert_eq!(run(&engine(MASK), &call).sent(), body);
}

#[test]
fn a_seal_that_closes_after_the_body_was_given_up_is_no_accident() {
    let policy = format!("{MASK}  uncertain: {{ oversizedBody: audit, unrewritable: audit }}\n");
    let limits = Limits { held_body: 600, ..Limits::STANDARD };
    let thinking = json!({"thinking": format!("ask {ADDRESS} {}", "x".repeat(700)), "type": "thinking"});
    let body = json!({"messages": [{"content": ADDRESS}, {"content": ADDRESS}, {"content": [thinking]}]})
        .to_string();
    let call = Call { cuts: &[300, 650, 700, 800], ..Call::new(Format::Messages, body.as_bytes()) };
    let outcome = run(&engine_with(&policy, limits), &call);
    assert!(outcome.refusal.is_none());
}

//! Answers in one piece.

use std::io::Write;

use interceptor_engine::policy::Uncertainty;
use interceptor_engine::{Limits, ResponsePlan};
use serde_json::json;

use crate::run::{ADDRESS, BOTH_WAYS, Call, Format, MASK, WATCH, engine, engine_with, run, secret};

fn chat_answer(text: &str) -> String {
    json!({"id": "c1", "object": "chat.completion", "model": "gpt-x-2026", "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    ], "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18,
        "prompt_tokens_details": {"cached_tokens": 4}, "completion_tokens_details": {"reasoning_tokens": 2}}})
    .to_string()
}

#[test]
fn an_answer_that_rules_may_change_is_held() {
    let body = chat_answer(&format!("write to {ADDRESS}"));
    let call = Call { cuts: &[20, 100, 130], ..Call::json_answer(Format::Chat, body.as_bytes()) };
    let outcome = run(&engine(BOTH_WAYS), &call);
    let plan =
        ResponsePlan { hold: true, may_change_length: true, drop_content_encoding: false, bypass: false };
    assert_eq!(outcome.plan, Some(plan));
    assert!(outcome.steps.iter().all(|step| *step == 0));
    assert_eq!(outcome.received(), body.replace(ADDRESS, "[EMAIL]"));
    assert_eq!(outcome.findings(), ["pii.email@choices[0].message.content redact"]);
    let usage = outcome.record.usage;
    assert_eq!(
        (usage.input, usage.output, usage.cache_read, usage.reasoning),
        (Some(11), Some(7), Some(4), Some(2))
    );
    assert_eq!(outcome.record.model.as_deref(), Some("gpt-x-2026"));
    assert_eq!(outcome.record.response.unknown, 0);
}

#[test]
fn an_answer_that_rules_only_watch_passes_as_it_comes() {
    let body = chat_answer(&format!("write to {ADDRESS}"));
    let call = Call { cuts: &[20, 100, 130], ..Call::json_answer(Format::Chat, body.as_bytes()) };
    let outcome = run(&engine(WATCH), &call);
    assert_eq!(outcome.steps, [20, 80, 30, body.len() - 130]);
    assert_eq!(outcome.received(), body);
    assert_eq!(outcome.findings(), ["pii.email@choices[0].message.content audit"]);
}

#[test]
fn an_answer_with_a_key_is_refused_before_its_first_byte() {
    let body = chat_answer(&secret());
    let outcome = run(&engine(BOTH_WAYS), &Call::json_answer(Format::Chat, body.as_bytes()));
    assert!(outcome.received.is_empty());
    let refusal = outcome.refusal.unwrap();
    assert_eq!(refusal.status, 403);
    assert!(refusal.stream_frame.is_none());
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_compressed_answer_is_handed_on_decoded_where_rules_may_change_it() {
    let body = chat_answer(&format!("write to {ADDRESS}"));
    let coded = gzip(body.as_bytes());
    let call =
        Call { answer_coding: Some("gzip"), cuts: &[9, 50], ..Call::json_answer(Format::Chat, &coded) };
    let outcome = run(&engine(BOTH_WAYS), &call);
    assert!(outcome.plan.unwrap().drop_content_encoding);
    assert_eq!(outcome.received(), body.replace(ADDRESS, "[EMAIL]"));
    let outcome = run(&engine(WATCH), &call);
    assert!(!outcome.plan.unwrap().drop_content_encoding);
    assert_eq!(outcome.received.concat(), coded);
    assert_eq!(outcome.findings().len(), 1);
}

#[test]
fn an_answer_past_the_limit_goes_on_as_policy_says() {
    let limits = Limits { held_body: 1_000, ..Limits::STANDARD };
    let body = chat_answer(&format!("{ADDRESS} {}", "word ".repeat(1_000)));
    for coded in [None, Some("gzip")] {
        let bytes = if coded.is_some() { gzip(body.as_bytes()) } else { body.clone().into_bytes() };
        let cuts = [200, 900, 1_100, 3_000].map(|cut| if coded.is_some() { cut / 30 } else { cut });
        let call = Call { answer_coding: coded, cuts: &cuts, ..Call::json_answer(Format::Chat, &bytes) };
        // By default an oversized answer is recorded and passes on; what was found before is replaced.
        let outcome = run(&engine_with(MASK, limits), &call);
        assert_eq!(outcome.record.doubts[0].uncertainty, Uncertainty::OversizedBody);
        assert_eq!(outcome.received(), body.replace(ADDRESS, "[EMAIL]"), "{coded:?}");
    }
}

#[test]
fn what_cannot_be_decoded_is_passed_or_refused_as_policy_says() {
    let call = Call { answer_coding: Some("compress"), ..Call::json_answer(Format::Chat, b"whatever") };
    let outcome = run(&engine(BOTH_WAYS), &call);
    assert_eq!(outcome.received(), "whatever");
    assert_eq!(outcome.record.doubts[0].uncertainty, Uncertainty::UndecodableBody);
    let strict = format!("{BOTH_WAYS}  uncertain: {{ undecodableBody: block }}\n");
    let outcome = run(&engine(&strict), &call);
    assert_eq!(&*outcome.refusal.unwrap().rule, "uncertain.undecodableBody");
}

#[test]
fn sealed_thoughts_pass_and_texts_beside_them_are_replaced() {
    let body = json!({"type": "message", "model": "claude-x", "role": "assistant", "content": [
        {"type": "thinking", "thinking": format!("is it {ADDRESS}?"), "signature": "c2ln"},
        {"type": "text", "text": format!("it is {ADDRESS}")},
        {"type": "tool_use", "id": "t", "name": "send", "input": {"to": ADDRESS}},
    ], "usage": {"input_tokens": 5, "output_tokens": 6, "cache_creation_input_tokens": 1, "cache_read_input_tokens": 2}})
    .to_string();
    let outcome = run(&engine(MASK), &Call::json_answer(Format::Messages, body.as_bytes()));
    let expected = body.replace(ADDRESS, "[EMAIL]").replacen("[EMAIL]", ADDRESS, 1);
    let (first, rest) = expected.split_once("\"role\"").unwrap();
    assert!(outcome.received().starts_with(first) && outcome.received().ends_with(&rest[rest.len() - 40..]));
    assert_eq!(outcome.received().matches(ADDRESS).count(), 1);
    assert_eq!(outcome.received().matches("[EMAIL]").count(), 2);
    assert_eq!(outcome.record.usage.cache_write, Some(1));
    assert_eq!(outcome.record.findings.iter().filter(|finding| finding.sealed).count(), 1);
}

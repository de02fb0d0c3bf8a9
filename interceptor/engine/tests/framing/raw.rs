//! Streams whose events are pieces of one text, with no JSON around them.

use interceptor_engine::ResponseHead;
use interceptor_engine::record::Verdict;
use proptest::prelude::*;
use serde_json::json;

use crate::eventstream::message;
use crate::run::{ADDRESS, BOTH_WAYS, Place, answer, begin, engine, secret};

const REPLICATE: Place = Place {
    host: "stream.replicate.com",
    path: "/v1/streams/abc",
    content_type: "text/event-stream; charset=utf-8",
};
const SAGEMAKER: Place = Place {
    host: "runtime.sagemaker.us-east-1.amazonaws.com",
    path: "/endpoints/own/invocations-response-stream",
    content_type: "application/vnd.amazon.eventstream",
};

fn output(data: &str) -> String {
    let lines: String = data.split('\n').map(|line| format!("data: {line}\n")).collect();
    format!("event: output\nid: 1:0\n{lines}\n")
}

fn events(tokens: &[&str]) -> String {
    tokens.iter().map(|token| output(token)).collect::<String>() + "event: done\ndata: {}\n\n"
}

/// What a client puts together.
fn said(stream: &str) -> String {
    stream
        .split("\n\n")
        .filter(|event| event.starts_with("event: output"))
        .map(|event| {
            let lines: Vec<&str> = event.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
            lines.join("\n")
        })
        .collect()
}

#[test]
fn what_is_split_over_tokens_is_found() {
    let stream = events(&["write", " to jane.do", "e@example", ".com", " soon\nor", " later"]);
    let outcome = answer(&engine(BOTH_WAYS), &REPLICATE, &[stream.as_bytes()]);
    assert_eq!(said(&outcome.text()), "write to [EMAIL] soon\nor later");
    assert_eq!(outcome.record.findings.len(), 1);
    assert_eq!(&*outcome.record.findings[0].place, "output");
    assert_eq!(outcome.record.response.unknown, 0);
    assert!(outcome.text().contains("id: 1:0\ndata:  to [EMAIL]\n\n"), "{}", outcome.text());
}

#[test]
fn what_is_clean_leaves_as_it_came() {
    let stream = events(&["7", " of \"them\"", "", "{\"n\":", " 1}", "\n\n", "null"]);
    for cut in 0..=stream.len() {
        let (one, other) = stream.as_bytes().split_at(cut);
        let outcome = answer(&engine(BOTH_WAYS), &REPLICATE, &[one, other]);
        assert_eq!(outcome.text(), stream);
        assert_eq!(outcome.record.verdict, Verdict::Pass);
    }
}

#[test]
fn a_number_in_tokens_that_look_like_json_is_one_number() {
    let card = ["4111", "1111", "1111", "1111"];
    let outcome = answer(&engine(BOTH_WAYS), &REPLICATE, &[events(&card).as_bytes()]);
    assert_eq!(outcome.record.findings.len(), 1, "{:?}", outcome.record.findings);
    assert!(!outcome.text().contains("1111"), "{}", outcome.text());
    assert!(outcome.text().contains("[CARD]"), "{}", outcome.text());
}

#[test]
fn lines_of_one_event_are_not_run_together() {
    let stream = events(&["jane.doe\n@example.com"]);
    let outcome = answer(&engine(BOTH_WAYS), &REPLICATE, &[stream.as_bytes()]);
    assert_eq!(outcome.text(), stream);
}

#[test]
fn a_key_ends_the_stream() {
    let secret = secret();
    let (one, other) = secret.split_at(17);
    let stream = events(&["it is ", one, other, " indeed"]);
    let outcome = answer(&engine(BOTH_WAYS), &REPLICATE, &[stream.as_bytes()]);
    let all = String::from_utf8(outcome.all()).unwrap();
    assert_eq!(outcome.record.verdict, Verdict::Block);
    assert!(!all.contains(other) && all.contains("no-secrets"), "{all}");
}

#[test]
fn what_was_hidden_comes_back_line_by_line() {
    let policy = BOTH_WAYS
        .replace("direction: both, detectors: [\"pii.*\"]", "direction: request, detectors: [\"pii.*\"]")
        .replace("action: redact", "action: { redact: { with: reversible } }");
    let mut exchange = begin(&engine(&policy), "POST", "api.replicate.com", "/v1/predictions");
    let mut out = Vec::new();
    let request = json!({"input": {"prompt": format!("write to {ADDRESS}")}}).to_string();
    exchange.request_data(request.into(), &mut out).unwrap();
    exchange.request_end(&mut out).unwrap();
    let sent: serde_json::Value = serde_json::from_slice(&out.concat()).unwrap();
    let token = sent["input"]["prompt"].as_str().unwrap().strip_prefix("write to ").unwrap().to_owned();
    let head = ResponseHead {
        status: 200,
        content_type: Some(REPLICATE.content_type),
        content_encoding: None,
        content_length: None,
    };
    exchange.response_head(&head).unwrap();
    let (one, other) = token.split_at(5);
    let mut out = Vec::new();
    exchange.response_data(events(&["sent to ", one, other, "."]).into(), &mut out).unwrap();
    exchange.response_end(&mut out).unwrap();
    assert_eq!(said(&String::from_utf8(out.concat()).unwrap()), format!("sent to {ADDRESS}."));
}

#[test]
fn a_container_may_cut_what_it_says_anywhere() {
    let parts = ["{\"generated_text\": \"write to jane.d", "oe@exam", "ple.com soon\"}"];
    let stream: Vec<u8> = parts.iter().flat_map(|part| message("PayloadPart", part)).collect();
    let outcome = answer(&engine(BOTH_WAYS), &SAGEMAKER, &[&stream]);
    let out = String::from_utf8_lossy(&outcome.out.concat()).into_owned();
    assert_eq!(outcome.record.findings.len(), 1, "{out}");
    assert!(out.contains("[EMAIL]") && !out.contains("example.com"), "{out}");
}

proptest! {
    #[test]
    fn every_cut_of_tokens_and_chunks_gives_the_same_text(
        cuts in proptest::collection::vec(1usize..40, 0..6),
        chunk in 1usize..60,
    ) {
        let text = format!("ask {ADDRESS} or call, it is 42 \"now\"");
        let mut points: Vec<usize> = cuts.iter().map(|cut| cut % text.len()).chain([0, text.len()]).collect();
        points.sort_unstable();
        points.dedup();
        let tokens: Vec<&str> = points.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
        let stream = events(&tokens);
        let chunks: Vec<&[u8]> = stream.as_bytes().chunks(chunk).collect();
        let outcome = answer(&engine(BOTH_WAYS), &REPLICATE, &chunks);
        let said = said(&outcome.text());
        prop_assert!(!said.contains("@example"), "{}", said);
        prop_assert!(said.starts_with("ask ") && said.ends_with("] or call, it is 42 \"now\""), "{}", said);
    }
}

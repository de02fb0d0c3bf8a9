//! Forms: multipart with files of every kind, and those that are spelt like a URL.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use interceptor_engine::policy::Uncertainty;
use interceptor_engine::record::Verdict;
use serde_json::json;

use crate::run::{ADDRESS, BOTH_WAYS, Call, Format, MASK, Outcome, WATCH, card, engine, run};

const TYPE: &str = "multipart/form-data; boundary=----b0undary";

/// A form of parts, given as head and content.
fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (head, content) in parts {
        write!(body, "------b0undary\r\nContent-Disposition: form-data; {head}\r\n\r\n").unwrap();
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"------b0undary--\r\n");
    body
}

fn call<'a>(path: &'a str, body: &'a [u8]) -> Call<'a> {
    Call { path, request: body, request_type: Some(TYPE), ..Call::new(Format::Chat, b"") }
}

/// Sent in pieces of many sizes, always with the same outcome.
fn in_every_chunking(policy: &str, call: &Call<'_>) -> Outcome {
    let whole = run(&engine(policy), call);
    for size in [1, 3, 64, 500] {
        let cuts: Vec<usize> = (1..call.request.len().div_ceil(size)).map(|at| at * size).collect();
        let cut = run(&engine(policy), &Call { cuts: &cuts, ..call.clone() });
        assert_eq!(cut.sent.concat(), whole.sent.concat(), "by {size}");
        assert_eq!(cut.findings(), whole.findings(), "by {size}");
        assert_eq!(cut.record.request, whole.record.request, "by {size}");
    }
    whole
}

fn replaced(body: &[u8]) -> Vec<u8> {
    String::from_utf8(body.to_vec())
        .unwrap()
        .replace(ADDRESS, "[EMAIL]")
        .replace(&card(), "[CARD]")
        .into_bytes()
}

#[test]
fn the_lines_of_a_batch_are_read_as_the_requests_they_are() {
    let mut lines = String::new();
    for (url, body) in [
        (
            "/v1/chat/completions",
            json!({"model": "m", "messages": [{"role": "user", "content": format!("to {ADDRESS}")}]}),
        ),
        (
            "/v1/responses",
            json!({"input": [{"type": "function_call", "arguments": json!({"n": ADDRESS}).to_string()}]}),
        ),
        ("/v1/embeddings", json!({"input": ["one", ADDRESS]})),
    ] {
        writeln!(lines, "{}", json!({"custom_id": "1", "method": "POST", "url": url, "body": body})).unwrap();
    }
    let body = form(&[
        ("name=\"purpose\"", b"batch"),
        ("name=\"file\"; filename=\"b.jsonl\"\r\nContent-Type: application/octet-stream", lines.as_bytes()),
    ]);
    let outcome = in_every_chunking(MASK, &call("/v1/files", &body));
    assert_eq!(outcome.sent.concat(), replaced(&body));
    assert_eq!(
        outcome.findings(),
        [
            "pii.email@file.body.messages[0].content redact",
            "pii.email@file.body.input[0].arguments.* redact",
            "pii.email@file.body.input[1] redact"
        ]
    );
    let ledger = outcome.record.request;
    assert_eq!((ledger.unknown, ledger.binary), (0, 0));
}

#[test]
fn texts_tables_and_fields_are_replaced_where_they_stand() {
    let csv = format!("name,mail,card\nJane,{ADDRESS},{}\n", card());
    let config = json!({"type": "static", "note": ADDRESS}).to_string();
    let body = form(&[
        ("name=\"file\"; filename=\"people.csv\"\r\nContent-Type: text/csv", csv.as_bytes()),
        ("name=\"prompt\"", format!("names such as {ADDRESS}").as_bytes()),
        ("name=\"chunking_strategy\"", config.as_bytes()),
        (&format!("name=\"other\"; filename=\"{ADDRESS}\""), b""),
    ]);
    let outcome = in_every_chunking(MASK, &call("/v1/audio/transcriptions", &body));
    assert_eq!(outcome.sent.concat(), replaced(&body));
    assert_eq!(
        outcome.findings(),
        [
            "pii.email@file redact",
            "pii.card@file redact",
            "pii.email@prompt redact",
            "pii.email@chunking_strategy.* redact",
            "pii.email@* redact"
        ]
    );
}

#[test]
fn a_form_that_nothing_is_found_in_leaves_as_it_came() {
    let image: Vec<u8> = (0..2_000u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    let body = form(&[
        ("name=\"image\"; filename=\"x.png\"\r\nContent-Type: image/png", &image),
        ("name=\"prompt\"", b"a cat"),
    ]);
    let outcome = in_every_chunking(BOTH_WAYS, &call("/v1/images/edits", &body));
    assert_eq!(outcome.sent.concat(), body);
    assert_eq!(outcome.record.verdict, Verdict::Pass);
    assert_eq!(outcome.record.request.binary, 2_000);
    assert_eq!(outcome.record.doubts[0].uncertainty, Uncertainty::BinaryContent);
}

#[test]
fn what_calls_itself_an_image_and_is_text_is_text() {
    let body = form(&[(
        "name=\"image\"; filename=\"x.png\"\r\nContent-Type: image/png",
        format!("not at all: {ADDRESS}").as_bytes(),
    )]);
    let outcome = in_every_chunking(MASK, &call("/v1/images/edits", &body));
    assert_eq!(outcome.sent.concat(), replaced(&body));
}

/// One byte of it looks like JSON, and all of it does not.
#[test]
fn what_calls_itself_binary_and_is_no_text_is_the_same_however_it_is_cut() {
    let call =
        Call { request_type: Some("application/octet-stream"), ..call("/v1/files", b"[[66666333[\x10") };
    let outcome = in_every_chunking(MASK, &call);
    assert_eq!(outcome.record.doubts[0].uncertainty, Uncertainty::BinaryContent);
}

#[test]
fn broken_forms_are_scanned_and_doubted() {
    let whole = form(&[("name=\"prompt\"", format!("ask {ADDRESS} ").as_bytes())]);
    let cut = &whole[..whole.len() - 20];
    let outcome = in_every_chunking(MASK, &call("/v1/images/edits", cut));
    assert_eq!(outcome.sent.concat(), replaced(cut));
    assert_eq!(outcome.record.doubts[0].uncertainty, Uncertainty::MalformedJson);
    // JSON that is none, and text around the parts.
    let mut body =
        form(&[("name=\"file\"; filename=\"a.json\"", format!("{{\"a\": \"{ADDRESS}\", oops").as_bytes())]);
    body.splice(..0, format!("{ADDRESS}\r\n").bytes());
    body.extend_from_slice(ADDRESS.as_bytes());
    let outcome = in_every_chunking(MASK, &call("/v1/files", &body));
    assert_eq!(outcome.sent.concat(), replaced(&body));
}

#[test]
fn a_form_that_rules_only_watch_passes_as_it_comes() {
    let body = form(&[
        ("name=\"prompt\"", format!("ask {ADDRESS} ").as_bytes()),
        ("name=\"file\"; filename=\"a.json\"", format!("{{\"a\": \"{ADDRESS}\"}}").as_bytes()),
    ]);
    let cuts: Vec<usize> = (1..body.len()).collect();
    let outcome = run(&engine(WATCH), &Call { cuts: &cuts, ..call("/v1/images/edits", &body) });
    assert_eq!(outcome.sent.concat(), body);
    assert_eq!(outcome.record.findings.len(), 2);
}

fn word_document(text: &str) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("word/document.xml", zip::write::SimpleFileOptions::default()).unwrap();
    write!(writer, "<w:document><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:document>").unwrap();
    writer.finish().unwrap().into_inner()
}

#[test]
fn documents_are_read_and_never_rewritten() {
    let document = word_document(&format!("send it to {ADDRESS} today"));
    let encoded = base64(&document);
    let url = format!("data:application/vnd.openxmlformats-officedocument;base64,{encoded}");
    let chat = json!({"messages": [{"content": [{"type": "file", "file": {"file_data": url}}]}]}).to_string();
    let messages = json!({"messages": [{"content": [{"type": "document", "source": {"type": "base64", "data": encoded}}]}]});
    let messages = messages.to_string();
    let upload = form(&[("name=\"file\"; filename=\"a.docx\"", &document)]);
    let mail = form(&[(
        "name=\"file\"; filename=\"a.docx\"\r\nContent-Transfer-Encoding: base64",
        encoded.as_bytes(),
    )]);
    let text = json!({"messages": [{"content": [{"type": "file", "file": {"file_data":
        format!("data:text/csv;base64,{}", base64(format!("name,mail\nJane,{ADDRESS}\n{}", "x,y\n".repeat(20)).as_bytes()))}}]}]});
    let text = text.to_string();
    for call in [
        Call::new(Format::Chat, chat.as_bytes()),
        Call::new(Format::Messages, messages.as_bytes()),
        Call::new(Format::Chat, text.as_bytes()),
        call("/v1/files", &upload),
        call("/v1/files", &mail),
        Call { request_type: Some("application/octet-stream"), ..call("/v1/unheard-of", &document) },
    ] {
        let outcome = in_every_chunking(MASK, &call);
        assert_eq!(&*outcome.refusal.expect("refused").rule, "uncertain.unrewritable");
        assert!(outcome.record.findings.iter().all(|finding| finding.sealed));
        assert!(outcome.record.request.sealed > 0);
        let outcome = in_every_chunking(WATCH, &call);
        assert_eq!(outcome.record.findings.len(), 1);
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let word = three.iter().chain(&[0, 0]).take(3).fold(0, |word, byte| word << 8 | u32::from(*byte));
        for at in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * at) & 63) as usize];
            out.push(if at > three.len() { '=' } else { char::from(digit) });
        }
    }
    out
}

#[test]
fn forms_like_urls_are_read_as_they_are_meant() {
    let body = format!("model=m&prompt=write+to+jane.doe%40example%2Ecom+now&n={}&empty&x=%zz", card());
    let form = Call {
        request_type: Some("application/x-www-form-urlencoded; charset=utf-8"),
        ..call("/v1/completions", body.as_bytes())
    };
    let outcome = in_every_chunking(MASK, &form);
    let expected = "model=m&prompt=write+to+%5BEMAIL%5D+now&n=%5BCARD%5D&empty&x=%zz";
    assert_eq!(outcome.sent(), expected);
    assert_eq!(outcome.findings(), ["pii.email@prompt redact", "pii.card@* redact"]);
    assert_eq!(run(&engine(WATCH), &form).record.findings.len(), 2);
}

#[test]
fn what_only_passes_is_not_gathered_without_end() {
    let mut archive = b"PK\x03\x04".to_vec();
    archive.resize(9 << 20, 0);
    let upload = form(&[("name=\"file\"; filename=\"a.zip\"", &archive)]);
    let values = format!("prompt={}&user={ADDRESS}", "lorem+ipsum+".repeat(120_000));
    let bare = Call { request_type: Some("application/zip"), ..call("/v1/unheard-of", &archive) };
    let url = Call {
        request_type: Some("application/x-www-form-urlencoded"),
        ..call("/v1/completions", values.as_bytes())
    };
    let cuts: Vec<usize> = (1..90).map(|at| at * 100_000).collect();
    for (call, binary, findings) in
        [(call("/v1/files", &upload), 9 << 20, 0), (bare, 9 << 20, 0), (url, 0, 1)]
    {
        let outcome = run(&engine(WATCH), &Call { cuts: &cuts, ..call });
        assert_eq!((outcome.record.request.binary, outcome.record.findings.len()), (binary, findings));
    }
}

#[test]
fn what_says_that_it_is_sound_is_read_if_it_is_json() {
    let body = json!({"prompt": ADDRESS}).to_string();
    for kind in ["audio/wav", "text/plain", "application/octet-stream"] {
        let call = Call { request_type: Some(kind), ..call("/v1/completions", body.as_bytes()) };
        assert_eq!(in_every_chunking(MASK, &call).findings(), ["pii.email@prompt redact"], "{kind}");
    }
    let call = Call {
        request_type: Some("audio/wav"),
        ..call("/v1/completions", b"RIFF\x24\0\0\0WAVEfmt \0\0\0\0")
    };
    assert_eq!(in_every_chunking(MASK, &call).record.request.binary, 20);
}

#[test]
fn protocols_that_only_their_makers_know_are_left_to_policy() {
    let call = Call {
        host: "api2.cursor.sh",
        request_type: Some("application/connect+proto"),
        ..call("/aiserver.v1.ChatService/StreamChat", b"\0\0\0\0\x05hello")
    };
    let outcome = run(&engine(MASK), &call);
    assert_eq!(&*outcome.record.operation, "assistant.closed");
    assert_eq!(outcome.record.doubts[0].uncertainty, Uncertainty::NotInspected);
    let policy = format!("{MASK}  uncertain: {{ notInspected: block }}\n");
    assert_eq!(&*run(&engine(&policy), &call).refusal.unwrap().rule, "uncertain.notInspected");
}

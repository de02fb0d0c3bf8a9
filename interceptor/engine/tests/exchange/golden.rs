//! Bodies of every walked format: `testdata/<format>/request.json`, `answer.json` and `answer.sse`. Those of the first
//! three are recordings with something in them to find, and what the engine makes of each is written down beside it.
//! In all of them a text is put in the place of every string, one at a time, and must be found there.
//!
//! `answer.sse` holds the events of a stream as server-sent events whatever carries them on the wire: what is
//! tested here is where text lies in them.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use interceptor_engine::{Engine, Limits};
use serde_json::{Value, json};

use crate::places::probes;
use crate::run::{ADDRESS, Call, Format, MASK, Outcome, engine, engine_of, run};

const RECORDED: [(&str, Format); 3] = [
    ("openai.chat_completions", Format::Chat),
    ("openai.responses", Format::Responses),
    ("anthropic.messages", Format::Messages),
];

fn folder(format: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(format)
}

/// Sealed thoughts hold an address: without this the request would be refused.
fn policy() -> String {
    format!("{MASK}  uncertain: {{ unrewritable: audit }}\n")
}

#[test]
fn every_format_has_its_bodies() {
    let names = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    let folders: BTreeSet<String> =
        fs::read_dir(folder("")).unwrap().map(|entry| names(entry.unwrap())).collect();
    let (_, walked) = probes();
    assert_eq!(folders, walked.iter().map(|(id, _)| id.clone()).collect());
    assert_eq!(folders.len(), 56);
    let mut counts = [0; 3];
    for (id, bodies) in &walked {
        let has = |file: &str| folder(id).join(file).exists();
        // Counting streams nothing, although it has the bodies of what does.
        let streams = bodies.stream.is_some() && id != "anthropic.count_tokens";
        assert_eq!(has("answer.sse"), streams, "{id}");
        for (count, file) in counts.iter_mut().zip(["request.json", "answer.json", "answer.sse"]) {
            *count += usize::from(has(file));
        }
    }
    assert_eq!(counts, [54, 54, 36]);
}

#[test]
fn recordings_come_out_as_written_down() {
    for (name, format) in RECORDED {
        for file in ["request.json", "answer.json", "answer.sse"] {
            let body = fs::read(folder(name).join(file)).unwrap();
            let call = match file {
                "request.json" => Call::new(format, &body),
                "answer.json" => Call::json_answer(format, &body),
                _ => Call::stream(format, &body),
            };
            let outcome = run(&engine(&policy()), &call);
            let mut report = String::new();
            for finding in outcome.findings() {
                writeln!(report, "{finding}").unwrap();
            }
            let (ledger, bytes) = match file {
                "request.json" => (outcome.record.request, outcome.sent()),
                _ => (outcome.record.response, outcome.received()),
            };
            writeln!(report, "{ledger:?}").unwrap();
            writeln!(report, "{:?} {:?}", outcome.record.model, outcome.record.usage).unwrap();
            report += &changed_lines(std::str::from_utf8(&body).unwrap(), &bytes);
            expect_test::expect_file![folder(name).join(format!("{file}.expected"))].assert_eq(&report);
        }
    }
}

/// The lines that the engine changed, as they are now. All others are the same.
fn changed_lines(before: &str, after: &str) -> String {
    assert_eq!(before.lines().count(), after.lines().count());
    before
        .lines()
        .zip(after.lines())
        .filter(|(before, after)| before != after)
        .map(|(_, after)| format!("{after}\n"))
        .collect()
}

/// Every string of a document, by its pointer.
fn strings(value: &Value, pointer: &str, out: &mut Vec<String>) {
    match value {
        Value::String(_) => out.push(pointer.to_owned()),
        Value::Array(values) => {
            values.iter().enumerate().for_each(|(at, value)| strings(value, &format!("{pointer}/{at}"), out));
        }
        Value::Object(members) => members.iter().for_each(|(key, value)| {
            let key = key.replace('~', "~0").replace('/', "~1");
            strings(value, &format!("{pointer}/{key}"), out);
        }),
        _ => {}
    }
}

/// The document with `text` in the place of a string; inside of it, if the string is JSON itself.
fn planted(document: &Value, pointer: &str, text: &str) -> Value {
    let mut document = document.clone();
    let value = document.pointer_mut(pointer).unwrap();
    let is_json = value.as_str().is_some_and(|text| text.starts_with('{'));
    *value = if is_json { json!({"inner": text}).to_string().into() } else { text.into() };
    document
}

/// The bodies of one format, with an engine that speaks it under a host of its own.
struct Probe<'a> {
    engine: &'a Arc<Engine>,
    id: &'a str,
    host: String,
    problems: &'a RefCell<Vec<String>>,
}

impl Probe<'_> {
    fn read(&self, file: &str) -> Option<String> {
        fs::read_to_string(folder(self.id).join(file)).ok()
    }

    /// What comes out on the other side, and how that came.
    fn pass(&self, file: &str, body: &str) -> (String, Outcome) {
        let call = Call { host: &self.host, path: "/probe", ..Call::new(Format::Chat, b"{}") };
        let call = match file {
            "request.json" => Call { request: body.as_bytes(), ..call },
            "answer.json" => Call { answer: body.as_bytes(), ..call },
            _ => Call { answer: body.as_bytes(), answer_type: "text/event-stream", ..call },
        };
        let outcome = run(self.engine, &call);
        (if file == "request.json" { outcome.sent() } else { outcome.received() }, outcome)
    }

    /// As it is, a body passes as it came, and no place in it is unknown.
    fn clean(&self, file: &str, body: &str) {
        let (out, outcome) = self.pass(file, body);
        self.check(out == body && outcome.record.findings.is_empty(), file, "changed");
        let ledger = if file == "request.json" { outcome.record.request } else { outcome.record.response };
        self.check(ledger.unknown == 0 && ledger.scanned > 0, file, &format!("{ledger:?}"));
    }

    /// What was planted in one place is found there, and replaced unless the provider has sealed it.
    fn dirty(&self, file: &str, body: &str, at: &str) {
        let (out, outcome) = self.pass(file, body);
        let found = &outcome.record.findings;
        self.check(!found.is_empty(), file, &format!("{at}: nothing found in {body}"));
        let sealed = found.iter().any(|finding| finding.sealed);
        let expected = if sealed { body.to_owned() } else { body.replace(ADDRESS, "[EMAIL]") };
        self.check(out == expected, file, &format!("{at}: {out}"));
    }

    fn check(&self, fits: bool, file: &str, what: &str) {
        if !fits {
            self.problems.borrow_mut().push(format!("{} {file} {what}", self.id));
        }
    }
}

fn for_every_format(mut check: impl FnMut(&Probe<'_>)) {
    let (catalogue, walked) = probes();
    let engine = engine_of(catalogue, &policy(), Limits::STANDARD);
    let problems = RefCell::default();
    for (number, (id, _)) in walked.iter().enumerate() {
        let host = format!("probe-{number}.example.test");
        check(&Probe { engine: &engine, id, host, problems: &problems });
    }
    // All at once: most of them come of the same mistake in a table.
    let problems = problems.into_inner();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_string_of_every_body_is_looked_at() {
    let mut planted_strings = 0;
    for_every_format(|probe| {
        let recorded = RECORDED.iter().any(|(id, _)| *id == probe.id);
        for file in ["request.json", "answer.json"] {
            let Some(body) = probe.read(file).filter(|_| !recorded) else { continue };
            probe.clean(file, &body);
            let document: Value = serde_json::from_str(&body).unwrap();
            let mut pointers = Vec::new();
            strings(&document, "", &mut pointers);
            for pointer in pointers {
                let body = planted(&document, &pointer, &format!("ask {ADDRESS} now")).to_string();
                probe.dirty(file, &body, &pointer);
                planted_strings += 1;
            }
        }
    });
    assert!(planted_strings > 700, "{planted_strings}");
}

/// The events of a stream: what precedes the document of each, and the document if it is one.
fn events(stream: &str) -> Vec<(String, Option<Value>)> {
    let event = |block: &str| {
        let (head, data) = block.split_at(block.find("data: ").unwrap() + 6);
        match serde_json::from_str(data) {
            Ok(document) => (head.to_owned(), Some(document)),
            Err(_) => (block.to_owned(), None),
        }
    };
    stream.split("\n\n").filter(|block| !block.is_empty()).map(event).collect()
}

fn stream_of(events: &[(String, Option<Value>)]) -> String {
    let event = |(head, document): &(String, Option<Value>)| {
        format!("{head}{}\n\n", document.as_ref().map_or_else(String::new, Value::to_string))
    };
    events.iter().map(event).collect()
}

#[test]
fn every_string_of_every_event_is_looked_at() {
    let mut planted_strings = 0;
    for_every_format(|probe| {
        let Some(stream) = probe.read("answer.sse") else { return };
        if RECORDED.iter().any(|(id, _)| *id == probe.id) {
            return;
        }
        probe.clean("answer.sse", &stream);
        let events = events(&stream);
        for (at, document) in
            events.iter().enumerate().filter_map(|(at, (_, document))| Some((at, document.as_ref()?)))
        {
            let mut pointers = Vec::new();
            strings(document, "", &mut pointers);
            // What an event is decides how the rest of it is read.
            pointers.retain(|pointer| pointer != "/type");
            for pointer in pointers {
                let mut events = events.clone();
                events[at].1 = Some(planted(document, &pointer, &format!("ask {ADDRESS} now")));
                probe.dirty("answer.sse", &stream_of(&events), &pointer);
                planted_strings += 1;
            }
        }
    });
    assert!(planted_strings > 380, "{planted_strings}");
}

/// The first two neighbouring events that carry something different at one place, and the place.
fn fragments(events: &[(String, Option<Value>)]) -> Option<(usize, String)> {
    let pairs = events.windows(2).enumerate();
    pairs.into_iter().find_map(|(at, pair)| {
        let (first, second) = (pair[0].1.as_ref()?, pair[1].1.as_ref()?);
        let mut pointers = Vec::new();
        strings(first, "", &mut pointers);
        let differs = |pointer: &&String| {
            let both = (first.pointer(pointer), second.pointer(pointer));
            matches!(both, (Some(a), Some(Value::String(b))) if a != b) && pair[0].0 == pair[1].0
        };
        Some((at, pointers.iter().find(differs)?.clone()))
    })
}

#[test]
fn what_is_cut_in_two_by_a_stream_is_found() {
    // Their events are documents of their own: nothing goes on in the next.
    let whole = [
        "openai.images",
        "replicate.predictions",
        "deepgram.listen_speak",
        "elevenlabs.tts_stt",
        "media.prompt_json",
        "mcp.streamable_http",
    ];
    let mut streams = 0;
    for_every_format(|probe| {
        let Some(stream) = probe.read("answer.sse").filter(|_| !whole.contains(&probe.id)) else { return };
        if RECORDED.iter().any(|(id, _)| *id == probe.id) {
            return;
        }
        let mut events = events(&stream);
        let Some((at, pointer)) = fragments(&events) else {
            return probe.check(false, "answer.sse", "has no fragments");
        };
        let (first, second) = ADDRESS.split_at(9);
        for (event, text) in [(at, format!("ask {first}")), (at + 1, format!("{second} now"))] {
            let document = events[event].1.take().unwrap();
            events[event].1 = Some(planted(&document, &pointer, &text));
        }
        let body = stream_of(&events);
        let (out, outcome) = probe.pass("answer.sse", &body);
        probe.check(outcome.record.findings.len() == 1, "answer.sse", &format!("{pointer}: {out}"));
        let expected = body.replace(first, "[EMAIL]").replace(&format!("\"{second}"), "\"");
        // The plain word before an `@` leaves before the `@` comes.
        let late = body.replace(&format!("\"{second}"), "\"[EMAIL]");
        probe.check(out == expected || out == late, "answer.sse", &format!("{pointer}: {out}"));
        streams += 1;
    });
    assert_eq!(streams, 27);
}

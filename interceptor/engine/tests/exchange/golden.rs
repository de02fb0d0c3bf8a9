//! Recorded bodies of the walked formats: `testdata/<format>/request.json`, `answer.json` and `answer.sse`.
//! What the engine makes of each is written down beside it, so that a change shows.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use crate::run::{Call, Format, MASK, engine, run};

const FORMATS: [(&str, Format); 3] = [
    ("openai.chat_completions", Format::Chat),
    ("openai.responses", Format::Responses),
    ("anthropic.messages", Format::Messages),
];

fn folder(format: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(format)
}

#[test]
fn every_format_has_its_recordings() {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder("")).unwrap() {
        let path = entry.unwrap().path();
        let count = fs::read_dir(&path).unwrap().count();
        files.insert(path.file_name().unwrap().to_string_lossy().into_owned(), count);
    }
    // Three bodies and what came of each.
    let expected: BTreeMap<String, usize> = FORMATS.iter().map(|(name, _)| (name.to_string(), 6)).collect();
    assert_eq!(files, expected);
}

#[test]
fn recordings_come_out_as_written_down() {
    for (name, format) in FORMATS {
        for file in ["request.json", "answer.json", "answer.sse"] {
            let body = fs::read(folder(name).join(file)).unwrap();
            let call = match file {
                "request.json" => Call::new(format, &body),
                "answer.json" => Call::json_answer(format, &body),
                _ => Call::stream(format, &body),
            };
            // Sealed thoughts hold an address: without this the request would be refused.
            let policy = format!("{MASK}  uncertain: {{ unrewritable: audit }}\n");
            let outcome = run(&engine(&policy), &call);
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

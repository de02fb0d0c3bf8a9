//! What the engine costs in processor time: the least of many runs, so that the figures hold on a machine that does
//! other things as well. Criterion measures wall-clock time, which does not.
//!
//! `cargo bench -p interceptor-engine --bench cost` prints all, `… -- chat` those whose names hold the word, and
//! `… -- --rows` looks for the rows that cost most by the byte: short pieces, said over and over. `--runs=1000` is for
//! profilers.

use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use interceptor_engine::detect::{DetectorId, Detectors, SampleSource};
use interceptor_engine::policy::Subject;
use interceptor_engine::{Catalogue, Engine, Limits, Policy, RequestHead, VerdictCache};
use nix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

/// Masks and blocks both ways, so that nothing is skipped.
const POLICY: &str = "
apiVersion: interceptor.dev/v1alpha1
kind: EgressPolicy
metadata: { name: bench }
spec:
  rules:
    - { name: secrets, match: { direction: both, detectors: [\"secret.*\"] }, action: block }
    - { name: mask, match: { direction: both, detectors: [\"pii.*\"] }, action: redact }
";
const SENTENCES: &str = "The scheduler assigns a worker to every queue, and each of them keeps 4 to 8 connections open. \
    In 2026 the team measured 128 requests per second at 3.5 ms; see section 4.2 for the method. ";
const CODE: &str = "fn main() {\n\tlet total: u64 = values.iter().map(|v| v.size * 1024).sum();\n\tprintln!(\"{}\", total);\n}\n";
const PROSE: &str = include_str!("../tests/data/prose.txt");
const SOURCE: &str = include_str!("../src/detect/machine.rs");
const MEGABYTE: usize = 1 << 20;

/// The least processor time of a run, in nanoseconds.
fn least(runs: usize, mut run: impl FnMut()) -> f64 {
    let now = || {
        let now = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("every kernel has this clock");
        now.tv_sec() as f64 * 1e9 + now.tv_nsec() as f64
    };
    run();
    // Short runs are repeated until the clock's own cost does not count.
    let mut times = 1;
    while times < 1 << 20 {
        let from = now();
        (0..times).for_each(|_| run());
        if now() - from > 2e6 {
            break;
        }
        times *= 2;
    }
    let mut once = || {
        let from = now();
        (0..times).for_each(|_| run());
        (now() - from) / f64::from(times)
    };
    (0..runs).map(|_| once()).fold(f64::INFINITY, f64::min)
}

struct Report {
    wanted: Vec<String>,
    runs: usize,
}

impl Report {
    fn line(&self, name: &str, bytes: usize, run: impl FnMut()) {
        if self.wanted.is_empty() || self.wanted.iter().any(|word| name.contains(word.as_str())) {
            println!("{name:<44} {:>8.0} MB/s", bytes as f64 * 1e3 / least(self.runs, run));
        }
    }
}

fn filled(piece: &str) -> Vec<u8> {
    piece.bytes().cycle().take(MEGABYTE).collect()
}

/// A chat request of about this size: sentences, code, and calls of tools whose arguments are JSON in a string.
fn chat(size: usize) -> Bytes {
    let mut messages = vec![json!({"role": "system", "content": "You are a careful assistant."})];
    let mut written = 100;
    while written < size {
        let room = (size - written).min(SENTENCES.len() * 6 + CODE.len() * 3);
        let text: String = (SENTENCES.repeat(6) + &CODE.repeat(3)).chars().take(room).collect();
        written += text.len() + 40;
        messages.push(json!({"role": "user", "content": text}));
        if written + 250 < size {
            let arguments = json!({"path": "src/main.rs", "content": CODE, "line": 42}).to_string();
            written += arguments.len() + 150;
            messages.push(json!({"role": "assistant", "content": null, "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "write_file", "arguments": arguments}}
            ]}));
        }
    }
    Bytes::from(json!({"model": "gpt-x", "stream": true, "messages": messages}).to_string())
}

/// What a turn of an agent adds: a tool call, what the tool printed, and what the model says to it.
fn turn(number: usize) -> [Value; 3] {
    let arguments = json!({ "path": format!("src/part_{number}.rs"), "offset": 10 * number }).to_string();
    let call = json!({ "id": format!("call_{number}"), "type": "function",
        "function": { "name": "read_file", "arguments": arguments } });
    let printed = format!("// part {number}\n{}", CODE.repeat(40));
    let said = format!("Step {number}. {}", SENTENCES.repeat(4));
    [
        json!({ "role": "assistant", "content": null, "tool_calls": [call] }),
        json!({ "role": "tool", "tool_call_id": format!("call_{number}"), "content": printed }),
        json!({ "role": "assistant", "content": said }),
    ]
}

/// Fifty turns, each of which sends all before it again.
fn turns() -> Vec<Bytes> {
    let mut messages = vec![json!({ "role": "system", "content": SENTENCES.repeat(30) })];
    let body = |number| {
        messages.extend(turn(number));
        Bytes::from(json!({ "model": "m", "messages": messages }).to_string())
    };
    (0..50).map(body).collect()
}

fn send(engine: &Arc<Engine>, subject: &Arc<Subject>, body: &Bytes, out: &mut Vec<Bytes>) {
    let provider = engine.catalogue().route("api.openai.com").expect("in the catalogue").provider;
    let mut exchange = engine.exchange(&RequestHead {
        provider,
        method: "POST",
        path: "/v1/chat/completions",
        content_type: Some("application/json"),
        content_encoding: None,
        content_length: None,
        subject,
        at: 0,
        host: "",
        request_id: "bench",
    });
    out.clear();
    let taken = exchange.request_data(body.clone(), out).and_then(|()| exchange.request_end(out));
    assert!(taken.is_ok() && !out.is_empty(), "nothing in it is to be found");
    black_box(exchange.record());
}

fn exchanges(report: &Report) {
    let policy = Arc::new(Policy::load(&[("bench.yaml", POLICY)]).expect("the policy above"));
    let engine = Engine::new(Catalogue::builtin(), policy, Detectors::builtin(), Limits::STANDARD);
    let (subject, mut out) = (Arc::new(Subject::default()), Vec::new());
    for (name, size) in
        [("1 KB", 1_000), ("2 KB", 2_000), ("10 KB", 10_000), ("1 MB", 1_000_000), ("10 MB", 10_000_000)]
    {
        let body = chat(size);
        report.line(&format!("chat request of {name}"), body.len(), || {
            send(&engine, &subject, &body, &mut out);
        });
    }
    let bodies = turns();
    let all = bodies.iter().map(Bytes::len).sum();
    report.line("agent's loop of 50 turns, no cache", all, || {
        bodies.iter().for_each(|body| send(&engine, &subject, body, &mut out));
    });
    report.line("agent's loop of 50 turns, cache", all, || {
        let engine = engine.remembering(VerdictCache::new([7; 32], 16 << 20));
        bodies.iter().for_each(|body| send(&engine, &subject, body, &mut out));
    });
}

fn texts() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("prose of many kinds", filled(PROSE)),
        ("sentences with measures", filled(SENTENCES)),
        ("source code", filled(SOURCE)),
        ("raw chat request", chat(MEGABYTE).to_vec()),
        ("rows of BEGIN", filled("-----BEGIN PRIVATE KEY-----")),
        ("rows of sk-", filled("sk- ")),
        ("rows of eyJ.", filled("eyJ.")),
        ("rows of a@", filled("a@")),
        ("rows of |1", filled("|1")),
        ("rows of four digits", filled("4111 ")),
        ("rows of nine digits", filled("123456789 ")),
        ("rows of ten digits", filled("1234567890 ")),
        ("rows of eleven digits", filled("12345678901 ")),
    ]
}

fn detectors(report: &Report) {
    let (set, mut found) = (Detectors::builtin(), Vec::new());
    for (name, text) in texts() {
        report.line(&format!("detectors: {name}"), text.len(), || {
            found.clear();
            set.scan(black_box(&text), &mut found);
        });
    }
}

/// Short pieces of what detectors look at, and pairs of them; and what every detector looks for, whole and cut short.
fn pieces() -> Vec<String> {
    let digits = (1..=20).map(|length| "12345678901234567890"[..length].to_owned());
    let marks =
        [" ", "-", ".", "/", ":", "+", "(", ")", ",", "|", "@", "_", "=", "\n", "\u{a0}", "A", "a", "aB"];
    let words = [
        "sk-", "eyJ", "key", "token=", "passw", "secret:", "api_key ", "://", "x1", "0x", "AB", "ssn ",
        "phone ",
    ];
    let mut pieces: Vec<String> = digits.chain(marks.iter().chain(&words).map(|s| (*s).to_owned())).collect();
    for first in pieces.clone() {
        pieces.extend(pieces[..51].to_vec().iter().map(|second| format!("{first}{second}")));
    }
    for id in DetectorId::all() {
        let sample = id.detector().sample(&mut SampleSource::new(7));
        let cut = sample.chars().take(sample.chars().count().saturating_sub(1)).collect::<String>();
        pieces.extend([format!("{sample} "), format!("{cut} "), cut.chars().take(12).collect(), sample]);
    }
    pieces
}

/// The rows that cost most. One run each, and again for the worst.
fn rows() {
    let (set, mut found) = (Detectors::builtin(), Vec::new());
    let mut cost = |piece: &str, size: usize| {
        let text: Vec<u8> = piece.bytes().cycle().take(size).collect();
        let nanoseconds = least(3, || {
            found.clear();
            set.scan(black_box(&text), &mut found);
        });
        size as f64 * 1e3 / nanoseconds
    };
    let mut all: Vec<(f64, String)> =
        pieces().into_iter().map(|piece| (cost(&piece, 4 << 10), piece)).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (_, piece) in all.iter().take(60) {
        println!("{:>8.0} MB/s  {piece:?}", cost(piece, 64 << 10));
    }
}

pub(crate) fn main() {
    let (mut wanted, mut runs) = (Vec::new(), 25);
    for word in std::env::args().skip(1) {
        match word.strip_prefix("--runs=") {
            Some(count) => runs = count.parse().expect("a number of runs"),
            None if word == "--rows" => return rows(),
            None if word != "--bench" => wanted.push(word),
            None => {}
        }
    }
    let report = Report { wanted, runs };
    exchanges(&report);
    detectors(&report);
}

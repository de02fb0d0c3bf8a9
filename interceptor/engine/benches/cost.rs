//! What the engine costs in processor time: the least of many runs, so that the figures hold on a machine that does
//! other things as well. Criterion measures wall-clock time, which does not.
//!
//! `cargo bench -p interceptor-engine --bench cost` prints all, and `… -- chat` those whose names hold the word.
//! `--runs=1000` is for profilers, and `--lanes=32` or `=16` measures AVX2 or SSE2 where a build with `--features lanes`
//! finds more. The rows that cost most by the byte are the business of `rows.rs`.

use std::hint::black_box;
use std::slice;
use std::sync::Arc;

use bytes::Bytes;
use interceptor_engine::detect::Detectors;
use interceptor_engine::policy::Subject;
use interceptor_engine::{FragmentScanner, VerdictCache};
use nix::time::{ClockId, clock_gettime};

mod share;

use share::{MEGABYTE, PROSE, SENTENCES, SOURCE, chat, filled, marked, send, turns};

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
        if self.wants(name) {
            println!("{name:<44} {:>8.0} MB/s", bytes as f64 * 1e3 / least(self.runs, run));
        }
    }

    /// What one of so many costs.
    fn each(&self, name: &str, count: usize, run: impl FnMut()) {
        if self.wants(name) {
            println!("{name:<44} {:>8.0} ns", least(self.runs, run) / count as f64);
        }
    }

    fn wants(&self, name: &str) -> bool {
        self.wanted.is_empty() || self.wanted.iter().any(|word| name.contains(word.as_str()))
    }
}

fn exchanges(report: &Report) {
    let engine = share::engine();
    let (subject, mut out) = (Arc::new(Subject::default()), Vec::new());
    for (name, size) in
        [("1 KB", 1_000), ("2 KB", 2_000), ("10 KB", 10_000), ("1 MB", 1_000_000), ("10 MB", 10_000_000)]
    {
        let body = chat(size);
        report.line(&format!("chat request of {name}"), body.len(), || {
            send(&engine, &subject, slice::from_ref(&body), &mut out);
        });
    }
    let bodies = turns();
    let all = bodies.iter().map(Bytes::len).sum();
    report.line("agent's loop of 50 turns, no cache", all, || {
        bodies.iter().for_each(|body| send(&engine, &subject, slice::from_ref(body), &mut out));
    });
    report.line("agent's loop of 50 turns, cache", all, || {
        let engine = engine.remembering(VerdictCache::new([7; 32], 16 << 20));
        bodies.iter().for_each(|body| send(&engine, &subject, slice::from_ref(body), &mut out));
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

/// What a chunk costs that is as long as a token, in a stream in which nothing is found.
fn chunks(report: &Report) {
    const TOKEN: usize = 4;
    let set = Detectors::builtin();
    let texts = [("prose", filled(PROSE)), ("code", filled(SOURCE)), ("marks", filled(&marked()))];
    for (name, text) in texts {
        let text = &text[..MEGABYTE / 8];
        report.each(&format!("a chunk of 4 bytes: {name}"), text.len() / TOKEN, || {
            let (mut scanner, mut out) = (FragmentScanner::new(set.clone()), Vec::new());
            for chunk in text.chunks(TOKEN) {
                black_box(scanner.push(black_box(chunk), &mut out));
            }
        });
    }
}

pub(crate) fn main() {
    let (mut wanted, mut runs) = (Vec::new(), 25);
    for word in std::env::args().skip(1) {
        match word.split_once('=') {
            Some(("--runs", count)) => runs = count.parse().expect("a number of runs"),
            #[cfg(feature = "lanes")]
            Some(("--lanes", bytes)) => interceptor_engine::use_at_most(bytes.parse().expect("64, 32 or 16")),
            _ if word != "--bench" => wanted.push(word),
            _ => {}
        }
    }
    let report = Report { wanted, runs };
    exchanges(&report);
    detectors(&report);
    chunks(&report);
}

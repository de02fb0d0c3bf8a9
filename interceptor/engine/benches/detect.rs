//! Throughput of the detectors over whole texts and streams: prose, source code, base64, and text written to
//! be expensive. MB/s of one thread. And what a stream pays: time for each chunk, and how many bytes are held back.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use interceptor_engine::FragmentScanner;
use interceptor_engine::detect::{Detectors, StreamScanner};

#[expect(dead_code, reason = "other benchmarks need the rest")]
mod share;

use share::{MEGABYTE, PROSE, SOURCE, filled, marked};

/// Base64 of something random, without line ends, as images travel in JSON.
fn base64() -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        ALPHABET[usize::try_from(state >> 58).unwrap_or(0)]
    };
    (0..MEGABYTE).map(|_| next()).collect()
}

fn texts() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("prose", filled(PROSE)),
        ("prose 10 kB", filled(PROSE)[..10_000].to_vec()),
        ("code", filled(SOURCE)),
        ("base64", base64()),
        ("hostile @", filled("a@")),
        ("hostile digits", filled("4111 ")),
        ("hostile eyJ", filled("eyJ.")),
        ("hostile BEGIN", filled("-----BEGIN PRIVATE KEY-----")),
        ("hostile sk-", filled("sk- ")),
    ]
}

fn scan(c: &mut Criterion) {
    let set = Detectors::builtin();
    let mut group = c.benchmark_group("scan");
    for (name, text) in texts() {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_with_input(BenchmarkId::from_parameter(name), &text, |b, text| {
            let mut out = Vec::new();
            b.iter(|| {
                out.clear();
                set.scan(black_box(text), &mut out);
                out.len()
            });
        });
    }
    group.finish();
}

fn stream(c: &mut Criterion) {
    let set = Detectors::builtin();
    let text = filled(PROSE);
    let mut group = c.benchmark_group("stream");
    group.throughput(Throughput::Bytes(text.len() as u64));
    for size in [4, 64, 4096] {
        group.bench_with_input(BenchmarkId::new("prose", size), &size, |b, size| {
            let mut out = Vec::new();
            b.iter(|| {
                let mut scanner = StreamScanner::new(set.clone());
                for chunk in text.chunks(*size) {
                    black_box(scanner.push(chunk, &mut out));
                }
                scanner.finish(&mut out)
            });
        });
    }
    group.finish();
}

/// Bytes that have come and not left, after each chunk.
fn held_back(set: &Arc<Detectors>, text: &[u8], size: usize) -> Vec<u64> {
    let (mut scanner, mut out, mut pushed) = (FragmentScanner::new(set.clone()), Vec::new(), 0);
    let held = text.chunks(size).map(|chunk| {
        pushed += chunk.len() as u64;
        pushed - scanner.push(chunk, &mut out)
    });
    let mut held: Vec<u64> = held.collect();
    held.sort_unstable();
    held
}

/// Chunks of the size of a token. What is held back does not depend on the machine, so it is only printed.
fn chunks(c: &mut Criterion) {
    const TOKEN: usize = 4;
    let set = Detectors::builtin();
    let mut group = c.benchmark_group("a chunk of 4 bytes");
    // In one there is nothing to undo, in the next escapes, and in the last something in every line.
    for (name, text) in [("prose", filled(PROSE)), ("code", filled(SOURCE)), ("marks", filled(&marked()))] {
        let held = held_back(&set, &text, TOKEN);
        let part = |share: usize| held[(held.len() - 1) * share / 1000];
        let (median, most) = (part(500), part(1000));
        println!(
            "held back, {name}: median {median}, p99 {}, p99.9 {}, most {most} bytes",
            part(990),
            part(999)
        );
        group.throughput(Throughput::Elements(held.len() as u64));
        group.bench_function(name, |b| b.iter(|| held_back(&set, black_box(&text), TOKEN)));
    }
    group.finish();
}

/// A set of an operator: so many literals in a list, and so many patterns. With neither there is none.
fn own(literals: usize, patterns: usize) -> Arc<Detectors> {
    if literals + patterns == 0 {
        return Detectors::builtin();
    }
    const SYLLABLES: [&str; 16] = [
        "ka", "lor", "mi", "ten", "vash", "ro", "bel", "qui", "zen", "dra", "pho", "sur", "tik", "wam",
        "xel", "yor",
    ];
    let word = |mut n: usize, long: usize| {
        let next = |_| (SYLLABLES[n % 16], n /= 16).0;
        (0..long).map(next).collect::<String>()
    };
    let list: Vec<String> =
        (0..literals).map(|n| format!("{} {}", word(n, 3), word(n / 4096 + 7 * n, 3))).collect();
    let mut document =
        "apiVersion: interceptor.dev/v1alpha1\nkind: DetectorSet\nmetadata: {name: b}\nspec:\n  detectors:\n"
            .to_owned();
    let mut files = Vec::new();
    if literals > 0 {
        document += "    - {name: b.customer, literalsFile: list.txt, ignoreCase: true}\n";
        files.push(("list.txt", list.join("\n")));
    }
    for n in 0..patterns {
        let (prefix, digits) = (word(n, 2).to_uppercase(), 4 + n % 5);
        document +=
            &format!("    - {{name: b.p{n}, pattern: '{prefix}-[0-9]{{{digits}}}(-[A-Z]{{1,2}})?'}}\n");
    }
    files.push(("b.yaml", document));
    Detectors::load(&files).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

fn operator(c: &mut Criterion) {
    let mut group = c.benchmark_group("operator");
    for (literals, patterns) in [(0, 0), (10_000, 0), (0, 100), (10_000, 100), (1_000_000, 0)] {
        let set = own(literals, patterns);
        eprintln!("{literals} literals and {patterns} patterns take {} KiB", set.memory() >> 10);
        for (name, text) in [("prose", filled(PROSE)), ("code", filled(SOURCE))] {
            group.throughput(Throughput::Bytes(text.len() as u64));
            let id = BenchmarkId::new(name, format!("{literals} literals, {patterns} patterns"));
            group.bench_with_input(id, &text, |b, text| {
                let mut out = Vec::new();
                b.iter(|| {
                    out.clear();
                    set.scan(black_box(text), &mut out);
                    out.len()
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, scan, stream, chunks, operator);
criterion_main!(benches);

//! Throughput of the engine on chat bodies of 10 KB and 1 MB with all detectors on: the walk with its scan, the
//! whole exchange, and streamed answers. `cargo bench -p interceptor-engine --bench engine`.

use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use interceptor_engine::{Catalogue, Detectors, ResponseHead, Subject};

#[expect(dead_code, reason = "other benchmarks need the rest")]
mod share;

use share::{MEGABYTE, SENTENCES, begin, chat, engine, send};

fn stream_body(events: usize) -> Vec<Bytes> {
    let words: Vec<&str> = SENTENCES.split_inclusive(' ').collect();
    let event = |word: &&str| {
        let delta = serde_json::json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000,
            "model": "gpt-x", "choices": [{"index": 0, "delta": {"content": word}, "finish_reason": null}]});
        Bytes::from(format!("data: {delta}\n\n"))
    };
    words.iter().cycle().take(events).map(event).collect()
}

fn requests(criterion: &mut Criterion) {
    let (engine, subject) = (engine(), Arc::new(Subject::default()));
    let mut group = criterion.benchmark_group("request");
    for (name, size) in [("10KB", 10_000), ("1MB", 1_000_000)] {
        let body = chat(size);
        group.throughput(Throughput::Bytes(body.len() as u64));
        let whole = [body.clone()];
        group.bench_function(format!("{name} in one chunk"), |bench| {
            bench.iter_batched_ref(
                Vec::new,
                |out| send(&engine, &subject, &whole, out),
                BatchSize::SmallInput,
            );
        });
        let chunks: Vec<Bytes> =
            (0..body.len()).step_by(16_384).map(|at| body.slice(at..body.len().min(at + 16_384))).collect();
        group.bench_function(format!("{name} in chunks of 16 KiB"), |bench| {
            bench.iter_batched_ref(
                Vec::new,
                |out| send(&engine, &subject, &chunks, out),
                BatchSize::SmallInput,
            );
        });
    }
    group.throughput(Throughput::Elements(1));
    let small = [Bytes::from_static(br#"{"model":"gpt-x","messages":[{"role":"user","content":"hi"}]}"#)];
    group.bench_function("smallest", |bench| {
        bench.iter_batched_ref(Vec::new, |out| send(&engine, &subject, &small, out), BatchSize::SmallInput);
    });
    group.finish();
}

fn streams(criterion: &mut Criterion) {
    let (engine, subject) = (engine(), Arc::new(Subject::default()));
    let events = stream_body(1_000);
    let mut group = criterion.benchmark_group("stream");
    group.throughput(Throughput::Elements(events.len() as u64));
    group.bench_function("1000 events", |bench| {
        bench.iter_batched_ref(
            || {
                let mut exchange = begin(&engine, &subject);
                exchange.request_end(&mut Vec::new()).expect("nothing to find");
                let head = ResponseHead {
                    status: 200,
                    content_type: Some("text/event-stream"),
                    content_encoding: None,
                    content_length: None,
                };
                exchange.response_head(&head).expect("nothing to find");
                (exchange, Vec::with_capacity(1_000))
            },
            |(exchange, out)| {
                for event in &events {
                    exchange.response_data(event.clone(), out).expect("nothing to find");
                }
                exchange.response_end(out).expect("nothing to find");
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

/// The parts by themselves, to see which of them costs what.
fn parts(criterion: &mut Criterion) {
    let detectors = Detectors::builtin();
    let body = chat(MEGABYTE);
    let mut group = criterion.benchmark_group("part");
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function("detectors on 1MB of raw text", |bench| {
        let mut found = Vec::new();
        bench.iter(|| {
            found.clear();
            detectors.scan(black_box(&body), &mut found);
        });
    });
    group.bench_function("serde_json on 1MB, for comparison", |bench| {
        bench.iter(|| black_box(serde_json::from_slice::<serde_json::Value>(&body).expect("JSON")));
    });
    group.finish();
    criterion.bench_function("route and operation", |bench| {
        let catalogue = Catalogue::builtin();
        bench.iter(|| {
            let found = catalogue.route(black_box("api.openai.com")).expect("in the catalogue");
            black_box(catalogue.operation(found.provider, "POST", black_box("/v1/responses")))
        });
    });
}

criterion_group!(benches, requests, streams, parts);
criterion_main!(benches);

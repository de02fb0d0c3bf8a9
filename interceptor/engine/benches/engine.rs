//! Throughput of the engine on chat bodies of 10 KB and 1 MB with all detectors on: the walk with its scan, the
//! whole exchange, and streamed answers. `cargo bench -p interceptor-engine --bench engine`.

use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use interceptor_engine::{Catalogue, Detectors, Engine, Limits, Policy, RequestHead, ResponseHead, Subject};

/// Masks and blocks both ways, so that nothing is skipped.
const POLICY: &str = "
apiVersion: interceptor.dev/v1alpha1
kind: EgressPolicy
metadata: { name: bench }
spec:
  rules:
    - name: secrets
      match: { direction: both, detectors: [\"secret.*\"] }
      action: block
    - name: mask
      match: { direction: both, detectors: [\"pii.*\"] }
      action: redact
";

/// Sentences, code and numbers as agents send them; nothing in it is to be found.
const PROSE: &str = "The scheduler assigns a worker to every queue, and each of them keeps 4 to 8 connections open. \
    In 2026 the team measured 128 requests per second at 3.5 ms; see section 4.2 for the method. ";
const CODE: &str = "fn main() {\n\tlet total: u64 = values.iter().map(|v| v.size * 1024).sum();\n\tprintln!(\"{}\", total);\n}\n";

fn chat_body(size: usize) -> Bytes {
    let mut messages = vec![serde_json::json!({"role": "system", "content": "You are a careful assistant."})];
    let mut written = 0;
    while written < size {
        let text = PROSE.repeat(6) + &CODE.repeat(3);
        written += text.len();
        messages.push(serde_json::json!({"role": "user", "content": text}));
        let arguments = serde_json::json!({"path": "src/main.rs", "content": CODE, "line": 42}).to_string();
        written += arguments.len();
        messages.push(serde_json::json!({"role": "assistant", "content": null, "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "write_file", "arguments": arguments}}
        ]}));
    }
    Bytes::from(serde_json::json!({"model": "gpt-x", "stream": true, "messages": messages}).to_string())
}

fn stream_body(events: usize) -> Vec<Bytes> {
    let words: Vec<&str> = PROSE.split_inclusive(' ').collect();
    let event = |word: &&str| {
        let delta = serde_json::json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000,
            "model": "gpt-x", "choices": [{"index": 0, "delta": {"content": word}, "finish_reason": null}]});
        Bytes::from(format!("data: {delta}\n\n"))
    };
    words.iter().cycle().take(events).map(event).collect()
}

fn engine() -> Arc<Engine> {
    let policy = Policy::load(&[("bench.yaml", POLICY)]).expect("the policy above");
    Engine::new(Catalogue::builtin(), Arc::new(policy), Detectors::builtin(), Limits::STANDARD)
}

fn request(engine: &Arc<Engine>, subject: &Arc<Subject>, chunks: &[Bytes], out: &mut Vec<Bytes>) {
    let mut exchange = begin(engine, subject);
    for chunk in chunks {
        exchange.request_data(chunk.clone(), out).expect("nothing to find");
    }
    exchange.request_end(out).expect("nothing to find");
    black_box(exchange.record());
}

fn begin(engine: &Arc<Engine>, subject: &Arc<Subject>) -> interceptor_engine::Exchange {
    let provider = engine.catalogue().route("api.openai.com").expect("in the catalogue").provider;
    engine.exchange(&RequestHead {
        provider,
        method: "POST",
        path: "/v1/chat/completions",
        content_type: Some("application/json"),
        content_encoding: None,
        content_length: None,
        subject,
        at: 0,
        host: "",
        request_id: "req-1",
    })
}

fn requests(criterion: &mut Criterion) {
    let (engine, subject) = (engine(), Arc::new(Subject::default()));
    let mut group = criterion.benchmark_group("request");
    for (name, size) in [("10KB", 10_000), ("1MB", 1_000_000)] {
        let body = chat_body(size);
        group.throughput(Throughput::Bytes(body.len() as u64));
        let whole = [body.clone()];
        group.bench_function(format!("{name} in one chunk"), |bench| {
            bench.iter_batched_ref(
                Vec::new,
                |out| request(&engine, &subject, &whole, out),
                BatchSize::SmallInput,
            );
        });
        let chunks: Vec<Bytes> =
            (0..body.len()).step_by(16_384).map(|at| body.slice(at..body.len().min(at + 16_384))).collect();
        group.bench_function(format!("{name} in chunks of 16 KiB"), |bench| {
            bench.iter_batched_ref(
                Vec::new,
                |out| request(&engine, &subject, &chunks, out),
                BatchSize::SmallInput,
            );
        });
    }
    group.throughput(Throughput::Elements(1));
    let small = [Bytes::from_static(br#"{"model":"gpt-x","messages":[{"role":"user","content":"hi"}]}"#)];
    group.bench_function("smallest", |bench| {
        bench.iter_batched_ref(
            Vec::new,
            |out| request(&engine, &subject, &small, out),
            BatchSize::SmallInput,
        );
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
    let body = chat_body(1_000_000);
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

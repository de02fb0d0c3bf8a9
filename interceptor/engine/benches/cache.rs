//! A loop of an agent: fifty turns, each of which sends the whole conversation again. With the cache and without it,
//! by the bytes that were sent in all.

use std::sync::Arc;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use interceptor_engine::policy::Subject;
use interceptor_engine::{Catalogue, Detectors, Engine, Limits, Policy, RequestHead, VerdictCache};
use serde_json::{Value, json};

const TURNS: usize = 50;

const PROSE: &str = "The scheduler assigns a worker to every queue, and each of them keeps 4 to 8 connections open. \
    In 2026 the team measured 128 requests per second at 3.5 ms; see section 4.2 for the method. ";
const CODE: &str = "fn main() {\n\tlet total: u64 = values.iter().map(|v| v.size * 1024).sum();\n\tprintln!(\"{}\", total);\n}\n";

/// What a turn adds: a tool call, what the tool printed, and what the model says to it.
fn turn(number: usize) -> [Value; 3] {
    let arguments = json!({ "path": format!("src/part_{number}.rs"), "offset": 10 * number }).to_string();
    let call = json!({ "id": format!("call_{number}"), "type": "function",
        "function": { "name": "read_file", "arguments": arguments } });
    let printed = format!("// part {number}\n{}", CODE.repeat(40));
    let said = format!("Step {number}. {}", PROSE.repeat(4));
    [
        json!({ "role": "assistant", "content": null, "tool_calls": [call] }),
        json!({ "role": "tool", "tool_call_id": format!("call_{number}"), "content": printed }),
        json!({ "role": "assistant", "content": said }),
    ]
}

fn bodies() -> Vec<Bytes> {
    let mut messages = vec![json!({ "role": "system", "content": PROSE.repeat(30) })];
    let body = |number| {
        messages.extend(turn(number));
        Bytes::from(json!({ "model": "m", "messages": messages }).to_string())
    };
    (0..TURNS).map(body).collect()
}

fn send(engine: &Arc<Engine>, subject: &Arc<Subject>, bodies: &[Bytes], out: &mut Vec<Bytes>) {
    let provider = engine.catalogue().provider_named("openai").expect("it is in the catalogue");
    for body in bodies {
        let mut exchange = engine.exchange(&RequestHead {
            provider,
            method: "POST",
            path: "/v1/chat/completions",
            content_type: Some("application/json"),
            content_encoding: None,
            content_length: Some(body.len() as u64),
            subject,
            at: 0,
            host: "",
            request_id: "bench",
        });
        out.clear();
        let taken = exchange.request_data(body.clone(), out).and_then(|()| exchange.request_end(out));
        assert!(taken.is_ok() && out.len() == 1, "nothing in it is to be found");
    }
}

fn agent(criterion: &mut Criterion) {
    let engine = Engine::new(
        Catalogue::builtin(),
        Arc::new(Policy::builtin()),
        Detectors::builtin(),
        Limits::STANDARD,
    );
    let (bodies, subject) = (bodies(), Arc::new(Subject::default()));
    let mut out = Vec::new();
    let mut group = criterion.benchmark_group("agent loop of 50 turns");
    group.throughput(Throughput::Bytes(bodies.iter().map(|body| body.len() as u64).sum()));
    group.sample_size(10);
    group.bench_function("without a cache", |bench| {
        bench.iter(|| send(&engine, &subject, &bodies, &mut out));
    });
    group.bench_function("with a cache, empty at first", |bench| {
        let fresh = || engine.remembering(VerdictCache::new([7; 32], 16 << 20));
        bench.iter_batched(fresh, |engine| send(&engine, &subject, &bodies, &mut out), BatchSize::SmallInput);
    });
    group.finish();
}

criterion_group!(benches, agent);
criterion_main!(benches);

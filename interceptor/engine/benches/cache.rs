//! A loop of an agent: fifty turns, each of which sends the whole conversation again. With the cache and without it,
//! by the bytes that were sent in all.

use std::slice;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use interceptor_engine::VerdictCache;
use interceptor_engine::policy::Subject;

#[expect(dead_code, reason = "other benchmarks need the rest")]
mod share;

fn agent(criterion: &mut Criterion) {
    let (engine, bodies, subject) = (share::engine(), share::turns(), Arc::new(Subject::default()));
    let mut out = Vec::new();
    let mut group = criterion.benchmark_group("agent loop of 50 turns");
    group.throughput(Throughput::Bytes(bodies.iter().map(|body| body.len() as u64).sum()));
    group.sample_size(10);
    let mut send = |engine: &Arc<_>| {
        bodies.iter().for_each(|body| share::send(engine, &subject, slice::from_ref(body), &mut out));
    };
    group.bench_function("without a cache", |bench| bench.iter(|| send(&engine)));
    group.bench_function("with a cache, empty at first", |bench| {
        let fresh = || engine.remembering(VerdictCache::new([7; 32], 16 << 20));
        bench.iter_batched(fresh, |engine| send(&engine), BatchSize::SmallInput);
    });
    group.finish();
}

criterion_group!(benches, agent);
criterion_main!(benches);

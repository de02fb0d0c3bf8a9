//! What a decision costs: choosing the rules of one exchange and asking them about ten findings, among few and many
//! policies; what an expression adds; and what reading a whole set anew takes. Bodies and detectors are not in it.

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use interceptor_engine::Policy;
use interceptor_engine::detect::{Confidence, DetectorId};
use interceptor_engine::policy::{BodyFacts, Context, Direction, Identity, Pod, Subject};

/// Policies in one file; a file may have so many values.
const IN_A_FILE: usize = 500;

/// `count` policies, each for a namespace of its own, and three of them for everyone.
fn set(count: usize, rule: &str) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for from in (0..count).step_by(IN_A_FILE) {
        let mut text = String::new();
        for number in from..(from + IN_A_FILE).min(count) {
            let whom = if number < 3 {
                String::new()
            } else {
                format!("  subjects: [{{ namespaces: [team-{number}] }}]\n")
            };
            let _ = write!(
                text,
                "---\napiVersion: interceptor.dev/v1alpha1\nkind: EgressPolicy\nmetadata: {{ name: p-{number} }}\nspec:\n{whom}  \
                 rules:\n    - {{ name: secrets-{number}, match: {{ direction: request, detectors: [\"secret.*\"] }}, action: \
                 block }}\n    - {{ name: mask-{number}, match: {{ direction: both, detectors: [\"pii.*\"] }}, action: redact \
                 }}\n    - {{ name: model-{number}, match: {{ {rule} }}, action: audit }}\n"
            );
        }
        files.push((format!("{from}.yaml"), text));
    }
    files
}

fn subject(namespace: &str) -> Arc<Subject> {
    let mut pod = Pod::named(namespace, "app-0");
    pod.labels = [("app".into(), "checkout".into()), ("tier".into(), "web".into())].into();
    pod.service_account = Some("robot".into());
    Arc::new(Subject { pod: Some(Arc::new(pod)), identity: Identity::Known, ..Subject::default() })
}

/// All that policy is asked about one exchange.
fn exchange(policy: &Policy, subject: &Subject, email: DetectorId) -> usize {
    let context = Context {
        provider: "openai",
        host: "api.openai.com",
        method: "POST",
        path: "/v1/chat/completions",
        operation: "openai.chat_completions",
        subject,
        at: 1_800_000_000,
    };
    let models = ["gpt-4o".to_owned()];
    let mut scope = policy.scope(&context);
    scope.settle(&context, &BodyFacts { models: &models, size: 2_000, ..BodyFacts::default() });
    let ruled = usize::from(scope.exchange(Direction::Request).rule.is_some());
    let found = (0..10).filter(|_| {
        scope.count(Direction::Request, email, Confidence::High);
        scope.decide(Direction::Request, email, Confidence::High).rule.is_some()
    });
    ruled + found.count()
}

fn decide(c: &mut Criterion) {
    let email = DetectorId::named("pii.email").expect("a detector of this build");
    let mut group = c.benchmark_group("decide");
    for (rule, name) in [("models: [\"gpt-*\"]", "models"), ("when: 'model.startsWith(\"gpt\")'", "CEL")] {
        for count in [10, 1_000, 10_000] {
            let policy = Policy::load(&set(count, rule)).expect("made above");
            // One that a policy of its own is for, beside the three for everyone.
            let caller = subject("team-7");
            assert_eq!(policy.names_for(&caller).count(), 4, "three for all and one of its own");
            group.bench_function(BenchmarkId::new(name, format!("{count} policies")), |bench| {
                bench.iter(|| exchange(&policy, black_box(&caller), email));
            });
        }
    }
    group.finish();
}

fn load(c: &mut Criterion) {
    let mut group = c.benchmark_group("load");
    group.sample_size(10);
    for count in [10, 1_000, 10_000] {
        let files = set(count, "models: [\"gpt-*\"]");
        group.bench_function(format!("{count} policies"), |bench| {
            bench.iter(|| Policy::load(black_box(&files)).expect("made above"));
        });
    }
    group.finish();
}

criterion_group!(benches, decide, load);
criterion_main!(benches);

//! Rules about callers, endpoints, models, tools, sizes and times, run through real exchanges.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop here")]

#[path = "rules/calls.rs"]
mod calls;
#[path = "rules/conditions.rs"]
mod conditions;
#[path = "shared/eventstream.rs"]
mod eventstream;
#[path = "rules/forbid.rs"]
mod forbid;
#[path = "rules/mistakes.rs"]
mod mistakes;
#[path = "rules/streams.rs"]
mod streams;
#[path = "rules/subjects.rs"]
mod subjects;

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use interceptor_engine::policy::{Identity, Pod, Subject};
use interceptor_engine::{
    Catalogue, Detectors, Engine, Exchange, Limits, Policy, Refusal, RequestHead, ResponseHead,
};
use serde_json::{Value, json};

/// A policy of these documents' `spec`s.
fn engine(specs: &[&str]) -> Arc<Engine> {
    let head = "apiVersion: interceptor.dev/v1alpha1\nkind: EgressPolicy\nmetadata: { name: t }\nspec:\n";
    let files: Vec<(String, String)> = specs
        .iter()
        .enumerate()
        .map(|(at, spec)| {
            let indented: String = spec.lines().map(|line| format!("  {line}\n")).collect();
            (format!("{at}.yaml"), format!("{head}{indented}"))
        })
        .collect();
    let policy = Policy::load(&files).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    static CATALOGUE: LazyLock<Arc<Catalogue>> = LazyLock::new(Catalogue::builtin);
    Engine::new(CATALOGUE.clone(), Arc::new(policy), Detectors::builtin(), Limits::STANDARD)
}

/// A call.
#[derive(Clone)]
struct Call {
    provider: &'static str,
    path: String,
    method: &'static str,
    host: &'static str,
    subject: Arc<Subject>,
    at: u64,
    body: String,
    answer: Option<(&'static str, String)>,
}

/// What became of it.
#[derive(Debug)]
struct Fate {
    refused: Option<Refusal>,
    sent: String,
    received: String,
    record: interceptor_engine::record::Record,
}

fn nobody() -> Subject {
    Subject { identity: Identity::Known, ..Subject::default() }
}

fn pod(namespace: &str, labels: &[(&str, &str)]) -> Arc<Subject> {
    let mut pod = Pod::named(namespace, "p-0");
    pod.labels = labels.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Arc::new(Subject { pod: Some(Arc::new(pod)), ..nobody() })
}

impl Call {
    fn chat(body: &Value) -> Self {
        Self {
            provider: "openai",
            path: "/v1/chat/completions".into(),
            method: "POST",
            host: "api.openai.com",
            subject: Arc::new(nobody()),
            at: 0,
            body: body.to_string(),
            answer: None,
        }
    }

    fn model(name: &str) -> Self {
        Self::chat(&json!({ "model": name, "messages": [{ "role": "user", "content": "hello" }] }))
    }

    fn begin(&self, engine: &Arc<Engine>) -> Exchange {
        engine.exchange(&RequestHead {
            provider: engine.catalogue().provider_named(self.provider).unwrap(),
            host: self.host,
            method: self.method,
            path: &self.path,
            content_type: Some("application/json"),
            content_encoding: None,
            content_length: Some(self.body.len() as u64),
            subject: &self.subject,
            at: self.at,
            request_id: "req",
        })
    }

    /// Runs it as the daemon does.
    fn run(&self, engine: &Arc<Engine>) -> Fate {
        let mut exchange = self.begin(engine);
        let (mut out, mut back) = (Vec::new(), Vec::new());
        let result = self.steps(&mut exchange, &mut out, &mut back);
        let text = |pieces: &[Bytes]| String::from_utf8(pieces.concat()).unwrap();
        Fate { refused: result.err(), sent: text(&out), received: text(&back), record: exchange.record() }
    }

    fn steps(
        &self,
        exchange: &mut Exchange,
        out: &mut Vec<Bytes>,
        back: &mut Vec<Bytes>,
    ) -> Result<(), Refusal> {
        exchange.begin()?;
        exchange.request_data(Bytes::from(self.body.clone()), out)?;
        exchange.request_end(out)?;
        let Some((content_type, answer)) = &self.answer else { return Ok(()) };
        exchange.response_head(&ResponseHead {
            status: 200,
            content_type: Some(content_type),
            content_encoding: None,
            content_length: None,
        })?;
        // Two chunks, so that nothing depends on where they are cut.
        let (first, second) = answer.split_at(answer.len() / 2);
        exchange.response_data(Bytes::from(first.to_owned()), back)?;
        exchange.response_data(Bytes::from(second.to_owned()), back)?;
        exchange.response_end(back)
    }

    /// `pass`, or who refused it with which status.
    fn verdict(&self, engine: &Arc<Engine>) -> String {
        match self.run(engine).refused {
            None => "pass".to_owned(),
            Some(refusal) => format!("{} by {}", refusal.status, refusal.rule),
        }
    }
}

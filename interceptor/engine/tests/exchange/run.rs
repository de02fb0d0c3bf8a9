//! Runs an exchange from head to record, cut into chunks at will.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use interceptor_engine::record::{Ledger, Record, Verdict};
use interceptor_engine::{
    Catalogue, Detectors, Engine, Limits, Policy, Refusal, RequestHead, RequestPlan, ResponseHead,
    ResponsePlan, Signature, Subject,
};

/// Blocks keys, masks personal data, both ways.
pub(crate) const BOTH_WAYS: &str = "
apiVersion: interceptor.dev/v1alpha1
kind: EgressPolicy
metadata: { name: both-ways }
spec:
  rules:
    - name: no-secrets
      match: { direction: both, detectors: [\"secret.*\"] }
      action: block
    - name: mask
      match: { direction: both, detectors: [\"pii.*\"], confidence: medium }
      action: redact
";

/// Masks everything, both ways.
pub(crate) const MASK: &str = "
apiVersion: interceptor.dev/v1alpha1
kind: EgressPolicy
metadata: { name: mask }
spec:
  rules:
    - name: mask
      match: { direction: both, detectors: [\"*\"], confidence: medium }
      action: redact
";

/// Only watches.
pub(crate) const WATCH: &str = "
apiVersion: interceptor.dev/v1alpha1
kind: EgressPolicy
metadata: { name: watch }
spec:
  rules:
    - name: watch
      match: { direction: both, detectors: [\"*\"], confidence: medium }
      action: audit
";

pub(crate) fn engine_with(policy: &str, limits: Limits) -> Arc<Engine> {
    engine_of(Catalogue::builtin(), policy, limits)
}

pub(crate) fn engine_of(catalogue: Arc<Catalogue>, policy: &str, limits: Limits) -> Arc<Engine> {
    let policy = Policy::load(&[("test.yaml", policy)]).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    Engine::new(catalogue, Arc::new(policy), Detectors::builtin(), limits)
}

/// An engine with standard limits; each policy's is made once, because reading the catalogue takes its time.
pub(crate) fn engine(policy: &str) -> Arc<Engine> {
    static MADE: Mutex<BTreeMap<String, Arc<Engine>>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap();
    made.entry(policy.to_owned()).or_insert_with(|| engine_with(policy, Limits::STANDARD)).clone()
}

/// One of the three walked formats.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Format {
    Chat,
    Responses,
    Messages,
}

impl Format {
    pub(crate) fn host_and_path(self) -> (&'static str, &'static str) {
        match self {
            Format::Chat => ("api.openai.com", "/v1/chat/completions"),
            Format::Responses => ("api.openai.com", "/v1/responses"),
            Format::Messages => ("api.anthropic.com", "/v1/messages"),
        }
    }
}

/// What is sent, and how.
#[derive(Clone, Debug)]
pub(crate) struct Call<'a> {
    pub(crate) host: &'a str,
    pub(crate) path: &'a str,
    pub(crate) request: &'a [u8],
    pub(crate) request_coding: Option<&'a str>,
    pub(crate) request_type: Option<&'a str>,
    pub(crate) answer: &'a [u8],
    pub(crate) answer_type: &'a str,
    pub(crate) answer_coding: Option<&'a str>,
    /// What the request's head says of a signature, if that is known.
    pub(crate) signature: Option<Option<Signature>>,
    /// Whether there are credentials to sign it with once it was changed.
    pub(crate) resigns: bool,
    /// The method, if it is not POST.
    pub(crate) method: &'a str,
    /// Where both bodies are cut, modulo their length.
    pub(crate) cuts: &'a [usize],
}

impl<'a> Call<'a> {
    pub(crate) fn new(format: Format, request: &'a [u8]) -> Self {
        let (host, path) = format.host_and_path();
        Call {
            host,
            path,
            request,
            request_coding: None,
            request_type: Some("application/json"),
            answer: b"",
            answer_type: "application/json",
            answer_coding: None,
            signature: None,
            resigns: false,
            method: "POST",
            cuts: &[],
        }
    }

    pub(crate) fn stream(format: Format, answer: &'a [u8]) -> Self {
        Call { answer, answer_type: "text/event-stream; charset=utf-8", ..Self::new(format, b"{}") }
    }

    pub(crate) fn json_answer(format: Format, answer: &'a [u8]) -> Self {
        Call { answer, ..Self::new(format, b"{}") }
    }
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) sent: Vec<Bytes>,
    pub(crate) received: Vec<Bytes>,
    /// What was handed back after each chunk of the answer.
    pub(crate) steps: Vec<usize>,
    pub(crate) refusal: Option<Refusal>,
    pub(crate) plan: Option<ResponsePlan>,
    pub(crate) request_plan: RequestPlan,
    /// The request may leave only with another signature.
    pub(crate) resigned: bool,
    pub(crate) record: Record,
}

impl Outcome {
    pub(crate) fn sent(&self) -> String {
        String::from_utf8(self.sent.concat()).unwrap()
    }

    pub(crate) fn received(&self) -> String {
        String::from_utf8(self.received.concat()).unwrap()
    }

    /// `detector@place action` for each finding.
    pub(crate) fn findings(&self) -> Vec<String> {
        let line = |finding: &interceptor_engine::record::FindingRecord| {
            format!("{}@{} {}", finding.detector, finding.place, finding.action.name())
        };
        self.record.findings.iter().map(line).collect()
    }
}

pub(crate) fn cut(bytes: &[u8], cuts: &[usize]) -> Vec<Bytes> {
    let mut points: Vec<usize> = cuts.iter().map(|point| point % (bytes.len() + 1)).collect();
    points.extend([0, bytes.len()]);
    points.sort_unstable();
    points.dedup();
    points.windows(2).map(|pair| Bytes::copy_from_slice(&bytes[pair[0]..pair[1]])).collect()
}

pub(crate) fn run(engine: &Arc<Engine>, call: &Call<'_>) -> Outcome {
    run_chunks(engine, call, cut(call.request, call.cuts), cut(call.answer, call.cuts))
}

pub(crate) fn run_chunks(
    engine: &Arc<Engine>,
    call: &Call<'_>,
    request: Vec<Bytes>,
    answer: Vec<Bytes>,
) -> Outcome {
    let subject = Arc::new(Subject::default());
    let mut exchange = engine.exchange(&RequestHead {
        provider: engine.catalogue().route(call.host).expect("a host of the catalogue").provider,
        method: call.method,
        path: call.path,
        content_type: call.request_type,
        content_encoding: call.request_coding,
        content_length: None,
        subject: &subject,
        at: 0,
        host: "",
        request_id: "req-1",
    });
    if let Some(signature) = call.signature {
        exchange.signed(signature);
    }
    if call.resigns {
        exchange.can_resign();
    }
    let request_plan = exchange.request_plan();
    let (mut sent, mut received, mut steps, mut plan) = (Vec::new(), Vec::new(), Vec::new(), None);
    let result = (|| {
        for chunk in request {
            exchange.request_data(chunk, &mut sent)?;
        }
        exchange.request_end(&mut sent)?;
        plan = Some(exchange.response_head(&ResponseHead {
            status: 200,
            content_type: Some(call.answer_type),
            content_encoding: call.answer_coding,
            content_length: None,
        })?);
        for chunk in answer {
            let before: usize = received.iter().map(Bytes::len).sum();
            let result = exchange.response_data(chunk, &mut received);
            steps.push(received.iter().map(Bytes::len).sum::<usize>() - before);
            result?;
        }
        exchange.response_end(&mut received)
    })();
    let resigned = exchange.is_to_be_resigned();
    let record = exchange.record();
    let refusal = result.err();
    assert_eq!(refusal.is_some(), record.verdict == Verdict::Block);
    for ledger in [record.request, record.response] {
        let Ledger { seen, scanned, sealed, binary, unknown } = ledger;
        assert_eq!(seen, scanned + sealed + binary + unknown, "{ledger:?}");
    }
    Outcome { sent, received, steps, refusal, plan, request_plan, resigned, record }
}

/// A key that a detector takes for real.
pub(crate) fn secret() -> String {
    ["gh", "p_", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"].concat()
}

/// A number that passes the checks of a payment card.
pub(crate) fn card() -> String {
    ["4111", "1111", "1111", "1111"].concat()
}

pub(crate) const ADDRESS: &str = "jane.doe@example.com";

//! Formats small enough to see through, and an exchange that is run through each.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use interceptor_engine::record::Record;
use interceptor_engine::{
    Catalogue, Detectors, Engine, Exchange, Limits, Policy, RedactionKey, Refusal, RequestHead, ResponseHead,
    Subject,
};

/// What the tests have to know of the formats, whatever else the catalogue knows.
const FORMATS: &str = "
apiVersion: interceptor.dev/v1alpha1
kind: Catalogue
spec:
  formats:
    - id: ollama.native
      request: { text: [\"messages[].content\"] }
      response: { text: [message.content] }
      stream:
        framing: [ndjson]
        deltas: [{ path: message.content, place: message.content, kind: text }]
        closes: [{ path: done_reason }]
    - id: google.generate_content
      request: { text: [\"contents[].parts[].text\"] }
      response: { text: [\"candidates[].content.parts[].text\"] }
      stream:
        framing: [jsonArray]
        deltas: [{ path: \"candidates[].content.parts[].text\", place: \"candidates[].content.parts[].text\", kind: text }]
        closes: [{ path: \"candidates[].finishReason\" }]
    - id: bedrock.converse
      request: { text: [\"messages[].content[].text\"] }
      response: { text: [\"output.message.content[].text\"] }
      stream:
        framing: [eventStream]
        deltas:
          - { event: contentBlockDelta, path: delta.text, place: \"output.message.content[].text\", kind: text, keys: [contentBlockIndex] }
        closes:
          - { event: contentBlockStop, keys: [contentBlockIndex] }
    - id: bedrock.invoke
      sameAs: anthropic.messages
    - id: openai.realtime
      request: { text: [\"item.content[].text\", session.instructions], binary: [audio] }
      stream:
        framing: [webSocket]
        deltas:
          - { event: response.output_text.delta, path: delta, place: \"output[].text\", kind: text, keys: [output_index] }
        closes:
          - { event: response.output_text.done, keys: [output_index] }
        event: { text: [text], plain: [type] }
";

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
      match: { direction: both, detectors: [\"pii.*\"], confidence: low }
      action: redact
  uncertain: { malformedJson: allow }
";

/// Only watches.
pub(crate) const WATCH: &str = "
apiVersion: interceptor.dev/v1alpha1
kind: EgressPolicy
metadata: { name: watch }
spec:
  rules:
    - name: watch
      match: { direction: both, detectors: [\"*\"], confidence: low }
      action: audit
";

static CATALOGUE: LazyLock<Arc<Catalogue>> = LazyLock::new(|| {
    let corrections = [("formats.yaml".to_owned(), FORMATS.to_owned())];
    Arc::new(Catalogue::load(&corrections).unwrap_or_else(|mistakes| panic!("{mistakes}")))
});

pub(crate) fn engine(policy: &str) -> Arc<Engine> {
    engine_with(policy, Limits::STANDARD)
}

pub(crate) fn engine_with(policy: &str, limits: Limits) -> Arc<Engine> {
    let policy = Policy::load(&[("test.yaml", policy)]).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let key = RedactionKey::new([7; 32]);
    Engine::keyed(CATALOGUE.clone(), Arc::new(policy), Detectors::builtin(), limits, key)
}

pub(crate) fn begin(engine: &Arc<Engine>, method: &str, host: &str, path: &str) -> Exchange {
    let subject = Arc::new(Subject::default());
    engine.exchange(&RequestHead {
        provider: engine.catalogue().route(host).expect("a host of the catalogue").provider,
        method,
        path,
        content_type: Some("application/json"),
        content_encoding: None,
        content_length: None,
        subject: &subject,
        at: 0,
        host: "",
        request_id: "req-1",
    })
}

/// What came of an answer.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) out: Vec<Bytes>,
    pub(crate) refusal: Option<Refusal>,
    pub(crate) record: Record,
}

impl Outcome {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.out.concat()).unwrap()
    }

    /// Everything that the application gets, the refusal's frame included.
    pub(crate) fn all(&self) -> Vec<u8> {
        let frame = self.refusal.as_ref().and_then(|refusal| refusal.stream_frame.clone());
        [self.out.concat(), frame.unwrap_or_default().to_vec()].concat()
    }
}

pub(crate) struct Place {
    pub(crate) host: &'static str,
    pub(crate) path: &'static str,
    pub(crate) content_type: &'static str,
}

pub(crate) const OLLAMA: Place =
    Place { host: "ollama.com", path: "/api/chat", content_type: "application/x-ndjson" };
pub(crate) const GEMINI: Place = Place {
    host: "generativelanguage.googleapis.com",
    path: "/v1beta/models/gemini-x:streamGenerateContent",
    content_type: "application/json; charset=UTF-8",
};
pub(crate) const CONVERSE: Place = Place {
    host: "bedrock-runtime.us-east-1.amazonaws.com",
    path: "/model/amazon.nova-x/converse-stream",
    content_type: "application/vnd.amazon.eventstream",
};
pub(crate) const INVOKE: Place = Place {
    host: "bedrock-runtime.us-east-1.amazonaws.com",
    path: "/model/anthropic.claude-x/invoke-with-response-stream",
    content_type: "application/vnd.amazon.eventstream",
};

/// Runs an answer that comes in these chunks.
pub(crate) fn answer(engine: &Arc<Engine>, place: &Place, chunks: &[&[u8]]) -> Outcome {
    let mut exchange = begin(engine, "POST", place.host, place.path);
    let mut out = Vec::new();
    let result = (|| {
        exchange.request_data(Bytes::from_static(b"{}"), &mut Vec::new())?;
        exchange.request_end(&mut Vec::new())?;
        let plan = exchange.response_head(&ResponseHead {
            status: 200,
            content_type: Some(place.content_type),
            content_encoding: None,
            content_length: None,
        })?;
        assert!(!plan.hold && !plan.bypass);
        for chunk in chunks {
            exchange.response_data(Bytes::copy_from_slice(chunk), &mut out)?;
        }
        exchange.response_end(&mut out)
    })();
    Outcome { out, refusal: result.err(), record: exchange.record() }
}

/// A key that a detector takes for real.
pub(crate) fn secret() -> String {
    ["gh", "p_", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"].concat()
}

pub(crate) const ADDRESS: &str = "jane.doe@example.com";

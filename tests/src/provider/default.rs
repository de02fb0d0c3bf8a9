//! What the provider answers when a test has prepared nothing: a model that speaks, and a few plain endpoints.
//! Knows paths and formats. Does not know connections.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::StatusCode;
use serde_json::{Value, json};

use super::format::Format;
use super::script::Script;
use super::seen::Call;

/// What the model says by default.
pub const DEFAULT_TOKENS: [&str; 5] = ["This ", "is ", "the ", "laboratory ", "speaking."];

/// The answer to a call for which no script waits.
///
/// `/echo` gives the body back, `/bytes/N` and `/chunked/N` give N bytes with and without a length, `/gzip` gives
/// a compressed text, `/` names the origin.
pub(super) fn default_script(path: &str, call: &Call) -> Script {
    if Format::of_path(path).is_some() {
        return text(path, call, &DEFAULT_TOKENS.map(str::to_owned));
    }
    let count = |prefix: &str| path.strip_prefix(prefix)?.parse().ok();
    if let Some(length) = count("/bytes/") {
        return Script::sized(pattern(length)).header("content-type", "application/octet-stream");
    }
    if let Some(length) = count("/chunked/") {
        let chunks = pattern(length).chunks(16 * 1024).map(Bytes::copy_from_slice).collect();
        return Script::chunked(chunks, None).header("content-type", "application/octet-stream");
    }
    match path {
        "/" => Script::sized("the origin itself\n").header("content-type", "text/plain"),
        "/echo" => {
            let kind = call.header("content-type").unwrap_or("application/octet-stream");
            Script::sized(call.body.clone()).header("content-type", kind)
        }
        "/gzip" => {
            let text = "a compressible answer, a compressible answer, a compressible answer\n";
            Script::sized(gzip(text.as_bytes()))
                .header("content-type", "text/plain")
                .header("content-encoding", "gzip")
        }
        "/v1/embeddings" => document(&json!({
            "object": "list", "model": "lab-embed-1",
            "data": [{"object": "embedding", "index": 0, "embedding": [0.25, -0.5, 0.125]}],
            "usage": {"prompt_tokens": 5, "total_tokens": 5}
        })),
        "/v1/models" => document(&json!({"object": "list", "data": [
            {"id": "lab-1", "object": "model", "created": 1_767_225_600, "owned_by": "laboratory"}]})),
        _ => document(&json!({"error": {"message": "no such path in the laboratory",
            "type": "invalid_request_error", "param": null, "code": "not_found"}}))
        .status(StatusCode::NOT_FOUND),
    }
}

/// The tokens in the format of the path: streamed if the request says so, one event a piece, else whole.
pub(super) fn text(path: &str, call: &Call, tokens: &[String]) -> Script {
    let format = Format::of_path(path).unwrap_or(Format::Chat);
    let request: Value = serde_json::from_slice(&call.body).unwrap_or_default();
    if request["stream"] == true {
        let events = format.stream(tokens.iter().map(String::as_str));
        return Script::chunked(events.into_iter().map(Bytes::from).collect(), None)
            .header("content-type", "text/event-stream; charset=utf-8")
            .header("cache-control", "no-cache");
    }
    document(&format.whole(&tokens.concat()))
}

fn document(value: &Value) -> Script {
    Script::sized(value.to_string()).header("content-type", "application/json")
}

/// Bytes that differ from place to place, so that a lost or doubled piece shows.
#[must_use]
pub fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|i| u8::try_from((i ^ (i >> 8) ^ (i >> 16)) & 0xff).unwrap_or_default()).collect()
}

/// `bytes` compressed with gzip.
#[must_use]
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("writing to memory does not fail")
}

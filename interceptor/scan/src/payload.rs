//! Runs a body through the real exchange machine, chunk by chunk, as the daemon would.
//! Finds out who would have been called, if the record does not say. Knows no detector.

use std::sync::Arc;

use bytes::Bytes;
use interceptor_engine::catalogue::{Address, Catalogue, ProviderId};
use interceptor_engine::decode::{Coded, Decoder};
use interceptor_engine::policy::{Direction, Subject};
use interceptor_engine::record::Record;
use interceptor_engine::reveal::Revealed;
use interceptor_engine::{Engine, Exchange, Limits, RequestHead, ResponseHead};

use crate::pad;
use crate::record::{Payload, RecordError};

/// How an exchange went.
pub(crate) struct Ran {
    pub(crate) record: Record,
    pub(crate) revealed: Vec<Revealed>,
    /// What would have been forwarded; for a refused stream, with the error that ends it.
    pub(crate) output: Vec<u8>,
}

/// Runs a record's body.
pub(crate) fn run(engine: &Arc<Engine>, mut payload: Payload) -> Result<Ran, RecordError> {
    let address = address(engine.catalogue(), &payload)?;
    let chunks = pad::fill(std::mem::take(&mut payload.chunks), payload.pad);
    let subject = Arc::new(Subject::default());
    let of_request = payload.direction == Direction::Request;
    let head = RequestHead {
        provider: address.provider,
        host: "",
        method: &address.method,
        path: &address.path,
        content_type: payload.content_type.as_deref().filter(|_| of_request),
        content_encoding: payload.content_encoding.as_deref().filter(|_| of_request),
        content_length: if of_request { None } else { Some(0) },
        subject: &subject,
        at: 0,
        request_id: "scan",
    };
    let mut exchange = engine.exchange(&head);
    exchange.reveal();
    let mut out = Vec::new();
    if of_request {
        request(&mut exchange, chunks, &mut out);
    } else {
        response(&mut exchange, &payload, chunks, &mut out);
    }
    Ok(Ran { revealed: exchange.revealed(), record: exchange.record(), output: out.concat() })
}

/// Nothing is sent on of a request that is refused.
fn request(exchange: &mut Exchange, chunks: Vec<Bytes>, out: &mut Vec<Bytes>) {
    for chunk in chunks {
        if exchange.request_data(chunk, out).is_err() {
            return;
        }
    }
    // The refusal is what the record says; nothing was sent.
    let _ = exchange.request_end(out);
}

fn response(exchange: &mut Exchange, payload: &Payload, chunks: Vec<Bytes>, out: &mut Vec<Bytes>) {
    let head = ResponseHead {
        status: 200,
        content_type: payload.content_type.as_deref(),
        content_encoding: payload.content_encoding.as_deref(),
        content_length: None,
    };
    let ended = exchange.request_end(out).and_then(|()| exchange.response_head(&head)).and_then(|_| {
        chunks.into_iter().try_for_each(|chunk| exchange.response_data(chunk, out))?;
        exchange.response_end(out)
    });
    if let Err(refusal) = ended {
        out.extend(refusal.stream_frame);
    }
}

/// Who is called, and how: as the record says, or as the body looks. A body that looks like nothing goes to a path
/// that nobody knows, as it might on the network.
fn address(catalogue: &Catalogue, payload: &Payload) -> Result<Address, RecordError> {
    let method = payload.method.as_deref().unwrap_or("POST");
    let named = match &payload.provider {
        Some(name) => Some(catalogue.provider_named(name).ok_or(RecordError::Provider)?),
        None => None,
    };
    if let Some(path) = &payload.path {
        let provider = named.or_else(|| catalogue.speaker(method, path)).unwrap_or(first(catalogue));
        return Ok(Address { provider, method: method.into(), path: path.clone() });
    }
    let body = beginning(payload);
    let format = match named {
        Some(provider) => catalogue.recognise_of(provider, payload.direction, &body),
        None => catalogue.recognise(payload.direction, &body),
    };
    let known = format.and_then(|format| catalogue.address(format, named));
    let unknown = || Address {
        provider: named.unwrap_or(first(catalogue)),
        method: method.into(),
        path: "/not-in-the-catalogue".into(),
    };
    Ok(known.unwrap_or_else(unknown))
}

/// The embedded catalogue begins with a host that serves AI only.
fn first(catalogue: &Catalogue) -> ProviderId {
    let (id, _) = catalogue.providers().next().expect("the embedded catalogue is not empty");
    id
}

/// The body decoded, as far as it can be.
fn beginning(payload: &Payload) -> Vec<u8> {
    let whole = payload.chunks.concat();
    match Coded::parse(payload.content_encoding.as_deref()) {
        Coded::By(coding) => {
            let mut decoder = Decoder::new(coding, Limits::STANDARD.decoded_ratio);
            let decoded = decoder.push(&whole).map(|bytes| bytes.to_vec());
            decoded.unwrap_or_default()
        }
        _ => whole,
    }
}

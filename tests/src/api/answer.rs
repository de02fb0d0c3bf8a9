//! What an API server answers.
//! Knows lists, watches and errors as the API has them. What there is, is in the store.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::request::{Asks, Selector, token, wants_metadata};
use super::store::{News, Refusal, Store};

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// The answer to a request.
pub(super) async fn to(store: &Arc<Store>, request: Request<Incoming>) -> Response<Body> {
    let asks = Asks::read(request.uri());
    if let Err(refusal) = store.admits(token(request.headers()), &asks.collection) {
        store.count(&asks.collection, |asked| asked.refused += 1);
        return refused(&refusal, &asks);
    }
    let is_bare = wants_metadata(request.headers());
    match (request.method(), &asks.object) {
        (&Method::GET, None) if asks.parameter("watch") == Some("true") => {
            watched(store.clone(), &asks, is_bare)
        }
        (&Method::GET, None) => list(store, &asks, is_bare),
        (&Method::PATCH, Some((name, part))) if part.as_deref() == Some("status") => {
            let (collection, name) = (asks.collection.clone(), name.clone());
            let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
            let patch: Value = serde_json::from_slice(&body).unwrap_or_default();
            match store.patch_status(&collection, &name, patch["status"].clone()) {
                Some(object) => json_of(StatusCode::OK, &object),
                None => wrong(404, "NotFound", &format!("{name} not found")),
            }
        }
        _ => {
            wrong(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
        }
    }
}

fn refused(refusal: &Refusal, asks: &Asks) -> Response<Body> {
    let kind = asks.collection.rsplit('/').next().unwrap_or_default();
    match refusal {
        Refusal::Unauthorized => wrong(401, "Unauthorized", "Unauthorized"),
        Refusal::Forbidden => wrong(
            403,
            "Forbidden",
            &format!("{kind} is forbidden: cannot list resource at the cluster scope"),
        ),
        Refusal::Unknown => wrong(404, "NotFound", "the server could not find the requested resource"),
    }
}

/// An error as the API tells it.
fn status(code: u16, reason: &str, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code})
}

fn wrong(code: u16, reason: &str, message: &str) -> Response<Body> {
    json_of(StatusCode::from_u16(code).expect("a status"), &status(code, reason, message))
}

fn json_of(status: StatusCode, value: &Value) -> Response<Body> {
    let mut answer = Response::new(Full::new(Bytes::from(value.to_string())).boxed_unsync());
    *answer.status_mut() = status;
    let kind = header::HeaderValue::from_static("application/json");
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}

/// The object, or its metadata alone.
fn shown(mut object: Value, is_bare: bool) -> Value {
    if is_bare {
        let metadata = object["metadata"].take();
        return json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata});
    }
    object
}

fn list(store: &Store, asks: &Asks, is_bare: bool) -> Response<Body> {
    store.count(&asks.collection, |asked| asked.lists += 1);
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<u64>().ok());
    // A continuation says from which version and after how many objects.
    let (from, offset) = asks.parameter("continue").and_then(|text| text.split_once('.')).unzip();
    if number(from).is_some_and(|version| !store.remembers(version)) {
        return wrong(410, "Expired", "The provided continue parameter is too old");
    }
    let offset = usize::try_from(number(offset).unwrap_or(0)).unwrap_or(usize::MAX);
    // From memory, everything comes at once.
    let from_memory = asks.parameter("resourceVersion") == Some("0");
    let limit = asks.parameter("limit").filter(|_| !from_memory);
    let limit = usize::try_from(number(limit).unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
    let (items, count, version) = store.list(&asks.collection, &asks.selector(), offset, limit);
    let end = offset.saturating_add(items.len());
    let token = if end < count { format!("{version}.{end}") } else { String::new() };
    let items: Vec<Value> = items.into_iter().map(|object| shown(object, is_bare)).collect();
    let kind = if is_bare { "PartialObjectMetadataList" } else { "List" };
    let metadata = json!({"resourceVersion": version.to_string(), "continue": token});
    json_of(StatusCode::OK, &json!({"kind": kind, "apiVersion": "v1", "metadata": metadata, "items": items}))
}

/// An open watch.
struct Watch {
    store: Arc<Store>,
    collection: String,
    selector: Selector,
    changes: watch::Receiver<()>,
    version: u64,
    until: Instant,
    is_bare: bool,
    /// What is still to be sent. The last comes first.
    pending: Vec<Bytes>,
    is_over: bool,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.store.count(&self.collection, |asked| asked.open -= 1);
    }
}

impl Watch {
    /// The next bytes of the answer.
    async fn next(mut self) -> Option<(Result<Frame<Bytes>, Infallible>, Self)> {
        loop {
            if let Some(bytes) = self.pending.pop() {
                return Some((Ok(Frame::data(bytes)), self));
            }
            if self.is_over {
                return None;
            }
            self.changes.mark_unchanged();
            self.look();
            if self.pending.is_empty()
                && !matches!(timeout_at(self.until, self.changes.changed()).await, Ok(Ok(())))
            {
                return None;
            }
        }
    }

    fn look(&mut self) {
        let news = self.store.news(&self.collection, &self.selector, self.version);
        let (events, version) = match news {
            News::Events(events, version) => (events, version),
            News::Forgotten => {
                self.is_over = true;
                let gone = status(410, "Expired", "too old resource version");
                (vec![json!({"type": "ERROR", "object": gone})], self.version)
            }
        };
        self.version = version;
        for event in events {
            let Value::Object(mut event) = event else { continue };
            let kind = event["type"].clone();
            let object = event["object"].take();
            let object = if kind == "ERROR" { object } else { shown(object, self.is_bare) };
            let line = json!({"type": kind, "object": object}).to_string() + "\n";
            // No reader may count on a line that comes in one piece.
            let (begin, end) = line.split_at(line.len() / 2);
            self.pending.extend([begin, end].map(|part| Bytes::from(part.to_owned())));
        }
        self.pending.reverse();
    }
}

fn watched(store: Arc<Store>, asks: &Asks, is_bare: bool) -> Response<Body> {
    let number = |name: &str| asks.parameter(name).and_then(|text| text.parse::<u64>().ok());
    store.count(&asks.collection, |asked| {
        asked.watches += 1;
        asked.open += 1;
    });
    let watch = Watch {
        changes: store.changes(),
        collection: asks.collection.clone(),
        selector: asks.selector(),
        version: number("resourceVersion").unwrap_or(0),
        until: Instant::now() + Duration::from_secs(number("timeoutSeconds").unwrap_or(290)),
        is_bare,
        pending: Vec::new(),
        is_over: false,
        store,
    };
    let body = StreamBody::new(Box::pin(stream::unfold(watch, Watch::next)));
    let mut answer = Response::new(UnsyncBoxBody::new(body));
    let kind = header::HeaderValue::from_static("application/json");
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}

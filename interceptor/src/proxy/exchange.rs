//! One request and its answer: request, engine, provider, engine, application.
//! Knows HTTP messages and the engine's face. Does not know TLS or where connections come from.

pub mod headers;
pub mod ledger;
pub mod relay;
mod reply;
mod upgrade;

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, header};
use hyper::body::Incoming;
use interceptor_engine::{RequestHead, RequestPlan, ResponseHead, ResponsePlan, Signature};

use self::ledger::Ledger;
use self::relay::{Downward, Paced, Step, Upward};
use super::body::{self, Abort, RequestBody, ResponseBody, Whole};
use super::serve::Served;
use super::upstream::{Lease, Protocol, SendError};
use crate::signing::{Claim, Keys, Signer};
use crate::telemetry::event::Ending;

/// What the application gets: an answer, or the end of its connection where a direct connection would have
/// ended too.
pub type Answer = Result<Response<ResponseBody>, Abort>;

/// A request as it goes upstream.
struct Outgoing {
    request: Request<RequestBody>,
    /// Signs it, if it was changed under its caller's signature.
    signer: Option<Signer>,
}

/// Whose signature a request carries, and what could take its place.
type Resigning = (Claim, Arc<Keys>);

/// Runs one exchange to the head of its answer; the body follows by itself.
///
/// # Errors
/// The connection or stream is to be ended without an answer.
pub async fn run(served: Rc<Served>, request: Request<Incoming>) -> Answer {
    let ledger = Ledger::open(served.clone(), served.shared.next_id(), http_version(&request));
    if let Err(refused) = headers::check_authority(&served, &request) {
        return reply::misdirected(&served, &ledger, &refused);
    }
    if let Some(defect) = &served.broken {
        return reply::origin_defect(&served, &ledger, defect);
    }
    if headers::wants_upgrade(&request) {
        return Box::pin(upgrade::run(served, ledger, request)).await;
    }
    let request = match take_request(&served, &ledger, request).await {
        Ok(request) => request,
        Err(answer) => return answer,
    };
    let (answer, lease) = send(&served, &ledger, request).await?;
    take_answer(&served, &ledger, answer, lease).await
}

fn http_version<B>(request: &Request<B>) -> u8 {
    if request.version() == http::Version::HTTP_2 { 2 } else { 1 }
}

/// Shows the request to the engine and makes what goes upstream. `Err` is the answer instead of the provider's.
async fn take_request(
    served: &Rc<Served>,
    ledger: &Rc<Ledger>,
    request: Request<Incoming>,
) -> Result<Outgoing, Answer> {
    let (mut parts, incoming) = request.into_parts();
    let (plan, resigning) = match begin(served, ledger, &mut parts) {
        Ok(begun) => begun,
        Err(answer) => {
            if !parts.headers.contains_key(header::EXPECT) {
                pass_over(served, incoming).await;
            }
            return Err(answer);
        }
    };
    headers::strip_hop_by_hop(&mut parts.headers, parts.version);
    let body = if body::is_absent(&incoming) {
        RequestBody::Whole(conclude(served, ledger, Vec::new(), None).await?)
    } else {
        let paced = Paced::new(incoming, served.shared.limits.body_pause);
        match plan {
            RequestPlan::Hold => {
                let whole = hold(served, ledger, paced).await?;
                headers::resize(&mut parts.headers, whole.len());
                RequestBody::Whole(whole)
            }
            RequestPlan::Stream | RequestPlan::Bypass => {
                RequestBody::Relay(Box::new(Upward::new(paced, ledger.clone())))
            }
        }
    };
    let signer = signer(ledger, resigning, &body)?;
    Ok(Outgoing { request: Request::from_parts(parts, body), signer })
}

/// What signs the request again, if the engine has changed it on the promise that it would be.
fn signer(
    ledger: &Ledger,
    resigning: Option<Resigning>,
    body: &RequestBody,
) -> Result<Option<Signer>, Answer> {
    if !ledger.is_to_be_resigned() {
        return Ok(None);
    }
    match (resigning, body) {
        (Some((claim, keys)), RequestBody::Whole(whole)) => {
            ledger.resigned(keys.name().clone());
            Ok(Some(Signer::new(claim, keys, &whole.pieces)))
        }
        // The engine changes what is held, and signed what it was told can be; whatever else leaves has no signature.
        _ => Err(Err(Abort("a request was changed that cannot be signed"))),
    }
}

/// Shows the request's head to the engine, and does what rules ask with its headers.
fn begin(
    served: &Served,
    ledger: &Ledger,
    parts: &mut http::request::Parts,
) -> Result<(RequestPlan, Option<Resigning>), Answer> {
    let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let id = ledger.id().to_string();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut inspection = served.engine.exchange(&RequestHead {
        provider: served.target.provider,
        host: served.target.host.as_str(),
        method: parts.method.as_str(),
        path,
        content_type: text(header::CONTENT_TYPE),
        content_encoding: text(header::CONTENT_ENCODING),
        content_length: text(header::CONTENT_LENGTH).and_then(|length| length.parse().ok()),
        subject: &served.subject,
        at: unix_time(SystemTime::now()),
        request_id: &id,
    });
    let headers = parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let signature = Signature::of(path, headers);
    inspection.signed(signature);
    let resigning = signature.and_then(|_| resigning(served, parts));
    if resigning.is_some() {
        inspection.can_resign();
    }
    let plan = inspection.request_plan();
    let begun = inspection.begin().and_then(|()| headers::obey(&mut inspection, &mut parts.headers));
    ledger.begin_inspection(inspection);
    begun.map_err(|refusal| reply::refused(ledger, refusal, Ending::Blocked))?;
    Ok((plan, resigning))
}

/// The claim of a signed request, and credentials for where it goes.
fn resigning(served: &Served, parts: &http::request::Parts) -> Option<Resigning> {
    let keys = served.shared.keyring.keys(&served.provider, &served.target.host)?;
    Claim::of(parts).map(|claim| (claim, keys))
}

/// Reads what an application still sends of a request that is refused by its head, up to a bound. Not every client looks
/// for an answer before it has said everything: curl takes the end of an HTTP/2 stream for a failure, then.
async fn pass_over(served: &Served, body: Incoming) {
    let mut body = Paced::new(body, served.shared.limits.body_pause);
    let mut left: usize = 1 << 20;
    while let Step::Data(data) = body.next().await {
        left = left.saturating_sub(data.len());
        if left == 0 {
            return;
        }
    }
}

/// Seconds since 1970; a clock before that counts as 1970.
pub fn unix_time(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Takes a request in whole. The engine scans it as it arrives; its verdict comes with the last byte.
async fn hold(served: &Rc<Served>, ledger: &Rc<Ledger>, mut body: Paced) -> Result<Whole, Answer> {
    let mut out = Vec::new();
    let mut trailers = None;
    loop {
        match body.next().await {
            Step::Data(data) => {
                let seen = ledger.inspect(|inspection| inspection.request_data(data, &mut out));
                seen.map_err(|refusal| reply::refused(ledger, refusal, Ending::Blocked))?;
            }
            Step::Trailers(fields) => trailers = Some(fields),
            Step::End => return conclude(served, ledger, out, trailers).await,
            Step::Broken(error) => return Err(reply::broken_request(served, ledger, &error)),
            Step::Paused => return Err(reply::slow_request(served, ledger)),
        }
    }
}

/// The request is complete, and goes out unless a rule or a limit is against it.
async fn conclude(
    served: &Served,
    ledger: &Ledger,
    mut out: Vec<Bytes>,
    trailers: Option<HeaderMap>,
) -> Result<Whole, Answer> {
    ledger
        .inspect(|inspection| inspection.request_end(&mut out))
        .map_err(|refusal| reply::refused(ledger, refusal, Ending::Blocked))?;
    reserve(served, ledger).await?;
    Ok(Whole { pieces: VecDeque::from(out), trailers })
}

/// Takes what the exchange draws on. Dropping the ledger gives it back.
async fn reserve(served: &Served, ledger: &Ledger) -> Result<(), Answer> {
    let drawn = ledger.drawn();
    if drawn.is_empty() {
        return Ok(());
    }
    match served.shared.budgets.reserve(drawn).await {
        Ok((reservation, notes)) => {
            ledger.reserved(reservation, notes);
            Ok(())
        }
        Err(short) => {
            let refused = ledger.inspect(|inspection| Err::<(), _>(inspection.short(&short)));
            Err(refused.map_or_else(
                |refusal| reply::refused(ledger, refusal, Ending::Blocked),
                // Limits are the engine's; without it nothing was drawn.
                |_| Err(Abort("a limit refused an exchange that is not inspected")),
            ))
        }
    }
}

/// Sends a request on a warm connection, or on a new one if the warm one had just ended.
async fn send(
    served: &Rc<Served>,
    ledger: &Ledger,
    Outgoing { mut request, signer }: Outgoing,
) -> Result<(Response<Incoming>, Lease), Abort> {
    loop {
        let mut lease = served.checkout().await.map_err(|error| {
            // The application sees what it would have seen without us: its connection ends.
            origin_failed(ledger, "the provider could not be reached", &error)
        })?;
        ledger.sent(lease.reused);
        headers::adapt(&mut request, lease.sender().protocol(), &served.target.host);
        if let Some(signer) = &signer {
            signer.sign(&mut request, SystemTime::now());
        }
        let waiting = lease.sender().send(request);
        match tokio::time::timeout(served.shared.limits.answer_pause, waiting).await {
            Ok(Ok(answer)) => {
                ledger.answered(answer.status());
                return Ok((answer, lease));
            }
            // It had never left, so it is safe to send again, whatever its method. Each turn of this loop
            // uses up one connection that the provider had closed.
            Ok(Err(SendError::NotSent(back))) if lease.reused => request = *back,
            Ok(Err(SendError::NotSent(_))) => {
                ledger.finish(Ending::OriginFailed);
                return Err(Abort("the provider closed a new connection before it took a request"));
            }
            // It may have been acted upon. Only the application may decide to send it again (RFC 9110, 9.2.2).
            Ok(Err(SendError::Failed(error))) => {
                return Err(origin_failed(ledger, "the provider broke off before its answer", &error));
            }
            Err(_) => {
                ledger.detail("the provider did not answer in time");
                ledger.finish(Ending::Limit);
                return Err(Abort("the provider did not answer in time"));
            }
        }
    }
}

fn origin_failed(ledger: &Ledger, what: &'static str, error: &dyn std::error::Error) -> Abort {
    ledger.detail(format_args!("{what}: {}", crate::telemetry::chain(error)));
    ledger.finish(Ending::OriginFailed);
    Abort(what)
}

/// Shows the answer to the engine and hands it on, whole or as it arrives.
async fn take_answer(
    served: &Rc<Served>,
    ledger: &Rc<Ledger>,
    answer: Response<Incoming>,
    lease: Lease,
) -> Answer {
    let (mut parts, incoming) = answer.into_parts();
    let planned = {
        let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let head = ResponseHead {
            status: parts.status.as_u16(),
            content_type: text(header::CONTENT_TYPE),
            content_encoding: text(header::CONTENT_ENCODING),
            content_length: text(header::CONTENT_LENGTH).and_then(|length| length.parse().ok()),
        };
        ledger.inspect(|inspection| inspection.response_head(&head))
    };
    let plan = match planned {
        Ok(Some(plan)) => plan,
        Ok(None) => UNINSPECTED,
        Err(refusal) => return reply::refused(ledger, refusal, Ending::Blocked),
    };
    headers::clean_answer(&mut parts.headers, parts.version);
    parts.version = served.http_version();
    ledger.status(parts.status);
    if body::is_absent(&incoming) {
        return bodiless(ledger, parts, lease);
    }
    let paced = Paced::new(incoming, served.shared.limits.answer_pause);
    if plan.hold {
        return hold_answer(ledger, parts, paced, lease, &plan).await;
    }
    if plan.may_change_length {
        parts.headers.remove(header::CONTENT_LENGTH);
    }
    if plan.drop_content_encoding {
        parts.headers.remove(header::CONTENT_ENCODING);
    }
    let body = ResponseBody::Relay(Box::new(Downward::new(paced, ledger.clone(), lease)));
    Ok(Response::from_parts(parts, body))
}

/// An answer that ends with its head: to HEAD, 204, 304, or simply empty. hyper would never ask for its body.
fn bodiless(ledger: &Ledger, parts: http::response::Parts, lease: Lease) -> Answer {
    let mut out = Vec::new();
    if let Err(refusal) = ledger.inspect(|inspection| inspection.response_end(&mut out)) {
        return reply::refused(ledger, refusal, Ending::Blocked);
    }
    lease.release();
    ledger.finish(Ending::Complete);
    let whole = Whole { pieces: VecDeque::from(out), trailers: None };
    Ok(Response::from_parts(parts, ResponseBody::Whole(whole)))
}

/// The plan of an exchange in which the engine has no part any more.
const UNINSPECTED: ResponsePlan =
    ResponsePlan { hold: false, may_change_length: false, drop_content_encoding: false, bypass: true };

async fn hold_answer(
    ledger: &Rc<Ledger>,
    mut parts: http::response::Parts,
    mut body: Paced,
    lease: Lease,
    plan: &ResponsePlan,
) -> Answer {
    let mut out = Vec::new();
    let mut trailers = None;
    let ended = loop {
        let seen = match body.next().await {
            Step::Data(data) => ledger.inspect(|inspection| inspection.response_data(data, &mut out)),
            Step::Trailers(fields) => {
                trailers = Some(fields);
                continue;
            }
            Step::End => break ledger.inspect(|inspection| inspection.response_end(&mut out)),
            Step::Broken(error) => {
                ledger.detail(format_args!("the provider broke off its answer: {error}"));
                ledger.finish(Ending::OriginFailed);
                return Err(Abort("the provider broke off its answer"));
            }
            Step::Paused => {
                ledger.finish(Ending::Limit);
                return Err(Abort("the answer paused for too long"));
            }
        };
        if seen.is_err() {
            break seen;
        }
    };
    if let Err(refusal) = ended {
        return reply::refused(ledger, refusal, Ending::Blocked);
    }
    lease.release();
    let whole = Whole { pieces: VecDeque::from(out), trailers };
    headers::resize(&mut parts.headers, whole.len());
    if plan.drop_content_encoding {
        parts.headers.remove(header::CONTENT_ENCODING);
    }
    ledger.finish(Ending::Complete);
    Ok(Response::from_parts(parts, ResponseBody::Whole(whole)))
}

/// What the client side of an upstream connection speaks, as a version for a request.
fn version_of(protocol: Protocol) -> http::Version {
    match protocol {
        Protocol::Http1 => http::Version::HTTP_11,
        Protocol::H2 => http::Version::HTTP_2,
    }
}

//! Answers that are ours and not the provider's: blocks, limits, and faults of either side.
//! One place turns each into what official SDKs raise as a clear exception. Does not decide anything.

use http::{HeaderName, HeaderValue, Response, StatusCode};
use interceptor_engine::catalogue::RefusalShape;
use interceptor_engine::refusal::{Fault, Refusal};

use super::Answer;
use super::headers::Misdirected;
use super::ledger::Ledger;
use crate::proxy::body::{ResponseBody, Whole};
use crate::proxy::serve::Served;
use crate::telemetry::event::Ending;
use crate::tls::Defect;

/// The engine's refusal as an answer.
pub(super) fn refused(ledger: &Ledger, refusal: Refusal, ending: Ending) -> Answer {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::FORBIDDEN);
    ledger.status(status);
    ledger.finish(ending);
    let mut answer = Response::new(ResponseBody::Whole(Whole::one(refusal.body)));
    *answer.status_mut() = status;
    for (name, value) in refusal.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            answer.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    Ok(answer)
}

/// The request belongs on another connection (RFC 9110, 15.5.20).
pub(super) fn misdirected(served: &Served, ledger: &Ledger, why: &Misdirected) -> Answer {
    ledger.detail(why);
    refused(ledger, own(served, ledger, Fault::Misdirected, why), Ending::BadRequest)
}

/// The application accepted a certificate as bad as the provider's; the call is still not made.
pub(super) fn origin_defect(served: &Served, ledger: &Ledger, defect: &Defect) -> Answer {
    ledger.detail(format_args!("the provider's certificate is {defect}"));
    refused(ledger, own(served, ledger, Fault::UpstreamCertificate, defect), Ending::OriginFailed)
}

/// The request's body broke off or broke the rules of its framing.
pub(super) fn broken_request(served: &Served, ledger: &Ledger, error: &hyper::Error) -> Answer {
    let why = crate::telemetry::chain(error);
    ledger.detail(&why);
    refused(ledger, own(served, ledger, Fault::BadRequest, &why), Ending::BadRequest)
}

/// The request's body paused for longer than the limit.
pub(super) fn slow_request(served: &Served, ledger: &Ledger) -> Answer {
    let why = format!(
        "the request body paused for more than {}s (limits.bodyPause)",
        served.shared.limits.body_pause.as_secs()
    );
    ledger.detail(&why);
    refused(ledger, own(served, ledger, Fault::SlowRequest, &why), Ending::Limit)
}

fn own(served: &Served, ledger: &Ledger, fault: Fault, why: &dyn std::fmt::Display) -> Refusal {
    Refusal::of_fault(shape(served), fault, &why.to_string(), &ledger.id().to_string())
}

/// What the provider's client libraries understand. The operation may not be known at this point; the first
/// format of a provider is its main one.
fn shape(served: &Served) -> RefusalShape {
    let catalogue = served.engine.catalogue();
    let formats = &catalogue.provider(served.target.provider).formats;
    formats.first().map_or(RefusalShape::Generic, |format| catalogue.format(*format).refusal)
}

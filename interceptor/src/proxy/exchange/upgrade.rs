//! Exchanges that leave HTTP. WebSockets are inspected; whatever else is agreed upon is copied if policy lets it.
//! Knows the handshake. Does not know frames.
//!
//! Only HTTP/1.1 can be left: extended CONNECT (RFC 8441) is not offered to applications, so that none uses it.

use std::rc::Rc;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName};
use http::{Request, StatusCode};
use hyper::body::Incoming;
use interceptor_engine::Channel;

use super::ledger::Ledger;
use super::{Abort, Answer, reply, send, take_answer, take_request};
use crate::proxy::body::{ResponseBody, Whole};
use crate::proxy::serve::{Served, Upgrade};
use crate::proxy::upstream::Sender;
use crate::telemetry::event::Ending;

/// Sends the request on with its upgrade fields, and prepares both sides if the provider agrees.
pub(super) async fn run(served: Rc<Served>, ledger: Rc<Ledger>, request: Request<Incoming>) -> Answer {
    let kept = [header::CONNECTION, header::UPGRADE]
        .map(|name| (name.clone(), request.headers().get(name).cloned()));
    let wanted = joined(request.headers(), &header::UPGRADE).unwrap_or_default();
    let mut request = match take_request(&served, &ledger, request).await {
        Ok(request) => request,
        Err(answer) => return answer,
    };
    for (name, value) in kept {
        if let Some(value) = value {
            request.request.headers_mut().insert(name, value);
        }
    }
    if let Err(refusal) = ledger.inspect(|inspection| inspection.upgrade(&wanted)) {
        return reply::refused(&ledger, refusal, Ending::Blocked);
    }
    let (answer, lease) = send(&served, &ledger, request).await?;
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        return take_answer(&served, &ledger, answer, lease).await;
    }
    let Sender::Http1(upstream) = lease.into_sender() else {
        // HTTP/2 has no 101 (RFC 9113, 8.6); a provider that sends it is broken.
        ledger.finish(Ending::OriginFailed);
        return Err(Abort("the provider switched protocols on HTTP/2"));
    };
    // What the provider says holds: it may have chosen another protocol, or none of the extensions.
    let agreed = joined(answer.headers(), &header::UPGRADE).unwrap_or_default();
    let extensions = joined(answer.headers(), &header::SEC_WEBSOCKET_EXTENSIONS);
    let channel = match ledger.inspect(|inspection| inspection.switched(&agreed, extensions.as_deref())) {
        Ok(channel) => channel.unwrap_or(Channel::Copied),
        Err(refusal) => return reply::refused(&ledger, refusal, Ending::Blocked),
    };
    ledger.status(answer.status());
    served.upgrade_to(Upgrade { upstream, ledger, channel });
    let (parts, _) = answer.into_parts();
    Ok(http::Response::from_parts(parts, ResponseBody::Whole(Whole::one(Bytes::new()))))
}

/// The values of a list header as one.
fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values: Vec<&str> = headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("?")).collect();
    (!values.is_empty()).then(|| values.join(","))
}

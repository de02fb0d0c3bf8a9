//! Exchanges that leave HTTP: WebSocket, above all. They are copied, and counted as not inspected.
//! Knows the 101 answer. Does not know frames.

use std::rc::Rc;

use bytes::Bytes;
use http::{Request, StatusCode};
use hyper::body::Incoming;

use super::ledger::Ledger;
use super::{Abort, Answer, reply, send, take_answer, take_request};
use crate::proxy::body::{ResponseBody, Whole};
use crate::proxy::serve::Served;
use crate::proxy::upstream::Sender;
use crate::telemetry::event::Ending;

/// Sends the request on with its upgrade fields, and prepares both sides to copy if the provider agrees.
pub(super) async fn run(served: Rc<Served>, ledger: Rc<Ledger>, request: Request<Incoming>) -> Answer {
    let kept = [http::header::CONNECTION, http::header::UPGRADE]
        .map(|name| (name.clone(), request.headers().get(name).cloned()));
    let mut request = match take_request(&served, &ledger, request).await {
        Ok(request) => request,
        Err(answer) => return answer,
    };
    for (name, value) in kept {
        if let Some(value) = value {
            request.headers_mut().insert(name, value);
        }
    }
    // Nothing is read of what follows, whatever it is.
    if let Err(refusal) = ledger.inspect(|inspection| inspection.upgrade("")) {
        return reply::refused(&ledger, refusal, Ending::Blocked);
    }
    let (answer, lease) = send(&served, &ledger, request).await?;
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        return take_answer(&served, &ledger, answer, lease).await;
    }
    let Sender::Http1(http1) = lease.into_sender() else {
        // HTTP/2 has no 101 (RFC 9113, 8.6); a provider that sends it is broken.
        ledger.finish(Ending::OriginFailed);
        return Err(Abort("the provider switched protocols on HTTP/2"));
    };
    ledger.status(answer.status());
    served.upgrade_to(http1, ledger);
    let (parts, _) = answer.into_parts();
    Ok(http::Response::from_parts(parts, ResponseBody::Whole(Whole::one(Bytes::new()))))
}

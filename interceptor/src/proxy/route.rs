//! Decides what happens to a connection, before anything is dialled.
//! Knows the hello and the catalogue. Does not know sockets.

use interceptor_engine::Catalogue;
use interceptor_engine::catalogue::ProviderId;

use super::peek::Peeked;
use crate::hello::{Hello, Host, Sni};
use crate::telemetry::event::{PassReason, RefuseReason};

/// What happens to a connection.
#[derive(Debug)]
pub enum Route {
    /// Its bytes are copied unread.
    Passthrough(PassReason),
    /// It is ended.
    Refuse(RefuseReason),
    /// It is terminated and inspected.
    Inspect(Target),
    /// The client has gone already.
    Gone,
}

/// An AI endpoint that a client has named.
#[derive(Debug, Clone)]
pub struct Target {
    /// The name in the hello.
    pub host: Host,
    /// Whose name that is.
    pub provider: ProviderId,
    /// The hello itself, for what the two legs mirror.
    pub hello: Hello,
}

/// Chooses by the name in the hello. The address is never enough: CDN addresses are shared.
pub fn choose(catalogue: &Catalogue, peeked: &Peeked) -> Route {
    let hello = match peeked {
        Peeked::Hello(hello) => hello,
        Peeked::NotTls(_) => return Route::Passthrough(PassReason::NotTls),
        Peeked::Silent => return Route::Passthrough(PassReason::SilentClient),
        // An origin answers a broken hello with an alert and nothing else; there is nothing to pass on for.
        Peeked::Malformed(_) => return Route::Refuse(RefuseReason::MalformedHello),
        Peeked::TooLarge => return Route::Refuse(RefuseReason::LargeHello),
        Peeked::Slow => return Route::Refuse(RefuseReason::SlowHello),
        Peeked::Closed => return Route::Gone,
    };
    let Sni::Name(host) = &hello.sni else {
        return Route::Passthrough(PassReason::NoName);
    };
    let Some(matched) = catalogue.route(host.as_str()) else {
        return Route::Passthrough(PassReason::OtherName);
    };
    if !hello.alpn.is_absent() && !hello.alpn.http1() && !hello.alpn.h2() {
        return Route::Passthrough(PassReason::OtherProtocol);
    }
    Route::Inspect(Target { host: host.clone(), provider: matched.provider, hello: hello.clone() })
}

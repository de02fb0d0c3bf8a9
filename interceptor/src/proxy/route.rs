//! Decides what happens to a connection, before anything is dialled.
//! Knows the hello and the catalogue. Does not know sockets.

use interceptor_engine::Catalogue;
use interceptor_engine::catalogue::ProviderId;

use super::peek::Peeked;
use super::tunnel::head::{self, Authority, Named};
use crate::hello::{Hello, Host, NotTls, Sni};
use crate::telemetry::event::{self, PassReason, RefuseReason};

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
        // Whoever asks for a tunnel inside of one leaves us nothing to decide by.
        Peeked::NotTls(_) | Peeked::Connect => return Route::Passthrough(PassReason::NotTls),
        Peeked::Silent => return Route::Passthrough(PassReason::SilentClient),
        // An origin answers a broken hello with an alert and nothing else; there is nothing to pass on for.
        Peeked::Malformed(_) => return Route::Refuse(RefuseReason::MalformedHello),
        Peeked::TooLarge => return Route::Refuse(RefuseReason::LargeHello),
        Peeked::Slow => return Route::Refuse(RefuseReason::SlowHello),
        Peeked::Closed => return Route::Gone,
    };
    match &hello.sni {
        Sni::Name(host) => named(catalogue, host, hello),
        _ => Route::Passthrough(PassReason::NoName),
    }
}

/// Chooses for what is said to a configured proxy without a `CONNECT`.
pub fn choose_to_proxy(catalogue: &Catalogue, peeked: &Peeked, seen: &[u8]) -> Route {
    match (choose(catalogue, peeked), peeked) {
        // TLS to the proxy itself, with its own name or none. Whatever is asked for inside cannot be seen: our authority
        // is constrained to the catalogue's names, and may not speak for a proxy.
        (Route::Passthrough(_), Peeked::Hello(_)) => Route::Passthrough(PassReason::TlsToProxy),
        (Route::Passthrough(_), Peeked::NotTls(NotTls::Unknown)) if head::resembles(seen) => {
            Route::Refuse(RefuseReason::MalformedConnect)
        }
        (route, _) => route,
    }
}

/// Chooses for what is said inside a tunnel. The hello decides, as everywhere; but a tunnel that was asked for under the
/// name of an AI provider is used for that name or not at all.
pub fn choose_inside(catalogue: &Catalogue, target: &Authority, peeked: &Peeked) -> Route {
    let Peeked::Hello(hello) = peeked else { return choose(catalogue, peeked) };
    match (&target.host, &hello.sni) {
        (Named::Name(asked), Sni::Name(host)) if asked == host => named(catalogue, host, hello),
        (Named::Name(asked), sni) if catalogue.route(asked.as_str()).is_some() => match sni {
            // The hello says nothing against it, and the client will look for this name in the certificate.
            Sni::Absent => named(catalogue, asked, hello),
            _ => Route::Refuse(RefuseReason::TunnelName),
        },
        _ => choose(catalogue, peeked),
    }
}

/// What a tunnel will most likely be used for, where nothing was said inside.
pub fn expected(catalogue: &Catalogue, target: &Authority) -> event::Route {
    match &target.host {
        Named::Name(host) if catalogue.route(host.as_str()).is_some() => event::Route::Inspect,
        Named::Name(_) => event::Route::Passthrough(PassReason::OtherName),
        Named::Address(_) => event::Route::Passthrough(PassReason::NoName),
    }
}

fn named(catalogue: &Catalogue, host: &Host, hello: &Hello) -> Route {
    let Some(matched) = catalogue.route(host.as_str()) else {
        return Route::Passthrough(PassReason::OtherName);
    };
    if !hello.alpn.is_absent() && !hello.alpn.http1() && !hello.alpn.h2() {
        return Route::Passthrough(PassReason::OtherProtocol);
    }
    Route::Inspect(Target { host: host.clone(), provider: matched.provider, hello: hello.clone() })
}

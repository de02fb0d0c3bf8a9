//! Header fields that belong to one connection, not to the exchange, and the few that must follow a change.
//! Everything else is handed on as it came. Does not know bodies.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http::{Method, Request, Version};
use interceptor_engine::{Exchange, Refusal};

use super::version_of;
use crate::hello::Host;
use crate::proxy::serve::Served;
use crate::proxy::upstream::Protocol;

/// A request that names another host than its connection did.
#[derive(Debug, thiserror::Error)]
pub enum Misdirected {
    /// No host at all.
    #[error("the request names no host")]
    Missing,
    /// Something that is not a host name.
    #[error("the request names something that is no host")]
    Invalid,
    /// A host of somebody else: fronting, or a connection reused for a name it was not opened for.
    #[error("the request names another host than {opened}, for which its connection was opened")]
    Other {
        /// In the ClientHello.
        opened: Host,
    },
}

/// The HTTP authority must be the name in the ClientHello, or another name of the same provider that the
/// upstream's certificate is not asked about again: only the first is sent on.
///
/// # Errors
/// See [`Misdirected`].
pub fn check_authority<B>(served: &Served, request: &Request<B>) -> Result<(), Misdirected> {
    let named = match request.uri().authority() {
        Some(authority) => authority.host().to_owned(),
        None => {
            let value = request.headers().get(header::HOST).ok_or(Misdirected::Missing)?;
            let authority: Authority =
                value.to_str().ok().and_then(|value| value.parse().ok()).ok_or(Misdirected::Invalid)?;
            authority.host().to_owned()
        }
    };
    let named = Host::parse(&named).map_err(|_| Misdirected::Invalid)?;
    if named == served.target.host {
        return Ok(());
    }
    // What the request names is not told: its sender chose it, and it could be anything.
    Err(Misdirected::Other { opened: served.target.host.clone() })
}

/// Whether the request asks to leave HTTP on this connection (RFC 9110, 7.8).
pub fn wants_upgrade<B>(request: &Request<B>) -> bool {
    request.version() == Version::HTTP_11
        && request.headers().contains_key(header::UPGRADE)
        && request.method() == Method::GET
}

/// Fields that speak to the next hop only (RFC 9110, 7.6.1).
const HOP_BY_HOP: [HeaderName; 4] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::UPGRADE,
];

/// Does what policy says about the headers of a request: what is required has to be there, what is to be removed goes.
pub fn obey(exchange: &mut Exchange, headers: &mut HeaderMap) -> Result<(), Refusal> {
    let lacks = exchange.header_rules().find_map(|(rule, asked)| {
        let missing = asked.require.iter().find(|name| !headers.contains_key(&***name))?;
        Some((rule.clone(), missing.clone()))
    });
    if let Some((rule, missing)) = lacks {
        return Err(exchange.lacks_header(&rule, &missing));
    }
    for (_, asked) in exchange.header_rules() {
        for name in &asked.remove {
            while headers.remove(&**name).is_some() {}
        }
    }
    Ok(())
}

/// Removes what the application said to us and not to the provider.
pub fn strip_hop_by_hop(headers: &mut HeaderMap, version: Version) {
    strip(headers, version);
    // The body is here, or is asked for by hyper itself; the provider has nothing to be asked.
    headers.remove(header::EXPECT);
}

/// Removes what the provider said to us, and the advice to come back by a way that cannot be inspected.
pub fn clean_answer(headers: &mut HeaderMap, version: Version) {
    strip(headers, version);
    headers.remove(header::ALT_SVC);
}

fn strip(headers: &mut HeaderMap, version: Version) {
    if version == Version::HTTP_2 {
        return;
    }
    if headers.contains_key(header::CONNECTION) {
        let named: Vec<HeaderName> = headers
            .get_all(header::CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(|name| name.trim().parse().ok())
            // TE and Transfer-Encoding are framing, which hyper does; the rest is the sender's to name.
            .filter(|name| *name != header::TE && *name != header::TRANSFER_ENCODING)
            .collect();
        for name in named {
            headers.remove(name);
        }
    }
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
}

/// Makes the framing fields tell the length of a body that was held.
pub fn resize(headers: &mut HeaderMap, length: u64) {
    if headers.contains_key(header::CONTENT_LENGTH) {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
}

/// Makes a request fit the protocol of the connection it leaves on. In the usual case both legs speak the
/// same, and nothing changes.
pub fn adapt<B>(request: &mut Request<B>, protocol: Protocol, host: &Host) {
    let version = version_of(protocol);
    if request.version() == version {
        return;
    }
    let path = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    match protocol {
        Protocol::Http1 => {
            if let Ok(value) = HeaderValue::from_str(host.as_str()) {
                request.headers_mut().entry(header::HOST).or_insert(value);
            }
            *request.uri_mut() = Uri::from(path);
        }
        Protocol::H2 => {
            request.headers_mut().remove(header::HOST);
            request.headers_mut().remove(header::TRANSFER_ENCODING);
            let mut parts = http::uri::Parts::default();
            parts.scheme = Some(Scheme::HTTPS);
            parts.authority = host.as_str().parse().ok();
            parts.path_and_query = Some(path);
            if let Ok(uri) = Uri::from_parts(parts) {
                *request.uri_mut() = uri;
            }
        }
    }
    // HTTP/1.0 keeps its version towards an HTTP/1.1 provider only in what hyper makes of it.
    *request.version_mut() = version;
}

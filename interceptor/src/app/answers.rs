//! Tells the kernel side which names it learns addresses of and whose answers it believes. Knows the configuration and
//! the catalogue. Does not read answers: `common::dns` does.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use interceptor_common::Learned;
use interceptor_engine::Catalogue;

use super::forbidding::number;
use super::resolve::resolv_conf;
use crate::bpf::{Capture, CaptureError};
use crate::config::{Endpoints, ProxyAt};
use crate::telemetry::chain;

/// Where systemd-resolved and Docker answer on every machine that has them. A namespace's own loopback device
/// belongs to its owner, but so do the connections that it would mislead.
const LOCAL: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(127, 0, 0, 53)), IpAddr::V4(Ipv4Addr::new(127, 0, 0, 11))];

/// The name servers of the configuration, or those of this machine.
pub(super) fn servers(endpoints: &Endpoints) -> Vec<SocketAddr> {
    let ours = || resolv_conf(&std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default());
    let servers = endpoints.resolvers.clone().unwrap_or_else(ours);
    if servers.is_empty() {
        tracing::warn!(
            "no name server is known (endpoints.resolvers); only configured addresses are redirected"
        );
    }
    servers
}

/// Has addresses of all the catalogue's names, and of the proxies', learned from the answers of `servers`.
pub(super) fn teach(
    capture: &Capture,
    catalogue: &Catalogue,
    endpoints: &Endpoints,
    servers: &[SocketAddr],
) -> Result<(), CaptureError> {
    let resolvers: Vec<IpAddr> = servers.iter().map(SocketAddr::ip).chain(LOCAL).collect();
    capture.learning().set_resolvers(&resolvers)?;
    names(capture, catalogue, endpoints)
}

/// Replaces the names by those of another catalogue.
pub(super) fn names(
    capture: &Capture,
    catalogue: &Catalogue,
    endpoints: &Endpoints,
) -> Result<(), CaptureError> {
    let names = catalogue.names().map(|(name, provider)| (name, number(&catalogue.provider(provider).id)));
    let proxies = endpoints.proxies.iter().filter_map(|proxy| match &proxy.at {
        ProxyAt::Name(name) => Some((name.as_str(), Learned::PROXY)),
        ProxyAt::Network(_) => None,
    });
    capture.learning().set_names(names.chain(proxies))
}

/// Forgets what was in no answer for long enough.
pub(super) fn sweep(capture: &Capture, endpoints: &Endpoints) {
    match capture.learning().sweep(endpoints.keep) {
        Ok(swept) if swept.removed > 0 => {
            tracing::debug!(removed = swept.removed, kept = swept.seen - swept.removed, "forgot addresses");
        }
        Ok(_) => {}
        Err(error) => tracing::warn!(error = chain(&error), "addresses that nobody looks up stay redirected"),
    }
}

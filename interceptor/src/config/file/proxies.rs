//! Reads the list `endpoints.proxies`.
//! Knows how people write it. Does not look anything up.

use interceptor_engine::document::Field;

use crate::config::{ProxyAt, ProxySpec};
use crate::hello::Host;

/// One entry.
pub(super) fn proxy(item: &Field<'_>) -> Option<ProxySpec> {
    let fields = item.map(&["address", "name", "port"])?;
    let address = fields.optional("address").map(|field| field.network_prefix().map(ProxyAt::Network));
    let name = fields.optional("name").map(|field| {
        let name = field.parsed("a host name such as `proxy.example`", |text| Host::parse(text).ok());
        name.map(ProxyAt::Name)
    });
    let at = match (address, name) {
        (Some(at), None) | (None, Some(at)) => at,
        _ => {
            item.mistake("does not say where the proxy is", Some("either `address` or `name`"));
            None
        }
    };
    if let Some(ProxyAt::Network(network)) = &at
        && network.address.is_loopback()
    {
        item.mistake(
            "connections over loopback are not seen",
            Some("the proxy that the one at this address uses itself, if it uses one"),
        );
    }
    let port = fields.required("port").and_then(|field| field.number(1..=65_535));
    Some(ProxySpec { at: at?, port: u16::try_from(port?).ok()? })
}

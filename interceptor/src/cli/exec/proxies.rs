//! The proxies that the command will be told of by its environment, which is ours. Knows how such variables are written.
//! Does not decide anything: a connection to one of these is looked at, and what is asked for decides.

use std::env;
use std::net::{IpAddr, Ipv6Addr};

use crate::config::{NetworkPrefix, ProxyAt, ProxySpec};
use crate::hello::Host;

/// Where programs look for a proxy for `https` URLs.
const VARIABLES: [&str; 4] = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];

/// The proxies that are named there, and the variables that name something else.
pub(super) fn of_environment() -> (Vec<ProxySpec>, Vec<&'static str>) {
    let (mut found, mut strange) = (Vec::new(), Vec::new());
    for variable in VARIABLES {
        // Variables that are set to nothing are how one says that there is no proxy.
        let Some(value) = env::var_os(variable).filter(|value| !value.is_empty()) else { continue };
        match value.to_str().and_then(proxy) {
            Some(proxy) if found.contains(&proxy) => {}
            Some(proxy) => found.push(proxy),
            None => strange.push(variable),
        }
    }
    (found, strange)
}

/// `[scheme://][user:password@]host[:port][/]`, as curl and most libraries read it.
fn proxy(value: &str) -> Option<ProxySpec> {
    let (scheme, rest) = value.split_once("://").unwrap_or(("http", value));
    let standard = match scheme.to_ascii_lowercase().as_str() {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let authority = rest.split(['/', '?', '#']).next()?;
    let authority = authority.rsplit_once('@').map_or(authority, |(_, authority)| authority);
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok().filter(|port| *port != 0)?),
        _ => (authority, standard),
    };
    let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let address = match inner {
        Some(inner) => Some(IpAddr::from(inner.parse::<Ipv6Addr>().ok()?)),
        None => host.parse::<IpAddr>().ok(),
    };
    let at = match address {
        Some(address) => {
            ProxyAt::Network(NetworkPrefix { address, bits: if address.is_ipv4() { 32 } else { 128 } })
        }
        None => ProxyAt::Name(Host::parse(host).ok()?),
    };
    Some(ProxySpec { at, port })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: &str) -> Option<String> {
        proxy(value).map(|ProxySpec { at, port }| match at {
            ProxyAt::Network(network) => format!("{}/{} {port}", network.address, network.bits),
            ProxyAt::Name(name) => format!("{name} {port}"),
        })
    }

    #[test]
    fn proxies_are_read_as_programs_read_them() {
        for (value, expected) in [
            ("http://203.0.113.60:3128", "203.0.113.60/32 3128"),
            ("http://203.0.113.60:3128/", "203.0.113.60/32 3128"),
            ("http://robot:p%40ss@Proxy.Example:8080/path", "proxy.example 8080"),
            ("proxy.example", "proxy.example 80"),
            ("proxy.example:3128", "proxy.example 3128"),
            ("HTTPS://proxy.example", "proxy.example 443"),
            ("http://[2001:db8::60]:3128", "2001:db8::60/128 3128"),
            ("http://[2001:db8::60]", "2001:db8::60/128 80"),
        ] {
            assert_eq!(shown(value).as_deref(), Some(expected), "{value}");
        }
        for value in ["socks5://proxy.example:1080", "http://proxy.example:0", "http://:3128", "http://a b:1"]
        {
            assert_eq!(shown(value), None, "{value}");
        }
    }
}

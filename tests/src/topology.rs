//! Three network namespaces in a row and nothing else: `app` where clients live, `node` where the daemon runs and
//! which routes between the other two, `internet` with the DNS server and the providers. Documentation addresses
//! only, and no link to the machine's own network. Does not know what runs in them.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};

use anyhow::{Context as _, Result};

use crate::netns::Namespace;

/// The client's own addresses.
pub const APP: (Ipv4Addr, Ipv6Addr) =
    (Ipv4Addr::new(198, 51, 100, 2), Ipv6Addr::new(0x2001, 0xdb8, 0x100, 0, 0, 0, 0, 2));
/// The node's addresses on the client's side.
const GATEWAY: (Ipv4Addr, Ipv6Addr) =
    (Ipv4Addr::new(198, 51, 100, 1), Ipv6Addr::new(0x2001, 0xdb8, 0x100, 0, 0, 0, 0, 1));

/// An IPv4 address of the laboratory's internet.
#[must_use]
pub const fn v4(host: u8) -> Ipv4Addr {
    Ipv4Addr::new(203, 0, 113, host)
}

/// The IPv6 address of the same host.
#[must_use]
pub const fn v6(host: u8) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, host as u16)
}

/// The three namespaces, connected.
pub struct Topology {
    /// Clients: 198.51.100.2 and 2001:db8:100::2, everything else by way of `node`.
    pub app: Namespace,
    /// The daemon: forwards between the two.
    pub node: Namespace,
    /// The world: 203.0.113.0/24 and 2001:db8:1::/64.
    pub internet: Namespace,
}

impl Topology {
    /// Makes the namespaces. `hosts` are the last bytes of the addresses the internet has.
    pub fn new(hosts: &[u8]) -> Result<Self> {
        let made = Self { app: Namespace::new(), node: Namespace::new(), internet: Namespace::new() };
        for namespace in [&made.app, &made.node, &made.internet] {
            namespace.run(quick_addresses)?;
        }
        made.node.run(forward)?;
        made.app.join(&made.node, "app");
        made.internet.join(&made.node, "net");
        give(&made.app, "app", &[(APP.0.into(), 24), (APP.1.into(), 64)]);
        give(&made.node, "app", &[(GATEWAY.0.into(), 24), (GATEWAY.1.into(), 64)]);
        give(&made.node, "net", &[(v4(1).into(), 24), (v6(1).into(), 64)]);
        let hosts = hosts.iter().flat_map(|&h| [(v4(h).into(), 24), (v6(h).into(), 64)]);
        give(&made.internet, "net", &hosts.collect::<Vec<_>>());
        for (namespace, to, via) in [
            (&made.app, "default", IpAddr::from(GATEWAY.0)),
            (&made.app, "default", GATEWAY.1.into()),
            (&made.internet, "198.51.100.0/24", v4(1).into()),
            (&made.internet, "2001:db8:100::/64", v6(1).into()),
        ] {
            namespace.ip(&format!("route add {to} via {via}"));
        }
        Ok(made)
    }
}

/// A TCP listener inside a namespace.
pub fn listen(namespace: &Namespace, address: SocketAddr) -> Result<TcpListener> {
    namespace.run(|| TcpListener::bind(address)).with_context(|| format!("listen on {address}"))
}

/// A UDP socket inside a namespace.
pub fn datagrams(namespace: &Namespace, address: SocketAddr) -> Result<UdpSocket> {
    namespace.run(|| UdpSocket::bind(address)).with_context(|| format!("bind {address}"))
}

fn give(namespace: &Namespace, device: &str, addresses: &[(IpAddr, u8)]) {
    let texts: Vec<_> = addresses.iter().map(|(address, length)| format!("{address}/{length}")).collect();
    namespace.add_addresses(device, &texts.iter().map(String::as_str).collect::<Vec<_>>());
}

/// Duplicate address detection would make every new IPv6 address wait a second. Links take the default when they
/// are made.
fn quick_addresses() -> io::Result<()> {
    std::fs::write("/proc/sys/net/ipv6/conf/all/accept_dad", "0")?;
    std::fs::write("/proc/sys/net/ipv6/conf/default/accept_dad", "0")
}

fn forward() -> io::Result<()> {
    std::fs::write("/proc/sys/net/ipv4/ip_forward", "1")?;
    // Every destination that does not exist says so, not only the first in a second.
    std::fs::write("/proc/sys/net/ipv4/icmp_ratelimit", "0")?;
    std::fs::write("/proc/sys/net/ipv6/icmp/ratelimit", "0")?;
    std::fs::write("/proc/sys/net/ipv6/conf/all/forwarding", "1")
}

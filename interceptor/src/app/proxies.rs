//! Tells the kernel side where the configured proxies listen, and follows those that are known by name: by asking, as a
//! seed. Addresses of their names are also learned from the answers to applications (`answers.rs`).
//! Knows the configuration and name servers. Does not know what a proxy is asked for: `proxy/tunnel.rs` does.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};

use super::resolve::{Answers, Learner, Named};
use crate::bpf::{Capture, CaptureError, Proxy};
use crate::config::{Endpoints, NetworkPrefix, ProxyAt};
use crate::telemetry::chain;

/// The proxies of a running daemon.
pub(super) struct Proxies {
    /// Those that are configured by address.
    fixed: Vec<Proxy>,
    /// Ports of those that are configured by name. An answer does not say whose address it was asked for, so that each
    /// address counts at each of the ports: a look too many, never one too few.
    ports: Vec<u16>,
    learner: Learner,
}

/// Every port at which a proxy may listen.
pub(super) fn ports(endpoints: &Endpoints) -> Vec<u16> {
    endpoints.proxies.iter().map(|proxy| proxy.port).collect()
}

impl Proxies {
    /// Tells of those that are configured by address, and goes on with what an earlier daemon has found out about the
    /// others.
    pub(super) fn start(
        capture: &Capture,
        endpoints: &Endpoints,
        servers: &[SocketAddr],
    ) -> Result<Self, CaptureError> {
        let (mut fixed, mut ports, mut names) = (Vec::new(), Vec::new(), Vec::new());
        for proxy in &endpoints.proxies {
            match &proxy.at {
                ProxyAt::Network(network) => {
                    let NetworkPrefix { address, bits } = *network;
                    fixed.push(Proxy { address, bits, port: proxy.port });
                }
                ProxyAt::Name(name) => {
                    names.push(Named { name: name.as_str().into(), provider: 0 });
                    ports.push(proxy.port);
                }
            }
        }
        fixed.iter().try_for_each(|proxy| capture.add_proxy(*proxy))?;
        let mut found = capture.proxies()?;
        found.retain(|proxy| proxy.is_single() && ports.contains(&proxy.port) && !fixed.contains(proxy));
        capture.keep_proxies(&[&fixed[..], &found[..]].concat())?;
        let mut learner = Learner::new(names, servers.to_vec(), endpoints.keep);
        learner.adopt(found.iter().map(|proxy| proxy.address));
        Ok(Self { fixed, ports, learner })
    }

    /// Asks for the names once; the answers are for [`Proxies::learn`].
    pub(super) fn ask(&self) -> impl Future<Output = Answers> + Send + use<> {
        self.learner.ask()
    }

    /// Tells of what was answered.
    pub(super) fn learn(&mut self, capture: &Capture, answers: Answers) {
        let change = self.learner.learn(answers);
        if change.unanswered > 0 {
            tracing::warn!(names = change.unanswered, "no name server answered for some proxies' names");
        }
        for proxy in self.at(&change.added) {
            if let Err(error) = capture.add_proxy(proxy) {
                tracing::error!(error = chain(&error), ?proxy, "calls by this proxy are not redirected");
            }
        }
        for proxy in self.at(&change.dropped).filter(|proxy| !self.fixed.contains(proxy)) {
            if let Err(error) = capture.remove_proxy(proxy) {
                tracing::warn!(
                    error = chain(&error),
                    ?proxy,
                    "connections to a former proxy stay redirected"
                );
            }
        }
    }

    fn at<'a>(&'a self, addresses: &'a [IpAddr]) -> impl Iterator<Item = Proxy> + 'a {
        addresses.iter().flat_map(|address| self.ports.iter().map(|port| Proxy::single(*address, *port)))
    }
}

//! Where it is measured: one namespace without any link, whose loopback device has documentation addresses; a cgroup
//! with the programs and one without. What answers is in neither: on a node, the far end of a connection is elsewhere.

use std::io::{BufRead as _, BufReader};
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4, TcpListener};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use interceptor::bpf::{self, Capture, CaptureConfig};
use interceptor::netns::{NetNs, NetnsCookie};
use interceptor_common::{Endpoint, Namespace as Enrolment};
use interceptor_tests::cgroup::Cgroup;
use interceptor_tests::netns::Namespace;
use interceptor_tests::{deadline, program};
use serde_json::Value;
use socket2::SockRef;

/// An endpoint, an address that is none, and a resolver.
pub(crate) const ENDPOINT: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 10);
pub(crate) const OTHER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 11);
pub(crate) const RESOLVER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 53);
/// The port that is captured, and one that is not.
pub(crate) const PORT: u16 = 443;
pub(crate) const OTHER_PORT: u16 = 8443;

/// What everything is measured with. Programs and processes end with it.
pub(crate) struct Bed {
    pub(crate) capture: Capture,
    pub(crate) namespace: Namespace,
    pub(crate) cookie: NetnsCookie,
    /// Without programs, and with them.
    pub(crate) outside: Cgroup,
    pub(crate) inside: Cgroup,
    /// On every address; of the daemon.
    pub(crate) origin: TcpListener,
    pub(crate) other_origin: TcpListener,
    pub(crate) listener: TcpListener,
    _attached: Cgroup,
}

impl Bed {
    pub(crate) fn new() -> Result<Self> {
        let attached = Cgroup::new();
        let inside = attached.child("apps");
        let namespace = Namespace::new();
        for address in [ENDPOINT, OTHER, RESOLVER] {
            namespace.add_addresses("lo", &[&format!("{address}/32")]);
        }
        namespace.run(|| std::fs::write("/proc/sys/net/core/somaxconn", "16384"))?;
        let listen = |address: Ipv4Addr, port| -> Result<TcpListener> {
            let listener = namespace.run(|| TcpListener::bind((address, port)))?;
            let socket = SockRef::from(&listener);
            socket.listen(16_384)?;
            // Holds for `accept` as well: whoever waits for a connection of a process that failed should not hang.
            socket.set_read_timeout(Some(deadline()))?;
            Ok(listener)
        };
        let origin = listen(Ipv4Addr::UNSPECIFIED, PORT)?;
        let other_origin = listen(Ipv4Addr::UNSPECIFIED, OTHER_PORT)?;
        let listener = listen(Ipv4Addr::LOCALHOST, 0)?;
        let cookie = NetNs::open(&namespace.path())?.cookie()?;
        let mut capture = load(attached.id())?;
        let enrolment = Enrolment { port4: listener.local_addr()?.port(), port6: 0, flags: 0, worker: 0 };
        capture.enrol(cookie, enrolment)?;
        capture.attach(attached.path())?;
        let outside = Cgroup::new();
        let made = Self {
            capture,
            namespace,
            cookie,
            outside,
            inside,
            origin,
            other_origin,
            listener,
            _attached: attached,
        };
        Ok(made)
    }

    /// Starts an application.
    pub(crate) fn start(&self, cgroup: &Cgroup, input: Stdio, words: &[&str]) -> Result<Application> {
        let mut command: Command = self.namespace.command(program("connector")?);
        cgroup.adopt(&mut command);
        let child = command.args(words).stdin(input).stdout(Stdio::piped()).spawn()?;
        Ok(Application(child))
    }
}

/// The programs, told of one endpoint beside as many others as a busy node knows.
fn load(exempt: u64) -> Result<Capture> {
    let (flows, events) = (CaptureConfig::FLOWS, CaptureConfig::EVENTS);
    let config = CaptureConfig { ports: vec![PORT], proxies: Vec::new(), exempt, flows, events };
    let object = bpf::object().context("this build has no BPF object")?;
    let capture = Capture::load(object, &config)?;
    capture.set_heartbeat_limit(Duration::from_secs(3600))?;
    capture.heartbeats().beat(0)?;
    capture.add_address(ENDPOINT.into(), Endpoint { provider: 1 })?;
    for number in 0..=255 {
        capture.add_address(Ipv4Addr::new(198, 51, 100, number).into(), Endpoint { provider: 2 })?;
    }
    for (prefix, length) in [("192.0.2.0", 24), ("2001:db8:77::", 48)] {
        capture.add_prefix(prefix.parse::<IpAddr>()?, length, Endpoint { provider: 3 })?;
    }
    capture.learning().set_names([("api.openai.com", 1), ("*.openai.azure.com", 2)].into_iter())?;
    capture.learning().set_resolvers(&[RESOLVER.into()])?;
    Ok(capture)
}

/// A running application. Its standard input is closed when it is dropped, and then it ends.
pub(crate) struct Application(Child);

impl Application {
    /// What it printed.
    pub(crate) fn said(&mut self) -> Result<Value> {
        let mut line = String::new();
        BufReader::new(self.0.stdout.as_mut().context("read once")?).read_line(&mut line)?;
        serde_json::from_str(&line).context("the application failed")
    }

    /// The same of one that ends by itself.
    pub(crate) fn result(mut self) -> Result<Value> {
        let said = self.said()?;
        ensure!(self.0.wait()?.success(), "the application failed");
        Ok(said)
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

pub(crate) fn at(address: Ipv4Addr, port: u16) -> String {
    SocketAddrV4::new(address, port).to_string()
}

/// A listener as a process's standard input.
pub(crate) fn input(listener: &TcpListener) -> Result<Stdio> {
    Ok(Stdio::from(OwnedFd::from(listener.try_clone()?)))
}

//! One test bed: an application's namespace and an origin's, joined by a veth pair with no way out; a cgroup that
//! the programs are attached to; listeners and an enrolment for the application's namespace.

use interceptor::bpf::{self, Capture, CaptureConfig, Pins, Stats};
use interceptor::netns::{Listeners, NetNs, NetnsCookie};
use interceptor_common::{Counter, Endpoint, Flow};
use interceptor_tests::cgroup::Cgroup;
use interceptor_tests::netns::Namespace;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io::{self, BufRead as _, BufReader};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroU32;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Endpoints, as far as the kernel side is told.
pub(crate) const ENDPOINTS: [&str; 2] = ["203.0.113.10", "2001:db8::10"];
/// The origin has these addresses as well; nobody told the kernel side.
pub(crate) const OTHERS: [&str; 2] = ["203.0.113.11", "2001:db8::11"];

/// What one test works with.
pub(crate) struct Bed {
    pub(crate) capture: Capture,
    pub(crate) app: App,
    pub(crate) cgroup: Cgroup,
    pub(crate) apps: Cgroup,
    pub(crate) config: CaptureConfig,
    pub(crate) world: Namespace,
    pub(crate) origin: Vec<TcpListener>,
}

/// The bed gives one sign of life, which is to last for the whole test.
pub(crate) fn live(capture: &Capture) {
    capture.set_heartbeat_limit(Duration::from_secs(3600)).unwrap();
    capture.heartbeats().beat(0).unwrap();
}

pub(crate) fn take_over(config: &CaptureConfig, pins: &Path) -> Capture {
    Capture::take_over(bpf::object().unwrap(), config, Pins::open(pins).unwrap()).unwrap()
}

/// One application's namespace as the daemon sees it.
pub(crate) struct App {
    pub(crate) namespace: Namespace,
    pub(crate) netns: NetNs,
    pub(crate) cookie: NetnsCookie,
    pub(crate) listeners: Listeners,
}

/// A connection as the daemon has it: what came to the listener, and what the kernel knows of it.
pub(crate) struct Accepted {
    pub(crate) stream: TcpStream,
    pub(crate) peer: SocketAddr,
    pub(crate) flow: Option<Flow>,
}

/// A running application, and what it said of its connection.
pub(crate) struct Probe {
    pub(crate) pid: u32,
    pub(crate) error: Option<i32>,
    pub(crate) local: Option<SocketAddr>,
    pub(crate) peer: Option<SocketAddr>,
    child: Child,
}

impl Bed {
    /// A bed with the usual endpoints, and the application's namespace enrolled.
    pub(crate) fn new() -> Self {
        let bed = Self::bare(1024);
        bed.enrol(&bed.app, 0);
        bed
    }

    /// The same, without the enrolment and with room for so many flows.
    pub(crate) fn bare(flows: u32) -> Self {
        Self::sized(flows, CaptureConfig::EVENTS)
    }

    /// The same, with so many bytes for events.
    pub(crate) fn sized(flows: u32, events: NonZeroU32) -> Self {
        Self::plain(flows, events).attached()
    }

    /// The same, with programs that are not attached yet.
    pub(crate) fn loaded(flows: u32) -> Self {
        Self::plain(flows, CaptureConfig::EVENTS)
    }

    /// An ordinary one, whose maps and links are pinned.
    pub(crate) fn pinned(pins: &Path) -> Self {
        let flows = NonZeroU32::new(1024).expect("not zero");
        let bed = Self::with(flows, CaptureConfig::EVENTS, |config| take_over(config, pins)).attached();
        bed.enrol(&bed.app, 0);
        bed
    }

    fn plain(flows: u32, events: NonZeroU32) -> Self {
        let flows = NonZeroU32::new(flows).expect("tests ask for some room");
        Self::with(flows, events, |config| Capture::load(bpf::object().unwrap(), config).unwrap())
    }

    fn attached(mut self) -> Self {
        self.capture.attach(self.cgroup.path()).unwrap();
        self
    }

    fn with(flows: NonZeroU32, events: NonZeroU32, load: impl Fn(&CaptureConfig) -> Capture) -> Self {
        let cgroup = Cgroup::new();
        let apps = cgroup.child("apps");
        let config =
            CaptureConfig { ports: vec![443], proxies: Vec::new(), exempt: cgroup.id(), flows, events };
        let capture = load(&config);
        live(&capture);
        for endpoint in ENDPOINTS {
            capture.add_address(ip(endpoint), Endpoint { provider: 1 }).unwrap();
        }
        let app = App::new();
        let (world, origin) = origin(&app.namespace);
        Self { capture, app, cgroup, apps, config, world, origin }
    }

    /// The daemon ends without a word. In its place is one that has attached nothing.
    pub(crate) fn die(&mut self) {
        self.capture = Capture::load(bpf::object().unwrap(), &self.config).unwrap();
    }

    /// It ends, and another one takes its pins over.
    pub(crate) fn restart(&mut self, pins: &Path) {
        self.die();
        self.capture = take_over(&self.config, pins);
        live(&self.capture);
        self.capture.attach(self.cgroup.path()).unwrap();
    }

    pub(crate) fn enrol(&self, app: &App, flags: u32) {
        self.capture.enrol(app.cookie, app.listeners.enrolment(flags)).unwrap();
    }

    /// Starts an application of the bed in the cgroup of applications, and waits for what it says.
    pub(crate) fn probe(&self, words: &[&str]) -> Probe {
        Probe::start(&self.app.namespace, &self.apps, words)
    }

    /// The connection that the listener has, waited for.
    pub(crate) fn accept(&self) -> Accepted {
        let Listeners { v4, v6, .. } = &self.app.listeners;
        self.accept_in(&self.app, &[v4, v6.as_ref().unwrap()])
    }

    pub(crate) fn accept_in(&self, app: &App, listeners: &[&TcpListener]) -> Accepted {
        let (stream, peer) = accept(listeners);
        let flow = self.capture.flows().take(app.cookie, peer).unwrap();
        Accepted { stream, peer, flow }
    }

    /// The address of the peer whose connection reached the origin itself.
    pub(crate) fn accept_at_origin(&self) -> SocketAddr {
        accept(&self.origin.iter().collect::<Vec<_>>()).1
    }

    /// Asserts that no connection waits at the application's listener.
    pub(crate) fn nothing_was_redirected(&self) {
        let Listeners { v4, v6, .. } = &self.app.listeners;
        for listener in [v4, v6.as_ref().unwrap()] {
            assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
        }
        assert_eq!(self.count(Counter::Redirected), 0);
    }

    pub(crate) fn stats(&self) -> Stats {
        self.capture.stats().unwrap()
    }

    pub(crate) fn count(&self, counter: Counter) -> u64 {
        self.stats().of(counter)
    }
}

impl App {
    pub(crate) fn new() -> Self {
        let namespace = Namespace::new();
        let netns = NetNs::open(&namespace.path()).unwrap();
        let listeners = netns.listen(0, 128).unwrap();
        Self { cookie: netns.cookie().unwrap(), namespace, netns, listeners }
    }
}

impl Probe {
    pub(crate) fn start(namespace: &Namespace, cgroup: &Cgroup, words: &[&str]) -> Self {
        let mut command = namespace.command(env!("CARGO_BIN_EXE_probe"));
        cgroup.adopt(&mut command);
        Self::of(command, words)
    }

    /// Starts the command of a probe that has its place already.
    pub(crate) fn of(mut command: Command, words: &[&str]) -> Self {
        let mut child = command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let report: serde_json::Value = serde_json::from_str(&line).unwrap();
        let address = |field: &str| report[field].as_str().map(|text| text.parse().unwrap());
        let error = report["error"].as_i64().map(|code| i32::try_from(code).unwrap());
        // Not the child's own, where it has another process do it.
        let pid = u32::try_from(report["pid"].as_u64().unwrap()).unwrap();
        Self { pid, error, local: address("local"), peer: address("peer"), child }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// The endpoint's address with a port, as text and as a value.
pub(crate) fn at(address: &str, port: u16) -> (String, SocketAddr) {
    let address = SocketAddr::new(ip(address), port);
    (address.to_string(), address)
}

/// An origin behind a veth pair, listening on every address and the ports 443 and 8443.
fn origin(app: &Namespace) -> (Namespace, Vec<TcpListener>) {
    let namespace = Namespace::new();
    app.join(&namespace, "wire");
    app.add_addresses("wire", &["203.0.113.2/24", "2001:db8::2/64"]);
    for address in ENDPOINTS.into_iter().chain(OTHERS) {
        let length = if address.contains(':') { 64 } else { 24 };
        namespace.add_addresses("wire", &[&format!("{address}/{length}")]);
    }
    let listen = |address| {
        let listener = TcpListener::bind(address).unwrap();
        listener.set_nonblocking(true).unwrap();
        listener
    };
    let listeners = namespace.run(|| ["[::]:443", "[::]:8443"].map(listen).into());
    (namespace, listeners)
}

fn accept(listeners: &[&TcpListener]) -> (TcpStream, SocketAddr) {
    let mut waiting: Vec<_> = listeners.iter().map(|l| PollFd::new(l.as_fd(), PollFlags::POLLIN)).collect();
    let ready = poll(&mut waiting, PollTimeout::from(10_000_u16)).unwrap();
    assert_ne!(ready, 0, "no connection came to the listener");
    listeners.iter().find_map(|listener| listener.accept().ok()).unwrap()
}

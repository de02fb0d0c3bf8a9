//! What happened, told once: audit lines, metrics and logs are all derived from these.
//! Holds no payload: names from the catalogue, closed enums, sizes, times and what the kernel attests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use interceptor_engine::policy::Subject;
use interceptor_engine::record::Record;

use crate::hello::Host;

/// One thing worth telling.
#[derive(Debug)]
pub enum Event {
    /// A redirected connection was accepted, and its record found. It is told of again when it ends.
    ConnectionBegan {
        /// The cgroup of the task that called connect().
        cgroup: u64,
    },
    /// A redirected connection has ended.
    ConnectionEnded(Box<Connection>),
    /// One request and its answer have ended.
    ExchangeEnded(Box<Exchange>),
    /// The kernel side has refused connections in our place.
    ConnectRefused(Box<Refusal>),
    /// Something about capture itself.
    Capture(Capture),
    /// Files that the daemon runs by were read again.
    Reloaded(Reload),
}

impl Event {
    /// Whether the audit trail has a line for it: beginnings and capture's own events are metrics and log lines.
    pub(super) fn has_line(&self) -> bool {
        match self {
            Self::ConnectionEnded(_) | Self::ExchangeEnded(_) | Self::Reloaded(_) => true,
            Self::ConnectRefused(_) => true,
            Self::ConnectionBegan { .. } | Self::Capture(_) => false,
        }
    }
}

/// Identifies a connection or an exchange in every event about it: 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Id(pub u64);

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Who called, as far as the kernel attests it.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    /// Cookie of the network namespace in which connect() ran.
    pub namespace: u64,
    /// The name under which that namespace was enrolled.
    pub namespace_name: Arc<str>,
    /// Identifier of the cgroup v2 of the task that called connect().
    pub cgroup: u64,
    /// Process (thread group) identifier, in the daemon's view.
    pub pid: u32,
    /// Who that is, in policy's words.
    pub subject: Subject,
    /// Nothing more will be found out. Otherwise the workload is still asked for.
    pub is_settled: bool,
}

/// Why a connection was handled as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Route {
    /// Terminated and inspected.
    Inspect,
    /// Copied unread.
    Passthrough(PassReason),
    /// Ended without an origin.
    Refuse(RefuseReason),
}

/// Why a connection was copied unread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PassReason {
    /// The name belongs to no AI provider.
    OtherName,
    /// The hello carries no usable name.
    NoName,
    /// The first bytes are not TLS.
    NotTls,
    /// The client waits for the server to speak first.
    SilentClient,
    /// A rule lets the connection pass.
    Rule,
    /// The workload does not trust our authority, and policy lets it pass.
    UntrustedAuthority,
    /// The client offers only application protocols other than HTTP.
    OtherProtocol,
    /// The client speaks TLS with its proxy, and asks for a tunnel inside, if for anything.
    TlsToProxy,
}

/// Why a connection was ended without an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefuseReason {
    /// A ClientHello that breaks the rules of TLS.
    MalformedHello,
    /// A ClientHello of more than 64 KiB.
    LargeHello,
    /// A ClientHello that did not arrive in time.
    SlowHello,
    /// A request for a tunnel that breaks the rules of HTTP, or is larger than any.
    MalformedConnect,
    /// A request for a tunnel that did not arrive in time.
    SlowConnect,
    /// The hello in a tunnel names another host than the one that the tunnel was asked for.
    TunnelName,
    /// No leaf can be made for the name.
    NoLeaf,
    /// A limit of the daemon was reached.
    Overload,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// In order.
    Closed,
    /// The application went away or broke the protocol.
    Application,
    /// The origin could not be reached, or broke.
    Origin,
    /// The proxy that the application uses did not open a tunnel; the application was told what it said.
    Proxy,
    /// The origin's certificate is not valid; the application was shown the same defect.
    OriginCertificate,
    /// The application does not trust our authority.
    ClientUntrusted,
    /// The handshake with the application failed for another reason.
    ClientHandshake,
    /// HTTP/1.1 framing that two parsers could read differently.
    Framing,
    /// Nothing happened for the idle limit.
    Idle,
    /// The daemon refused it.
    Refused,
    /// The daemon is shutting down.
    Shutdown,
}

/// The record of a redirected connection.
#[derive(Debug)]
pub struct Connection {
    /// Its identifier.
    pub id: Id,
    /// When it was accepted.
    pub at: SystemTime,
    /// From accept to end.
    pub took: Duration,
    /// Who called.
    pub caller: Arc<Caller>,
    /// Where the application wanted to go.
    pub destination: SocketAddr,
    /// The name in the ClientHello.
    pub host: Option<Host>,
    /// Host and port that the application asked its proxy for; the destination is the proxy, then.
    pub tunnel: Option<String>,
    /// What was decided.
    pub route: Route,
    /// How it ended.
    pub outcome: Outcome,
    /// What exactly went wrong, in words without payload.
    pub detail: Option<String>,
    /// Bytes the application sent, when they were copied unread.
    pub sent: u64,
    /// Bytes the application received, when they were copied unread.
    pub received: u64,
    /// Exchanges served on it.
    pub exchanges: u64,
}

/// How an exchange ended, from the application's point of view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ending {
    /// The whole answer was handed over.
    Complete,
    /// A rule ended it.
    Blocked,
    /// The application went away before the end.
    ApplicationGone,
    /// The provider could not be reached or broke off.
    OriginFailed,
    /// The request was malformed or addressed to another host.
    BadRequest,
    /// A limit or deadline was reached.
    Limit,
    /// Switched to a protocol that is not inspected.
    Upgraded,
}

/// The record of one exchange.
#[derive(Debug)]
pub struct Exchange {
    /// Its identifier, the request id that block answers name.
    pub id: Id,
    /// The connection it ran on.
    pub connection: Id,
    /// When the request's head had arrived.
    pub at: SystemTime,
    /// From the request's head to the end of the answer.
    pub took: Duration,
    /// From the request's head to the moment it was sent on: arrival of the body, and our own work.
    pub held: Duration,
    /// Time spent in the engine.
    pub inspected: Duration,
    /// From sending the request to the head of the answer.
    pub waited: Option<Duration>,
    /// Who called.
    pub caller: Arc<Caller>,
    /// The host addressed.
    pub host: Host,
    /// The catalogue's provider.
    pub provider: Arc<str>,
    /// 1 for HTTP/1.1, 2 for HTTP/2.
    pub http: u8,
    /// Status the application received.
    pub status: Option<u16>,
    /// How it ended.
    pub ending: Ending,
    /// What exactly went wrong, in words without payload.
    pub detail: Option<String>,
    /// Whether it went over an upstream connection that was already open.
    pub reused: bool,
    /// The credentials with which the request was signed again, because it was changed.
    pub resigned: Option<Arc<str>>,
    /// What the engine found and decided.
    pub record: Option<Record>,
}

/// Attempts to connect that the kernel side refused by a rule, before there was a connection.
#[derive(Debug)]
pub struct Refusal {
    /// When the last of them was seen.
    pub at: SystemTime,
    /// Who called, the last time that the kernel side said so.
    pub caller: Arc<Caller>,
    /// Where to, likewise; `None` if it only counted.
    pub destination: Option<SocketAddr>,
    /// The names that are known of that address.
    pub hosts: Vec<Arc<str>>,
    /// The catalogue's provider.
    pub provider: Option<Arc<str>>,
    /// The rule; `None` if its policy was replaced too long ago to be remembered.
    pub rule: Option<Arc<str>>,
    /// The version of that policy.
    pub policy: Option<Arc<str>>,
    /// How many attempts there were since the last such event of this caller, provider and rule.
    pub attempts: u64,
}

/// Something about capture itself.
#[derive(Debug)]
pub enum Capture {
    /// A connection on a listener without an entry in the flow map: it was reset.
    FlowMissed,
    /// A redirected connection was not served.
    FlowDropped {
        /// The cgroup of the task that called connect().
        cgroup: u64,
        /// Why.
        why: Dropped,
    },
    /// A namespace is served from now on.
    NamespaceEnrolled {
        /// Its name.
        name: Arc<str>,
        /// Its cookie.
        cookie: u64,
    },
    /// A namespace is gone.
    NamespaceReleased {
        /// Its name.
        name: Arc<str>,
        /// Its cookie.
        cookie: u64,
    },
    /// Accepting failed, for want of file descriptors for example.
    AcceptFailed(std::io::ErrorKind),
}

/// Why a redirected connection was not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dropped {
    /// It waited for too long to be accepted, or its client gave up before.
    NotAccepted,
    /// There was no descriptor for it, and it was reset.
    Exhausted,
    /// It was accepted, told of as begun, and could not be given to a worker.
    NotTaken,
}

/// What is read again while the daemon runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// Policy and catalogue.
    Policy,
    /// The authority that signs leafs.
    Authority,
    /// Credentials that requests are signed with.
    Credentials,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reloaded {
    /// What was read is in force for new connections.
    InForce,
    /// It is wrong. What was in force stays in force.
    Kept,
}

/// The record of an attempt to replace a part.
#[derive(Debug)]
pub struct Reload {
    /// When.
    pub at: SystemTime,
    /// What.
    pub part: Part,
    /// How it ended.
    pub result: Reloaded,
    /// What is in force now: the policy's version, how long the authority lasts, or what credentials are called.
    pub in_force: String,
    /// What is wrong, with places.
    pub detail: Option<String>,
}

/// Names for the audit trail and for metric labels. Every label value comes from here.
pub trait Label {
    /// A stable snake_case name.
    fn label(&self) -> &'static str;
}

macro_rules! labels {
    ($($type:ty { $($variant:pat => $name:literal),+ $(,)? })+) => {
        $(impl Label for $type {
            fn label(&self) -> &'static str {
                match self { $($variant => $name),+ }
            }
        })+
    };
}

labels! {
    Route {
        Route::Inspect => "inspect",
        Route::Passthrough(_) => "passthrough",
        Route::Refuse(_) => "refuse",
    }
    PassReason {
        PassReason::OtherName => "other_name",
        PassReason::NoName => "no_name",
        PassReason::NotTls => "not_tls",
        PassReason::SilentClient => "silent_client",
        PassReason::Rule => "rule",
        PassReason::UntrustedAuthority => "untrusted_authority",
        PassReason::OtherProtocol => "other_protocol",
        PassReason::TlsToProxy => "tls_to_proxy",
    }
    RefuseReason {
        RefuseReason::MalformedHello => "malformed_hello",
        RefuseReason::LargeHello => "large_hello",
        RefuseReason::SlowHello => "slow_hello",
        RefuseReason::MalformedConnect => "malformed_connect",
        RefuseReason::SlowConnect => "slow_connect",
        RefuseReason::TunnelName => "tunnel_name",
        RefuseReason::NoLeaf => "no_leaf",
        RefuseReason::Overload => "overload",
    }
    Outcome {
        Outcome::Closed => "closed",
        Outcome::Application => "application",
        Outcome::Origin => "origin",
        Outcome::Proxy => "proxy",
        Outcome::OriginCertificate => "origin_certificate",
        Outcome::ClientUntrusted => "client_untrusted",
        Outcome::ClientHandshake => "client_handshake",
        Outcome::Framing => "framing",
        Outcome::Idle => "idle",
        Outcome::Refused => "refused",
        Outcome::Shutdown => "shutdown",
    }
    Dropped {
        Dropped::NotAccepted => "not_accepted",
        Dropped::Exhausted => "exhausted",
        Dropped::NotTaken => "not_taken",
    }
    Part {
        Part::Policy => "policy",
        Part::Authority => "authority",
        Part::Credentials => "credentials",
    }
    Reloaded {
        Reloaded::InForce => "in_force",
        Reloaded::Kept => "kept",
    }
    Ending {
        Ending::Complete => "complete",
        Ending::Blocked => "blocked",
        Ending::ApplicationGone => "application_gone",
        Ending::OriginFailed => "origin_failed",
        Ending::BadRequest => "bad_request",
        Ending::Limit => "limit",
        Ending::Upgraded => "upgraded",
    }
}

impl Route {
    /// The reason behind the route, if it needs one.
    pub fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Inspect => None,
            Self::Passthrough(why) => Some(why.label()),
            Self::Refuse(why) => Some(why.label()),
        }
    }
}

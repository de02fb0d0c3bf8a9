//! What the daemon is told to do: the checked form of the configuration file.
//! Knows types, not YAML: reading is in `config/file.rs`, and all mistakes of a file are reported at once.

pub mod capture;
mod file;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use capture::{
    CaptureSpec, InterfacePattern, Mode, OnFailure, OnStop, Treatment, VethGuard, Which, Workload,
};
use interceptor_engine::document::Mistakes;
pub use interceptor_engine::document::NetworkPrefix;

use crate::budget::redis::StoreSpec;
use crate::cluster::ClusterSpec;
use crate::hello::Host;
use crate::identity::IdentitySpec;
use crate::proxy::limits::Limits;
use crate::signing::CredentialSpec;
use crate::telemetry::audit::Destination;

/// The annotated example, which a test reads, so that it cannot go stale.
pub const EXAMPLE: &str = include_str!("config/example.yaml");

/// A checked configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The file that it was read from, and will be read from again on SIGHUP.
    pub file: Option<PathBuf>,
    /// Where the daemon keeps what outlives it.
    pub state: PathBuf,
    /// The cgroup v2 directory whose processes are intercepted; `None` is the root of the hierarchy.
    pub cgroup: Option<PathBuf>,
    /// Network namespaces to serve.
    pub namespaces: Vec<NamespaceSpec>,
    /// Worker threads; `None` is one a core.
    pub workers: Option<usize>,
    /// Port of the loopback listeners; `None` takes a free one in each namespace.
    pub port: Option<u16>,
    /// How connections are captured.
    pub capture: CaptureSpec,
    /// What is redirected.
    pub endpoints: Endpoints,
    /// Files that add to or correct the built-in catalogue.
    pub catalogue: Vec<PathBuf>,
    /// Directory with `tls.crt`, `tls.key` and `ca.crt`.
    pub authority: PathBuf,
    /// Files with certificates that providers may chain to.
    pub upstream_roots: Vec<PathBuf>,
    /// Whether the system's roots count as well.
    pub system_roots: bool,
    /// Policy files; none means the built-in policy.
    pub policies: Vec<PathBuf>,
    /// A directory of more of them, which is watched.
    pub policy_directory: Option<PathBuf>,
    /// Files with the public keys of those from whom policy is taken; none takes it from everybody.
    pub policy_keys: Vec<PathBuf>,
    /// Policies that are objects of the cluster.
    pub policy_objects: Option<PolicyObjects>,
    /// The file with the secret that tokens are made with; `None` takes a random one.
    pub redaction_key: Option<PathBuf>,
    /// Credentials that changed requests are signed with again.
    pub credentials: Vec<CredentialSpec>,
    /// Where audit lines go.
    pub audit: Destination,
    /// Where metrics and health are served; `None` serves none.
    pub admin: Option<SocketAddr>,
    /// Where the address that admin was given is written, for a port of 0.
    pub admin_file: Option<PathBuf>,
    /// A socket that answers the same and is never handed over: who asks there asks this very daemon.
    pub admin_socket: Option<PathBuf>,
    /// Where callers are looked up.
    pub identity: IdentitySpec,
    /// Deadlines and bounds.
    pub limits: Limits,
    /// Bounds of the engine.
    pub inspection: Inspection,
    /// Where nodes share the counts of policy's limits; `None` leaves every node its own.
    pub store: Option<StoreSpec>,
}

/// A network namespace to serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamespaceSpec {
    /// The daemon's own.
    Own,
    /// The one behind this file, `/run/netns/NAME` or `/proc/PID/ns/net`.
    Path(PathBuf),
    /// Those of all processes below the cgroup, as they come and go.
    Discover,
}

/// What is redirected: addresses known beforehand, and addresses that the catalogue's names resolve to.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoints {
    /// Destination ports.
    pub ports: Vec<u16>,
    /// Addresses and prefixes that are endpoints in any case.
    pub addresses: Vec<NetworkPrefix>,
    /// Name servers that are asked, and whose answers to applications are believed; `None` takes those of
    /// /etc/resolv.conf.
    pub resolvers: Option<Vec<SocketAddr>>,
    /// Proxies that workloads use to reach endpoints.
    pub proxies: Vec<ProxySpec>,
    /// How often the names are resolved again.
    pub refresh: Duration,
    /// How long an address counts as an endpoint after it was last seen in an answer. Longer than any TTL on
    /// purpose: a false positive costs one look at a ClientHello, a miss is a call that nobody inspected.
    pub keep: Duration,
}

/// A proxy that takes `CONNECT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxySpec {
    /// Where it is.
    pub at: ProxyAt,
    /// Its port.
    pub port: u16,
}

/// How the place of a proxy is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProxyAt {
    /// An address, or a network full of them.
    Network(NetworkPrefix),
    /// A name, which is looked up.
    Name(Host),
}

/// Which objects of the cluster are policy here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyObjects {
    /// Where the API server is.
    pub cluster: ClusterSpec,
    /// Labels that they have to have, as the API server reads it; `None` takes all.
    pub selector: Option<String>,
    /// Whether they are told what became of them.
    pub writes_status: bool,
    /// How long a start waits for them.
    pub wait: Duration,
}

/// Bounds of the engine that the file may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// Bytes of one body that are held for a verdict.
    pub held_body: u64,
    /// Bytes that one compressed body may grow to.
    pub decoded_body: u64,
}

impl Config {
    /// Reads a configuration file. Relative paths in it are relative to its directory.
    ///
    /// # Errors
    /// The file cannot be read, or all the mistakes that are in it.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text =
            std::fs::read_to_string(path).map_err(|io| ConfigError::Read { path: path.to_owned(), io })?;
        let read = file::read(&path.display().to_string(), &text, path.parent().unwrap_or(Path::new("")))?;
        Ok(Self { file: Some(path.to_owned()), ..read })
    }

    /// What this one becomes when its file is read again: what may change while the daemon runs is the file's, the
    /// rest stays as it is.
    ///
    /// # Errors
    /// As for [`Config::load`].
    pub fn reread(&self) -> Result<Self, ConfigError> {
        let Some(path) = &self.file else { return Ok(self.clone()) };
        let new = Self::load(path)?;
        let capture = CaptureSpec { pins: self.capture.pins.clone(), ..new.capture };
        Ok(Self {
            capture,
            policies: new.policies,
            policy_directory: new.policy_directory,
            policy_keys: new.policy_keys,
            catalogue: new.catalogue,
            ..self.clone()
        })
    }

    /// Whether namespaces are served that the file does not name.
    pub fn discovers(&self) -> bool {
        self.namespaces.contains(&NamespaceSpec::Discover)
    }

    /// The configuration that an empty file gives.
    pub fn standard() -> Self {
        Self {
            file: None,
            state: PathBuf::from("/var/lib/interceptor"),
            cgroup: None,
            namespaces: vec![NamespaceSpec::Own, NamespaceSpec::Discover],
            workers: None,
            port: None,
            capture: CaptureSpec::standard(),
            endpoints: Endpoints {
                ports: vec![443],
                addresses: Vec::new(),
                resolvers: None,
                proxies: Vec::new(),
                refresh: Duration::from_secs(30),
                keep: Duration::from_secs(6 * 3600),
            },
            catalogue: Vec::new(),
            authority: PathBuf::from("/var/lib/interceptor/ca"),
            upstream_roots: Vec::new(),
            system_roots: true,
            policies: Vec::new(),
            policy_directory: None,
            policy_keys: Vec::new(),
            policy_objects: None,
            redaction_key: None,
            credentials: Vec::new(),
            audit: Destination::File(PathBuf::from("/var/lib/interceptor/audit.jsonl")),
            admin: Some(SocketAddr::from(([127, 0, 0, 1], 9465))),
            admin_file: None,
            admin_socket: None,
            identity: IdentitySpec::STANDARD,
            limits: Limits::STANDARD,
            inspection: Inspection { held_body: 16 << 20, decoded_body: 64 << 20 },
            store: None,
        }
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}", path.display())]
    Read {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        #[source]
        io: std::io::Error,
    },
    /// The file is wrong.
    #[error("{0}")]
    Mistakes(#[from] Mistakes),
}

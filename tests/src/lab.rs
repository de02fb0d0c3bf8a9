//! The laboratory as tests use it: an internet with names and providers, a node, an application's place, and the
//! daemon between them. Each has its own; any number run side by side; dropping one removes all of it.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use anyhow::{Context as _, Result, ensure};
use rustls::ClientConfig;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::cgroup::Cgroup;
use crate::client::{self, TlsStream, Wire};
use crate::daemon::{self, Daemon};
use crate::dialer::Dialer;
use crate::dns::{self, Zone};
use crate::mounts::Mounts;
use crate::pki::{Pki, Quality};
use crate::place::Place;
use crate::provider::{Bare, Provider, Site};
use crate::proxy::Proxy;
use crate::topology::{self, Topology, v4, v6};

/// The name whose answers are in the shape of OpenAI's API.
pub const OPENAI: &str = "api.openai.com";
/// The name whose answers are in the shape of Anthropic's API.
pub const ANTHROPIC: &str = "api.anthropic.com";
/// The name whose answers a test prepares in the shape of Amazon Bedrock's API.
pub const BEDROCK: &str = "bedrock-runtime.us-east-1.amazonaws.com";
/// The name whose answers a test prepares in the shape of Google's Gemini API.
pub const GEMINI: &str = "generativelanguage.googleapis.com";
/// A name in no catalogue, at the same address as the others.
pub const STATIC: &str = "static.example.net";

/// The hosts of the laboratory's internet, by the last byte of their addresses.
pub mod host {
    /// All providers and a plain site share this one; HTTP/2 and HTTP/1.1.
    pub const SHARED: u8 = 10;
    /// The same names, HTTP/1.1 only.
    pub const HTTP1: u8 = 11;
    /// The same names with a certificate that has expired.
    pub const EXPIRED: u8 = 12;
    /// The same names, self-signed.
    pub const SELF_SIGNED: u8 = 13;
    /// The same names with a certificate for somebody else.
    pub const WRONG_HOST: u8 = 14;
    /// The same names with a certificate of a root nobody knows.
    pub const UNKNOWN_ISSUER: u8 = 15;
    /// Nothing listens here.
    pub const CLOSED: u8 = 16;
    /// The test itself plays the server here.
    pub const BARE: u8 = 17;
    /// A proxy, where a test starts one.
    pub const PROXY: u8 = 60;
    /// The resolver.
    pub const DNS: u8 = 53;
}

/// An address of the internet, HTTPS port, IPv4.
#[must_use]
pub fn https(host: u8) -> SocketAddr {
    (v4(host), 443).into()
}

/// An address of the internet, HTTPS port, IPv6.
#[must_use]
pub fn https6(host: u8) -> SocketAddr {
    (v6(host), 443).into()
}

/// Where the laboratory's proxy listens, if a test starts it. No endpoint is near it.
#[must_use]
pub fn proxy() -> SocketAddr {
    (v4(host::PROXY), 3128).into()
}

/// See the head of this file.
pub struct Lab {
    /// The names.
    pub zone: Zone,
    /// The providers and what they saw.
    pub provider: Provider,
    /// The certificates of the internet.
    pub pki: Pki,
    /// The namespaces.
    pub topology: Topology,
    app: Arc<Cgroup>,
    node: Arc<Cgroup>,
    /// The cgroup to which the daemon attaches: `app` and `node` are below it.
    pub cgroup: Cgroup,
    mounts: OnceLock<Mounts>,
    folder: TempDir,
    _dns: dns::Server,
}

impl Lab {
    /// Builds one, without a daemon yet. Must be called inside a tokio runtime.
    pub fn new() -> Result<Self> {
        Self::below(Cgroup::new())
    }

    /// The same, with everybody below a cgroup.
    pub fn below(cgroup: Cgroup) -> Result<Self> {
        use host::*;
        let sites = [SHARED, HTTP1, EXPIRED, SELF_SIGNED, WRONG_HOST, UNKNOWN_ISSUER];
        let topology = Topology::new(&[&sites[..], &[CLOSED, BARE, PROXY, DNS]].concat())?;
        let (zone, provider, pki) = (Zone::default(), Provider::new(), Pki::new()?);
        for number in sites {
            for address in [https(number), https6(number)] {
                provider.serve(&pki, &site(number), topology::listen(&topology.internet, address)?)?;
            }
        }
        for name in [OPENAI, ANTHROPIC, BEDROCK, GEMINI, STATIC] {
            zone.address(name, v4(SHARED));
            zone.address(name, v6(SHARED));
        }
        let (app, node) = (Arc::new(cgroup.child("app")), Arc::new(cgroup.child("node")));
        let folder = folder()?;
        std::fs::write(folder.path().join("origin-root.pem"), pki.root_pem())?;
        std::fs::write(folder.path().join("resolv.conf"), format!("nameserver {}\n", v4(DNS)))?;
        let dns = resolver(&topology, &zone)?;
        Ok(Self {
            zone,
            provider,
            pki,
            topology,
            cgroup,
            app,
            node,
            mounts: OnceLock::new(),
            folder,
            _dns: dns,
        })
    }

    /// A folder for files, removed with the laboratory.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file into the folder.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> Result<PathBuf> {
        let path = self.folder().join(name);
        std::fs::write(&path, content)?;
        Ok(path)
    }

    /// Where applications run: their namespace, their cgroup, the laboratory's resolver.
    pub fn app(&self) -> Result<Place> {
        let resolver = self.folder().join("resolv.conf");
        let place = Place::new(&self.topology.app).cgroup(&self.app);
        place.bind(&resolver, Path::new("/etc/resolv.conf"))
    }

    /// Where the daemon runs: the node's namespace, a cgroup of its own.
    pub fn node(&self) -> Result<Place> {
        let resolver = self.folder().join("resolv.conf");
        let mut place = Place::new(&self.topology.node).cgroup(&self.node);
        if let Some(mounts) = self.mounts.get() {
            place = place.mounts(mounts);
        }
        place.bind(&resolver, Path::new("/etc/resolv.conf"))
    }

    /// Gives the node a bpffs, and returns the directory in it for a daemon's pins. Programs that are pinned there are
    /// attached until the laboratory ends.
    pub fn pins(&self) -> Result<PathBuf> {
        let bpffs = self.folder().join("bpf");
        if self.mounts.get().is_none() {
            std::fs::create_dir(&bpffs)?;
            // Nobody else sets it meanwhile: a laboratory belongs to one test.
            let _ = self.mounts.set(Mounts::with_bpffs(&bpffs)?);
        }
        Ok(bpffs.join("interceptor"))
    }

    /// What is in the node's bpffs.
    pub fn pinned(&self) -> Result<Vec<PathBuf>> {
        let mounts = self.mounts.get().context("the node has no bpffs")?;
        Ok(mounts.list(&self.folder().join("bpf"))?)
    }

    /// The applications' cgroup.
    #[must_use]
    pub fn app_cgroup(&self) -> Arc<Cgroup> {
        self.app.clone()
    }

    /// A dialer at the application's place.
    pub fn dialer(&self) -> Result<Dialer> {
        Dialer::start(&self.app()?)
    }

    /// A configuration with which the daemon intercepts this laboratory's application. Tests change what they need.
    #[must_use]
    pub fn config(&self) -> Value {
        json!({
            "apiVersion": "interceptor.dev/v1alpha1",
            "kind": "InterceptorConfig",
            "spec": {
                "stateDirectory": self.folder().join("state"),
                "cgroup": self.cgroup.path(),
                "namespaces": ["self", self.topology.app.path()],
                "workers": 1,
                "listen": {"port": 15443},
                // Nothing outlives the laboratory, and a daemon that has to wait for a processor is no dead one: a test
                // that is about silence says how much of it.
                "capture": {"pins": "off", "heartbeat": "30s"},
                "endpoints": {
                    "ports": [443],
                    "resolvers": [format!("{}:53", v4(host::DNS))],
                    "refresh": "30s",
                    "addresses": ["203.0.113.0/27", "2001:db8:1::/64"]
                },
                "ca": {"directory": self.folder().join("ca")},
                "upstream": {"roots": [self.folder().join("origin-root.pem")], "systemRoots": false},
                "audit": {"file": self.folder().join("audit.jsonl")},
                "admin": {"address": "127.0.0.1:0", "portFile": self.folder().join("admin.port")}
            }
        })
    }

    /// Makes the interceptor's CA with its own command, as an operator would, and the bundle that applications trust.
    pub async fn ca(&self) -> Result<()> {
        let folder = self.folder().join("ca");
        if folder.exists() {
            return Ok(());
        }
        let mut command = self.node()?.command(daemon::binary()?);
        command.args(["ca", "init", "--directory"]).arg(&folder);
        command.arg("--root-directory").arg(self.folder().join("ca-root"));
        let output = daemon::run(command).await?;
        ensure!(output.code == Some(0), "ca init: {output:?}");
        let ours = std::fs::read_to_string(folder.join("ca.crt")).context("ca.crt")?;
        self.file("bundle.pem", format!("{}{ours}", self.pki.root_pem()))?;
        Ok(())
    }

    /// The roots that an application trusts: the internet's and the interceptor's.
    pub fn bundle(&self) -> Result<String> {
        std::fs::read_to_string(self.folder().join("bundle.pem")).context("the bundle; is there a CA yet?")
    }

    /// Starts the daemon with [`Lab::config`].
    pub async fn daemon(&self) -> Result<Daemon> {
        self.daemon_with(&self.config()).await
    }

    /// Starts the daemon with a configuration.
    pub async fn daemon_with(&self, config: &Value) -> Result<Daemon> {
        self.ca().await?;
        Daemon::start(&self.node()?, config, self.folder()).await
    }

    /// Starts another daemon, which takes over from the one that runs.
    pub async fn upgrade(&self, config: &Value) -> Result<Daemon> {
        Daemon::start_with(&self.node()?, config, self.folder(), &["--upgrade"]).await
    }

    /// What an application's TLS library would be configured with.
    pub fn client(&self, alpn: &[&str]) -> Result<Arc<ClientConfig>> {
        client::trusting(&self.bundle()?, alpn)
    }

    /// The application connects to `to`, asks for `name`, trusting the bundle, and speaks HTTP/1.1.
    pub async fn http1(
        &self,
        dialer: &Dialer,
        to: SocketAddr,
        name: &str,
    ) -> Result<Wire<TlsStream<TcpStream>>> {
        let stream = dialer.connect(to)?.context("connect")?;
        let stream = client::handshake(stream, name, &self.client(&["http/1.1"])?).await?;
        Ok(Wire::new(stream.context("the TLS handshake")?))
    }

    /// Starts a proxy at [`proxy()`], which finds the laboratory's names at [`host::SHARED`].
    pub fn proxy(&self) -> Result<Proxy> {
        Proxy::start(&self.topology.internet, proxy(), v4(host::SHARED).into())
    }

    /// Takes the connections to [`host::BARE`] itself.
    pub fn bare(&self) -> Result<Bare> {
        self.provider.bare(topology::listen(&self.topology.internet, https(host::BARE))?)
    }

    /// Takes connections to any address of the internet itself.
    pub fn bare_at(&self, address: IpAddr, port: u16) -> Result<Bare> {
        self.provider.bare(topology::listen(&self.topology.internet, (address, port).into())?)
    }
}

/// A folder that names its maker, so that what a killed run left is removed by the next.
fn folder() -> Result<TempDir> {
    const PREFIX: &str = "interceptor-lab-";
    for entry in std::fs::read_dir(std::env::temp_dir())?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let maker = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        if maker.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            // Another laboratory may be sweeping the same one.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    let prefix = format!("{PREFIX}{}-", std::process::id());
    tempfile::Builder::new().prefix(&prefix).tempdir().context("make the laboratory's folder")
}

fn site(number: u8) -> Site {
    let site = Site::new(&[STATIC, OPENAI, ANTHROPIC, BEDROCK, GEMINI]);
    match number {
        host::HTTP1 => site.alpn(&["http/1.1"]),
        host::EXPIRED => site.quality(Quality::Expired),
        host::SELF_SIGNED => site.quality(Quality::SelfSigned),
        host::WRONG_HOST => site.quality(Quality::WrongHost),
        host::UNKNOWN_ISSUER => site.quality(Quality::UnknownIssuer),
        _ => site,
    }
}

fn resolver(topology: &Topology, zone: &Zone) -> Result<dns::Server> {
    let addresses: [SocketAddr; 2] = [(v4(host::DNS), 53).into(), (v6(host::DNS), 53).into()];
    let internet = &topology.internet;
    let udp = addresses.iter().map(|&a| topology::datagrams(internet, a)).collect::<Result<_>>()?;
    let tcp = addresses.iter().map(|&a| topology::listen(internet, a)).collect::<Result<_>>()?;
    dns::Server::start(zone, udp, tcp)
}

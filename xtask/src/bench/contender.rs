//! Who is measured: nothing in between, a relay as the floor, our daemon, and its peers behind an nft redirect.
//! One worker each, certificates of ECDSA P-256, upstream verified, logs of single calls off.

mod haproxy;
mod interceptor;
mod nginx;
mod squid;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde::Serialize;

pub(super) use interceptor::{Setting, audit, metrics};

use super::lab::{Lab, Origin, Running, command, text};
use super::scenario::{Needs, Scenario};

/// The user that peers run as: their own connections must not be redirected to themselves.
const USER: &str = "nobody";

/// A proxy that does not answer after this long has a defect that the log explains better than waiting does.
const START: Duration = Duration::from_secs(20);

/// Anything that may stand between client and origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Contender {
    /// The client reaches the origin itself.
    Direct,
    /// A TCP relay: what any user-space proxy pays at least.
    Relay,
    /// The daemon, inspecting.
    Interceptor,
    /// nginx with its certificates loaded beforehand.
    Nginx,
    /// HAProxy, minting.
    Haproxy,
    /// Squid with ssl-bump, minting.
    Squid,
}

impl Contender {
    pub(super) fn all() -> Vec<Self> {
        vec![Self::Direct, Self::Relay, Self::Interceptor, Self::Nginx, Self::Haproxy, Self::Squid]
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Relay => "relay",
            Self::Interceptor => "interceptor",
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Squid => "squid",
        }
    }

    /// Files it cannot do without, and the Debian packages that bring them.
    pub(super) fn needs(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Direct | Self::Interceptor => &[("/usr/bin/setpriv", "util-linux")],
            Self::Relay => &[("/usr/sbin/nft", "nftables")],
            Self::Nginx => &[
                ("/usr/sbin/nft", "nftables"),
                ("/usr/sbin/nginx", "nginx"),
                (nginx::STREAM_MODULE, "libnginx-mod-stream"),
            ],
            Self::Haproxy => &[("/usr/sbin/nft", "nftables"), ("/usr/sbin/haproxy", "haproxy")],
            Self::Squid => &[("/usr/sbin/nft", "nftables"), (squid::CERTGEN, "squid-openssl")],
        }
    }

    /// Whether it can do at all what a scenario asks.
    pub(super) fn can(self, scenario: &Scenario) -> bool {
        match (self, scenario.needs) {
            // Squid offers its clients no h2.
            (Self::Squid, Needs::H2) => false,
            // Nothing in between keeps nothing in memory.
            (Self::Direct, Needs::Process) => false,
            _ => true,
        }
    }

    fn redirect_port(self, origin: Origin) -> u16 {
        match self {
            // Squid asks the kernel where a connection was bound for; the others listen once per origin.
            Self::Squid => squid::PORT,
            _ => origin.peer_port(),
        }
    }
}

/// A contender in its namespace, ready for load.
pub(super) struct Contestant<'a> {
    pub(super) contender: Contender,
    setting: Setting,
    lab: &'a Lab,
    namespace: String,
    cgroup: Option<PathBuf>,
    process: Option<Running>,
}

impl<'a> Contestant<'a> {
    /// Makes the namespace, redirects what is to be redirected and starts the contender.
    pub(super) fn start(lab: &'a Lab, contender: Contender, number: usize) -> anyhow::Result<Self> {
        let namespace = lab.client_namespace(contender.name(), number)?;
        let setting = Setting::standard();
        let mut contestant = Self { contender, setting, lab, namespace, cgroup: None, process: None };
        match contender {
            Contender::Direct => {}
            Contender::Interceptor => {
                contestant.cgroup = Some(interceptor::prepare(lab, &contestant.setting)?);
            }
            _ => contestant.redirect()?,
        }
        contestant.restart()?;
        Ok(contestant)
    }

    /// The same for one of several daemons.
    pub(super) fn daemon(lab: &'a Lab, setting: Setting, number: usize) -> anyhow::Result<Self> {
        let namespace = lab.client_namespace(&setting.name, number)?;
        let cgroup = Some(interceptor::prepare(lab, &setting)?);
        let contender = Contender::Interceptor;
        let mut contestant = Self { contender, setting, lab, namespace, cgroup, process: None };
        contestant.restart()?;
        Ok(contestant)
    }

    /// Its name among those that are measured together.
    pub(super) fn name(&self) -> &str {
        if self.contender == Contender::Interceptor { &self.setting.name } else { self.contender.name() }
    }

    /// What it was started with, if it is a daemon of ours.
    pub(super) fn setting(&self) -> &Setting {
        &self.setting
    }

    /// Its process, if it has one.
    pub(super) fn process(&self) -> Option<&Running> {
        self.process.as_ref()
    }

    /// Starts the process anew, so that memory tells of this scenario alone, and waits until it answers.
    pub(super) fn restart(&mut self) -> anyhow::Result<()> {
        self.process = None;
        let (lab, namespace) = (self.lab, self.namespace.as_str());
        self.process = match self.contender {
            Contender::Direct => None,
            Contender::Relay => Some(relay(lab, namespace)?),
            Contender::Interceptor => {
                Some(interceptor::start(lab, namespace, self.cgroup.as_deref(), &self.setting)?)
            }
            Contender::Nginx => Some(nginx::start(lab, namespace)?),
            Contender::Haproxy => Some(haproxy::start(lab, namespace)?),
            Contender::Squid => Some(squid::start(lab, namespace)?),
        };
        let deadline = Instant::now() + START;
        loop {
            let Err(error) = self.probe() else { return Ok(()) };
            self.check()?;
            if Instant::now() > deadline {
                let log = self.process.as_ref().map(Running::log_tail).unwrap_or_default();
                return Err(error.context(format!("{} does not answer; {log}", self.name())));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// A few calls to each origin: proves that the contender stands in between, or that nothing does. HAProxy also
    /// needs it, because it fails the first connection to each name that it mints a certificate for.
    fn probe(&self) -> anyhow::Result<()> {
        for origin in Origin::ALL {
            let arguments = ["--warmup", "0", "--measure", "30", "keep-alive", "--connections", "1"];
            let result = self.load(origin, "h1", &arguments.map(str::to_owned))?;
            ensure!(result["errors"] == 0, "{}", result["first_error"]);
        }
        Ok(())
    }

    /// An error with the end of the log, if the process is gone.
    pub(super) fn check(&mut self) -> anyhow::Result<()> {
        if let Some(process) = &mut self.process
            && process.ended()?
        {
            let log = process.log_tail();
            bail!("{} ended by itself; {log}", self.name());
        }
        Ok(())
    }

    /// Runs the load generator against an origin, through whatever is in between.
    pub(super) fn load(
        &self,
        origin: Origin,
        alpn: &str,
        arguments: &[String],
    ) -> anyhow::Result<serde_json::Value> {
        let mut all: Vec<String> = vec!["--connect".into(), format!("{}:443", origin.ip())];
        all.extend(["--name".into(), origin.name().into(), "--alpn".into(), alpn.into()]);
        all.extend(["--roots".into(), text(&self.roots(origin))?.into()]);
        if let Some(process) = &self.process {
            all.extend(["--pid".into(), process.id().to_string()]);
        }
        all.extend_from_slice(arguments);
        let output = self.lab.load(&self.namespace, self.cgroup.as_deref(), &all)?;
        serde_json::from_str(&output).context("read the result of bench-load")
    }

    /// The only roots that the client accepts: the origin's own where nothing may stand in between.
    fn roots(&self, origin: Origin) -> PathBuf {
        let pki = self.lab.folder.join("pki");
        match self.contender {
            _ if origin == Origin::Other => pki.join("origin-root.pem"),
            Contender::Direct | Contender::Relay => pki.join("origin-root.pem"),
            Contender::Interceptor => interceptor::root(self.lab),
            Contender::Nginx | Contender::Haproxy | Contender::Squid => pki.join("peer-ca.pem"),
        }
    }

    /// Sends the connections of root (the load) to the contender and leaves those of other users (its own) alone.
    fn redirect(&self) -> anyhow::Result<()> {
        let mut rules =
            String::from("table ip bench {\n chain out {\n  type nat hook output priority -100;\n");
        for origin in Origin::ALL {
            let (ip, port) = (origin.ip(), self.contender.redirect_port(origin));
            rules.push_str(&format!("  meta skuid 0 ip daddr {ip} tcp dport 443 redirect to :{port}\n"));
        }
        rules.push_str(" }\n}\n");
        let file = self.lab.folder.join(format!("{}.nft", self.contender.name()));
        fs::write(&file, rules)?;
        command("nsenter", &[&format!("--net=/run/netns/{}", self.namespace), "nft", "-f", text(&file)?])
    }
}

impl Drop for Contestant<'_> {
    fn drop(&mut self) {
        self.process = None;
        if let Some(cgroup) = &self.cgroup {
            interceptor::clean(cgroup);
        }
    }
}

fn relay(lab: &Lab, namespace: &str) -> anyhow::Result<Running> {
    let mut arguments = vec![lab.binary("bench-origin")?, "relay".to_owned()];
    for origin in Origin::ALL {
        arguments.push("--route".to_owned());
        arguments.push(format!("127.0.0.1:{}={}:443", origin.peer_port(), origin.ip()));
    }
    lab.start("relay", &lab.proxy_place(namespace, Some(USER)), &arguments)
}

/// Writes a configuration file into the laboratory's folder.
fn configuration(lab: &Lab, name: &str, content: &str) -> anyhow::Result<PathBuf> {
    let path = lab.folder.join(name);
    fs::write(&path, content).with_context(|| format!("write {}", path.display()))?;
    Ok(path)
}

/// A path inside the folder of certificates.
fn pki(lab: &Lab, name: &str) -> String {
    Path::join(&lab.folder, "pki").join(name).display().to_string()
}

//! Where the benchmark runs: one network namespace for the origin and one for each contender, joined by veth
//! pairs, with no way out. Everything started here ends with the value that started it.
//! Knows ip(8), nsenter(1) and cgroups. Does not know what runs inside.
//!
//! Addresses are documentation ranges: 203.0.113.0/24 for origins, 198.51.100.0/24 for the pairs.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;

/// A name that nobody asks for, for the peer that wants a certificate beside those it mints.
pub(super) const UNMATCHED: &str = "unmatched.invalid";
/// How late the far origin is, in milliseconds.
pub(super) const FAR: u32 = 40;

/// The addresses of the origin, by behaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// HTTP/1.1 only, at once.
    Http1,
    /// h2 and HTTP/1.1, at once.
    H2,
    /// HTTP/1.1; the ClientHello is answered 40 ms late.
    FarHandshake,
    /// HTTP/1.1; the ClientHello and every answer are 40 ms late.
    FarWhole,
    /// The name that is passed through.
    Other,
}

impl Origin {
    pub(super) const ALL: [Self; 5] =
        [Self::Http1, Self::H2, Self::FarHandshake, Self::FarWhole, Self::Other];

    /// The last byte of its address.
    fn number(self) -> u8 {
        match self {
            Self::Http1 => 10,
            Self::H2 => 11,
            Self::FarHandshake => 12,
            Self::FarWhole => 13,
            Self::Other => 20,
        }
    }

    pub(super) fn ip(self) -> String {
        format!("203.0.113.{}", self.number())
    }

    /// Where a peer listens for the connections to this origin, after the redirect.
    pub(super) fn peer_port(self) -> u16 {
        8400 + u16::from(self.number())
    }

    /// The name it is asked by. One for each: connections to a name are shared, whatever address it was reached at.
    /// All but the last belong to providers that speak OpenAI's chat completions under `/v1`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Http1 => "api.openai.com",
            Self::H2 => "api.mistral.ai",
            Self::FarHandshake => "api.x.ai",
            Self::FarWhole => "api.perplexity.ai",
            Self::Other => "files.example.com",
        }
    }

    /// The origins whose traffic is intercepted.
    pub(super) fn intercepted() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|origin| *origin != Self::Other)
    }

    fn listen(self) -> String {
        let behaviour = match self {
            Self::Http1 => "alpn=h1".to_owned(),
            Self::H2 | Self::Other => "alpn=both".to_owned(),
            Self::FarHandshake => format!("alpn=h1,handshake={FAR}"),
            Self::FarWhole => format!("alpn=h1,handshake={FAR},answer={FAR}"),
        };
        format!("{}:443,{behaviour}", self.ip())
    }
}

/// The namespaces, the folder with keys, configurations and logs, and the running origin.
pub(super) struct Lab {
    /// Scratch folder; removed at the end.
    pub(super) folder: PathBuf,
    binaries: PathBuf,
    prefix: String,
    pins: Pins,
    namespaces: RefCell<Vec<String>>,
    origin: Option<Running>,
}

/// Which core runs what.
#[derive(Clone, Copy)]
struct Pins {
    proxy: Option<usize>,
    origin: Option<usize>,
    load: Option<usize>,
}

impl Pins {
    fn choose(pin: bool) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        match (pin, cores) {
            (false, _) | (_, 1) => Self { proxy: None, origin: None, load: None },
            (true, 2 | 3) => Self { proxy: Some(0), origin: Some(1), load: Some(1) },
            (true, _) => Self { proxy: Some(0), origin: Some(1), load: Some(2) },
        }
    }
}

/// What the origin counted.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct OriginCounters {
    pub(super) connections: u64,
    pub(super) requests: u64,
}

impl Lab {
    pub(super) fn new(binaries: &Path, pin: bool) -> anyhow::Result<Self> {
        sweep();
        let id = std::process::id();
        let folder = std::env::temp_dir().join(format!("interceptor-bench-{id}"));
        fs::create_dir_all(&folder)?;
        // Peers that drop to another user must still read their certificates; the keys live for one run.
        command("chmod", &["755", text(&folder)?])?;
        let mut lab = Self {
            folder,
            binaries: fs::canonicalize(binaries).with_context(|| format!("find {}", binaries.display()))?,
            prefix: format!("ivb{id}"),
            pins: Pins::choose(pin),
            namespaces: RefCell::default(),
            origin: None,
        };
        let pki = lab.folder.join("pki");
        let origin_tool = lab.binary("bench-origin")?;
        let mut arguments = vec!["pki", "--folder", text(&pki)?, "--name", UNMATCHED];
        arguments.extend(Origin::ALL.iter().flat_map(|origin| ["--name", origin.name()]));
        command(&origin_tool, &arguments)?;
        lab.origin = Some(lab.start_origin(&origin_tool)?);
        Ok(lab)
    }

    fn start_origin(&self, tool: &str) -> anyhow::Result<Running> {
        let namespace = self.namespace("origin")?;
        for origin in Origin::ALL {
            command("ip", &["-n", &namespace, "addr", "add", &format!("{}/32", origin.ip()), "dev", "lo"])?;
        }
        let mut arguments = vec![tool.to_owned(), "serve".to_owned()];
        arguments.extend(["--pki".to_owned(), text(&self.folder.join("pki"))?.to_owned()]);
        arguments.extend(["--control".to_owned(), text(&self.control())?.to_owned()]);
        for origin in Origin::ALL {
            arguments.extend(["--listen".to_owned(), origin.listen()]);
        }
        let place = Place { namespace: &namespace, cgroup: None, user: None, core: self.pins.origin };
        let running = self.start("origin", &place, &arguments)?;
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.origin_counters().is_err() {
            ensure!(Instant::now() < deadline, "the origin did not start; {}", running.log_tail());
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(running)
    }

    fn control(&self) -> PathBuf {
        self.folder.join("origin.sock")
    }

    /// The full path of one of our binaries.
    pub(super) fn binary(&self, name: &str) -> anyhow::Result<String> {
        let path = self.binaries.join(name);
        ensure!(path.is_file(), "{} is not there; build it or leave --binaries away", path.display());
        Ok(text(&path)?.to_owned())
    }

    /// Makes a namespace with a loopback and generous limits on ports, and remembers to remove it.
    pub(super) fn namespace(&self, role: &str) -> anyhow::Result<String> {
        let name = format!("{}-{role}", self.prefix);
        command("ip", &["netns", "add", &name])?;
        self.namespaces.borrow_mut().push(name.clone());
        command("ip", &["-n", &name, "link", "set", "lo", "up"])?;
        // Cold connections by the ten thousand leave as many ports in TIME_WAIT; the namespace is ours alone.
        for setting in ["ip_local_port_range=1024 65000", "tcp_tw_reuse=1"] {
            let (key, value) = setting.split_once('=').context("a setting has a value")?;
            let line = format!("echo {value} > /proc/sys/net/ipv4/{key}");
            command("nsenter", &[&format!("--net=/run/netns/{name}"), "sh", "-c", &line])?;
        }
        Ok(name)
    }

    /// The namespace of the daemon: a loopback and nothing else. The same one at every start.
    pub(super) fn daemon_namespace(&self) -> anyhow::Result<String> {
        let name = format!("{}-daemon", self.prefix);
        let made = self.namespaces.borrow().contains(&name);
        if made { Ok(name) } else { self.namespace("daemon") }
    }

    /// A namespace for clients, `number` pairs away from the others, whose only way leads to the origin.
    pub(super) fn client_namespace(&self, role: &str, number: usize) -> anyhow::Result<String> {
        let name = self.namespace(role)?;
        let origin = format!("{}-origin", self.prefix);
        let (near, far) = (4 * number + 2, 4 * number + 1);
        let far_link = format!("c{number}");
        command(
            "ip",
            &["-n", &name, "link", "add", "up0", "type", "veth", "peer", "name", &far_link, "netns", &origin],
        )?;
        for (namespace, link, last) in [(&name, "up0", near), (&origin, far_link.as_str(), far)] {
            command("ip", &["-n", namespace, "addr", "add", &format!("198.51.100.{last}/30"), "dev", link])?;
            command("ip", &["-n", namespace, "link", "set", link, "up"])?;
        }
        command("ip", &["-n", &name, "route", "add", "default", "via", &format!("198.51.100.{far}")])?;
        Ok(name)
    }

    /// Starts a program that serves until it is dropped. Its output goes to a log in the folder.
    pub(super) fn start(
        &self,
        role: &str,
        place: &Place<'_>,
        arguments: &[String],
    ) -> anyhow::Result<Running> {
        let log = self.folder.join(format!("{role}.log"));
        let output = File::options().create(true).append(true).open(&log)?;
        let mut command = place.command(arguments);
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let child = command.spawn().with_context(|| format!("start {role}"))?;
        Ok(Running { child, log })
    }

    /// Where a contender's own processes run.
    pub(super) fn proxy_place<'a>(&self, namespace: &'a str, user: Option<&'a str>) -> Place<'a> {
        Place { namespace, cgroup: None, user, core: self.pins.proxy }
    }

    /// Where what the contenders need runs, out of their way.
    pub(super) fn aside_place<'a>(&self, namespace: &'a str) -> Place<'a> {
        Place { namespace, cgroup: None, user: None, core: self.pins.origin }
    }

    /// Runs the load generator to its end and returns its result.
    pub(super) fn load(
        &self,
        namespace: &str,
        cgroup: Option<&Path>,
        arguments: &[String],
    ) -> anyhow::Result<String> {
        let mut all = vec![self.binary("bench-load")?];
        all.extend_from_slice(arguments);
        let place = Place { namespace, cgroup, user: None, core: self.pins.load };
        let mut command = place.command(&all);
        // Its errors are shown inside ours; a backtrace of the load generator would bury them.
        command.env_remove("RUST_BACKTRACE").stdin(Stdio::null());
        let output = command.output().context("run bench-load")?;
        if !output.status.success() {
            bail!("bench-load: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    pub(super) fn origin_counters(&self) -> anyhow::Result<OriginCounters> {
        let mut answer = String::new();
        UnixStream::connect(self.control())?.read_to_string(&mut answer)?;
        Ok(serde_json::from_str(&answer)?)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.origin = None;
        for name in self.namespaces.take() {
            let _ = command("ip", &["netns", "del", &name]);
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Where a process runs: namespace, control group, user and core.
pub(super) struct Place<'a> {
    pub(super) namespace: &'a str,
    pub(super) cgroup: Option<&'a Path>,
    pub(super) user: Option<&'a str>,
    pub(super) core: Option<usize>,
}

impl Place<'_> {
    /// A chain of programs that each exec the next, so that the child's id is that of the last one.
    fn command(&self, arguments: &[String]) -> Command {
        // If the benchmark is killed, what it started goes too.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]);
        if let Some(cgroup) = self.cgroup {
            command.args(["sh", "-c", r#"echo $$ > "$0/cgroup.procs" && exec "$@""#]).arg(cgroup);
        }
        if let Some(core) = self.core {
            command.args(["taskset", "-c", &core.to_string()]);
        }
        command.args(["nsenter", &format!("--net=/run/netns/{}", self.namespace)]);
        if let Some(user) = self.user {
            command.args(["setpriv", "--reuid", user, "--clear-groups", "--"]);
        }
        command.args(arguments);
        command
    }
}

/// A serving process; ends when dropped.
pub(super) struct Running {
    child: Child,
    log: PathBuf,
}

impl Running {
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended by itself.
    pub(super) fn ended(&mut self) -> anyhow::Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// The last lines of its log, for an error message.
    pub(super) fn log_tail(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let tail = lines[lines.len().saturating_sub(15)..].join("\n  ");
        format!("the end of its log:\n  {tail}")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        // Ask first: nginx and Squid have children of their own to end.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let deadline = Instant::now() + Duration::from_secs(5);
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Removes the namespaces of benchmarks that were killed.
fn sweep() {
    let Ok(entries) = fs::read_dir("/run/netns") else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let owner = name.strip_prefix("ivb").and_then(|rest| rest.split_once('-')).map(|(pid, _)| pid);
        if owner.is_some_and(|pid| pid.parse::<u32>().is_ok() && !Path::new("/proc").join(pid).exists()) {
            let _ = command("ip", &["netns", "del", name]);
        }
    }
}

/// Runs a program to its end; what it says on failure becomes the error.
pub(super) fn command(program: &str, arguments: &[&str]) -> anyhow::Result<()> {
    let output = Command::new(program).args(arguments).output().with_context(|| format!("run {program}"))?;
    ensure!(
        output.status.success(),
        "{program} {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}

pub(super) fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))
}

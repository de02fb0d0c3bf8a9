//! Our daemon, as it is deployed: in a namespace of its own, serving the clients' namespace, steered by eBPF.
//! The built-in policy inspects every call.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use crate::bench::lab::{Lab, Origin, Place, Running, command, text};

/// What sets one daemon apart from another that is measured beside it.
#[derive(Clone, Debug)]
pub(in crate::bench) struct Setting {
    /// Its name in files and namespaces.
    pub(in crate::bench) name: String,
    /// More of `spec`, in YAML on lines of their own that begin with two spaces.
    pub(in crate::bench) spec: String,
}

impl Setting {
    /// As it comes, with the built-in policy.
    pub(in crate::bench) fn standard() -> Self {
        Self { name: "interceptor".to_owned(), spec: String::new() }
    }
}

/// The control group of the load, which is intercepted, and that of the daemon beside it, as a container has one.
const LOAD: &str = "load";
const DAEMON: &str = "daemon";

/// As setpriv(1) wants them.
const CAPABILITIES: &str = "-all,+bpf,+net_admin,+sys_admin,+sys_ptrace";

/// Makes the authority and the control group whose processes are intercepted.
pub(super) fn prepare(lab: &Lab, setting: &Setting) -> anyhow::Result<PathBuf> {
    let daemon = lab.binary("interceptor")?;
    let (ca, root) = (lab.folder.join("ca"), lab.folder.join("ca-root"));
    // Daemons that are measured beside one another have one authority.
    if !ca.exists() {
        command(&daemon, &["ca", "init", "--directory", text(&ca)?, "--root-directory", text(&root)?])?;
    }
    let name = format!("interceptor-bench-{}-{}", std::process::id(), setting.name);
    let group = unified_root()?.join(name);
    for path in [&group, &group.join(LOAD), &group.join(DAEMON)] {
        fs::create_dir(path).with_context(|| format!("make the control group {}", path.display()))?;
    }
    Ok(group.join(LOAD))
}

pub(super) fn start(
    lab: &Lab,
    namespace: &str,
    cgroup: Option<&Path>,
    setting: &Setting,
) -> anyhow::Result<Running> {
    let cgroup = cgroup.context("the daemon is started after its control group is made")?;
    let name = &setting.name;
    fs::create_dir_all(lab.folder.join(format!("{name}-state")))?;
    let config = config(lab, namespace, cgroup, setting)?;
    let file = super::configuration(lab, &format!("{name}.yaml"), &config)?;
    // With the capabilities of the DaemonSet in deploy/ and no others.
    let mut arguments = vec!["setpriv", "--bounding-set", CAPABILITIES, "--inh-caps", "-all", "--"];
    let daemon = lab.binary("interceptor")?;
    arguments.extend([daemon.as_str(), "run", "--config", text(&file)?]);
    let arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
    // A namespace without any link: whatever the daemon does for a client, it must do in the client's own.
    let own = lab.daemon_namespace()?;
    let beside = cgroup.with_file_name(DAEMON);
    let place = Place { cgroup: Some(&beside), ..lab.proxy_place(&own, None) };
    lab.start(name, &place, &arguments)
}

/// What a daemon measures of itself.
pub(in crate::bench) fn metrics(lab: &Lab, setting: &Setting) -> anyhow::Result<String> {
    let socket = lab.folder.join(format!("{}-admin.sock", setting.name));
    let mut stream =
        UnixStream::connect(&socket).with_context(|| format!("connect to {}", socket.display()))?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

/// The events that a daemon has told of.
pub(in crate::bench) fn audit(lab: &Lab, setting: &Setting) -> PathBuf {
    lab.folder.join(format!("{}-audit.jsonl", setting.name))
}

/// The root that clients trust.
pub(super) fn root(lab: &Lab) -> PathBuf {
    lab.folder.join("ca").join("ca.crt")
}

/// Removes the control groups; their processes have ended with the runs.
pub(super) fn clean(cgroup: &Path) {
    for path in [cgroup.to_owned(), cgroup.with_file_name(DAEMON)] {
        let _ = fs::remove_dir(path);
    }
    let _ = cgroup.parent().map(fs::remove_dir);
}

fn config(lab: &Lab, namespace: &str, cgroup: &Path, setting: &Setting) -> anyhow::Result<String> {
    let folder = text(&lab.folder)?;
    let Setting { name, spec } = setting;
    let audit = audit(lab, setting);
    let audit = text(&audit)?;
    let cgroup = text(cgroup)?;
    let addresses: Vec<String> = Origin::ALL.iter().map(|origin| format!("\"{}\"", origin.ip())).collect();
    let addresses = addresses.join(", ");
    Ok(format!(
        "apiVersion: interceptor.dev/v1alpha1
kind: InterceptorConfig
spec:
  stateDirectory: {folder}/{name}-state
  cgroup: {cgroup}
  namespaces: [/run/netns/{namespace}]
  workers: 1
  listen: {{ port: 0 }}
  capture: {{ pins: off }}
  endpoints:
    ports: [443]
    resolvers: []
    addresses: [{addresses}]
  ca: {{ directory: {folder}/ca }}
  upstream: {{ roots: [{folder}/pki/origin-root.pem], systemRoots: false }}
  audit: {{ file: {audit} }}
  admin: {{ address: \"127.0.0.1:0\", socket: {folder}/{name}-admin.sock }}
{spec}"
    ))
}

/// Where the v2 tree is mounted; on a hybrid machine not at the usual place.
fn unified_root() -> anyhow::Result<PathBuf> {
    let mounts = fs::read_to_string("/proc/mounts").context("read /proc/mounts")?;
    let found = mounts.lines().find_map(|line| {
        let mut fields = line.split_whitespace();
        let (_, place, kind) = (fields.next()?, fields.next()?, fields.next()?);
        (kind == "cgroup2").then(|| PathBuf::from(place))
    });
    let root = found.context("no cgroup v2 tree is mounted; the daemon needs one")?;
    ensure!(root.join("cgroup.procs").exists(), "{} is not a cgroup v2 tree", root.display());
    Ok(root)
}

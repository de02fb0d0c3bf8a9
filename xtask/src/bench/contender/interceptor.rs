//! Our daemon, as it is deployed: in a namespace of its own, serving the clients' namespace, steered by eBPF.
//! The built-in policy inspects every call.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use crate::bench::lab::{Lab, Origin, Place, Running, command, text};

/// The control group of the load, which is intercepted, and that of the daemon beside it, as a container has one.
const LOAD: &str = "load";
const DAEMON: &str = "daemon";

/// As setpriv(1) wants them.
const CAPABILITIES: &str = "-all,+bpf,+net_admin,+sys_admin,+sys_ptrace";

/// Makes the authority and the control group whose processes are intercepted.
pub(super) fn prepare(lab: &Lab) -> anyhow::Result<PathBuf> {
    let daemon = lab.binary("interceptor")?;
    let (ca, root) = (lab.folder.join("ca"), lab.folder.join("ca-root"));
    command(&daemon, &["ca", "init", "--directory", text(&ca)?, "--root-directory", text(&root)?])?;
    let group = unified_root()?.join(format!("interceptor-bench-{}", std::process::id()));
    for path in [&group, &group.join(LOAD), &group.join(DAEMON)] {
        fs::create_dir(path).with_context(|| format!("make the control group {}", path.display()))?;
    }
    Ok(group.join(LOAD))
}

pub(super) fn start(lab: &Lab, namespace: &str, cgroup: Option<&Path>) -> anyhow::Result<Running> {
    let cgroup = cgroup.context("the daemon is started after its control group is made")?;
    let state = lab.folder.join("state");
    fs::create_dir_all(&state)?;
    let file = super::configuration(lab, "interceptor.yaml", &config(lab, namespace, cgroup)?)?;
    // With the capabilities of the DaemonSet in deploy/ and no others.
    let mut arguments = vec!["setpriv", "--bounding-set", CAPABILITIES, "--inh-caps", "-all", "--"];
    let daemon = lab.binary("interceptor")?;
    arguments.extend([daemon.as_str(), "run", "--config", text(&file)?]);
    let arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
    // A namespace without any link: whatever the daemon does for a client, it must do in the client's own.
    let own = lab.daemon_namespace()?;
    let beside = cgroup.with_file_name(DAEMON);
    let place = Place { cgroup: Some(&beside), ..lab.proxy_place(&own, None) };
    lab.start("interceptor", &place, &arguments)
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

fn config(lab: &Lab, namespace: &str, cgroup: &Path) -> anyhow::Result<String> {
    let folder = text(&lab.folder)?;
    let cgroup = text(cgroup)?;
    let addresses: Vec<String> = Origin::ALL.iter().map(|origin| format!("\"{}\"", origin.ip())).collect();
    let addresses = addresses.join(", ");
    Ok(format!(
        "apiVersion: interceptor.dev/v1alpha1
kind: InterceptorConfig
spec:
  stateDirectory: {folder}/state
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
  audit: {{ file: {folder}/audit.jsonl }}
  admin: {{ address: \"127.0.0.1:0\", portFile: {folder}/admin.port }}
"
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

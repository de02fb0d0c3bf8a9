//! Real pods on the laboratory's node, made by containerd's CRI plugin as kubelet makes them: each with a network
//! namespace of its own behind a bridge, below the laboratory's cgroup, from an image of the machine's own programs.
//! Knows containerd, CNI and the runtime's interface. Does not know the interceptor.

mod image;
mod message;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use interceptor::identity::grpc::Channel;
use prost::Message;
use serde_json::json;
use tokio::net::UnixDatagram;
use tokio::process::{Child, Command};
use tokio::task::LocalSet;

use self::message::{
    ById, Container, CreateContainer, ExecSync, Executed, Linux, Mount, Nothing, RunPodSandbox, Sandbox,
    SandboxName,
};
use crate::daemon::Output;
use crate::lab::Lab;
use crate::within;

/// The image that all pods run.
pub const IMAGE: &str = "localhost/lab/app:1";

/// containerd on the laboratory's node. Call [`Pods::end`] when a test is done with it.
pub struct Pods {
    child: Child,
    folder: PathBuf,
    cgroup: String,
    sandboxes: Vec<String>,
}

/// A pod with one container, which sleeps.
pub struct Pod {
    /// Identifier of the pod, as Kubernetes would give it.
    pub uid: String,
    container: String,
}

impl Pods {
    /// Starts containerd and gives it the image.
    pub async fn start(lab: &Lab) -> Result<Self> {
        let folder = lab.folder().join("pods");
        std::fs::create_dir_all(folder.join("net.d"))?;
        std::fs::write(folder.join("net.d/lab.conflist"), network(&folder))?;
        std::fs::write(folder.join("containerd.toml"), configuration(&folder))?;
        let mut command = lab.node()?.command("/usr/bin/containerd");
        command.arg("--config").arg(folder.join("containerd.toml"));
        let log = std::fs::File::create(folder.join("containerd.log"))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        // It says when it serves, to whoever started it as systemd would.
        let ready = UnixDatagram::bind(folder.join("ready"))?;
        command.env("NOTIFY_SOCKET", folder.join("ready"));
        let child = Command::from(command).kill_on_drop(true).spawn().context("start containerd")?;
        let name = lab.cgroup.path().file_name().context("a cgroup's name")?.to_string_lossy().into_owned();
        let pods = Self { child, folder, cgroup: format!("/{name}"), sandboxes: Vec::new() };
        pods.is_up(&ready).await?;
        let archive = image::write(&pods.folder, IMAGE, &["/usr/bin/sleep", "/usr/bin/curl"])?;
        let mut import = lab.node()?.command("/usr/bin/ctr");
        import.arg("--address").arg(pods.socket()).args(["--namespace", "k8s.io", "image", "import"]);
        import.arg(archive);
        let output = crate::daemon::run(import).await?;
        ensure!(output.code == Some(0), "image import: {output:?}");
        Ok(pods)
    }

    /// The runtime's socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.join("containerd.sock")
    }

    async fn is_up(&self, ready: &UnixDatagram) -> Result<()> {
        let up = async {
            let mut said = [0; 256];
            loop {
                let length = ready.recv(&mut said).await?;
                if said[..length].starts_with(b"READY=1") {
                    return Ok(());
                }
            }
        };
        let log = || std::fs::read_to_string(self.folder.join("containerd.log")).unwrap_or_default();
        within("containerd's readiness", up).await.flatten().with_context(log)
    }

    /// Runs a pod in a namespace, with labels. `mounts` are files of the machine that it sees under another name.
    pub async fn run(
        &mut self,
        namespace: &str,
        name: &str,
        labels: &[(&str, &str)],
        mounts: &[(&Path, &str)],
    ) -> Result<Pod> {
        let uid = format!("{:08x}-1111-4222-8333-{:012x}", std::process::id(), self.sandboxes.len());
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let sandbox = Sandbox {
            metadata: Some(SandboxName {
                name: name.to_owned(),
                uid: uid.clone(),
                namespace: namespace.to_owned(),
            }),
            log_directory: self.folder.display().to_string(),
            labels: labels.collect::<HashMap<_, _>>(),
            linux: Some(Linux { cgroup_parent: format!("{}/kubepods/burstable/pod{uid}", self.cgroup) }),
        };
        let question = RunPodSandbox { config: Some(sandbox.clone()) };
        let id = self.ask::<ById>("RunPodSandbox", &question).await?.id;
        self.sandboxes.push(id.clone());
        let container = Container {
            metadata: Some(ById { id: "app".to_owned() }),
            image: Some(ById { id: IMAGE.to_owned() }),
            command: vec!["/usr/bin/sleep".to_owned(), "infinity".to_owned()],
            mounts: mounts.iter().map(|(from, to)| mount(from, to)).collect(),
        };
        let question = CreateContainer { sandbox_id: id, config: Some(container), sandbox: Some(sandbox) };
        let container = self.ask::<ById>("CreateContainer", &question).await?.id;
        self.ask::<Nothing>("StartContainer", &ById { id: container.clone() }).await?;
        Ok(Pod { uid, container })
    }

    /// Runs a command in a pod's container to its end.
    pub async fn exec(&self, pod: &Pod, words: &[&str]) -> Result<Output> {
        let cmd = words.iter().map(|word| (*word).to_owned()).collect();
        let question = ExecSync { container_id: pod.container.clone(), cmd, timeout: 30 };
        let done: Executed = self.ask("ExecSync", &question).await?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(Output { code: Some(done.exit_code), stdout: text(done.stdout), stderr: text(done.stderr) })
    }

    /// Removes the pods, and ends containerd.
    pub async fn end(mut self) -> Result<()> {
        for id in std::mem::take(&mut self.sandboxes) {
            self.ask::<Nothing>("StopPodSandbox", &ById { id: id.clone() }).await?;
            self.ask::<Nothing>("RemovePodSandbox", &ById { id }).await?;
        }
        self.child.kill().await?;
        Ok(())
    }

    async fn ask<A: Message + Default>(&self, method: &str, question: &impl Message) -> Result<A> {
        let socket = self.socket();
        let method = format!("/runtime.v1.RuntimeService/{method}");
        let asked = LocalSet::new();
        let answer = asked.run_until(async {
            let mut channel = Channel::open(&socket).await?;
            channel.ask(&method, question).await
        });
        let answer = within(&method, answer).await?;
        answer.with_context(|| format!("{method}; see {}", self.folder.join("containerd.log").display()))
    }
}

impl Drop for Pods {
    /// The laboratory's cgroup takes every process with it. What is left is its name among the controllers of version 1.
    fn drop(&mut self) {
        for controller in std::fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten() {
            if controller.file_name() != "unified" {
                remove(&controller.path().join(self.cgroup.trim_start_matches('/')));
            }
        }
    }
}

fn remove(cgroup: &Path) {
    for entry in std::fs::read_dir(cgroup).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove(&entry.path());
        }
    }
    let _ = std::fs::remove_dir(cgroup);
}

fn mount(from: &Path, to: &str) -> Mount {
    Mount { container_path: to.to_owned(), host_path: from.display().to_string(), readonly: true }
}

/// A bridge on the node; the rest of the laboratory's internet knows the way back.
fn network(folder: &Path) -> String {
    json!({
        "cniVersion": "0.4.0", "name": "lab",
        "plugins": [{
            "type": "bridge", "bridge": "pods", "isGateway": true, "ipMasq": false,
            "ipam": {
                "type": "host-local", "dataDir": folder.join("leases"),
                "ranges": [[{"subnet": "198.51.100.128/26"}]], "routes": [{"dst": "0.0.0.0/0"}]
            }
        }]
    })
    .to_string()
}

/// Everything it keeps is in the folder.
fn configuration(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        r#"version = 2
root = "{folder}/root"
state = "{folder}/state"
[grpc]
  address = "{folder}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{IMAGE}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  disable_tcp_service = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{folder}/net.d"
"#
    )
}

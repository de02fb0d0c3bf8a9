//! The control plane of a real cluster: etcd and kube-apiserver, as Debian has them, in a namespace of the laboratory. What
//! the API server of `api` is held against, for the test alone says what that one answers.
//! Knows the API's conventions. There is no node, no scheduler and no controller: what these would write a test writes.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use rcgen::KeyPair;
use rustls::ClientConfig;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::client::{self, Answer, TlsStream, Wire};
use crate::netns::Namespace;
use crate::pki::Pki;
use crate::place::Place;
use crate::{gate, within};

/// The name in the server's certificate.
const NAME: &str = "kubernetes.default.svc";
/// Whoever has this may do everything. It is a secret of nobody's.
const ADMINISTRATOR: &str = "laboratory";

/// A running control plane. Dropping it ends its processes.
pub struct ControlPlane {
    namespace: Namespace,
    address: SocketAddr,
    root: String,
    tls: Arc<ClientConfig>,
    folder: PathBuf,
    server: Child,
    _etcd: Child,
}

impl ControlPlane {
    /// Starts one in a namespace, with a certificate of the laboratory's root, and waits until it is ready. There is nothing
    /// in it but what it makes itself. `folder` is its own.
    pub async fn start(namespace: &Namespace, pki: &Pki, folder: &Path) -> Result<Self> {
        let [etcd, _] = gate::control_plane().map_err(anyhow::Error::msg)?;
        std::fs::create_dir_all(folder)?;
        let (certificate, key) = pki.files(&[NAME, "127.0.0.1"])?;
        let users = format!("{ADMINISTRATOR},administrator,1,\"system:masters\"\n");
        let accounts = KeyPair::generate()?;
        for (name, content) in [
            ("server.pem", certificate),
            ("server.key", key),
            ("users.csv", users),
            ("accounts.key", accounts.serialize_pem()),
            ("accounts.pem", accounts.public_key_pem()),
        ] {
            std::fs::write(folder.join(name), content)?;
        }
        // Sockets in the folder: nobody else can take their names.
        let mut command = Place::new(namespace).command(etcd);
        command.args(["--data-dir", "etcd", "--listen-client-urls", "unix://etcd:0"]);
        command.args(["--advertise-client-urls", "unix://etcd:0", "--listen-peer-urls", "unix://peer:0"]);
        let etcd = spawn(command, folder, "etcd.log")?;
        // The server must be told a port. In a namespace of the test's own nobody takes it meanwhile.
        let address = namespace.run(|| TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr())?;
        let root = pki.root_pem();
        let mut plane = Self {
            namespace: namespace.clone(),
            address,
            tls: client::trusting(&root, &["http/1.1"])?,
            root,
            folder: folder.to_owned(),
            server: server(namespace, folder, address.port())?,
            _etcd: etcd,
        };
        plane.ready().await?;
        Ok(plane)
    }

    /// Ends the API server as a crash would. What it has stored stays.
    pub async fn stop(&mut self) -> Result<()> {
        Ok(within("the API server's end", self.server.kill()).await??)
    }

    /// Starts it again where it was.
    pub async fn resume(&mut self) -> Result<()> {
        self.server = server(&self.namespace, &self.folder, self.address.port())?;
        self.ready().await
    }

    async fn ready(&mut self) -> Result<()> {
        let search = async {
            loop {
                if let Some(status) = self.server.try_wait()? {
                    bail!("the API server ended early, {status}");
                }
                let answer = self.call("GET", "/readyz", "", "").await;
                if answer.is_ok_and(|answer| answer.head.status == 200) {
                    return Ok(());
                }
                tokio::task::yield_now().await;
            }
        };
        let ready = within("the API server", search).await.flatten();
        let log = || std::fs::read_to_string(self.folder.join("kube-apiserver.log")).unwrap_or_default();
        ready.with_context(|| format!("it wrote:\n{}", log()))
    }

    /// One request of the administrator's.
    async fn call(&self, method: &str, path: &str, kind: &str, body: &str) -> Result<Answer> {
        let stream = self.namespace.run(|| std::net::TcpStream::connect(self.address))?;
        stream.set_nonblocking(true)?;
        let stream = client::handshake(TcpStream::from_std(stream)?, NAME, &self.tls).await??;
        let mut wire: Wire<TlsStream<TcpStream>> = Wire::new(stream);
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {NAME}\r\nauthorization: Bearer {ADMINISTRATOR}\r\n\
             content-type: {kind}\r\nconnection: close"
        );
        wire.call(&head, body).await
    }

    /// Makes an object, or makes the one of its name as this one is. `collection` is its path.
    ///
    /// # Errors
    /// What the server said, if it refuses.
    pub async fn apply(&self, collection: &str, object: &Value) -> Result<Value> {
        let name = object["metadata"]["name"].as_str().context("an object has a name")?;
        self.apply_text(collection, name, &object.to_string()).await
    }

    /// The same with an object that is written down as YAML.
    ///
    /// # Errors
    /// As above.
    pub async fn apply_text(&self, collection: &str, name: &str, text: &str) -> Result<Value> {
        let path = format!("{collection}/{name}?fieldManager=test&force=true");
        accepted(&self.call("PATCH", &path, "application/apply-patch+yaml", text).await?)
    }

    /// Changes an object's status, as nodes and controllers do.
    pub async fn set_status(&self, collection: &str, name: &str, status: &Value) -> Result<Value> {
        let (path, body) = (format!("{collection}/{name}/status"), json!({"status": status}).to_string());
        accepted(&self.call("PATCH", &path, "application/merge-patch+json", &body).await?)
    }

    /// The object of this name.
    pub async fn object(&self, collection: &str, name: &str) -> Result<Value> {
        accepted(&self.call("GET", &format!("{collection}/{name}"), "application/json", "").await?)
    }

    /// Waits until the object of this name is as `wanted` says.
    pub async fn becomes(
        &self,
        collection: &str,
        name: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        let search = async {
            loop {
                let object = self.object(collection, name).await;
                match object {
                    Ok(object) if wanted(&object) => return object,
                    _ => tokio::task::yield_now().await,
                }
            }
        };
        match within(&format!("{name} to become what it should"), search).await {
            Ok(object) => Ok(object),
            Err(error) => bail!("{error:#}; it is {:?}", self.object(collection, name).await),
        }
    }

    /// A token of a service account, as pods are given it.
    pub async fn token(&self, namespace: &str, account: &str) -> Result<String> {
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token");
        let body =
            json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}).to_string();
        let answer = accepted(&self.call("POST", &path, "application/json", &body).await?)?;
        Ok(answer["status"]["token"].as_str().context("a token")?.to_owned())
    }

    /// Writes a kubeconfig for whoever has this token, and the token, into the folder.
    pub fn kubeconfig(&self, token: &str) -> Result<PathBuf> {
        let (root, file) = (self.folder.join("root.pem"), self.folder.join("token"));
        std::fs::write(&root, &self.root)?;
        std::fs::write(&file, token)?;
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "lab",
            "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "daemon"}}],
            "clusters": [{"name": "lab", "cluster": {
                "server": format!("https://{}", self.address), "certificate-authority": root, "tls-server-name": NAME
            }}],
            "users": [{"name": "daemon", "user": {"tokenFile": file}}]
        });
        let path = self.folder.join("kubeconfig");
        std::fs::write(&path, config.to_string())?;
        Ok(path)
    }
}

/// What an answer holds if it is no refusal.
fn accepted(answer: &Answer) -> Result<Value> {
    ensure!((200..300).contains(&answer.head.status), "{} {}", answer.head.status, answer.text());
    answer.json()
}

fn server(namespace: &Namespace, folder: &Path, port: u16) -> Result<Child> {
    let [_, program] = gate::control_plane().map_err(anyhow::Error::msg)?;
    let mut command = Place::new(namespace).command(program);
    command.args(["--etcd-servers", "unix://etcd:0", "--secure-port", &port.to_string()]);
    // Services and their addresses there are none; it wants to be told of them all the same.
    command.args(["--bind-address", "127.0.0.1", "--advertise-address", "192.0.2.1"]);
    command.args(["--service-cluster-ip-range", "192.0.2.0/24", "--endpoint-reconciler-type", "none"]);
    command.args(["--tls-cert-file", "server.pem", "--tls-private-key-file", "server.key"]);
    command.args(["--token-auth-file", "users.csv", "--authorization-mode", "RBAC"]);
    command.args(["--service-account-issuer", "https://kubernetes.default.svc"]);
    command.args(["--service-account-key-file", "accounts.pem"]);
    command.args(["--service-account-signing-key-file", "accounts.key"]);
    // It would have pods wait for a controller that makes accounts.
    command.args(["--disable-admission-plugins", "ServiceAccount", "--allow-privileged"]);
    spawn(command, folder, "kube-apiserver.log")
}

/// Starts a program in the folder. What it says goes to a file there.
fn spawn(mut command: std::process::Command, folder: &Path, log: &str) -> Result<Child> {
    let log = File::options().append(true).create(true).open(folder.join(log))?;
    command.current_dir(folder).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    let what = command.get_program().display().to_string();
    Command::from(command).kill_on_drop(true).spawn().with_context(|| format!("start {what}"))
}

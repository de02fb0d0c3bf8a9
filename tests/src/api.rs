//! A Kubernetes API server, as far as the daemon asks one: lists in pages, watches with bookmarks, selectors, tokens,
//! `status`, and the answers that tell what is wrong; and it fails when it is told to. A real one is in `control`.
//! Knows the API's conventions, and neither pods nor policies: a collection is what a test calls one.

mod answer;
mod request;
mod store;

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::pki::Pki;
use crate::provider::Site;
use crate::within;

use self::store::Store;

/// The name in the server's certificate.
const NAME: &str = "kubernetes.default.svc";
/// The same for those who come by address, as pods do. They send no name.
const ADDRESS: &str = "127.0.0.1";

/// Where pods are.
pub const PODS: &str = "/api/v1/pods";
/// Where namespaces are.
pub const NAMESPACES: &str = "/api/v1/namespaces";
/// Where policies are.
pub const POLICIES: &str = "/apis/interceptor.dev/v1alpha1/egresspolicies";
/// Where an operator's detectors are.
pub const DETECTORS: &str = "/apis/interceptor.dev/v1alpha1/detectorsets";
/// Where an operator's endpoints are.
pub const ENDPOINTS: &str = "/apis/interceptor.dev/v1alpha1/endpointcatalogs";

/// A running server. Dropping it ends every connection.
pub struct ApiServer {
    shared: Arc<Shared>,
    address: SocketAddr,
    root: String,
    _tasks: JoinSet<()>,
}

struct Shared {
    store: Arc<Store>,
    /// Connections are closed as soon as they are there.
    is_away: AtomicBool,
    /// Told when open connections have to end.
    cut: tokio::sync::watch::Sender<()>,
}

impl ApiServer {
    /// Serves on a listener, with a certificate of the laboratory's root. It has pods, namespaces and our own kinds, and
    /// nothing in them.
    pub fn start(listener: TcpListener, pki: &Pki) -> Result<Self> {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let tls = TlsAcceptor::from(Site::new(&[ADDRESS, NAME]).alpn(&["http/1.1"]).tls(pki)?);
        let store = Arc::new(Store::new(&[PODS, NAMESPACES, POLICIES, DETECTORS, ENDPOINTS]));
        let cut = tokio::sync::watch::Sender::new(());
        let shared = Arc::new(Shared { store, is_away: AtomicBool::new(false), cut });
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let mut tasks = JoinSet::new();
        let serving = shared.clone();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                if !serving.is_away.load(Ordering::Acquire) {
                    connections.spawn(serve(serving.clone(), tls.clone(), stream));
                }
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { shared, address, root: pki.root_pem(), _tasks: tasks })
    }

    /// Writes a kubeconfig, and the token that it names, into a folder.
    pub fn kubeconfig(&self, folder: &Path) -> Result<PathBuf> {
        let (root, token) = (folder.join("api-root.pem"), folder.join("api-token"));
        std::fs::write(&root, &self.root)?;
        std::fs::write(&token, self.shared.store.token())?;
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "lab",
            "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "daemon"}}],
            "clusters": [{"name": "lab", "cluster": {
                "server": format!("https://{}", self.address),
                "certificate-authority": root, "tls-server-name": NAME
            }}],
            "users": [{"name": "daemon", "user": {"tokenFile": token}}]
        });
        let path = folder.join("kubeconfig");
        std::fs::write(&path, config.to_string())?;
        Ok(path)
    }

    /// Writes what Kubernetes mounts into a pod with a service account into a folder, and says where the server is, as the
    /// pod's environment does.
    pub fn service_account(&self, folder: &Path) -> Result<[(&'static str, String); 2]> {
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join("ca.crt"), &self.root)?;
        std::fs::write(folder.join("token"), self.shared.store.token())?;
        std::fs::write(folder.join("namespace"), "interceptor")?;
        let (host, port) = (self.address.ip().to_string(), self.address.port().to_string());
        Ok([("KUBERNETES_SERVICE_HOST", host), ("KUBERNETES_SERVICE_PORT", port)])
    }

    /// Makes an object, or replaces the one of its name.
    pub fn put(&self, collection: &str, object: Value) {
        self.shared.store.put(collection, object);
    }

    /// Removes an object.
    pub fn delete(&self, collection: &str, name: &str) {
        self.shared.store.delete(collection, name);
    }

    /// The object of this name.
    #[must_use]
    pub fn object(&self, collection: &str, name: &str) -> Option<Value> {
        self.shared.store.object(collection, name)
    }

    /// Waits until the object of this name is as `wanted` says.
    pub async fn becomes(
        &self,
        collection: &str,
        name: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        let mut changes = self.shared.store.changes();
        let search = async {
            loop {
                if let Some(object) = self.object(collection, name).filter(|object| wanted(object)) {
                    return Ok(object);
                }
                changes.changed().await.context("the store has ended")?;
            }
        };
        let found = within(&format!("{name} to become what it should"), search).await.flatten();
        found.with_context(|| format!("it is {:?}", self.object(collection, name)))
    }

    /// Refuses every token from now on, or none but its own.
    pub fn refuse_tokens(&self, refuses: bool) {
        self.shared.store.refuse_tokens(refuses);
    }

    /// Whether a collection may be read.
    pub fn forbid(&self, collection: &str, is_forbidden: bool) {
        self.shared.store.forbid(collection, is_forbidden);
    }

    /// Removes a collection with everything in it, as a cluster's administrator removes a definition.
    pub fn undefine(&self, collection: &str) {
        self.shared.store.undefine(collection);
        self.cut();
    }

    /// Forgets what was before now: whoever wants to go on from there has to list again.
    pub fn forget_history(&self) {
        self.shared.store.forget_history();
    }

    /// Tells every watch how far it has come.
    pub fn bookmark(&self) {
        self.shared.store.bookmark();
    }

    /// Ends all connections.
    pub fn cut(&self) {
        self.shared.cut.send_replace(());
    }

    /// Ends all connections, and new ones at once, until it is told otherwise.
    pub fn set_away(&self, is_away: bool) {
        self.shared.is_away.store(is_away, Ordering::Release);
        self.cut();
    }

    /// How often a collection was asked for: lists' pages, and watches.
    #[must_use]
    pub fn asked(&self, collection: &str) -> Asked {
        self.shared.store.asked(collection)
    }

    /// Waits until a collection was asked for as `wanted` says.
    pub async fn asked_until(&self, collection: &str, wanted: impl Fn(Asked) -> bool) -> Result<Asked> {
        let mut changes = self.shared.store.changes();
        let search = async {
            while !wanted(self.asked(collection)) {
                changes.changed().await.context("the store has ended")?;
            }
            Ok(self.asked(collection))
        };
        let found = within(&format!("{collection} to be asked for"), search).await.flatten();
        found.with_context(|| format!("{:?}", self.asked(collection)))
    }
}

/// How often somebody asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Asked {
    /// Pages of lists.
    pub lists: usize,
    /// Watches.
    pub watches: usize,
    /// What was refused.
    pub refused: usize,
    /// Watches that are open now.
    pub open: usize,
}

async fn serve(shared: Arc<Shared>, tls: TlsAcceptor, stream: TcpStream) {
    let mut cut = shared.cut.subscribe();
    let service = service_fn(|request| {
        let shared = shared.clone();
        async move { Ok::<_, Infallible>(answer::to(&shared.store, request).await) }
    });
    let connection = async {
        if let Ok(stream) = tls.accept(stream).await {
            // Clients break off as they like.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        }
    };
    tokio::select! {
        () = connection => {}
        _ = cut.changed() => {}
    }
}

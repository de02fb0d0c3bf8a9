//! The cluster's API server: a connection to it, and copies of what it has that follow every change.
//! Knows the API's lists and watches. Does not know pods or policies: who needs a copy says what to keep of an object.

mod connect;
mod trouble;
mod watch;

use std::path::PathBuf;
use std::sync::mpsc::sync_channel;

use kube::Client;
use tokio::task::LocalSet;

pub use self::connect::ConnectError;
pub use self::trouble::failure;
pub use self::watch::Watch;

/// Where the API server is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClusterSpec {
    /// A kubeconfig; `None` takes what Kubernetes gives every pod that asks for it.
    pub kubeconfig: Option<PathBuf>,
}

/// A client, which has not connected yet. Has to be called on the runtime that it will be used on.
///
/// # Errors
/// What says where the server is cannot be read, or is refused.
pub async fn client(spec: &ClusterSpec) -> Result<Client, ConnectError> {
    connect::client(spec).await
}

/// Starts a thread of its own with a connection, for `work` that goes on as long as the process lives. Nothing is asked
/// before it runs: a server that is away is no reason not to start.
///
/// # Errors
/// What says where the server is cannot be read, or there is no thread.
pub fn start<W, F>(spec: &ClusterSpec, name: &'static str, work: W) -> Result<(), ConnectError>
where
    W: FnOnce(Client) -> F + Send + 'static,
    F: Future<Output = ()>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(ConnectError::Thread)?;
    let spec = spec.clone();
    let (tell, told) = sync_channel(1);
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        // Whoever starts us may be on a runtime of his own, on which nothing may wait: so the client is made here.
        LocalSet::new().block_on(&runtime, async {
            match client(&spec).await {
                Ok(client) => {
                    let _ = tell.send(Ok(()));
                    work(client).await;
                }
                Err(error) => drop(tell.send(Err(error))),
            }
        });
    });
    thread.map_err(ConnectError::Thread)?;
    // A thread that ends without a word has panicked, and said why.
    told.recv().unwrap_or_else(|_| Err(ConnectError::Thread(std::io::Error::other("the thread has ended"))))
}

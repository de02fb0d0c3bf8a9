//! Opens a TCP connection to an original destination, from the caller's network namespace.
//! Knows namespaces, addresses and deadlines. Does not know what is spoken on the connection.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::flow::{Namespace, OrigDst};

/// Why an origin could not be reached.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// No socket could be made in the caller's namespace: our side.
    #[error("no socket in namespace {namespace}")]
    Socket {
        /// The namespace's name.
        namespace: String,
        /// What the kernel said.
        #[source]
        io: io::Error,
    },
    /// The origin refused, or there is no way to it.
    #[error("{destination} could not be reached from the caller's namespace")]
    Unreachable {
        /// The original destination.
        destination: SocketAddr,
        /// What the kernel said.
        #[source]
        io: io::Error,
    },
    /// The origin did not answer in time.
    #[error("{destination} did not answer within {}s", limit.as_secs())]
    Timeout {
        /// The original destination.
        destination: SocketAddr,
        /// The limit.
        limit: Duration,
    },
}

/// Connects as the application would have: same namespace, same routes, same source address policy.
///
/// # Errors
/// See [`DialError`].
pub async fn connect(
    namespace: &Namespace,
    OrigDst(destination): OrigDst,
    limit: Duration,
) -> Result<TcpStream, DialError> {
    let socket = namespace
        .handle
        .tcp_socket(destination.ip())
        .map_err(io::Error::other)
        .flatten()
        .and_then(|socket| {
            // Small writes carry streamed tokens; none may wait for an acknowledgement.
            socket.set_tcp_nodelay(true)?;
            Ok(TcpSocket::from_std_stream(socket.into()))
        })
        .map_err(|io| DialError::Socket { namespace: namespace.name.to_string(), io })?;
    match timeout(limit, socket.connect(destination)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(io)) => Err(DialError::Unreachable { destination, io }),
        Err(_) => Err(DialError::Timeout { destination, limit }),
    }
}

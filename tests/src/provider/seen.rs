//! What the provider saw, exactly: connections with their plaintext bytes, calls with heads, bodies and trailers.
//! Knows how to wait until something has been seen. Does not know how anything is answered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, bail};
use tokio::sync::watch;

use crate::deadline;

/// One TLS connection that reached the provider.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Who connected.
    pub peer: SocketAddr,
    /// Which of the provider's addresses was called.
    pub local: SocketAddr,
    /// The name in the ClientHello.
    pub server_name: Option<String>,
    /// The protocol that ALPN chose.
    pub alpn: Option<String>,
    /// Whether a ticket of an earlier connection was used.
    pub resumed: bool,
    /// Why the handshake failed, when it did.
    pub failure: Option<String>,
    /// Every decrypted byte received, in order.
    pub received: Vec<u8>,
    /// Whether the peer ended its direction, cleanly or not.
    pub ended: bool,
}

/// How far the provider is with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Not yet sent completely.
    Pending,
    /// Handed to the connection to the last byte.
    Complete,
    /// Dropped half-way: the other side went away, or the test asked for it.
    Dropped,
}

/// One HTTP request that reached the provider.
#[derive(Clone, Debug)]
pub struct Call {
    /// Index into [`Seen::connections`].
    pub connection: usize,
    /// `HTTP/1.1`, `HTTP/2.0`.
    pub version: String,
    /// The method.
    pub method: String,
    /// Path and query; for HTTP/2 with scheme and authority in front.
    pub target: String,
    /// Names in lower case, in order of arrival.
    pub headers: Vec<(String, String)>,
    /// The body as framed by HTTP (content codings are not undone).
    pub body: Vec<u8>,
    /// Trailers, in order.
    pub trailers: Vec<(String, String)>,
    /// `None` while the body arrives, then whether it ended as it should.
    pub whole: Option<bool>,
    /// How far the answer is.
    pub answer: Answer,
    /// When the head had arrived.
    pub at: Instant,
}

impl Call {
    /// The first value of a header, by lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// Everything seen so far.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// In the order in which they were accepted.
    pub connections: Vec<Connection>,
    /// In the order in which their heads arrived.
    pub calls: Vec<Call>,
}

/// The shared record. Clones write to and read from the same one.
#[derive(Clone)]
pub struct Record(Arc<watch::Sender<Seen>>);

impl Default for Record {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Seen::default())))
    }
}

impl Record {
    /// A copy of everything seen so far.
    #[must_use]
    pub fn seen(&self) -> Seen {
        self.0.borrow().clone()
    }

    /// Waits until `condition` holds and returns everything seen by then.
    ///
    /// # Errors
    /// When it does not hold within the laboratory's deadline; `what` is named in the message.
    pub async fn until(&self, what: &str, condition: impl FnMut(&Seen) -> bool) -> Result<Seen> {
        let mut changes = self.0.subscribe();
        let waited = tokio::time::timeout(deadline(), changes.wait_for(condition)).await;
        match waited {
            Ok(Ok(seen)) => Ok(seen.clone()),
            Ok(Err(_)) => bail!("the provider ended before it saw {what}"),
            Err(_) => {
                let seen = self.0.borrow();
                let (connections, calls) = (seen.connections.len(), seen.calls.len());
                bail!("the provider never saw {what}; it saw {connections} connections and {calls} calls")
            }
        }
    }

    /// Waits for call number `index` (from 0) to be received completely, and returns it.
    pub async fn call(&self, index: usize) -> Result<Call> {
        let done = |seen: &Seen| seen.calls.get(index).is_some_and(|call| call.whole.is_some());
        let mut seen = self.until(&format!("the whole of call {index}"), done).await?;
        Ok(seen.calls.swap_remove(index))
    }

    pub(super) fn open(&self, peer: SocketAddr, local: SocketAddr) -> usize {
        self.edit(|seen| {
            seen.connections.push(Connection {
                peer,
                local,
                server_name: None,
                alpn: None,
                resumed: false,
                failure: None,
                received: Vec::new(),
                ended: false,
            });
            seen.connections.len() - 1
        })
    }

    pub(super) fn connection(&self, index: usize, change: impl FnOnce(&mut Connection)) {
        self.edit(|seen| change(&mut seen.connections[index]));
    }

    pub(super) fn begin(&self, call: Call) -> usize {
        self.edit(|seen| {
            seen.calls.push(call);
            seen.calls.len() - 1
        })
    }

    pub(super) fn edit_call(&self, index: usize, change: impl FnOnce(&mut Call)) {
        self.edit(|seen| change(&mut seen.calls[index]));
    }

    pub(super) fn read_call<T>(&self, index: usize, read: impl FnOnce(&Call) -> T) -> T {
        read(&self.0.borrow().calls[index])
    }

    fn edit<T>(&self, change: impl FnOnce(&mut Seen) -> T) -> T {
        let mut result = None;
        self.0.send_modify(|seen| result = Some(change(seen)));
        result.expect("send_modify calls its closure once")
    }
}

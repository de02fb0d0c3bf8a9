//! Accepts redirected connections in one namespace and finds out where each wanted to go.
//! Knows listeners and the flow table. Does not read from a connection.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;

use super::flow::{Flow, Namespace, OrigDst};
use super::worker::{self, Crew, Order, Worker};
use super::{passthrough, pulse};
use crate::telemetry::event::{Capture, Dropped, Event};

/// What the kernel recorded when a connection was redirected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Where the application wanted to go.
    pub destination: SocketAddr,
    /// When it called, of `CLOCK_MONOTONIC`.
    pub at: Duration,
    /// Whether a configured proxy listens there.
    pub is_proxy: bool,
    /// The cgroup of the task that called connect().
    pub cgroup: u64,
    /// Its process.
    pub pid: u32,
    /// Its user.
    pub uid: u32,
    /// Its name.
    pub comm: Arc<str>,
}

/// Where redirected connections are recorded. The kernel's map in the daemon, a table in tests.
pub trait Flows: Send + Sync {
    /// Takes out the record of the connection that comes from `peer` in the namespace `cookie`.
    ///
    /// # Errors
    /// The table cannot be read.
    fn take(&self, cookie: u64, peer: SocketAddr) -> io::Result<Option<Recorded>>;

    /// When a process that is recorded last executed a program; zero if not since it first connected. `None` if nobody
    /// can tell.
    fn executed(&self, pid: u32) -> Option<Duration>;
}

/// A connection on its way to the worker that will serve it.
pub struct Arrival {
    /// The socket, without a reactor.
    pub stream: std::net::TcpStream,
    /// Whose it is.
    pub flow: Flow,
}

/// An accept loop.
pub struct Acceptor {
    /// The worker it runs on.
    pub index: usize,
    /// All workers.
    pub crew: Crew,
    /// Where it listens.
    pub namespace: Arc<Namespace>,
    /// Where destinations are found.
    pub flows: Arc<dyn Flows>,
    /// The worker it runs on.
    pub worker: Rc<Worker>,
}

/// How long to leave the listener alone when accepting fails, for want of file descriptors above all.
const BREATH: Duration = Duration::from_millis(20);

impl Acceptor {
    /// Accepts until the task or the worker is ended.
    pub async fn run(self, listener: TcpListener) {
        let listener = match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => return failed(&self.worker, &error),
        };
        let drain = self.worker.drain.clone();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = drain.begun() => break,
            };
            match accepted {
                Ok((stream, peer)) => self.arrived(stream, peer),
                Err(error) => self.not_accepted(&error, &listener).await,
            }
        }
        // What was redirected before the end began is waiting already. It is ours to serve.
        self.take_waiting(&listener);
    }

    /// Asks the kernel itself: the reactor may not have heard of the last ones yet.
    fn take_waiting(&self, listener: &tokio::net::TcpListener) {
        while let Ok((socket, peer)) = SockRef::from(listener).accept() {
            let Some(peer) = peer.as_socket() else { continue };
            let stream = std::net::TcpStream::from(socket);
            match stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream)) {
                Ok(stream) => self.arrived(stream, peer),
                Err(error) => failed(&self.worker, &error),
            }
        }
    }

    async fn not_accepted(&self, error: &io::Error, listener: &tokio::net::TcpListener) {
        failed(&self.worker, error);
        if pulse::is_exhausted(error) {
            self.worker.pulse.stop();
            self.worker.pulse.without_spare(|| self.shed(listener));
        }
        tokio::time::sleep(BREATH).await;
    }

    /// Resets what waits in the backlog: an application is told at once, instead of waiting for a descriptor that
    /// may not come. What connects from now on meets its fail policy.
    fn shed(&self, listener: &tokio::net::TcpListener) {
        let listener = SockRef::from(listener);
        while let Ok((stream, peer)) = listener.accept() {
            // The record would wait for the next connection with this source port.
            let recorded = peer.as_socket().map(|peer| self.flows.take(self.namespace.cookie, peer));
            if let Some(Ok(Some(recorded))) = recorded {
                dropped(&self.worker, recorded.cgroup, Dropped::Exhausted);
            }
            let _ = stream.set_linger(Some(Duration::ZERO));
        }
    }

    fn arrived(&self, stream: TcpStream, peer: SocketAddr) {
        let recorded = match self.flows.take(self.namespace.cookie, peer) {
            Ok(Some(recorded)) => recorded,
            // Nobody may use the listener as a way to anywhere: without a record there is no destination.
            Ok(None) | Err(_) => {
                passthrough::reset(&stream);
                return self.worker.shared.telemetry.record(Event::Capture(Capture::FlowMissed));
            }
        };
        self.worker.shared.telemetry.record(Event::ConnectionBegan { cgroup: recorded.cgroup });
        // Streamed tokens are small writes; none may wait for an acknowledgement.
        let _ = stream.set_nodelay(true);
        let flow = Flow {
            id: self.worker.shared.next_id(),
            namespace: self.namespace.clone(),
            destination: OrigDst(recorded.destination),
            is_proxy: recorded.is_proxy,
            caller: Arc::new(self.worker.shared.identities.caller(
                self.namespace.cookie,
                &self.namespace.name,
                &recorded,
                |pid| self.flows.executed(pid),
            )),
        };
        let taker = self.crew.taker(self.index);
        if taker == self.index {
            return worker::serve(&self.worker, stream, flow, self.crew.0[taker].counter());
        }
        match stream.into_std() {
            Ok(stream) => self.crew.0[taker].order(Order::Take(Arrival { stream, flow })),
            Err(error) => {
                failed(&self.worker, &error);
                dropped(&self.worker, recorded.cgroup, Dropped::NotTaken);
            }
        }
    }
}

/// Tells that a redirected connection is not served.
pub(super) fn dropped(worker: &Worker, cgroup: u64, why: Dropped) {
    worker.shared.telemetry.record(Event::Capture(Capture::FlowDropped { cgroup, why }));
}

/// Tells that a connection was lost before it could be served.
pub(super) fn failed(worker: &Worker, error: &io::Error) {
    worker.shared.telemetry.record(Event::Capture(Capture::AcceptFailed(error.kind())));
}

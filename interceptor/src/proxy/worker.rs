//! One worker: a thread with a runtime of its own, on which connections live and die.
//! Knows how connections arrive and how they are ended at shutdown. Does not know what they carry.

use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::LocalSet;

use super::accept::{self, Arrival, Flows};
use super::connection;
use super::drain::Drain;
use super::flow::Namespace;
use super::shared::Shared;
use super::upstream::Pool;

/// What the tasks of one worker share.
pub struct Worker {
    /// The daemon's shared parts.
    pub shared: Arc<Shared>,
    /// This worker's warm upstream connections.
    pub pool: Pool,
    /// Tells its connections to finish.
    pub drain: Rc<Drain>,
}

/// What a worker is asked to do.
pub enum Order {
    /// Accept in a namespace.
    Listen {
        /// Where.
        namespace: Arc<Namespace>,
        /// With what: listeners that were made inside it.
        listeners: Vec<TcpListener>,
    },
    /// Stop accepting in a namespace and forget its upstream connections.
    Leave {
        /// Its cookie.
        cookie: u64,
    },
    /// Take a connection that another worker accepted.
    Take(Arrival),
    /// Stop accepting, and end when the last connection has.
    Drain,
}

/// The outside of a worker.
#[derive(Debug, Clone)]
pub struct Handle {
    orders: UnboundedSender<Order>,
    /// Connections it holds.
    load: Arc<AtomicUsize>,
}

impl Handle {
    /// Gives an order. A worker that has ended takes none, which happens only at shutdown.
    pub fn order(&self, order: Order) {
        let _ = self.orders.send(order);
    }

    /// The count behind [`Handle::load`].
    pub(super) fn counter(&self) -> &Arc<AtomicUsize> {
        &self.load
    }

    /// Connections the worker holds.
    pub fn load(&self) -> usize {
        self.load.load(Ordering::Relaxed)
    }
}

/// All workers, in the same order for each of them.
#[derive(Debug, Clone)]
pub struct Crew(pub Arc<Vec<Handle>>);

impl Crew {
    /// Starts `count` workers.
    ///
    /// # Errors
    /// A thread or runtime could not be made.
    pub fn start(
        count: usize,
        shared: &Arc<Shared>,
        flows: &Arc<dyn Flows>,
    ) -> std::io::Result<(Self, Vec<JoinHandle<()>>)> {
        let (handles, inboxes): (Vec<_>, Vec<_>) = (0..count)
            .map(|_| {
                let (orders, inbox) = unbounded_channel();
                (Handle { orders, load: Arc::default() }, inbox)
            })
            .unzip();
        let crew = Self(Arc::new(handles));
        let threads = inboxes
            .into_iter()
            .enumerate()
            .map(|(index, inbox)| start(index, inbox, crew.clone(), shared.clone(), flows.clone()))
            .collect::<std::io::Result<_>>()?;
        Ok((crew, threads))
    }

    /// Who should take a connection that `own` has accepted: itself, unless somebody has clearly less to do.
    pub fn taker(&self, own: usize) -> usize {
        let load = self.0[own].load();
        let (least, minimum) = self
            .0
            .iter()
            .enumerate()
            .map(|(i, handle)| (i, handle.load()))
            .min_by_key(|(_, load)| *load)
            .unwrap_or((own, load));
        // A hand-over costs a wake-up; it pays when the difference is more than chance.
        if minimum + minimum / 8 + 2 < load { least } else { own }
    }

    /// Gives the same order to all.
    pub fn drain(&self) {
        self.0.iter().for_each(|handle| handle.order(Order::Drain));
    }
}

fn start(
    index: usize,
    inbox: UnboundedReceiver<Order>,
    crew: Crew,
    shared: Arc<Shared>,
    flows: Arc<dyn Flows>,
) -> std::io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name(format!("worker-{index}")).spawn(move || {
        let local = LocalSet::new();
        let worker = Rc::new(Worker { shared, pool: Pool::default(), drain: Rc::default() });
        local.block_on(&runtime, run(index, worker, inbox, crew, flows));
    })
}

/// How often unused upstream connections are looked at.
const SWEEP: Duration = Duration::from_secs(5);

async fn run(
    index: usize,
    worker: Rc<Worker>,
    mut inbox: UnboundedReceiver<Order>,
    crew: Crew,
    flows: Arc<dyn Flows>,
) {
    let mut listening: Vec<(u64, tokio::task::JoinHandle<()>)> = Vec::new();
    let mut sweep = tokio::time::interval(SWEEP);
    let load = crew.0[index].load.clone();
    loop {
        let order = tokio::select! {
            order = inbox.recv() => order,
            _ = sweep.tick() => {
                worker.pool.sweep(worker.shared.limits.upstream_idle);
                continue;
            }
        };
        match order {
            Some(Order::Listen { namespace, listeners }) => {
                for listener in listeners {
                    let acceptor = accept::Acceptor {
                        index,
                        crew: crew.clone(),
                        namespace: namespace.clone(),
                        flows: flows.clone(),
                        worker: worker.clone(),
                    };
                    listening.push((namespace.cookie, tokio::task::spawn_local(acceptor.run(listener))));
                }
            }
            Some(Order::Leave { cookie }) => {
                listening.retain(|(owner, task)| {
                    if *owner == cookie {
                        task.abort();
                    }
                    *owner != cookie
                });
                worker.pool.forget(cookie);
            }
            Some(Order::Take(arrival)) => take(&worker, arrival, &load),
            Some(Order::Drain) | None => break,
        }
    }
    listening.iter().for_each(|(_, task)| task.abort());
    worker.drain.begin();
    drain(&load, worker.shared.limits.drain).await;
}

/// Starts serving a connection on this worker.
pub(super) fn take(worker: &Rc<Worker>, arrival: Arrival, load: &Arc<AtomicUsize>) {
    let stream = match tokio::net::TcpStream::from_std(arrival.stream) {
        Ok(stream) => stream,
        // The reactor has no room for it. Dropping it resets the connection, which says as much.
        Err(error) => return accept::failed(worker, &error),
    };
    serve(worker, stream, arrival.flow, load);
}

/// Starts serving a connection that already belongs to this worker's reactor.
pub(super) fn serve(
    worker: &Rc<Worker>,
    stream: tokio::net::TcpStream,
    flow: super::flow::Flow,
    load: &Arc<AtomicUsize>,
) {
    load.fetch_add(1, Ordering::Relaxed);
    let (worker, load) = (worker.clone(), Counted(load.clone()));
    tokio::task::spawn_local(async move {
        connection::run(worker, stream, flow).await;
        drop(load);
    });
}

/// Gives the count back however the task ends.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Waits for the last connection, at most for the drain limit.
async fn drain(load: &AtomicUsize, limit: Duration) {
    let deadline = tokio::time::Instant::now() + limit;
    let mut tick = tokio::time::interval(Duration::from_millis(50));
    while load.load(Ordering::Relaxed) > 0 && tokio::time::Instant::now() < deadline {
        tick.tick().await;
    }
}

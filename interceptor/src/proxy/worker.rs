//! One worker: a thread with a runtime of its own, on which connections live and die.
//! Knows how connections arrive and how they are ended at shutdown. Does not know what they carry.

use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::LocalSet;
use tokio::time::MissedTickBehavior;

use super::accept::{self, Arrival, Flows};
use super::connection;
use super::drain::Drain;
use super::flow::Namespace;
use super::pulse::{BEAT, LastBeat, Pulse};
use super::shared::Shared;
use super::upstream::Pool;
use crate::bpf::Heartbeats;
use crate::telemetry::event::Dropped;

/// What the tasks of one worker share.
pub struct Worker {
    /// The daemon's shared parts.
    pub shared: Arc<Shared>,
    /// This worker's warm upstream connections.
    pub pool: Pool,
    /// Tells its connections to finish.
    pub drain: Rc<Drain>,
    /// Tells the kernel side that it accepts.
    pub(super) pulse: Pulse,
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
    /// The same, but another daemon accepts from the same listeners and gives the signs of life.
    Relieve,
}

/// The outside of a worker.
#[derive(Debug, Clone)]
pub struct Handle {
    orders: UnboundedSender<Order>,
    /// Connections it holds.
    load: Arc<AtomicUsize>,
    last_beat: LastBeat,
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
    /// Starts `count` workers, and waits until each has given its first sign of life.
    ///
    /// # Errors
    /// A thread or runtime could not be made.
    pub fn start(
        count: usize,
        shared: &Arc<Shared>,
        flows: &Arc<dyn Flows>,
        beats: &Heartbeats,
    ) -> std::io::Result<(Self, Vec<JoinHandle<()>>)> {
        let epoch = Instant::now();
        let (handles, inboxes): (Vec<_>, Vec<_>) = (0..count)
            .map(|_| {
                let (orders, inbox) = unbounded_channel();
                (Handle { orders, load: Arc::default(), last_beat: LastBeat::new(epoch) }, inbox)
            })
            .unzip();
        let crew = Self(Arc::new(handles));
        let (alive, started) = std::sync::mpsc::channel();
        let threads = (0..).zip(crew.0.iter()).zip(inboxes).map(|((number, handle), inbox)| {
            let pulse = Pulse::new(number, beats.clone(), handle.last_beat.clone());
            let start =
                Start { index: number as usize, inbox, pulse, crew: crew.clone(), flows: flows.clone() };
            start.spawn(shared.clone(), alive.clone())
        });
        let threads = threads.collect::<std::io::Result<_>>()?;
        drop(alive);
        // Ends when each has sent, or has ended.
        while started.recv().is_ok() {}
        Ok((crew, threads))
    }

    /// Who should take a connection that `own` has accepted: itself, unless somebody has clearly less to do.
    pub fn taker(&self, own: usize) -> usize {
        let load = self.0[own].load();
        let (least, minimum) = self
            .0
            .iter()
            .enumerate()
            // One that hangs would look idle for ever.
            .filter(|(_, handle)| handle.last_beat.is_recent())
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

    /// Has all of them end, while another daemon goes on with their listeners.
    pub fn relieve(&self) {
        self.0.iter().for_each(|handle| handle.order(Order::Relieve));
    }
}

/// What a worker is started with.
struct Start {
    index: usize,
    inbox: UnboundedReceiver<Order>,
    pulse: Pulse,
    crew: Crew,
    flows: Arc<dyn Flows>,
}

impl Start {
    fn spawn(self, shared: Arc<Shared>, alive: Sender<()>) -> std::io::Result<JoinHandle<()>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name(format!("worker-{}", self.index)).spawn(move || {
            self.pulse.beat();
            // Whoever starts us may have given up meanwhile.
            let _ = alive.send(());
            drop(alive);
            let worker = Worker { shared, pool: Pool::default(), drain: Rc::default(), pulse: self.pulse };
            let run = Run { index: self.index, worker: Rc::new(worker), crew: self.crew, flows: self.flows };
            LocalSet::new().block_on(&runtime, run.orders(self.inbox));
        })
    }
}

/// How often unused upstream connections are looked at.
const SWEEP: Duration = Duration::from_secs(5);

/// A worker at work.
struct Run {
    index: usize,
    worker: Rc<Worker>,
    crew: Crew,
    flows: Arc<dyn Flows>,
}

/// The accept loops of a worker, by the cookie of their namespace.
type Listening = Vec<(u64, tokio::task::JoinHandle<()>)>;

impl Run {
    async fn orders(self, mut inbox: UnboundedReceiver<Order>) {
        let mut listening = Listening::new();
        let mut sweep = tokio::time::interval(SWEEP);
        let mut beat = tokio::time::interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let order = tokio::select! {
                order = inbox.recv() => order,
                _ = beat.tick() => {
                    self.worker.pulse.beat();
                    continue;
                }
                _ = sweep.tick() => {
                    self.worker.pool.sweep(self.worker.shared.limits.upstream_idle);
                    continue;
                }
            };
            match order {
                Some(Order::Drain) | None => {
                    self.worker.pulse.stop();
                    break;
                }
                Some(Order::Relieve) => break,
                Some(order) => self.obey(order, &mut listening),
            }
        }
        self.end(listening).await;
    }

    fn obey(&self, order: Order, listening: &mut Listening) {
        match order {
            Order::Listen { namespace, listeners } => {
                for listener in listeners {
                    let acceptor = accept::Acceptor {
                        index: self.index,
                        crew: self.crew.clone(),
                        namespace: namespace.clone(),
                        flows: self.flows.clone(),
                        worker: self.worker.clone(),
                    };
                    listening.push((namespace.cookie, tokio::task::spawn_local(acceptor.run(listener))));
                }
            }
            Order::Leave { cookie } => {
                listening.retain(|(owner, task)| {
                    if *owner == cookie {
                        task.abort();
                    }
                    *owner != cookie
                });
                self.worker.pool.forget(cookie);
            }
            Order::Take(arrival) => take(&self.worker, arrival, &self.crew.0[self.index].load),
            Order::Drain | Order::Relieve => {}
        }
    }

    /// What waits is taken, and what is open may finish.
    async fn end(&self, listening: Listening) {
        self.worker.drain.begin();
        for (_, task) in listening {
            // An accept loop that panicked has told so already.
            let _ = task.await;
        }
        drain(&self.crew.0[self.index].load, self.worker.shared.limits.drain).await;
    }
}

/// Starts serving a connection on this worker.
pub(super) fn take(worker: &Rc<Worker>, arrival: Arrival, load: &Arc<AtomicUsize>) {
    let stream = match tokio::net::TcpStream::from_std(arrival.stream) {
        Ok(stream) => stream,
        // The reactor has no room for it. Dropping it resets the connection, which says as much.
        Err(error) => {
            accept::failed(worker, &error);
            return accept::dropped(worker, arrival.flow.caller.cgroup, Dropped::NotTaken);
        }
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

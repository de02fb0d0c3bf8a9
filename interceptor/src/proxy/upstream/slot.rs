//! The connections of one key: spare HTTP/1.1 connections and shared HTTP/2 ones.
//! Knows which connection to use next. Does not know how to make one.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::connection::{H2, Http1, Protocol, Sender, Spare};

/// The connections of one [`super::Key`].
pub struct Slot {
    /// Unused HTTP/1.1 connections, the most recently used last: the others get a chance to time out.
    spare: Spare<(Http1, Instant)>,
    /// HTTP/2 connections, each shared by many exchanges.
    shared: RefCell<Vec<(H2, Instant)>>,
    keep: usize,
    /// What the last dial found the provider to speak.
    pub(super) speaks: Cell<Option<Protocol>>,
    /// Dials under way; whoever finds one waits for it instead of dialling a second HTTP/2 connection.
    pub(super) dialling: Cell<bool>,
    pub(super) dialled: tokio::sync::Notify,
}

/// Exchanges that share one HTTP/2 connection: what nearly every server allows (RFC 9113 recommends no less). A
/// server that allows fewer makes the others wait, which hyper does for us.
const STREAMS: usize = 100;

/// Far longer than a task of this thread waits for its turn, far shorter than a dial to a provider takes.
const SOON: Duration = Duration::from_millis(5);

/// The right to one exchange on a connection. Dropped before the exchange is over, it takes an HTTP/1.1
/// connection with it: nobody knows what would come next on it.
pub struct Lease {
    /// The connection.
    pub sender: Option<Sender>,
    /// Whether the connection was already open.
    pub reused: bool,
    slot: Rc<Slot>,
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Slot({} spare, {} shared)", self.spare.borrow().len(), self.shared.borrow().len())
    }
}

impl Slot {
    pub(super) fn new(keep: usize) -> Self {
        Self {
            spare: Spare::default(),
            shared: RefCell::default(),
            keep,
            speaks: Cell::new(None),
            dialling: Cell::new(false),
            dialled: tokio::sync::Notify::new(),
        }
    }

    /// What is spoken on a connection that is open right now, if there is one.
    pub fn warm(&self) -> Option<Protocol> {
        if self.shared.borrow().iter().any(|(h2, _)| !h2.is_closed()) {
            return Some(Protocol::H2);
        }
        let mut spare = self.spare.borrow_mut();
        while spare.last().is_some_and(|(http1, _)| http1.is_closed()) {
            spare.pop();
        }
        (!spare.is_empty()).then_some(Protocol::Http1)
    }

    /// Takes a connection that is open and free.
    pub fn take(self: &Rc<Self>) -> Option<Lease> {
        if let Some(sender) = self.take_shared() {
            return Some(self.lease(Sender::H2(sender), true));
        }
        let mut spare = self.spare.borrow_mut();
        spare.retain(|(http1, _)| !http1.is_closed());
        let at = spare.iter().rposition(|(http1, _)| http1.is_ready())?;
        let (http1, _) = spare.remove(at);
        drop(spare);
        Some(self.lease(Sender::Http1(http1), true))
    }

    /// Takes a connection that is open and about to be free: it was just dialled, or its last answer just ended,
    /// and its task has not run since. One that stays busy, because its last request is still on its way, is
    /// given up.
    pub async fn take_soon(self: &Rc<Self>) -> Option<Lease> {
        let (mut http1, _) = self.spare.borrow_mut().pop()?;
        match tokio::time::timeout(SOON, http1.ready()).await {
            Ok(true) => Some(self.lease(Sender::Http1(http1), true)),
            Ok(false) | Err(_) => None,
        }
    }

    fn take_shared(&self) -> Option<H2> {
        let mut shared = self.shared.borrow_mut();
        shared.retain(|(h2, _)| !h2.is_closed());
        // The least loaded one, so that one slow provider stream does not gather all others behind it.
        let (h2, used) = shared
            .iter_mut()
            .filter(|(h2, _)| h2.load.get() < STREAMS)
            .min_by_key(|(h2, _)| h2.load.get())?;
        *used = Instant::now();
        Some(h2.share())
    }

    /// A lease on a connection.
    pub(super) fn lease(self: &Rc<Self>, sender: Sender, reused: bool) -> Lease {
        if let Sender::H2(h2) = &sender {
            h2.load.set(h2.load.get() + 1);
        }
        Lease { sender: Some(sender), reused, slot: self.clone() }
    }

    /// Adds a new HTTP/2 connection.
    pub(super) fn add_shared(&self, h2: &H2) {
        self.shared.borrow_mut().push((h2.share(), Instant::now()));
    }

    /// Keeps an HTTP/1.1 connection for later.
    pub(super) fn add_spare(&self, http1: Http1) {
        let mut spare = self.spare.borrow_mut();
        if spare.len() < self.keep && !http1.is_closed() {
            spare.push((http1, Instant::now()));
        }
    }

    pub(super) fn sweep(&self, idle: Duration) {
        let now = Instant::now();
        self.spare
            .borrow_mut()
            .retain(|(http1, used)| !http1.is_closed() && now.duration_since(*used) < idle);
        self.shared
            .borrow_mut()
            .retain(|(h2, used)| !h2.is_closed() && (h2.load.get() > 0 || now.duration_since(*used) < idle));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.spare.borrow().is_empty() && self.shared.borrow().is_empty()
    }
}

impl Lease {
    /// The connection, while the exchange runs.
    pub fn sender(&mut self) -> &mut Sender {
        self.sender.as_mut().expect("a lease holds its connection until it is released or dropped")
    }

    /// The exchange is over and its answer was read to the end.
    pub fn release(mut self) {
        if let Some(Sender::Http1(_)) = &self.sender
            && let Some(Sender::Http1(http1)) = self.sender.take()
        {
            self.slot.add_spare(http1);
        }
    }

    /// Takes the connection out for good, as an upgrade does.
    pub fn into_sender(mut self) -> Sender {
        self.sender.take().expect("a lease holds its connection until it is released or dropped")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(Sender::H2(h2)) = &self.sender {
            h2.load.set(h2.load.get().saturating_sub(1));
        }
    }
}

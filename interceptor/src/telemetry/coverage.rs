//! Counts what became of redirected connections, by workload. Knows events; the kernel's half of the account, and the
//! names of workloads, are joined to it elsewhere.
//!
//! A workload is a cgroup id, which the kernel does not use again while the machine runs. What is kept of each is
//! bounded, because reasons come from closed enums; so is the number of workloads. Those that find no room share one
//! account, for good: what began in it must end in it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::event::{Capture, Connection, Dropped, Ending, Event, Label, Outcome, Route};

/// Workloads with an account of their own: as many as the kernel side's map has counts.
const WORKLOADS: usize = 16_384;

/// What became of one connection, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// Terminated, and each of its exchanges inspected.
    Inspected,
    /// Copied unread.
    Passed(&'static str),
    /// Refused by the daemon: by a rule about connections, not by policy about what they carry.
    Refused(&'static str),
    /// Ended before anything was served: the application or the origin would not, or could not.
    Failed(&'static str),
    /// Never given to a worker.
    Dropped(&'static str),
}

/// The account of one workload.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// Connections that have begun and not ended.
    pub open: u64,
    /// Of the exchanges on inspected connections, those that left HTTP: uninspected from there on.
    pub upgraded: u64,
    /// Of the connections that have ended, those that went through a proxy.
    pub tunnelled: u64,
    /// The rest, by what became of them.
    pub fates: BTreeMap<Fate, u64>,
}

impl Account {
    /// Connections that this account knows of.
    pub fn total(&self) -> u64 {
        self.open + self.fates.values().sum::<u64>()
    }

    fn ended(&mut self, fate: Fate) {
        // Whatever ends has begun, and was told of in this order.
        self.open = self.open.saturating_sub(1);
        *self.fates.entry(fate).or_default() += 1;
    }
}

/// All accounts at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accounts {
    /// By cgroup id.
    pub workloads: HashMap<u64, Account>,
    /// Those that found no room, if there are any.
    pub others: Option<Account>,
}

impl Accounts {
    fn of(&mut self, cgroup: u64, room: usize) -> &mut Account {
        let is_new = !self.workloads.contains_key(&cgroup);
        if is_new && (self.others.is_some() || self.workloads.len() >= room) {
            return self.others.get_or_insert_default();
        }
        self.workloads.entry(cgroup).or_default()
    }
}

/// Keeps the accounts.
#[derive(Debug)]
pub struct Coverage {
    accounts: Mutex<Accounts>,
    room: usize,
}

impl Default for Coverage {
    fn default() -> Self {
        Self { accounts: Mutex::default(), room: WORKLOADS }
    }
}

impl Coverage {
    /// Counts an event.
    pub fn count(&self, event: &Event) {
        match event {
            Event::ConnectionBegan { cgroup } => self.change(*cgroup, |account| account.open += 1),
            Event::ConnectionEnded(ended) => {
                self.change(ended.caller.cgroup, |account| {
                    account.ended(fate(ended));
                    account.tunnelled += u64::from(ended.tunnel.is_some());
                });
            }
            Event::ExchangeEnded(ended) if ended.ending == Ending::Upgraded => {
                self.change(ended.caller.cgroup, |account| account.upgraded += 1);
            }
            Event::Capture(Capture::FlowDropped { cgroup, why }) => self.change(*cgroup, |account| {
                let fate = Fate::Dropped(why.label());
                match why {
                    Dropped::NotTaken => account.ended(fate),
                    Dropped::NotAccepted | Dropped::Exhausted => {
                        *account.fates.entry(fate).or_default() += 1;
                    }
                }
            }),
            // The kernel's half of the account has them.
            Event::ConnectRefused(_) => {}
            Event::ExchangeEnded(_) | Event::Capture(_) | Event::Reloaded(_) => {}
        }
    }

    /// The accounts as they are now.
    pub fn read(&self) -> Accounts {
        self.lock().clone()
    }

    /// Closes the accounts of workloads that are neither among `alive` nor have an open connection, and adds those
    /// that have one to `alive`.
    pub fn retain(&self, alive: &mut HashSet<u64>) {
        let mut accounts = self.lock();
        alive.extend(accounts.workloads.iter().filter(|(_, a)| a.open > 0).map(|(cgroup, _)| *cgroup));
        accounts.workloads.retain(|cgroup, _| alive.contains(cgroup));
    }

    fn change(&self, cgroup: u64, change: impl FnOnce(&mut Account)) {
        change(self.lock().of(cgroup, self.room));
    }

    fn lock(&self) -> MutexGuard<'_, Accounts> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a record says became of its connection. Nobody can be told of as inspected or passed who got nothing across.
fn fate(ended: &Connection) -> Fate {
    let outcome = ended.outcome;
    match ended.route {
        Route::Refuse(why) => Fate::Refused(why.label()),
        Route::Passthrough(_) if ended.sent + ended.received == 0 && outcome != Outcome::Closed => {
            Fate::Failed(outcome.label())
        }
        Route::Passthrough(why) => Fate::Passed(why.label()),
        Route::Inspect => match outcome {
            Outcome::OriginCertificate | Outcome::ClientUntrusted | Outcome::ClientHandshake => {
                Fate::Failed(outcome.label())
            }
            Outcome::Closed | Outcome::Idle | Outcome::Shutdown => Fate::Inspected,
            _ if ended.exchanges > 0 => Fate::Inspected,
            Outcome::Framing | Outcome::Refused => Fate::Refused(outcome.label()),
            Outcome::Application | Outcome::Origin | Outcome::Proxy => Fate::Failed(outcome.label()),
        },
    }
}

#[cfg(test)]
mod tests;

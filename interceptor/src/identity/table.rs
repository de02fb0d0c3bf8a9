//! What was found out, where workers read it without waiting: they never take a lock, the thread that writes copies.
//! Knows ids of groups and when an answer is too old. Does not know how answers are found.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::user::Users;
use super::workload::Workload;

/// Workloads that are remembered: as many as the kernel side counts for.
pub(super) const LARGEST: usize = 16_384;

struct Entry {
    workload: Arc<Workload>,
    expires: Option<Instant>,
}

/// See the head of this file.
pub(super) struct Table {
    entries: ArcSwap<HashMap<u64, Arc<Entry>>>,
    users: ArcSwap<Users>,
    changes: watch::Sender<()>,
}

impl Table {
    pub(super) fn new() -> Self {
        Self { entries: ArcSwap::default(), users: ArcSwap::default(), changes: watch::Sender::new(()) }
    }

    /// What is known of a group, unless it has to be asked again.
    pub(super) fn look(&self, cgroup: u64) -> Option<Arc<Workload>> {
        let entries = self.entries.load();
        let entry = entries.get(&cgroup)?;
        let is_fresh = entry.expires.is_none_or(|at| Instant::now() < at);
        is_fresh.then(|| entry.workload.clone())
    }

    /// The name of a user.
    pub(super) fn user(&self, uid: u32) -> Option<Arc<str>> {
        self.users.load().name(uid)
    }

    /// Tells of every change from now on.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// How many groups are known. Only the thread that writes may act upon it.
    pub(super) fn len(&self) -> usize {
        self.entries.load().len()
    }

    /// Enters what was found. Only one thread does.
    pub(super) fn enter(&self, cgroup: u64, workload: Workload) {
        let mut entries = HashMap::clone(&self.entries.load());
        let expires = workload.expires(Instant::now());
        entries.insert(cgroup, Arc::new(Entry { workload: Arc::new(workload), expires }));
        self.entries.store(Arc::new(entries));
        self.changes.send_replace(());
    }

    /// Forgets groups that are gone; and all of them, should more be alive than there is room for: they are asked again.
    pub(super) fn keep(&self, alive: &HashSet<u64>) {
        let mut entries = HashMap::clone(&self.entries.load());
        entries.retain(|cgroup, _| alive.contains(cgroup));
        if entries.len() >= LARGEST {
            entries.clear();
        }
        self.entries.store(Arc::new(entries));
    }

    /// Reads the host's users again if their file has changed.
    pub(super) fn renew_users(&self) {
        if let Some(users) = self.users.load().renewed() {
            self.users.store(Arc::new(users));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(path: &str) -> Workload {
        Workload {
            path: path.into(),
            unit: None,
            pod: None,
            is_container: false,
            identity: interceptor_engine::policy::Identity::Known,
        }
    }

    #[test]
    fn what_is_known_stays_and_what_is_gone_is_forgotten() {
        let table = Table::new();
        assert!(table.look(1).is_none());
        table.enter(1, group("/a"));
        table.enter(2, group("/b"));
        assert_eq!(&*table.look(1).unwrap().path, "/a");
        table.keep(&HashSet::from([2]));
        assert!(table.look(1).is_none());
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn more_workloads_than_there_is_room_for_are_asked_again() {
        let table = Table::new();
        let full = (0..LARGEST as u64)
            .map(|id| (id, Arc::new(Entry { workload: Arc::new(group("/")), expires: None })))
            .collect();
        table.entries.store(Arc::new(full));
        table.keep(&(0..LARGEST as u64).collect());
        assert_eq!(table.len(), 0);
    }

    #[test]
    fn what_could_not_be_found_out_is_asked_again() {
        let table = Table::new();
        table.enter(1, Workload::unknown(Arc::default(), "runtime_failed"));
        assert!(table.look(1).is_some());
        let past = Entry { workload: table.look(1).unwrap(), expires: Some(Instant::now()) };
        table.entries.store(Arc::new(HashMap::from([(1, Arc::new(past))])));
        assert!(table.look(1).is_none());
    }
}

//! What was found out, where workers read it without waiting: they never take a lock, the thread that writes copies.
//! Knows ids of groups and when an answer is too old. Does not know how answers are found.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use interceptor_engine::policy::{Identity, Pod};
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
    /// Groups of which somebody wants to know before anybody calls from them.
    expected: ArcSwap<HashSet<u64>>,
    users: ArcSwap<Users>,
    changes: watch::Sender<()>,
}

impl Table {
    pub(super) fn new() -> Self {
        Self {
            entries: ArcSwap::default(),
            expected: ArcSwap::default(),
            users: ArcSwap::default(),
            changes: watch::Sender::new(()),
        }
    }

    /// What is known of a group, unless it has to be asked again.
    pub(super) fn look(&self, cgroup: u64) -> Option<Arc<Workload>> {
        let entries = self.entries.load();
        let entry = entries.get(&cgroup)?;
        let is_fresh = entry.expires.is_none_or(|at| Instant::now() < at);
        is_fresh.then(|| entry.workload.clone())
    }

    /// Whether something is known of a group, or was a moment ago.
    pub(super) fn has(&self, cgroup: u64) -> bool {
        self.entries.load().contains_key(&cgroup)
    }

    /// Whether something is known of a group that will not have to be asked again.
    pub(super) fn is_settled(&self, cgroup: u64) -> bool {
        let entries = self.entries.load();
        entries
            .get(&cgroup)
            .is_some_and(|entry| entry.workload.identity == Identity::Known && !entry.workload.is_partial)
    }

    /// What is known of the groups that are expected to call, be it in doubt or about to be asked again.
    pub(super) fn expected(&self) -> Vec<(u64, Arc<Workload>)> {
        let (entries, expected) = (self.entries.load(), self.expected.load());
        let known = expected.iter().filter_map(|id| Some((*id, entries.get(id)?.workload.clone())));
        known.collect()
    }

    /// Whether a group is expected to call.
    pub(super) fn is_expected(&self, cgroup: u64) -> bool {
        self.expected.load().contains(&cgroup)
    }

    /// Some groups are expected to call from now on, and others no more. Returns how many are now. Only one thread does it.
    pub(super) fn expect(&self, born: impl Iterator<Item = u64>, gone: &[u64]) -> usize {
        let mut expected = HashSet::clone(&self.expected.load());
        for id in gone {
            expected.remove(id);
        }
        expected.extend(born);
        let count = expected.len();
        self.expected.store(Arc::new(expected));
        self.changes.send_replace(());
        count
    }

    /// Nobody is.
    pub(super) fn expect_none(&self) {
        self.expected.store(Arc::default());
        self.changes.send_replace(());
    }

    /// The host's users.
    pub(super) fn users(&self) -> Arc<Users> {
        self.users.load_full()
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
    pub(super) fn enter_all(&self, found: impl IntoIterator<Item = (u64, Workload)>) {
        let mut entries = HashMap::clone(&self.entries.load());
        for (cgroup, workload) in found {
            let expires = workload.expires(Instant::now());
            entries.insert(cgroup, Arc::new(Entry { workload: Arc::new(workload), expires }));
        }
        self.entries.store(Arc::new(entries));
        self.changes.send_replace(());
    }

    /// Takes up what has changed of pods. Only the thread that writes does.
    pub(super) fn refresh(&self, next: impl Fn(&Pod) -> Option<Pod>) {
        let entries = self.entries.load();
        let changed: Vec<_> = { entries.iter() }
            .filter_map(|(cgroup, entry)| {
                let pod = Some(Arc::new(next(entry.workload.pod.as_deref()?)?));
                let workload = Workload { pod, is_partial: false, ..Workload::clone(&entry.workload) };
                // What was in doubt is asked again as soon as it would have been.
                let expires = entry.expires.filter(|_| workload.identity != Identity::Known);
                Some((*cgroup, Arc::new(Entry { workload: Arc::new(workload), expires })))
            })
            .collect();
        if !changed.is_empty() {
            let mut entries = HashMap::clone(&entries);
            entries.extend(changed);
            self.entries.store(Arc::new(entries));
            self.changes.send_replace(());
        }
    }

    #[cfg(test)]
    fn enter(&self, cgroup: u64, workload: Workload) {
        self.enter_all([(cgroup, workload)]);
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
            identity: Identity::Known,
            is_partial: false,
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
    fn what_has_changed_of_a_pod_is_taken_up_and_what_was_partial_is_whole() {
        let table = Table::new();
        let pod = |name: &str| Some(Arc::new(Pod::named("shop", name)));
        table.enter(1, Workload { pod: pod("a"), is_partial: true, ..group("/a") });
        table.enter(2, Workload { pod: pod("b"), ..group("/b") });
        let labelled = |pod: &Pod| {
            let labels = [("team".into(), "web".into())].into();
            (&*pod.name == "a").then(|| Pod { labels, ..pod.clone() })
        };
        table.refresh(labelled);
        let entries = table.entries.load();
        assert_eq!(entries[&1].workload.pod.as_ref().map(|pod| pod.labels.len()), Some(1));
        assert!(!entries[&1].workload.is_partial && entries[&1].expires.is_none());
        assert_eq!(entries[&2].workload.pod, pod("b"));
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

//! Callers that are known before they call: the control groups of this node and what identity has found out of each.
//! Knows which of them the kernel side was told of, and takes that back when something else is known of one, or nothing.
//! Does not know how anything is found out.

use std::collections::{BTreeSet, HashMap, HashSet};

use interceptor_common::CallerKey;
use interceptor_engine::policy::Callers;

use super::InForce;
use super::callers::Entries;
use super::classes::{Classes, Outcome};
use crate::identity::{Group, HostUsers};

/// Users that policies name and that are entered ahead, in every group. The others are when they were refused once.
const MOST_USERS: usize = 64;

/// See the head of this file.
#[derive(Default)]
pub(super) struct Ahead {
    groups: HashMap<u64, Entered>,
    users: BTreeSet<u32>,
    host: HostUsers,
}

/// A group that was looked at.
struct Entered {
    group: Group,
    /// What was entered by it: for the group as a whole, and for single users.
    keys: Vec<(CallerKey, Outcome)>,
}

impl Ahead {
    /// Begins anew, under another policy.
    pub(super) fn begin(&mut self, in_force: &InForce, host: HostUsers) {
        self.groups.clear();
        self.users = in_force.policy.named_users(host.iter());
        if self.users.len() > MOST_USERS {
            let users = self.users.len();
            tracing::warn!(
                users,
                most = MOST_USERS,
                "policies name so many users that some are entered when they call"
            );
            self.users = self.users.iter().copied().take(MOST_USERS).collect();
        }
        self.host = host;
    }

    /// Whether the host's users are still those that policies were asked about.
    pub(super) fn knows(&self, host: &HostUsers) -> bool {
        self.host.is(host)
    }

    /// Whether a caller of this outcome was entered with his group.
    pub(super) fn covers(&self, key: &CallerKey, outcome: &Outcome) -> bool {
        let entered = self.groups.get(&key.cgroup).map_or(&[][..], |entered| &entered.keys);
        entered.iter().any(|(known, of)| known == key || (known.uid == CallerKey::ANYONE && of == outcome))
    }

    /// Whether there is an entry of this key.
    pub(super) fn has(&self, key: &CallerKey) -> bool {
        self.groups.get(&key.cgroup).is_some_and(|entered| entered.keys.iter().any(|(known, _)| known == key))
    }

    /// Takes up what is known of all groups by now.
    pub(super) fn take(
        &mut self,
        groups: Vec<(u64, Group)>,
        in_force: &InForce,
        classes: &mut Classes,
        entries: &Entries,
    ) {
        let present: HashSet<u64> = groups.iter().map(|(cgroup, _)| *cgroup).collect();
        let gone: Vec<u64> = self.groups.keys().filter(|cgroup| !present.contains(cgroup)).copied().collect();
        for cgroup in gone {
            let entered = self.groups.remove(&cgroup);
            entered.into_iter().for_each(|entered| entries.remove_all(classes, entered.keys));
        }
        for (cgroup, group) in groups {
            let known = self.groups.get(&cgroup);
            if known.is_some_and(|known| known.group.is(&group)) {
                continue;
            }
            let former = self.groups.remove(&cgroup).map_or_else(Vec::new, |entered| entered.keys);
            let keys = self.enter(cgroup, &group, in_force, classes, entries);
            // What was replaced is taken back afterwards: in between a caller is never of no class.
            let (replaced, lost) =
                former.into_iter().partition(|(key, _)| keys.iter().any(|(new, _)| new == key));
            entries.leave_all(classes, replaced);
            entries.remove_all(classes, lost);
            self.groups.insert(cgroup, Entered { group, keys });
        }
    }

    fn enter(
        &self,
        cgroup: u64,
        group: &Group,
        in_force: &InForce,
        classes: &mut Classes,
        entries: &Entries,
    ) -> Vec<(CallerKey, Outcome)> {
        let policy = &in_force.policy;
        let subject = group.subject(None);
        let Some(standing) = policy.standing(Callers::Group(&subject)) else { return Vec::new() };
        let whole = classes.outcome(in_force, standing);
        let mut wanted = vec![(CallerKey::group(cgroup), whole.clone())];
        for uid in &self.users {
            let subject = group.subject(Some((*uid, &self.host)));
            if let Some(standing) = policy.standing(Callers::Like(&subject)) {
                let outcome = classes.outcome(in_force, standing);
                wanted.push((CallerKey::user(cgroup, *uid), outcome));
            }
        }
        wanted.retain(|(key, outcome)| {
            let says_more = key.uid == CallerKey::ANYONE || *outcome != whole;
            says_more && !outcome.is_nothing() && entries.enter(classes, in_force, key, outcome)
        });
        wanted
    }
}

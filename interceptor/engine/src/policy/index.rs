//! Which policies may be about a caller, found without asking them all.
//!
//! A policy is filed under facts that every caller of it has (a namespace, a unit …), so that the policies of others
//! cost a caller nothing. Policies that name such facts by pattern only are asked every time.

use std::collections::HashMap;

use smallvec::SmallVec;

use super::subject::Subject;
use super::subjects::{Key, Selector};

/// Policies by facts of callers.
#[derive(Debug, Default)]
pub(super) struct Index {
    by: HashMap<Kind, HashMap<Box<str>, Vec<u32>>>,
    by_label: HashMap<Box<str>, HashMap<Box<str>, Vec<u32>>>,
    /// To be asked about every caller.
    always: Vec<u32>,
    /// Those that are filed under what differs between processes of one control group.
    of_processes: Vec<u32>,
}

/// Policies by number. For most callers there are a few.
pub(super) type Candidates = SmallVec<[u32; 8]>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Namespace,
    ServiceAccount,
    Unit,
    Executable,
    User,
    Image,
}

impl Index {
    /// Files a policy. Without selectors it is for everyone.
    pub(super) fn add(&mut self, policy: u32, subjects: &[Selector]) {
        let keys: Option<Vec<Vec<Key>>> = subjects.iter().map(Selector::keys).collect();
        match keys {
            Some(keys) if !subjects.is_empty() => {
                keys.into_iter().flatten().for_each(|key| self.file(key, policy));
            }
            _ => self.always.push(policy),
        }
    }

    fn file(&mut self, key: Key, policy: u32) {
        let (kind, name) = match key {
            Key::Label(name, value) => {
                let filed = self.by_label.entry(name).or_default().entry(value).or_default();
                return push_once(filed, policy);
            }
            Key::Namespace(name) => (Kind::Namespace, name),
            Key::ServiceAccount(name) => (Kind::ServiceAccount, name),
            Key::Unit(name) => (Kind::Unit, name),
            Key::Executable(name) => (Kind::Executable, name),
            Key::User(name) => (Kind::User, name),
            Key::Image(name) => (Kind::Image, name),
        };
        if matches!(kind, Kind::Executable | Kind::User) {
            push_once(&mut self.of_processes, policy);
        }
        push_once(self.by.entry(kind).or_default().entry(name).or_default(), policy);
    }

    /// The policies that may be about a caller, in their order, each once.
    pub(super) fn candidates(&self, subject: &Subject) -> Candidates {
        let mut found = Candidates::from_slice(&self.always);
        let mut take = |kind: Kind, name: Option<&str>| {
            let filed = name.and_then(|name| self.by.get(&kind)?.get(name));
            found.extend(filed.into_iter().flatten().copied());
        };
        take(Kind::Unit, subject.unit.as_deref());
        take(Kind::Executable, subject.executable.as_deref());
        take(Kind::User, subject.user.as_deref());
        if self.by.contains_key(&Kind::User) {
            take(Kind::User, Some(&subject.uid.to_string()));
        }
        if let Some(pod) = &subject.pod {
            take(Kind::Namespace, Some(&pod.namespace));
            take(Kind::Image, Some(&pod.image));
            take(Kind::ServiceAccount, pod.service_account.as_deref());
            for (name, value) in &pod.labels {
                let filed = self.by_label.get(&**name).and_then(|values| values.get(&**value));
                found.extend(filed.into_iter().flatten().copied());
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The policies that may be about any process of a caller's control group, in their order, each once.
    pub(super) fn candidates_like(&self, subject: &Subject) -> Candidates {
        let mut found = self.candidates(subject);
        found.extend_from_slice(&self.of_processes);
        found.sort_unstable();
        found.dedup();
        found
    }
}

fn push_once(filed: &mut Vec<u32>, policy: u32) {
    if filed.last() != Some(&policy) {
        filed.push(policy);
    }
}

//! What is known of those in a control group before any of them calls, and of the host's users.
//! Knows workloads and names. Does not know processes.

use std::sync::Arc;

use interceptor_engine::policy::{Identity, Subject};

use super::user::Users;
use super::workload::Workload;

/// A control group, as it is known now.
#[derive(Debug, Clone)]
pub struct Group(pub(super) Arc<Workload>);

impl Group {
    /// Whether the same is known.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }

    /// Whoever calls from it: as one user, or as any.
    pub fn subject(&self, user: Option<(u32, &HostUsers)>) -> Subject {
        let mut subject = Subject { identity: Identity::Known, ..Subject::default() };
        if let Some((uid, host)) = user {
            (subject.uid, subject.user) = (uid, host.0.name(uid));
        }
        self.0.describe(&mut subject);
        subject
    }
}

/// The users of the host, as they are known now.
#[derive(Debug, Clone, Default)]
pub struct HostUsers(pub(super) Arc<Users>);

impl HostUsers {
    /// Whether they are the same.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Their numbers and names.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &str)> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(is_container: bool, identity: Identity) -> Group {
        Group(Arc::new(Workload {
            path: "/system.slice/a.service".into(),
            unit: Some("a.service".into()),
            pod: None,
            is_container,
            identity,
            is_partial: false,
        }))
    }

    #[test]
    fn users_have_the_hosts_names_outside_containers_only() {
        let host = HostUsers(Arc::new(Users::of(&[(1000, "ada")])));
        let subject = group(false, Identity::Known).subject(Some((1000, &host)));
        assert_eq!((subject.uid, subject.user.as_deref()), (1000, Some("ada")));
        assert_eq!((subject.unit.as_deref(), subject.identity), (Some("a.service"), Identity::Known));
        let subject = group(true, Identity::Known).subject(Some((1000, &host)));
        assert_eq!((subject.uid, subject.user), (1000, None));
    }

    #[test]
    fn a_group_of_which_nothing_is_known_is_an_unknown_caller() {
        let unknown = Identity::Unknown("pod_not_found");
        assert_eq!(group(true, unknown).subject(None).identity, unknown);
    }
}

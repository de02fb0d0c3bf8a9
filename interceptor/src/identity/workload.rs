//! What is known of a control group: which unit, or which container of which pod.
//! Knows what to say of a caller in it. Does not know how it was found out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use interceptor_engine::policy::{Identity, Pod, Subject};

/// A control group and what it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Workload {
    /// Path below the mount point; empty if it could not be found.
    pub(super) path: Arc<str>,
    /// The systemd unit, outside containers.
    pub(super) unit: Option<Arc<str>>,
    /// The pod.
    pub(super) pod: Option<Arc<Pod>>,
    /// In a container users have other names than on the host.
    pub(super) is_container: bool,
    /// Whether that is all.
    pub(super) identity: Identity,
    /// The API server has not said yet what it has to say of the pod.
    pub(super) is_partial: bool,
}

/// How long what could not be found out is believed to be so.
const UNKNOWN: Duration = Duration::from_secs(2);

impl Workload {
    /// A group of which nothing can be said.
    pub(super) fn unknown(path: Arc<str>, why: &'static str) -> Self {
        Self {
            path,
            unit: None,
            pod: None,
            is_container: false,
            identity: Identity::Unknown(why),
            is_partial: false,
        }
    }

    /// Until when this holds: a group's id is never another group's, so that what is known stays true.
    pub(super) fn expires(&self, now: Instant) -> Option<Instant> {
        (self.identity != Identity::Known || self.is_partial).then(|| now + UNKNOWN)
    }

    /// Adds what is known here to what is known of a process.
    pub(super) fn describe(&self, subject: &mut Subject) {
        subject.cgroup = self.path.clone();
        subject.unit = self.unit.clone();
        subject.pod = self.pod.clone();
        if self.is_container {
            subject.user = None;
        }
        if self.identity != Identity::Known {
            subject.identity = self.identity;
        }
    }
}

//! How a caller is spelled in the audit trail.
//! Knows which facts are told. Does not know how they were found out.

use interceptor_engine::policy::Pod;
use serde::Serialize;

use crate::telemetry::event::Caller;

#[derive(Serialize)]
pub(super) struct CallerLine<'a> {
    namespace: &'a str,
    namespace_cookie: u64,
    cgroup: u64,
    pid: u32,
    uid: u32,
    comm: &'a str,
    executable: Option<&'a str>,
    user: Option<&'a str>,
    cgroup_path: &'a str,
    unit: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pod: Option<PodLine<'a>>,
    /// Why more may be true of the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown: Option<&'static str>,
}

/// Labels are left out: there may be any number, and a pod is found by its uid.
#[derive(Serialize)]
struct PodLine<'a> {
    namespace: &'a str,
    name: &'a str,
    uid: &'a str,
    container: &'a str,
    image: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_account: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<OwnerLine<'a>>,
}

#[derive(Serialize)]
struct OwnerLine<'a> {
    kind: &'a str,
    name: &'a str,
}

impl<'a> PodLine<'a> {
    fn new(pod: &'a Pod) -> Self {
        Self {
            namespace: &pod.namespace,
            name: &pod.name,
            uid: &pod.uid,
            container: &pod.container,
            image: &pod.image,
            service_account: pod.service_account.as_deref(),
            owner: pod.owner.as_ref().map(|owner| OwnerLine { kind: &owner.kind, name: &owner.name }),
        }
    }
}

impl<'a> CallerLine<'a> {
    pub(super) fn new(caller: &'a Caller) -> Self {
        let subject = &caller.subject;
        Self {
            namespace: &caller.namespace_name,
            namespace_cookie: caller.namespace,
            cgroup: caller.cgroup,
            pid: caller.pid,
            uid: subject.uid,
            comm: &subject.comm,
            executable: subject.executable.as_deref(),
            user: subject.user.as_deref(),
            cgroup_path: &subject.cgroup,
            unit: subject.unit.as_deref(),
            pod: subject.pod.as_deref().map(PodLine::new),
            unknown: subject.identity.reason(),
        }
    }
}

//! Reads who calls in a test case. Knows the words of people for what the node would attest.

use std::collections::BTreeMap;
use std::sync::Arc;

use interceptor_engine::document::{Field, Fields};
use interceptor_engine::policy::{Identity, Pod, Subject};

use super::shape;

/// Who calls where a case does not say: somebody who is known, on the plain host.
pub(super) fn standard() -> Subject {
    Subject { identity: Identity::Known, ..Subject::default() }
}

pub(super) fn read(field: &Field<'_>) -> Option<Subject> {
    let fields = field.shaped(&shape::SUBJECT)?;
    let text =
        |name: &'static str| fields.optional(name).and_then(|field| field.text()).map(Arc::<str>::from);
    let known = fields.optional("known").and_then(|field| field.boolean()).unwrap_or(true);
    let uid = fields.optional("uid").and_then(|field| field.number(0..=u64::from(u32::MAX)));
    Some(Subject {
        uid: uid.and_then(|uid| u32::try_from(uid).ok()).unwrap_or_default(),
        user: text("user"),
        executable: text("executable"),
        comm: text("comm").unwrap_or_default(),
        cgroup: text("cgroup").unwrap_or_default(),
        unit: text("unit"),
        pod: pod(&fields).map(Arc::new),
        identity: if known { Identity::Known } else { Identity::Unknown("test") },
    })
}

/// A pod, if the case names anything of one.
fn pod(fields: &Fields<'_>) -> Option<Pod> {
    let text = |name: &'static str| fields.optional(name).and_then(|field| field.text());
    let namespace = text("namespace");
    let mut pod = Pod::named(namespace.unwrap_or("default"), text("pod").unwrap_or("pod"));
    pod.container = text("container").unwrap_or("main").into();
    pod.image = text("image").unwrap_or_default().into();
    pod.labels = labels(fields, "podLabels");
    pod.namespace_labels = fields.optional("namespaceLabels").map(|_| labels(fields, "namespaceLabels"));
    pod.service_account = text("serviceAccount").map(Into::into);
    const OF_PODS: [&str; 7] =
        ["namespace", "pod", "container", "image", "podLabels", "namespaceLabels", "serviceAccount"];
    OF_PODS.into_iter().any(|name| fields.optional(name).is_some()).then_some(pod)
}

fn labels(fields: &Fields<'_>, name: &'static str) -> BTreeMap<Arc<str>, Arc<str>> {
    let entries = fields.optional(name).and_then(|field| field.entries()).unwrap_or_default();
    entries.into_iter().filter_map(|(name, value)| Some((name.into(), value.text()?.into()))).collect()
}

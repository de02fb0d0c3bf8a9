//! Who called: what the kernel recorded at connect time, and what /proc still knows at accept time.
//! Does not know pods yet; a caller that cannot be found out stays unknown.

use std::sync::Arc;

use crate::proxy::accept::Recorded;
use crate::proxy::flow::Namespace;
use crate::telemetry::event::Caller;

/// The caller of a recorded connection.
pub fn caller(namespace: &Namespace, recorded: &Recorded) -> Caller {
    Caller {
        namespace: namespace.cookie,
        namespace_name: namespace.name.clone(),
        cgroup: recorded.cgroup,
        pid: recorded.pid,
        uid: recorded.uid,
        comm: recorded.comm.clone(),
        executable: executable(recorded.pid),
    }
}

/// The executable of a process. The process may have gone, and its number may already be another's: this is a
/// hint for people, never a ground for a decision, until identity is fixed at connect time.
fn executable(pid: u32) -> Option<Arc<str>> {
    let path = std::fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    Some(path.to_string_lossy().into())
}

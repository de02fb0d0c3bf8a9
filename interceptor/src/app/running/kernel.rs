//! What the kernel side tells while the daemon runs: which connections were redirected, and what somebody should act upon.
//! Knows events and flows. Does not know when anybody listens.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use interceptor_common::EventKind;
use tokio::io::unix::AsyncFd;

use super::Daemon;
use crate::app::forbidding::Refused;
use crate::app::told::say;
use crate::app::treatment::Treatments;
use crate::bpf;
use crate::netns::NetnsCookie;
use crate::proxy::accept::{Flows, Recorded};

/// The kernel's flow map, as the accept loops see it.
pub(super) struct KernelFlows(pub(super) bpf::Flows, pub(super) bpf::Execs);

impl Flows for KernelFlows {
    fn take(&self, cookie: u64, peer: SocketAddr) -> io::Result<Option<Recorded>> {
        let flow = self.0.take(NetnsCookie(cookie), peer).map_err(io::Error::other)?;
        Ok(flow.map(|flow| Recorded {
            destination: SocketAddr::new(IpAddr::from(flow.destination), flow.port),
            at: Duration::from_nanos(flow.at),
            is_proxy: flow.flags & interceptor_common::Flow::PROXY != 0,
            cgroup: flow.cgroup,
            pid: flow.tgid,
            uid: flow.uid,
            comm: String::from_utf8_lossy(&flow.comm).trim_end_matches('\0').into(),
        }))
    }

    fn executed(&self, pid: u32) -> Option<Duration> {
        self.1.last(pid).ok().flatten()
    }
}

impl Daemon {
    pub(super) fn kernel_events(
        &mut self,
        mut guard: tokio::io::unix::AsyncFdReadyMutGuard<'_, bpf::Events>,
    ) {
        let mut unknown = Vec::new();
        while let Some(event) = guard.get_inner_mut().next() {
            if event.kind == EventKind::UnknownNamespace as u32 {
                unknown.push(event.tgid);
            }
            if event.kind == EventKind::Forbidden as u32 {
                self.refused(&event);
            }
            say(&event);
        }
        guard.clear_ready();
        drop(guard);
        if self.config.discovers() && !unknown.is_empty() {
            let treatments = Treatments::look_up(&self.config.capture);
            for pid in unknown {
                self.namespaces.enrol_process(&self.capture, pid, &treatments);
            }
        }
    }

    fn refused(&mut self, event: &interceptor_common::Event) {
        let namespace = self.namespaces.name(event.netns);
        let hosts = self.learner.names_at(event.destination.into());
        self.forbidding.refused(Refused { event, namespace, hosts }, &self.shared);
    }
}

pub(super) async fn readable(
    events: Option<&mut AsyncFd<bpf::Events>>,
) -> io::Result<tokio::io::unix::AsyncFdReadyMutGuard<'_, bpf::Events>> {
    match events {
        Some(events) => events.readable_mut().await,
        None => std::future::pending().await,
    }
}

//! Tells the daemon through the ring buffer, at most once per namespace, kind and interval: a workload that
//! retries in a loop must not fill the buffer for the others.

use crate::maps::{self, EVENTS, TOLD, Told};
use aya_ebpf::EbpfContext as _;
use aya_ebpf::bindings::BPF_ANY;
use aya_ebpf::helpers::{self, generated};
use aya_ebpf::programs::SockAddrContext;
use interceptor_common::{Attempt, COMM_LEN, Counter, Event, EventKind};

/// Sends one event, unless the like of it was sent a moment ago.
#[inline(always)]
pub fn send(ctx: &SockAddrContext, kind: EventKind, netns: u64, attempt: &Attempt) {
    if !is_due(&Told { netns, kind: kind as u64 }) {
        return;
    }
    let Some(mut entry) = EVENTS.reserve(0) else {
        maps::count(Counter::EventLost);
        return;
    };
    entry.write(Event {
        kind: kind as u32,
        tgid: ctx.tgid(),
        netns,
        // SAFETY: the helper takes no argument.
        cgroup: unsafe { generated::bpf_get_current_cgroup_id() },
        destination: attempt.destination,
        port: attempt.port,
        pad: 0,
        uid: ctx.uid(),
        comm: helpers::bpf_get_current_comm().unwrap_or([0; COMM_LEN]),
    });
    entry.submit(0);
}

/// Whether the interval has passed; if so, it starts again. Two CPUs may both find it passed, which costs one
/// event more.
#[inline(always)]
fn is_due(told: &Told) -> bool {
    // SAFETY: the helper takes no argument.
    let now = unsafe { generated::bpf_ktime_get_ns() };
    // SAFETY: the value is read at once; an entry that is evicted meanwhile yields some other entry's time.
    let last = unsafe { TOLD.get(told) }.copied().unwrap_or(0);
    if last != 0 && now.wrapping_sub(last) < EventKind::INTERVAL_NS {
        return false;
    }
    let _ = TOLD.insert(told, now, u64::from(BPF_ANY));
    true
}

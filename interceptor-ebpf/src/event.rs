//! Tells the daemon through the ring buffer, at most once per namespace, kind and interval: a workload that
//! retries in a loop must not fill the buffer for the others. What a packet shows is told per cgroup.

use crate::context;
use crate::maps::{self, EVENTS, TOLD, Told};
use aya_ebpf::EbpfContext as _;
use aya_ebpf::bindings::BPF_ANY;
use aya_ebpf::programs::SockAddrContext;
use core::mem::MaybeUninit;
use interceptor_common::{Address, Attempt, COMM_LEN, Counter, Event, EventKind, Verdict};

/// Sends one event, unless the like of it was sent a moment ago.
#[inline(always)]
pub fn send(ctx: &SockAddrContext, kind: EventKind, netns: u64, attempt: &Attempt) {
    if is_due(&Told { netns, kind: kind as u64 }) {
        submit(ctx, kind, netns, attempt, Verdict::NONE);
    }
}

/// Sends one about an attempt that was refused by a verdict, unless the control group was refused the same provider a
/// moment ago: then it is in the count that comes with the next one.
#[inline(always)]
pub fn send_refusal(ctx: &SockAddrContext, netns: u64, attempt: &Attempt, verdict: Verdict) {
    let kind = EventKind::Forbidden as u64 | u64::from(verdict.provider) << 32;
    if is_due(&Told { netns: context::cgroup(), kind }) {
        submit(ctx, EventKind::Forbidden, netns, attempt, verdict);
    }
}

#[inline(always)]
fn submit(ctx: &SockAddrContext, kind: EventKind, netns: u64, attempt: &Attempt, verdict: Verdict) {
    let Some(mut entry) = EVENTS.reserve(0) else {
        maps::count(Counter::EventLost);
        return;
    };
    fill(&mut entry, ctx, kind, netns, attempt);
    // SAFETY: as in `fill`.
    unsafe { (*entry.as_mut_ptr()).verdict = verdict };
    entry.submit(0);
}

/// Sends one event about a packet. It may be handled in the middle of any task, so that no task is named; the interval
/// counts per cgroup of its socket.
#[inline(always)]
pub fn send_from_packet(kind: EventKind, cgroup: u64, address: Address, port: u16) {
    if !is_due(&Told { netns: cgroup, kind: kind as u64 }) {
        return;
    }
    let Some(mut entry) = EVENTS.reserve(0) else {
        maps::count(Counter::EventLost);
        return;
    };
    // SAFETY: as in `fill`.
    let event = unsafe { &mut *entry.as_mut_ptr() };
    event.kind = kind as u32;
    event.tgid = 0;
    event.netns = 0;
    event.cgroup = cgroup;
    event.destination = address;
    event.port = port;
    event.pad = 0;
    event.uid = 0;
    event.comm = [0; COMM_LEN];
    event.at = context::now();
    event.verdict = Verdict::NONE;
    event.rest = 0;
    entry.submit(0);
}

/// Writes every field in place.
#[inline(always)]
fn fill(
    entry: &mut MaybeUninit<Event>,
    ctx: &SockAddrContext,
    kind: EventKind,
    netns: u64,
    attempt: &Attempt,
) {
    // SAFETY: an event is plain bytes, all of which are written, by `submit` at the latest, before anybody reads them.
    let event = unsafe { &mut *entry.as_mut_ptr() };
    event.kind = kind as u32;
    event.tgid = ctx.tgid();
    event.netns = netns;
    event.cgroup = context::cgroup();
    event.destination = attempt.destination;
    event.port = attempt.port;
    event.pad = 0;
    event.uid = ctx.uid();
    context::write_comm(&mut event.comm);
    event.at = context::now();
    event.rest = 0;
}

/// Whether the interval has passed; if so, it starts again. Two CPUs may both find it passed, which costs one
/// event more.
#[inline(always)]
fn is_due(told: &Told) -> bool {
    let now = context::now();
    // SAFETY: the value is read at once; an entry that is evicted meanwhile yields some other entry's time.
    let last = unsafe { TOLD.get(told) }.copied().unwrap_or(0);
    if last != 0 && now.wrapping_sub(last) < EventKind::INTERVAL_NS {
        return false;
    }
    let _ = TOLD.insert(told, now, u64::from(BPF_ANY));
    true
}

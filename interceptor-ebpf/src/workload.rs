//! Counts by workload, beside the node's counters.

use crate::maps::{self, WORKLOADS};
use aya_ebpf::bindings::BPF_NOEXIST;
use core::arch::asm;
use interceptor_common::{Counter, WorkloadKey};

/// Raises one counter of a workload. One that finds no room is counted, and the node's counters have it still.
#[inline(always)]
pub fn count(key: &WorkloadKey) {
    if raise(key) {
        return;
    }
    if WORKLOADS.insert(key, 1, u64::from(BPF_NOEXIST)).is_ok() {
        return;
    }
    // Another CPU was faster, or there is no room.
    if !raise(key) {
        maps::count(Counter::WorkloadsFull);
    }
}

#[inline(always)]
fn raise(key: &WorkloadKey) -> bool {
    let Some(value) = WORKLOADS.get_ptr_mut(key) else { return false };
    // SAFETY: the value is an aligned u64. If the daemon removes it meanwhile, it is freed after a grace period that
    // this program is part of.
    unsafe { asm!("lock *(u64 *)({value} + 0) += {one}", value = in(reg) value, one = in(reg) 1u64) };
    true
}

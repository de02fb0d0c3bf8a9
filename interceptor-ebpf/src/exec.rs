//! When the processes that have called connect() last executed a program. A process that connects and then becomes another
//! program would otherwise lend it to the connection: the daemon asks `/proc` a moment later what is running there.

use crate::context;
use crate::maps::EXECS;
use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::helpers::generated;

/// From now on it is noted when this process executes a program.
#[inline(always)]
pub fn follow(tgid: u32) {
    // Asked first: an entry that is there may say something, and most processes connect more than once.
    if EXECS.get_ptr(tgid).is_none() {
        // Whoever finds none takes it that nobody knows.
        let _ = EXECS.insert(&tgid, 0, u64::from(BPF_NOEXIST));
    }
}

/// The calling process has become another program.
#[inline(always)]
pub fn note() {
    // SAFETY: the helper takes no argument.
    let tgid = (unsafe { generated::bpf_get_current_pid_tgid() } >> 32) as u32;
    if let Some(at) = EXECS.get_ptr_mut(tgid) {
        // SAFETY: the value is an aligned u64 that the kernel does not take from under a program. An entry that is
        // evicted meanwhile may be another process's by now: he is unknown for one connection then, and never more
        // than he is.
        unsafe { at.write_volatile(context::now()) };
    }
}

//! What sockets have sent, for the guard of interfaces: see `interceptor_common::NoteKey`.

use crate::context;
use crate::maps::{CONFIG, NOTES};
use aya_ebpf::bindings::BPF_ANY;
use interceptor_common::{Config, NoteKey};

/// Notes a packet that goes on. Whatever port it goes to is configured; its address may become an endpoint's before the
/// packet comes out of its namespace, so that this one is not asked for here.
#[inline(always)]
pub fn keep(key: &NoteKey) {
    if CONFIG.get(0).is_none_or(|config| config.flags & Config::VETH == 0) {
        return;
    }
    let now = context::now();
    if made(key).is_some_and(|at| !NoteKey::is_due(at, now)) {
        return;
    }
    // An LRU map makes room.
    let _ = NOTES.insert(key, now, u64::from(BPF_ANY));
}

/// Whether a socket has sent it.
#[inline(always)]
pub fn has(key: &NoteKey) -> bool {
    made(key).is_some_and(|at| NoteKey::counts(at, context::now()))
}

#[inline(always)]
fn made(key: &NoteKey) -> Option<u64> {
    // SAFETY: the value is read at once; an entry that is evicted meanwhile yields some other note's time, which is
    // no older.
    unsafe { NOTES.get(key) }.copied()
}

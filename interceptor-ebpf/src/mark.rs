//! What the hooks leave in a socket for the egress guard, see `interceptor_common::Mark`.

use crate::maps::MARKS;
use aya_ebpf::EbpfContext as _;
use aya_ebpf::bindings::{BPF_SK_STORAGE_GET_F_CREATE, bpf_sock};
use aya_ebpf::helpers::generated;
use aya_ebpf::programs::{SkBuffContext, SockAddrContext, SockContext};
use core::ffi::c_void;
use core::ptr;
use interceptor_common::Mark;

const RAW: u32 = 3;

/// Marks a socket for an attempt that has just been decided, of which the guard has seen nothing. Returns whether it
/// could be marked.
#[inline(always)]
pub fn begin(ctx: &SockAddrContext, netns: u64, reason: u32) -> bool {
    // SAFETY: the context holds the socket, which the kernel keeps locked meanwhile.
    unsafe { write(MARKS.get_or_insert_ptr_mut(ctx, None), netns, reason) }
}

/// The same for one of many datagrams: a mark that says so already stays, with what the guard has seen.
#[inline(always)]
pub fn keep(ctx: &SockAddrContext, netns: u64, reason: u32) -> bool {
    // SAFETY: as above.
    let mark = unsafe { MARKS.get_or_insert_ptr_mut(ctx, None) };
    // SAFETY: a pointer that is not null leads to the socket's mark.
    if unsafe { mark.as_ref() }.is_some_and(|mark| mark.netns == netns && mark.reason == reason) {
        return true;
    }
    // SAFETY: as above.
    unsafe { write(mark, netns, reason) }
}

/// Marks a new raw socket with its network namespace, which the guard has no helper to ask for on 5.15. Other
/// sockets are marked when they are used.
#[inline(always)]
pub fn set_raw(ctx: &SockContext) {
    // SAFETY: the kernel passes a valid context.
    if unsafe { (&raw const (*ctx.sock).type_).read_volatile() } != RAW {
        return;
    }
    // SAFETY: the helpers take the program's own context; the map is socket storage with values of type `Mark`.
    unsafe {
        let netns = generated::bpf_get_netns_cookie(ctx.as_ptr());
        write(storage(ctx.as_ptr(), true), netns, Mark::UNSEEN);
    }
}

/// The mark of a packet's socket, made empty if it has none. `None` where the packet has no full socket, or the mark
/// found no room.
#[inline(always)]
pub fn of_packet<'a>(ctx: &SkBuffContext) -> Option<&'a mut Mark> {
    let sk = socket(ctx)?.cast();
    // SAFETY: `sk` is a full socket, which lives as long as its packet.
    unsafe {
        if let Some(mark) = storage(sk, false).as_mut() {
            return Some(mark);
        }
        let made = storage(sk, true);
        if write(made, 0, Mark::UNSEEN) { made.as_mut() } else { None }
    }
}

/// The same, but none is made.
#[inline(always)]
pub fn of_packet_if_any<'a>(ctx: &SkBuffContext) -> Option<&'a mut Mark> {
    let sk = socket(ctx)?.cast();
    // SAFETY: as above.
    unsafe { storage(sk, false).as_mut() }
}

/// The packet's socket, if it is a full one.
#[inline(always)]
pub fn socket(ctx: &SkBuffContext) -> Option<*mut bpf_sock> {
    // SAFETY: the kernel passes a valid context, and each pointer is checked before it is used.
    unsafe {
        let sk = (&raw const (*ctx.skb.skb).__bindgen_anon_2.sk).read_volatile();
        if sk.is_null() {
            return None;
        }
        let sk = generated::bpf_sk_fullsock(sk);
        (!sk.is_null()).then_some(sk)
    }
}

/// # Safety
/// `socket` is what `bpf_sk_storage_get` takes for one in this program: a socket, or a context that is one.
#[inline(always)]
unsafe fn storage(socket: *mut c_void, create: bool) -> *mut Mark {
    let map = (&raw const MARKS).cast_mut().cast();
    let flags = if create { u64::from(BPF_SK_STORAGE_GET_F_CREATE) } else { 0 };
    // SAFETY: as promised; the map is socket storage with values of type `Mark`.
    unsafe { generated::bpf_sk_storage_get(map, socket, ptr::null_mut(), flags).cast() }
}

/// # Safety
/// `mark` is null or valid.
#[inline(always)]
unsafe fn write(mark: *mut Mark, netns: u64, reason: u32) -> bool {
    // SAFETY: as promised.
    let Some(mark) = (unsafe { mark.as_mut() }) else { return false };
    *mark = Mark::new(netns, reason);
    true
}

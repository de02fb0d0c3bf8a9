//! Reads and writes of the `bpf_sock_addr` context, and what there is to know of the calling task. The verifier
//! checks offset and width of each access against the hook, and rejects what an optimiser merged or moved: hence one
//! volatile access a field, word by word.

use aya_ebpf::bindings::bpf_sock_addr;
use aya_ebpf::helpers::generated;
use interceptor_common::{Address, COMM_LEN};

/// The IPv4 address that the hook is about.
#[inline(always)]
pub fn ip4(ctx: *mut bpf_sock_addr) -> Address {
    // SAFETY: the kernel passes a valid context.
    Address::from_v4_word(unsafe { (&raw const (*ctx).user_ip4).read_volatile() })
}

/// The IPv6 address that the hook is about; it may be IPv4-mapped.
#[inline(always)]
pub fn ip6(ctx: *mut bpf_sock_addr) -> Address {
    // SAFETY: the kernel passes a valid context.
    unsafe {
        Address::from_v6_words([
            (&raw const (*ctx).user_ip6[0]).read_volatile(),
            (&raw const (*ctx).user_ip6[1]).read_volatile(),
            (&raw const (*ctx).user_ip6[2]).read_volatile(),
            (&raw const (*ctx).user_ip6[3]).read_volatile(),
        ])
    }
}

/// The port that the hook is about, host byte order.
#[inline(always)]
pub fn port(ctx: *mut bpf_sock_addr) -> u16 {
    // SAFETY: the kernel passes a valid context. The low half holds the port in network byte order.
    u16::from_be(unsafe { (&raw const (*ctx).user_port).read_volatile() } as u16)
}

/// The socket's protocol number.
#[inline(always)]
pub fn protocol(ctx: *mut bpf_sock_addr) -> u32 {
    // SAFETY: the kernel passes a valid context.
    unsafe { (&raw const (*ctx).protocol).read_volatile() }
}

/// Replaces the IPv4 address.
#[inline(always)]
pub fn set_ip4(ctx: *mut bpf_sock_addr, address: Address) {
    // SAFETY: the kernel passes a valid context.
    unsafe { (&raw mut (*ctx).user_ip4).write_volatile(address.v4_word()) };
}

/// Replaces the IPv6 address.
#[inline(always)]
pub fn set_ip6(ctx: *mut bpf_sock_addr, address: Address) {
    let words = address.words();
    // SAFETY: the kernel passes a valid context.
    unsafe {
        (&raw mut (*ctx).user_ip6[0]).write_volatile(words[0]);
        (&raw mut (*ctx).user_ip6[1]).write_volatile(words[1]);
        (&raw mut (*ctx).user_ip6[2]).write_volatile(words[2]);
        (&raw mut (*ctx).user_ip6[3]).write_volatile(words[3]);
    }
}

/// Replaces the port.
#[inline(always)]
pub fn set_port(ctx: *mut bpf_sock_addr, port: u16) {
    // SAFETY: the kernel passes a valid context.
    unsafe { (&raw mut (*ctx).user_port).write_volatile(u32::from(port.to_be())) };
}

/// Id of the calling task's cgroup.
#[inline(always)]
pub fn cgroup() -> u64 {
    // SAFETY: the helper takes no argument.
    unsafe { generated::bpf_get_current_cgroup_id() }
}

/// Nanoseconds of `CLOCK_MONOTONIC`.
#[inline(always)]
pub fn now() -> u64 {
    // SAFETY: the helper takes no argument.
    unsafe { generated::bpf_ktime_get_ns() }
}

/// Writes the calling thread's name where it is wanted. Returned by value it would be copied byte by byte, three
/// times. The helper fills with zeros what it cannot tell.
#[inline(always)]
pub fn write_comm(comm: &mut [u8; COMM_LEN]) {
    // SAFETY: the pointer and the length are those of one array.
    let _ = unsafe { generated::bpf_get_current_comm(comm.as_mut_ptr().cast(), COMM_LEN as u32) };
}

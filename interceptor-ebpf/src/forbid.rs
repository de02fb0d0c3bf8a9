//! What policy forbids the calling task before anything is sent, and which addresses are not one provider's alone.
//! What the entries mean is said in `interceptor_common`.

use crate::context;
use crate::maps::{self, ADDRESSES, CALLERS, CONFIG, FORBIDDEN, LEARNED, OTHERS, REFUSALS};
use aya_ebpf::bindings::BPF_NOEXIST;
use core::arch::asm;
use interceptor_common::{
    Address, CallerKey, Class, Config, Counter, ForbiddenKey, MISSED, RefusalKey, Verdict,
};

const EEXIST: i32 = 17;

/// By what a call of this endpoint is refused, if by anything. Costs one load while no policy forbids anything.
#[inline(always)]
pub fn verdict(cgroup: u64, uid: u32, address: Address) -> Verdict {
    let Some(config) = CONFIG.get(0) else { return Verdict::NONE };
    if config.flags & Config::FORBIDS == 0 {
        return Verdict::NONE;
    }
    let provider = provider(address);
    if provider == 0 {
        return Verdict::NONE;
    }
    let everyone = look(&ForbiddenKey::everyone(provider), config.generation, address);
    if !everyone.is_none() {
        return everyone;
    }
    let class = class(cgroup, uid, config.generation);
    if class == Class::EVERYONE {
        return Verdict::NONE;
    }
    look(&ForbiddenKey { class, provider }, config.generation, address)
}

/// What is said of the user in this group, or else of the group.
#[inline(always)]
fn class(cgroup: u64, uid: u32, generation: u32) -> u32 {
    let of_user = class_of(&CallerKey::user(cgroup, uid), generation);
    if of_user != Class::EVERYONE {
        return of_user;
    }
    class_of(&CallerKey::group(cgroup), generation)
}

#[inline(always)]
fn class_of(key: &CallerKey, generation: u32) -> u32 {
    // SAFETY: as in `look`.
    match unsafe { CALLERS.get(key) } {
        Some(class) if class.generation == generation => class.number,
        _ => Class::EVERYONE,
    }
}

#[inline(always)]
fn look(key: &ForbiddenKey, generation: u32, address: Address) -> Verdict {
    // SAFETY: the daemon replaces an entry as a whole, and the kernel frees the old one after a grace period that this
    // program is part of.
    let Some(found) = (unsafe { FORBIDDEN.get(key) }) else { return Verdict::NONE };
    if !found.holds(generation, || is_shared(address, key.provider)) {
        return Verdict::NONE;
    }
    Verdict { provider: key.provider, generation, rule: found.rule }
}

/// Whose the address is, by what the daemon asked for. 0 if that is not said.
#[inline(always)]
fn provider(address: Address) -> u32 {
    // SAFETY: as in `look`.
    unsafe { ADDRESSES.get(address) }.map_or(0, |endpoint| endpoint.provider)
}

/// Whether somebody else may be meant by the address.
#[inline(always)]
fn is_shared(address: Address, provider: u32) -> bool {
    // SAFETY: a value is freed after a grace period that this program is part of. A reader may meet one that is being
    // written, and sees the old provider or the new one.
    let learned =
        LEARNED.get_ptr(address).map(|learned| unsafe { (&raw const (*learned).provider).read_volatile() });
    learned.is_some_and(|learned| learned != provider) || OTHERS.get_ptr(address).is_some() || has_missed()
}

/// Whether an address of another name found no room.
#[inline(always)]
fn has_missed() -> bool {
    // SAFETY: as in `look`; volatile, because other programs write it meanwhile.
    OTHERS.get_ptr(MISSED).is_none_or(|at| unsafe { at.read_volatile() } != 0)
}

/// Notes that an address was given for the name of somebody else.
#[inline(always)]
pub fn note_other(address: Address) {
    // What blocklists answer with.
    if address == MISSED {
        return;
    }
    let now = context::now();
    if let Some(at) = OTHERS.get_ptr_mut(address) {
        // SAFETY: as in `look`. Of two writers either may win.
        unsafe { at.write_volatile(now) };
        return;
    }
    match OTHERS.insert(&address, now, u64::from(BPF_NOEXIST)) {
        Ok(()) => {}
        Err(code) if code == -EEXIST => {}
        Err(_) => miss(now),
    }
}

#[inline(always)]
fn miss(now: u64) {
    maps::count(Counter::OthersFull);
    if let Some(at) = OTHERS.get_ptr_mut(MISSED) {
        // SAFETY: as in `note_other`.
        unsafe { at.write_volatile(now) };
    }
}

/// Counts an attempt that was refused by a verdict. One that finds no room is counted as such.
#[inline(always)]
pub fn count(key: &RefusalKey) {
    if raise(key) || REFUSALS.insert(key, 1, u64::from(BPF_NOEXIST)).is_ok() {
        return;
    }
    // Another CPU was faster, or there is no room.
    if !raise(key) {
        maps::count(Counter::WorkloadsFull);
    }
}

#[inline(always)]
fn raise(key: &RefusalKey) -> bool {
    let Some(value) = REFUSALS.get_ptr_mut(key) else { return false };
    // SAFETY: the value is an aligned u64. If the daemon removes it meanwhile, it is freed after a grace period that
    // this program is part of.
    unsafe { asm!("lock *(u64 *)({value} + 0) += {one}", value = in(reg) value, one = in(reg) 1u64) };
    true
}

//! The maps, by the names under which the daemon finds them, and the smallest operations on them.

use crate::dns::Scratch;
use aya_ebpf::bindings::BPF_F_NO_PREALLOC;
use aya_ebpf::btf_maps::{Array, HashMap, LpmTrie, LruHashMap, PerCpuArray, RingBuf, SkStorage, lpm_trie};
use aya_ebpf::macros::btf_map;
use core::arch::asm;
use interceptor_common::dns::{NameEdge, NameKey};
use interceptor_common::{
    Address, CallerKey, Class, Config, Counter, Endpoint, Event, Flow, FlowKey, Forbidden, ForbiddenKey,
    Learned, Mark, Namespace, NoteKey, Ports, ProxyPlace, RawPackets, RefusalKey, WORKERS, WorkloadKey,
};

/// Elements are allocated as they come: the maps below are sized for the worst day, not for every day.
const NO_PREALLOC: usize = BPF_F_NO_PREALLOC as usize;

/// One element, written by the daemon.
#[btf_map]
pub static CONFIG: Array<Config, 1> = Array::new();

/// One element, written by the daemon.
#[btf_map]
pub static PORTS: Array<Ports, 1> = Array::new();

/// When each worker last said that it accepts, written by the worker itself.
#[btf_map]
pub static HEARTBEATS: Array<u64, WORKERS> = Array::new();

/// Enrolled network namespaces by cookie.
#[btf_map]
pub static NAMESPACES: HashMap<u64, Namespace, 4096, NO_PREALLOC> = HashMap::new();

/// Endpoints that were configured as prefixes.
#[btf_map]
pub static PREFIXES: LpmTrie<Address, Endpoint, 4096> = LpmTrie::new();

/// Configured proxies: a port, and a prefix of the address.
#[btf_map]
pub static PROXIES: LpmTrie<ProxyPlace, Endpoint, 4096> = LpmTrie::new();

/// Endpoints that the daemon found by asking, each a whole address.
#[btf_map]
pub static ADDRESSES: HashMap<Address, Endpoint, 65536, NO_PREALLOC> = HashMap::new();

/// Endpoints that were learned from answers to applications. The daemon ages them: an evicting map would forget the
/// endpoints that are used without being looked up again.
#[btf_map]
pub static LEARNED: HashMap<Address, Learned, 65536, NO_PREALLOC> = HashMap::new();

/// Callers of whom more is forbidden than of everyone. Not an LRU map: the daemon removes what has no use any more, and
/// what finds no room it decides itself.
#[btf_map]
pub static CALLERS: HashMap<CallerKey, Class, 65536, NO_PREALLOC> = HashMap::new();

/// Who may not call whom. Not an LRU map either.
#[btf_map]
pub static FORBIDDEN: HashMap<ForbiddenKey, Forbidden, 65536, NO_PREALLOC> = HashMap::new();

/// Attempts that were refused by that.
#[btf_map]
pub static REFUSALS: HashMap<RefusalKey, u64, 16384, NO_PREALLOC> = HashMap::new();

/// Addresses that were given for other names than one provider's, and when. Not an LRU map: one that is forgotten would
/// be taken for the provider's alone. What finds no room is noted under `MISSED`.
#[btf_map]
pub static OTHERS: HashMap<Address, u64, 65536, NO_PREALLOC> = HashMap::new();

/// The catalogue's names, as an automaton.
#[btf_map]
pub static NAMES: HashMap<NameKey, NameEdge, 16384, NO_PREALLOC> = HashMap::new();

/// Who is believed when it answers about them. The value says nothing.
#[btf_map]
pub static RESOLVERS: HashMap<Address, u32, 256, NO_PREALLOC> = HashMap::new();

/// Room for one message on each CPU: a BPF stack holds 512 bytes.
#[btf_map]
pub static DNS: PerCpuArray<Scratch, 1> = PerCpuArray::new();

/// When processes that have connected last executed a program, nanoseconds of `CLOCK_MONOTONIC`: 0 if not since then. An
/// entry is wanted from `connect` until the daemon has accepted, and one that is gone makes its caller an unknown one.
#[btf_map]
pub static EXECS: LruHashMap<u32, u64, 16384> = LruHashMap::new();

/// What is known of a redirected socket, kept in the socket itself and gone with it.
#[btf_map]
pub static ORIGINS: SkStorage<Flow> = SkStorage::new();

/// Redirected connections that the daemon has not taken yet. Not an LRU map, which loses entries in a burst.
#[btf_map]
pub static FLOWS: HashMap<FlowKey, Flow, 262_144, NO_PREALLOC> = HashMap::new();

/// What the egress guard should know of a socket, kept in the socket itself.
#[btf_map]
pub static MARKS: SkStorage<Mark> = SkStorage::new();

/// What sockets have sent lately, and when. It need not last longer than a packet's way through a veth, so that what is
/// evicted is no loss: it takes as many new flows at once as there is room to lose a note that is still wanted.
#[btf_map]
pub static NOTES: LruHashMap<NoteKey, u64, 16384> = LruHashMap::new();

/// Guarded interfaces by index, entered by the daemon.
#[btf_map]
pub static INTERFACES: HashMap<u32, RawPackets, 8192, NO_PREALLOC> = HashMap::new();

/// Counts by workload. Not an LRU map: counts have to add up, and what finds no room is counted.
#[btf_map]
pub static WORKLOADS: HashMap<WorkloadKey, u64, 16384, NO_PREALLOC> = HashMap::new();

/// Counters, one slot each.
#[btf_map]
pub static STATS: PerCpuArray<u64, { Counter::COUNT }> = PerCpuArray::new();

/// What the daemon should act upon.
#[btf_map]
pub static EVENTS: RingBuf<Event, { 256 * 1024 }> = RingBuf::new();

/// When a namespace was last told of, by kind of event. Losing an entry costs one event more.
#[btf_map]
pub static TOLD: LruHashMap<Told, u64, 8192> = LruHashMap::new();

/// Key of [`TOLD`].
#[repr(C)]
pub struct Told {
    pub netns: u64,
    pub kind: u64,
}

/// Whether connections to this port may be redirected.
#[inline(always)]
pub fn has_port(port: u16) -> bool {
    PORTS.get(0).is_some_and(|ports| ports.captures(port))
}

/// Whether a configured proxy listens there. Few ports are one's: the others cost a load.
#[inline(always)]
pub fn has_proxy(address: Address, port: u16) -> bool {
    is_port_of_proxy(port)
        && (PROXIES.get(&lpm_trie::Key::new(160, ProxyPlace { port: u32::from(port), address })).is_some()
            || is_learned_proxy(address))
}

/// Whether the name of a configured proxy was last looked up to this address. An answer says nothing of ports.
#[inline(always)]
fn is_learned_proxy(address: Address) -> bool {
    // SAFETY: a value is freed after a grace period that this program is part of. A reader may meet one that is being
    // written, and sees the old provider or the new one.
    LEARNED
        .get_ptr(address)
        .is_some_and(|learned| unsafe { (&raw const (*learned).provider).read_volatile() == Learned::PROXY })
}

/// Whether a configured proxy listens on this port, at whatever address.
#[inline(always)]
pub fn is_port_of_proxy(port: u16) -> bool {
    PORTS.get(0).is_some_and(|ports| ports.has_proxy(port))
}

/// How a namespace is treated that is not enrolled.
#[inline(always)]
pub fn unknown_namespace() -> Namespace {
    let open = Namespace { port4: 0, port6: 0, flags: 0, worker: 0 };
    CONFIG.get(0).map_or(open, Config::unknown_namespace)
}

/// Whether the address is a known endpoint, however it came to be known.
#[inline(always)]
pub fn has_endpoint(address: Address) -> bool {
    LEARNED.get_ptr(address).is_some()
        || ADDRESSES.get_ptr(address).is_some()
        || PREFIXES.get(&lpm_trie::Key::new(128, address)).is_some()
}

/// Raises one counter. Atomic although the map is per CPU: these hooks may be preempted by a task that runs them
/// on the same CPU. In assembly, because `core` offers no atomic addition for a target without compare-and-swap.
#[inline(always)]
pub fn count(counter: Counter) {
    if let Some(slot) = STATS.get_ptr_mut(counter.slot()) {
        // SAFETY: the slot is an aligned u64 of this CPU, alive while the program runs.
        unsafe { asm!("lock *(u64 *)({slot} + 0) += {one}", slot = in(reg) slot, one = in(reg) 1u64) };
    }
}

//! What the programs and maps want of a kernel, each by name, and whether it is there.
//! Asks the kernel by trying, not by its version: distributions carry features back. Does not know who wants to know.

use aya::maps::MapType;
use aya::programs::ProgramType;
use aya::sys::{BpfHelper, is_helper_supported, is_map_supported, is_program_supported};

use crate::telemetry::chain;

/// Something that a kernel has or lacks.
#[derive(Debug, Clone, Copy)]
pub enum Feature {
    /// A kind of program.
    Program(ProgramType),
    /// A kind of map.
    Map(MapType),
    /// A helper, in a kind of program.
    Helper(ProgramType, BpfHelper),
}

use Feature::{Helper, Map, Program};

/// Everything that is wanted, with the name that people look it up by (for programs and maps with the kernel version that
/// brought it, from the documentation of aya) and what it is for.
pub const WANTED: [(Feature, &str, &str); 17] = [
    (Program(ProgramType::CgroupSockAddr), "cgroup/connect programs (4.17)", "redirect connections"),
    (Program(ProgramType::CgroupSkb), "cgroup_skb programs (4.10)", "read DNS answers, guard what leaves"),
    (Program(ProgramType::CgroupSock), "cgroup/sock programs (4.10)", "see raw sockets"),
    (Program(ProgramType::SchedClassifier), "tc classifier programs (4.1)", "see raw packets leave a veth"),
    (Map(MapType::LpmTrie), "LPM trie maps (4.11)", "keep prefixes of endpoints"),
    (Map(MapType::LruHash), "LRU hash maps (4.10)", "tell each thing once in a while"),
    (Map(MapType::PerCpuArray), "per-CPU array maps (4.6)", "count"),
    (Map(MapType::RingBuf), "ring buffer maps (5.8)", "tell the daemon"),
    (
        Helper(ProgramType::CgroupSockAddr, BpfHelper::BPF_FUNC_get_netns_cookie),
        "bpf_get_netns_cookie in connect programs",
        "know whose connection it is",
    ),
    (
        Helper(ProgramType::CgroupSockAddr, BpfHelper::BPF_FUNC_get_current_cgroup_id),
        "bpf_get_current_cgroup_id in connect programs",
        "exempt the daemon",
    ),
    (
        Helper(ProgramType::CgroupSockAddr, BpfHelper::BPF_FUNC_sk_lookup_tcp),
        "bpf_sk_lookup_tcp in connect programs",
        "find out whether somebody listens",
    ),
    (
        Helper(ProgramType::CgroupSockAddr, BpfHelper::BPF_FUNC_sk_storage_get),
        "bpf_sk_storage_get in connect programs",
        "record where a connection wanted to go",
    ),
    (
        Helper(ProgramType::CgroupSockAddr, BpfHelper::BPF_FUNC_get_current_comm),
        "bpf_get_current_comm in connect programs",
        "say who called",
    ),
    (
        Helper(ProgramType::CgroupSkb, BpfHelper::BPF_FUNC_skb_cgroup_id),
        "bpf_skb_cgroup_id in cgroup_skb programs",
        "know whose packet it is",
    ),
    (
        Helper(ProgramType::CgroupSkb, BpfHelper::BPF_FUNC_sk_storage_get),
        "bpf_sk_storage_get in cgroup_skb programs",
        "find the record, and count a socket once",
    ),
    (
        Helper(ProgramType::CgroupSock, BpfHelper::BPF_FUNC_get_netns_cookie),
        "bpf_get_netns_cookie in cgroup/sock programs",
        "know whose raw socket it is",
    ),
    (
        Helper(ProgramType::SchedClassifier, BpfHelper::BPF_FUNC_skb_cgroup_id),
        "bpf_skb_cgroup_id in tc programs",
        "know whose raw packet it is",
    ),
];

impl Feature {
    /// Asks the running kernel.
    ///
    /// # Errors
    /// The kernel does not let itself be asked, in words.
    pub fn is_there(&self) -> Result<bool, String> {
        match *self {
            Program(kind) => is_program_supported(kind),
            Map(kind) => return is_map_supported(kind).map_err(|error| chain(&error)),
            Helper(kind, helper) => is_helper_supported(kind, helper),
        }
        .map_err(|error| chain(&error))
    }
}

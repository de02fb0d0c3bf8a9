//! What the kernel side and the daemon agree on: flat structs, their sizes, the ABI version, and the pure
//! decision of the connect hooks. Knows no BPF helper, no socket and no allocation.
//!
//! Everything that crosses the boundary is `#[repr(C)]`, has no padding the compiler chose, no `bool`, no
//! `enum` and no `usize`, and asserts its size here. Ports are in host byte order everywhere in this crate.
#![no_std]

mod abi;
mod address;
mod count;
mod datagram;
mod decide;
pub mod dns;
mod flow;
mod forbid;
mod learned;
mod map;
mod note;
mod workload;

pub use abi::{ABI_VERSION, Abi};
pub use address::Address;
pub use count::Counter;
pub use datagram::{Datagram, decide_datagram};
pub use decide::{Attempt, Decision, Left, Refused, Target, World, decide};
pub use flow::{COMM_LEN, Event, EventKind, Flow, FlowKey};
pub use forbid::{CallerKey, Class, Forbidden, ForbiddenKey, MISSED, RefusalKey, Verdict};
pub use learned::Learned;
pub use map::{Config, Endpoint, Namespace, PORT_WORDS, Ports, Prefix, ProxyPlace, ProxyPrefix, WORKERS};
pub use note::{NoteKey, RawPackets};
pub use workload::{Mark, WorkloadKey};

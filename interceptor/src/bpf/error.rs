//! What can fail between us and the kernel, and what to do about it.

use aya::EbpfError;
use aya::maps::MapError;
use aya::programs::ProgramError;
use std::error::Error;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;

/// Capture could not be set up, or one of its maps could not be used.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The build has nothing embedded.
    #[error("this build carries no BPF object; run `cargo xtask ebpf` and build again")]
    NoObject,
    /// The kernel refused for want of capabilities.
    #[error(
        "no permission to load BPF programs; run as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_SYS_ADMIN in the \
         initial user namespace"
    )]
    NoPermission(#[source] io::Error),
    /// The kernel offers no type information.
    #[error(
        "this kernel offers no BTF (/sys/kernel/btf/vmlinux); it must be built with CONFIG_DEBUG_INFO_BTF=y"
    )]
    NoBtf(#[source] EbpfError),
    /// There is no unified hierarchy.
    #[error("no cgroup v2 tree is mounted; mount one with `mount -t cgroup2 none DIRECTORY`")]
    NoCgroup2,
    /// The mounted tree does not reach up to our cgroup.
    #[error(
        "this process is in no cgroup of the tree at {}, and would intercept itself; in a container, mount the \
         node's tree there (hostPath /sys/fs/cgroup)", .root.display()
    )]
    NotInTree {
        /// Where the tree is mounted.
        root: PathBuf,
    },
    /// The mounted tree is not the machine's.
    #[error(
        "the cgroup v2 tree at {} begins at a container's own cgroup, where only the container itself could be \
         intercepted; mount the node's tree there (hostPath /sys/fs/cgroup), or name a cgroup in the configuration \
         (cgroup)", .root.display()
    )]
    PartialTree {
        /// Where the tree is mounted.
        root: PathBuf,
    },
    /// The programs attach to version 2 only.
    #[error("{} is no cgroup v2 directory; `grep cgroup2 /proc/mounts` shows where they are", .path.display())]
    NotCgroup2 {
        /// What was given.
        path: PathBuf,
    },
    /// A cgroup directory cannot be used.
    #[error("cgroup {} cannot be opened", .path.display())]
    Cgroup {
        /// What was given.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The object was built from other sources than the daemon.
    #[error(
        "the BPF object speaks ABI version {found} and this daemon {expected}; build both from one source with \
         `cargo xtask ebpf`"
    )]
    AbiMismatch {
        /// What the object says.
        found: u32,
        /// What this build speaks.
        expected: u32,
    },
    /// The object has the right version and the wrong shape.
    #[error(
        "map {name} of the BPF object has keys and values of {found:?} bytes where this daemon expects \
         {expected:?}; build both from one source with `cargo xtask ebpf`, and remove what another build has pinned \
         with `interceptor uninstall`"
    )]
    MapSize {
        /// The map.
        name: &'static str,
        /// Bytes of key and value in the object.
        found: (usize, usize),
        /// Bytes of key and value here.
        expected: (usize, usize),
    },
    /// An object, but none of interceptor's.
    #[error("the BPF object is none of interceptor's; build it with `cargo xtask ebpf`")]
    NotOurObject,
    /// Not even an object.
    #[error("the BPF object cannot be read; build it with `cargo xtask ebpf`")]
    Unreadable(#[source] EbpfError),
    /// The kernel took the object and lacks something that it needs.
    #[error("the kernel refused the BPF object's maps; Linux 5.15 or later is needed")]
    Refused(#[source] EbpfError),
    /// The verifier said no.
    #[error("the kernel refused the BPF program {program}; Linux 5.15 or later is needed")]
    Rejected {
        /// Which one.
        program: &'static str,
        /// With the verifier's log.
        #[source]
        error: ProgramError,
    },
    /// The program could not be attached.
    #[error("the BPF program {program} cannot be attached to the cgroup")]
    Attach {
        /// Which one.
        program: &'static str,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// An interface cannot be guarded.
    #[error("the interface {interface} cannot be guarded; raw packets that leave by it are not seen")]
    Guard {
        /// Its name.
        interface: String,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The object has no such map.
    #[error("the BPF object has no map {name}; build it with `cargo xtask ebpf`")]
    MissingMap {
        /// Which one.
        name: &'static str,
    },
    /// A map has no room for another element.
    #[error("BPF map {name} is full")]
    MapFull {
        /// Which one.
        name: &'static str,
    },
    /// The catalogue has a name that the kernel side cannot hold.
    #[error(transparent)]
    Name(super::names::DeepName),
    /// A map operation failed.
    #[error("BPF map {name} cannot be used")]
    Map {
        /// Which one.
        name: &'static str,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// Pins need a file system of their own.
    #[error(
        "{} does not lie in a bpffs; mount one with `mount -t bpf bpf /sys/fs/bpf`, or set capture.pins to `off`",
        .path.display()
    )]
    NoBpffs {
        /// Where pins are wanted.
        path: PathBuf,
        /// Why none was mounted, if that was tried.
        #[source]
        error: Option<io::Error>,
    },
    /// Another daemon has the pins.
    #[error(
        "another daemon uses the pins in {}; stop it, take over from it with `run --upgrade`, or set capture.pins \
         to another directory",
        .path.display()
    )]
    Busy {
        /// Their directory.
        path: PathBuf,
    },
    /// A pin cannot be made, read or removed.
    #[error("the pin {} cannot be used", .path.display())]
    Pin {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The clock that programs and daemon share.
    #[error("CLOCK_MONOTONIC cannot be read")]
    Clock(#[source] io::Error),
    /// Not a network.
    #[error(
        "{address}/{length} is no prefix: the length of an {} is at most {}",
        if .address.is_ipv4() { "IPv4 prefix" } else { "IPv6 prefix" },
        if .address.is_ipv4() { 32 } else { 128 }
    )]
    PrefixLength {
        /// The address.
        address: IpAddr,
        /// Its length.
        length: u8,
    },
}

impl CaptureError {
    pub(super) fn of_load(error: EbpfError) -> Self {
        match denied(&error) {
            Some(denied) => Self::NoPermission(denied),
            None if matches!(error, EbpfError::ParseError(_)) => Self::Unreadable(error),
            None if aya::features().btf().is_none() => Self::NoBtf(error),
            None => Self::Refused(error),
        }
    }

    /// The verifier says `EACCES` of a program that it dislikes; want of capabilities is `EPERM`.
    pub(super) fn of_program(program: &'static str, error: ProgramError) -> Self {
        match denied(&error) {
            Some(denied) => Self::NoPermission(denied),
            None => Self::Rejected { program, error },
        }
    }

    pub(super) fn of_attach(program: &'static str, error: io::Error) -> Self {
        match denied(&error) {
            Some(denied) => Self::NoPermission(denied),
            None => Self::Attach { program, error },
        }
    }

    pub(super) fn of_map(name: &'static str, error: MapError) -> Self {
        let error = io_error(&error).unwrap_or_else(|| io::Error::other(error.to_string()));
        Self::Map { name, error }
    }
}

/// The operating system's error if it is `EPERM`.
fn denied(error: &(dyn Error + 'static)) -> Option<io::Error> {
    io_error(error).filter(|error| error.raw_os_error() == Some(libc::EPERM))
}

/// The operating system's error that a chain of errors ends in.
fn io_error(error: &(dyn Error + 'static)) -> Option<io::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(code) = error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error) {
            return Some(io::Error::from_raw_os_error(code));
        }
        next = error.source();
    }
    None
}

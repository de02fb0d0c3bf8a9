//! Gives up what the daemon does not need, before it needs anything: capabilities and system calls of the whole process.
//! Knows what the kernel can take away. Does not know what the daemon does with the rest.
//!
//! Landlock is not used. It would take the file system away, and with it the sight of other processes: whoever lives in
//! its domain reads no `/proc/PID/exe` of those outside, and that is how callers are known.

use std::collections::BTreeMap;

use caps::{CapSet, Capability, CapsHashSet};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};

/// What a daemon does that wants a capability:
/// loads programs (`BPF`) and attaches them (`NET_ADMIN`), enters network namespaces (`SYS_ADMIN`), looks at processes of
/// other users to find those (`SYS_PTRACE`), and reads its files whoever they belong to (`DAC_READ_SEARCH`).
const OF_THE_DAEMON: [Capability; 5] = [
    Capability::CAP_BPF,
    Capability::CAP_NET_ADMIN,
    Capability::CAP_SYS_ADMIN,
    Capability::CAP_SYS_PTRACE,
    Capability::CAP_DAC_READ_SEARCH,
];

/// Calls that no part of the daemon makes, and that whoever took it over would want: other programs, other processes'
/// memory, the kernel's own code, another root, the machine's clock, keys, and undoing what is given up here.
const NEVER_CALLED: &[libc::c_long] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_chroot,
    libc::SYS_pivot_root,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_userfaultfd,
    libc::SYS_perf_event_open,
    libc::SYS_open_by_handle_at,
    libc::SYS_personality,
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setreuid,
    libc::SYS_setregid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setgroups,
    libc::SYS_setfsuid,
    libc::SYS_setfsgid,
];

/// Why something could not be given up.
#[derive(Debug, thiserror::Error)]
pub enum ConfineError {
    /// A set of capabilities is as it was.
    #[error("capabilities cannot be dropped")]
    Capabilities(#[from] caps::errors::CapsError),
    /// The filter of system calls is not in force.
    #[error("system calls cannot be filtered")]
    SystemCalls(#[from] seccompiler::Error),
}

/// Takes from this thread, and from all that it starts, what the daemon never needs. `low_ports`: it binds ports below 1024.
///
/// # Errors
/// See [`ConfineError`]; what came before the failing step is given up all the same.
pub fn process(low_ports: bool) -> Result<(), ConfineError> {
    let mut keep = CapsHashSet::from(OF_THE_DAEMON);
    if low_ports {
        keep.insert(Capability::CAP_NET_BIND_SERVICE);
    }
    filter(NEVER_CALLED)?;
    drop_all_but(&keep)
}

fn drop_all_but(keep: &CapsHashSet) -> Result<(), ConfineError> {
    // Nothing comes back through the bounding set, as no program is executed; a container's runtime has cut it already,
    // and left out the capability to do so.
    if caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP)? {
        for capability in caps::read(None, CapSet::Bounding)?.difference(keep) {
            caps::drop(None, CapSet::Bounding, *capability)?;
        }
    }
    caps::clear(None, CapSet::Ambient)?;
    caps::clear(None, CapSet::Inheritable)?;
    // Only what is there can be kept.
    for set in [CapSet::Effective, CapSet::Permitted] {
        let held = caps::read(None, set)?;
        caps::set(None, set, &held.intersection(keep).copied().collect())?;
    }
    Ok(())
}

/// Answers these calls with `EPERM`.
fn filter(calls: &[libc::c_long]) -> Result<(), ConfineError> {
    let rules: BTreeMap<_, _> = calls.iter().map(|call| (*call, Vec::new())).collect();
    let refuse = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch())
        .map_err(seccompiler::Error::Backend)?;
    let program: BpfProgram = filter.try_into().map_err(seccompiler::Error::Backend)?;
    Ok(seccompiler::apply_filter(&program)?)
}

#[cfg(target_arch = "x86_64")]
fn arch() -> TargetArch {
    TargetArch::x86_64
}

#[cfg(target_arch = "aarch64")]
fn arch() -> TargetArch {
    TargetArch::aarch64
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::errno::Errno;

    /// What is given up is given up for good, so each test has a thread of its own.
    fn apart<T: Send + 'static>(what: impl FnOnce() -> T + Send + 'static) -> T {
        std::thread::spawn(what).join().unwrap()
    }

    #[test]
    fn no_program_is_started() {
        let result = apart(|| {
            nix::sys::prctl::set_no_new_privs().unwrap();
            filter(NEVER_CALLED).unwrap();
            let none: [&std::ffi::CStr; 0] = [];
            nix::unistd::execve(c"/bin/true", &none, &none)
        });
        assert_eq!(result.unwrap_err(), Errno::EPERM);
    }

    #[test]
    fn capabilities_are_dropped_for_good() {
        let (held, left, again) = apart(|| {
            let keep = CapsHashSet::from([Capability::CAP_SYS_PTRACE]);
            let held = caps::read(None, CapSet::Permitted).unwrap();
            drop_all_but(&keep).unwrap();
            let left = caps::read(None, CapSet::Permitted).unwrap();
            (held, left, caps::raise(None, CapSet::Effective, Capability::CAP_NET_ADMIN))
        });
        // Whoever runs the tests may have had none.
        let kept = CapsHashSet::from([Capability::CAP_SYS_PTRACE])
            .intersection(&held)
            .copied()
            .collect::<CapsHashSet>();
        assert_eq!(left, kept);
        assert!(again.is_err());
    }
}

//! The programs of the object by name: loading and attaching. [`PROGRAMS`] is the one list of those that are attached to
//! the cgroup; the one for interfaces is in `veth.rs`.

use super::CaptureError;
use super::link::Link;
use super::pins::Pins;
use super::veth;
use aya::Ebpf;
use aya::programs::{Program, ProgramError};
use aya_obj::generated::bpf_attach_type;
use std::ffi::CStr;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::fs::MetadataExt as _;

/// The programs of the cgroup with their hooks, in the order of attachment. `guard` comes before the connect hooks: a
/// connection must not be redirected while nobody enters it.
pub(super) const PROGRAMS: [(&str, bpf_attach_type); 9] = [
    ("peer4", bpf_attach_type::BPF_CGROUP_INET4_GETPEERNAME),
    ("peer6", bpf_attach_type::BPF_CGROUP_INET6_GETPEERNAME),
    ("dns", bpf_attach_type::BPF_CGROUP_INET_INGRESS),
    ("raw", bpf_attach_type::BPF_CGROUP_INET_SOCK_CREATE),
    ("guard", bpf_attach_type::BPF_CGROUP_INET_EGRESS),
    ("send4", bpf_attach_type::BPF_CGROUP_UDP4_SENDMSG),
    ("send6", bpf_attach_type::BPF_CGROUP_UDP6_SENDMSG),
    ("connect4", bpf_attach_type::BPF_CGROUP_INET4_CONNECT),
    ("connect6", bpf_attach_type::BPF_CGROUP_INET6_CONNECT),
];

/// The program that is told of executions, and by what.
const EXECUTED: &str = "executed";
const TRACEPOINT: &CStr = c"sched_process_exec";

/// All of them.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    PROGRAMS.into_iter().map(|(name, _)| name).chain([EXECUTED, veth::PROGRAM])
}

/// Has the kernel verify every program.
pub(super) fn load_all(programs: &mut Ebpf) -> Result<(), CaptureError> {
    for name in names() {
        let program = programs.program_mut(name).ok_or(CaptureError::NotOurObject)?;
        load(program).map_err(|error| CaptureError::of_program(name, error))?;
    }
    Ok(())
}

/// Attaches every program to the cgroup. Where links are pinned already, theirs is exchanged for ours.
pub(super) fn attach_all(
    programs: &Ebpf,
    cgroup: &File,
    pins: Option<&Pins>,
) -> Result<Vec<Link>, CaptureError> {
    let attach = |(name, hook): (&'static str, bpf_attach_type)| {
        let program = programs.program(name).ok_or(CaptureError::NotOurObject)?;
        let program = program.fd().map_err(|error| CaptureError::of_program(name, error))?;
        let link = match pins {
            Some(pins) => attach_pinned(program.as_fd(), cgroup, hook, &pins.link(name)),
            None => Link::attach(program.as_fd(), cgroup.as_fd(), hook as u32),
        };
        link.map_err(|error| CaptureError::of_attach(name, error))
    };
    // Before a connection is redirected whose process may become another one.
    let first = attach_executed(programs, pins).map_err(|error| CaptureError::of_attach(EXECUTED, error));
    [first].into_iter().chain(PROGRAMS.into_iter().map(attach)).collect()
}

/// The link of a tracepoint keeps its program, so that a new daemon makes one of its own: until it has the pin, both note
/// the same.
fn attach_executed(programs: &Ebpf, pins: Option<&Pins>) -> io::Result<Link> {
    let program = programs.program(EXECUTED).ok_or(io::ErrorKind::NotFound)?;
    let link = Link::attach_to_tracepoint(program.fd().map_err(io::Error::other)?.as_fd(), TRACEPOINT)?;
    if let Some(pins) = pins {
        let pin = pins.link(EXECUTED);
        match fs::remove_file(&pin) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => link.pin(&pin)?,
        }
    }
    Ok(link)
}

fn attach_pinned(
    program: BorrowedFd<'_>,
    cgroup: &File,
    hook: bpf_attach_type,
    pin: &std::path::Path,
) -> io::Result<Link> {
    let found = Link::open(pin)?;
    if let Some(link) = found {
        if link.cgroup()? == cgroup.metadata()?.ino() {
            link.replace(program)?;
            return Ok(link);
        }
        // The configured cgroup is another one now, or was removed and made again.
        fs::remove_file(pin)?;
    }
    let link = Link::attach(program, cgroup.as_fd(), hook as u32)?;
    link.pin(pin)?;
    Ok(link)
}

/// How many instructions the verifier followed in each loaded program, where the kernel says so (5.16 and later).
pub(super) fn verified(programs: &Ebpf) -> Result<Vec<(&'static str, Option<u32>)>, CaptureError> {
    let of = |name: &'static str| {
        let program = programs.program(name).ok_or(CaptureError::NotOurObject)?;
        let info = program.info().map_err(|error| CaptureError::of_program(name, error))?;
        Ok((name, info.verified_instruction_count()))
    };
    names().map(of).collect()
}

fn load(program: &mut Program) -> Result<(), ProgramError> {
    match program {
        Program::CgroupSockAddr(hook) => hook.load(),
        Program::CgroupSkb(hook) => hook.load(),
        Program::CgroupSock(hook) => hook.load(),
        Program::SchedClassifier(hook) => hook.load(),
        Program::RawTracePoint(hook) => hook.load(),
        _ => Err(ProgramError::UnexpectedProgramType),
    }
}

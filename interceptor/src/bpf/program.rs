//! The programs of the object by name: loading and attaching. [`PROGRAMS`] is the one list of them.

use super::CaptureError;
use aya::Ebpf;
use aya::programs::{CgroupAttachMode, Program, ProgramError};
use std::fs::File;

/// All programs, in the order of attachment. `flow` comes before the connect hooks: a connection must not be
/// redirected while nobody enters it.
const PROGRAMS: [&str; 10] =
    ["flow", "peer4", "peer6", "dns", "raw", "guard", "send4", "send6", "connect4", "connect6"];

/// Has the kernel verify every program.
pub(super) fn load_all(programs: &mut Ebpf) -> Result<(), CaptureError> {
    for name in PROGRAMS {
        let program = programs.program_mut(name).ok_or(CaptureError::NotOurObject)?;
        load(program).map_err(|error| CaptureError::of_program(name, error))?;
    }
    Ok(())
}

/// Attaches every program to the cgroup.
pub(super) fn attach_all(programs: &mut Ebpf, cgroup: &File) -> Result<(), CaptureError> {
    for name in PROGRAMS {
        let program = programs.program_mut(name).ok_or(CaptureError::NotOurObject)?;
        attach(program, cgroup).map_err(|error| CaptureError::of_attach(name, error))?;
    }
    Ok(())
}

/// How many instructions the verifier followed in each loaded program, where the kernel says so (5.16 and later).
pub(super) fn verified(programs: &Ebpf) -> Result<Vec<(&'static str, Option<u32>)>, CaptureError> {
    let of = |name: &'static str| {
        let program = programs.program(name).ok_or(CaptureError::NotOurObject)?;
        let info = program.info().map_err(|error| CaptureError::of_program(name, error))?;
        Ok((name, info.verified_instruction_count()))
    };
    PROGRAMS.into_iter().map(of).collect()
}

fn load(program: &mut Program) -> Result<(), ProgramError> {
    match program {
        Program::CgroupSockAddr(hook) => hook.load(),
        Program::SockOps(ops) => ops.load(),
        Program::CgroupSkb(hook) => hook.load(),
        Program::CgroupSock(hook) => hook.load(),
        _ => Err(ProgramError::UnexpectedProgramType),
    }
}

/// `Single` is what a link wants to hear: links are always attached beside others, and aya hands any other mode to
/// the kernel as a flag that it does not know.
fn attach(program: &mut Program, cgroup: &File) -> Result<(), ProgramError> {
    match program {
        Program::CgroupSockAddr(hook) => hook.attach(cgroup, CgroupAttachMode::Single).map(drop),
        Program::SockOps(ops) => ops.attach(cgroup, CgroupAttachMode::Single).map(drop),
        Program::CgroupSock(hook) => hook.attach(cgroup, CgroupAttachMode::Single).map(drop),
        Program::CgroupSkb(hook) => {
            let direction = *hook.expected_attach_type();
            let direction = direction.ok_or(ProgramError::UnexpectedProgramType)?;
            hook.attach(cgroup, direction, CgroupAttachMode::Single).map(drop)
        }
        _ => Err(ProgramError::UnexpectedProgramType),
    }
}

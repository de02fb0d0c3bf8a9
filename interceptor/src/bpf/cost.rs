//! What the programs cost, as the kernel counts it: how often each ran, and for how long.
//! The kernel counts only while somebody asks it to, because taking the time twice costs more than most runs do.

use super::CaptureError;
use super::program::names;
use aya::Ebpf;
use aya::sys::{Stats, enable_stats};
use std::fs;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};

/// What one program has cost since it was loaded, as far as the kernel was counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunTime {
    /// The program's name in the object.
    pub program: &'static str,
    /// How often it ran.
    pub runs: u64,
    /// How long all of the runs took together.
    pub nanoseconds: u64,
}

/// The kernel counts as long as this is held, and stops by itself if its holder is killed.
#[derive(Debug)]
pub struct Counting {
    _descriptor: OwnedFd,
}

impl Counting {
    /// Has the kernel count for every program on the machine, each run of which becomes slower meanwhile.
    ///
    /// # Errors
    /// Without the privilege, or on a kernel before 5.8.
    pub fn start() -> io::Result<Self> {
        match enable_stats(Stats::RunTime) {
            Ok(descriptor) => Ok(Self { _descriptor: descriptor }),
            Err(error) => Err(error.io_error),
        }
    }
}

/// Reads every program's figures, in the order of attachment.
pub(super) fn read(programs: &Ebpf) -> Result<Vec<RunTime>, CaptureError> {
    names().map(|name| of(programs, name)).collect()
}

fn of(programs: &Ebpf, name: &'static str) -> Result<RunTime, CaptureError> {
    let program = programs.program(name).ok_or(CaptureError::NotOurObject)?;
    let descriptor = program.fd().map_err(|error| CaptureError::of_program(name, error))?;
    let path = format!("/proc/thread-self/fdinfo/{}", descriptor.as_fd().as_raw_fd());
    let text = fs::read_to_string(path).map_err(|error| CaptureError::of_program(name, error.into()))?;
    Ok(RunTime { program: name, runs: field(&text, "run_cnt"), nanoseconds: field(&text, "run_time_ns") })
}

/// A number of `fdinfo`; 0 where the kernel does not tell it, which is as good as not counted.
fn field(text: &str, name: &str) -> u64 {
    let value = |line: &str| line.strip_prefix(name)?.strip_prefix(':')?.trim().parse().ok();
    text.lines().find_map(value).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let text = "prog_id:\t7\nrun_time_ns:\t1200\nrun_cnt:\t30\n";
        assert_eq!((field(text, "run_cnt"), field(text, "run_time_ns"), field(text, "run")), (30, 1200, 0));
    }
}

//! A new process with the number of one that has ended: what a machine does by itself only now and then.
//! Knows clone3. Does not know why somebody wants that.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::ptr;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

use crate::cgroup::Cgroup;

/// A process that sleeps, until this is dropped.
pub struct Reborn(Pid);

impl Reborn {
    /// Starts `/usr/bin/sleep` as process `pid`, which nobody must be, in `cgroup`.
    pub fn new(pid: u32, cgroup: &Cgroup) -> io::Result<Self> {
        let group = File::open(cgroup.path())?;
        let number = pid.cast_signed();
        let (program, forever) = (CString::new("/usr/bin/sleep")?, CString::new("infinity")?);
        let words = [program.as_ptr(), forever.as_ptr(), ptr::null()];
        let flag = |bits: i32| u64::from(bits.unsigned_abs());
        #[expect(unsafe_code, reason = "no library starts a process under a chosen number")]
        // SAFETY: all zero is a valid `clone_args`. The kernel reads what it points to during the call, and all of that
        // lives in this frame. No memory is shared: the child makes two system calls on strings prepared before.
        let child = unsafe {
            let mut arguments: libc::clone_args = std::mem::zeroed();
            arguments.flags = 0x2_0000_0000; // CLONE_INTO_CGROUP, which does not fit the libc crate's type.
            arguments.exit_signal = flag(libc::SIGCHLD);
            arguments.set_tid = (&raw const number).expose_provenance() as u64;
            arguments.set_tid_size = 1;
            arguments.cgroup = u64::try_from(group.as_raw_fd()).unwrap_or_default();
            let child = libc::syscall(libc::SYS_clone3, &raw const arguments, size_of_val(&arguments));
            if child == 0 {
                libc::execv(program.as_ptr(), words.as_ptr());
                libc::_exit(127);
            }
            child
        };
        Errno::result(child)?;
        Ok(Self(Pid::from_raw(number)))
    }
}

impl Drop for Reborn {
    fn drop(&mut self) {
        let _ = kill(self.0, Signal::SIGKILL);
        let _ = waitpid(self.0, None);
    }
}

//! What /proc says of the process that called connect(), and whether it still is that process.
//! Knows a process's files. Does not know control groups' meaning, pods or policy.

use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::Arc;
use std::time::Duration;

use nix::fcntl::{OFlag, openat, readlinkat};
use nix::sys::stat::Mode;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{SysconfVar, sysconf};

/// Why the process that we see is not certainly the one that called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// It has ended.
    Gone,
    /// The number is another process's by now: that one began after the call.
    Reused,
    /// It is in another control group than the caller was.
    Moved,
    /// It has no executable: a thread of the kernel, a process that is ending, or one that we may not look at.
    NoExecutable,
}

impl Doubt {
    /// The word for policy and the audit trail.
    pub fn word(self) -> &'static str {
        match self {
            Self::Gone => "process_gone",
            Self::Reused => "process_reused",
            Self::Moved => "process_moved",
            Self::NoExecutable => "no_executable",
        }
    }
}

/// The executable of process `pid`, which called at `connected` (of `CLOCK_MONOTONIC`) from a group that
/// `is_its_group` knows by what `/proc/PID/cgroup` says.
///
/// Everything is read through one handle, which never becomes another process's, so that the answers belong together.
/// A number is given to a new process only after the old one has ended, which was after the call: who began before the
/// call is the caller. The kernel tells the beginning in steps of 10 ms; within one step a number would have to come
/// round through all others, and in the very same group.
///
/// # Errors
/// See [`Doubt`].
pub fn executable(
    pid: u32,
    connected: Duration,
    is_its_group: impl FnOnce(&str) -> bool,
) -> Result<Arc<str>, Doubt> {
    let directory = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_PATH | libc::O_DIRECTORY)
        .open(format!("/proc/{pid}"))
        .map_err(|_| Doubt::Gone)?;
    let path = readlinkat(&directory, "exe");
    let began = read(&directory, "stat").as_deref().and_then(began).ok_or(Doubt::Gone)?;
    if began > ticks_since_boot(connected).ok_or(Doubt::Gone)? {
        return Err(Doubt::Reused);
    }
    let groups = read(&directory, "cgroup").ok_or(Doubt::Gone)?;
    let group = groups.lines().find_map(|line| line.strip_prefix("0::"));
    if !group.is_some_and(is_its_group) {
        return Err(Doubt::Moved);
    }
    Ok(path.map_err(|_| Doubt::NoExecutable)?.to_string_lossy().into())
}

fn read(directory: &impl AsFd, name: &str) -> Option<String> {
    let file = openat(directory, name, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).ok()?;
    let mut text = Vec::with_capacity(512);
    File::from(file).read_to_end(&mut text).ok()?;
    Some(String::from_utf8_lossy(&text).into_owned())
}

/// When a process began, in clock ticks since boot: the 22nd field of its `stat`. The second is its name in brackets,
/// which may hold brackets and spaces of its own.
fn began(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(19)?.parse().ok()
}

/// A time of `CLOCK_MONOTONIC` in ticks of the clock that counts sleep, too, as the kernel tells beginnings.
fn ticks_since_boot(monotonic: Duration) -> Option<u64> {
    let now = |clock| clock_gettime(clock).ok().map(Duration::from);
    let asleep = now(ClockId::CLOCK_BOOTTIME)?.saturating_sub(now(ClockId::CLOCK_MONOTONIC)?);
    let per_second = u64::try_from(sysconf(SysconfVar::CLK_TCK).ok()??).ok()?;
    let time = monotonic + asleep;
    Some(time.as_secs() * per_second + u64::from(time.subsec_nanos()) * per_second / 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Duration {
        clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap().into()
    }

    #[test]
    fn a_process_that_runs_is_known_by_its_executable() {
        let found = executable(std::process::id(), now(), |_| true).unwrap();
        assert_eq!(*found, *std::env::current_exe().unwrap().to_string_lossy());
    }

    #[test]
    fn a_process_that_began_after_the_call_is_another_one() {
        let before = now().checked_sub(Duration::from_secs(1)).unwrap();
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        assert_eq!(executable(child.id(), before, |_| true), Err(Doubt::Reused));
        assert!(executable(child.id(), now(), |_| true).is_ok());
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(executable(child.id(), now(), |_| true), Err(Doubt::Gone));
    }

    #[test]
    fn a_process_in_another_group_is_not_believed() {
        assert_eq!(executable(std::process::id(), now(), |_| false), Err(Doubt::Moved));
    }

    #[test]
    fn a_name_with_brackets_does_not_hide_the_beginning() {
        let fields = "S 1 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0";
        assert_eq!(began(&format!("7 (a) b (c) {fields} 4711 9 9")), Some(4711));
        assert_eq!(began(&format!("7 (a) {fields}")), None);
        let whole = format!("7 (x) {fields} 4711");
        for end in 0..whole.len() - 4 {
            assert_eq!(began(&whole[..end]), None, "{}", &whole[..end]);
        }
        assert_eq!(began("7 no name"), None);
    }
}

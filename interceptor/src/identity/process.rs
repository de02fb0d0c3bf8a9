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
    /// It has become another program since, or is about to.
    Executed,
    /// Nobody can tell whether it has.
    Untraced,
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
            Self::Executed => "process_executed",
            Self::Untraced => "process_untraced",
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
/// A process keeps all of that when it executes another program. The kernel says when it last did (`executed`), at the end
/// of an execution, a little after the path has changed: so that is asked last, and in between a process is known by
/// having no code yet, however long that takes. What is left are the few microseconds between the two, which
/// would have to begin after `stat` was read and last until the kernel was asked, with a file read in between.
///
/// # Errors
/// See [`Doubt`].
pub fn executable(
    pid: u32,
    connected: Duration,
    is_its_group: impl FnOnce(&str) -> bool,
    executed: impl FnOnce() -> Option<Duration>,
) -> Result<Arc<str>, Doubt> {
    let directory = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_PATH | libc::O_DIRECTORY)
        .open(format!("/proc/{pid}"))
        .map_err(|_| Doubt::Gone)?;
    let path = readlinkat(&directory, "exe");
    let Stat { began, code } = read(&directory, "stat").as_deref().and_then(stat).ok_or(Doubt::Gone)?;
    if began > ticks_since_boot(connected).ok_or(Doubt::Gone)? {
        return Err(Doubt::Reused);
    }
    let groups = read(&directory, "cgroup").ok_or(Doubt::Gone)?;
    let group = groups.lines().find_map(|line| line.strip_prefix("0::"));
    if !group.is_some_and(is_its_group) {
        return Err(Doubt::Moved);
    }
    let path = path.map_err(|_| Doubt::NoExecutable)?;
    match executed() {
        Some(at) if at < connected && code != 0 => Ok(path.to_string_lossy().into()),
        Some(_) => Err(Doubt::Executed),
        None => Err(Doubt::Untraced),
    }
}

fn read(directory: &impl AsFd, name: &str) -> Option<String> {
    let file = openat(directory, name, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).ok()?;
    let mut text = Vec::with_capacity(512);
    File::from(file).read_to_end(&mut text).ok()?;
    Some(String::from_utf8_lossy(&text).into_owned())
}

/// What `stat` says of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stat {
    /// When it began, in clock ticks since boot: the 22nd field.
    began: u64,
    /// Where its code is, which is 0 until a program is loaded: the 26th.
    code: u64,
}

/// The second field is the name in brackets, which may hold brackets and spaces of its own.
fn stat(text: &str) -> Option<Stat> {
    let (_, fields) = text.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace();
    let began = fields.nth(19)?.parse().ok()?;
    let code = fields.nth(3)?.parse().ok()?;
    // Without the field behind it, this one may be cut off.
    fields.next().map(|_| Stat { began, code })
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

    fn never() -> Option<Duration> {
        Some(Duration::ZERO)
    }

    #[test]
    fn a_process_that_runs_is_known_by_its_executable() {
        let found = executable(std::process::id(), now(), |_| true, never).unwrap();
        assert_eq!(*found, *std::env::current_exe().unwrap().to_string_lossy());
    }

    #[test]
    fn a_process_that_began_after_the_call_is_another_one() {
        let before = now().checked_sub(Duration::from_secs(1)).unwrap();
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        assert_eq!(executable(child.id(), before, |_| true, never), Err(Doubt::Reused));
        // It may still be loading its program.
        while executable(child.id(), now(), |_| true, never) == Err(Doubt::Executed) {
            std::thread::yield_now();
        }
        assert!(executable(child.id(), now(), |_| true, never).is_ok());
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(executable(child.id(), now(), |_| true, never), Err(Doubt::Gone));
    }

    #[test]
    fn a_process_in_another_group_is_not_believed() {
        assert_eq!(executable(std::process::id(), now(), |_| false, never), Err(Doubt::Moved));
    }

    #[test]
    fn a_name_with_brackets_does_not_hide_the_beginning() {
        let fields = "S 1 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0";
        let found = stat(&format!("7 (a) b (c) {fields} 4711 9 9 9 4096 8192"));
        assert_eq!(found, Some(Stat { began: 4711, code: 4096 }));
        assert_eq!(stat(&format!("7 (a) {fields}")), None);
        let whole = format!("7 (x) {fields} 4711 9 9 9 4096 8");
        for end in 0..whole.len() - 1 {
            assert_eq!(stat(&whole[..end]), None, "{}", &whole[..end]);
        }
        assert_eq!(stat("7 no name"), None);
    }

    #[test]
    fn a_process_that_may_be_another_program_by_now_is_not_believed() {
        let (pid, at) = (std::process::id(), now());
        let later = at + Duration::from_nanos(1);
        assert_eq!(executable(pid, at, |_| true, || Some(later)), Err(Doubt::Executed));
        assert_eq!(executable(pid, at, |_| true, || Some(at)), Err(Doubt::Executed));
        assert_eq!(executable(pid, at, |_| true, || None), Err(Doubt::Untraced));
        assert!(executable(pid, later, |_| true, || Some(at)).is_ok());
    }
}

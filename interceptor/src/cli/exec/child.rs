//! The command that `exec` runs: its cgroup, its user, its view of the CA bundle, its signals.
//! Knows processes. Does not know what is intercepted.

use std::ffi::{CString, OsString};
use std::fs;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Gid, Pid, Uid, User, initgroups, setgid, setuid};
use tokio::signal::unix::{SignalKind, signal};

use super::trust::Trust;
use crate::bpf::{CaptureError, cgroup};

/// A cgroup for one command, removed on drop.
pub(super) struct Cage {
    path: PathBuf,
}

/// Why there is no cgroup for the command.
#[derive(Debug, thiserror::Error)]
pub(super) enum CageError {
    /// No cgroup v2 tree.
    #[error(transparent)]
    Tree(#[from] CaptureError),
    /// It cannot be made.
    #[error("cannot make the cgroup {}; is the cgroup v2 tree writable?", .path.display())]
    Make {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        #[source]
        io: io::Error,
    },
}

impl Cage {
    /// Makes an empty cgroup below the root of the v2 tree.
    ///
    /// # Errors
    /// See [`CageError`].
    pub(super) fn make() -> Result<Self, CageError> {
        let path = cgroup::root()?.join(format!("interceptor-exec-{}", std::process::id()));
        fs::create_dir(&path).map_err(|io| CageError::Make { path: path.clone(), io })?;
        Ok(Self { path })
    }

    /// Its directory.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Cage {
    fn drop(&mut self) {
        // What the command has left running keeps the cgroup alive; it is nobody's to end but the user's.
        if let Err(error) = fs::remove_dir(&self.path) {
            tracing::warn!(%error, cgroup = %self.path.display(), "the command's cgroup is still in use and stays");
        }
    }
}

/// The user who called sudo.
pub(super) fn sudo_user() -> Option<User> {
    let uid: u32 = std::env::var("SUDO_UID").ok()?.parse().ok()?;
    User::from_uid(Uid::from_raw(uid)).ok()?
}

/// The running command.
pub(super) struct Child {
    process: tokio::process::Child,
    pid: Pid,
    signals: Vec<(Signal, tokio::signal::unix::Signal)>,
}

/// What the command gets to see of signals sent to `exec`. A terminal sends its own to both of us.
const FORWARDED: [Signal; 5] =
    [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGWINCH];
/// What a terminal sends to the whole foreground group: the command decides what it means.
const LEFT_TO_THE_COMMAND: [Signal; 2] = [Signal::SIGINT, Signal::SIGQUIT];

impl Child {
    /// Starts the command inside the cage.
    ///
    /// # Errors
    /// It is not there, or may not be run.
    pub(super) fn spawn(
        command: &[OsString],
        cage: &Cage,
        trust: &Trust,
        user: Option<User>,
    ) -> io::Result<Self> {
        let mut builder = tokio::process::Command::new(&command[0]);
        builder.args(&command[1..]).envs(trust.environment());
        if let Some(user) = &user {
            builder.env("HOME", &user.dir).env("USER", &user.name).env("LOGNAME", &user.name);
        }
        let prepare = Prepare {
            procs: cage.path().join("cgroup.procs"),
            bundle: trust.bundle().to_owned(),
            covers: trust.system_bundles(),
            user: user.map(|user| (user.uid, user.gid, user.name)),
        };
        let prepare = prepare.ready()?;
        #[expect(
            unsafe_code,
            reason = "a child enters its cgroup and namespace before it becomes the command"
        )]
        // SAFETY: between fork and exec the closure only makes system calls on memory that was allocated before
        // the fork (`ready`); it allocates nothing and takes no lock.
        unsafe {
            builder.pre_exec(move || prepare.run());
        }
        let mut signals = Vec::new();
        for which in FORWARDED.into_iter().chain(LEFT_TO_THE_COMMAND) {
            signals.push((which, signal(SignalKind::from_raw(which as i32))?));
        }
        let process = builder.spawn()?;
        let pid = process.id().and_then(|pid| i32::try_from(pid).ok()).unwrap_or_default();
        Ok(Self { process, pid: Pid::from_raw(pid), signals })
    }

    /// Waits for the command, passing signals on, and gives its exit code.
    pub(super) async fn wait(&mut self) -> u8 {
        loop {
            let arrived = std::future::poll_fn(|cx| {
                for (which, signal) in &mut self.signals {
                    if signal.poll_recv(cx).is_ready() {
                        return std::task::Poll::Ready(*which);
                    }
                }
                std::task::Poll::Pending
            });
            tokio::select! {
                status = self.process.wait() => return status.map_or(125, code),
                which = arrived => if FORWARDED.contains(&which) {
                    // The command may just have ended.
                    let _ = kill(self.pid, which);
                },
            }
        }
    }
}

/// The exit code of a shell for the same end.
fn code(status: std::process::ExitStatus) -> u8 {
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    u8::try_from(code).unwrap_or(125)
}

/// What happens between fork and exec, before its allocations are made.
struct Prepare {
    procs: PathBuf,
    bundle: PathBuf,
    covers: Vec<PathBuf>,
    user: Option<(Uid, Gid, String)>,
}

/// The same with everything allocated.
struct Ready {
    procs: CString,
    bundle: CString,
    covers: Vec<CString>,
    user: Option<(Uid, Gid, CString)>,
}

impl Prepare {
    fn ready(self) -> io::Result<Ready> {
        use std::os::unix::ffi::OsStringExt;
        let text = |path: PathBuf| CString::new(path.into_os_string().into_vec()).map_err(io::Error::from);
        Ok(Ready {
            procs: text(self.procs)?,
            bundle: text(self.bundle)?,
            covers: self.covers.into_iter().map(text).collect::<io::Result<_>>()?,
            user: match self.user {
                Some((uid, gid, name)) => Some((uid, gid, CString::new(name)?)),
                None => None,
            },
        })
    }
}

impl Ready {
    fn run(&self) -> io::Result<()> {
        self.enter_cgroup()?;
        unshare(CloneFlags::CLONE_NEWNS)?;
        let none = None::<&str>;
        // The command sees mounts made later outside, and nobody outside sees those made for it.
        mount(none, "/", none, MsFlags::MS_SLAVE | MsFlags::MS_REC, none)?;
        for cover in &self.covers {
            mount(Some(self.bundle.as_c_str()), cover.as_c_str(), none, MsFlags::MS_BIND, none)?;
        }
        if let Some((uid, gid, name)) = &self.user {
            initgroups(name, *gid)?;
            setgid(*gid)?;
            setuid(*uid)?;
        }
        Ok(())
    }

    fn enter_cgroup(&self) -> io::Result<()> {
        use nix::fcntl::{OFlag, open};
        let file =
            open(self.procs.as_c_str(), OFlag::O_WRONLY | OFlag::O_CLOEXEC, nix::sys::stat::Mode::empty())?;
        // 0 stands for whoever writes.
        nix::unistd::write(&file, b"0")?;
        Ok(())
    }
}

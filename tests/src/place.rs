//! Where a process of the laboratory runs: a network namespace, a cgroup of its own, a private view of a few files.
//! Knows fork and exec. Does not know what the process does there.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::signal::Signal;
use nix::unistd::{Gid, Uid, setgroups, setresgid, setresuid};

use crate::topology::{Namespace, maker};

/// A cgroup under the machine's v2 tree, with what is below it. Removed when dropped.
pub struct Cgroup {
    path: PathBuf,
}

impl Cgroup {
    /// A new one directly below the v2 root. `name` must be one of [`crate::topology`]'s unique names.
    pub fn new(name: &str) -> Result<Self> {
        let root = root()?;
        sweep(&root);
        Self::make(root.join(name))
    }

    /// A new one below this one.
    pub fn child(&self, name: &str) -> Result<Self> {
        Self::make(self.path.join(name))
    }

    /// Its directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn make(path: PathBuf) -> Result<Self> {
        fs::create_dir(&path).with_context(|| format!("make cgroup {}", path.display()))?;
        Ok(Self { path })
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// The mount point of the cgroup v2 tree.
pub fn root() -> Result<PathBuf> {
    let mounts = fs::read_to_string("/proc/mounts").context("read /proc/mounts")?;
    let fields = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let found = fields.filter(|f| f.get(2) == Some(&"cgroup2")).find_map(|f| f.get(1).map(PathBuf::from));
    found.context("no cgroup v2 tree is mounted")
}

/// Ends what still runs in a cgroup and removes it, children first.
fn remove(path: &Path) {
    // `cgroup.kill` ends exactly the processes which a test put here. What is left is swept by a later laboratory.
    let _ = fs::write(path.join("cgroup.kill"), "1");
    if let Ok(entries) = fs::read_dir(path) {
        for entry in entries.flatten().filter(|e| e.file_type().is_ok_and(|t| t.is_dir())) {
            remove(&entry.path());
        }
    }
    // A killed process leaves its cgroup a moment later; the kernel has no call that waits for it.
    for _ in 0..1000 {
        match fs::remove_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => std::thread::yield_now(),
            _ => return,
        }
    }
}

/// Removes cgroups of laboratories whose process is gone.
fn sweep(root: &Path) {
    let Ok(entries) = fs::read_dir(root) else { return };
    for entry in entries.flatten() {
        let gone = |pid: u32| !Path::new("/proc").join(pid.to_string()).exists();
        if maker(&entry.file_name().to_string_lossy()).is_some_and(gone) {
            remove(&entry.path());
        }
    }
}

/// A place to start processes in. Clones are the same place.
#[derive(Clone)]
pub struct Place {
    netns: Arc<File>,
    cgroup: Option<PathBuf>,
    binds: Vec<(CString, CString)>,
    user: Option<u32>,
}

impl Place {
    /// In `namespace`, in the cgroup of this process.
    pub fn new(namespace: &Namespace) -> Result<Self> {
        let netns = Arc::new(namespace.file().try_clone()?);
        Ok(Self { netns, cgroup: None, binds: Vec::new(), user: None })
    }

    /// The same place, but in `cgroup`.
    #[must_use]
    pub fn cgroup(mut self, cgroup: &Path) -> Self {
        self.cgroup = Some(cgroup.to_owned());
        self
    }

    /// The same place, but the processes see `content` where others see `file`.
    pub fn bind(mut self, content: &Path, file: &Path) -> Result<Self> {
        let name = |path: &Path| CString::new(path.as_os_str().as_bytes());
        self.binds.push((name(content)?, name(file)?));
        Ok(self)
    }

    /// The same place, but as another user with no group and no capability.
    #[must_use]
    pub fn user(mut self, uid: u32) -> Self {
        self.user = Some(uid);
        self
    }

    /// A command that will run here. It gets a short, known environment and dies with the thread that starts it.
    pub fn command(&self, program: impl AsRef<Path>) -> Result<Command> {
        let mut command = Command::new(program.as_ref());
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C.UTF-8");
        let place = self.clone();
        let mut procs = match &self.cgroup {
            Some(cgroup) => {
                let file = cgroup.join("cgroup.procs");
                Some(File::options().write(true).open(&file).with_context(|| file.display().to_string())?)
            }
            None => None,
        };
        #[expect(unsafe_code, reason = "a namespace can only be entered between fork and exec")]
        // SAFETY: between fork and exec the closure makes system calls on descriptors and strings prepared before
        // the fork; it allocates only when it fails, on the way to the exit.
        unsafe {
            command.pre_exec(move || {
                if let Some(procs) = &mut procs {
                    procs.write_all(b"0")?;
                }
                place.enter()
            });
        }
        Ok(command)
    }

    /// Runs in the child, before exec.
    fn enter(&self) -> io::Result<()> {
        nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
        setns(self.netns.as_fd(), CloneFlags::CLONE_NEWNET)?;
        if !self.binds.is_empty() {
            unshare(CloneFlags::CLONE_NEWNS)?;
            let none = None::<&str>;
            mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
            for (content, file) in &self.binds {
                mount(Some(content.as_c_str()), file.as_c_str(), none, MsFlags::MS_BIND, none)?;
            }
        }
        if let Some(uid) = self.user {
            let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(uid));
            setgroups(&[])?;
            setresgid(gid, gid, gid)?;
            setresuid(uid, uid, uid)?;
            // Changing the user clears the death signal.
            nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
        }
        Ok(())
    }
}

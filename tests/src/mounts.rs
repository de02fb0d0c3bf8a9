//! A mount namespace with a bpffs of its own: what is pinned there is gone with the last handle and the last process,
//! whatever became of the test, and the machine never sees it.

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread;

/// See the head of this file. Clones are the same.
#[derive(Clone, Debug)]
pub struct Mounts {
    fd: Arc<OwnedFd>,
}

impl Mounts {
    /// What the machine has, and a bpffs on the directory.
    pub fn with_bpffs(directory: &Path) -> io::Result<Self> {
        let directory = directory.to_owned();
        let make = move || {
            enter_private_bpffs(&directory)?;
            Ok(Self { fd: Arc::new(File::open("/proc/thread-self/ns/mnt")?.into()) })
        };
        // A thread of its own goes there and does not come back.
        thread::spawn(make).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Makes `command` start with these mounts, in their root directory.
    pub fn adopt(&self, command: &mut Command) {
        let fd = Arc::clone(&self.fd);
        let enter = move || Ok(setns(&*fd, CloneFlags::CLONE_NEWNS)?);
        #[expect(unsafe_code, reason = "the child has to change its mounts between fork and exec")]
        // SAFETY: one system call, which allocates nothing.
        unsafe {
            command.pre_exec(enter)
        };
    }

    /// All files and directories below a directory, as a process with these mounts sees them.
    pub fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        let look = || {
            unshare(CloneFlags::CLONE_FS)?;
            setns(&*self.fd, CloneFlags::CLONE_NEWNS)?;
            let mut found = Vec::new();
            below(directory, &mut found)?;
            Ok(found)
        };
        thread::scope(|scope| scope.spawn(look).join())
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// Gives the calling thread, and the processes that it starts, mounts of its own with a bpffs on the directory.
pub fn enter_private_bpffs(directory: &Path) -> io::Result<()> {
    let none = None::<&str>;
    unshare(CloneFlags::CLONE_NEWNS)?;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
    Ok(mount(Some("bpf"), directory, Some("bpf"), MsFlags::empty(), none)?)
}

fn below(directory: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        found.push(entry.path());
        if entry.file_type()?.is_dir() {
            below(&entry.path(), found)?;
        }
    }
    Ok(())
}

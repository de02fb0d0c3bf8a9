//! Where a process of the laboratory runs: a network namespace, a cgroup of its own, a private view of a few files.
//! Knows fork and exec. Does not know what the process does there.

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use anyhow::Result;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::{Gid, Uid, setgroups, setresgid, setresuid};

use crate::cgroup::Cgroup;
use crate::mounts::Mounts;
use crate::netns::Namespace;

/// A place to start processes in. Clones are the same place.
#[derive(Clone)]
pub struct Place {
    namespace: Namespace,
    cgroup: Option<Arc<Cgroup>>,
    mounts: Option<Mounts>,
    settling: Settling,
}

/// What a process does for itself before it becomes the program.
#[derive(Clone, Default)]
struct Settling {
    private_cgroup: bool,
    binds: Arc<Vec<(CString, CString)>>,
    user: Option<u32>,
}

impl Place {
    /// In `namespace`, in the cgroup of this process.
    #[must_use]
    pub fn new(namespace: &Namespace) -> Self {
        Self { namespace: namespace.clone(), cgroup: None, mounts: None, settling: Settling::default() }
    }

    /// The same place, but in `cgroup`.
    #[must_use]
    pub fn cgroup(mut self, cgroup: &Arc<Cgroup>) -> Self {
        self.cgroup = Some(cgroup.clone());
        self
    }

    /// The same place, but the processes see their cgroup as the root of the tree, as in a container.
    #[must_use]
    pub fn private_cgroup(mut self) -> Self {
        self.settling.private_cgroup = true;
        self
    }

    /// The same place, but with these mounts.
    #[must_use]
    pub fn mounts(mut self, mounts: &Mounts) -> Self {
        self.mounts = Some(mounts.clone());
        self
    }

    /// The same place, but the processes see `content` where others see `file`.
    pub fn bind(mut self, content: &Path, file: &Path) -> Result<Self> {
        let name = |path: &Path| CString::new(path.as_os_str().as_bytes());
        let mut binds = self.settling.binds.to_vec();
        binds.push((name(content)?, name(file)?));
        self.settling.binds = binds.into();
        Ok(self)
    }

    /// The same place, but as another user with no group and no capability.
    #[must_use]
    pub fn user(mut self, uid: u32) -> Self {
        self.settling.user = Some(uid);
        self
    }

    /// A command that will run here. It gets a short, known environment and dies with the thread that starts it.
    #[must_use]
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        // In this order: the cgroup is joined and the namespace entered while the process still may.
        let mut command = self.namespace.command(program.as_ref());
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C.UTF-8");
        if let Some(cgroup) = &self.cgroup {
            cgroup.adopt(&mut command);
        }
        if let Some(mounts) = &self.mounts {
            mounts.adopt(&mut command);
        }
        let settling = self.settling.clone();
        #[expect(unsafe_code, reason = "mounts and users can only be changed between fork and exec")]
        // SAFETY: between fork and exec the closure makes system calls on strings prepared before the fork, and
        // allocates nothing.
        unsafe {
            command.pre_exec(move || settling.run());
        }
        command
    }
}

impl Settling {
    /// Runs in the child, before exec.
    fn run(&self) -> io::Result<()> {
        set_pdeathsig(Signal::SIGKILL)?;
        if self.private_cgroup {
            unshare(CloneFlags::CLONE_NEWCGROUP)?;
        }
        if !self.binds.is_empty() {
            unshare(CloneFlags::CLONE_NEWNS)?;
            let none = None::<&str>;
            mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
            for (content, file) in self.binds.iter() {
                mount(Some(content.as_c_str()), file.as_c_str(), none, MsFlags::MS_BIND, none)?;
            }
        }
        if let Some(uid) = self.user {
            let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(uid));
            setgroups(&[])?;
            setresgid(gid, gid, gid)?;
            setresuid(uid, uid, uid)?;
            // Changing the user clears the death signal.
            set_pdeathsig(Signal::SIGKILL)?;
        }
        Ok(())
    }
}

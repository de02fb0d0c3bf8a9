//! Cgroups for processes under test, below the machine's v2 tree. The programs are attached here and nowhere else,
//! so that the machine's own processes are never redirected and tests do not see each other.

use interceptor::bpf;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// The prefix of every cgroup made here, followed by the process that made it.
const PREFIX: &str = "interceptor-kernel-";

/// A cgroup, removed with everything in it when dropped.
#[derive(Debug)]
pub struct Cgroup {
    path: PathBuf,
}

impl Cgroup {
    /// A new one, directly below the v2 root.
    ///
    /// # Panics
    /// If the tree is missing or may not be changed: the gate was to be asked before.
    #[must_use]
    pub fn new() -> Self {
        Self::named("")
    }

    /// The same with the name of a systemd unit: whoever is in it is that unit's.
    ///
    /// # Panics
    /// As of [`Cgroup::new`].
    #[must_use]
    pub fn unit() -> Self {
        Self::named(".service")
    }

    fn named(suffix: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let root = bpf::cgroup::root().expect("the gate found a cgroup v2 tree");
        sweep(&root);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self::make(root.join(format!("{PREFIX}{}-{number}{suffix}", std::process::id())))
    }

    /// A new one below this one.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        Self::make(self.path.join(name))
    }

    /// Its directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its id, as BPF programs see it.
    #[must_use]
    pub fn id(&self) -> u64 {
        bpf::cgroup::id(&self.path).expect("the cgroup was made by us")
    }

    /// Makes `command` start in this cgroup.
    ///
    /// # Panics
    /// If the cgroup is gone.
    pub fn adopt(&self, command: &mut Command) {
        let procs = OpenOptions::new().write(true).open(self.path.join("cgroup.procs"));
        let procs = procs.expect("the cgroup was made by us");
        // "0" is the process that writes.
        let join = move || nix::unistd::write(&procs, b"0").map(drop).map_err(io::Error::from);
        #[expect(unsafe_code, reason = "the child has to join between fork and exec")]
        // SAFETY: one system call, which allocates nothing.
        unsafe {
            command.pre_exec(join)
        };
    }

    fn make(path: PathBuf) -> Self {
        fs::create_dir(&path).unwrap_or_else(|error| panic!("cgroup {}: {error}", path.display()));
        Self { path }
    }
}

impl Default for Cgroup {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// Ends what still runs in the cgroup, and removes it with those below. What cannot be removed is left to a later
/// [`sweep`].
fn remove(path: &Path) {
    // Ends exactly the processes that a test put here.
    let _ = fs::write(path.join("cgroup.kill"), "1");
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove(&entry.path());
        }
    }
    // A killed process leaves its cgroup when it has wound up, which nothing here can wait for.
    for _ in 0..10_000 {
        match fs::remove_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => std::thread::yield_now(),
            _ => return,
        }
    }
}

/// Removes what earlier runs left whose process is gone.
fn sweep(root: &Path) {
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let maker =
            name.to_str().and_then(|name| name.strip_prefix(PREFIX)).and_then(|rest| rest.split('-').next());
        if maker.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            remove(&entry.path());
        }
    }
}

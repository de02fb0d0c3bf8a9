//! Network namespaces with no way out, joined by veth pairs with documentation addresses.
//! They have no name in the file system: the kernel removes them when their last handle is gone, whatever became
//! of the test.

use nix::sched::{CloneFlags, setns, unshare};
use std::fs::File;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

/// A network namespace, kept alive by its handle.
#[derive(Clone, Debug)]
pub struct Namespace {
    fd: Arc<OwnedFd>,
}

impl Namespace {
    /// A new one, with its loopback device up and nothing else in it.
    ///
    /// # Panics
    /// Without the privilege: the gate was to be asked before.
    #[must_use]
    pub fn new() -> Self {
        let make = || {
            unshare(CloneFlags::CLONE_NEWNET).expect("root may make network namespaces");
            OwnedFd::from(File::open("/proc/thread-self/ns/net").expect("/proc is mounted"))
        };
        // A thread of its own goes there and does not come back.
        let fd = thread::spawn(make).join().expect("the thread only panics as above");
        let namespace = Self { fd: Arc::new(fd) };
        namespace.ip("link set lo up");
        namespace
    }

    /// A path under which this process, and its children while it lives, can open the namespace.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        format!("/proc/{}/fd/{}", std::process::id(), self.fd.as_raw_fd()).into()
    }

    /// Runs `inside` on a thread that lives in the namespace.
    pub fn run<T: Send>(&self, inside: impl FnOnce() -> T + Send) -> T {
        let go = || {
            setns(&*self.fd, CloneFlags::CLONE_NEWNET).expect("root may enter network namespaces");
            inside()
        };
        thread::scope(|scope| scope.spawn(go).join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// A command that will run in the namespace.
    #[must_use]
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        let fd = Arc::clone(&self.fd);
        let enter = move || Ok(setns(&*fd, CloneFlags::CLONE_NEWNET)?);
        #[expect(unsafe_code, reason = "the child has to change its namespace between fork and exec")]
        // SAFETY: one system call, which allocates nothing.
        unsafe {
            command.pre_exec(enter)
        };
        command
    }

    /// Runs `ip` with these words inside the namespace.
    ///
    /// # Panics
    /// If it fails, with what it said.
    pub fn ip(&self, words: &str) {
        let output = self.command("ip").args(words.split(' ')).output().expect("iproute2 is installed");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "ip {words}: {said}");
    }

    /// Adds addresses with their prefix length to a device.
    pub fn add_addresses(&self, device: &str, addresses: &[&str]) {
        for address in addresses {
            // Duplicate address detection would leave the address unusable for a second.
            let nodad = if address.contains(':') { " nodad" } else { "" };
            self.ip(&format!("addr add {address} dev {device}{nodad}"));
        }
    }

    /// Joins this namespace with `other` by a veth pair, whose ends are called `device` in both.
    pub fn join(&self, other: &Self, device: &str) {
        // The kernel brings a veth up at once only if its index differs from its peer's, and after a second if not:
        // it compares the numbers without regard to the namespace (`linkwatch_urgent_event`).
        static NEXT: AtomicU32 = AtomicU32::new(10);
        let (index, peer) = (NEXT.fetch_add(2, Ordering::Relaxed), other.path());
        self.ip(&format!(
            "link add {device} index {index} type veth peer name {device} index {} netns {}",
            index + 1,
            peer.display()
        ));
        self.ip(&format!("link set {device} up"));
        other.ip(&format!("link set {device} up"));
    }
}

impl Default for Namespace {
    fn default() -> Self {
        Self::new()
    }
}

//! Network namespaces: handles, identity, and making sockets inside one of them.
//! Knows `setns(2)` and sockets. Does not know BPF, runtimes or what the sockets are for.
//!
//! A socket belongs for ever to the namespace that its thread was in when it was made, so that a thread only has
//! to be elsewhere for the moment of making it. [`NetNs::enter`] is that moment.

mod discover;
mod guard;
mod socket;

pub use discover::{Inhabited, below_cgroup};
pub use socket::{ListenError, Listeners};

use nix::sys::stat::fstat;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// A network namespace, kept alive by its handle. Clones share the handle.
#[derive(Clone)]
pub struct NetNs {
    inner: Arc<Inner>,
}

struct Inner {
    fd: OwnedFd,
    id: NetNsId,
    cookie: OnceLock<NetnsCookie>,
}

/// What tells one network namespace from another while both exist: the file of the namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NetNsId {
    /// Device of the nsfs file system.
    pub device: u64,
    /// Inode number, which a later namespace may have again.
    pub inode: u64,
}

/// The kernel's number for a network namespace (`SO_NETNS_COOKIE`), never given out twice. What BPF programs see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NetnsCookie(pub u64);

/// A network namespace could not be used.
#[derive(Debug, thiserror::Error)]
pub enum NetNsError {
    /// No such file or process, or no permission to look.
    #[error("network namespace {} cannot be opened", .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// Something else lies at that path.
    #[error("{} is no network namespace", .path.display())]
    NotANamespace {
        /// The file.
        path: PathBuf,
    },
    /// `setns` failed.
    #[error("network namespace {id} cannot be entered; that needs CAP_SYS_ADMIN")]
    Enter {
        /// Which one.
        id: NetNsId,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The kernel does not tell the cookie.
    #[error("network namespace {id} has no cookie to ask for; Linux 5.14 or later is needed")]
    Cookie {
        /// Which one.
        id: NetNsId,
        /// Why.
        #[source]
        error: io::Error,
    },
}

impl NetNs {
    /// The namespace that the calling thread is in.
    pub fn current() -> Result<Self, NetNsError> {
        Self::open(Path::new("/proc/thread-self/ns/net"))
    }

    /// The namespace of the process `pid`.
    pub fn of_pid(pid: u32) -> Result<Self, NetNsError> {
        Self::open(Path::new(&format!("/proc/{pid}/ns/net")))
    }

    /// The namespace behind a file such as `/run/netns/NAME` or `/proc/PID/ns/net`.
    pub fn open(path: &Path) -> Result<Self, NetNsError> {
        let failed = |error| NetNsError::Open { path: path.to_owned(), error };
        let file = File::open(path).map_err(failed)?;
        Self::checked(file, path)
    }

    /// The namespace that somebody else has opened.
    pub fn from_file(file: File) -> Result<Self, NetNsError> {
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        Self::checked(file, Path::new(&path))
    }

    fn checked(file: File, path: &Path) -> Result<Self, NetNsError> {
        let failed = |error| NetNsError::Open { path: path.to_owned(), error };
        if !socket::is_net_namespace(file.as_fd()) {
            return Err(NetNsError::NotANamespace { path: path.to_owned() });
        }
        let stat = fstat(&file).map_err(|error| failed(error.into()))?;
        let id = NetNsId { device: stat.st_dev, inode: stat.st_ino };
        Ok(Self { inner: Arc::new(Inner { fd: file.into(), id, cookie: OnceLock::new() }) })
    }

    /// What tells it from others.
    #[must_use]
    pub fn id(&self) -> NetNsId {
        self.inner.id
    }

    /// Its cookie, asked for once.
    pub fn cookie(&self) -> Result<NetnsCookie, NetNsError> {
        if let Some(cookie) = self.inner.cookie.get() {
            return Ok(*cookie);
        }
        let id = self.id();
        let cookie = self.enter(socket::netns_cookie)?.map_err(|error| NetNsError::Cookie { id, error })?;
        Ok(*self.inner.cookie.get_or_init(|| cookie))
    }

    /// Runs `make` with the calling thread inside this namespace, and brings the thread back. Two system calls, or
    /// none if the thread is there already.
    ///
    /// `make` is no future, so that nothing is awaited and no other task of the thread runs inside the namespace.
    /// Keep it to creating and binding sockets.
    ///
    /// A thread that cannot be brought back would make the next workload's sockets in this one's namespace, past
    /// all its policies. A thread that drives a runtime cannot be ended alone, so the process aborts. It takes a
    /// daemon that gave up CAP_SYS_ADMIN between the two calls: namespaces that we hold open do not go away.
    pub fn enter<T>(&self, make: impl FnOnce() -> T) -> Result<T, NetNsError> {
        let guard = guard::Inside::enter(self)?;
        let made = make();
        drop(guard);
        Ok(made)
    }
}

impl AsFd for NetNs {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.fd.as_fd()
    }
}

impl fmt::Debug for NetNs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NetNs({}, fd {})", self.id(), self.inner.fd.as_raw_fd())
    }
}

/// Written as the links in `/proc/PID/ns` are.
impl fmt::Display for NetNsId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "net:[{}]", self.inode)
    }
}

impl fmt::Display for NetnsCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_current_namespace_is_that_of_its_process() {
        let here = NetNs::current().unwrap();
        assert_eq!(here.id(), NetNs::of_pid(std::process::id()).unwrap().id());
        assert_eq!(here.id().to_string(), std::fs::read_link("/proc/self/ns/net").unwrap().to_str().unwrap());
    }

    #[test]
    fn entering_the_current_namespace_needs_no_permission() {
        assert_eq!(NetNs::current().unwrap().enter(|| 7).unwrap(), 7);
    }

    #[test]
    fn other_files_are_no_network_namespaces() {
        let cases = [
            ("/proc/self/ns/mnt", "/proc/self/ns/mnt is no network namespace"),
            ("/dev/null", "/dev/null is no network namespace"),
            ("/nonexistent/x", "network namespace /nonexistent/x cannot be opened"),
        ];
        for (path, message) in cases {
            assert_eq!(NetNs::open(Path::new(path)).unwrap_err().to_string(), message);
        }
    }
}

//! Pins: names in a bpffs that keep maps and links alive while no daemon runs.
//! Knows directories, versions and the lock. Does not know what the maps hold.
//!
//! Below the configured directory each ABI version has a directory of its own, `v2/maps` and `v2/links`: whoever
//! finds its own version's can use what is in it, and needs to know of another version's only how to remove it.

use super::CaptureError;
use interceptor_common::ABI_VERSION;
use nix::mount::{MsFlags, mount};
use nix::sys::statfs::{BPF_FS_MAGIC, statfs};
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// Where the system has its bpffs, or would have.
const SYSTEM: &str = "/sys/fs/bpf";

/// The pins of one daemon, held by a lock as long as this or a copy of [`Pins::lock`] lives.
#[derive(Debug)]
pub struct Pins {
    base: PathBuf,
    lock: File,
    /// Whether they were handed over by a daemon that may still hold the lock as well.
    is_inherited: bool,
    /// Whether the lock is the successor's by now.
    is_handed_over: bool,
}

impl Pins {
    /// Makes the directory if need be, and takes it for this daemon alone.
    ///
    /// # Errors
    /// [`CaptureError::NoBpffs`], [`CaptureError::Busy`] and [`CaptureError::Pin`].
    pub fn open(base: &Path) -> Result<Self, CaptureError> {
        in_bpffs(base)?;
        make(base)?;
        let failed = |error| CaptureError::Pin { path: base.to_owned(), error };
        let lock = File::open(base).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { base: base.to_owned(), lock, is_inherited: false, is_handed_over: false }),
            Err(TryLockError::WouldBlock) => Err(CaptureError::Busy { path: base.to_owned() }),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// The pins of a daemon that hands them over, with its lock.
    #[must_use]
    pub fn inherit(base: &Path, lock: File) -> Self {
        Self { base: base.to_owned(), lock, is_inherited: true, is_handed_over: false }
    }

    pub(super) fn is_inherited(&self) -> bool {
        self.is_inherited
    }

    /// From now on the lock is the successor's.
    pub(super) fn hand_over(mut self) {
        self.is_handed_over = true;
    }

    /// The lock itself, which a daemon hands to its successor.
    #[must_use]
    pub fn lock(&self) -> &File {
        &self.lock
    }

    /// Makes the directories of this version.
    pub(super) fn prepare(&self) -> Result<(), CaptureError> {
        [self.version(), self.version().join("maps"), self.version().join("links")]
            .iter()
            .try_for_each(|path| make(path))
    }

    pub(super) fn map(&self, name: &str) -> PathBuf {
        self.version().join("maps").join(name)
    }

    pub(super) fn link(&self, name: &str) -> PathBuf {
        self.version().join("links").join(name)
    }

    /// The pinned links of this version.
    pub(super) fn links(&self) -> Result<Vec<PathBuf>, CaptureError> {
        entries(&self.version().join("links"))
    }

    fn version(&self) -> PathBuf {
        self.base.join(format!("v{ABI_VERSION}"))
    }

    /// Removes what other versions have pinned. Returns their directories.
    pub(super) fn remove_others(&self) -> Result<Vec<PathBuf>, CaptureError> {
        let own = self.version();
        let mut others = entries(&self.base)?;
        others.retain(|path| *path != own);
        others.iter().try_for_each(|path| remove(path))?;
        Ok(others)
    }

    /// Removes everything, the directory included: programs whose links nobody holds are detached by that.
    pub fn remove(self) -> Result<(), CaptureError> {
        remove(&self.base)
    }
}

impl Drop for Pins {
    fn drop(&mut self) {
        // An unlock would be for everybody who shares the lock.
        if !self.is_inherited && !self.is_handed_over {
            // Closing is not enough: a process between fork and exec has a copy of the descriptor.
            let _ = self.lock.unlock();
        }
    }
}

/// Finds out whether the path lies in a bpffs; mounts the system's own if that is all that is missing.
fn in_bpffs(base: &Path) -> Result<(), CaptureError> {
    let missing = |error| CaptureError::NoBpffs { path: base.to_owned(), error };
    if is_bpffs(base).map_err(|error| missing(Some(error)))? {
        return Ok(());
    }
    if !base.starts_with(SYSTEM) {
        return Err(missing(None));
    }
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("bpf"), SYSTEM, Some("bpf"), flags, Some("mode=0700"))
        .map_err(|error| missing(Some(error.into())))
}

/// Whether pins could be made here without mounting anything.
#[must_use]
pub fn is_ready(base: &Path) -> bool {
    is_bpffs(base).unwrap_or(false)
}

/// Whether the path, or as much of it as exists, lies in a bpffs.
fn is_bpffs(path: &Path) -> io::Result<bool> {
    let existing = path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    Ok(statfs(existing)?.filesystem_type() == BPF_FS_MAGIC)
}

fn make(path: &Path) -> Result<(), CaptureError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|error| CaptureError::Pin { path: path.to_owned(), error })
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>, CaptureError> {
    let failed = |error| CaptureError::Pin { path: directory.to_owned(), error };
    fs::read_dir(directory).map_err(failed)?.map(|entry| Ok(entry.map_err(failed)?.path())).collect()
}

/// Links go before maps, so that no program runs that others take for gone.
fn remove(path: &Path) -> Result<(), CaptureError> {
    let failed = |error| CaptureError::Pin { path: path.to_owned(), error };
    if !path.is_dir() {
        return fs::remove_file(path).map_err(failed);
    }
    let mut below = entries(path)?;
    below.sort();
    below.iter().try_for_each(|path| remove(path))?;
    fs::remove_dir(path).map_err(failed)
}

//! Gives the daemon a cgroup that holds nothing else, because whatever shares its cgroup is never intercepted.
//! Knows the cgroup file system. Does not know BPF.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::bpf::{CaptureError, cgroup};

/// What a cgroup that is made here is called, followed by the process it was made for.
const PREFIX: &str = "interceptor-";

/// A container's probes run in its cgroup, for some milliseconds each: whoever is there is asked for again.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);

/// The daemon's own cgroup, left and removed on drop if it was made here.
#[derive(Debug)]
pub struct Exempt {
    /// Its identifier in the kernel.
    pub id: u64,
    /// Where the daemon was before, and what was made for it.
    made: Option<(PathBuf, PathBuf)>,
}

/// Why there is no such cgroup.
#[derive(Debug, thiserror::Error)]
pub enum ExemptError {
    /// The cgroup tree cannot be used.
    #[error(transparent)]
    Tree(#[from] CaptureError),
    /// Others are in our cgroup, and no cgroup of our own can be made.
    #[error(
        "the daemon shares the cgroup {} with other processes, which would escape interception, and cannot make \
         one of its own; start it in a cgroup of its own (a systemd unit or a container has one) or as root",
        .path.display()
    )]
    Shared {
        /// The shared one.
        path: PathBuf,
        /// Why none could be made.
        #[source]
        error: io::Error,
    },
}

impl Exempt {
    /// Finds out whether this process is alone in its cgroup, and moves it to a new one below if not.
    ///
    /// # Errors
    /// See [`ExemptError`].
    pub fn enter() -> Result<Self, ExemptError> {
        patiently(Self::try_enter, || std::thread::sleep(PAUSE))
    }

    fn try_enter() -> Result<Self, ExemptError> {
        let own = cgroup::own()?;
        if is_alone(&own) {
            return Ok(Self { id: cgroup::id(&own)?, made: None });
        }
        remove_abandoned(&own);
        let new = own.join(format!("{PREFIX}{}", std::process::id()));
        let moved = fs::create_dir(&new).and_then(|()| move_to(&new));
        if let Err(error) = moved {
            let _ = fs::remove_dir(&new);
            return Err(ExemptError::Shared { path: own, error });
        }
        Ok(Self { id: cgroup::id(&new)?, made: Some((own, new)) })
    }
}

/// Tries until the cgroup is shared no more, or for as often as is worth it.
fn patiently<T>(
    mut enter: impl FnMut() -> Result<T, ExemptError>,
    mut pause: impl FnMut(),
) -> Result<T, ExemptError> {
    for _ in 1..TRIES {
        match enter() {
            Err(ExemptError::Shared { .. }) => pause(),
            entered => return entered,
        }
    }
    enter()
}

impl Drop for Exempt {
    fn drop(&mut self) {
        if let Some((old, new)) = &self.made {
            // A cgroup that cannot be removed is empty and harmless; the next start does not depend on it.
            let _ = move_to(old);
            let _ = fs::remove_dir(new);
        }
    }
}

/// Removes the cgroups below `cgroup` that were made for daemons which were killed. Returns them.
pub fn remove_abandoned(cgroup: &Path) -> Vec<PathBuf> {
    let mut removed = Vec::new();
    for entry in fs::read_dir(cgroup).into_iter().flatten().flatten() {
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        removed.extend(remove_abandoned(&entry.path()));
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.parse::<u32>().ok());
        let is_abandoned = process.is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists());
        // One that somebody lives in cannot be removed, whatever it is called.
        if is_abandoned && fs::remove_dir(entry.path()).is_ok() {
            removed.push(entry.path());
        }
    }
    removed
}

fn is_alone(cgroup: &Path) -> bool {
    let own = std::process::id().to_string();
    fs::read_to_string(cgroup.join("cgroup.procs")).is_ok_and(|procs| procs.lines().all(|pid| pid == own))
}

fn move_to(cgroup: &Path) -> io::Result<()> {
    fs::write(cgroup.join("cgroup.procs"), std::process::id().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared() -> ExemptError {
        ExemptError::Shared { path: PathBuf::from("/pod"), error: io::ErrorKind::ReadOnlyFilesystem.into() }
    }

    #[test]
    fn a_neighbour_that_passes_by_is_waited_for_and_one_that_stays_is_not() {
        for (leaves_after, pauses) in [(0, 0), (3, 3), (u32::MAX, TRIES - 1)] {
            let (mut tries, mut paused) = (0, 0);
            let enter = || {
                tries += 1;
                if tries > leaves_after { Ok(tries) } else { Err(shared()) }
            };
            let entered = patiently(enter, || paused += 1);
            assert_eq!((entered.is_ok(), paused), (leaves_after < TRIES, pauses));
        }
    }

    #[test]
    fn what_will_not_change_is_told_at_once() {
        let error =
            patiently(|| Err::<(), _>(CaptureError::NoCgroup2.into()), || panic!("no pause")).unwrap_err();
        assert!(matches!(error, ExemptError::Tree(_)));
    }
}

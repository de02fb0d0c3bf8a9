//! The cgroup v2 tree: where it is mounted, which cgroup a process is in, and its id as the kernel side sees it.

use super::CaptureError;
use nix::sys::statfs::{CGROUP2_SUPER_MAGIC, fstatfs};
use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The first mount point of a cgroup v2 tree.
pub fn root() -> Result<PathBuf, CaptureError> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    mount_point(&mounts).ok_or(CaptureError::NoCgroup2)
}

/// The directory of the cgroup that this process is in.
///
/// `/proc/self/cgroup` names it from where the process's cgroup namespace begins, which in a container is that very
/// cgroup: it says `/`, wherever the container is in the tree that is mounted. So what it says is believed only if
/// the processes of that directory include us, and otherwise we are looked for.
pub fn own() -> Result<PathBuf, CaptureError> {
    of_process("self")
}

/// The directory of the cgroup that a process is in.
pub fn of_pid(pid: u32) -> Result<PathBuf, CaptureError> {
    of_process(&pid.to_string())
}

fn of_process(process: &str) -> Result<PathBuf, CaptureError> {
    let file = Path::new("/proc").join(process).join("cgroup");
    let memberships =
        fs::read_to_string(&file).map_err(|error| CaptureError::Cgroup { path: file.clone(), error })?;
    let path = membership(&memberships).ok_or(CaptureError::NoCgroup2)?;
    let root = root()?;
    let claimed = root.join(path.trim_start_matches('/'));
    if holds(&claimed, std::process::id()) {
        return Ok(claimed);
    }
    search(&root, std::process::id()).ok_or(CaptureError::NotInTree { root })
}

/// Whether the tree at `path` ends at a container's own cgroup instead of the machine's: only the machine's root has
/// no type.
pub fn is_partial(path: &Path) -> bool {
    path.join("cgroup.type").exists()
}

/// The cgroup at `root` or below it that holds a process. It takes about 10 µs a cgroup.
fn search(root: &Path, pid: u32) -> Option<PathBuf> {
    let mut waiting = vec![root.to_owned()];
    while let Some(path) = waiting.pop() {
        if holds(&path, pid) {
            return Some(path);
        }
        // Cgroups come and go; one that cannot be read is gone, or none of ours.
        let below = fs::read_dir(&path).into_iter().flatten().flatten();
        waiting.extend(
            below.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|e| e.path()),
        );
    }
    None
}

/// The kernel lists processes by their numbers in the reader's own namespace, so that ours is never another's.
fn holds(cgroup: &Path, pid: u32) -> bool {
    let pid = pid.to_string();
    fs::read_to_string(cgroup.join("cgroup.procs")).is_ok_and(|procs| procs.lines().any(|line| line == pid))
}

/// The id of the cgroup at `path`: the number that `bpf_get_current_cgroup_id` returns for its tasks.
pub fn id(path: &Path) -> Result<u64, CaptureError> {
    let metadata =
        open(path)?.metadata().map_err(|error| CaptureError::Cgroup { path: path.to_owned(), error })?;
    // The id of a kernfs node is its inode number on every 64-bit kernel.
    Ok(metadata.ino())
}

/// The ids of the cgroup at `path` and of all below it. One that is removed meanwhile is passed over.
pub fn ids_below(path: &Path) -> Result<HashSet<u64>, CaptureError> {
    Ok(paths_below(path)?.into_keys().collect())
}

/// The same, with the directory of each.
pub fn paths_below(path: &Path) -> Result<HashMap<u64, PathBuf>, CaptureError> {
    let mut paths = HashMap::from([(id(path)?, path.to_owned())]);
    let mut waiting = vec![path.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
            if let Ok(metadata) = entry.metadata()
                && metadata.is_dir()
            {
                paths.insert(metadata.ino(), entry.path());
                waiting.push(entry.path());
            }
        }
    }
    Ok(paths)
}

/// Opens a cgroup directory, and refuses whatever is none of version 2.
pub(super) fn open(path: &Path) -> Result<File, CaptureError> {
    let failed = |error| CaptureError::Cgroup { path: path.to_owned(), error };
    let directory = File::open(path).map_err(failed)?;
    let stat = fstatfs(&directory).map_err(|error| failed(error.into()))?;
    if stat.filesystem_type() != CGROUP2_SUPER_MAGIC {
        return Err(CaptureError::NotCgroup2 { path: path.to_owned() });
    }
    Ok(directory)
}

fn mount_point(mounts: &str) -> Option<PathBuf> {
    let mut entries = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let entry = entries.find(|fields| fields.get(2) == Some(&"cgroup2"))?;
    entry.get(1).map(|path| PathBuf::from(unescape(path)))
}

/// The line of the unified hierarchy reads `0::/path`.
fn membership(memberships: &str) -> Option<&str> {
    memberships.lines().find_map(|line| line.strip_prefix("0::"))
}

/// Undoes the octal escapes of `/proc/mounts`, of which a path may have `\040`, `\011`, `\012` and `\134`.
fn unescape(path: &str) -> String {
    path.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_v2_tree_is_found_among_v1_controllers() {
        let hybrid = "tmpfs /sys/fs/cgroup tmpfs rw 0 0\n\
                      cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n\
                      cgroup2 /sys/fs/cgroup/uni\\040fied cgroup2 rw 0 0\n";
        assert_eq!(mount_point(hybrid), Some("/sys/fs/cgroup/uni fied".into()));
        assert_eq!(mount_point("cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n"), None);
    }

    #[test]
    fn the_unified_membership_is_found() {
        assert_eq!(membership("4:memory:/a\n1:name=systemd:/b\n0::/user.slice/x\n"), Some("/user.slice/x"));
        assert_eq!(membership("4:memory:/a\n"), None);
    }

    #[test]
    fn a_process_is_found_wherever_it_is_in_the_tree() {
        let tree = tempfile::tempdir().unwrap();
        let deep = tree.path().join("kubepods/pod1/container");
        fs::create_dir_all(&deep).unwrap();
        fs::create_dir_all(tree.path().join("system/unit")).unwrap();
        fs::write(tree.path().join("system/unit/cgroup.procs"), "1\n70\n17\n").unwrap();
        fs::write(deep.join("cgroup.procs"), "0\n7\n").unwrap();
        assert_eq!(search(tree.path(), 7), Some(deep));
        assert_eq!(search(tree.path(), 71), None);
    }

    #[test]
    fn another_file_system_is_no_cgroup() {
        let error = id(Path::new("/proc")).unwrap_err();
        assert!(error.to_string().starts_with("/proc is no cgroup v2 directory"), "{error}");
    }
}

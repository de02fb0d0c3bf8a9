//! The tree of control groups as this process sees it: from an id to a path, and from what `/proc` says to the same path.
//! Knows mounts and groups' ids. Does not know what a path means.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::bpf::CaptureError;
use crate::bpf::cgroup;

/// See the head of this file.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    /// Where it is mounted.
    root: PathBuf,
    /// Where in it `/proc/PID/cgroup` begins to count: not at the root for a process in a cgroup namespace of its own.
    base: String,
}

/// A group that is there now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    /// Its path below the mount point.
    pub(super) path: String,
}

impl Tree {
    /// The first tree that is mounted.
    pub(super) fn find() -> Result<Self, CaptureError> {
        let root = cgroup::root()?;
        let own = cgroup::own()?;
        let own = format!("/{}", own.strip_prefix(&root).unwrap_or(Path::new("")).display());
        let said = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let said = said.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("/");
        Ok(Self { root, base: base(&own, said) })
    }

    /// The path below the mount point that a line of `/proc/PID/cgroup` means.
    pub(super) fn path(&self, said: &str) -> String {
        resolve(&self.base, said)
    }

    /// The path of a directory below the mount point.
    pub(super) fn below(&self, directory: &Path) -> Option<String> {
        Some(format!("/{}", directory.strip_prefix(&self.root).ok()?.display()))
    }

    /// The same group's directory in this tree, should it have been named by another mount of it.
    pub(super) fn directory(&self, group: &Path) -> io::Result<PathBuf> {
        if group.starts_with(&self.root) {
            return Ok(group.to_owned());
        }
        let found = self.look_up(group.metadata()?.ino()).ok_or(io::ErrorKind::NotFound)?;
        Ok(self.root.join(found.path.trim_start_matches('/')))
    }

    /// The id of the group at `path`, if there is one.
    pub(super) fn id(&self, path: &str) -> Option<u64> {
        self.root.join(path.trim_start_matches('/')).metadata().ok().map(|group| group.ino())
    }

    /// Whether the group at `path` has this id.
    pub(super) fn has(&self, path: &str, id: u64) -> bool {
        self.id(path) == Some(id)
    }

    /// Whether the group at `path` was made by root: those that others may make have any name they like.
    pub(super) fn is_roots(&self, path: &str) -> bool {
        self.root.join(path.trim_start_matches('/')).metadata().is_ok_and(|group| group.uid() == 0)
    }

    /// The group with this id. It looks through the whole tree, some microseconds a group.
    pub(super) fn look_up(&self, id: u64) -> Option<Group> {
        let found = cgroup::paths_below(&self.root).ok()?.remove(&id)?;
        let path = found.strip_prefix(&self.root).ok()?;
        Some(Group { path: format!("/{}", path.display()) })
    }

    /// The ids of all groups.
    pub(super) fn ids(&self) -> Option<std::collections::HashSet<u64>> {
        cgroup::ids_below(&self.root).ok()
    }
}

/// Where a namespace begins in which `/proc` says `said` of the group `own`.
fn base(own: &str, said: &str) -> String {
    let own = own.trim_end_matches('/');
    own.strip_suffix(said.trim_end_matches('/')).unwrap_or(own).to_owned()
}

/// `/../a` below `/x/y` is `/x/a`; nothing is above the root.
fn resolve(base: &str, said: &str) -> String {
    let mut parts: Vec<&str> = base.split('/').filter(|part| !part.is_empty()).collect();
    for part in said.split('/').filter(|part| !part.is_empty()) {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_counts_from_where_the_namespace_begins() {
        assert_eq!(base("/system.slice/a.service", "/system.slice/a.service"), "");
        assert_eq!(base("/kubepods/pod1/c1", "/"), "/kubepods/pod1/c1");
        assert_eq!(base("/kubepods/pod1/c1/child", "/child"), "/kubepods/pod1/c1");
        assert_eq!(base("/", "/"), "");
        assert_eq!(resolve("", "/user.slice"), "/user.slice");
        assert_eq!(resolve("/kubepods/pod1/c1", "/../../pod2/c2"), "/kubepods/pod2/c2");
        assert_eq!(resolve("/kubepods/pod1/c1", "/"), "/kubepods/pod1/c1");
        assert_eq!(resolve("/a", "/../../../b"), "/b");
    }
}

//! Which network namespaces the processes of a cgroup tree are in.

use super::NetNs;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The deepest nesting that is followed; the kernel allows no more by far in practice, and links cannot occur.
const MOST_LEVELS: usize = 64;

/// A namespace in which processes live.
#[derive(Debug)]
pub struct Inhabited {
    /// The namespace.
    pub netns: NetNs,
    /// The directories of the cgroups that its processes are in, each once.
    pub cgroups: Vec<PathBuf>,
}

/// The namespaces of all processes in the cgroup `directory` and below it, each once. A process that ends
/// meanwhile is passed over, and so is one whose namespace we may not open.
pub fn below_cgroup(directory: &Path) -> io::Result<Vec<Inhabited>> {
    let mut found = BTreeMap::new();
    visit(directory, MOST_LEVELS, &mut |cgroup, pid| {
        let Ok(netns) = NetNs::of_pid(pid) else { return };
        let inhabited = found.entry(netns.id()).or_insert_with(|| Inhabited { netns, cgroups: Vec::new() });
        // One cgroup's processes come one after the other.
        if inhabited.cgroups.last().is_none_or(|last| last != cgroup) {
            inhabited.cgroups.push(cgroup.to_owned());
        }
    })?;
    Ok(found.into_values().collect())
}

/// Shows every process of the tree with its cgroup.
fn visit(directory: &Path, levels: usize, see: &mut impl FnMut(&Path, u32)) -> io::Result<()> {
    let procs = fs::read_to_string(directory.join("cgroup.procs"))?;
    procs.lines().filter_map(|line| line.parse::<u32>().ok()).for_each(|pid| see(directory, pid));
    if levels == 0 {
        return Ok(());
    }
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            continue;
        }
        // A cgroup that was removed since it was listed has no processes.
        match visit(&entry.path(), levels - 1, see) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

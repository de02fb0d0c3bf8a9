//! Which network namespaces the processes of a cgroup tree are in.

use super::NetNs;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

/// The deepest nesting that is followed; the kernel allows no more by far in practice, and links cannot occur.
const MOST_LEVELS: usize = 64;

/// The namespaces of all processes in the cgroup `directory` and below it, each once. A process that ends
/// meanwhile is passed over, and so is one whose namespace we may not open.
pub fn below_cgroup(directory: &Path) -> io::Result<Vec<NetNs>> {
    let mut pids = Vec::new();
    collect(directory, MOST_LEVELS, &mut pids)?;
    Ok(of_processes(pids))
}

/// The namespaces of these processes, each once.
pub fn of_processes(pids: impl IntoIterator<Item = u32>) -> Vec<NetNs> {
    let mut found = BTreeMap::new();
    for netns in pids.into_iter().filter_map(|pid| NetNs::of_pid(pid).ok()) {
        found.entry(netns.id()).or_insert(netns);
    }
    found.into_values().collect()
}

fn collect(directory: &Path, levels: usize, pids: &mut Vec<u32>) -> io::Result<()> {
    let procs = fs::read_to_string(directory.join("cgroup.procs"))?;
    pids.extend(procs.lines().filter_map(|line| line.parse::<u32>().ok()));
    if levels == 0 {
        return Ok(());
    }
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            continue;
        }
        // A cgroup that was removed since it was listed has no processes.
        match collect(&entry.path(), levels - 1, pids) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_in_one_namespace_give_one_handle() {
        let own = std::process::id();
        let found = of_processes([own, own, u32::MAX]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].id(), NetNs::current().unwrap().id());
    }
}

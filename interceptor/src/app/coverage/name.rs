//! What workloads are called: paths of cgroups, and what Kubernetes writes into them. Knows the two spellings of kubelet's
//! cgroup drivers. Does not ask a container runtime.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::bpf::{CaptureError, cgroup};

/// The cgroups that exist, by id.
pub(super) struct Names {
    /// Paths are told from the root of the tree.
    root: PathBuf,
    paths: HashMap<u64, PathBuf>,
}

/// A workload's name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Name {
    /// The path of its cgroup.
    pub(super) text: String,
    /// The uid of its pod.
    pub(super) pod: Option<String>,
    /// The id of its container.
    pub(super) container: Option<String>,
}

impl Names {
    /// Looks at a cgroup and all below it, once.
    ///
    /// # Errors
    /// It is no cgroup.
    pub(super) fn below(cgroup: &Path) -> Result<Self, CaptureError> {
        Ok(Self { root: cgroup::root()?, paths: cgroup::paths_below(cgroup)? })
    }

    /// A tree of which nothing is left.
    #[cfg(test)]
    pub(super) fn none() -> Self {
        Self { root: PathBuf::from("/"), paths: HashMap::new() }
    }

    /// The name of a cgroup. One that is gone has only its number.
    pub(super) fn of(&self, id: u64) -> Name {
        let Some(path) = self.paths.get(&id) else {
            return Name { text: format!("gone (cgroup {id})"), ..Name::default() };
        };
        name(&Path::new("/").join(path.strip_prefix(&self.root).unwrap_or(path)))
    }
}

fn name(path: &Path) -> Name {
    let text = path.display().to_string();
    let parts: Vec<&str> = text.split('/').collect();
    let Some(at) = parts.iter().rposition(|part| pod(part).is_some()) else {
        return Name { text, ..Name::default() };
    };
    let container = parts.get(at + 1).and_then(|part| container(part)).map(str::to_owned);
    Name { pod: pod(parts[at]), container, text }
}

/// `pod<uid>`, or `kubepods-burstable-pod<uid>.slice` with underscores, because systemd takes hyphens for slashes.
fn pod(part: &str) -> Option<String> {
    let part = part.strip_suffix(".slice").unwrap_or(part);
    let (kind, uid) = part.rsplit_once("pod")?;
    let is_kubelets = kind.is_empty() || (kind.starts_with("kubepods") && kind.ends_with('-'));
    let is_uid = uid.len() >= 32 && uid.chars().all(|c| c.is_ascii_hexdigit() || c == '-' || c == '_');
    (is_kubelets && is_uid).then(|| uid.replace('_', "-"))
}

/// `<id>`, or `<runtime>-<id>.scope`.
fn container(part: &str) -> Option<&str> {
    let part = part.strip_suffix(".scope").unwrap_or(part);
    let id = part.rsplit_once('-').map_or(part, |(_, id)| id);
    (id.len() == 64 && id.chars().all(|c| c.is_ascii_hexdigit())).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const UID: &str = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";

    fn check(path: &str, pod: Option<&str>, container: Option<&str>) {
        let named = name(Path::new(path));
        assert_eq!((named.pod.as_deref(), named.container.as_deref()), (pod, container), "{path}");
        assert_eq!(named.text, path);
    }

    #[test]
    fn pods_and_containers_are_found_in_both_spellings() {
        let id = "ab".repeat(32);
        check(&format!("/kubepods/burstable/pod{UID}/{id}"), Some(UID), Some(&id));
        check(&format!("/kubepods/pod{UID}"), Some(UID), None);
        let slice = format!("kubepods-burstable-pod{}.slice", UID.replace('-', "_"));
        let path = format!("/kubepods.slice/kubepods-burstable.slice/{slice}/cri-containerd-{id}.scope");
        check(&path, Some(UID), Some(&id));
        // A container that makes cgroups of its own.
        check(&format!("/kubepods/pod{UID}/{id}/init.scope"), Some(UID), Some(&id));
    }

    #[test]
    fn other_paths_are_only_paths() {
        check("/system.slice/podman.service", None, None);
        check("/user.slice/tripod", None, None);
        check("/", None, None);
        check(&format!("/mypod{UID}"), None, None);
    }
}

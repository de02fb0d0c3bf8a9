//! What the path of a control group says: which container of which pod, or which systemd unit.
//! Knows the shapes in which kubelet, container runtimes and systemd name groups. Does not open anything, and decides
//! nothing: whoever may make groups below a delegated one may give them any name.

/// A container that a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Container<'a> {
    /// Its identifier at the runtime.
    pub(super) id: &'a str,
    /// The identifier of its pod, as the path spells it: systemd knows no dashes.
    pub(super) pod: Option<&'a str>,
    /// The path up to the container's own group.
    pub(super) path: &'a str,
}

impl Container<'_> {
    /// Whether this is a container of the pod with the identifier `uid`.
    pub(super) fn is_of(&self, uid: &str) -> bool {
        let plain = |text: &str| text.replace('_', "-");
        self.pod.is_some_and(|pod| plain(pod) == plain(uid))
    }
}

/// The container that a group is, or is in. The outermost one counts: what is below it was made by those inside.
pub(super) fn container(path: &str) -> Option<Container<'_>> {
    let mut pod = None;
    let mut in_pods = false;
    let mut end = 0;
    for segment in path.split('/') {
        end += segment.len();
        if let Some(id) = runtime_id(segment) {
            return Some(Container { id, pod, path: &path[..end] });
        }
        // The slices of systemd repeat the names of those above: `kubelet-kubepods-burstable-pod….slice`.
        let name = segment.strip_suffix(".slice").unwrap_or(segment);
        in_pods |= name.split('-').any(|word| word == "kubepods");
        pod = pod.or_else(|| pod_id(name).filter(|_| in_pods));
        end += 1;
    }
    None
}

/// The identifier behind `pod` in the name of a pod's group: `pod1234-…`, `kubepods-burstable-pod1234_….slice`.
fn pod_id(name: &str) -> Option<&str> {
    let (before, id) = name.split_once("pod").filter(|(before, _)| before.is_empty()).or_else(|| {
        let at = name.rfind("-pod")?;
        Some((&name[..at], &name[at + 4..]))
    })?;
    let fits = !id.is_empty() && !before.ends_with('_');
    // `kubepods` itself begins with other letters; a name such as `pods` is no pod.
    (fits && id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-' || b == b'_')).then_some(id)
}

/// The identifier in the name of a container's group: it alone, or between a runtime's name and `.scope`.
fn runtime_id(segment: &str) -> Option<&str> {
    let name = segment.strip_suffix(".scope").unwrap_or(segment);
    // `cri-containerd-…`, `crio-…`, `docker-…`, `libpod-…`; with cgroupfs CRI-O writes `crio-…` too. Its monitors'
    // groups are `crio-conmon-…`: no containers, and none that calls anybody.
    let id = match name.rsplit_once('-') {
        Some((runtime, id)) if !runtime.ends_with("conmon") => id,
        Some(_) => return None,
        None => name,
    };
    // 64 hexadecimal digits everywhere; the container that is called `containerd:id` has colons.
    let id = id.rsplit_once(':').map_or(id, |(_, id)| id);
    (id.len() == 64 && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))).then_some(id)
}

/// The systemd unit that a group belongs to: the first below the slices. What is further down is a unit of a user's own
/// manager, or whatever a service that may make groups called one.
pub(super) fn unit(path: &str) -> Option<&str> {
    let first = path.split('/').find(|segment| !segment.is_empty() && !segment.ends_with(".slice"))?;
    let (name, kind) = first.rsplit_once('.')?;
    (!name.is_empty() && matches!(kind, "service" | "scope" | "socket" | "mount" | "swap")).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const INNER: &str = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";
    const POD: &str = "8f2c0d4e-1111-4222-8333-abcdefabcdef";

    fn check(path: &str, pod: Option<&str>, up_to: &str) {
        let path = path.replace("ID", ID).replace("INNER", INNER);
        let up_to = up_to.replace("ID", ID);
        assert_eq!(container(&path), Some(Container { id: ID, pod, path: &up_to }), "{path}");
    }

    #[test]
    fn every_known_shape_of_a_pods_container_is_read() {
        let pod = Some(POD);
        let slices = Some("8f2c0d4e_1111_4222_8333_abcdefabcdef");
        let cgroupfs = format!("/kubepods/burstable/pod{POD}/ID");
        check(&cgroupfs, pod, &cgroupfs);
        let guaranteed = format!("/kubepods/pod{POD}/ID");
        check(&guaranteed, pod, &guaranteed);
        let crio = format!("/kubepods/besteffort/pod{POD}/crio-ID");
        check(&crio, pod, &crio);
        for runtime in ["cri-containerd", "crio", "docker"] {
            let systemd = format!(
                "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{}.slice/{runtime}-ID.scope",
                POD.replace('-', "_")
            );
            check(&systemd, slices, &systemd);
        }
        let kind = format!(
            "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod{}.slice/cri-containerd-ID.scope",
            POD.replace('-', "_")
        );
        check(&kind, slices, &kind);
        // A static pod's identifier is a hash without dashes.
        check("/kubepods/burstable/pod0123abcd/ID", Some("0123abcd"), "/kubepods/burstable/pod0123abcd/ID");
    }

    #[test]
    fn what_is_nested_in_a_container_is_that_container() {
        let outer = format!("/kubepods/pod{POD}/ID");
        check(&format!("{outer}/init.scope"), Some(POD), &outer);
        check(&format!("{outer}/docker/INNER"), Some(POD), &outer);
        check(&format!("{outer}/kubepods/pod1111/INNER"), Some(POD), &outer);
    }

    #[test]
    fn a_container_outside_pods_has_none() {
        check("/system.slice/docker-ID.scope", None, "/system.slice/docker-ID.scope");
        check("/docker/ID", None, "/docker/ID");
        check("/machine.slice/libpod-ID.scope/container", None, "/machine.slice/libpod-ID.scope");
        // A name alone makes no pod.
        check("/podabcd/ID", None, "/podabcd/ID");
    }

    #[test]
    fn other_groups_are_no_containers() {
        for path in [
            "/",
            "",
            "/system.slice/sshd.service",
            "/kubepods/burstable",
            "/kubepods.slice/kubepods-pod1234.slice",
            "/kubepods/pod1234/not-an-id",
        ] {
            assert_eq!(container(path), None, "{path}");
        }
        let monitor = format!("/kubepods/pod{POD}/crio-conmon-{ID}");
        assert_eq!(container(&monitor), None);
        assert_eq!(container(&format!("/docker/{}", ID.to_uppercase())), None);
    }

    #[test]
    fn every_prefix_of_a_path_is_read_without_surprise() {
        let path = format!("/kubepods/burstable/pod{POD}/{ID}");
        for end in 0..path.len() {
            assert_eq!(container(&path[..end]), None, "{}", &path[..end]);
        }
    }

    #[test]
    fn a_pod_is_known_by_either_spelling() {
        let path = format!("/kubepods.slice/kubepods-pod{}.slice/crio-{ID}.scope", POD.replace('-', "_"));
        let found = container(&path).unwrap();
        assert!(found.is_of(POD));
        assert!(!found.is_of("8f2c0d4e-1111-4222-8333-abcdefabcdee"));
    }

    #[test]
    fn a_unit_is_the_first_below_the_slices() {
        for (path, expected) in [
            ("/system.slice/sshd.service", Some("sshd.service")),
            ("/system.slice/system-getty.slice/getty@tty1.service", Some("getty@tty1.service")),
            (
                "/user.slice/user-1000.slice/user@1000.service/app.slice/evil.service",
                Some("user@1000.service"),
            ),
            ("/user.slice/user-1000.slice/session-2.scope", Some("session-2.scope")),
            ("/init.scope", Some("init.scope")),
            ("/mine/sshd.service", None),
            ("/user.slice", None),
            ("/.service", None),
            ("/", None),
        ] {
            assert_eq!(unit(path), expected, "{path}");
        }
    }
}

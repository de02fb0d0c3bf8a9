//! The checks of `doctor`. Each takes what was read from the machine and says what it means, so that a test can
//! show it another machine.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{Check, Health};
use crate::app::namespaces::attach_point;
use crate::bpf;
use crate::bpf::RawPacketPolicy;
use crate::bpf::features::WANTED;
use crate::config::Config;
use crate::telemetry::chain;
use crate::tls::inspect;

/// What is read from a machine.
pub(super) struct Machine {
    /// `uname -r`.
    pub kernel: String,
    /// Whether the kernel offers type information.
    pub btf: bool,
    /// The effective capabilities of this process, as a bit set.
    pub capabilities: u64,
    /// Where the cgroup v2 tree is.
    pub cgroup: Result<PathBuf, String>,
    /// What the programs want of the kernel, and whether it is there; or why the kernel cannot be asked.
    pub features: Vec<(&'static str, &'static str, Result<bool, String>)>,
    /// Network interfaces of this namespace, by name.
    pub interfaces: Vec<String>,
    /// Whether the kernel keeps programs on interfaces by links.
    pub links: bool,
    /// Whether this build carries a BPF object.
    pub object: bool,
    /// What the clock says.
    pub now: SystemTime,
    /// When this program was built, which no right clock is before.
    pub built: SystemTime,
}

/// The oldest kernel with everything that is used: SO_NETNS_COOKIE and look-up-and-delete on hashes are 5.14,
/// a fix for mixed cgroups is 5.15.
const OLDEST: (u32, u32) = (5, 15);
/// From linux/capability.h.
const CAPABILITIES: [(&str, u32, &str); 4] = [
    ("CAP_BPF", 39, "load programs"),
    ("CAP_NET_ADMIN", 12, "attach them"),
    ("CAP_SYS_ADMIN", 21, "enter network namespaces"),
    ("CAP_SYS_PTRACE", 19, "find the namespaces of other users' processes"),
];
/// The intermediate should be renewed before this is left.
const RENEW: Duration = Duration::from_secs(24 * 3600);

impl Machine {
    /// The machine this runs on.
    pub(super) fn this() -> Self {
        let kernel =
            std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned();
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let capabilities = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
        let executable = std::env::current_exe().and_then(std::fs::metadata).and_then(|file| file.modified());
        Self {
            kernel,
            btf: Path::new("/sys/kernel/btf/vmlinux").exists(),
            capabilities: capabilities
                .and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok())
                .unwrap_or(0),
            cgroup: bpf::cgroup::root().map_err(|error| chain(&error)),
            features: WANTED
                .iter()
                .map(|(feature, name, purpose)| (*name, *purpose, feature.is_there()))
                .collect(),
            interfaces: bpf::interfaces().unwrap_or_default().into_iter().map(|one| one.name).collect(),
            links: bpf::has_links(),
            object: bpf::EMBEDDED.is_some(),
            now: SystemTime::now(),
            built: executable.unwrap_or(SystemTime::UNIX_EPOCH),
        }
    }
}

/// Every check, in the order in which the daemon depends on them.
pub(super) fn all(machine: &Machine, config: &Config) -> Vec<Check> {
    let mut checks =
        vec![kernel(machine), btf(machine), object(machine), capabilities(machine), features(machine)];
    checks.push(cgroup(machine, config));
    checks.push(pins(config));
    checks.push(veth_guard(machine, config));
    checks.push(clock(machine));
    checks.push(authority(config));
    checks.push(parts(config));
    checks
}

fn good(what: &'static str, found: impl Into<String>) -> Check {
    Check { what, health: Health::Good, found: found.into(), todo: None }
}

fn bad(what: &'static str, found: impl Into<String>, todo: impl Into<String>) -> Check {
    Check { what, health: Health::Bad, found: found.into(), todo: Some(todo.into()) }
}

fn kernel(machine: &Machine) -> Check {
    let mut parts = machine.kernel.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    match (parts.next(), parts.next()) {
        (Some(major), Some(minor)) if (major, minor) >= OLDEST => good("kernel", machine.kernel.clone()),
        (Some(_), Some(_)) => {
            bad("kernel", format!("{} is too old", machine.kernel), "use Linux 5.15 or later")
        }
        _ => {
            bad("kernel", format!("cannot read the version {:?}", machine.kernel), "use Linux 5.15 or later")
        }
    }
}

fn btf(machine: &Machine) -> Check {
    if machine.btf {
        return good("BTF", "/sys/kernel/btf/vmlinux is there");
    }
    bad("BTF", "/sys/kernel/btf/vmlinux is missing", "use a kernel with CONFIG_DEBUG_INFO_BTF=y")
}

fn object(machine: &Machine) -> Check {
    if machine.object {
        return good("BPF object", "this build carries one");
    }
    bad("BPF object", "this build carries none", "run `cargo xtask ebpf` and build again")
}

fn capabilities(machine: &Machine) -> Check {
    let missing: Vec<String> = CAPABILITIES
        .iter()
        .filter(|(_, bit, _)| machine.capabilities & (1 << bit) == 0)
        .map(|(name, _, purpose)| format!("{name} to {purpose}"))
        .collect();
    if missing.is_empty() {
        return good("capabilities", "all that are needed");
    }
    bad("capabilities", format!("missing: {}", missing.join(", ")), "run as root, or grant them")
}

/// What is missing by name. A kernel that cannot be asked (without permission it does not answer) is a warning: the
/// daemon may be started with more.
fn features(machine: &Machine) -> Check {
    let missing: Vec<_> = machine.features.iter().filter(|(_, _, there)| *there == Ok(false)).collect();
    if !missing.is_empty() {
        let names: Vec<_> = missing.iter().map(|(name, purpose, _)| format!("{name} to {purpose}")).collect();
        let todo = "use Linux 5.15 or later, built with CONFIG_BPF_SYSCALL, CONFIG_CGROUP_BPF and CONFIG_NET";
        return bad("BPF features", format!("missing: {}", names.join(", ")), todo);
    }
    match machine.features.iter().find_map(|(name, _, there)| there.as_ref().err().map(|error| (name, error)))
    {
        Some((name, error)) => Check {
            what: "BPF features",
            health: Health::Warning,
            found: format!("the kernel does not say whether it has {name}: {error}"),
            todo: Some("run doctor as root, or with the capabilities above".into()),
        },
        None => good("BPF features", format!("all {} that the programs use", machine.features.len())),
    }
}

/// Where pins go. The daemon mounts the system's bpffs itself where it may.
fn pins(config: &Config) -> Check {
    let Some(path) = &config.capture.pins else {
        return good("pins", "off: programs end with the daemon, and a dead daemon is a pass");
    };
    if bpf::pins_are_ready(path) {
        return good("pins", format!("{} is in a bpffs", path.display()));
    }
    Check {
        what: "pins",
        health: Health::Warning,
        found: format!("{} is in no bpffs; the daemon mounts one at /sys/fs/bpf if it may", path.display()),
        todo: Some("mount -t bpf bpf /sys/fs/bpf".into()),
    }
}

/// Where packets are looked for that no socket has sent, and by what means.
fn veth_guard(machine: &Machine, config: &Config) -> Check {
    const WHAT: &str = "veth guard";
    let guard = &config.capture.veth_guard;
    if guard.mode == RawPacketPolicy::Leave {
        return good(WHAT, "off: raw packets to AI endpoints are not looked for");
    }
    if !machine.links && config.capture.pins.is_none() {
        let todo = "set capture.pins, or use Linux 6.6 or later";
        return bad(WHAT, "this kernel has no links for interfaces (tcx), and filters want pins", todo);
    }
    let means = if machine.links { "links (tcx)" } else { "filters (clsact); Linux 6.6 has links" };
    match machine.interfaces.iter().filter(|name| guard.wants(name)).count() {
        0 => Check {
            what: WHAT,
            health: Health::Warning,
            found: format!("no interface of this network namespace fits now; by {means}"),
            todo: Some("none may be there yet; otherwise correct capture.vethGuard.interfaces".into()),
        },
        count => good(WHAT, format!("interfaces that fit now: {count}; by {means}")),
    }
}

fn cgroup(machine: &Machine, config: &Config) -> Check {
    let root = match &machine.cgroup {
        Ok(root) => root,
        Err(error) => {
            return bad("cgroup v2", error.clone(), "mount it: mount -t cgroup2 none /sys/fs/cgroup");
        }
    };
    let attached = attach_point(config.cgroup.as_deref());
    let usable = attached.and_then(|path| {
        bpf::cgroup::id(&path)?;
        // The daemon will have to find itself, too.
        bpf::cgroup::own()?;
        Ok(path)
    });
    match usable {
        Ok(path) => {
            good("cgroup v2", format!("mounted at {}, attaching to {}", root.display(), path.display()))
        }
        Err(error) => bad("cgroup v2", chain(&error), "correct `cgroup` in the configuration"),
    }
}

fn clock(machine: &Machine) -> Check {
    // A program is not older than itself; ten minutes are the slack that certificates have.
    if machine.now + Duration::from_secs(600) >= machine.built {
        return good("clock", "not before this program was built");
    }
    bad("clock", "the clock is before this program was built", "set the clock: certificates depend on it")
}

fn authority(config: &Config) -> Check {
    let found = match inspect::inspect(&config.authority, time::OffsetDateTime::now_utc()) {
        Ok(found) => found,
        Err(error) => {
            let todo = format!("interceptor ca init --directory {}", config.authority.display());
            return bad("CA", chain(&error), todo);
        }
    };
    if let Some(problem) = &found.problem {
        return bad("CA", problem.clone(), "interceptor ca issue");
    }
    let end = time::OffsetDateTime::parse(
        &found.intermediate.not_after,
        &time::format_description::well_known::Rfc3339,
    );
    let text = format!("{}, until {}", found.intermediate.subject, found.intermediate.not_after);
    match end {
        Ok(end) if end - time::OffsetDateTime::now_utc() < RENEW => Check {
            what: "CA",
            health: Health::Warning,
            found: text,
            todo: Some("renew it within a day: interceptor ca issue".into()),
        },
        _ => good("CA", text),
    }
}

fn parts(config: &Config) -> Check {
    match crate::app::engine(config) {
        Ok(engine) => good("policy", format!("version {}", engine.policy().version())),
        Err(error) => bad("policy", chain(&error), "interceptor policy check FILE…"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Machine {
        Machine {
            kernel: "6.1.0-30-amd64".into(),
            btf: true,
            capabilities: u64::MAX,
            cgroup: Ok("/sys/fs/cgroup".into()),
            features: vec![("bpf_sk_lookup_tcp", "find listeners", Ok(true))],
            interfaces: vec!["eth0".into(), "veth1a2b".into()],
            links: true,
            object: true,
            now: SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_000_000),
            built: SystemTime::UNIX_EPOCH + Duration::from_secs(1_900_000_000),
        }
    }

    #[test]
    fn an_old_kernel_is_named() {
        assert_eq!(kernel(&machine()).health, Health::Good);
        for old in ["5.14.21-generic", "4.19.0", "not a version"] {
            let check = kernel(&Machine { kernel: old.into(), ..machine() });
            assert_eq!(check.health, Health::Bad, "{old}");
            assert!(check.found.contains(old), "{}", check.found);
        }
    }

    #[test]
    fn a_missing_feature_is_named_and_an_unknown_one_is_a_warning() {
        assert_eq!(features(&machine()).health, Health::Good);
        let with =
            |there| Machine { features: vec![("bpf_sk_lookup_tcp", "find listeners", there)], ..machine() };
        let missing = features(&with(Ok(false)));
        assert_eq!(missing.health, Health::Bad);
        assert_eq!(missing.found, "missing: bpf_sk_lookup_tcp to find listeners");
        assert_eq!(features(&with(Err("not permitted".into()))).health, Health::Warning);
    }

    #[test]
    fn the_veth_guard_says_where_and_how() {
        let mut config = Config::standard();
        assert!(veth_guard(&machine(), &config).found.starts_with("off"));
        config.capture.veth_guard.mode = RawPacketPolicy::Count;
        assert_eq!(veth_guard(&machine(), &config).found, "interfaces that fit now: 1; by links (tcx)");
        let older = Machine { links: false, ..machine() };
        let check = veth_guard(&older, &config);
        assert_eq!((check.health, check.found.contains("filters (clsact)")), (Health::Good, true));
        let none = Machine { interfaces: vec!["eth0".into()], ..machine() };
        assert_eq!(veth_guard(&none, &config).health, Health::Warning);
        config.capture.pins = None;
        assert_eq!(veth_guard(&older, &config).health, Health::Bad);
        assert_eq!(veth_guard(&machine(), &config).health, Health::Good);
    }

    #[test]
    fn missing_capabilities_say_what_they_are_for() {
        let check = capabilities(&Machine { capabilities: !(1 << 21), ..machine() });
        assert_eq!(check.health, Health::Bad);
        assert_eq!(check.found, "missing: CAP_SYS_ADMIN to enter network namespaces");
    }

    #[test]
    fn what_is_missing_comes_with_what_to_do() {
        for check in [
            btf(&Machine { btf: false, ..machine() }),
            object(&Machine { object: false, ..machine() }),
            cgroup(
                &Machine { cgroup: Err("no cgroup v2 tree is mounted".into()), ..machine() },
                &Config::standard(),
            ),
            clock(&Machine { now: SystemTime::UNIX_EPOCH, ..machine() }),
        ] {
            assert_eq!(check.health, Health::Bad, "{}", check.what);
            assert!(check.todo.is_some(), "{}", check.what);
        }
    }
}

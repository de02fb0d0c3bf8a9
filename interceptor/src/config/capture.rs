//! How connections are captured: the checked form of the section `capture`.
//! Knows what may be chosen. Does not know which namespaces there are, nor how the kernel is told.

use std::path::PathBuf;
use std::time::Duration;

use interceptor_engine::policy::Pattern;

use crate::bpf::{HEARTBEAT_LIMIT, RawPacketPolicy};

/// The section `capture`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptureSpec {
    /// What a namespace gets that no workload matches.
    pub standard: Treatment,
    /// Exceptions; the first that matches a namespace is applied.
    pub workloads: Vec<Workload>,
    /// What becomes of connections in a namespace that is not served, or not yet.
    pub unknown: OnFailure,
    /// How long the accept loop of a namespace may stay silent before its fail policy answers.
    pub heartbeat: Duration,
    /// The directory, in a bpffs, in which programs and maps outlive the daemon; `None` ends them with it.
    pub pins: Option<PathBuf>,
    /// What becomes of them when the daemon is told to stop.
    pub on_stop: OnStop,
    /// What becomes of packets that no socket has sent.
    pub veth_guard: VethGuard,
}

impl CaptureSpec {
    /// What a file without the section gives.
    pub fn standard() -> Self {
        Self {
            standard: Treatment { mode: Mode::Hint, on_failure: OnFailure::Open },
            workloads: Vec::new(),
            unknown: OnFailure::Open,
            heartbeat: HEARTBEAT_LIMIT,
            pins: Some(PathBuf::from("/sys/fs/bpf/interceptor")),
            on_stop: OnStop::Keep,
            veth_guard: VethGuard::standard(),
        }
    }
}

/// What becomes of pinned programs when the daemon is told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnStop {
    /// They stay, and the fail policy of each namespace answers until the next daemon.
    Keep,
    /// They are removed: every connection goes where it wants to go.
    Detach,
}

/// What becomes of packets to endpoints that no socket has sent: those of packet sockets, for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VethGuard {
    /// Whether they are looked for, and dropped.
    pub mode: RawPacketPolicy,
    /// Where: interfaces of the daemon's own network namespace that fit one of these.
    pub interfaces: Vec<InterfacePattern>,
}

impl VethGuard {
    /// Off; and the names that container engines and network plugins give.
    pub fn standard() -> Self {
        let known = ["veth*", "cali*", "lxc*", "eni*"];
        let interfaces = known.into_iter().filter_map(InterfacePattern::parse).collect();
        Self { mode: RawPacketPolicy::Leave, interfaces }
    }

    /// Whether an interface of this name is to be guarded.
    pub fn wants(&self, name: &str) -> bool {
        self.mode != RawPacketPolicy::Leave && self.interfaces.iter().any(|pattern| pattern.fits(name))
    }
}

/// A name of interfaces, in which `*` stands for any characters, also none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterfacePattern(Pattern);

impl InterfacePattern {
    /// Reads a pattern; `None` for what no interface can be called.
    pub fn parse(text: &str) -> Option<Self> {
        // IFNAMSIZ, with its final zero.
        const LONGEST: usize = 15;
        let fixed = text.bytes().filter(|byte| *byte != b'*').count();
        let can_be = |c: char| c.is_ascii_graphic() && c != '/' && c != ':';
        let fits = fixed <= LONGEST && text.len() <= 2 * LONGEST && text.chars().all(can_be);
        Pattern::parse_any(text).filter(|_| fits).map(Self)
    }

    fn fits(&self, name: &str) -> bool {
        self.0.fits(name)
    }
}

/// How the connections of one network namespace are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Treatment {
    /// Which are redirected.
    pub mode: Mode,
    /// What becomes of those that should be redirected and cannot be.
    pub on_failure: OnFailure,
}

/// Which connections to a configured port are redirected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Those to known endpoints.
    Hint,
    /// All of them, to private addresses too. The name in the hello decides what is inspected.
    Strict,
}

/// What becomes of a connection that should be redirected and cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// It goes where it wanted to go, uninspected and counted.
    Open,
    /// It is refused.
    Closed,
}

/// An exception for some namespaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// Which namespaces.
    pub which: Which,
    /// Instead of the standard.
    pub mode: Option<Mode>,
    /// Instead of the standard.
    pub on_failure: Option<OnFailure>,
}

/// Which namespaces a workload's are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// The one behind this file.
    Namespace(PathBuf),
    /// Those in which a process of this cgroup, or of one below it, lives.
    Cgroup(PathBuf),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(pattern: &str, name: &str) -> bool {
        InterfacePattern::parse(pattern).unwrap().fits(name)
    }

    #[test]
    fn a_star_stands_for_anything_and_the_rest_for_itself() {
        for (pattern, name) in
            [("veth*", "veth1a2b"), ("veth*", "veth"), ("*", "eth0"), ("a*b*c", "abcbc"), ("eth0", "eth0")]
        {
            assert!(fits(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("veth*", "eth0"),
            ("eth0", "eth01"),
            ("*0", "eth01"),
            ("a*bc*c", "abc"),
            ("a*a", "a"),
            ("Veth*", "veth0"),
        ] {
            assert!(!fits(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn what_no_interface_is_called_is_no_pattern() {
        for text in ["", "a b", "a/b", "eth0:1", "sixteen-letters-", "veth\u{e9}*"] {
            assert_eq!(InterfacePattern::parse(text), None, "{text:?}");
        }
        assert!(InterfacePattern::parse("fifteen-letters*").is_some());
    }

    #[test]
    fn no_interface_is_wanted_while_the_guard_is_off() {
        let mut guard = VethGuard::standard();
        assert!(!guard.wants("veth0"));
        guard.mode = RawPacketPolicy::Count;
        assert!(["veth0", "cali0", "lxc0", "eni0"].iter().all(|name| guard.wants(name)));
        assert!(!guard.wants("eth0"));
    }
}

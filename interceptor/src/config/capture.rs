//! How connections are captured: the checked form of the section `capture`.
//! Knows what may be chosen. Does not know which namespaces there are, nor how the kernel is told.

use std::path::PathBuf;
use std::time::Duration;

use crate::bpf::HEARTBEAT_LIMIT;

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

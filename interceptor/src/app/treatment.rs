//! Which treatment a network namespace gets: the standard, or that of the first workload that matches it.
//! Knows paths and namespaces. Does not know how the kernel is told.

use std::path::PathBuf;

use interceptor_common::Namespace;

use crate::config::{CaptureSpec, Mode, OnFailure, Treatment, Which};
use crate::netns::{NetNs, NetNsId};

/// The workloads of a configuration, as they are on the machine now.
pub struct Treatments {
    standard: Treatment,
    exceptions: Vec<(Matches, Treatment)>,
}

enum Matches {
    Namespace(NetNsId),
    Below(PathBuf),
    /// A namespace that does not exist now.
    Nothing,
}

impl Treatments {
    /// Looks up the namespaces that the configuration names.
    pub fn look_up(spec: &CaptureSpec) -> Self {
        let standard = spec.standard;
        let exceptions = spec.workloads.iter().map(|workload| {
            let matches = match &workload.which {
                Which::Namespace(path) => {
                    NetNs::open(path).map_or(Matches::Nothing, |netns| Matches::Namespace(netns.id()))
                }
                Which::Cgroup(path) => Matches::Below(path.clone()),
            };
            let mode = workload.mode.unwrap_or(standard.mode);
            let on_failure = workload.on_failure.unwrap_or(standard.on_failure);
            (matches, Treatment { mode, on_failure })
        });
        Self { standard, exceptions: exceptions.collect() }
    }

    /// Whether it matters in which cgroups the processes of a namespace are.
    pub fn need_cgroups(&self) -> bool {
        self.exceptions.iter().any(|(matches, _)| matches!(matches, Matches::Below(_)))
    }

    /// The treatment of a namespace in which processes of these cgroups live.
    pub fn of(&self, id: NetNsId, cgroups: &[PathBuf]) -> Treatment {
        let matches = |matches: &Matches| match matches {
            Matches::Namespace(wanted) => *wanted == id,
            Matches::Below(directory) => cgroups.iter().any(|cgroup| cgroup.starts_with(directory)),
            Matches::Nothing => false,
        };
        let found = self.exceptions.iter().find(|(exception, _)| matches(exception));
        found.map_or(self.standard, |(_, treatment)| *treatment)
    }
}

/// How the kernel side is told of namespaces that are not served. Strict they are only where they will be served, and only
/// there does what policy forbids hold in them: elsewhere, connections of somebody else would be ours to answer for.
pub fn flags_of_unknown(spec: &CaptureSpec, discovers: bool) -> u32 {
    let mode = if discovers { spec.standard.mode } else { Mode::Hint };
    let expected = if discovers { Namespace::EXPECTED } else { 0 };
    flags(Treatment { mode, on_failure: spec.unknown }) | expected
}

/// How the kernel side is told.
pub fn flags(treatment: Treatment) -> u32 {
    let mode = match treatment.mode {
        Mode::Hint => 0,
        Mode::Strict => Namespace::STRICT,
    };
    let on_failure = match treatment.on_failure {
        OnFailure::Open => 0,
        OnFailure::Closed => Namespace::CLOSED,
    };
    mode | on_failure
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Workload;

    fn treatments(workloads: Vec<Workload>) -> Treatments {
        Treatments::look_up(&CaptureSpec { workloads, ..CaptureSpec::standard() })
    }

    fn strict(which: Which) -> Workload {
        Workload { which, mode: Some(Mode::Strict), on_failure: None }
    }

    #[test]
    fn the_first_workload_that_matches_is_applied_and_the_rest_is_standard() {
        let here = NetNs::current().expect("every process has one").id();
        let closed = Workload {
            which: Which::Namespace("/proc/self/ns/net".into()),
            mode: None,
            on_failure: Some(OnFailure::Closed),
        };
        let treatments = treatments(vec![
            strict(Which::Namespace("/nonexistent/namespace".into())),
            strict(Which::Cgroup("/cgroup/pods/a".into())),
            closed,
        ]);
        let elsewhere = NetNsId { device: here.device, inode: here.inode + 1 };
        let flags_of = |id, cgroup: &str| flags(treatments.of(id, &[cgroup.into(), "/cgroup/other".into()]));
        assert_eq!(flags_of(here, "/cgroup/pods/a/container"), Namespace::STRICT);
        assert_eq!(flags_of(here, "/cgroup/pods/ab"), Namespace::CLOSED);
        assert_eq!(flags_of(elsewhere, "/cgroup/pods/a"), Namespace::STRICT);
        assert_eq!(flags_of(elsewhere, "/cgroup/pods"), 0);
        assert!(treatments.need_cgroups());
    }
}

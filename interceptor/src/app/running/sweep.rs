//! What is thrown away now and then, because nobody needs it any more.
//! Knows what is kept where. Does not know when.

use super::{Daemon, FLOW_SWEEP};
use crate::app::answers;
use crate::app::coverage::NO_SOCKET;
use crate::bpf;
use crate::telemetry::chain;
use crate::telemetry::event::{self, Dropped, Event};

impl Daemon {
    /// Drops counts of workloads that are gone, once they begin to take the room of those to come.
    fn make_room(&self) {
        let workloads = self.capture.workloads();
        let made = match workloads.is_crowded() {
            Ok(true) => bpf::cgroup::ids_below(&self.attached).and_then(|mut alive| {
                self.shared.telemetry.coverage().retain(&mut alive);
                alive.insert(NO_SOCKET);
                workloads.retain(&alive)
            }),
            Ok(false) => return,
            Err(error) => Err(error),
        };
        match made {
            Ok(swept) => tracing::info!(removed = swept.removed, "dropped counts of workloads that are gone"),
            Err(error) => tracing::warn!(error = chain(&error), "counts of workloads that are gone stay"),
        }
    }

    pub(super) fn sweep(&self) {
        answers::sweep(&self.capture, &self.config.endpoints);
        self.forbidding.sweep(self.config.endpoints.keep);
        self.make_room();
        let tell = |flow: &interceptor_common::Flow| {
            let why = Dropped::NotAccepted;
            let dropped = event::Capture::FlowDropped { cgroup: flow.cgroup, why };
            self.shared.telemetry.record(Event::Capture(dropped));
        };
        match self.capture.flows().sweep(FLOW_SWEEP, tell) {
            Ok(swept) if swept.removed > 0 => {
                tracing::info!(
                    removed = swept.removed,
                    "dropped records of connections that were never accepted"
                );
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(error = chain(&error), "old records of connections stay"),
        }
    }
}

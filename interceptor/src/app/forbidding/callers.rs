//! The kernel side's entries of callers: which class each is of. Knows maps and classes. Does not know why.

use std::sync::Arc;

use interceptor_common::{CallerKey, Class};

use super::classes::{Classes, Outcome};
use super::{InForce, Tally};
use crate::bpf::Verdicts;
use crate::telemetry::chain;

/// See the head of this file.
pub(super) struct Entries {
    pub(super) verdicts: Verdicts,
    pub(super) tally: Arc<Tally>,
}

impl Entries {
    /// Enters a caller, or puts him into another class. Returns whether there was room.
    pub(super) fn enter(
        &self,
        classes: &mut Classes,
        in_force: &InForce,
        key: &CallerKey,
        outcome: &Outcome,
    ) -> bool {
        let number = classes.join(in_force, outcome);
        match self.verdicts.classify(key, &Class { number, generation: in_force.generation }) {
            Ok(()) => {
                self.tally.callers(1);
                true
            }
            Err(error) => {
                self.tally.no_room(&error);
                classes.leave(outcome);
                false
            }
        }
    }

    /// Takes entries back.
    pub(super) fn remove_all(&self, classes: &mut Classes, keys: Vec<(CallerKey, Outcome)>) {
        for (key, _) in &keys {
            if let Err(error) = self.verdicts.declassify(key) {
                tracing::warn!(error = chain(&error), "a verdict stays until the policy is replaced");
            }
        }
        self.leave_all(classes, keys);
    }

    /// The same of entries that others have replaced.
    pub(super) fn leave_all(&self, classes: &mut Classes, keys: Vec<(CallerKey, Outcome)>) {
        for (_, outcome) in keys {
            self.tally.callers(-1);
            classes.leave(&outcome);
        }
    }
}

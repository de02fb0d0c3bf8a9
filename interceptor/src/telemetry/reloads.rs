//! What became of the last attempt to replace each part of what the daemon runs by.
//! Knows what was told. Does not know files.

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::event::{Label as _, Reload, Reloaded};

/// See the head of this file. Before the first attempt, what was read at the start is in force.
#[derive(Debug, Default)]
pub struct Reloads(Mutex<Vec<Last>>);

/// The last attempt to replace a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Last {
    /// Which part: `policy` or `authority`.
    pub part: String,
    /// When, as RFC 3339 has it.
    pub at: String,
    /// Whether what was read is in force. Otherwise what was in force before still is.
    pub taken: bool,
    /// What is in force.
    pub in_force: String,
    /// What is wrong with what was read.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub detail: Option<String>,
}

impl Reloads {
    /// Remembers an attempt.
    pub(super) fn remember(&self, reload: &Reload) {
        let part = reload.part.label();
        let last = Last {
            part: part.to_owned(),
            at: OffsetDateTime::from(reload.at).format(&Rfc3339).unwrap_or_default(),
            taken: reload.result == Reloaded::InForce,
            in_force: reload.in_force.clone(),
            detail: reload.detail.clone(),
        };
        // Whoever panicked has left a whole list.
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|one| one.part != part);
        all.push(last);
    }

    /// The last attempts, one for each part that somebody tried to replace.
    pub fn last(&self) -> Vec<Last> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::super::event::Part;
    use super::*;

    #[test]
    fn of_each_part_the_last_attempt_is_remembered() {
        let reloads = Reloads::default();
        let told = |part, result, in_force: &str| Reload {
            at: SystemTime::UNIX_EPOCH,
            part,
            result,
            in_force: in_force.to_owned(),
            detail: (result == Reloaded::Kept).then(|| "wrong".to_owned()),
        };
        reloads.remember(&told(Part::Policy, Reloaded::Kept, "a"));
        reloads.remember(&told(Part::Authority, Reloaded::InForce, "b"));
        reloads.remember(&told(Part::Policy, Reloaded::InForce, "c"));
        let shown: Vec<_> =
            reloads.last().into_iter().map(|one| (one.part, one.taken, one.in_force)).collect();
        assert_eq!(shown, [("authority".into(), true, "b".into()), ("policy".into(), true, "c".into())]);
        assert_eq!(reloads.last()[0].at, "1970-01-01T00:00:00Z");
    }
}

//! Reads policy, catalogue and authority again while the daemon runs. What is wrong never replaces what is right,
//! and either way one event says so.
//! Knows what is read and whom to tell. Does not know when, or what runs meanwhile.

use std::sync::Arc;
use std::time::SystemTime;

use super::start::StartError;
use crate::proxy::shared::Shared;
use crate::telemetry::chain;
use crate::telemetry::event::{Event, Part, Reload, Reloaded};
use crate::tls::authority::LiveAuthority;

/// Tells what became of reading policy and catalogue again.
pub(super) fn tell_engine(shared: &Shared, result: Result<(), StartError>) {
    let version = shared.engine.load().policy().version().to_owned();
    tell(shared, Part::Policy, version, result.err());
}

fn tell(shared: &Shared, part: Part, in_force: String, error: Option<StartError>) {
    let result = if error.is_none() { Reloaded::InForce } else { Reloaded::Kept };
    shared.telemetry.record(Event::Reloaded(Reload {
        at: SystemTime::now(),
        part,
        result,
        in_force,
        detail: error.map(|error| chain(&error)),
    }));
}

/// Takes up credentials whose files have changed.
pub(super) fn look_at_credentials(shared: &Shared) {
    for look in shared.keyring.look() {
        tell(shared, Part::Credentials, look.name.to_string(), look.error.map(StartError::from));
    }
}

/// The authority's files, looked at again and again.
pub(super) struct AuthorityFiles {
    live: Arc<LiveAuthority>,
    complaint: Option<Complaint>,
}

/// What was wrong with the files when they were last looked at.
struct Complaint {
    text: String,
    is_told: bool,
}

/// Who wants to know.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// The clock. There are three files, and whoever replaces them is met half-way now and then: what is wrong is
    /// told when it is seen for the second time, and then not again.
    ByClock,
    /// Somebody who waits for the answer.
    BySignal,
}

impl AuthorityFiles {
    pub(super) fn new(live: Arc<LiveAuthority>) -> Self {
        Self { live, complaint: None }
    }

    /// Takes up files that have changed.
    pub(super) fn look(&mut self, shared: &Shared, asked: Asked) {
        match self.renew(shared) {
            Ok(has_changed) => {
                self.complaint = None;
                if has_changed {
                    tell(shared, Part::Authority, self.in_force(), None);
                }
            }
            Err(error) => self.complain(shared, error, asked),
        }
    }

    fn renew(&self, shared: &Shared) -> Result<bool, StartError> {
        let Some(next) = self.live.changed()? else { return Ok(false) };
        // Before its first leaf is made: it must not vouch for a provider for a moment.
        shared.upstream_tls.distrust(&next.certificates())?;
        self.live.replace(next);
        Ok(true)
    }

    fn complain(&mut self, shared: &Shared, error: StartError, asked: Asked) {
        let text = chain(&error);
        let known = self.complaint.take().filter(|known| known.text == text);
        let is_due = asked == Asked::BySignal || known.as_ref().is_some_and(|known| !known.is_told);
        if is_due {
            tell(shared, Part::Authority, self.in_force(), Some(error));
        }
        let is_told = is_due || known.is_some_and(|known| known.is_told);
        self.complaint = Some(Complaint { text, is_told });
    }

    fn in_force(&self) -> String {
        format!("until {}", self.live.current().not_after())
    }
}

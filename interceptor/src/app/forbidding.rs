//! Has the kernel side refuse what policy forbids whatever would be sent, and tells of what it has refused.
//! Knows policy, callers and the maps of verdicts. Decides nothing: what the engine calls certain is entered, and all
//! else is left to the exchange, as is whatever finds no room.
//!
//! Verdicts are entered before anybody calls: what everyone is forbidden when a policy comes into force, and what some
//! are as soon as it is known who is in a control group (`ahead.rs`). Where that cannot be known, because the group is
//! too new or there are too many, or because the user is one that no list has, a caller is entered when he was refused
//! once; for a while only, because what is known of him may change.

mod ahead;
mod callers;
mod classes;
mod in_force;
mod tally;
mod telling;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use interceptor_common::CallerKey;
use interceptor_engine::Engine;
use interceptor_engine::policy::Callers;

use self::ahead::Ahead;
use self::callers::Entries;
use self::classes::{Classes, Outcome};
use self::in_force::InForce;
pub(super) use self::in_force::number;
pub(super) use self::tally::Tally;
pub(super) use self::telling::Refused;
use self::telling::Telling;
use super::whose::Sets;
use crate::bpf::{Capture, CaptureError, Execs};
use crate::proxy::hints::Hint;
use crate::proxy::shared::Shared;
use crate::telemetry::chain;
use crate::telemetry::event::Caller;

/// How long a caller is refused by what was true of him once. Then one exchange comes to the daemon again.
const LIFE: Duration = Duration::from_secs(60);

/// See the head of this file.
pub(super) struct Forbidding {
    /// Whose groups are looked at: those that the programs are attached to.
    below: PathBuf,
    in_force: Arc<InForce>,
    classes: Classes,
    entries: Entries,
    ahead: Ahead,
    /// Those that were entered because they were refused once.
    callers: HashMap<CallerKey, Refusal>,
    telling: Telling,
    execs: Execs,
    tally: Arc<Tally>,
    /// Providers that share addresses, as far as that is known.
    sets: Sets,
}

/// A caller who was refused.
struct Refusal {
    caller: Arc<Caller>,
    outcome: Outcome,
    since: Instant,
}

impl Forbidding {
    /// Puts the engine's policy into force, for callers below a control group. Verdicts of an earlier daemon count until
    /// here.
    pub(super) fn start(capture: &Capture, shared: &Shared, below: &Path) -> Result<Self, CaptureError> {
        let engine = shared.engine.load_full();
        let (verdicts, tally) = (capture.verdicts().clone(), Arc::<Tally>::default());
        let mut forbidding = Self {
            below: below.to_owned(),
            in_force: Arc::new(InForce::of(&engine, capture.generation()?, Sets::default())),
            classes: Classes::new(verdicts.clone(), tally.clone()),
            entries: Entries { verdicts, tally: tally.clone() },
            ahead: Ahead::default(),
            callers: HashMap::new(),
            telling: Telling::default(),
            execs: capture.execs(),
            tally,
            sets: Sets::default(),
        };
        forbidding.renew(capture, shared, &engine)?;
        Telling::begin(&forbidding.entries.verdicts)?;
        Ok(forbidding)
    }

    pub(super) fn tally(&self) -> Arc<Tally> {
        self.tally.clone()
    }

    /// Puts another policy into force. From the first step on no verdict of the last one counts; until the others are
    /// taken the daemon decides.
    pub(super) fn renew(
        &mut self,
        capture: &Capture,
        shared: &Shared,
        engine: &Engine,
    ) -> Result<(), CaptureError> {
        let generation = capture.generation()?.wrapping_add(1).max(1);
        let next = Arc::new(InForce::of(engine, generation, self.sets.clone()));
        capture.set_policy(generation, next.may_forbid())?;
        shared.hints.want(next.may_forbid());
        self.telling.replaced(std::mem::replace(&mut self.in_force, next.clone()));
        let callers = std::mem::take(&mut self.callers);
        self.entries.verdicts.keep(generation)?;
        self.tally.begin();
        self.classes.begin(&next);
        self.ahead.begin(&next, shared.identities.host_users());
        shared.identities.foresee(next.policy.may_forbid_some().then(|| self.below.clone()));
        self.take_groups(shared);
        for refusal in callers.into_values() {
            self.consider(&refusal.caller, refusal.since);
        }
        Ok(())
    }

    /// Takes up which providers share addresses. Others than before are worked out as another policy is: that seldom happens
    /// after the first round of questions.
    pub(super) fn share(
        &mut self,
        sets: &Sets,
        capture: &Capture,
        shared: &Shared,
    ) -> Result<(), CaptureError> {
        if self.sets == *sets {
            return Ok(());
        }
        self.sets = sets.clone();
        self.renew(capture, shared, &shared.engine.load_full())
    }

    /// Acts upon what a connection has shown.
    pub(super) fn hint(&mut self, hint: Hint, is_endpoint: impl FnOnce(std::net::IpAddr) -> bool) {
        match hint {
            Hint::Refused(caller) => self.consider(&caller, Instant::now()),
            Hint::Other(address) if is_endpoint(address) => {
                if let Err(error) = self.entries.verdicts.note_other(address) {
                    tracing::warn!(error = chain(&error), %address, "an address may be taken for one provider's alone");
                }
            }
            Hint::Other(_) => {}
        }
    }

    /// Enters what a caller is forbidden, if that is certain of everybody who is like him and was not entered already.
    fn consider(&mut self, caller: &Arc<Caller>, since: Instant) {
        let in_force = self.in_force.clone();
        let key = CallerKey::user(caller.cgroup, caller.subject.uid);
        // Cgroup 0 is no caller's.
        if caller.cgroup == 0 || self.callers.contains_key(&key) {
            return;
        }
        let Some(standing) = in_force.policy.standing(Callers::Like(&caller.subject)) else { return };
        let outcome = self.classes.outcome(&in_force, standing);
        if outcome.is_nothing() || self.ahead.covers(&key, &outcome) {
            return;
        }
        if self.entries.enter(&mut self.classes, &in_force, &key, &outcome) {
            self.callers.insert(key, Refusal { caller: caller.clone(), outcome, since });
        }
    }

    /// Takes up what is known of callers by now.
    pub(super) fn foresee(&mut self, shared: &Shared) {
        let host = shared.identities.host_users();
        if !self.ahead.knows(&host) {
            // Of every group something else may be known.
            self.ahead.take(Vec::new(), &self.in_force, &mut self.classes, &self.entries);
            self.ahead.begin(&self.in_force, host);
        }
        self.take_groups(shared);
        self.lapse(shared);
    }

    fn take_groups(&mut self, shared: &Shared) {
        let groups = shared.identities.groups();
        self.ahead.take(groups, &self.in_force, &mut self.classes, &self.entries);
    }

    /// Lets go of callers who were entered long enough ago, or of whom something else is known by now.
    fn lapse(&mut self, shared: &Shared) {
        let over: Vec<_> = self
            .callers
            .extract_if(|key, refusal| {
                let is_kept =
                    refusal.since.elapsed() < LIFE && shared.identities.is_as_he_was(&refusal.caller);
                !is_kept || self.ahead.covers(key, &refusal.outcome)
            })
            .map(|(key, refusal)| (key, refusal.outcome))
            .collect();
        let (replaced, over) = over.into_iter().partition(|(key, _)| self.ahead.has(key));
        self.entries.leave_all(&mut self.classes, replaced);
        self.entries.remove_all(&mut self.classes, over);
    }

    /// Looks at what changes with time, and tells of refusals that no event has told of.
    pub(super) fn look(&mut self, shared: &Arc<Shared>) {
        if self.ahead.knows(&shared.identities.host_users()) {
            self.lapse(shared);
        } else {
            self.foresee(shared);
        }
        if self.in_force.may_forbid() || self.telling.is_waiting() {
            self.telling.tell_rest(&self.entries.verdicts, &self.in_force, shared);
        }
    }

    /// Tells of a refusal that the kernel side has just told of.
    pub(super) fn refused(&mut self, refused: Refused<'_>, shared: &Arc<Shared>) {
        let execs = &self.execs;
        let executed = |pid| execs.last(pid).ok().flatten();
        self.telling.tell(&self.entries.verdicts, &self.in_force, refused, shared, executed);
    }

    /// Forgets who else is at an address after as long as addresses are kept.
    pub(super) fn sweep(&self, keep: Duration) {
        if let Err(error) = self.entries.verdicts.sweep_others(keep) {
            tracing::warn!(error = chain(&error), "addresses that others share are remembered for longer");
        }
    }
}

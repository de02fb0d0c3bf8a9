//! Has the kernel side refuse what policy forbids whatever would be sent, and tells of what it has refused.
//! Knows policy, callers and the maps of verdicts. Decides nothing: what the engine calls certain is entered, and all
//! else is left to the exchange, as is whatever finds no room.
//!
//! What everyone is forbidden is entered when a policy comes into force. What one caller is forbidden is entered when he
//! was refused it once; for a while only, because what is known of a caller may change.

mod in_force;
mod telling;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use interceptor_common::{Forbidden, ForbiddenKey};
use interceptor_engine::Engine;
use interceptor_engine::policy::{Callers, Forbids};

use self::in_force::InForce;
pub(super) use self::in_force::number;
pub(super) use self::telling::Refused;
use self::telling::Telling;
use crate::bpf::{Capture, CaptureError, Execs, Verdicts};
use crate::proxy::hints::Hint;
use crate::proxy::shared::Shared;
use crate::telemetry::chain;
use crate::telemetry::event::Caller;

/// How long a caller is refused by what was true of him once. Then one exchange comes to the daemon again.
const LIFE: Duration = Duration::from_secs(60);

/// What there is to scrape.
#[derive(Debug, Default)]
pub(super) struct Tally {
    entered: AtomicU64,
    no_room: AtomicU64,
}

impl Tally {
    /// In Prometheus' format.
    pub(super) fn text(&self) -> String {
        let (entered, no_room) = (self.entered.load(Ordering::Relaxed), self.no_room.load(Ordering::Relaxed));
        format!(
            "# HELP interceptor_verdicts Verdicts that the kernel side enforces before a connection is made.\n\
             # TYPE interceptor_verdicts gauge\ninterceptor_verdicts {entered}\n\
             # HELP interceptor_verdicts_without_room Verdicts that found no room there and are left to the daemon.\n\
             # TYPE interceptor_verdicts_without_room counter\ninterceptor_verdicts_without_room_total {no_room}\n"
        )
    }
}

/// See the head of this file.
pub(super) struct Forbidding {
    verdicts: Verdicts,
    in_force: Arc<InForce>,
    /// What was entered for single callers, and when.
    callers: HashMap<ForbiddenKey, (Arc<Caller>, Instant)>,
    telling: Telling,
    execs: Execs,
    tally: Arc<Tally>,
}

impl Forbidding {
    /// Puts the engine's policy into force. Verdicts of an earlier daemon count until here.
    pub(super) fn start(capture: &Capture, shared: &Shared) -> Result<Self, CaptureError> {
        let engine = shared.engine.load_full();
        let verdicts = capture.verdicts().clone();
        let mut forbidding = Self {
            in_force: Arc::new(InForce::of(&engine, capture.generation()?)),
            callers: HashMap::new(),
            telling: Telling::default(),
            execs: capture.execs(),
            tally: Arc::default(),
            verdicts,
        };
        forbidding.renew(capture, shared, &engine)?;
        Telling::begin(&forbidding.verdicts)?;
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
        let next = Arc::new(InForce::of(engine, generation));
        capture.set_policy(generation, next.may_forbid())?;
        shared.hints.want(next.may_forbid());
        self.telling.replaced(std::mem::replace(&mut self.in_force, next.clone()));
        let callers = std::mem::take(&mut self.callers);
        self.verdicts.keep(generation)?;
        self.tally.entered.store(0, Ordering::Relaxed);
        for (number, provider) in next.providers() {
            if let Some(found) = next.policy.forbids(Callers::Everyone, provider) {
                self.enter(ForbiddenKey::everyone(number), &found);
            }
        }
        for (key, (caller, since)) in callers {
            if let Some(provider) = next.provider(key.provider) {
                self.consider(&caller, provider, since);
            }
        }
        Ok(())
    }

    /// Acts upon what a connection has shown.
    pub(super) fn hint(&mut self, hint: Hint, is_endpoint: impl FnOnce(std::net::IpAddr) -> bool) {
        match hint {
            Hint::Refused { caller, provider } => self.consider(&caller, &provider, Instant::now()),
            Hint::Other(address) if is_endpoint(address) => {
                if let Err(error) = self.verdicts.note_other(address) {
                    tracing::warn!(error = chain(&error), %address, "an address may be taken for one provider's alone");
                }
            }
            Hint::Other(_) => {}
        }
    }

    /// Enters what a caller is forbidden, if that is certain of everybody who is like him.
    fn consider(&mut self, caller: &Arc<Caller>, provider: &Arc<str>, since: Instant) {
        let in_force = self.in_force.clone();
        let Some(number) = in_force.number_of(provider) else { return };
        let key = ForbiddenKey { cgroup: caller.cgroup, uid: caller.subject.uid, provider: number };
        // Cgroup 0 is no caller's, and stands for everyone.
        if caller.cgroup == 0
            || self.callers.contains_key(&key)
            || in_force.policy.forbids(Callers::Everyone, provider).is_some()
        {
            return;
        }
        if let Some(found) = in_force.policy.forbids(Callers::Like(&caller.subject), provider)
            && self.enter(key, &found)
        {
            self.callers.insert(key, (caller.clone(), since));
        }
    }

    fn enter(&self, key: ForbiddenKey, found: &Forbids<'_>) -> bool {
        let flags = if found.anywhere { Forbidden::ANYWHERE } else { 0 };
        let Some(rule) = self.in_force.rule_number(found.rule) else { return false };
        let entry = Forbidden { generation: self.in_force.generation, rule, flags, pad: 0 };
        match self.verdicts.enter(&key, &entry) {
            Ok(()) => {
                self.tally.entered.fetch_add(1, Ordering::Relaxed);
                true
            }
            Err(error) => {
                // The exchange is refused as ever, only later.
                if self.tally.no_room.fetch_add(1, Ordering::Relaxed) == 0 {
                    tracing::warn!(error = chain(&error), "a verdict is left to the daemon");
                }
                false
            }
        }
    }

    /// Lets go of verdicts that have lasted long enough, or about callers of whom something else is known by now, and tells
    /// of refusals that no event has told of.
    pub(super) fn look(&mut self, shared: &Arc<Shared>) {
        let verdicts = self.verdicts.clone();
        let tally = self.tally.clone();
        self.callers.retain(|key, (caller, since)| {
            let stays = since.elapsed() < LIFE && shared.identities.is_as_he_was(caller);
            if !stays {
                tally.entered.fetch_sub(1, Ordering::Relaxed);
                if let Err(error) = verdicts.remove(key) {
                    tracing::warn!(error = chain(&error), "a verdict stays until the policy is replaced");
                }
            }
            stays
        });
        if self.in_force.may_forbid() || self.telling.is_waiting() {
            self.telling.tell_rest(&self.verdicts, &self.in_force, shared);
        }
    }

    /// Tells of a refusal that the kernel side has just told of.
    pub(super) fn refused(&mut self, refused: Refused<'_>, shared: &Arc<Shared>) {
        let execs = &self.execs;
        let executed = |pid| execs.last(pid).ok().flatten();
        self.telling.tell(&self.verdicts, &self.in_force, refused, shared, executed);
    }

    /// Forgets who else is at an address after as long as addresses are kept.
    pub(super) fn sweep(&self, keep: Duration) {
        if let Err(error) = self.verdicts.sweep_others(keep) {
            tracing::warn!(error = chain(&error), "addresses that others share are remembered for longer");
        }
    }
}

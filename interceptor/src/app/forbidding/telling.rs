//! Tells of attempts that the kernel side refused: each of them once, many of them in one event. The kernel side tells of
//! some of them at once and counts all; what is told is always the difference to what was told before.
//! Knows counts and callers. Does not know why anything was entered.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use interceptor_common::RefusalKey;

use super::InForce;
use crate::bpf::{CaptureError, Verdicts};
use crate::proxy::accept::Recorded;
use crate::proxy::shared::Shared;
use crate::telemetry::chain;
use crate::telemetry::event::{Caller, Event, Refusal};

/// Policies that are remembered after they were replaced, for what they have refused.
const FORMER: usize = 2;
/// After how long without an attempt a count makes room.
const QUIET: Duration = Duration::from_secs(300);

/// An attempt that the kernel side has told of.
pub(in crate::app) struct Refused<'a> {
    /// What it said.
    pub(in crate::app) event: &'a interceptor_common::Event,
    /// The name of the namespace.
    pub(in crate::app) namespace: Arc<str>,
    /// Names that the address was asked for by.
    pub(in crate::app) hosts: Vec<Arc<str>>,
}

/// The last that was told under one key.
struct Told {
    count: u64,
    caller: Arc<Caller>,
    destination: Option<SocketAddr>,
    hosts: Vec<Arc<str>>,
    since: Instant,
}

/// See the head of this file.
#[derive(Default)]
pub(super) struct Telling {
    told: HashMap<RefusalKey, Told>,
    former: VecDeque<Arc<InForce>>,
}

impl Telling {
    /// Another policy is in force.
    pub(super) fn replaced(&mut self, former: Arc<InForce>) {
        self.former.push_front(former);
        self.former.truncate(FORMER);
    }

    /// What an earlier daemon's policies have refused was told of by it.
    pub(super) fn begin(verdicts: &Verdicts) -> Result<(), CaptureError> {
        verdicts.refusals()?.iter().try_for_each(|(key, _)| verdicts.take(key).map(drop))
    }

    /// Whether there are counts of policies that are not in force any more.
    pub(super) fn is_waiting(&self) -> bool {
        !self.told.is_empty()
    }

    /// Tells of an attempt, and of those like it that were not told of.
    pub(super) fn tell(
        &mut self,
        verdicts: &Verdicts,
        in_force: &InForce,
        refused: Refused<'_>,
        shared: &Arc<Shared>,
        executed: impl FnOnce(u32) -> Option<Duration>,
    ) {
        let Refused { event, namespace, hosts } = refused;
        let key = RefusalKey { cgroup: event.cgroup, uid: event.uid, verdict: event.verdict };
        let before = self.told.get(&key).map_or(0, |told| told.count);
        // Where the kernel side found no room to count, this attempt is all that is known.
        let count = verdicts.refused(&key).ok().flatten().unwrap_or(before + 1);
        let destination = SocketAddr::new(IpAddr::from(event.destination), event.port);
        let caller =
            shared.identities.caller(event.netns, &namespace, &recorded(event, destination), executed);
        let told = Told {
            count,
            caller: Arc::new(caller),
            destination: Some(destination),
            hosts,
            since: Instant::now(),
        };
        self.record(in_force, &key, &told, count.saturating_sub(before), shared);
        self.told.insert(key, told);
    }

    /// Tells of attempts that were counted, and that no event has come for.
    pub(super) fn tell_rest(&mut self, verdicts: &Verdicts, in_force: &InForce, shared: &Arc<Shared>) {
        let counts = match verdicts.refusals() {
            Ok(counts) => counts,
            Err(error) => {
                return tracing::warn!(error = chain(&error), "refused connections are told of later");
            }
        };
        for (key, mut count) in counts {
            let told = self.told.get(&key);
            let before = told.map_or(0, |told| told.count);
            let is_quiet = told.is_some_and(|told| told.count == count && told.since.elapsed() > QUIET);
            // No more are refused by a policy that is not in force.
            let is_over = is_quiet || key.verdict.generation != in_force.generation;
            if is_over && let Ok(Some(last)) = verdicts.take(&key) {
                count = last;
            }
            if count > before {
                let mut told = self.told.remove(&key).unwrap_or_else(|| unseen(&key, shared));
                (told.count, told.since) = (count, Instant::now());
                self.record(in_force, &key, &told, count - before, shared);
                self.told.insert(key, told);
            }
            if is_over {
                self.told.remove(&key);
            }
        }
        self.told.retain(|key, _| key.verdict.generation == in_force.generation);
    }

    /// The caller's pod may still be asked for, so that it is told of a moment later.
    fn record(&self, in_force: &InForce, key: &RefusalKey, told: &Told, attempts: u64, shared: &Arc<Shared>) {
        if attempts == 0 {
            return;
        }
        let generation = key.verdict.generation;
        let mut known = self.former.iter().map(|former| &**former).chain([in_force]);
        let by = known.find(|known| known.generation == generation);
        let mut refusal = Refusal {
            at: SystemTime::now(),
            caller: told.caller.clone(),
            destination: told.destination,
            hosts: told.hosts.clone(),
            provider: by.and_then(|by| by.provider(key.verdict.provider)).cloned(),
            rule: by.and_then(|by| by.rule(key.verdict.rule)).cloned(),
            policy: by.map(|by| by.policy.version().into()),
            attempts,
        };
        let shared = shared.clone();
        tokio::spawn(async move {
            refusal.caller = shared.identities.settled(&refusal.caller).await;
            shared.telemetry.record(Event::ConnectRefused(Box::new(refusal)));
        });
    }
}

/// What is known of attempts that were only counted.
fn unseen(key: &RefusalKey, shared: &Shared) -> Told {
    let recorded = Recorded {
        destination: SocketAddr::from(([0, 0, 0, 0], 0)),
        at: Duration::ZERO,
        is_proxy: false,
        cgroup: key.cgroup,
        pid: 0,
        uid: key.uid,
        comm: Arc::default(),
    };
    let caller = Arc::new(shared.identities.caller(0, &Arc::default(), &recorded, |_| None));
    Told { count: 0, caller, destination: None, hosts: Vec::new(), since: Instant::now() }
}

fn recorded(event: &interceptor_common::Event, destination: SocketAddr) -> Recorded {
    Recorded {
        destination,
        at: Duration::from_nanos(event.at),
        is_proxy: false,
        cgroup: event.cgroup,
        pid: event.tgid,
        uid: event.uid,
        comm: String::from_utf8_lossy(&event.comm).trim_end_matches('\0').into(),
    }
}

//! Policies that are objects of the cluster: a copy of all of them, which is one set with the files.
//! Knows our kinds as the API server has them. Does not know what they say: that is read where files are read.

mod document;
mod kept;
mod verdict;

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kube::Client;
use kube::api::{Api, DynamicObject};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

pub(super) use self::document::Document;
pub(super) use self::kept::{keep, kept};
pub(super) use self::verdict::{Verdict, Wrong};
use crate::cluster::{self, ConnectError, Watch};
use crate::config::PolicyObjects;
use crate::source::Source;

/// Objects of one kind. The files that they would be are bounded as files are.
const MOST: usize = 16_384;

/// A copy that follows the API server.
pub(super) struct Objects {
    state: Mutex<State>,
    changed: Condvar,
    sources: [Arc<Source>; 3],
    verdicts: UnboundedSender<Verdict>,
}

/// Documents by name, of one kind.
type Part = HashMap<Arc<str>, Arc<Document>>;

#[derive(Default)]
struct State {
    /// By kind. Nothing before its first list.
    parts: [Option<Part>; 3],
    /// Counts what a reader of policies would call changes.
    number: u64,
}

impl State {
    fn is_complete(&self) -> bool {
        self.parts.iter().all(Option::is_some)
    }
}

impl Objects {
    /// Follows the API server from now on, on a thread of its own.
    pub(super) fn start(spec: &PolicyObjects) -> Result<Arc<Self>, ConnectError> {
        let loss = "policies stay as they were (policy.kubernetes)";
        let (verdicts, told) = unbounded_channel();
        let objects = Arc::new(Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            sources: document::KINDS.map(|kind| Source::new(kind.plural, loss)),
            verdicts,
        });
        let (copy, spec_of) = (objects.clone(), spec.clone());
        let work = move |client| copy.follow(client, spec_of, told);
        cluster::start(&spec.cluster, "policy-api", work)?;
        Ok(objects)
    }

    async fn follow(self: Arc<Self>, client: Client, spec: PolicyObjects, told: UnboundedReceiver<Verdict>) {
        let watch = |kind: usize, read| {
            let resource = document::KINDS[kind].resource();
            let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
            Watch::new(api, self.sources[kind].clone(), MOST, read).labels(spec.selector.clone())
        };
        // Without a definition of policies somebody has forgotten something; the other kinds came later.
        let policies = watch(0, document::read::<0>);
        let detectors = watch(1, document::read::<1>).optional();
        let endpoints = watch(2, document::read::<2>).optional();
        let tell = async {
            if spec.writes_status {
                self.clone().tell(client.clone(), told).await;
            }
        };
        tokio::join!(
            policies.run(|now| self.publish(0, now)),
            detectors.run(|now| self.publish(1, now)),
            endpoints.run(|now| self.publish(2, now)),
            tell,
        );
    }

    /// Takes up the objects of a kind. That somebody has told one what became of it is no change of policy.
    fn publish(&self, kind: usize, now: &Part) {
        let mut state = self.state();
        let is_same = state.parts[kind].as_ref().is_some_and(|before| says_the_same(before, now));
        state.parts[kind] = Some(now.clone());
        if !is_same {
            state.number += 1;
        }
        drop(state);
        self.changed.notify_all();
    }

    /// The objects and the number of their last change, once every kind was listed.
    pub(super) fn now(&self) -> Option<(u64, Vec<Arc<Document>>)> {
        let state = self.state();
        if !state.is_complete() {
            return None;
        }
        let mut documents: Vec<_> = state.parts.iter().flatten().flat_map(HashMap::values).cloned().collect();
        // The same on every node, whatever came first.
        documents.sort_unstable_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
        Some((state.number, documents))
    }

    /// Whether every kind was listed, after waiting for it.
    pub(super) fn wait(&self, patience: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(self.state(), patience, |state| !state.is_complete());
        waited.unwrap_or_else(PoisonError::into_inner).0.is_complete()
    }

    /// An object as it is now.
    fn document(&self, kind: usize, name: &str) -> Option<Arc<Document>> {
        self.state().parts[kind].as_ref()?.get(name).cloned()
    }

    /// Lets the objects be told what became of them.
    pub(super) fn judge(&self, verdict: Verdict) {
        // Where they are not told, nobody listens.
        let _ = self.verdicts.send(verdict);
    }

    /// How asking goes, by kind.
    pub(super) fn sources(&self) -> &[Arc<Source>] {
        &self.sources
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Parts are exchanged as a whole: whoever panicked has left a state that was true.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn says_the_same(before: &Part, now: &Part) -> bool {
    before.len() == now.len()
        && now.iter().all(|(name, new)| before.get(name).is_some_and(|old| old.text == new.text))
}

#[cfg(test)]
mod tests;

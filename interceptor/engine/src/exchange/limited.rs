//! What an exchange draws on, and what becomes of it where there is not enough left.
//! Knows policy's limits and the facts of the request. Does not count: the shell does, and says how that went.

use std::sync::Arc;

use super::Exchange;
use crate::budget::{Asking, Caller, Drawn, Limit, Note, Short, draws};
use crate::policy::{Identity, Subject};
use crate::record::{LimitRecord, Verdict};
use crate::refusal::{OverLimit, Refusal};

impl Exchange {
    /// What the exchange draws on; to be asked when its request is complete, and before it is sent.
    pub fn drawn(&self) -> Drawn {
        if self.limits.is_empty() || self.over {
            return Drawn::default();
        }
        let facts = &self.request.inspector.facts;
        let mut models: Vec<String> = facts.models.clone();
        models.extend(self.asked.model.clone().filter(|model| !facts.models.contains(model)));
        for model in &mut models {
            model.make_ascii_lowercase();
        }
        let ledger = self.request.ledger();
        let asking = Asking {
            caller: caller(&self.asked.subject),
            provider: &self.engine.catalogue.provider(self.provider).id,
            operation: &self.operation,
            models: &models,
            request: &ledger,
        };
        draws(&self.limits, &asking, self.engine.policy.prices())
    }

    /// A limit has not enough left. The answer for the client; the exchange is over.
    pub fn short(&mut self, short: &Short) -> Refusal {
        self.over = true;
        self.case.verdict = Verdict::Block;
        let (limit, why) = (short.limit.name.clone(), short.why);
        self.limited.push(LimitRecord { limit, why, refused: true });
        Refusal::over_limit(&OverLimit { shape: self.case.shape, short, request_id: self.case.request_id() })
    }

    /// Something about limits that did not stop the exchange.
    pub fn noted(&mut self, notes: Vec<Note>) {
        let record =
            |note: Note| LimitRecord { limit: note.limit.name.clone(), why: note.why, refused: false };
        self.limited.extend(notes.into_iter().map(record));
    }
}

/// The limits that may be about an exchange: those of the policies that are for its caller.
pub(super) fn limits(
    engine: &super::Engine,
    subject: &Subject,
    provider: &str,
    operation: &str,
) -> Vec<Arc<Limit>> {
    engine.policy.limits_for(subject).filter(|limit| limit.may_fit(provider, operation)).cloned().collect()
}

/// The names that somebody attests. Of a caller who may be more than is known, only what does not depend on that.
fn caller(subject: &Subject) -> Caller<'_> {
    let pod = subject.pod.as_deref();
    let known = matches!(subject.identity, Identity::Known);
    Caller {
        namespace: pod.map(|pod| &*pod.namespace),
        service_account: pod.and_then(|pod| pod.service_account.as_deref()),
        unit: subject.unit.as_deref().filter(|_| known),
        uid: Some(subject.uid).filter(|_| known || pod.is_some()),
    }
}

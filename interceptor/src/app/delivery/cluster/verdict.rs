//! What became of objects, written into their `status`, so that `kubectl get` shows it. As good as it can be done: rules go
//! by what the daemons say, never by what is written there.
//! Knows conditions. Does not know what is wrong with an object, only how to tell it.
//!
//! Every node would write the same. So each waits for a moment of its own, and writes only what is not there by then.

use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{sleep, timeout};

use super::Objects;
use super::document::{ACCEPTED, Condition, Document, KINDS};
use crate::cluster::failure;

/// Nodes write at any time within this.
const SPREAD: Duration = Duration::from_secs(3);
/// For one object.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest message. Kubernetes takes 32 KiB.
const LONGEST: usize = 4096;

/// What became of a set.
#[derive(Debug, Clone)]
pub(in crate::app::delivery) struct Verdict {
    /// What was judged.
    pub(in crate::app::delivery) documents: Vec<Arc<Document>>,
    /// Nothing if it is in force.
    pub(in crate::app::delivery) wrong: Option<Wrong>,
}

/// Why a set is not in force.
#[derive(Debug, Clone, Default)]
pub(in crate::app::delivery) struct Wrong {
    /// What is wrong with which file or object.
    pub(in crate::app::delivery) mistakes: Vec<(String, String)>,
    /// What else is wrong, if that is not it.
    pub(in crate::app::delivery) otherwise: String,
}

impl Objects {
    /// Tells objects what became of them, again and again.
    pub(super) async fn tell(self: Arc<Self>, client: Client, mut verdicts: UnboundedReceiver<Verdict>) {
        let mut has_complained = false;
        while let Some(mut verdict) = verdicts.recv().await {
            sleep(by_chance(SPREAD)).await;
            while let Ok(newer) = verdicts.try_recv() {
                verdict = newer;
            }
            let result = self.tell_all(&client, &verdict).await;
            if let (Err(why), false) = (&result, has_complained) {
                tracing::warn!(%why, "policies are not told what became of them (policy.kubernetes.writeStatus)");
            }
            has_complained = result.is_err();
        }
    }

    /// Stops at the first that cannot be told: the next could not be either.
    async fn tell_all(&self, client: &Client, verdict: &Verdict) -> Result<(), String> {
        for judged in &verdict.documents {
            // One that has changed meanwhile is judged anew.
            let now = self.document(judged.kind, &judged.name);
            let Some(now) = now.filter(|now| now.generation == judged.generation) else { continue };
            let Some(condition) = news(&now, verdict.wrong.as_ref()) else { continue };
            let api: Api<DynamicObject> = Api::all_with(client.clone(), &KINDS[now.kind].resource());
            let patch = Patch::Merge(json!({"status": {"conditions": [{
                "type": condition.kind,
                "status": condition.status,
                "reason": condition.reason,
                "message": condition.message,
                "observedGeneration": condition.observed_generation,
                "lastTransitionTime": condition.last_transition_time,
            }]}}));
            let params = PatchParams::default();
            match timeout(PATIENCE, api.patch_status(&now.name, &params, &patch)).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(failure(&error).1),
                Err(_) => return Err("the API server gives no answer in time".to_owned()),
            }
        }
        Ok(())
    }
}

/// What an object is to be told, if it was not told before.
pub(super) fn news(document: &Document, wrong: Option<&Wrong>) -> Option<Condition> {
    let told = document.told.as_ref();
    let is_observed = told.is_some_and(|told| told.observed_generation == document.generation);
    let (status, reason, message) = match wrong {
        None => ("True", "InForce", "in force".to_owned()),
        Some(wrong) => match wrong.about(&document.file) {
            Some(mistakes) => ("False", "Mistakes", mistakes),
            // As it is now, it was in force before somebody made the mistake, and still is.
            None if is_observed && told.is_some_and(|told| told.status == "True") => return None,
            None => ("False", "Waiting", wrong.elsewhere()),
        },
    };
    let message = shortened(message);
    let is_told = told
        .is_some_and(|told| (&*told.status, &*told.reason, &*told.message) == (status, reason, &*message));
    if is_observed && is_told {
        return None;
    }
    let since = told.filter(|told| told.status == status && !told.last_transition_time.is_empty());
    Some(Condition {
        kind: ACCEPTED.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message,
        observed_generation: document.generation,
        last_transition_time: since.map_or_else(now, |told| told.last_transition_time.clone()),
    })
}

impl Wrong {
    fn about(&self, file: &str) -> Option<String> {
        let of_it = self.mistakes.iter().filter(|(of, _)| of == file).map(|(_, what)| &**what);
        let lines: Vec<&str> = of_it.collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    fn elsewhere(&self) -> String {
        match self.mistakes.first() {
            Some((file, _)) => format!("not in force before the mistakes in {file} are corrected"),
            None => self.otherwise.clone(),
        }
    }
}

fn shortened(mut message: String) -> String {
    if message.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|at| message.is_char_boundary(*at)).unwrap_or(0);
        message.truncate(end);
        message.push('…');
    }
    message
}

fn now() -> String {
    let now = OffsetDateTime::now_utc();
    // Kubernetes' times have no fractions.
    now.replace_nanosecond(0).unwrap_or(now).format(&Rfc3339).unwrap_or_default()
}

fn by_chance(most: Duration) -> Duration {
    let mut chance = [0];
    // Without randomness, all come at once.
    let _ = aws_lc_rs::rand::fill(&mut chance);
    most.mul_f64(f64::from(chance[0]) / 255.0)
}

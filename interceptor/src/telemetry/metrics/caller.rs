//! Exchanges by who had them: the cluster's namespace, and whether the caller was known.
//! Knows how many namespaces have labels of their own. Names come from the cluster, never from a peer.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

use interceptor_engine::policy::Subject;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

/// Namespaces that are told apart. More share the label below: each label costs memory here and at whoever scrapes.
const MOST: usize = 256;
/// All further ones. No namespace has such a name.
const OTHERS: &str = "(others)";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Labels {
    /// Empty outside pods.
    namespace: String,
    /// `known`, or why not.
    identity: &'static str,
}

/// See the head of this file.
#[derive(Debug, Default)]
pub(super) struct Callers {
    exchanges: Family<Labels, Counter>,
    namespaces: RwLock<HashSet<Arc<str>>>,
}

impl Callers {
    /// What is registered.
    pub(super) fn family(&self) -> Family<Labels, Counter> {
        self.exchanges.clone()
    }

    /// Counts an exchange.
    pub(super) fn count(&self, subject: &Subject) {
        let namespace = subject.pod.as_ref().map(|pod| self.label(&pod.namespace)).unwrap_or_default();
        let identity = subject.identity.reason().unwrap_or("known");
        self.exchanges.get_or_create(&Labels { namespace, identity }).inc();
    }

    fn label(&self, namespace: &Arc<str>) -> String {
        // A set that somebody panicked with is still a set.
        if self.namespaces.read().unwrap_or_else(PoisonError::into_inner).contains(namespace) {
            return namespace.to_string();
        }
        let mut known = self.namespaces.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() < MOST {
            known.insert(namespace.clone());
        }
        if known.contains(namespace) { namespace.to_string() } else { OTHERS.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use interceptor_engine::policy::{Identity, Pod};

    use super::*;

    fn count(callers: &Callers, namespace: &str) -> u64 {
        let pod = Some(Arc::new(Pod::named(namespace, "p")));
        callers.count(&Subject { pod, identity: Identity::Known, ..Subject::default() });
        let labels = Labels { namespace: callers.label(&namespace.into()), identity: "known" };
        callers.exchanges.get_or_create(&labels).get()
    }

    #[test]
    fn namespaces_are_told_apart_up_to_a_bound() {
        let callers = Callers::default();
        for number in 0..MOST {
            assert_eq!(count(&callers, &format!("n{number}")), 1);
        }
        assert_eq!((count(&callers, "late"), count(&callers, "later")), (1, 2));
        assert_eq!(callers.label(&"late".into()), OTHERS);
        // Who was there keeps a label of its own.
        assert_eq!(count(&callers, "n0"), 2);
    }
}

//! Reads the section `policy.kubernetes`.
//! Knows how people write it. Does not know objects.

use std::time::Duration;

use interceptor_engine::document::Field;

use super::{Reader, time};
use crate::cluster::ClusterSpec;
use crate::config::PolicyObjects;

/// How long a start waits if nobody says otherwise.
const WAIT: Duration = Duration::from_secs(10);

impl Reader<'_> {
    pub(super) fn policy_objects(&self, field: &Field<'_>) -> Option<PolicyObjects> {
        let fields = field.map(&["kubeconfig", "selector", "writeStatus", "wait"])?;
        let kubeconfig = fields.optional("kubeconfig").and_then(|field| self.path(&field));
        let selector = fields.optional("selector").and_then(|field| field.text().map(str::to_owned));
        let writes_status = fields.optional("writeStatus").and_then(|field| field.boolean());
        let wait = fields.optional("wait").and_then(|field| time(&field, Duration::from_millis(1)));
        Some(PolicyObjects {
            cluster: ClusterSpec { kubeconfig },
            selector,
            writes_status: writes_status.unwrap_or(true),
            wait: wait.unwrap_or(WAIT),
        })
    }
}

//! Reads the section `identity`.
//! Knows how people write it. Does not know how callers are looked up.

use std::time::Duration;

use interceptor_engine::document::Field;

use super::{Reader, set, time};
use crate::cluster::ClusterSpec;
use crate::identity::{IdentitySpec, KubernetesSpec};

impl Reader<'_> {
    pub(super) fn identity(&self, field: &Field<'_>, identity: &mut IdentitySpec) {
        let Some(fields) = field.map(&["cri", "kubernetes", "wait"]) else { return };
        if let Some(socket) =
            fields.optional("cri").and_then(|field| field.map(&["socket"])?.required("socket"))
        {
            identity.cri = self.path(&socket);
        }
        if let Some(fields) =
            fields.optional("kubernetes").and_then(|field| field.map(&["kubeconfig", "node"]))
        {
            let kubeconfig = fields.optional("kubeconfig").and_then(|field| self.path(&field));
            let node = fields.optional("node").and_then(|field| field.text().map(str::to_owned));
            identity.kubernetes = Some(KubernetesSpec { cluster: ClusterSpec { kubeconfig }, node });
        }
        set(
            &mut identity.wait,
            fields.optional("wait").and_then(|field| time(&field, Duration::from_millis(1))),
        );
    }
}

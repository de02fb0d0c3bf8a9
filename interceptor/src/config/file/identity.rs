//! Reads the section `identity`.
//! Knows how people write it. Does not know how callers are looked up.

use std::time::Duration;

use interceptor_engine::document::Field;

use super::{Reader, set, time};
use crate::identity::IdentitySpec;

impl Reader<'_> {
    pub(super) fn identity(&self, field: &Field<'_>, identity: &mut IdentitySpec) {
        let Some(fields) = field.map(&["cri", "wait"]) else { return };
        if let Some(socket) =
            fields.optional("cri").and_then(|field| field.map(&["socket"])?.required("socket"))
        {
            identity.cri = self.path(&socket);
        }
        set(
            &mut identity.wait,
            fields.optional("wait").and_then(|field| time(&field, Duration::from_millis(1))),
        );
    }
}

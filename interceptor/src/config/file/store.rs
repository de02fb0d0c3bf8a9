//! Reads `limits.redis`: where nodes share the counts of limits. Does not connect to anything.

use std::path::{Path, PathBuf};
use std::time::Duration;

use interceptor_engine::document::Field;

use super::{set, time};
use crate::budget::redis::StoreSpec;

/// Reads the store. Relative paths start at `base`.
pub(super) fn store(field: &Field<'_>, base: &Path) -> Option<StoreSpec> {
    let fields = field.map(&["url", "roots", "user", "passwordFile", "nodes", "deadline"])?;
    let expected = "`redis://HOST:PORT/DATABASE` or `rediss://HOST:PORT/DATABASE`, without credentials";
    let url = fields.required("url").and_then(|field| {
        let store = StoreSpec::of_url(field.text()?);
        if store.is_none() {
            // What was written is not repeated: it may hold a password.
            field.mistake("is not such a URL", Some(expected));
        }
        store
    });
    // There is no honest default: it says what one of them may use while the store is away.
    let nodes = fields.required("nodes").and_then(|field| field.number(1..=100_000));
    let path = |field: &Field<'_>| field.text().map(|text| base.join(text));
    let roots: Option<Vec<PathBuf>> = fields.optional("roots").and_then(|field| field.list_of(path));
    let deadline = fields.optional("deadline").and_then(|field| time(&field, Duration::from_millis(1)));
    let (mut store, nodes) = (url?, nodes?);
    if let Some(field) = fields.optional("roots").filter(|_| !store.tls) {
        field.mistake("the server is not spoken to over TLS", Some("a URL that begins with `rediss://`"));
    }
    store.nodes = nodes;
    set(&mut store.roots, roots);
    store.user = fields.optional("user").and_then(|field| field.text().map(str::to_owned));
    store.password = fields.optional("passwordFile").and_then(|field| path(&field));
    set(&mut store.deadline, deadline);
    Some(store)
}

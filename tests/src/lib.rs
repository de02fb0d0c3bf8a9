//! The laboratory of interceptor's end-to-end tests: an internet of its own, in network namespaces with no way out.
//! `lab` is the door: it puts the parts together. Knows the daemon only as a program with arguments and a
//! configuration file, never by its insides.

pub mod dns;
pub mod load;
pub mod origin;
pub mod pki;
pub mod provider;

use std::time::Duration;

use anyhow::{Context as _, Result};

/// How long anything in the laboratory may take before the test that waits for it fails. Nothing ever waits this
/// long when all is well: it is a bound on hanging, not a pace.
#[must_use]
pub fn deadline() -> Duration {
    Duration::from_secs(30)
}

/// Waits for `future`, or fails naming `what`.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> Result<T> {
    tokio::time::timeout(deadline(), future).await.with_context(|| format!("waited in vain for {what}"))
}
//! The laboratory: network namespaces, cgroups, a DNS server, AI providers and load, all made here and cleaned up.

pub mod cgroup;
pub mod gate;
pub mod netns;

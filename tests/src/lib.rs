//! The laboratory of interceptor's end-to-end tests: an internet of its own, in network namespaces with no way out.
//! `lab` is the door: it puts the parts together. Knows the daemon only as a program with arguments and a
//! configuration file, never by its insides.

pub mod api;
pub mod aws;
pub mod cgroup;
pub mod client;
pub mod control;
pub mod daemon;
pub mod dialer;
pub mod dns;
pub mod gate;
pub mod lab;
pub mod load;
pub mod mounts;
pub mod netns;
pub mod origin;
pub mod pki;
pub mod place;
pub mod pods;
pub mod provider;
pub mod proxy;
pub mod reborn;
pub mod samples;
pub mod sdk;
pub mod stage;
pub mod topology;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

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

/// A program that was built together with the running one: beside it, or one folder up for a test.
pub fn program(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let found = own.ancestors().skip(1).take(2).map(|folder| folder.join(name)).find(|path| path.exists());
    let Some(found) = found else {
        bail!("{name} is not built beside {}; `cargo xtask test` builds everything", own.display());
    };
    Ok(found)
}

//! The tier of real clients: the official SDKs, curl and openssl, unmodified, against the daemon in the laboratory.
//! Needs root, the BPF object and what `cargo xtask setup` installs; says aloud when it cannot run.

mod answered;
mod cloud;
mod proxied;
mod refused;
mod tools;

use anyhow::Result;
use interceptor_tests::sdk::{App, Sdk, python};
use interceptor_tests::stage::{Setup, Stage};
use interceptor_tests::{gate, lab::Lab};

/// The stage with the ordinary configuration, or `None` where it cannot be set up.
async fn stage() -> Result<Option<Stage>> {
    staged(Setup::default()).await
}

async fn staged(setup: Setup) -> Result<Option<Stage>> {
    if !gate::passes(python().map(drop)) {
        return Ok(None);
    }
    setup.up().await
}

/// The body that an SDK sends for a call when nothing is between it and the provider.
async fn direct(app: App, call: &str, prompt: &str) -> Result<Vec<u8>> {
    let lab = Lab::new()?;
    lab.file("bundle.pem", lab.pki.root_pem())?;
    Sdk::start(&lab, app)?.whole(call, prompt).await?;
    Ok(lab.provider.record().call(0).await?.body)
}

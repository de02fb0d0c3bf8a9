//! The demonstration behind `cargo xtask demo`: the main job on real traffic, shown side by side and checked.
//!
//! Unmodified clients (the official OpenAI and Anthropic SDKs, curl) in a network namespace with no way out call
//! providers of the laboratory by name. Each scene says what the application sent, what the provider received,
//! what the application got back, what the audit trail says, and what it cost. Whatever is not as promised ends
//! the demonstration with an error.

mod baseline;
mod scenes;
mod show;

use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use interceptor_tests::daemon::Daemon;
use interceptor_tests::gate;
use interceptor_tests::lab::Lab;
use interceptor_tests::sdk::python;

use baseline::Baseline;
use show::Show;

fn main() -> ExitCode {
    if let Some(missing) = gate::kernel().err().or(python().err()) {
        eprintln!("the demonstration cannot run: {missing}");
        return ExitCode::FAILURE;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.context("start").and_then(|runtime| runtime.block_on(demonstrate())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nNOT AS PROMISED: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn demonstrate() -> Result<()> {
    let show = Show::new();
    show.title();
    let lab = Lab::new()?;
    lab.ca().await?;
    // Without the interceptor first: what the clients send by themselves, and how long their calls take.
    let baseline = Baseline::measure(&lab).await?;
    let daemon = Daemon::start(&lab.node()?, &lab.config(), lab.folder()).await?;
    show.ready(&daemon);
    let world = scenes::World { lab: &lab, daemon: &daemon, baseline: &baseline };
    show.scene(&scenes::secret_openai(&world).await.context("a secret, OpenAI's SDK")?);
    show.scene(&scenes::secret_anthropic(&world).await.context("a secret, Anthropic's SDK")?);
    show.scene(&scenes::redacted(&world).await.context("personal data")?);
    show.scene(&scenes::unchanged(&world).await.context("nothing to change")?);
    show.scene(&scenes::streamed(&world).await.context("a streamed answer")?);
    show.scene(&scenes::passed(&world).await.context("another name at the same address")?);
    let code = daemon.stop().await?.code();
    ensure!(code == Some(0), "the daemon ended with {code:?}");
    show.end();
    Ok(())
}

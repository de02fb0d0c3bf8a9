//! Idle connections: what each one keeps in memory on the other side.

use std::time::Instant;

use anyhow::Context as _;
use futures_util::stream::{StreamExt as _, TryStreamExt as _, iter};

use super::client::Client;
use super::tally::Tally;
use super::tree::Tree;
use super::{Call, Outcome, Target, Window};

/// Handshakes in flight while the connections are opened.
const OPENING: usize = 16;

/// Opens the connections, makes one call on each, waits for memory to settle and compares.
/// `warmup` passes before the first look, `measure` before the second.
pub(super) async fn hold(
    target: &Target,
    call: &Call,
    connections: usize,
    window: Window,
    tree: &Tree,
) -> anyhow::Result<Outcome> {
    // What the first connections ever bring with them (pages of code, allocator arenas) belongs to the process.
    drop(open(target, call, OPENING).await?);
    tokio::time::sleep(window.warmup).await;
    let before = tree.memory()?;
    let clients = open(target, call, connections).await?;
    let tally = Tally::default();
    let span = tally.open(tree)?;
    tokio::time::sleep(window.measure).await;
    let after = tree.memory()?;
    let measured = tally.close(&span, tree)?;
    let units = clients.len() as u64;
    drop(clients);
    let memory_bytes = before.zip(after).map(|(before, after)| after.cast_signed() - before.cast_signed());
    Ok(Outcome { units, memory_bytes, ..tally.outcome(&measured) })
}

async fn open(target: &Target, call: &Call, connections: usize) -> anyhow::Result<Vec<Client>> {
    iter(0..connections)
        .map(|_| async {
            let mut client = Client::connect(target).await?;
            client.call(target, call, Instant::now()).await?;
            anyhow::Ok(client)
        })
        .buffer_unordered(OPENING)
        .try_collect()
        .await
        .context("open the idle connections")
}

//! Idle connections: what each one keeps in memory on the other side.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures_util::stream::{StreamExt as _, TryStreamExt as _, iter};

use super::client::Client;
use super::tally::Tally;
use super::tree::Tree;
use super::{Call, Outcome, Target, Window};

/// Handshakes in flight while the connections are opened.
const OPENING: usize = 16;

/// How long memory may take to come to rest before the figure is taken as it is.
const REST: Duration = Duration::from_secs(20);

/// Opens a quarter of the connections, lets memory come to rest, opens as many as asked for, and compares.
///
/// The first quarter takes what a process brings with its first connections, and what its start left behind, out of
/// the account. `warmup` is how long memory must stay within one percent to count as at rest.
pub(super) async fn hold(
    target: &Target,
    call: &Call,
    connections: usize,
    window: Window,
    tree: &Tree,
) -> anyhow::Result<Outcome> {
    let first = open(target, call, connections.div_ceil(4)).await?;
    let before = at_rest(tree, window.warmup).await?;
    let clients = open(target, call, connections).await?;
    let tally = Tally::default();
    let span = tally.open(tree)?;
    tokio::time::sleep(window.measure).await;
    let measured = tally.close(&span, tree)?;
    let after = at_rest(tree, window.warmup).await?;
    let units = clients.len() as u64;
    let open = clients.iter().chain(&first).all(Client::is_open);
    ensure!(open, "the other side closed connections that were to be idle");
    let memory_bytes = before.zip(after).map(|(before, after)| after.cast_signed() - before.cast_signed());
    Ok(Outcome { units, memory_bytes, ..tally.outcome(&measured) })
}

/// The memory of the tree, once it has not moved for a while: allocators give back late.
async fn at_rest(tree: &Tree, still: Duration) -> anyhow::Result<Option<u64>> {
    let deadline = Instant::now() + REST;
    let mut last = tree.memory()?;
    loop {
        tokio::time::sleep(still).await;
        let now = tree.memory()?;
        let moved = last.zip(now).map_or(0, |(last, now)| last.abs_diff(now));
        if moved <= now.unwrap_or(0) / 100 || Instant::now() > deadline {
            return Ok(now);
        }
        last = now;
    }
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

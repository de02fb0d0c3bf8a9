//! Closed loops: as many calls as the other side can answer, on kept or on fresh connections.

use std::rc::Rc;
use std::time::Instant;

use anyhow::Context as _;
use futures_util::future::join_all;

use super::client::Client;
use super::tally::Tally;
use super::tree::Tree;
use super::{Call, Outcome, Target, Window};

/// Calls one after the other on `connections` kept connections, `streams` at a time on each.
pub(super) async fn keep_alive(
    target: &Target,
    call: &Call,
    connections: usize,
    streams: usize,
    window: Window,
    tree: &Tree,
) -> anyhow::Result<Outcome> {
    let tally = Rc::new(Tally::default());
    let mut workers = Vec::new();
    for _ in 0..connections {
        let first = Client::connect(target).await.context("open the connections")?;
        let more: Vec<Client> = (1..streams).filter_map(|_| first.another()).collect();
        for client in more.into_iter().chain([first]) {
            workers.push(repeat(client, target, call, &tally));
        }
    }
    let (measured, _) = tokio::join!(tally.watch(window, tree), join_all(workers));
    Ok(tally.outcome(&measured?))
}

async fn repeat(mut client: Client, target: &Target, call: &Call, tally: &Tally) {
    while !tally.over() {
        match client.call(target, call, Instant::now()).await {
            Ok(took) => tally.unit(took),
            Err(error) => {
                tally.failure(&error);
                match Client::connect(target).await {
                    Ok(fresh) => client = fresh,
                    Err(error) => return tally.failure(&error),
                }
            }
        }
    }
}

/// Calls on a fresh connection each, `concurrency` at a time.
pub(super) async fn cold(
    target: &Target,
    call: &Call,
    concurrency: usize,
    window: Window,
    tree: &Tree,
) -> anyhow::Result<Outcome> {
    let tally = Rc::new(Tally::default());
    let workers = (0..concurrency).map(|_| async {
        while !tally.over() {
            match once(target, call).await {
                Ok(took) => tally.unit(took),
                Err(error) => tally.failure(&error),
            }
        }
    });
    let (measured, _) = tokio::join!(tally.watch(window, tree), join_all(workers));
    Ok(tally.outcome(&measured?))
}

async fn once(target: &Target, call: &Call) -> anyhow::Result<u32> {
    let began = Instant::now();
    Client::connect(target).await?.call(target, call, began).await
}

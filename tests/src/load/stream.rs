//! Streamed answers: when the first event comes, how late each one is, and which ones came merged.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures_util::future::join_all;
use http_body_util::BodyExt as _;
use tokio::time::timeout;

use super::client::Client;
use super::tally::{Quantiles, Tally};
use super::tree::Tree;
use super::{Call, Outcome, STEP, Target};
use crate::origin::answer::Answer;
use crate::origin::payload;

/// The end of an event.
const END: &[u8] = b"\n\n";

pub(super) async fn events(
    target: &Target,
    call: &Call,
    streams: usize,
    tree: &Tree,
) -> anyhow::Result<Outcome> {
    let Answer::Stream { chunks, every } = call.answer else {
        anyhow::bail!("this load needs a streamed answer");
    };
    let mut clients = Vec::new();
    for _ in 0..streams {
        let mut client = Client::connect(target).await.context("open the connections")?;
        // One plain call first: what is measured is the stream, not the opening of the connection.
        client.call(target, &Call { answer: Answer::Chat, ..call.clone() }, Instant::now()).await?;
        clients.push(client);
    }
    let tally = Rc::new(Tally::default());
    let (merged, first) = (Cell::new(0_u64), RefCell::new(Vec::new()));
    let span = tally.open(tree)?;
    let workers = clients.into_iter().zip(0_u32..).map(|(client, number)| {
        let begin = every * number / u32::try_from(streams).unwrap_or(u32::MAX);
        let reader = Reader { tally: &tally, merged: &merged, first: &first, chunks };
        async move {
            // Streams that all tick in the same millisecond would arrive in bursts that no real load has.
            tokio::time::sleep(begin).await;
            if let Err(error) = reader.read(client, target, call, every).await {
                reader.tally.failure(&error);
            }
        }
    });
    join_all(workers).await;
    let measured = tally.close(&span, tree)?;
    let first_chunk_us = Some(Quantiles::of(first.take()));
    Ok(Outcome { first_chunk_us, merged: Some(merged.get()), ..tally.outcome(&measured) })
}

struct Reader<'a> {
    tally: &'a Tally,
    merged: &'a Cell<u64>,
    first: &'a RefCell<Vec<u32>>,
    chunks: u32,
}

impl Reader<'_> {
    async fn read(
        &self,
        mut client: Client,
        target: &Target,
        call: &Call,
        every: Duration,
    ) -> anyhow::Result<()> {
        let began = Instant::now();
        let limit = every * self.chunks + STEP;
        timeout(limit, self.stream(&mut client, target, call, began))
            .await
            .context("the stream took too long")?
    }

    async fn stream(
        &self,
        client: &mut Client,
        target: &Target,
        call: &Call,
        began: Instant,
    ) -> anyhow::Result<()> {
        let mut body = client.begin(target, call).await?.into_body();
        let (mut rest, mut seen, mut started) = (Vec::new(), 0, false);
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.context("read the stream")?.into_data() else { continue };
            let now = payload::now();
            rest.extend_from_slice(&data);
            ensure!(rest.len() <= 1 << 20, "an event without an end");
            let mut in_frame = 0_u32;
            while let Some(end) = rest.windows(END.len()).position(|window| window == END) {
                in_frame += 1;
                if let Some(sent) = payload::stamp(&rest[..end]) {
                    seen += 1;
                    self.tally.unit(u32::try_from(now.saturating_sub(sent) / 1000).unwrap_or(u32::MAX));
                }
                rest.drain(..end + END.len());
            }
            if seen > 0 && !started {
                started = true;
                self.first.borrow_mut().push(u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX));
            }
            self.merged.set(self.merged.get() + u64::from(in_frame.saturating_sub(1)));
        }
        ensure!(seen == self.chunks, "{seen} events came instead of {}", self.chunks);
        ensure!(rest.is_empty(), "the stream ended inside an event");
        Ok(())
    }
}

//! The open loop: calls are due at fixed times, and latency counts from when a call was due.
//! A slow answer therefore cannot hide the calls that waited behind it (no coordinated omission).

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures_util::future::join_all;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;

use super::client::Client;
use super::tally::Tally;
use super::tree::Tree;
use super::{Call, Outcome, Target, Window};

/// Calls that are due and not yet begun; past this the rate is beyond what is measured, which is an error.
const BACKLOG: usize = 100_000;

#[derive(Default)]
struct Due {
    times: RefCell<VecDeque<Instant>>,
    more: Notify,
}

pub(super) async fn fixed_rate(
    target: &Target,
    call: &Call,
    connections: usize,
    per_second: u32,
    window: Window,
    tree: &Tree,
) -> anyhow::Result<Outcome> {
    ensure!(per_second > 0, "a rate of 0 measures nothing");
    let tally = Rc::new(Tally::default());
    let due = Rc::new(Due::default());
    let mut workers = Vec::new();
    for _ in 0..connections {
        let client = Client::connect(target).await.context("open the connections")?;
        workers.push(serve(client, target, call, &due, &tally));
    }
    let pace = pace(Duration::from_secs(1) / per_second, &due, &tally);
    let (measured, paced, _) = tokio::join!(tally.watch(window, tree), pace, join_all(workers));
    paced?;
    Ok(tally.outcome(&measured?))
}

/// Puts down the times at which calls are due. A timer descriptor, because tokio's timers round to 1 ms.
async fn pace(every: Duration, due: &Due, tally: &Tally) -> anyhow::Result<()> {
    let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC)?;
    timer.set(Expiration::Interval(TimeSpec::from_duration(every)), TimerSetTimeFlags::empty())?;
    let mut next = Instant::now() + every;
    #[expect(deprecated, reason = "the replacement is unsafe, and an OwnedFd keeps what it asks for")]
    let timer = AsyncFd::new(std::os::fd::OwnedFd::from(timer))?;
    while !tally.over() {
        let mut ready = timer.readable().await?;
        let mut expired = [0_u8; 8];
        match nix::unistd::read(&timer, &mut expired) {
            Ok(_) => {}
            Err(nix::errno::Errno::EAGAIN) => {
                ready.clear_ready();
                continue;
            }
            Err(error) => return Err(error.into()),
        }
        ready.clear_ready();
        let mut times = due.times.borrow_mut();
        for _ in 0..u64::from_ne_bytes(expired) {
            ensure!(times.len() < BACKLOG, "calls wait without end: the rate is beyond what is measured");
            times.push_back(next);
            next += every;
            due.more.notify_one();
        }
    }
    due.more.notify_waiters();
    Ok(())
}

async fn serve(mut client: Client, target: &Target, call: &Call, due: &Due, tally: &Tally) {
    loop {
        let next = due.times.borrow_mut().pop_front();
        let Some(since) = next else {
            if tally.over() {
                return;
            }
            // The pace notifies once more after the end, so that nobody waits for ever.
            due.more.notified().await;
            continue;
        };
        match client.call(target, call, since).await {
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

//! The thread that keeps the connection to the store, and tells it what was settled since somebody last asked.
//! Knows when to try again. Does not know what a question looks like on the wire.

use std::io;
use std::sync::{Arc, Weak};
use std::time::Duration;

use ::redis::RedisError;
use ::redis::aio::MultiplexedConnection;
use interceptor_engine::budget::Count;
use tokio::task::LocalSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::{Ask, Store, StoreError, TELL};
use crate::budget::Budgets;

/// Counts that are told in one message.
const TOLD_AT_ONCE: usize = 256;
/// A new connection may take so long, and a failed one is followed by another after so long.
const CONNECT: Duration = Duration::from_secs(2);
const AGAIN: Duration = Duration::from_millis(250);
/// A store that has forgotten everything is not asked before it is so old: by then all nodes that were waiting for it have
/// connected, and told what they had used.
const YOUNG: Duration = Duration::from_secs(1);

/// Keeps the connection, on a thread of its own, until the budgets are dropped. Workers send over it from their own
/// threads; a connection for each of them would save them the way to another thread, and cost one on each of many nodes.
pub(in crate::budget) fn keep(store: Arc<Store>, budgets: &Arc<Budgets>) -> Result<(), StoreError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(StoreError::System)?;
    let weak = Arc::downgrade(budgets);
    let run = move || LocalSet::new().block_on(&runtime, keep_on(&store, &weak));
    std::thread::Builder::new().name("budgets".into()).spawn(run).map_err(StoreError::System)?;
    Ok(())
}

async fn keep_on(store: &Store, budgets: &Weak<Budgets>) {
    let mut was_up = true;
    while budgets.strong_count() > 0 {
        let connected = timeout(CONNECT, store.connect()).await;
        let connected = connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let ended = match connected {
            Ok((connection, driver)) => {
                let driver = tokio::task::spawn_local(driver);
                let ended = use_while(store, budgets, &Arc::new(connection), &mut was_up).await;
                driver.abort();
                ended
            }
            Err(error) => Err(error.into()),
        };
        if let Err(error) = ended
            && std::mem::replace(&mut was_up, false)
        {
            tracing::warn!(%error, "the shared store of limits is away; `whenUnavailable` says what happens");
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Lets workers use a connection as long as it works. It is tried before: a server that wants a password agrees to
/// connect.
async fn use_while(
    store: &Store,
    budgets: &Weak<Budgets>,
    live: &Arc<MultiplexedConnection>,
    was_up: &mut bool,
) -> Result<(), RedisError> {
    store.call(live, &[]).await?;
    let age = store.age(live).await?;
    if let Some(young) = YOUNG.checked_sub(age) {
        tell_all(store, budgets, live, Hear::Nothing).await?;
        tokio::time::sleep(young).await;
    }
    tell_all(store, budgets, live, Hear::Others).await?;
    tracing::info!("the shared store of limits answers");
    *was_up = true;
    store.live.store(Some(live.clone()));
    let ended = tell_while(store, budgets, live).await;
    store.give_up(live);
    ended
}

/// Tells the others what was settled, as long as the connection works and somebody counts.
async fn tell_while(
    store: &Store,
    budgets: &Weak<Budgets>,
    live: &Arc<MultiplexedConnection>,
) -> Result<(), RedisError> {
    let mut ticks = interval(TELL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // Without anything to tell, the connection is tried once a second: a server that is gone is noticed before somebody
    // waits for it.
    for tick in 0_u32.. {
        ticks.tick().await;
        let Some(budgets) = budgets.upgrade() else { break };
        if !store.live.load().as_ref().is_some_and(|now| Arc::ptr_eq(now, live)) {
            // A worker has given it up.
            return Err(io::Error::from(io::ErrorKind::TimedOut).into());
        }
        if tell(store, &budgets, live, Hear::Others).await? == 0 && tick % 20 == 0 {
            store.call(live, &[]).await?;
        }
    }
    Ok(())
}

/// Tells of all counts, because the store may have forgotten them.
async fn tell_all(
    store: &Store,
    budgets: &Weak<Budgets>,
    live: &MultiplexedConnection,
    hear: Hear,
) -> Result<(), RedisError> {
    if let Some(budgets) = budgets.upgrade() {
        budgets.table().tell_all();
        // Fewer are all there are; what changes meanwhile is told later.
        while tell(store, &budgets, live, hear).await? == TOLD_AT_ONCE {}
    }
    Ok(())
}

/// What is made of an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hear {
    /// It says what the others have used.
    Others,
    /// The store has forgotten what the others have used, and what was last heard of them is more.
    Nothing,
}

/// Tells of some of the counts that have changed, and says of how many.
async fn tell(
    store: &Store,
    budgets: &Budgets,
    live: &MultiplexedConnection,
    hear: Hear,
) -> Result<usize, RedisError> {
    let counts = budgets.table().untold(TOLD_AT_ONCE);
    if counts.is_empty() {
        return Ok(0);
    }
    let ask = |count: &Count| Ask { at: 0, count: count.clone(), amount: 0, enforced: false };
    let told = store.call(live, &counts.iter().map(ask).collect::<Vec<_>>()).await;
    let mut table = budgets.table();
    match told {
        Ok(answer) => {
            let others = answer.others.into_iter().filter(|_| hear == Hear::Others);
            for (count, others) in counts.iter().zip(others) {
                table.learn(&count.key, count.window.number, others);
            }
            Ok(counts.len())
        }
        Err(error) => {
            table.tell_again(counts);
            Err(error)
        }
    }
}

//! What exchanges may use: takes their parts of every limit before they go out, and settles them when they are over.
//! Asks the store that nodes share, if there is one. Knows the engine's counts. Does not know why an exchange draws on a
//! limit, or how a refusal looks.

pub mod redis;

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use interceptor_engine::budget::{Drawn, End, Gauge, Note, Short, Table, Taken, Why};
use interceptor_engine::policy::Mode;

use self::redis::{Ask, Store, StoreError, StoreSpec};

/// Counts that a node keeps at most. A limit for each of 10,000 callers and models leaves room for six such limits.
const COUNTS: usize = 65_536;

/// The limits' counts of this node.
pub struct Budgets {
    /// One lock for all counts: an exchange takes its parts of several limits at once or not at all. It is held for less
    /// than a microsecond, and only by exchanges that a limit is about.
    table: Mutex<Table>,
    store: Option<Arc<Store>>,
}

/// What an exchange has taken. Given back if it is dropped, however the exchange ends.
pub struct Reservation {
    budgets: Arc<Budgets>,
    taken: Vec<Taken>,
}

impl Budgets {
    /// Counts that nobody else knows.
    pub fn local() -> Arc<Self> {
        Arc::new(Self { table: Mutex::new(Table::new(COUNTS, false)), store: None })
    }

    /// Counts that are shared with other nodes. A store that cannot be reached is asked again and again.
    ///
    /// # Errors
    /// A file that the specification names cannot be used, or there is no thread for the connection.
    pub fn shared(spec: &StoreSpec) -> Result<Arc<Self>, StoreError> {
        let store = Arc::new(Store::new(spec)?);
        let table = Mutex::new(Table::new(COUNTS, true));
        let budgets = Arc::new(Self { table, store: Some(store.clone()) });
        redis::keep(store, &budgets)?;
        Ok(budgets)
    }

    /// Takes what an exchange draws on, or nothing.
    ///
    /// # Errors
    /// The first limit that has not enough left.
    pub async fn reserve(self: &Arc<Self>, drawn: Drawn) -> Result<(Reservation, Vec<Note>), Short> {
        let now = now();
        let mut notes = unpriced(&drawn)?;
        let admission = self.table().take(&drawn.draws, now)?;
        notes.extend(admission.notes);
        let reservation = Reservation { budgets: self.clone(), taken: admission.taken };
        if let Some(store) = &self.store {
            notes.extend(self.ask(store, &reservation.taken, now).await?);
        }
        Ok((reservation, notes))
    }

    /// Asks whether all nodes together have enough left. What was taken here is in the question already.
    async fn ask(&self, store: &Store, taken: &[Taken], now: u64) -> Result<Vec<Note>, Short> {
        let asks: Vec<Ask> = self
            .table()
            .counts(taken)
            .into_iter()
            .map(|(at, count)| {
                let draw = taken[at].draw();
                Ask { at, count, amount: draw.amount, enforced: draw.limit.mode == Mode::Enforce }
            })
            .collect();
        if asks.is_empty() {
            return Ok(Vec::new());
        }
        let Some(answer) = store.ask(&asks).await else {
            return self.table().alone(taken, store.nodes(), now);
        };
        let mut table = self.table();
        let mut notes = Vec::new();
        for (ask, others) in asks.iter().zip(&answer.others) {
            table.learn(&ask.count.key, ask.count.window.number, *others);
            let limit = &taken[ask.at].draw().limit;
            if !ask.enforced && ask.count.own.saturating_add(*others) > ask.count.most {
                notes.push(Note { limit: limit.clone(), why: Why::Over });
            }
        }
        match answer.refused.and_then(|at| asks.get(at)) {
            Some(ask) => Err(Short {
                limit: taken[ask.at].draw().limit.clone(),
                why: Why::Over,
                retry_after: table.retry_after(&ask.count.key, now),
            }),
            None => {
                asks.iter().for_each(|ask| table.told(&ask.count));
                Ok(notes)
            }
        }
    }

    /// Whether other nodes are heard of; `None` if none are to be.
    pub fn store_is_up(&self) -> Option<bool> {
        self.store.as_ref().map(|store| store.is_up())
    }

    /// The counts. A panic while they are held leaves numbers, and numbers are never half of something.
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has been used, in Prometheus' format: of each limit, the count that has the least left.
    pub fn gauges(&self) -> String {
        let gauges = self.table().gauges(now());
        let mut text = String::new();
        let mut family = |name: &str, help: &str, value: &dyn Fn(&Gauge) -> u64| {
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "# HELP interceptor_budget_{name} {help}.\n# TYPE interceptor_budget_{name} gauge"
            );
            for (limit, gauge) in &gauges {
                let (measure, value) = (gauge.measure, value(gauge));
                let _ = writeln!(
                    text,
                    "interceptor_budget_{name}{{limit=\"{limit}\",measure=\"{measure}\"}} {value}"
                );
            }
        };
        family("limit", "How much there is, cost in billionths of a dollar", &|gauge| gauge.most);
        family("used", "What has been used of the count with the least left", &|gauge| gauge.used);
        family("counts", "How many have a count of their own", &|gauge| gauge.counts as u64);
        if let Some(up) = self.store_is_up().map(u8::from) {
            let _ = writeln!(
                text,
                "# HELP interceptor_budget_store_up Whether the shared store answers.\n\
                 # TYPE interceptor_budget_store_up gauge\ninterceptor_budget_store_up {up}"
            );
        }
        text
    }
}

impl Reservation {
    /// Settles by how the exchange ended.
    pub fn settle(mut self, end: End) {
        let mut table = self.budgets.table();
        for taken in self.taken.drain(..) {
            table.settle(&taken, taken.draw().settled(end));
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.taken.is_empty() {
            return;
        }
        let mut table = self.budgets.table();
        for taken in &self.taken {
            table.settle(taken, 0);
        }
    }
}

/// What becomes of an exchange whose price nobody told.
pub(crate) fn unpriced(drawn: &Drawn) -> Result<Vec<Note>, Short> {
    let mut notes = Vec::new();
    for limit in &drawn.unpriced {
        if limit.mode == Mode::Enforce && !limit.allow_unknown_price {
            return Err(Short { limit: limit.clone(), why: Why::UnknownPrice, retry_after: 1 });
        }
        notes.push(Note { limit: limit.clone(), why: Why::UnknownPrice });
    }
    Ok(notes)
}

/// Seconds since 1970. A clock before that counts as 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_secs())
}

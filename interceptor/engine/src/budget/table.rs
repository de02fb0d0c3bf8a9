//! The counts of one node: what has been used of every limit, by whom. All parts that an exchange draws on are taken or none.
//! Does not know the time, or that other nodes exist: it is told the one, and what the others have used.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::draw::Draw;
use super::limit::{Limit, WhenUnavailable};
use super::window::Window;
use crate::policy::Mode;

/// No count is larger, so that stores that calculate in floating point are exact.
const MOST: u64 = 1 << 52;

/// The counts.
#[derive(Debug)]
pub struct Table {
    cells: HashMap<Arc<str>, Cell>,
    room: usize,
    /// Counts are shared with other nodes.
    shared: bool,
    /// What other nodes have not been told yet.
    untold: HashSet<Arc<str>>,
    /// When everything that is over was last looked for. That takes long, and is done once a second at most.
    swept: Option<u64>,
}

#[derive(Debug)]
struct Cell {
    limit: Arc<Limit>,
    /// None for what is counted at the same time.
    window: Option<Window>,
    used: u64,
    /// What others have used in this window, when somebody last told.
    others: u64,
    /// Counts the changes, so that a store knows which of two messages is the newer.
    change: u64,
}

/// Why a part of a limit was not taken, or would not have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// There is not enough left.
    Over,
    /// There is no room for another count.
    Full,
    /// The shared store is away.
    Away,
    /// Nobody has told what the model costs.
    UnknownPrice,
}

impl Why {
    /// The word used in audit events.
    pub fn name(self) -> &'static str {
        match self {
            Self::Over => "over",
            Self::Full => "full",
            Self::Away => "store_away",
            Self::UnknownPrice => "unknown_price",
        }
    }
}

/// Why an exchange may not go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Short {
    /// The limit.
    pub limit: Arc<Limit>,
    /// Why.
    pub why: Why,
    /// In how many seconds there is more; at least 1.
    pub retry_after: u64,
}

/// Something about a limit that did not stop the exchange: it is in shadow, or lets pass what cannot be counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The limit.
    pub limit: Arc<Limit>,
    /// What about it.
    pub why: Why,
}

/// A part of a limit that was taken.
#[derive(Debug, Clone)]
pub struct Taken {
    draw: Draw,
    window: Option<u64>,
}

impl Taken {
    /// The part.
    pub fn draw(&self) -> &Draw {
        &self.draw
    }
}

/// What was taken, and what is worth telling.
#[derive(Debug, Default)]
pub struct Admission {
    /// The parts.
    pub taken: Vec<Taken>,
    /// What is worth telling.
    pub notes: Vec<Note>,
}

/// One count as other nodes are told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// What it is kept under.
    pub key: Arc<str>,
    /// The number of its window, and the second at which that is over.
    pub window: Window,
    /// What this node has used.
    pub own: u64,
    /// The newer of two counts has the greater one.
    pub change: u64,
    /// How much there is for all nodes.
    pub most: u64,
}

/// What is told of a limit in metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gauge {
    /// What is counted.
    pub measure: &'static str,
    /// How much there is for each that has a count of its own.
    pub most: u64,
    /// What has been used of the count that has the least left.
    pub used: u64,
    /// How many have a count of their own.
    pub counts: usize,
}

impl Table {
    /// No counts, and room for so many. `shared`: other nodes are told of them.
    pub fn new(room: usize, shared: bool) -> Self {
        Self { cells: HashMap::new(), room, shared, untold: HashSet::new(), swept: None }
    }

    /// Takes all parts or none. A limit in shadow takes its part in any case, and says if there was not enough.
    ///
    /// # Errors
    /// The first limit that has not enough left, or no room for a count.
    pub fn take(&mut self, draws: &[Draw], now: u64) -> Result<Admission, Short> {
        let mut admission = Admission::default();
        for draw in draws {
            let Some(cell) = self.cell(draw, now) else {
                self.no_room(draw, &mut admission)?;
                continue;
            };
            let most = draw.limit.measure.most();
            if cell.used.saturating_add(draw.amount) > most {
                let retry_after = cell.retry_after(now);
                short(&draw.limit, Why::Over, retry_after, &mut admission.notes)?;
            }
            let window = cell.window.map(|window| window.number);
            admission.taken.push(Taken { draw: draw.clone(), window });
        }
        for taken in &admission.taken {
            self.change(taken, |used| used.saturating_add(taken.draw.amount));
        }
        Ok(admission)
    }

    fn no_room(&self, draw: &Draw, admission: &mut Admission) -> Result<(), Short> {
        if draw.limit.when_unavailable == WhenUnavailable::Allow {
            admission.notes.push(Note { limit: draw.limit.clone(), why: Why::Full });
            return Ok(());
        }
        short(&draw.limit, Why::Full, 1, &mut admission.notes)
    }

    /// The count of a part, in the window that it is now.
    fn cell(&mut self, draw: &Draw, now: u64) -> Option<&mut Cell> {
        if !self.cells.contains_key(&draw.key) {
            if self.cells.len() >= self.room {
                self.sweep(now);
            }
            if self.cells.len() >= self.room {
                return None;
            }
            let cell = Cell { limit: draw.limit.clone(), window: None, used: 0, others: 0, change: 0 };
            self.cells.insert(draw.key.clone(), cell);
        }
        let cell = self.cells.get_mut(&draw.key)?;
        // A reload may have given the limit another amount.
        if !Arc::ptr_eq(&cell.limit, &draw.limit) {
            cell.limit = draw.limit.clone();
        }
        cell.roll(now);
        Some(cell)
    }

    /// Forgets what is over.
    fn sweep(&mut self, now: u64) {
        if self.swept == Some(now) {
            return;
        }
        self.swept = Some(now);
        self.cells.retain(|_, cell| match cell.window {
            Some(window) => window.end > now,
            None => cell.used > 0,
        });
        self.untold.retain(|key| self.cells.contains_key(key));
    }

    /// Puts what was used in the place of what was taken.
    pub fn settle(&mut self, taken: &Taken, used: u64) {
        let amount = taken.draw.amount;
        if used != amount {
            self.change(taken, |count| count.saturating_sub(amount).saturating_add(used));
        }
    }

    /// Changes a count, if its window is still the one that the part was taken in.
    fn change(&mut self, taken: &Taken, change: impl FnOnce(u64) -> u64) {
        let Some(cell) = self.cells.get_mut(&taken.draw.key) else { return };
        if cell.window.map(|window| window.number) != taken.window {
            return;
        }
        cell.used = change(cell.used).min(MOST);
        cell.change += 1;
        if self.shared && cell.window.is_some() {
            self.untold.insert(taken.draw.key.clone());
        }
    }

    /// The counts that were just taken from, as the other nodes are to be asked about them, each with the place of its
    /// part: what is counted at the same time is every node's own.
    pub fn counts(&self, taken: &[Taken]) -> Vec<(usize, Count)> {
        let mine = |(at, taken): (usize, &Taken)| {
            let count = self.count(&taken.draw.key)?;
            (Some(count.window.number) == taken.window).then_some((at, count))
        };
        taken.iter().enumerate().filter_map(mine).collect()
    }

    fn count(&self, key: &Arc<str>) -> Option<Count> {
        let cell = self.cells.get(key)?;
        let most = cell.limit.measure.most();
        Some(Count { key: key.clone(), window: cell.window?, own: cell.used, change: cell.change, most })
    }

    /// What the other nodes have used of a count in a window.
    pub fn learn(&mut self, key: &str, window: u64, others: u64) {
        if let Some(cell) = self.cells.get_mut(key)
            && cell.window.is_some_and(|known| known.number == window)
        {
            cell.others = others;
        }
    }

    /// Up to `most` counts that changed since they were last told, which they are now taken to be.
    pub fn untold(&mut self, most: usize) -> Vec<Count> {
        let keys: Vec<_> = self.untold.iter().take(most).cloned().collect();
        for key in &keys {
            self.untold.remove(key);
        }
        keys.iter().filter_map(|key| self.count(key)).collect()
    }

    /// Others may have forgotten everything: all counts are to be told.
    pub fn tell_all(&mut self) {
        let shared = self.cells.iter().filter(|(_, cell)| cell.window.is_some());
        self.untold.extend(shared.map(|(key, _)| key.clone()));
    }

    /// Others know of a count as it is here. If it has changed since, they do not.
    pub fn told(&mut self, count: &Count) {
        if self.cells.get(&count.key).is_some_and(|cell| cell.change == count.change) {
            self.untold.remove(&count.key);
        }
    }

    /// The same counts are to be told again.
    pub fn tell_again(&mut self, counts: Vec<Count>) {
        self.untold.extend(counts.into_iter().map(|count| count.key));
    }

    /// What each limit says to an exchange that has taken its parts while nobody knows what the other nodes do. `nodes`
    /// is how many there are.
    ///
    /// # Errors
    /// The first limit that does not let it pass.
    pub fn alone(&self, taken: &[Taken], nodes: u64, now: u64) -> Result<Vec<Note>, Short> {
        let mut notes = Vec::new();
        for taken in taken {
            let Some(cell) = self.cells.get(&taken.draw.key) else { continue };
            let (limit, most) = (&taken.draw.limit, taken.draw.limit.measure.most());
            if cell.window.is_none() {
                continue;
            }
            match limit.when_unavailable {
                WhenUnavailable::Allow => notes.push(Note { limit: limit.clone(), why: Why::Away }),
                WhenUnavailable::Block => short(limit, Why::Away, 1, &mut notes)?,
                WhenUnavailable::Share => {
                    let mine = cell.used <= most / nodes.max(1);
                    if !mine || cell.used.saturating_add(cell.others) > most {
                        short(limit, Why::Away, cell.retry_after(now), &mut notes)?;
                    } else {
                        notes.push(Note { limit: limit.clone(), why: Why::Away });
                    }
                }
            }
        }
        Ok(notes)
    }

    /// Seconds until a part that was taken begins anew.
    pub fn retry_after(&self, key: &str, now: u64) -> u64 {
        self.cells.get(key).map_or(1, |cell| cell.retry_after(now))
    }

    /// What has been used, by the limits' names. What is over is not used.
    pub fn gauges(&self, now: u64) -> BTreeMap<Arc<str>, Gauge> {
        let mut gauges: BTreeMap<Arc<str>, Gauge> = BTreeMap::new();
        for cell in self.cells.values() {
            if cell.window.is_some_and(|window| window.end <= now) {
                continue;
            }
            let gauge = gauges.entry(cell.limit.name.clone()).or_default();
            gauge.measure = cell.limit.measure.name();
            gauge.most = cell.limit.measure.most();
            gauge.used = gauge.used.max(cell.used.saturating_add(cell.others));
            gauge.counts += 1;
        }
        gauges
    }
}

impl Cell {
    /// Begins anew if its window is over. A clock that goes back gives nothing back.
    fn roll(&mut self, now: u64) {
        let window = self.limit.measure.window(now);
        if window.map(|window| window.number) > self.window.map(|window| window.number) {
            (self.window, self.used, self.others, self.change) = (window, 0, 0, 0);
        }
    }

    fn retry_after(&self, now: u64) -> u64 {
        self.window.map_or(1, |window| window.end.saturating_sub(now)).max(1)
    }
}

/// A limit that is in force stops the exchange; one in shadow says what it would have done.
fn short(limit: &Arc<Limit>, why: Why, retry_after: u64, notes: &mut Vec<Note>) -> Result<(), Short> {
    if limit.mode == Mode::Enforce {
        return Err(Short { limit: limit.clone(), why, retry_after });
    }
    notes.push(Note { limit: limit.clone(), why });
    Ok(())
}

#[cfg(test)]
mod tests;

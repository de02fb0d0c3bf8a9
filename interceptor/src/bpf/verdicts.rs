//! The kernel side's verdicts, typed: who may not call whom, what was refused by that, and which addresses are not one
//! provider's alone. Knows maps. Does not know policy.

use super::table::Table;
use super::{CaptureError, Swept, monotonic, nanoseconds};
use aya::Ebpf;
use interceptor_common::{Address, CallerKey, Class, Forbidden, ForbiddenKey, MISSED, RefusalKey};
use std::net::IpAddr;
use std::time::Duration;

/// Elements of the maps, as the object declares them.
const CALLERS: usize = 65_536;
const FORBIDDEN: usize = 65_536;
const REFUSALS: usize = 16_384;
const OTHERS: usize = 65_536;

/// A handle on the maps, cheap to clone and usable from every thread; verdicts have one writer.
#[derive(Clone, Debug)]
pub struct Verdicts {
    callers: Table<CallerKey, Class>,
    forbidden: Table<ForbiddenKey, Forbidden>,
    refusals: Table<RefusalKey, u64>,
    others: Table<Address, u64>,
}

impl Verdicts {
    pub(super) fn open(programs: &Ebpf) -> Result<Self, CaptureError> {
        let verdicts = Self {
            callers: Table::open(programs, "CALLERS")?,
            forbidden: Table::open(programs, "FORBIDDEN")?,
            refusals: Table::open(programs, "REFUSALS")?,
            others: Table::open(programs, "OTHERS")?,
        };
        // Without it the programs take it that some were missed.
        verdicts.others.insert_new(&MISSED, &0)?;
        Ok(verdicts)
    }

    /// Enters a verdict, or replaces it. It counts from the moment at which its generation is in force
    /// ([`super::Capture::set_policy`]).
    ///
    /// # Errors
    /// [`CaptureError::MapFull`] above all: 65,536 fit.
    pub fn enter(&self, key: &ForbiddenKey, forbidden: &Forbidden) -> Result<(), CaptureError> {
        self.forbidden.insert(key, forbidden)
    }

    /// Says of which class a caller is, from now on. Verdicts about the class come first.
    ///
    /// # Errors
    /// As of [`Verdicts::enter`].
    pub fn classify(&self, caller: &CallerKey, class: &Class) -> Result<(), CaptureError> {
        self.callers.insert(caller, class)
    }

    /// Takes that back: he is forbidden what everyone is. Returns whether it was said.
    pub fn declassify(&self, caller: &CallerKey) -> Result<bool, CaptureError> {
        self.callers.remove(caller)
    }

    /// Takes a verdict back. Returns whether it was there.
    pub fn remove(&self, key: &ForbiddenKey) -> Result<bool, CaptureError> {
        self.forbidden.remove(key)
    }

    /// Removes the callers and verdicts of all other generations, which do not count any more, and says how many verdicts
    /// are left.
    pub fn keep(&self, generation: u32) -> Result<usize, CaptureError> {
        for key in self.callers.keys(CALLERS)? {
            if self.callers.look_up(&key)?.is_none_or(|found| found.generation != generation) {
                self.callers.remove(&key)?;
            }
        }
        let mut left = 0;
        for key in self.forbidden.keys(FORBIDDEN)? {
            match self.forbidden.look_up(&key)? {
                Some(found) if found.generation == generation => left += 1,
                _ => drop(self.forbidden.remove(&key)?),
            }
        }
        Ok(left)
    }

    /// How often something was refused so.
    pub fn refused(&self, key: &RefusalKey) -> Result<Option<u64>, CaptureError> {
        self.refusals.look_up(key)
    }

    /// All that was refused, and how often. Counts only grow, until they are taken.
    pub fn refusals(&self) -> Result<Vec<(RefusalKey, u64)>, CaptureError> {
        let mut found = Vec::new();
        for key in self.refusals.keys(REFUSALS)? {
            if let Some(count) = self.refusals.look_up(&key)? {
                found.push((key, count));
            }
        }
        Ok(found)
    }

    /// Takes a count out, and says how much it was in the end.
    pub fn take(&self, key: &RefusalKey) -> Result<Option<u64>, CaptureError> {
        self.refusals.take(key)
    }

    /// Somebody else is at this address, too.
    pub fn note_other(&self, address: IpAddr) -> Result<(), CaptureError> {
        self.others.insert(&address.into(), &nanoseconds(monotonic()?))
    }

    /// Whether that is known.
    pub fn is_other(&self, address: IpAddr) -> Result<bool, CaptureError> {
        Ok(self.others.look_up(&address.into())?.is_some())
    }

    /// Forgets addresses that were in no answer for `keep`; and that some were missed, if that is as long ago.
    pub fn sweep_others(&self, keep: Duration) -> Result<Swept, CaptureError> {
        let now = monotonic()?;
        let is_old = |at: u64| now.saturating_sub(Duration::from_nanos(at)) > keep;
        let addresses = self.others.keys(OTHERS)?;
        let mut swept = Swept { seen: addresses.len(), removed: 0 };
        for address in addresses {
            let Some(at) = self.others.look_up(&address)? else { continue };
            if at == 0 || !is_old(at) {
                continue;
            }
            if address == MISSED {
                self.others.insert(&MISSED, &0)?;
            } else {
                swept.removed += usize::from(self.others.remove(&address)?);
            }
        }
        Ok(swept)
    }
}

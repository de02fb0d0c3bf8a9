//! The kernel side's counters, read and summed.

use super::CaptureError;
use aya::Ebpf;
use aya::maps::PerCpuArray;
use interceptor_common::Counter;

/// One reading of all counters. They only grow while the programs are loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    values: [u64; Counter::COUNT],
}

impl Stats {
    /// The value of one counter.
    #[must_use]
    pub fn of(&self, counter: Counter) -> u64 {
        self.values[counter as usize]
    }

    /// All counters with their values.
    pub fn iter(&self) -> impl Iterator<Item = (Counter, u64)> + '_ {
        Counter::ALL.into_iter().map(|counter| (counter, self.of(counter)))
    }

    /// What was added since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut values = self.values;
        for (value, before) in values.iter_mut().zip(earlier.values) {
            *value = value.saturating_sub(before);
        }
        Self { values }
    }

    pub(super) fn read(programs: &Ebpf) -> Result<Self, CaptureError> {
        const NAME: &str = "STATS";
        let failed = |error| CaptureError::of_map(NAME, error);
        let map = programs.map(NAME).ok_or(CaptureError::MissingMap { name: NAME })?;
        let slots = PerCpuArray::<_, u64>::try_from(map).map_err(failed)?;
        let mut values = [0; Counter::COUNT];
        for counter in Counter::ALL {
            let per_cpu = slots.get(&counter.slot(), 0).map_err(failed)?;
            values[counter as usize] = per_cpu.iter().sum();
        }
        Ok(Self { values })
    }
}

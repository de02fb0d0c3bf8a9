//! The kernel side's counters, read and summed.

use super::CaptureError;
use aya::Ebpf;
use aya::maps::{Map, MapData, MapError, PerCpuArray};
use interceptor_common::Counter;
use std::os::fd::AsFd as _;

const NAME: &str = "STATS";

/// A reader of the counters with a descriptor of its own.
pub struct Counters {
    slots: PerCpuArray<MapData, u64>,
}

impl Counters {
    pub(super) fn open(programs: &Ebpf) -> Result<Self, CaptureError> {
        let failed = |error| CaptureError::of_map(NAME, error);
        let Some(Map::PerCpuArray(data)) = programs.map(NAME) else {
            return Err(CaptureError::MissingMap { name: NAME });
        };
        let own = data.fd().as_fd().try_clone_to_owned();
        let own = own.map_err(|error| CaptureError::Map { name: NAME, error })?;
        let data = MapData::from_fd(own).map_err(failed)?;
        Ok(Self { slots: PerCpuArray::try_from(Map::PerCpuArray(data)).map_err(failed)? })
    }

    /// The counters, summed over the CPUs.
    pub fn read(&self) -> Result<Stats, CaptureError> {
        sum(|slot| self.slots.get(&slot, 0)).map_err(|error| CaptureError::of_map(NAME, error))
    }
}

/// Sums every counter's slots.
fn sum(read: impl Fn(u32) -> Result<aya::maps::PerCpuValues<u64>, MapError>) -> Result<Stats, MapError> {
    let mut values = [0; Counter::COUNT];
    for counter in Counter::ALL {
        values[counter as usize] = read(counter.slot())?.iter().sum();
    }
    Ok(Stats { values })
}

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
        let failed = |error| CaptureError::of_map(NAME, error);
        let map = programs.map(NAME).ok_or(CaptureError::MissingMap { name: NAME })?;
        let slots = PerCpuArray::<_, u64>::try_from(map).map_err(failed)?;
        sum(|slot| slots.get(&slot, 0)).map_err(failed)
    }
}

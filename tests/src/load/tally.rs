//! Counting: what the workers of one run add up to.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::tree::{Moment, Tree};
use super::{Outcome, Window};

/// More samples than this are not kept; no run comes near it, and memory stays bounded if one does.
const SAMPLES: usize = 8 << 20;

/// A run with more failures than this is over: it measures a defect, not a speed.
const ERRORS: u64 = 200;

/// Quantiles of a set of times, in µs.
#[derive(Debug, Default, Serialize)]
pub struct Quantiles {
    /// Samples.
    pub count: usize,
    /// The mean.
    pub mean: f64,
    /// The median.
    pub p50: f64,
    /// 90 of 100 are at most this.
    pub p90: f64,
    /// 99 of 100 are at most this.
    pub p99: f64,
    /// 999 of 1000 are at most this.
    pub p999: f64,
    /// The largest.
    pub max: f64,
}

impl Quantiles {
    /// Sorts the samples and reads the quantiles by the nearest-rank rule.
    #[must_use]
    pub fn of(mut samples: Vec<u32>) -> Self {
        let Some(last) = samples.len().checked_sub(1) else { return Self::default() };
        samples.sort_unstable();
        let sum: u64 = samples.iter().map(|sample| u64::from(*sample)).sum();
        let rank =
            |per_mille: usize| f64::from(samples[(samples.len() * per_mille).div_ceil(1000).max(1) - 1]);
        Self {
            count: samples.len(),
            mean: sum as f64 / samples.len() as f64,
            p50: rank(500),
            p90: rank(900),
            p99: rank(990),
            p999: rank(999),
            max: f64::from(samples[last]),
        }
    }
}

/// The counters of one run, shared by its workers on one thread.
#[derive(Debug, Default)]
pub(super) struct Tally {
    recording: Cell<bool>,
    over: Cell<bool>,
    units: Cell<u64>,
    errors: Cell<u64>,
    first_error: RefCell<Option<String>>,
    samples: RefCell<Vec<u32>>,
}

impl Tally {
    /// Whether workers are to stop.
    pub(super) fn over(&self) -> bool {
        self.over.get()
    }

    pub(super) fn end(&self) {
        self.over.set(true);
    }

    /// Counts one unit, if the window is open.
    pub(super) fn unit(&self, microseconds: u32) {
        if self.recording.get() {
            self.units.set(self.units.get() + 1);
            let mut samples = self.samples.borrow_mut();
            if samples.len() < SAMPLES {
                samples.push(microseconds);
            }
        }
    }

    /// Counts a failure, in or out of the window.
    pub(super) fn failure(&self, error: &anyhow::Error) {
        self.errors.set(self.errors.get() + 1);
        self.first_error.borrow_mut().get_or_insert_with(|| format!("{error:#}"));
        if self.errors.get() > ERRORS {
            self.end();
        }
    }

    /// Lets the load run through the window, reads the processor time around it and then stops the workers.
    pub(super) async fn watch(&self, window: Window, tree: &Tree) -> anyhow::Result<Measured> {
        tokio::time::sleep(window.warmup).await;
        let span = self.open(tree)?;
        tokio::time::sleep(window.measure).await;
        let measured = self.close(&span, tree)?;
        self.end();
        Ok(measured)
    }

    /// Opens the window.
    pub(super) fn open(&self, tree: &Tree) -> anyhow::Result<Span> {
        let cpu = tree.cpu()?;
        self.recording.set(true);
        Ok(Span { cpu, began: Instant::now() })
    }

    /// Closes the window.
    pub(super) fn close(&self, span: &Span, tree: &Tree) -> anyhow::Result<Measured> {
        self.recording.set(false);
        let length = span.began.elapsed();
        Ok(Measured { length, cpu_us: tree.cpu()?.since(&span.cpu) })
    }

    /// The result, as far as every shape of load has it.
    pub(super) fn outcome(&self, measured: &Measured) -> Outcome {
        Outcome {
            units: self.units.get(),
            errors: self.errors.get(),
            first_error: self.first_error.borrow().clone(),
            seconds: measured.length.as_secs_f64(),
            cpu_us: measured.cpu_us,
            latency_us: Quantiles::of(self.samples.take()),
            first_chunk_us: None,
            merged: None,
            memory_bytes: None,
        }
    }
}

/// An open window.
pub(super) struct Span {
    cpu: Moment,
    began: Instant,
}

/// A closed window.
pub(super) struct Measured {
    length: Duration,
    cpu_us: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_follow_the_nearest_rank() {
        let quantiles = Quantiles::of((1..=1000).rev().collect());
        assert_eq!((quantiles.p50, quantiles.p90, quantiles.p99), (500.0, 900.0, 990.0));
        assert_eq!((quantiles.p999, quantiles.max, quantiles.count), (999.0, 1000.0, 1000));
        assert_eq!(Quantiles::of(vec![7]).p99, 7.0);
        assert_eq!(Quantiles::of(Vec::new()).count, 0);
    }
}

//! Runs something while the kernel counts, and says what each program cost meanwhile.

use anyhow::Result;
use interceptor::bpf::Counting;
use serde::Serialize;

use crate::bed::Bed;

/// What one program cost.
#[derive(Debug, Serialize)]
pub(crate) struct Cost {
    pub(crate) program: &'static str,
    /// How often it ran for each unit of work.
    pub(crate) runs_per_unit: f64,
    pub(crate) nanoseconds_per_run: f64,
    pub(crate) nanoseconds_per_unit: f64,
}

/// The costs of the programs that ran at all, by unit of `work`, of which it returns how many were done.
pub(crate) fn of(bed: &Bed, work: impl FnOnce() -> Result<u64>) -> Result<Vec<Cost>> {
    let counting = Counting::start()?;
    let before = bed.capture.run_times()?;
    let units = work()? as f64;
    let after = bed.capture.run_times()?;
    drop(counting);
    let both = before.iter().zip(&after).filter(|(before, after)| after.runs > before.runs);
    let cost = both.map(|(before, after)| {
        let runs = (after.runs - before.runs) as f64;
        let nanoseconds = (after.nanoseconds - before.nanoseconds) as f64;
        Cost {
            program: after.program,
            runs_per_unit: runs / units,
            nanoseconds_per_run: nanoseconds / runs,
            nanoseconds_per_unit: nanoseconds / units,
        }
    });
    Ok(cost.collect())
}

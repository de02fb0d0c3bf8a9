//! Scores detectors on records: one JSON object a line in, one a line out, in order.
//! Knows records and the engine's public face. Knows no detector, and keeps nothing between two records.

pub mod evasion;
mod listing;
mod pad;
mod payload;
mod record;
mod run;

pub use listing::{Listed, detectors};
pub use run::{Options, Scan, Tally};

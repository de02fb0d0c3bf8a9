//! Test values in hiding: how many of them are found, by how they are hidden. They are made by the scanner itself, by
//! what its own tests are made by.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::scanner::Scanner;
use super::score::Rate;
use crate::tools::say;

/// What a record says of itself.
#[derive(Deserialize)]
struct Hidden {
    family: String,
    tier: u8,
    detector: String,
}

/// Counts by family and tier.
pub(super) fn run(scanner: &Scanner) -> Result<BTreeMap<(String, String), Rate>> {
    let records = scanner.evasions()?;
    say(&format!("scanning {} records in which test values are hidden", records.len()));
    let hidden =
        |record: &serde_json::Value| Hidden::deserialize(&record["hidden"]).context("read an evasion");
    let hidden: Vec<Hidden> = records.iter().map(hidden).collect::<Result<_>>()?;
    let found = scanner.records(records.into_iter())?;
    let mut rates: BTreeMap<(String, String), Rate> = BTreeMap::new();
    for (hidden, found) in hidden.into_iter().zip(found) {
        let of_it = found.iter().filter(|finding| finding.detector == hidden.detector);
        let level = of_it.map(|finding| finding.confidence).max();
        let key = (hidden.family, format!("tier {}", hidden.tier));
        rates.entry(key).or_default().add(level, true, &hidden.detector);
    }
    Ok(rates)
}

//! Hides test values in requests as somebody would who does not want them to be found, or as software does without
//! wanting anything: for tests of the engine, and for the harness that scores it. Knows formats of requests and
//! encodings. Does not know how anything is found.

mod body;
mod disguise;

use interceptor_engine::detect::{DetectorId, SampleSource};
use interceptor_engine::{Detectors, TextScanner};
use serde_json::Value;

/// A value in hiding.
#[derive(Clone)]
pub struct Evasion {
    /// How it is hidden: `base64`.
    pub family: &'static str,
    /// How hard that is to see through: 1 as it is, 2 inside the arguments of a tool, 3 inside another encoding.
    pub tier: u8,
    /// Who should find it.
    pub detector: &'static str,
    /// What should be found.
    pub value: String,
    /// The record to be scanned.
    pub record: Value,
}

impl std::fmt::Debug for Evasion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.family, self.tier, self.detector)
    }
}

/// A test value with the words around it that its detector needs.
#[derive(Clone)]
pub(crate) struct Sample {
    before: String,
    value: String,
    after: String,
}

impl Sample {
    fn whole(&self) -> String {
        self.with(&self.value)
    }

    /// The words, with something else in place of the value.
    fn with(&self, value: &str) -> String {
        format!("{}{value}{}", self.before, self.after)
    }
}

/// Everything that is made of the detectors' test values. Values that cannot be hidden in some way, such as a name in
/// digits of another script, are left out there.
pub fn evasions(seed: u64, mut wanted: impl FnMut(&str) -> bool) -> Vec<Evasion> {
    let mut scanner = TextScanner::new(Detectors::builtin());
    let mut source = SampleSource::new(seed);
    let mut all = Vec::new();
    for id in DetectorId::all() {
        let text = id.detector().sample(&mut source);
        if !wanted(id.name()) {
            continue;
        }
        if let Some(sample) = parts(&mut scanner, id, &text) {
            let hidden = disguise::all(&sample).chain(body::all(&sample));
            all.extend(hidden.map(|(family, tier, record)| Evasion {
                family,
                tier,
                detector: id.name(),
                value: sample.value.clone(),
                record,
            }));
        }
    }
    all
}

/// Cuts a text at what the detector finds in it.
fn parts(scanner: &mut TextScanner, id: DetectorId, text: &str) -> Option<Sample> {
    let found = scanner.scan(text).into_iter().find(|found| found.detector == id)?;
    let cut = |from: usize, to: usize| text.chars().skip(from).take(to.saturating_sub(from)).collect();
    Some(Sample {
        before: cut(0, found.chars.start),
        value: cut(found.chars.start, found.chars.end),
        after: cut(found.chars.end, usize::MAX),
    })
}

//! The detectors of this build, for people and for programs that score them. Test values are made on the spot: none
//! stands in a file.

use interceptor_engine::detect::{DetectorId, SampleSource};
use interceptor_engine::{Detectors, TextScanner};
use serde_json::{Value, json};

/// One detector.
#[derive(Clone)]
pub struct Listed {
    /// Its stable name.
    pub id: &'static str,
    /// `secret` or `personal`.
    pub kind: &'static str,
    /// What stands in for the found text.
    pub label: &'static str,
    /// One line for people.
    pub description: &'static str,
    /// What confirms a candidate.
    pub validators: &'static [&'static str],
    /// A text in which it finds something, made up.
    pub sample: String,
    /// How sure it is of that: `low`, `medium` or `high`. None if it does not find it, which is a defect.
    pub confidence: Option<&'static str>,
}

impl std::fmt::Debug for Listed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id)
    }
}

impl Listed {
    /// As `interceptor detectors --json` shows it.
    pub fn json(&self) -> Value {
        json!({
            "id": self.id,
            "kind": self.kind,
            "label": self.label,
            "description": self.description,
            "validators": self.validators,
            "test_value": self.sample,
            "test_confidence": self.confidence,
        })
    }
}

/// All detectors in order of their names. The same seed gives the same test values.
pub fn detectors(seed: u64) -> Vec<Listed> {
    let mut scanner = TextScanner::new(Detectors::builtin());
    let mut source = SampleSource::new(seed);
    let list = DetectorId::all().map(|id| {
        let detector = id.detector();
        let sample = detector.sample(&mut source);
        let found = scanner.scan(&sample).into_iter().filter(|found| found.detector == id);
        Listed {
            id: detector.name,
            kind: detector.family.name(),
            label: detector.label,
            description: detector.description,
            validators: detector.validators,
            sample,
            confidence: found.map(|found| found.confidence).max().map(|confidence| confidence.name()),
        }
    });
    let mut list: Vec<Listed> = list.collect();
    list.sort_by_key(|listed| listed.id);
    list
}

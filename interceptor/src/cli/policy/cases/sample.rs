//! Made-up values in test cases. A case says `${secret:github_token}`, and the detector of that name makes a value that
//! it finds; so no value that looks like a credential stands in a file. The same words always make the same value.

use interceptor_engine::Detectors;
use interceptor_engine::detect::{DetectorId, SampleSource};

/// The placeholders of a case, each with its value.
#[derive(Debug, Default)]
pub struct Samples(Vec<(String, String)>);

impl Samples {
    /// Puts values in the place of placeholders; `quoted` writes them as they stand inside a string of JSON. The error
    /// is a placeholder that names no detector.
    pub(super) fn fill(&mut self, text: &str, quoted: bool) -> Result<String, String> {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            filled.push_str(before);
            let (name, after) = match after.split_once('}') {
                Some((name, after)) if name.bytes().all(is_part) => (name, after),
                // Somebody else's syntax.
                _ => {
                    filled.push_str("${");
                    rest = after;
                    continue;
                }
            };
            let value = value(name).ok_or_else(|| name.to_owned())?;
            let value = if quoted { inside_json(&value) } else { value };
            if !self.0.iter().any(|(_, known)| *known == value) {
                self.0.push((name.to_owned(), value.clone()));
            }
            filled.push_str(&value);
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// The text with values as placeholders again: what is shown to people holds nothing that looks real.
    pub fn mask(&self, text: &str) -> String {
        { self.0.iter() }.fold(text.to_owned(), |text, (name, value)| {
            text.replace(value.as_str(), &format!("${{{name}}}"))
        })
    }
}

fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_:#.-".contains(&byte)
}

/// `secret:github_token`, or with another value `secret:github_token#2`.
fn value(name: &str) -> Option<String> {
    let (name, seed) = match name.split_once('#') {
        Some((name, seed)) => (name, seed.parse().ok()?),
        None => (name, 1),
    };
    let name = name.replacen(':', ".", 1);
    let detector = DetectorId::all().map(DetectorId::detector).find(|detector| detector.name == name)?;
    Some(detector.sample(&mut SampleSource::new(seed)))
}

fn inside_json(value: &str) -> String {
    let quoted = serde_json::Value::from(value).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// All placeholders.
pub(super) fn names() -> Vec<String> {
    DetectorId::all().map(|id| id.detector().name.replacen('.', ":", 1)).collect()
}

/// The detector that takes something in the text for a credential.
pub(super) fn credential(text: &str, detectors: &Detectors) -> Option<&'static str> {
    let mut findings = Vec::new();
    detectors.scan(text.as_bytes(), &mut findings);
    let names = findings.iter().filter_map(|found| DetectorId::all().find(|id| *id == found.detector));
    names.map(|id| id.detector().name).find(|name| name.starts_with("secret."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_detector_fills_its_placeholder_and_finds_it() {
        let detectors = Detectors::builtin();
        for name in names() {
            let mut samples = Samples::default();
            let filled = samples.fill(&format!("x ${{{name}}} y"), false).expect("it is known");
            let mut findings = Vec::new();
            detectors.scan(filled.as_bytes(), &mut findings);
            let wanted = name.replacen(':', ".", 1);
            assert!(findings.iter().any(|found| found.detector.detector().name == wanted), "{name}");
            assert_eq!(samples.mask(&filled), format!("x ${{{name}}} y"));
        }
    }

    #[test]
    fn values_are_the_same_every_time_and_differ_by_number() {
        let fill = |text: &str| Samples::default().fill(text, true).expect("it is known");
        assert_eq!(fill("${pii:email}"), fill("${pii:email}"));
        assert_ne!(fill("${pii:email}"), fill("${pii:email#2}"));
        assert_eq!(fill("${ {x} $}"), "${ {x} $}");
        assert_eq!(Samples::default().fill("${pii:emial}", true), Err("pii:emial".to_owned()));
    }

    #[test]
    fn what_stands_in_clear_is_noticed() {
        let mut samples = Samples::default();
        let clear = samples.fill("use ${secret:github_token} now", false).expect("it is known");
        assert_eq!(credential(&clear, &Detectors::builtin()), Some("secret.github_token"));
        assert_eq!(credential("use ${secret:github_token} now", &Detectors::builtin()), None);
    }
}

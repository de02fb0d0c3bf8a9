//! Counts what was found of what was there. A place counts as found if a finding overlaps it.
//! Knows labels and findings; does not know how they are shown.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::data::{Label, Sample, Set, Span};
use super::scanner::{Finding, Level};
use super::types::Wanted;

/// The label of secrets, of whatever kind.
const SECRET: &str = "SECRET";

/// Counts at the confidence that policies ask for by default, and at any.
#[derive(Clone, Copy, Debug, Default, Serialize, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) medium: u64,
    pub(super) any: u64,
}

/// So many of so many, and the ids of those that went wrong at medium confidence.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Rate {
    pub(super) of: u64,
    pub(super) hits: Count,
    pub(super) wrong: Vec<String>,
}

/// One type of a set.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Type {
    /// Marked places that were found.
    pub(super) places: Rate,
    /// Findings, and those of them that lie on a marked place.
    pub(super) findings: Count,
    pub(super) right: Count,
    /// Records with a finding that lies on none.
    pub(super) wrong: Vec<String>,
}

/// One kind of check digits.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Checked {
    /// Valid ones that were found.
    pub(super) valid: Rate,
    /// Invalid ones that were found all the same.
    pub(super) invalid: Rate,
}

/// All there is to report about labelled texts. Keys are the set and the family or type.
#[derive(Debug, Default)]
pub(super) struct Scores {
    pub(super) secrets: BTreeMap<(String, String), Rate>,
    pub(super) harmless: BTreeMap<(String, String), Rate>,
    pub(super) types: BTreeMap<(String, String), Type>,
    pub(super) checked: BTreeMap<(String, String), Checked>,
    /// The same for types that have a form and no check digits.
    pub(super) forms: BTreeMap<(String, String), Checked>,
    /// Findings in sets of sentences that no label of the set asks for, by detector.
    pub(super) others: BTreeMap<(String, String), Count>,
}

impl std::ops::AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.medium += other.medium;
        self.any += other.any;
    }
}

impl Count {
    pub(super) fn add(&mut self, level: Level) {
        self.any += 1;
        self.medium += u64::from(level >= Level::Medium);
    }
}

impl Rate {
    /// One more, found with this confidence or not at all. `should` says what is right.
    pub(super) fn add(&mut self, found: Option<Level>, should: bool, id: &str) {
        self.of += 1;
        if let Some(level) = found {
            self.hits.add(level);
        }
        if found.is_some_and(|level| level >= Level::Medium) != should {
            self.wrong.push(id.to_owned());
        }
    }
}

impl Scores {
    /// Counts a set; `found` has what was found in each of its samples.
    pub(super) fn add(&mut self, set: &Set, found: &[Vec<Finding>]) {
        let kinds = kinds(set);
        for (sample, found) in set.samples.iter().zip(found) {
            match &sample.label {
                Label::Spans(spans) => self.sentence(set, sample, spans, &kinds, found),
                Label::Case { target, spans } => self.case(set, sample, target, spans, found),
                Label::Harmless { debatable } => self.harmless(set, sample, *debatable, found),
                Label::Checked { kind, locale, valid } => {
                    self.checked(sample, kind, locale.as_deref(), *valid, found);
                }
            }
        }
    }

    fn sentence(
        &mut self,
        set: &Set,
        sample: &Sample,
        spans: &[Span],
        kinds: &BTreeSet<&str>,
        found: &[Finding],
    ) {
        for span in spans.iter().filter(|span| span.kind == SECRET) {
            let rate = self.secrets.entry((set.name.clone(), family(&sample.id))).or_default();
            let id = format!("{} {}", sample.id, span.rule.as_deref().unwrap_or_default());
            rate.add(strongest(found, span, is_secret), true, id.trim());
        }
        let mut asked = vec![kinds.contains(SECRET); found.len()];
        for kind in kinds.iter().filter(|kind| **kind != SECRET) {
            let wanted = Wanted::label(kind);
            let of_kind: Vec<Span> = spans.iter().filter(|span| span.kind == *kind).cloned().collect();
            self.kind(set, sample, kind, &of_kind, found);
            for (asked, finding) in asked.iter_mut().zip(found) {
                *asked |= wanted.has(&finding.detector);
            }
        }
        for (finding, _) in found.iter().zip(asked).filter(|(_, asked)| !asked) {
            let key = (set.name.clone(), finding.detector.clone());
            self.others.entry(key).or_default().add(finding.confidence);
        }
    }

    fn case(&mut self, set: &Set, sample: &Sample, target: &str, spans: &[Span], found: &[Finding]) {
        let spans: Vec<Span> = spans.iter().filter(|span| span.kind == target).cloned().collect();
        self.kind(set, sample, target, &spans, found);
    }

    /// Counts places and findings of one type in one text.
    fn kind(&mut self, set: &Set, sample: &Sample, kind: &str, spans: &[Span], found: &[Finding]) {
        let wanted = Wanted::label(kind);
        let score = self.types.entry((set.name.clone(), kind.to_owned())).or_default();
        for span in spans {
            let level = strongest(found, span, |detector| wanted.has(detector));
            score.places.add(level, true, &sample.id);
        }
        for finding in found.iter().filter(|finding| wanted.has(&finding.detector)) {
            score.findings.add(finding.confidence);
            if spans.iter().any(|span| overlaps(finding, span)) {
                score.right.add(finding.confidence);
            } else if finding.confidence >= Level::Medium {
                score.wrong.push(sample.id.clone());
            }
        }
    }

    fn harmless(&mut self, set: &Set, sample: &Sample, debatable: bool, found: &[Finding]) {
        let debated = if debatable { " (debatable)" } else { "" };
        let key = (set.name.clone(), family(&sample.id) + debated);
        let secrets = found.iter().filter(|finding| is_secret(&finding.detector));
        let level = secrets.map(|finding| finding.confidence).max();
        self.harmless.entry(key).or_default().add(level, false, &sample.id);
    }

    fn checked(&mut self, sample: &Sample, kind: &str, locale: Option<&str>, valid: bool, found: &[Finding]) {
        let Some((wanted, group)) = Wanted::checked(kind, locale) else { return };
        // What is no number of this country may be one of another.
        if !valid && group.is_empty() && locale.is_some() {
            return;
        }
        let scores =
            if Wanted::has_digits(kind, sample.text()) { &mut self.checked } else { &mut self.forms };
        let score = scores.entry((kind.to_owned(), group)).or_default();
        let levels = found.iter().filter(|finding| wanted.has(&finding.detector));
        let level = levels.map(|finding| finding.confidence).max();
        let rate = if valid { &mut score.valid } else { &mut score.invalid };
        rate.add(level, valid, &sample.id);
    }
}

/// All types that are marked anywhere in a set of sentences: in such a set, what is not marked is not there.
fn kinds(set: &Set) -> BTreeSet<&str> {
    let spans = set.samples.iter().filter_map(|sample| match &sample.label {
        Label::Spans(spans) => Some(spans),
        _ => None,
    });
    spans.flatten().map(|span| span.kind.as_str()).collect()
}

/// What stands before the first digit of an id: `gl-` of `gl-17`.
fn family(id: &str) -> String {
    id.split(|c: char| c.is_ascii_digit()).next().unwrap_or_default().to_owned()
}

fn is_secret(detector: &str) -> bool {
    detector.starts_with("secret.")
}

fn overlaps(finding: &Finding, span: &Span) -> bool {
    finding.start < span.end && span.start < finding.end
}

fn strongest(found: &[Finding], span: &Span, of: impl Fn(&str) -> bool) -> Option<Level> {
    let there = found.iter().filter(|finding| overlaps(finding, span) && of(&finding.detector));
    there.map(|finding| finding.confidence).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(start: usize, end: usize, detector: &str, confidence: Level) -> Finding {
        Finding { start, end, detector: detector.into(), confidence }
    }

    fn set(lines: &str) -> Set {
        Set { name: "s".into(), samples: super::super::data::samples(lines.as_bytes()).unwrap() }
    }

    fn key(name: &str) -> (String, String) {
        ("s".into(), name.into())
    }

    #[test]
    fn sentences_count_both_ways() {
        let set = set(concat!(
            r#"{"id":"a1","text":"t","spans":[{"start":0,"end":4,"type":"US_SSN"},{"start":8,"end":9,"type":"PERSON"}]}"#,
            "\n",
            r#"{"id":"a2","text":"t","spans":[{"start":0,"end":4,"type":"US_SSN"}]}"#,
        ));
        let found = [
            vec![finding(3, 5, "pii.us_ssn", Level::High), finding(6, 7, "pii.us_ssn", Level::Low)],
            vec![finding(4, 5, "pii.us_ssn", Level::Medium), finding(0, 1, "pii.card", Level::High)],
        ];
        let mut scores = Scores::default();
        scores.add(&set, &found);
        let ssn = &scores.types[&key("US_SSN")];
        assert_eq!((ssn.places.of, ssn.places.hits), (2, Count { medium: 1, any: 1 }));
        assert_eq!(ssn.findings, Count { medium: 2, any: 3 });
        assert_eq!(ssn.right, Count { medium: 1, any: 1 });
        assert_eq!((&*ssn.places.wrong, &*ssn.wrong), (&["a2".to_owned()][..], &["a2".to_owned()][..]));
        assert_eq!(scores.others[&key("pii.card")], Count { medium: 1, any: 1 });
    }

    #[test]
    fn secrets_look_alikes_and_check_digits_are_counted() {
        let set = set(concat!(
            r#"{"id":"gl-1","text":"t","spans":[{"start":0,"end":4,"type":"SECRET","rule":"r"}]}"#,
            "\n",
            r#"{"id":"gln-1","text":"t","negative_for":"x"}"#,
            "\n",
            r#"{"value":"1","type":"IBAN","locale_or_args":null,"valid":true}"#,
            "\n",
            r#"{"value":"2","type":"IBAN","locale_or_args":null,"valid":false}"#,
        ));
        let found = [
            vec![finding(0, 1, "secret.x", Level::Low)],
            vec![finding(0, 1, "secret.x", Level::High)],
            vec![finding(0, 1, "pii.iban", Level::Low)],
            vec![],
        ];
        let mut scores = Scores::default();
        scores.add(&set, &found);
        assert_eq!(scores.secrets[&key("gl-")].hits, Count { medium: 0, any: 1 });
        assert_eq!(scores.secrets[&key("gl-")].wrong, ["gl-1 r"]);
        assert_eq!(scores.harmless[&key("gln-")].hits, Count { medium: 1, any: 1 });
        let iban = &scores.checked[&("IBAN".to_owned(), String::new())];
        assert_eq!((iban.valid.hits.any, iban.invalid.of, iban.invalid.hits.any), (1, 1, 0));
    }
}

//! Shows scores, as tables for people and as JSON. Computes shares and nothing else.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::benign::Benign;
use super::score::{Checked, Count, Rate, Scores, Type};

/// Everything that was measured.
pub(super) struct Report {
    pub(super) scores: Scores,
    /// By family and tier.
    pub(super) evasions: BTreeMap<(String, String), Rate>,
    pub(super) benign: Option<Benign>,
    /// So many failures of each kind are named.
    pub(super) misses: usize,
}

type Rows<T> = BTreeMap<(String, String), T>;

impl Report {
    /// One object. Shares are null where there is nothing to share.
    pub(super) fn json(&self) -> Value {
        let rate = |((set, name), rate): (&(String, String), &Rate)| json!({ "set": set, "name": name, "of": rate.of, "hits": rate.hits, "wrong": self.named(&rate.wrong) });
        let types = self.scores.types.iter().map(|((set, name), score)| {
            let at = |of: fn(&Count) -> u64| {
                json!({
                    "recall": share(of(&score.places.hits), score.places.of),
                    "precision": share(of(&score.right), of(&score.findings)),
                })
            };
            json!({
                "set": set, "type": name, "places": score.places.of, "findings": score.findings,
                "medium": at(|count| count.medium), "any": at(|count| count.any),
                "missed": self.named(&score.places.wrong), "wrong": self.named(&score.wrong),
            })
        });
        let checked = |rows: &Rows<Checked>| -> Vec<Value> {
            let row = |((kind, locale), score): (&(String, String), &Checked)| {
                json!({
                    "type": kind, "locale": locale,
                    "valid": score.valid.of, "valid_found": score.valid.hits,
                    "invalid": score.invalid.of, "invalid_found": score.invalid.hits,
                    "missed": self.named(&score.valid.wrong), "wrong": self.named(&score.invalid.wrong),
                })
            };
            rows.iter().map(row).collect()
        };
        let others = self.scores.others.iter();
        json!({
            "secrets": self.scores.secrets.iter().map(rate).collect::<Vec<_>>(),
            "look_alikes": self.scores.harmless.iter().map(rate).collect::<Vec<_>>(),
            "evasions": self.evasions.iter().map(rate).collect::<Vec<_>>(),
            "types": types.collect::<Vec<_>>(),
            "checked": checked(&self.scores.checked), "forms": checked(&self.scores.forms),
            "unasked": others.map(|((set, name), count)| json!({ "set": set, "detector": name, "count": count })).collect::<Vec<_>>(),
            "benign": self.benign.as_ref().map(|benign| json!({
                "bytes": benign.bytes, "files": benign.files, "found": benign.found,
                "credits": benign.credits, "files_with": benign.files_with, "per_100_mb": per_100_mb(total(benign), benign.bytes), "places": self.named(&benign.places),
            })),
        })
    }

    /// Tables on standard output.
    pub(super) fn print(&self) {
        self.rates("secrets found", &self.scores.secrets);
        self.rates("look-alikes flagged", &self.scores.harmless);
        self.rates("test values in hiding found, by family and tier", &self.evasions);
        self.types();
        self.checked("check digits", &self.scores.checked);
        self.checked("forms without check digits", &self.scores.forms);
        if !self.scores.others.is_empty() {
            println!("\nfound where no label asks for it\n  {:42} {:>8} {:>8}", "", "medium", "any");
            for ((set, detector), count) in &self.scores.others {
                println!("  {:42} {:>8} {:>8}", format!("{set} {detector}"), count.medium, count.any);
            }
        }
        if let Some(benign) = &self.benign {
            self.benign(benign);
        }
    }

    fn rates(&self, title: &str, rows: &Rows<Rate>) {
        if rows.is_empty() {
            return;
        }
        println!("\n{title}\n  {:42} {:>8} {:>8} {:>8}", "", "of", "medium", "any");
        for ((set, name), rate) in rows {
            let (medium, any) = (percent(rate.hits.medium, rate.of), percent(rate.hits.any, rate.of));
            println!("  {:42} {:>8} {medium:>8} {any:>8}", format!("{set} {name}"), rate.of);
            self.name("", &rate.wrong);
        }
        let sum = |of: fn(&Rate) -> u64| rows.values().map(of).sum::<u64>();
        let of = sum(|rate| rate.of);
        let medium = percent(sum(|rate| rate.hits.medium), of);
        println!("  {:42} {of:>8} {medium:>8} {:>8}", "all", percent(sum(|rate| rate.hits.any), of));
    }

    fn types(&self) {
        if self.scores.types.is_empty() {
            return;
        }
        println!("\ntypes{:40} {:>8} {:>17} {:>17}", "", "places", "recall, precision", "at any confidence");
        for ((set, kind), score) in &self.scores.types {
            let at = |of: fn(&Count) -> u64| {
                let recall = percent(of(&score.places.hits), score.places.of);
                format!("{recall:>8} {:>8}", percent(of(&score.right), of(&score.findings)))
            };
            let (medium, any) = (at(|count| count.medium), at(|count| count.any));
            println!("  {:42} {:>8} {medium} {any}", format!("{set} {kind}"), score.places.of);
            self.name("missed", &score.places.wrong);
            self.name("wrong", &score.wrong);
        }
        self.types_in_all();
    }

    /// Of each set, all types of which something was found at all: others have no detector.
    fn types_in_all(&self) {
        let mut sums: BTreeMap<&str, Type> = BTreeMap::new();
        let found = |score: &&Type| score.findings.any > 0;
        for ((set, _), score) in self.scores.types.iter().filter(|(_, score)| found(score)) {
            let sum = sums.entry(set).or_default();
            sum.places.of += score.places.of;
            sum.places.hits += score.places.hits;
            sum.findings += score.findings;
            sum.right += score.right;
        }
        for (set, score) in sums {
            let recall = |of: fn(&Count) -> u64| percent(of(&score.places.hits), score.places.of);
            let precision = |of: fn(&Count) -> u64| percent(of(&score.right), of(&score.findings));
            println!(
                "  {:42} {:>8} {:>8} {:>8} {:>8} {:>8}",
                format!("{set} all with a detector"),
                score.places.of,
                recall(|count| count.medium),
                precision(|count| count.medium),
                recall(|count| count.any),
                precision(|count| count.any),
            );
        }
    }

    fn checked(&self, title: &str, rows: &Rows<Checked>) {
        if rows.is_empty() {
            return;
        }
        println!("\n{title:44} {:>8} {:>8} {:>8} {:>8}", "valid", "found", "invalid", "found");
        for ((kind, locale), score) in rows {
            println!(
                "  {:42} {:>8} {:>8} {:>8} {:>8}",
                format!("{kind} {locale}"),
                score.valid.of,
                percent(score.valid.hits.any, score.valid.of),
                score.invalid.of,
                percent(score.invalid.hits.any, score.invalid.of),
            );
            self.name("missed", &score.valid.wrong);
            self.name("wrong", &score.invalid.wrong);
        }
        let sum = |of: fn(&Checked) -> u64| rows.values().map(of).sum::<u64>();
        let (valid, invalid) = (sum(|score| score.valid.of), sum(|score| score.invalid.of));
        println!(
            "  {:42} {valid:>8} {:>8} {invalid:>8} {:>8}",
            "all",
            percent(sum(|score| score.valid.hits.any), valid),
            percent(sum(|score| score.invalid.hits.any), invalid),
        );
    }

    fn benign(&self, benign: &Benign) {
        let (bytes, files) = (benign.bytes as f64 / 1e6, benign.files);
        println!(
            "\nfound in {bytes:.0} MB of sources, {files} files\n  {:42} {:>8} {:>8}",
            "", "medium", "any"
        );
        for (detector, count) in &benign.found {
            println!("  {detector:42} {:>8} {:>8}", count.medium, count.any);
        }
        let all = total(benign);
        println!("  {:42} {:>8}", "files with any of them", benign.files_with);
        println!("  {:42} {:>8.1}", "all, for each 100 MB", per_100_mb(all, benign.bytes));
        let others = per_100_mb(all - benign.credits, benign.bytes);
        println!("  {:42} {others:>8.1}", "without mail addresses of authors");
        self.name("", &benign.places);
    }

    fn name(&self, what: &str, ids: &[String]) {
        for id in self.named(ids) {
            println!("      {what} {id}");
        }
    }

    fn named<'a>(&self, ids: &'a [String]) -> &'a [String] {
        &ids[..ids.len().min(self.misses)]
    }
}

fn total(benign: &Benign) -> u64 {
    benign.found.values().map(|count| count.medium).sum()
}

fn per_100_mb(count: u64, bytes: u64) -> f64 {
    count as f64 * 1e8 / bytes.max(1) as f64
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn percent(part: u64, whole: u64) -> String {
    share(part, whole).map_or_else(|| "-".into(), |share| format!("{:.1} %", share * 100.0))
}

//! Labelled texts: what the files of a folder hold, told apart by their shape. Judges nothing.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use flate2::read::MultiGzDecoder;
use serde::Deserialize;

/// One file.
pub(super) struct Set {
    pub(super) name: String,
    pub(super) samples: Vec<Sample>,
}

/// One labelled text.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) id: String,
    text: String,
    pub(super) label: Label,
}

/// What is known of it.
#[derive(Debug)]
pub(super) enum Label {
    /// Everything of certain types is marked.
    Spans(Vec<Span>),
    /// All of one type is marked, nothing of others.
    Case { target: String, spans: Vec<Span> },
    /// It looks like a secret and is none. Some say it is one of another kind.
    Harmless { debatable: bool },
    /// The whole text has the form of a type, with right check digits or wrong ones.
    Checked { kind: String, locale: Option<String>, valid: bool },
}

/// A marked place, in code points.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// Which rule of whoever marked it.
    pub(super) rule: Option<String>,
}

#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    id: serde_json::Value,
    text: Option<String>,
    #[serde(default)]
    spans: Vec<Span>,
    target: Option<String>,
    negative_for: Option<serde_json::Value>,
    #[serde(default)]
    also_matched_by_other_gitleaks_rules: Vec<serde_json::Value>,
    value: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    locale_or_args: Option<String>,
    valid: Option<bool>,
}

impl Sample {
    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

/// Reads every file of JSON lines in a folder, in the order of their names.
pub(super) fn read(folder: &Path) -> Result<Vec<Set>> {
    let entries = fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    paths.sort();
    let ends = |path: &Path, end: &str| path.to_string_lossy().ends_with(end);
    let mut sets = Vec::new();
    for path in paths {
        let file = |path: &Path| fs::File::open(path).with_context(|| format!("open {}", path.display()));
        let input: Box<dyn Read> = match () {
            () if ends(&path, ".jsonl.gz") => Box::new(MultiGzDecoder::new(file(&path)?)),
            () if ends(&path, ".jsonl") => Box::new(file(&path)?),
            () => continue,
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.split(".jsonl").next().unwrap_or_default().to_owned();
        let samples = samples(BufReader::new(input)).with_context(|| format!("read {}", path.display()))?;
        sets.push(Set { name, samples });
    }
    Ok(sets)
}

pub(super) fn samples(input: impl BufRead) -> Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for (number, line) in input.lines().enumerate() {
        let line = line?;
        let line: Line = match serde_json::from_str(&line) {
            Ok(line) => line,
            // Half a surrogate pair is no character, so there is no such text to scan.
            Err(error) if error.is_syntax() && error.to_string().contains("surrogate") => continue,
            Err(error) => return Err(error).with_context(|| format!("line {}", number + 1)),
        };
        // Records of other shapes, such as bodies, are not for these tables.
        samples.extend(line.sample(number + 1));
    }
    Ok(samples)
}

impl Line {
    fn sample(self, number: usize) -> Option<Sample> {
        let id = match self.id {
            serde_json::Value::String(id) => id,
            serde_json::Value::Null => number.to_string(),
            other => other.to_string(),
        };
        if let (Some(text), Some(kind), Some(valid)) = (self.value, self.kind, self.valid) {
            return Some(Sample {
                id,
                text,
                label: Label::Checked { kind, locale: self.locale_or_args, valid },
            });
        }
        let label = match (self.target, self.negative_for) {
            (Some(target), _) => Label::Case { target, spans: self.spans },
            (None, Some(_)) => {
                Label::Harmless { debatable: !self.also_matched_by_other_gitleaks_rules.is_empty() }
            }
            (None, None) => Label::Spans(self.spans),
        };
        Some(Sample { id, text: self.text?, label })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_told_apart() {
        let lines = concat!(
            r#"{"id":"a-1","text":"t","spans":[{"start":0,"end":1,"type":"SECRET","rule":"r"}]}"#,
            "\n",
            r#"{"id":"b","text":"t","spans":[],"target":"T"}"#,
            "\n",
            r#"{"id":"c","text":"t","negative_for":"x","also_matched_by_other_gitleaks_rules":["y"]}"#,
            "\n",
            r#"{"value":"v","type":"TaxID","locale_or_args":"de-DE","valid":false}"#,
            "\n",
            r#"{"id":"d","direction":"request","chunks":[]}"#,
            "\n",
        );
        let samples = samples(lines.as_bytes()).unwrap();
        assert_eq!(samples.len(), 4);
        assert!(matches!(&samples[0].label, Label::Spans(spans) if spans[0].end == 1));
        assert!(matches!(&samples[1].label, Label::Case { target, .. } if target == "T"));
        assert!(matches!(&samples[2].label, Label::Harmless { debatable: true }));
        assert!(matches!(&samples[3].label, Label::Checked { valid: false, .. }));
        assert_eq!((samples[3].id.as_str(), samples[3].text()), ("4", "v"));
    }
}

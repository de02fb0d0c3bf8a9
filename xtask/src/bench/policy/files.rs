//! The policies of the benchmark, as files. Knows how they are written. Does not know who reads them.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::tools::workspace;

/// Policies in one file; a file may have so many values.
const IN_A_FILE: usize = 500;

/// The policy that everybody has.
pub(super) fn standard() -> PathBuf {
    workspace().join("policies/default.yaml")
}

/// Limits that no run uses up: two counts for each caller.
pub(super) fn limits(folder: &Path) -> anyhow::Result<PathBuf> {
    let text = "apiVersion: interceptor.dev/v1alpha1\nkind: EgressPolicy\nmetadata: { name: limits }\nspec:\n  limits:\n    \
                - { name: calls, requests: 1000000000, each: month, per: [subject] }\n    \
                - { name: tokens, tokens: 1000000000000, each: month, per: [subject, model] }\n";
    let path = folder.join("limits.yaml");
    fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    Ok(path)
}

/// A directory with the standard policy, and so many others that are for namespaces of their own.
pub(super) fn many(folder: &Path, count: usize) -> anyhow::Result<PathBuf> {
    let directory = folder.join("many");
    fs::create_dir_all(&directory)?;
    fs::copy(standard(), directory.join("standard.yaml"))?;
    for from in (0..count).step_by(IN_A_FILE) {
        let mut text = String::new();
        for number in from..(from + IN_A_FILE).min(count) {
            let _ = write!(
                text,
                "---\napiVersion: interceptor.dev/v1alpha1\nkind: EgressPolicy\nmetadata: {{ name: p-{number} }}\nspec:\n  \
                 subjects: [{{ namespaces: [team-{number}] }}]\n  rules:\n    \
                 - {{ name: secrets-{number}, match: {{ direction: request, detectors: [\"secret.*\"] }}, action: block }}\n    \
                 - {{ name: mask-{number}, match: {{ direction: both, detectors: [\"pii.*\"] }}, action: redact }}\n    \
                 - {{ name: model-{number}, match: {{ models: [\"gpt-*\"] }}, action: audit }}\n"
            );
        }
        fs::write(directory.join(format!("{from:05}.yaml")), text)?;
    }
    Ok(directory)
}

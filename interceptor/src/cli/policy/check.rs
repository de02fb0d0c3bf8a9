//! `interceptor policy check`: whether files make a policy, and all that is wrong with them if not.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use interceptor_engine::document::{self, Mistakes};
use interceptor_engine::policy::PolicySet;
use serde_json::{Value, json};

use super::report::{Format, Report};
use crate::app::{StartError, signature};
use crate::cli::exit;

pub(super) const EXAMPLES: &str = "Examples:\n  interceptor policy check egress.yaml detectors.yaml\n  \
     interceptor policy check --format sarif policies/default.yaml > policies.sarif\n  \
     interceptor policy check --public-key minisign.pub policies/*.yaml\n\n\
     Exits with 0 if the files make a policy, with 3 if not.";

/// `policy check`
#[derive(Debug, Args)]
pub struct Check {
    /// The files that make up one policy.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How to report. Text goes to standard error, the others to standard output.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// The same as `--format json`.
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// A public key of minisign: the files have to be all that `policy.sha256` beside them lists, and that has to be
    /// signed with this key or another one that is given.
    #[arg(long, value_name = "FILE")]
    public_key: Vec<PathBuf>,
}

impl Check {
    pub(super) fn run(&self) -> Result<ExitCode, StartError> {
        let files = super::read_all(&self.files)?;
        let format = if self.json { Format::Json } else { self.format };
        // What nobody signed is not read, as by the daemon.
        let checked = self.signed(&files).and_then(|()| PolicySet::load(&[], &files).map(|set| set.policy));
        let report = Report::of_mistakes(
            "policy check",
            files.iter().map(|(name, _)| name.as_str()),
            checked.as_ref().err(),
        );
        match (format, &checked) {
            (Format::Text, Ok(policy)) => {
                super::print(&format!("{} rules, version {}\n", policy.rules().len(), policy.version()));
            }
            (Format::Text, Err(mistakes)) => return Ok(crate::cli::mistaken(mistakes)),
            (Format::Json, Ok(policy)) => {
                let rules = policy.rules().len();
                let good = json!({ "ok": true, "version": policy.version(), "rules": rules, "mistakes": [] });
                super::print(&format!("{good}\n"));
            }
            (Format::Json, Err(mistakes)) => {
                let all: Vec<Value> = { mistakes.iter() }
                    .map(|mistake| {
                        json!({
                            "file": *mistake.file,
                            "line": mistake.at.line,
                            "column": mistake.at.column,
                            "what": mistake.what,
                            "expected": mistake.expected,
                            "did_you_mean": mistake.did_you_mean,
                        })
                    })
                    .collect();
                super::print(&format!("{}\n", json!({ "ok": false, "mistakes": all })));
            }
            (Format::Junit | Format::Sarif, _) => super::print(&format!("{}\n", report.render(format))),
        }
        Ok(if checked.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(exit::MISTAKES) })
    }

    fn signed(&self, files: &[(String, String)]) -> Result<(), Mistakes> {
        if self.public_key.is_empty() {
            return Ok(());
        }
        signature::check_files(&self.public_key, files).map(drop).map_err(|error| {
            let report = document::Report::new();
            report.about_file(&error.path().display().to_string(), &crate::telemetry::chain(&error), None);
            report.finish::<()>(None).expect_err("there is a mistake in it")
        })
    }
}

//! `interceptor policy …`: checks policies before they are used.
//! Knows files and texts. The language is the engine's.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use interceptor_engine::policy::PolicySet;
use serde_json::json;

use super::exit;

/// Check policies.
#[derive(Debug, Args)]
pub struct PolicyCommand {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Report every mistake in policy files, with its place.
    #[command(after_help = "Example:\n  interceptor policy check policies/*.yaml\n\n\
                            Exits with 0 if the files make a policy, with 3 if not.")]
    Check(Check),
}

/// `policy check`
#[derive(Debug, Args)]
struct Check {
    /// The files that make up one policy.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// One JSON object on standard output instead of lines on standard error.
    #[arg(long)]
    json: bool,
}

impl PolicyCommand {
    /// Runs the verb.
    pub fn run(&self) -> ExitCode {
        match &self.verb {
            Verb::Check(check) => check.run(),
        }
    }
}

impl Check {
    fn run(&self) -> ExitCode {
        let mut files = Vec::new();
        for path in &self.files {
            match std::fs::read_to_string(path) {
                Ok(text) => files.push((path.display().to_string(), text)),
                Err(io) => {
                    let error = crate::app::StartError::Read { path: path.clone(), io };
                    return super::failed(&error, exit::MISTAKES);
                }
            }
        }
        match PolicySet::load(&[], &files) {
            Ok(PolicySet { policy, .. }) => {
                if self.json {
                    println!("{}", json!({ "ok": true, "version": policy.version(), "mistakes": [] }));
                } else {
                    println!("{} rules, version {}", policy.rules().len(), policy.version());
                }
                ExitCode::SUCCESS
            }
            Err(mistakes) if self.json => {
                let mistakes: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
                println!("{}", json!({ "ok": false, "mistakes": mistakes }));
                ExitCode::from(exit::MISTAKES)
            }
            Err(mistakes) => super::mistaken(&mistakes),
        }
    }
}

//! `interceptor policy …`: checks, tests, explains and compares policies before they are used.
//! Knows files and what to call. The language and its meaning are the engine's.

pub mod cases;
pub mod check;
pub mod compare;
pub mod diff;
pub mod explain;
pub mod fmt;
pub mod play;
mod recorded;
pub mod report;
pub mod schema;
pub mod test;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::app::StartError;

/// Check, test, explain and compare policies.
#[derive(Debug, Args)]
pub struct PolicyCommand {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Report every mistake in policy files, with its place.
    #[command(after_help = check::EXAMPLES)]
    Check(check::Check),
    /// Play the exchanges of test cases through the engine and compare what becomes of them.
    #[command(after_help = test::EXAMPLES)]
    Test(test::Test),
    /// Say why an exchange is decided as it is: every policy, every rule, and which one wins.
    #[command(after_help = explain::EXAMPLES)]
    Explain(explain::Explain),
    /// Say which recorded exchanges another policy would decide otherwise.
    #[command(after_help = diff::EXAMPLES)]
    Diff(diff::Diff),
    /// Write policy files in the one way in which all of them are written.
    #[command(after_help = fmt::EXAMPLES)]
    Fmt(fmt::Fmt),
    /// Print the schema of policy files for editors, or the resource definitions for Kubernetes.
    #[command(after_help = schema::EXAMPLES)]
    Schema(schema::Schema),
}

impl PolicyCommand {
    /// Runs the verb.
    pub fn run(&self) -> ExitCode {
        let result = match &self.verb {
            Verb::Check(check) => check.run(),
            Verb::Test(test) => test.run(),
            Verb::Explain(explain) => explain.run(),
            Verb::Diff(diff) => diff.run(),
            Verb::Fmt(fmt) => fmt.run(),
            Verb::Schema(schema) => schema.run(),
        };
        result.unwrap_or_else(|error| match error {
            StartError::Mistakes(mistakes) => super::mistaken(&mistakes),
            other => super::failed(&other, super::exit::MISTAKES),
        })
    }
}

/// Reads files, each with its name.
fn read_all(paths: &[PathBuf]) -> Result<Vec<(String, String)>, StartError> {
    paths.iter().map(|path| Ok((path.display().to_string(), read(path)?))).collect()
}

fn read(path: &Path) -> Result<String, StartError> {
    std::fs::read_to_string(path).map_err(|io| StartError::Read { path: path.to_owned(), io })
}

/// Standard output, which may be closed before it has taken everything: then nobody wants the rest.
fn print(text: &str) {
    use std::io::Write as _;
    let _ = std::io::stdout().write_all(text.as_bytes());
}

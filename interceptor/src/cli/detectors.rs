//! `interceptor detectors`: what this build looks for. Knows how to show it; the list is made by `interceptor-scan`.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Args;
use interceptor_scan::Listed;

use super::exit;

/// Below the help text.
pub(super) const EXAMPLES: &str = "\
Examples:
  interceptor detectors
  interceptor detectors --json | jq -r '.[] | select(.kind == \"secret\") | .id'

With --json each has: id (stable; what rules and findings name), kind (secret or personal), label, description,
validators, test_value (made up, with the words before it that it needs), and test_confidence, how sure the detector is of
it.";

/// `interceptor detectors`
#[derive(Debug, Args)]
pub struct Detectors {
    /// One JSON array on standard output.
    #[arg(long)]
    json: bool,
    /// Another number makes other test values.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Detectors {
    /// Shows the list.
    pub fn run(&self) -> ExitCode {
        let list = interceptor_scan::detectors(self.seed);
        let shown = if self.json { json(&list) } else { table(&list) };
        match shown {
            Ok(()) => ExitCode::SUCCESS,
            // `interceptor detectors | head` is no failure.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Err(error) => super::failed(&error, exit::FAILED),
        }
    }
}

fn json(list: &[Listed]) -> io::Result<()> {
    let list: Vec<_> = list.iter().map(Listed::json).collect();
    let mut out = io::BufWriter::new(io::stdout().lock());
    serde_json::to_writer_pretty(&mut out, &list)?;
    out.write_all(b"\n")?;
    out.flush()
}

fn table(list: &[Listed]) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    for listed in list {
        writeln!(out, "{:36} {}", listed.id, listed.description)?;
        writeln!(out, "{:36}   {}", "", listed.validators.join(", "))?;
    }
    out.flush()
}

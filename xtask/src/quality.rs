//! `cargo xtask quality`: how well the detectors find what is there and leave alone what is not.
//! Knows labelled texts and sources on this machine. Knows no detector: it asks the scanner, as anybody could.

mod benign;
mod data;
mod evasion;
mod report;
mod scanner;
mod score;
mod types;

use std::path::PathBuf;

use anyhow::{Result, ensure};

use crate::tools::say;
use scanner::Scanner;

/// Arguments of `cargo xtask quality`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// A folder of labelled JSON lines, plain or gzip. Without one only what needs no labels is measured.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// One JSON object on standard output instead of tables.
    #[arg(long)]
    json: bool,
    /// A scanner that is built already, `interceptor` or `interceptor-scan`; without it, it is built.
    #[arg(long, value_name = "PROGRAM")]
    scanner: Option<PathBuf>,
    /// Folders of harmless text of any kind (documentation, data, logs, manuals, sources), instead of the sources of Rust
    /// crates and of Python on this machine.
    #[arg(long, value_name = "DIR")]
    benign: Vec<PathBuf>,
    /// So much harmless text is scanned, in MB; 0 for none.
    #[arg(long, default_value_t = 200, value_name = "MB")]
    benign_mb: u64,
    /// Leave out the test values in hiding.
    #[arg(long)]
    no_evasion: bool,
    /// Also name up to so many records of each kind that were not found or wrongly found.
    #[arg(long, default_value_t = 0, value_name = "COUNT")]
    misses: usize,
}

const EXAMPLES: &str = "\
Examples:
  cargo xtask quality --data labelled --misses 5
  cargo xtask quality --data labelled --benign-mb 0 --json | jq '.types[] | select(.medium.recall < 0.99)'

Labelled texts have one of these shapes, by which they are told apart:
  {\"id\",\"text\",\"spans\":[{\"start\",\"end\",\"type\"}]}             sentences; a span of type SECRET is a secret, and the id
                                                          up to the first digit names its family
  {\"id\",\"text\",\"spans\",\"target\"}                            cases of one type: without spans of it there is none
  {\"id\",\"text\",\"negative_for\"}                              looks like a secret and is none
  {\"value\",\"type\",\"locale_or_args\",\"valid\"}                 check digits";

/// Measures and reports.
pub(crate) fn run(args: &Args) -> Result<()> {
    let program = match &args.scanner {
        Some(program) => program.clone(),
        None => scanner::build()?,
    };
    let scanner = Scanner::new(program);
    let mut scores = score::Scores::default();
    if let Some(folder) = &args.data {
        let sets = data::read(folder)?;
        ensure!(!sets.is_empty(), "{} holds no JSON lines", folder.display());
        for set in &sets {
            say(&format!("scoring {} records of {}", set.samples.len(), set.name));
            let found = scanner.scan(set.samples.iter().map(data::Sample::text))?;
            scores.add(set, &found);
        }
    }
    let benign =
        if args.benign_mb > 0 { Some(benign::run(&scanner, &args.benign, args.benign_mb)?) } else { None };
    let evasions = if args.no_evasion { Default::default() } else { evasion::run(&scanner)? };
    let report = report::Report { scores, evasions, benign, misses: args.misses };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report.json())?);
    } else {
        report.print();
    }
    Ok(())
}

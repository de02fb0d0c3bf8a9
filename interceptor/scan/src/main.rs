//! The scanner alone, for the quality harness: reads records on standard input. `interceptor scan` is the same with
//! the daemon around it.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser;
use interceptor_scan::{Options, Scan};

/// Score records by the detectors of this build.
#[derive(Debug, Parser)]
#[command(name = "interceptor-scan", version)]
struct Args {
    /// Add what was found to each finding.
    #[arg(long)]
    show_values: bool,
    /// Instead, list the detectors, one JSON object a line.
    #[arg(long, conflicts_with = "evasions")]
    detectors: bool,
    /// Instead, write records in which test values of the detectors are hidden, with what should be found.
    #[arg(long)]
    evasions: bool,
    /// Another number makes other test values.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    let args = Args::parse();
    if args.detectors || args.evasions {
        return match list(&args) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("interceptor-scan: {error}");
                ExitCode::FAILURE
            }
        };
    }
    let mut scan = match Scan::new(Options { show_values: args.show_values }) {
        Ok(scan) => scan,
        Err(mistakes) => {
            eprintln!("{mistakes}");
            return ExitCode::FAILURE;
        }
    };
    match scan.run(io::stdin().lock(), io::stdout().lock()) {
        Ok(tally) if tally.bad == 0 => ExitCode::SUCCESS,
        Ok(tally) => {
            eprintln!("{} of {} lines are no records", tally.bad, tally.bad + tally.scored);
            ExitCode::from(3)
        }
        Err(error) => {
            eprintln!("interceptor-scan: {error}");
            ExitCode::FAILURE
        }
    }
}

fn list(args: &Args) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    if args.detectors {
        for detector in interceptor_scan::detectors(args.seed) {
            writeln!(out, "{}", detector.json())?;
        }
        return out.flush();
    }
    for hidden in interceptor_scan::evasion::evasions(args.seed, |_| true) {
        let mut record = hidden.record;
        record["hidden"] = serde_json::json!({
            "family": hidden.family, "tier": hidden.tier, "detector": hidden.detector, "value": hidden.value,
        });
        writeln!(out, "{record}")?;
    }
    out.flush()
}

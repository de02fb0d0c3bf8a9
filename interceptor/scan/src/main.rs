//! The scanner alone, for the quality harness: reads records on standard input. `interceptor scan` is the same with
//! the daemon around it.

use std::io;
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
}

fn main() -> ExitCode {
    let args = Args::parse();
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

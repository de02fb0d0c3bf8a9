//! `interceptor scan`: scores detectors on records of the caller's own. Knows arguments and exit codes; records are
//! read and answered by `interceptor-scan`.

use std::io;
use std::process::ExitCode;

use clap::Args;
use interceptor_scan::Options;

use super::exit;

/// Below the help text.
pub(super) const EXAMPLES: &str = "\
Examples:
  echo '{\"id\":1,\"text\":\"write to jane.doe@example.com\"}' | interceptor scan --jsonl --show-values
  zcat texts.jsonl.gz | interceptor scan --jsonl > findings.jsonl

Records, one a line:
  {\"id\",\"text\"}
      Answered by {\"id\",\"findings\":[{\"start\",\"end\",\"detector\",\"confidence\"}]}: places are half open and count
      Unicode code points.
  {\"id\",\"direction\",\"content_type\",\"content_encoding\",\"provider\"?,\"method\"?,\"path\"?,
   \"chunks\":[text …] or \"chunks_b64\":[base64 …],\"pad_bytes\"?}
      A body, run through an exchange chunk by chunk under the strict policy. Without provider and path its format is
      recognised. NUL PAD NUL in it stands for `pad_bytes` bytes of prose. The answer also has \"output_b64\", what
      would have been forwarded; places count from the beginning of the text at \"place\".
A line that is no record is answered by {\"id\",\"line\",\"error\"}, and the exit code is 3.";

/// `interceptor scan`
#[derive(Debug, Args)]
pub struct Scan {
    /// Read one JSON object a line on standard input, and write one a line on standard output.
    #[arg(long, required = true)]
    jsonl: bool,
    /// Add what was found to each finding. The output then holds the secrets of the input.
    #[arg(long)]
    show_values: bool,
}

impl Scan {
    /// Scores standard input.
    pub fn run(&self) -> ExitCode {
        let options = Options { show_values: self.show_values };
        let mut scan = match interceptor_scan::Scan::new(options) {
            Ok(scan) => scan,
            Err(mistakes) => return super::mistaken(&mistakes),
        };
        match scan.run(io::stdin().lock(), io::stdout().lock()) {
            Ok(tally) if tally.bad == 0 => ExitCode::SUCCESS,
            Ok(tally) => {
                eprintln!("interceptor: {} of {} lines are no records", tally.bad, tally.bad + tally.scored);
                ExitCode::from(exit::MISTAKES)
            }
            Err(error) => super::failed(&error, exit::FAILED),
        }
    }
}

//! The scanner as a process: records in, findings out. Knows the shape of both. Does not know what is right.

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::tools::cargo::{cargo, target_directory};
use crate::tools::run;

/// A scanner to be asked.
pub(super) struct Scanner {
    program: PathBuf,
}

/// Something found. Places are code points.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Finding {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) detector: String,
    pub(super) confidence: Level,
}

/// How sure a detector was.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    Low,
    Medium,
    High,
}

#[derive(Deserialize)]
struct Answer {
    findings: Option<Vec<Finding>>,
    error: Option<String>,
}

/// Builds the scanner with optimisation, and without the daemon.
pub(super) fn build() -> Result<PathBuf> {
    run(cargo().args(["build", "--locked", "--package", "interceptor-scan", "--profile", "quality"]))?;
    Ok(target_directory()?.join("quality/interceptor-scan"))
}

impl Scanner {
    pub(super) fn new(program: PathBuf) -> Self {
        Scanner { program }
    }

    /// What is found in each text, in order.
    pub(super) fn scan<'a>(&self, texts: impl Iterator<Item = &'a str> + Send) -> Result<Vec<Vec<Finding>>> {
        self.records(texts.map(|text| serde_json::json!({ "text": text })))
    }

    /// What is found in each record, in order. The records go in from a thread of their own: a pipe holds little.
    pub(super) fn records(&self, records: impl Iterator<Item = Value> + Send) -> Result<Vec<Vec<Finding>>> {
        let mut command = Command::new(&self.program);
        if self.is_daemon() {
            command.args(["scan", "--jsonl"]);
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("start {}", self.program.display()))?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (input, output) = input.zip(output).context("a piped process has its pipes")?;
        let found = thread::scope(|scope| {
            let writer = scope.spawn(move || -> std::io::Result<usize> {
                let mut input = BufWriter::new(input);
                let mut written = 0;
                for record in records {
                    serde_json::to_writer(&mut input, &record)?;
                    input.write_all(b"\n")?;
                    written += 1;
                }
                input.flush()?;
                Ok(written)
            });
            let found = read(BufReader::new(output));
            let written = writer.join().expect("the writer does not panic").context("write records")?;
            let found = found?;
            ensure!(found.len() == written, "{written} records were given and {} answered", found.len());
            Ok(found)
        })?;
        let status = child.wait()?;
        ensure!(status.success(), "the scanner failed: {status}");
        Ok(found)
    }

    /// Records in which test values are hidden. None from the daemon, which has no use for them.
    pub(super) fn evasions(&self) -> Result<Vec<Value>> {
        if self.is_daemon() {
            return Ok(Vec::new());
        }
        let output = Command::new(&self.program).arg("--evasions").output();
        let output = output.with_context(|| format!("start {}", self.program.display()))?;
        ensure!(output.status.success(), "{} --evasions: {}", self.program.display(), output.status);
        let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).context("read an evasion")).collect()
    }

    /// The daemon has other commands, too.
    fn is_daemon(&self) -> bool {
        self.program.file_name().is_some_and(|name| name == "interceptor")
    }
}

fn read(output: impl BufRead) -> Result<Vec<Vec<Finding>>> {
    let mut found = Vec::new();
    for line in output.lines() {
        let answer: Answer = serde_json::from_str(&line?).context("read an answer of the scanner")?;
        match (answer.findings, answer.error) {
            (Some(findings), _) => found.push(findings),
            (None, error) => bail!("record {}: {}", found.len() + 1, error.unwrap_or_default()),
        }
    }
    Ok(found)
}

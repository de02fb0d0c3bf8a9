//! The loop over lines, and what is written for each. A bad line is answered like any other, by its number and
//! what is wrong with it.

use std::io::{self, BufRead, Write};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use interceptor_engine::detect::Confidence;
use interceptor_engine::document::Mistakes;
use interceptor_engine::{Catalogue, Detectors, Engine, Limits, Policy, TextScanner};
use serde_json::{Value, json};

use crate::payload::{self, Ran};
use crate::record::{self, Record, RecordError};

/// Longest line that is read.
const LONGEST: usize = 256 << 20;

/// The policy under which payloads run: the strictest that is shipped.
const STRICT: &str = include_str!("../../../policies/strict.yaml");

/// How records are scored.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Findings carry what was found.
    pub show_values: bool,
}

/// What went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Lines that were scored.
    pub scored: u64,
    /// Lines that were answered by an error.
    pub bad: u64,
}

/// Everything that scoring needs, made once.
#[derive(Debug)]
pub struct Scan {
    engine: Arc<Engine>,
    texts: TextScanner,
    options: Options,
}

impl Scan {
    /// A scan by the detectors, the catalogue and the strict policy of this build.
    ///
    /// # Errors
    /// The shipped policy is wrong, which a test of this package rules out.
    pub fn new(options: Options) -> Result<Self, Mistakes> {
        Ok(Self::with_policy(options, Policy::load(&[("policies/strict.yaml", STRICT)])?))
    }

    /// A scan under another policy.
    pub fn with_policy(options: Options, policy: Policy) -> Self {
        let detectors = Detectors::builtin();
        let texts = TextScanner::new(detectors.clone());
        let engine = Engine::new(Catalogue::builtin(), Arc::new(policy), detectors, Limits::STANDARD);
        Scan { engine, texts, options }
    }

    /// Answers every line of `input` on `output`, in order. Empty lines are bad lines too, so that both have equally
    /// many.
    ///
    /// # Errors
    /// Reading or writing failed.
    pub fn run(&mut self, mut input: impl BufRead, mut output: impl Write) -> io::Result<Tally> {
        let mut tally = Tally::default();
        let mut line = Vec::new();
        for number in 1u64.. {
            line.clear();
            let long = match read_line(&mut input, &mut line)? {
                Read::End => break,
                Read::Line => false,
                Read::Long => true,
            };
            let (id, answer) = if long {
                (Value::Null, Err(RecordError::Long(LONGEST)))
            } else {
                let (id, record) = record::read(&line);
                (id, record.and_then(|record| self.answer(record)))
            };
            match answer {
                Ok(mut answer) => {
                    tally.scored += 1;
                    answer.insert_id(id);
                    serde_json::to_writer(&mut output, &answer.0)?;
                }
                Err(error) => {
                    tally.bad += 1;
                    let bad = json!({ "id": id, "line": number, "error": error.to_string() });
                    serde_json::to_writer(&mut output, &bad)?;
                }
            }
            output.write_all(b"\n")?;
            // Whoever writes one line and waits for its answer gets it.
            output.flush()?;
        }
        Ok(tally)
    }

    fn answer(&mut self, record: Record) -> Result<Answer, RecordError> {
        match record {
            Record::Text(text) => Ok(self.text(&text)),
            Record::Payload(payload) => payload::run(&self.engine, *payload).map(|ran| self.payload(ran)),
        }
    }

    fn text(&mut self, text: &str) -> Answer {
        let findings = self.texts.readings(text);
        let findings = findings.into_iter().map(|found| {
            let name = self.texts.registry().name(found.detector);
            self.finding(found.chars, None, name, found.confidence, &found.value)
        });
        Answer(json!({ "id": null, "findings": findings.collect::<Vec<_>>() }))
    }

    fn payload(&self, ran: Ran) -> Answer {
        let findings = ran.revealed.into_iter().map(|found| {
            let shown = found.shown;
            self.finding(shown.chars, Some(&found.place), &found.detector, found.confidence, &shown.value)
        });
        let doubts = ran.record.doubts.iter().map(|doubt| doubt.uncertainty.name());
        Answer(json!({
            "id": null,
            "findings": findings.collect::<Vec<_>>(),
            "operation": &*ran.record.operation,
            "verdict": verdict(ran.record.verdict),
            "doubts": doubts.collect::<Vec<_>>(),
            "output_b64": STANDARD.encode(ran.output),
        }))
    }

    fn finding(
        &self,
        chars: std::ops::Range<usize>,
        place: Option<&str>,
        detector: &str,
        confidence: Confidence,
        value: &[u8],
    ) -> Value {
        let mut finding = json!({
            "start": chars.start,
            "end": chars.end,
            "detector": detector,
            "confidence": confidence.name(),
        });
        if let Some(place) = place {
            finding["place"] = place.into();
        }
        if self.options.show_values {
            finding["value"] = String::from_utf8_lossy(value).into();
        }
        finding
    }
}

/// An answer whose id is still missing. It stands first, where people look for it.
struct Answer(Value);

impl Answer {
    fn insert_id(&mut self, id: Value) {
        self.0["id"] = id;
    }
}

fn verdict(verdict: interceptor_engine::record::Verdict) -> &'static str {
    use interceptor_engine::record::Verdict;
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Redact => "redact",
        Verdict::Block => "block",
    }
}

enum Read {
    Line,
    Long,
    End,
}

/// Reads a line without its end. One that is too long is read to its end and forgotten.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Read> {
    let mut long = false;
    let mut any = false;
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(if any { if long { Read::Long } else { Read::Line } } else { Read::End });
        }
        any = true;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let piece = end.map_or(buffer, |end| &buffer[..end]);
        if line.len() + piece.len() > LONGEST {
            long = true;
            line.clear();
        }
        if !long {
            line.extend_from_slice(piece);
        }
        let taken = end.map_or(buffer.len(), |end| end + 1);
        input.consume(taken);
        if end.is_some() {
            return Ok(if long { Read::Long } else { Read::Line });
        }
    }
}

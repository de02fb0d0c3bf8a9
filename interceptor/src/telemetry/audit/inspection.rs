//! How the engine's record of an exchange is spelled in the audit trail.
//! Kinds, places, lengths and rules. There is no payload in a record, and none is added here.

use interceptor_engine::policy::Answer;
use interceptor_engine::record::{Doubt, FindingRecord, Ledger, Record, Tokens, Verdict};
use serde_json::{Value, json};

/// The record as JSON.
pub(super) fn value(record: &Record) -> Value {
    json!({
        "operation": &*record.operation,
        "model": record.model,
        "streamed": record.streamed,
        "verdict": verdict(record.verdict),
        "findings": record.findings.iter().map(finding).collect::<Vec<_>>(),
        "findings_left_out": record.findings_left_out,
        "doubts": record.doubts.iter().map(doubt).collect::<Vec<_>>(),
        "request": ledger(&record.request),
        "response": ledger(&record.response),
        "tokens": tokens(&record.usage),
        "policy": &*record.policy,
    })
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Redact => "redact",
        Verdict::Block => "block",
    }
}

fn finding(finding: &FindingRecord) -> Value {
    json!({
        "detector": finding.detector.name(),
        "confidence": finding.confidence.name(),
        "direction": finding.direction.name(),
        "place": &*finding.place,
        "start": finding.start,
        "length": finding.length,
        "action": finding.action.name(),
        "rule": finding.rule.as_deref(),
        "shadow": finding.shadow.as_ref().map(|shadow| json!({ "action": shadow.action.name(), "rule": &*shadow.rule })),
        "sealed": finding.sealed,
    })
}

fn doubt(doubt: &Doubt) -> Value {
    json!({
        "kind": doubt.uncertainty.name(),
        "direction": doubt.direction.name(),
        "answer": answer(doubt.answer),
        "rule": doubt.rule,
    })
}

fn answer(answer: Answer) -> &'static str {
    match answer {
        Answer::Allow => "allow",
        Answer::Audit => "audit",
        Answer::Block => "block",
    }
}

fn ledger(ledger: &Ledger) -> Value {
    json!({
        "bytes": ledger.seen,
        "scanned": ledger.scanned,
        "sealed": ledger.sealed,
        "binary": ledger.binary,
        "unknown": ledger.unknown,
    })
}

fn tokens(tokens: &Tokens) -> Value {
    json!({
        "input": tokens.input,
        "output": tokens.output,
        "cache_read": tokens.cache_read,
        "cache_write": tokens.cache_write,
        "reasoning": tokens.reasoning,
    })
}

//! How events are spelled in the audit trail: field names, and what of a record is told.
//! Kinds, places, lengths and rules. There is no payload in an event, and none is added here.

mod caller;
mod refusal;

use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use interceptor_engine::policy::Shadow;
use interceptor_engine::record::{
    Doubt, FindingRecord, Ledger, LimitRecord, Record, RuleRecord, Tokens, ToolRecord, Verdict,
};
use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use self::caller::CallerLine;
use self::refusal::RefusalLine;
use crate::telemetry::event::{Connection, Event, Exchange, Label, Reload};

/// Writes an event as a line, if it has one: capture's own events are metrics and log lines, because they belong
/// to no caller.
pub(super) fn write(out: &mut impl Write, event: &Event) -> io::Result<()> {
    match event {
        Event::ConnectionEnded(ended) => serde_json::to_writer(&mut *out, &ConnectionLine::new(ended))?,
        Event::ExchangeEnded(ended) => serde_json::to_writer(&mut *out, &ExchangeLine::new(ended))?,
        Event::ConnectRefused(refused) => serde_json::to_writer(&mut *out, &RefusalLine::new(refused))?,
        Event::Reloaded(reload) => serde_json::to_writer(&mut *out, &ReloadLine::new(reload))?,
        Event::ConnectionBegan { .. } | Event::Capture(_) => return Ok(()),
    }
    out.write_all(b"\n")
}

#[derive(Serialize)]
struct ConnectionLine<'a> {
    event: &'static str,
    time: String,
    #[serde(serialize_with = "shown")]
    connection: super::super::event::Id,
    caller: CallerLine<'a>,
    #[serde(serialize_with = "shown")]
    destination: std::net::SocketAddr,
    host: Option<&'a str>,
    tunnel: Option<&'a str>,
    route: &'static str,
    reason: Option<&'static str>,
    outcome: &'static str,
    detail: Option<&'a str>,
    bytes_sent: u64,
    bytes_received: u64,
    exchanges: u64,
    duration_us: u64,
}

impl<'a> ConnectionLine<'a> {
    fn new(ended: &'a Connection) -> Self {
        Self {
            event: "connection",
            time: timestamp(ended.at),
            connection: ended.id,
            caller: CallerLine::new(&ended.caller),
            destination: ended.destination,
            host: ended.host.as_ref().map(|host| host.as_str()),
            tunnel: ended.tunnel.as_deref(),
            route: ended.route.label(),
            reason: ended.route.reason(),
            outcome: ended.outcome.label(),
            detail: ended.detail.as_deref(),
            bytes_sent: ended.sent,
            bytes_received: ended.received,
            exchanges: ended.exchanges,
            duration_us: micros(ended.took),
        }
    }
}

#[derive(Serialize)]
struct ExchangeLine<'a> {
    event: &'static str,
    time: String,
    #[serde(serialize_with = "shown")]
    id: super::super::event::Id,
    #[serde(serialize_with = "shown")]
    connection: super::super::event::Id,
    caller: CallerLine<'a>,
    host: &'a str,
    provider: &'a str,
    http: u8,
    status: Option<u16>,
    ending: &'static str,
    detail: Option<&'a str>,
    inspection: Option<Inspection<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resigned: Option<&'a str>,
    upstream_reused: bool,
    duration_us: u64,
    held_us: u64,
    inspected_us: u64,
    waited_us: Option<u64>,
}

impl<'a> ExchangeLine<'a> {
    fn new(ended: &'a Exchange) -> Self {
        Self {
            event: "exchange",
            time: timestamp(ended.at),
            id: ended.id,
            connection: ended.connection,
            caller: CallerLine::new(&ended.caller),
            host: ended.host.as_str(),
            provider: &ended.provider,
            http: ended.http,
            status: ended.status,
            ending: ended.ending.label(),
            detail: ended.detail.as_deref(),
            inspection: ended.record.as_ref().map(Inspection::new),
            resigned: ended.resigned.as_deref(),
            upstream_reused: ended.reused,
            duration_us: micros(ended.took),
            held_us: micros(ended.held),
            inspected_us: micros(ended.inspected),
            waited_us: ended.waited.map(micros),
        }
    }
}

#[derive(Serialize)]
struct ReloadLine<'a> {
    event: &'static str,
    time: String,
    part: &'static str,
    result: &'static str,
    in_force: &'a str,
    detail: Option<&'a str>,
}

impl<'a> ReloadLine<'a> {
    fn new(reload: &'a Reload) -> Self {
        Self {
            event: "reload",
            time: timestamp(reload.at),
            part: reload.part.label(),
            result: reload.result.label(),
            in_force: &reload.in_force,
            detail: reload.detail.as_deref(),
        }
    }
}

#[derive(Serialize)]
struct Inspection<'a> {
    operation: &'a str,
    model: Option<&'a str>,
    streamed: bool,
    verdict: &'static str,
    #[serde(serialize_with = "findings")]
    findings: &'a [FindingRecord],
    findings_left_out: u64,
    #[serde(serialize_with = "doubts")]
    doubts: &'a [Doubt],
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<RuleLine<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ToolLine<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    limits: Vec<LimitLine<'a>>,
    restored: u64,
    request: LedgerLine,
    response: LedgerLine,
    tokens: TokensLine,
    policy: &'a str,
}

impl<'a> Inspection<'a> {
    fn new(record: &'a Record) -> Self {
        Self {
            operation: &record.operation,
            model: record.model.as_deref(),
            streamed: record.streamed,
            verdict: verdict(record.verdict),
            findings: &record.findings,
            findings_left_out: record.findings_left_out,
            doubts: &record.doubts,
            rule: record.ruled.as_ref().map(RuleLine::new),
            tools: record.tools.iter().map(ToolLine::new).collect(),
            limits: record.limits.iter().map(LimitLine::new).collect(),
            restored: record.restored,
            request: LedgerLine::new(&record.request),
            response: LedgerLine::new(&record.response),
            tokens: TokensLine::new(&record.usage),
            policy: &record.policy,
        }
    }
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Redact => "redact",
        Verdict::Block => "block",
    }
}

#[derive(Serialize)]
struct FindingLine<'a> {
    detector: &'a str,
    confidence: &'a str,
    direction: &'static str,
    place: &'a str,
    start: u64,
    length: u64,
    action: &'static str,
    rule: Option<&'a str>,
    shadow: Option<ShadowLine<'a>>,
    sealed: bool,
}

#[derive(Serialize)]
struct ShadowLine<'a> {
    action: &'static str,
    rule: &'a str,
}

/// What rules said of the exchange as such.
#[derive(Serialize)]
struct RuleLine<'a> {
    action: &'static str,
    rule: Option<&'a str>,
    shadow: Option<ShadowLine<'a>>,
}

impl<'a> RuleLine<'a> {
    fn new(ruled: &'a RuleRecord) -> Self {
        let shadow = ruled.shadow.as_ref().map(ShadowLine::new);
        Self { action: ruled.action.name(), rule: ruled.rule.as_deref(), shadow }
    }
}

/// A limit that refused the exchange, or would have.
#[derive(Serialize)]
struct LimitLine<'a> {
    limit: &'a str,
    why: &'static str,
    refused: bool,
}

impl<'a> LimitLine<'a> {
    fn new(record: &'a LimitRecord) -> Self {
        Self { limit: &record.limit, why: record.why.name(), refused: record.refused }
    }
}

#[derive(Serialize)]
struct ToolLine<'a> {
    name: &'a str,
    direction: &'static str,
    action: &'static str,
    rule: Option<&'a str>,
    shadow: Option<ShadowLine<'a>>,
}

impl<'a> ToolLine<'a> {
    fn new(tool: &'a ToolRecord) -> Self {
        Self {
            name: &tool.name,
            direction: tool.direction.name(),
            action: tool.action.name(),
            rule: tool.rule.as_deref(),
            shadow: tool.shadow.as_ref().map(ShadowLine::new),
        }
    }
}

impl<'a> ShadowLine<'a> {
    fn new(shadow: &'a Shadow) -> Self {
        Self { action: shadow.action.name(), rule: &shadow.rule }
    }
}

fn findings<S: Serializer>(findings: &&[FindingRecord], to: S) -> Result<S::Ok, S::Error> {
    let mut list = to.serialize_seq(Some(findings.len()))?;
    for finding in *findings {
        list.serialize_element(&FindingLine {
            detector: &finding.detector,
            confidence: finding.confidence.name(),
            direction: finding.direction.name(),
            place: &finding.place,
            start: finding.start,
            length: finding.length,
            action: finding.action.name(),
            rule: finding.rule.as_deref(),
            shadow: finding.shadow.as_ref().map(ShadowLine::new),
            sealed: finding.sealed,
        })?;
    }
    list.end()
}

#[derive(Serialize)]
struct DoubtLine<'a> {
    kind: &'static str,
    direction: &'static str,
    answer: &'static str,
    rule: &'a str,
}

fn doubts<S: Serializer>(doubts: &&[Doubt], to: S) -> Result<S::Ok, S::Error> {
    let mut list = to.serialize_seq(Some(doubts.len()))?;
    for doubt in *doubts {
        list.serialize_element(&DoubtLine {
            kind: doubt.uncertainty.name(),
            direction: doubt.direction.name(),
            answer: doubt.answer.name(),
            rule: doubt.rule,
        })?;
    }
    list.end()
}

#[derive(Serialize)]
struct LedgerLine {
    bytes: u64,
    scanned: u64,
    sealed: u64,
    binary: u64,
    unknown: u64,
}

impl LedgerLine {
    fn new(ledger: &Ledger) -> Self {
        let Ledger { seen, scanned, sealed, binary, unknown } = *ledger;
        Self { bytes: seen, scanned, sealed, binary, unknown }
    }
}

#[derive(Serialize)]
struct TokensLine {
    input: Option<u64>,
    output: Option<u64>,
    cache_read: Option<u64>,
    cache_write: Option<u64>,
    reasoning: Option<u64>,
}

impl TokensLine {
    fn new(tokens: &Tokens) -> Self {
        let Tokens { input, output, cache_read, cache_write, reasoning } = *tokens;
        Self { input, output, cache_read, cache_write, reasoning }
    }
}

fn shown<T: std::fmt::Display, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn timestamp(at: SystemTime) -> String {
    OffsetDateTime::from(at).format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
pub(super) fn sample() -> Event {
    use crate::telemetry::event::{Id, Outcome, PassReason, Route};
    Event::ConnectionEnded(Box::new(Connection {
        id: Id(1),
        at: SystemTime::UNIX_EPOCH,
        took: Duration::from_micros(5),
        caller: std::sync::Arc::default(),
        destination: "203.0.113.1:443".parse().expect("an address"),
        host: None,
        tunnel: None,
        route: Route::Passthrough(PassReason::NotTls),
        outcome: Outcome::Closed,
        detail: None,
        sent: 1,
        received: 2,
        exchanges: 0,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn a_connection_is_one_line_in_a_fixed_order() {
        let mut out = Vec::new();
        write(&mut out, &sample()).expect("memory takes it");
        expect![[r#"
            {"event":"connection","time":"1970-01-01T00:00:00Z","connection":"0000000000000001","caller":{"namespace":"","namespace_cookie":0,"cgroup":0,"pid":0,"uid":0,"comm":"","executable":null,"user":null,"cgroup_path":"","unit":null,"unknown":"not_asked"},"destination":"203.0.113.1:443","host":null,"tunnel":null,"route":"passthrough","reason":"not_tls","outcome":"closed","detail":null,"bytes_sent":1,"bytes_received":2,"exchanges":0,"duration_us":5}
        "#]]
        .assert_eq(std::str::from_utf8(&out).expect("UTF-8"));
    }
}

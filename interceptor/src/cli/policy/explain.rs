//! `interceptor policy explain`: why an exchange is decided as it is, rule by rule.
//! Plays a test case, or reads a line of the audit trail, and asks the engine about every policy. Writes what it says.

mod event;

use std::fmt::Write as _;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use interceptor_engine::detect::Confidence;
use interceptor_engine::policy::explain::{About, Place, PolicyTrace, RuleTrace, State};
use interceptor_engine::policy::{At, BodyFacts, Callers, Context, Direction, Mode, PolicySet};
use interceptor_engine::record::{FindingRecord, Record};

use super::cases::{self, Case};
use super::play::{self, Played};
use super::test;
use crate::app::StartError;
use crate::cli::exit;

pub(super) const EXAMPLES: &str = "Examples:\n  interceptor policy explain policies/tests/default.yaml --case 'a key in a prompt'\n  \
     grep 5f3a9c0e11d2b764 audit.jsonl | interceptor policy explain --event - --policy egress.yaml\n\n\
     Exits with 0 if something was explained, and with 1 if there is no such case, or no exchange among the lines.";

const PRECEDENCE: &str = "Which rule wins: rules are read from top to bottom, policies of higher priority first. The strongest action wins \
     (block, redact, audit), the first among equals. `allow` ends the reading: it exempts from the rules behind it, and \
     from none before it.";

/// `policy explain`
#[derive(Debug, Args)]
pub struct Explain {
    /// A file of the kind PolicyTest.
    #[arg(value_name = "FILE", required_unless_present = "event", requires = "case")]
    file: Option<PathBuf>,
    /// The cases in whose name this stands.
    #[arg(long, value_name = "TEXT")]
    case: Option<String>,
    /// Explain exchanges of the audit trail instead: lines in this file, or in standard input if it is `-`.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["file", "case"])]
    event: Option<PathBuf>,
    /// Explain these policy files instead of those that the file names; for `--event` the built-in policy if there are
    /// none.
    #[arg(long, value_name = "FILE")]
    policy: Vec<PathBuf>,
}

impl Explain {
    pub(super) fn run(&self) -> Result<ExitCode, StartError> {
        match (&self.event, &self.file) {
            (Some(lines), _) => self.events(lines),
            (None, Some(file)) => self.cases(file, self.case.as_deref().unwrap_or_default()),
            // The arguments ask for one of them.
            (None, None) => Ok(ExitCode::from(exit::FAILED)),
        }
    }

    fn cases(&self, file: &Path, part: &str) -> Result<ExitCode, StartError> {
        let name = file.display().to_string();
        let suites = cases::read(&name, &super::read(file)?, &self.policy).map_err(StartError::Mistakes)?;
        let mut explained = 0;
        for suite in &suites {
            for case in suite.cases.iter().filter(|case| case.name.contains(part)) {
                super::print(&explain(&suite.set, case));
                explained += 1;
            }
        }
        if explained == 0 {
            eprintln!("interceptor: no case of {name} has `{part}` in its name");
            return Ok(ExitCode::from(exit::FAILED));
        }
        Ok(ExitCode::SUCCESS)
    }

    fn events(&self, path: &Path) -> Result<ExitCode, StartError> {
        let set = PolicySet::load(&[], &super::read_all(&self.policy)?).map_err(StartError::Mistakes)?;
        let failed = |io| StartError::Read { path: path.to_owned(), io };
        let lines: Box<dyn BufRead> = match path.as_os_str() == "-" {
            true => Box::new(std::io::stdin().lock()),
            false => Box::new(std::io::BufReader::new(std::fs::File::open(path).map_err(failed)?)),
        };
        let mut explained = false;
        for line in lines.lines() {
            let line = serde_json::from_str(&line.map_err(failed)?).ok();
            if let Some(said) = line.and_then(|line| event::explain(&set, &line)) {
                super::print(&said);
                explained = true;
            }
        }
        if !explained {
            eprintln!("interceptor: no line of {} is an exchange that was inspected", path.display());
        }
        Ok(if explained { ExitCode::SUCCESS } else { ExitCode::from(exit::FAILED) })
    }
}

/// Everything there is to say about a case.
fn explain(set: &PolicySet, case: &Case) -> String {
    let played = play::play(&test::engine(set), case);
    let request = &case.request;
    let provider = &set.catalogue.provider(request.provider).id;
    let operation = played.record.as_ref().map_or("unknown", |record| &record.operation);
    let context = Context {
        provider,
        host: &request.host,
        method: &request.method,
        path: &request.path,
        operation,
        subject: &case.subject,
        at: case.time,
    };
    let facts = played.facts.clone();
    let body =
        BodyFacts { models: &facts.models, tools: &facts.tools, methods: &facts.methods, size: facts.size };
    let mut out = String::new();
    let _ = writeln!(out, "{}: {}", case.name, outcome(&played));
    let _ = writeln!(out, "  {} {}{} ({provider}, {operation})", request.method, request.host, request.path);
    if !facts.models.is_empty() {
        let _ = writeln!(out, "  models: {}", facts.models.join(", "));
    }
    if !facts.tools.is_empty() {
        let _ = writeln!(out, "  tools: {}", facts.tools.join(", "));
    }
    for trace in set.policy.explain(&context, Some(&body)) {
        policy(&mut out, &trace);
    }
    at_connect(&mut out, set, &context);
    if let Some(record) = &played.record {
        decisions(&mut out, set, &context, &body, record);
    }
    let _ = writeln!(out, "{PRECEDENCE}");
    out
}

fn outcome(played: &Played) -> String {
    match (&played.refusal, &played.passthrough) {
        (Some(refusal), _) => format!("block, status {}, by `{}`", played.status, refusal.rule),
        (None, Some(rule)) => format!("passthrough, by `{rule}`"),
        (None, None) => played.verdict().to_owned(),
    }
}

fn policy(out: &mut String, trace: &PolicyTrace) {
    let _ = match &trace.unfit {
        None => writeln!(out, "policy `{}`: is about this caller", trace.name),
        Some(fields) => {
            let fields: Vec<String> = fields.iter().map(|field| format!("`{field}`")).collect();
            writeln!(
                out,
                "policy `{}`: is not about this caller: {} does not fit",
                trace.name,
                fields.join(", ")
            )
        }
    };
    for rule in &trace.rules {
        let _ = writeln!(out, "  rule `{}` ({}): {}", rule.name, what(rule), state(&rule.state));
    }
}

/// What the kernel side answers before there is an exchange.
fn at_connect(out: &mut String, set: &PolicySet, context: &Context<'_>) {
    let standing = set.policy.standing(Callers::Like(context.subject));
    let Some(found) = standing.as_ref().and_then(|standing| set.policy.forbids(standing, context.provider))
    else {
        return;
    };
    let place = if found.anywhere {
        "at every address that is known as the provider's"
    } else {
        "at addresses where nobody else is known to be"
    };
    let (rule, provider) = (found.rule, context.provider);
    let _ = writeln!(
        out,
        "connect(): refused with EPERM by `{rule}`, {place} ({provider}); otherwise the exchange decides"
    );
}

fn what(rule: &RuleTrace) -> String {
    let about = match rule.about {
        About::Findings => "findings".to_owned(),
        About::Tools if rule.arguments.is_empty() => "tools".to_owned(),
        About::Tools => format!("calls of tools by `{}`", rule.arguments.join("`, `")),
        About::Exchange => match rule.at {
            Some(At::Exchange) => "the exchange, never in connect()".to_owned(),
            Some(At::Connect) => "the exchange, at any address in connect()".to_owned(),
            Some(At::Automatic) => "the exchange, in connect() where it can be".to_owned(),
            None => "the exchange".to_owned(),
        },
    };
    let shadow = if rule.mode == Mode::Shadow { ", in shadow" } else { "" };
    format!("{} {about}{shadow}", rule.action.name())
}

fn state(state: &State) -> String {
    match state {
        State::Holds => "its conditions hold".into(),
        State::Unfit(field) => format!("`{field}` does not fit"),
        State::Open(fields) => format!("not known: {}", fields.join(", ")),
        State::Failed => "its expression could not be evaluated".into(),
    }
}

/// What was decided: of the exchange, of tools, of findings, of doubts.
fn decisions(
    out: &mut String,
    set: &PolicySet,
    context: &Context<'_>,
    body: &BodyFacts<'_>,
    record: &Record,
) {
    if let Some(ruled) = &record.ruled {
        let rule = ruled.rule.as_deref().unwrap_or("no rule");
        let _ = writeln!(out, "the exchange: {}, by `{rule}`", ruled.action.name());
    }
    for tool in &record.tools {
        let rule = tool.rule.as_deref().unwrap_or("no rule");
        let (direction, action) = (tool.direction.name(), tool.action.name());
        let _ = writeln!(out, "tool `{}` in the {direction}: {action}, by `{rule}`", tool.name);
    }
    for (number, finding) in record.findings.iter().enumerate() {
        let before = record.findings.iter().take(number + 1);
        let alike = before.filter(|other| other.direction == finding.direction).count();
        decision(out, set, context, body, finding, u32::try_from(alike).unwrap_or(u32::MAX));
    }
    for doubt in &record.doubts {
        let (direction, what) = (doubt.direction.name(), doubt.uncertainty.name());
        let _ = writeln!(out, "doubt `{what}` in the {direction}: {:?}", doubt.answer);
    }
}

fn decision(
    out: &mut String,
    set: &PolicySet,
    context: &Context<'_>,
    body: &BodyFacts<'_>,
    finding: &FindingRecord,
    count: u32,
) {
    let direction: Direction = finding.direction;
    let (name, place, sure) = (&finding.detector, &finding.place, finding.confidence.name());
    let action = finding.action.name();
    let _ = writeln!(out, "finding `{name}` at {place} in the {} ({sure}): {action}", direction.name());
    candidates(out, set, (context, body), name, (direction, finding.confidence), count);
}

/// The rules that match a finding, and what becomes of each.
fn candidates(
    out: &mut String,
    set: &PolicySet,
    (context, body): (&Context<'_>, &BodyFacts<'_>),
    name: &str,
    (direction, confidence): (Direction, Confidence),
    count: u32,
) {
    let Some(detector) = set.detectors.registry().by_name(name) else {
        let _ = writeln!(out, "  no detector of these files is called so");
        return;
    };
    let found = (direction, detector, confidence);
    for candidate in set.policy.candidates(context, Some(body), found, count) {
        let place = match candidate.place {
            Place::Wins => "wins",
            Place::Weaker => "matches, and gives way to a stronger rule or an equal one before it",
            Place::Exempt => "is not read: an `allow` before it ends the reading",
            Place::Shadow => "in shadow: does nothing",
        };
        let _ = writeln!(out, "  `{}` says {}: {place}", candidate.rule, candidate.action.name());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of a shipped case, an address in a chat request, under a policy.
    fn explained(policy: &str) -> String {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("p.yaml");
        std::fs::write(&path, policy).expect("it is written");
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies/tests/default.yaml");
        let cases = std::fs::read_to_string(&file).expect("it is shipped");
        let suites = cases::read(&file.display().to_string(), &cases, &[path]).expect("it reads");
        let mut all = suites[0].cases.iter();
        let case = all.find(|case| case.name.starts_with("an address")).expect("it is there");
        explain(&suites[0].set, case)
    }

    #[test]
    fn every_policy_and_rule_is_accounted_for() {
        let text = r#"
apiVersion: interceptor.dev/v1alpha1
kind: EgressPolicy
metadata: { name: everyone }
spec:
  rules:
    - { name: elsewhere, match: { direction: request, detectors: ["pii.*"], providers: [mistral] }, action: block }
    - { name: first, match: { direction: request, detectors: ["pii.*"] }, action: audit }
    - { name: exempt, match: { direction: request, detectors: [pii.email], models: [gpt-4o] }, action: allow }
    - { name: unread, match: { direction: request, detectors: ["*"] }, action: redact }
    - { name: tried, match: { direction: request, detectors: ["*"] }, action: block, mode: shadow }
---
apiVersion: interceptor.dev/v1alpha1
kind: EgressPolicy
metadata: { name: others }
spec:
  subjects: [{ namespaces: [pay], known: true }, { units: [web.service] }]
  rules:
    - { name: never, match: {}, action: block }
"#;
        expect_test::expect![[r#"
            an address is masked on its way out: pass
              POST api.openai.com/v1/chat/completions (openai, openai.chat_completions)
              models: gpt-4o
            policy `everyone`: is about this caller
              rule `elsewhere` (block findings): `providers` does not fit
              rule `first` (audit findings): its conditions hold
              rule `exempt` (allow findings): its conditions hold
              rule `unread` (redact findings): its conditions hold
              rule `tried` (block findings, in shadow): its conditions hold
            policy `others`: is not about this caller: `namespaces`, `units` does not fit
            finding `pii.email` at messages[0].content in the request (high): audit
              `first` says audit: wins
              `exempt` says allow: matches, and gives way to a stronger rule or an equal one before it
              `unread` says redact: is not read: an `allow` before it ends the reading
              `tried` says block: in shadow: does nothing
            Which rule wins: rules are read from top to bottom, policies of higher priority first. The strongest action wins (block, redact, audit), the first among equals. `allow` ends the reading: it exempts from the rules behind it, and from none before it.
        "#]].assert_eq(&explained(text));
    }

    #[test]
    fn where_a_rule_blocks_and_what_it_asks_of_calls_is_said() {
        let text = r#"
apiVersion: interceptor.dev/v1alpha1
kind: EgressPolicy
metadata: { name: everyone }
spec:
  rules:
    - { name: shells, match: { tools: ["shell*"], arguments: { Command: ["*rm -rf*"], "**.force": ["true"] } }, action: block }
    - { name: told, match: { providers: [mistral] }, action: { block: { at: exchange } } }
    - { name: anywhere, match: { providers: [groq] }, action: { block: { at: connect } } }
    - { name: large, match: { size: { over: 1MiB } }, action: block }
    - { name: forbidden, match: { providers: [openai] }, action: block }
"#;
        let said = explained(text);
        let lines: Vec<&str> = said.lines().filter(|line| line.contains('(')).skip(1).take(6).collect();
        expect_test::expect![[r#"
              rule `shells` (block calls of tools by `command`, `**.force`): its conditions hold
              rule `told` (block the exchange, never in connect()): `providers` does not fit
              rule `anywhere` (block the exchange, at any address in connect()): `providers` does not fit
              rule `large` (block the exchange): `size` does not fit
              rule `forbidden` (block the exchange, in connect() where it can be): its conditions hold
            connect(): refused with EPERM by `forbidden`, at addresses where nobody else is known to be (openai); otherwise the exchange decides
        "#]].assert_eq(&(lines.join("\n") + "\n"));
    }
}

//! `interceptor policy diff`: which recorded exchanges another policy would decide otherwise.
//! Asks both policies about what an audit line tells. A line has no payload, so some things cannot be told from it; those
//! are counted and named, never guessed.

mod limits;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::BufRead as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use interceptor_engine::policy::explain::{About, State};
use interceptor_engine::policy::{Action, Answer, PolicySet};
use serde_json::json;

use super::recorded::{Recorded, untold};
use crate::app::StartError;
use crate::cli::exit;

pub(super) const EXAMPLES: &str = "Examples:\n  interceptor policy diff old.yaml new.yaml --replay audit.jsonl\n  \
     interceptor policy diff --json old.yaml new.yaml --replay audit.jsonl | jq .changed\n\n\
     An audit line tells findings that a rule spoke of, doubts, caller, provider, operation and model. It does not tell \
     labels,\npaths, sizes, methods, tools or what no rule spoke of: exchanges about which a policy asks for these are \
     counted as not\ncertain. Nor does it tell how much of a limit was left: what changes about limits is listed by \
     itself.\n\n\
     Exits with 0 if every recorded exchange is decided the same, with 1 if not.";

/// Lines that are shown one by one.
const SHOWN: usize = 50;

/// `policy diff`
#[derive(Debug, Args)]
pub struct Diff {
    /// The policy as it is.
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The policy as it shall be.
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// Audit lines of the daemon.
    #[arg(long, value_name = "FILE")]
    replay: PathBuf,
    /// Show exchanges, too, that are decided the same by another rule.
    #[arg(long)]
    rules: bool,
    /// One JSON object instead of lines.
    #[arg(long)]
    json: bool,
}

/// What came of a comparison.
#[derive(Debug, Default)]
struct Comparison {
    /// Exchanges that were compared.
    compared: u64,
    /// Lines about other things.
    others: u64,
    /// Lines that are no audit lines.
    unreadable: u64,
    /// Exchanges that are decided otherwise.
    changed: Vec<Change>,
    /// Exchanges that are decided the same by another rule.
    by_others: Vec<Change>,
    /// Limits that are not the same.
    limits: Vec<limits::Changed>,
    /// How many exchanges could come out otherwise for what their lines do not tell, by that.
    uncertain: BTreeMap<&'static str, u64>,
}

/// An exchange that is decided otherwise.
#[derive(Debug)]
struct Change {
    id: String,
    time: String,
    provider: String,
    old: Outcome,
    new: Outcome,
}

/// What a policy does with an exchange, and who says so.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Outcome {
    verdict: &'static str,
    /// The rule of the strongest action, if it is stronger than `allow`.
    rule: Option<String>,
}

impl Diff {
    pub(super) fn run(&self) -> Result<ExitCode, StartError> {
        let (old, new) = (load(&self.old)?, load(&self.new)?);
        let read_error = |io| StartError::Read { path: self.replay.clone(), io };
        let file = std::fs::File::open(&self.replay).map_err(read_error)?;
        let mut comparison = Comparison { limits: limits::changes(&old, &new), ..Comparison::default() };
        for line in std::io::BufReader::new(file).lines() {
            comparison.line(&line.map_err(read_error)?, &old, &new);
        }
        super::print(&if self.json { comparison.json() } else { comparison.lines(self.rules) });
        Ok(if comparison.changed.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(exit::FAILED) })
    }
}

fn load(path: &Path) -> Result<PolicySet, StartError> {
    PolicySet::load(&[], &super::read_all(&[path.to_owned()])?).map_err(StartError::Mistakes)
}

impl Comparison {
    fn line(&mut self, line: &str, old: &PolicySet, new: &PolicySet) {
        if line.trim().is_empty() {
            return;
        }
        let Ok(value) = serde_json::from_str::<serde_json::Value>(line) else {
            self.unreadable += 1;
            return;
        };
        if value["event"] != "exchange" || value["inspection"].is_null() {
            self.others += 1;
            return;
        }
        let Some(recorded) = Recorded::read(&value) else {
            self.unreadable += 1;
            return;
        };
        self.compared += 1;
        let (was, will) = (outcome(old, &recorded), outcome(new, &recorded));
        let mut untold = unknown(old, &recorded);
        untold.extend(unknown(new, &recorded));
        if recorded.limited || limits::differ(old, new, &recorded.subject) {
            untold.push("what is left of limits");
        }
        untold.sort_unstable();
        untold.dedup();
        untold.into_iter().for_each(|what| *self.uncertain.entry(what).or_default() += 1);
        if was != will {
            let kind = if was.verdict == will.verdict { &mut self.by_others } else { &mut self.changed };
            kind.push(Change {
                id: recorded.id,
                time: recorded.time,
                provider: recorded.provider,
                old: was,
                new: will,
            });
        }
    }

    fn lines(&self, rules: bool) -> String {
        let mut out = String::new();
        list(&mut out, &self.changed);
        if rules {
            list(&mut out, &self.by_others);
        }
        let mut moves: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        for change in &self.changed {
            *moves.entry((change.old.verdict, change.new.verdict)).or_default() += 1;
        }
        let _ = writeln!(out, "{} exchanges, {} decided otherwise", self.compared, self.changed.len());
        for ((old, new), count) in moves {
            let _ = writeln!(out, "  {count} {old} -> {new}");
        }
        if !self.by_others.is_empty() {
            let hint = if rules { "" } else { "; --rules shows them" };
            let _ = writeln!(out, "{} decided the same by another rule{hint}", self.by_others.len());
        }
        for limits::Changed { name, old, new } in &self.limits {
            let or = |words: &Option<String>, none: &str| words.clone().unwrap_or_else(|| none.to_owned());
            let _ = writeln!(out, "limit `{name}`: {} -> {}", or(old, "not there"), or(new, "gone"));
        }
        for (what, count) in &self.uncertain {
            let _ = writeln!(
                out,
                "not certain for {count}: a policy asks for {what}, which audit lines do not tell"
            );
        }
        if self.unreadable > 0 {
            let _ = writeln!(out, "{} lines could not be read", self.unreadable);
        }
        out
    }

    fn json(&self) -> String {
        let outcome = |outcome: &Outcome| json!({ "verdict": outcome.verdict, "rule": outcome.rule });
        let all = |changes: &[Change]| -> Vec<_> {
            let one = |change: &Change| {
                json!({
                    "id": change.id,
                    "time": change.time,
                    "provider": change.provider,
                    "old": outcome(&change.old),
                    "new": outcome(&change.new),
                })
            };
            changes.iter().map(one).collect()
        };
        let limit =
            |limit: &limits::Changed| json!({ "name": limit.name, "old": limit.old, "new": limit.new });
        let all = json!({
            "exchanges": self.compared,
            "changed": all(&self.changed),
            "by_other_rules": all(&self.by_others),
            "limits": self.limits.iter().map(limit).collect::<Vec<_>>(),
            "uncertain": self.uncertain,
            "other_lines": self.others,
            "unreadable_lines": self.unreadable,
        });
        format!("{all}\n")
    }
}

/// The first changes, a line each.
fn list(out: &mut String, changes: &[Change]) {
    for Change { id, time, provider, old, new } in changes.iter().take(SHOWN) {
        let _ = writeln!(out, "{time} {id} {provider}: {old} -> {new}");
    }
    if let Some(more) = changes.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        let _ = writeln!(out, "… and {more} more; --json lists all");
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.rule {
            Some(rule) => write!(f, "{} (`{rule}`)", self.verdict),
            None => f.write_str(self.verdict),
        }
    }
}

/// The verdict of a policy on what a line tells: the strongest of what it says to the connection, to the exchange, to
/// each finding and to each doubt.
fn outcome(set: &PolicySet, recorded: &Recorded) -> Outcome {
    let context = recorded.context();
    let connection = set.policy.connection(&context);
    if connection.action == Action::Passthrough {
        return Outcome { verdict: "passthrough", rule: connection.rule.map(|rule| rule.to_string()) };
    }
    let mut scope = set.policy.scope(&context);
    let body = recorded.body();
    scope.settle(&context, &body);
    let registry = set.detectors.registry();
    let mut strongest: (Action, Option<String>) = (Action::Allow, None);
    let mut take = |action: Action, rule: Option<&str>| {
        if action > strongest.0 {
            strongest = (action, rule.map(str::to_owned));
        }
    };
    let whole = scope.exchange(interceptor_engine::policy::Direction::Request);
    take(whole.action, whole.rule.as_deref());
    for found in &recorded.findings {
        let Some(detector) = registry.by_name(&found.detector) else { continue };
        scope.count(found.direction, detector, found.confidence);
        let decision = scope.decide(found.direction, detector, found.confidence);
        take(decision.action, decision.rule.as_deref());
    }
    for tool in &recorded.tools {
        let decision = scope.tool(tool.direction, &tool.name);
        take(decision.action, decision.rule.as_deref());
    }
    for doubt in &recorded.doubts {
        if let (Answer::Block, rule) = scope.when(doubt.uncertainty, doubt.direction) {
            take(Action::Block, Some(rule));
        }
    }
    let verdict = match strongest.0 {
        Action::Block => "block",
        Action::Redact(_) => "redact",
        Action::Passthrough | Action::Allow | Action::Audit => "pass",
    };
    Outcome { verdict, rule: strongest.1 }
}

/// What a policy asks about this exchange that its line does not tell.
fn unknown(set: &PolicySet, recorded: &Recorded) -> Vec<&'static str> {
    let mut found = Vec::new();
    let (context, body) = (recorded.context(), recorded.body());
    let untold = |field: &str| untold(field, recorded);
    for policy in set.policy.explain(&context, Some(&body)) {
        let labels = |field: &str| matches!(field, "podLabels" | "namespaceLabels");
        if policy.unfit.iter().flatten().any(|field| labels(field)) {
            found.push("labels");
        }
        for rule in &policy.rules {
            let told = { rule.conditions.iter() }.filter_map(|field| untold(field));
            match &rule.state {
                // What is told keeps it from holding, whatever the rest is.
                State::Unfit(field) if untold(field).is_none() => {}
                _ => found.extend(told),
            }
            let looks_at_all = rule.about == About::Tools;
            found.extend(looks_at_all.then_some("tools"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str) -> PolicySet {
        let head = "apiVersion: interceptor.dev/v1alpha1\nkind: EgressPolicy\nmetadata: { name: p }\nspec:\n";
        PolicySet::load(&[], &[("p.yaml".to_owned(), format!("{head}{text}"))])
            .unwrap_or_else(|mistakes| panic!("{mistakes}"))
    }

    fn exchange(findings: &str, doubts: &str) -> String {
        format!(
            r#"{{"event":"exchange","time":"2026-01-05T12:00:00Z","id":"00000000000000a1","caller":{{"uid":1000,"comm":"x","executable":"/usr/bin/python3","cgroup_path":"/a","pod":{{"namespace":"pay","name":"p","uid":"u","container":"c","image":"i"}}}},"host":"api.openai.com","provider":"openai","inspection":{{"operation":"openai.chat_completions","model":"gpt-4o","findings":[{findings}],"doubts":[{doubts}]}}}}"#
        )
    }

    const EMAIL: &str =
        r#"{"detector":"pii.email","confidence":"high","direction":"request","place":"messages[0].content"}"#;
    const OLD: &str =
        "  rules:\n    - { name: watch, match: { direction: both, detectors: ['*'] }, action: audit }\n";

    fn compare(new: &str, lines: &[String]) -> Comparison {
        let (old, new) = (set(OLD), set(new));
        let mut comparison = Comparison::default();
        lines.iter().for_each(|line| comparison.line(line, &old, &new));
        comparison
    }

    #[test]
    fn findings_doubts_callers_and_models_are_asked_again() {
        let lines = [
            exchange(EMAIL, ""),
            exchange("", ""),
            exchange("", r#"{"kind":"malformedJson","direction":"request","answer":"audit"}"#),
            r#"{"event":"connection","time":"x"}"#.to_owned(),
            "half a li".to_owned(),
        ];
        let mask = "  rules:\n    - { name: mask, match: { direction: request, detectors: ['pii.*'] }, action: redact }\n";
        let expected = "2026-01-05T12:00:00Z 00000000000000a1 openai: pass (`watch`) -> redact (`mask`)\n3 exchanges, 1 decided otherwise\n  1 pass -> redact\n1 lines could not be read\n";
        assert_eq!(compare(mask, &lines).lines(false), expected);
        let doubt = format!("{OLD}  uncertain: {{ malformedJson: block }}\n");
        assert!(compare(&doubt, &lines).lines(false).contains("pass -> block (`uncertain.malformedJson`)"));
        let others =
            "  subjects: [{ namespaces: [shop] }]\n  rules:\n    - { name: no, match: {}, action: block }\n";
        assert!(compare(others, &lines).changed.is_empty());
        let ours = others.replace("shop", "pay");
        assert_eq!(compare(&ours, &lines).changed.len(), 3);
        let model = "  rules:\n    - { name: no, match: { models: [gpt-4o] }, action: block }\n";
        assert_eq!(compare(model, &lines).changed.len(), 3);
        let model = "  rules:\n    - { name: no, match: { models: [gpt-5] }, action: block }\n";
        assert!(compare(model, &lines).uncertain.is_empty() && compare(model, &lines).changed.is_empty());
        assert!(compare(OLD, &lines).changed.is_empty());
    }

    #[test]
    fn who_decides_the_same_is_shown_if_asked_for() {
        let lines = [exchange(EMAIL, "")];
        let renamed = compare(&OLD.replace("name: watch", "name: look"), &lines);
        assert!(renamed.changed.is_empty());
        let count = "1 exchanges, 0 decided otherwise\n1 decided the same by another rule";
        assert_eq!(renamed.lines(false), format!("{count}; --rules shows them\n"));
        let line = "2026-01-05T12:00:00Z 00000000000000a1 openai: pass (`watch`) -> pass (`look`)\n";
        assert_eq!(renamed.lines(true), format!("{line}{count}\n"));
        assert!(compare(OLD, &lines).by_others.is_empty());
    }

    #[test]
    fn limits_are_compared_by_what_they_say() {
        let limits = |all: &str| set(&format!("{OLD}  limits: [{all}]\n"));
        let old =
            limits("{ name: a, requests: 60, each: minute, per: [subject] }, { name: b, concurrency: 4 }");
        let new = limits(
            "{ name: a, requests: 60, each: minute, per: [subject], match: { models: ['gpt-*'] } }, { name: c, cost: 5 USD, each: day, reserve: 100, mode: shadow }",
        );
        let mut comparison = Comparison { limits: limits::changes(&old, &new), ..Comparison::default() };
        comparison.line(&exchange("", ""), &old, &new);
        expect_test::expect![[r#"
            1 exchanges, 0 decided otherwise
            limit `a`: 60 requests each minute for each subject -> 60 requests each minute for each subject, models gpt-*
            limit `b`: 4 exchanges at a time -> gone
            limit `c`: not there -> 5.00 USD each day, 100 tokens set aside, in shadow
            not certain for 1: a policy asks for what is left of limits, which audit lines do not tell
        "#]].assert_eq(&comparison.lines(false));
        let mut same = Comparison { limits: limits::changes(&old, &old), ..Comparison::default() };
        same.line(&exchange("", ""), &old, &old);
        assert_eq!(same.lines(false), "1 exchanges, 0 decided otherwise\n");
    }

    #[test]
    fn what_a_line_does_not_tell_is_said_and_not_guessed() {
        let lines = [exchange(EMAIL, "")];
        let said = |new: &str| compare(new, &lines).uncertain.into_keys().collect::<Vec<_>>();
        let rule =
            |asks: &str| format!("  rules:\n    - {{ name: no, match: {{ {asks} }}, action: block }}\n");
        assert_eq!(said(&rule("size: { over: 1MiB }")), ["size"]);
        assert_eq!(said(&rule("paths: ['/v2/*']")), ["paths"]);
        assert_eq!(said(&rule("tools: [bash]")), ["tools"]);
        // Another provider's rule cannot matter, whatever it asks for.
        assert!(said(&rule("size: { over: 1MiB }, providers: [mistral]")).is_empty());
        let labels = format!("  subjects: [{{ podLabels: {{ app: shop }} }}]\n{OLD}");
        assert_eq!(said(&labels), ["labels"]);
    }
}

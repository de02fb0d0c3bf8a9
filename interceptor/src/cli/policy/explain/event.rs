//! Why an exchange of the audit trail was decided as it was: what its line says, and what the policy files say to it, rule
//! by rule. What a line does not tell is said to be not told.
//! Knows audit lines. Asks the engine what their exchanges may ask.

use std::fmt::Write as _;

use interceptor_engine::policy::explain::State;
use interceptor_engine::policy::{BodyFacts, Context, PolicySet};
use serde_json::Value;

use super::{PRECEDENCE, at_connect, candidates, policy};
use crate::cli::policy::recorded::{Recorded, untold};

/// Everything there is to say about a line; `None` if it is no exchange's, or was not inspected.
pub(super) fn explain(set: &PolicySet, line: &Value) -> Option<String> {
    if line["event"] != "exchange" {
        return None;
    }
    let recorded = Recorded::read(line)?;
    let (context, body) = (recorded.context(), recorded.body());
    let mut out = String::new();
    told(&mut out, line, &recorded);
    let version = line["inspection"]["policy"].as_str().unwrap_or_default();
    let own = set.policy.version();
    let _ = match version == own {
        true => writeln!(out, "policy {own} decided, and is what follows:"),
        false => writeln!(out, "policy {version} decided; this is what policy {own} says:"),
    };
    for mut trace in set.policy.explain(&context, Some(&body)) {
        for rule in &mut trace.rules {
            if let State::Unfit(field) = rule.state
                && untold(field, &recorded).is_some()
            {
                rule.state = State::Open(vec![field]);
            }
        }
        policy(&mut out, &trace);
    }
    at_connect(&mut out, set, &context);
    findings(&mut out, set, &context, &body, &recorded);
    let _ = writeln!(out, "{PRECEDENCE}");
    Some(out)
}

/// What the line says became of the exchange, and who said so.
fn told(out: &mut String, line: &Value, recorded: &Recorded) {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let inspection = &line["inspection"];
    let verdict = text(&inspection["verdict"]);
    let _ = writeln!(out, "{} {}: {verdict}", recorded.time, recorded.id);
    let (host, provider, operation) =
        (text(&line["host"]), &recorded.provider, text(&inspection["operation"]));
    let _ = writeln!(out, "  {host} ({provider}, {operation}), model {}", text(&inspection["model"]));
    let caller = &line["caller"];
    let _ = match caller["pod"].as_object() {
        Some(_) => writeln!(
            out,
            "  pod {}/{}, container {}, image {}",
            text(&caller["pod"]["namespace"]),
            text(&caller["pod"]["name"]),
            text(&caller["pod"]["container"]),
            text(&caller["pod"]["image"])
        ),
        None => writeln!(
            out,
            "  {} as uid {}, unit {}",
            text(&caller["executable"]),
            caller["uid"],
            text(&caller["unit"])
        ),
    };
    let by = |value: &Value| value["rule"].as_str().map_or("no rule".to_owned(), |rule| format!("`{rule}`"));
    let rule = &inspection["rule"];
    if rule.is_object() {
        let _ = writeln!(out, "  the exchange: {}, by {}", text(&rule["action"]), by(rule));
    }
    let each = |name: &str| inspection[name].as_array().cloned().unwrap_or_default();
    for tool in each("tools") {
        let (name, direction) = (text(&tool["name"]), text(&tool["direction"]));
        let _ =
            writeln!(out, "  tool `{name}` in the {direction}: {}, by {}", text(&tool["action"]), by(&tool));
    }
    for found in each("findings") {
        let (detector, place, direction) =
            (text(&found["detector"]), text(&found["place"]), text(&found["direction"]));
        let action = text(&found["action"]);
        let _ = writeln!(
            out,
            "  finding `{detector}` at {place} in the {direction}: {action}, by {}",
            by(&found)
        );
    }
    for doubt in each("doubts") {
        let (kind, direction) = (text(&doubt["kind"]), text(&doubt["direction"]));
        let _ = writeln!(
            out,
            "  doubt `{kind}` in the {direction}: {}, by {}",
            text(&doubt["answer"]),
            by(&doubt)
        );
    }
    for limit in each("limits") {
        let what = if limit["refused"] == true { "refused" } else { "noted" };
        let _ = writeln!(out, "  limit `{}`: {what}, {}", text(&limit["limit"]), text(&limit["why"]));
    }
}

/// For each finding the rules that match it.
fn findings(
    out: &mut String,
    set: &PolicySet,
    context: &Context<'_>,
    body: &BodyFacts<'_>,
    recorded: &Recorded,
) {
    for (number, found) in recorded.findings.iter().enumerate() {
        let before = recorded.findings.iter().take(number + 1);
        let alike = before.filter(|other| other.direction == found.direction).count();
        let (name, direction) = (&found.detector, found.direction.name());
        let _ = writeln!(out, "finding `{name}` in the {direction} ({})", found.confidence.name());
        let finding = (found.direction, found.confidence);
        candidates(out, set, (context, body), name, finding, u32::try_from(alike).unwrap_or(u32::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = "\
apiVersion: interceptor.dev/v1alpha1
kind: EgressPolicy
metadata: { name: everyone }
spec:
  rules:
    - { name: large, match: { size: { over: 1MiB } }, action: block }
    - { name: elsewhere, match: { providers: [mistral] }, action: block }
    - { name: mask, match: { direction: request, detectors: ['pii.*'] }, action: redact }
    - { name: watch, match: { direction: request, detectors: ['*'] }, action: audit }
";

    fn line(version: &str) -> Value {
        let text = r#"{"event":"exchange","time":"2026-01-05T12:00:00Z","id":"00000000000000a1","caller":{"uid":1000,"comm":"x","executable":"/usr/bin/python3","cgroup_path":"/a"},"host":"api.openai.com","provider":"openai","inspection":{"operation":"openai.chat_completions","model":"gpt-4o","verdict":"redact","findings":[{"detector":"pii.email","confidence":"high","direction":"request","place":"messages[0].content","action":"redact","rule":"mask"}],"doubts":[{"kind":"binaryContent","direction":"request","answer":"audit","rule":"uncertain.binaryContent"}],"limits":[{"limit":"a-minute","why":"over","refused":false}],"policy":"VERSION"}}"#;
        serde_json::from_str(&text.replace("VERSION", version)).expect("it is JSON")
    }

    #[test]
    fn a_line_is_explained_as_far_as_it_tells() {
        let set = PolicySet::load(&[], &[("p.yaml".to_owned(), POLICY.to_owned())]).expect("it reads");
        let said = explain(&set, &line(set.policy.version())).expect("an exchange");
        let said = said.replace(set.policy.version(), "VERSION");
        expect_test::expect![[r#"
            2026-01-05T12:00:00Z 00000000000000a1: redact
              api.openai.com (openai, openai.chat_completions), model gpt-4o
              /usr/bin/python3 as uid 1000, unit -
              finding `pii.email` at messages[0].content in the request: redact, by `mask`
              doubt `binaryContent` in the request: audit, by `uncertain.binaryContent`
              limit `a-minute`: noted, over
            policy VERSION decided, and is what follows:
            policy `everyone`: is about this caller
              rule `large` (block the exchange): not known: size
              rule `elsewhere` (block the exchange, in connect() where it can be): `providers` does not fit
              rule `mask` (redact findings): its conditions hold
              rule `watch` (audit findings): its conditions hold
            finding `pii.email` in the request (high)
              `mask` says redact: wins
              `watch` says audit: matches, and gives way to a stronger rule or an equal one before it
            Which rule wins: rules are read from top to bottom, policies of higher priority first. The strongest action wins (block, redact, audit), the first among equals. `allow` ends the reading: it exempts from the rules behind it, and from none before it.
        "#]].assert_eq(&said);
        let other = explain(&set, &line("0123456789abcdef")).expect("an exchange");
        assert!(other.contains("policy 0123456789abcdef decided; this is what policy "), "{other}");
        assert!(explain(&set, &serde_json::json!({ "event": "connection" })).is_none());
    }
}

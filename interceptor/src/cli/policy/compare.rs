//! Compares what became of a test case with what its writer expects. Says every difference, in words.
//! Made-up values are shown as the placeholders that they came from.

use std::collections::BTreeMap;

use super::cases::{Bytes, Case, Found, Samples};
use super::play::Played;

/// Bytes of a body that a message shows.
const SHOWN: usize = 400;

/// All differences; none is what is hoped for.
pub fn differences(case: &Case, played: &Played) -> Vec<String> {
    let expect = &case.expect;
    let mut found = Vec::new();
    if let Some(verdict) = expect.verdict
        && verdict != played.verdict()
    {
        found.push(format!(
            "expected the verdict `{verdict}`, got `{}`{}",
            played.verdict(),
            because(played)
        ));
    }
    if let Some(rule) = &expect.rule
        && !played.rules().contains(&rule.as_str())
    {
        found.push(format!(
            "expected the rule `{rule}` to speak, and there spoke {}",
            listed(&played.rules())
        ));
    }
    if let Some(status) = expect.status
        && status != played.status
    {
        found.push(format!("expected the status {status}, got {}{}", played.status, because(played)));
    }
    for name in &expect.removed_headers {
        let is =
            |headers: &[(String, String)]| headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        if !is(&case.request.message.headers) {
            found.push(format!("the header `{name}` is expected to go, and was never there"));
        } else if is(&played.sent_headers) {
            found.push(format!("the header `{name}` is sent"));
        }
    }
    if let Some(bytes) = &expect.sent {
        match &played.sent {
            Some(sent) => compare("sent", bytes, &case.request.message.body, sent, &case.samples, &mut found),
            None => found.push(format!("nothing is sent{}", because(played))),
        }
    }
    if let Some(bytes) = &expect.received {
        let given = &case.response.message.body;
        compare("received", bytes, given, &played.received, &case.samples, &mut found);
    }
    for (name, _) in case.used.iter().filter(|(name, _)| !played.drawn.contains(name)) {
        let drawn: Vec<&str> = played.drawn.iter().map(|name| &**name).collect();
        found.push(format!(
            "nothing of the limit `{name}` is used, and of {}{}",
            listed(&drawn),
            because(played)
        ));
    }
    of_record(case, played, &mut found);
    found
}

fn of_record(case: &Case, played: &Played, found: &mut Vec<String>) {
    let expect = &case.expect;
    if let Some(findings) = &expect.findings {
        compare_findings(findings, played, found);
    }
    if let Some(shadow) = &expect.shadow {
        let mut expected: Vec<&str> = shadow.iter().map(String::as_str).collect();
        expected.sort_unstable();
        if expected != played.shadow() {
            found.push(format!("expected in shadow {}, got {}", listed(&expected), listed(&played.shadow())));
        }
    }
    if let Some(doubts) = &expect.doubts {
        let mut expected: Vec<&str> = doubts.iter().map(|doubt| doubt.name()).collect();
        let recorded = played.record.iter().flat_map(|record| &record.doubts);
        let mut got: Vec<&str> = recorded.map(|doubt| doubt.uncertainty.name()).collect();
        expected.sort_unstable();
        got.sort_unstable();
        got.dedup();
        if expected != got {
            found.push(format!("expected the doubts {}, got {}", listed(&expected), listed(&got)));
        }
    }
}

/// Every finding of the record has to be expected, and as often.
fn compare_findings(expected: &[Found], played: &Played, found: &mut Vec<String>) {
    let recorded: Vec<_> = played.record.iter().flat_map(|record| &record.findings).collect();
    let mut taken = vec![false; recorded.len()];
    for wanted in expected {
        let mut count = 0;
        for (finding, taken) in recorded.iter().zip(&mut taken) {
            let fits = *finding.detector == *wanted.detector
                && wanted.rule.as_ref().is_none_or(|rule| finding.rule.as_deref() == Some(rule))
                && wanted.action.is_none_or(|action| finding.action.name() == action);
            if fits && !*taken && count < wanted.count {
                *taken = true;
                count += 1;
            }
        }
        if count < wanted.count {
            found.push(format!("expected {} of {}, found {count}", wanted.count, described(wanted)));
        }
    }
    let mut left: BTreeMap<String, usize> = BTreeMap::new();
    for (finding, _) in recorded.iter().zip(&taken).filter(|(_, taken)| !**taken) {
        let rule = finding.rule.as_deref().unwrap_or("no rule");
        let what =
            format!("`{}` at {} ({} by {rule})", finding.detector, finding.place, finding.action.name());
        *left.entry(what).or_default() += 1;
    }
    found.extend(left.into_iter().map(|(what, count)| format!("did not expect {what}, found {count}")));
}

fn described(wanted: &Found) -> String {
    let rule = wanted.rule.as_ref().map(|rule| format!(" by the rule `{rule}`")).unwrap_or_default();
    let action = wanted.action.map(|action| format!(" with `{action}`")).unwrap_or_default();
    format!("`{}`{rule}{action}", wanted.detector)
}

fn compare(
    what: &str,
    expected: &Bytes,
    given: &[u8],
    got: &[u8],
    samples: &Samples,
    found: &mut Vec<String>,
) {
    let text = String::from_utf8_lossy(got);
    if let Some(whole) = &expected.whole
        && whole != got
    {
        let wanted = String::from_utf8_lossy(whole);
        found.push(format!(
            "{what} is not what was expected:\n  {}",
            samples.mask(&difference(&wanted, &text))
        ));
    }
    if expected.unchanged && given != got {
        let given = String::from_utf8_lossy(given);
        found.push(format!("{what} was changed:\n  {}", samples.mask(&difference(&given, &text))));
    }
    for piece in { expected.contains.iter() }.filter(|piece| !text.contains(piece.as_str())) {
        found.push(format!("{what} lacks `{}`:\n  {}", samples.mask(piece), shown(&text, samples)));
    }
    for piece in { expected.absent.iter() }.filter(|piece| text.contains(piece.as_str())) {
        found.push(format!("{what} holds `{}`:\n  {}", samples.mask(piece), shown(&text, samples)));
    }
}

/// Both texts around the first place where they differ.
fn difference(expected: &str, got: &str) -> String {
    const BEFORE: usize = 30;
    let same = expected.chars().zip(got.chars()).take_while(|(a, b)| a == b).count();
    let from = same.saturating_sub(BEFORE);
    let part = |text: &str| text.chars().skip(from).take(SHOWN / 4).collect::<String>();
    format!("expected …{}…\n  got      …{}…", part(expected), part(got))
}

fn shown(text: &str, samples: &Samples) -> String {
    let masked = samples.mask(text);
    match masked.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &masked[..end]),
        None => masked,
    }
}

fn because(played: &Played) -> String {
    match (&played.refusal, &played.passthrough) {
        (Some(refusal), _) => format!(" (refused by `{}`)", refusal.rule),
        (None, Some(rule)) => format!(" (passed by `{rule}`)"),
        (None, None) => String::new(),
    }
}

fn listed(words: &[&str]) -> String {
    if words.is_empty() {
        return "none".to_owned();
    }
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

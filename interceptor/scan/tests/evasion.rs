//! Whatever is done to a value, it is found, and what goes on without it is as valid as before.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use interceptor_engine::Policy;
use interceptor_scan::evasion::{Evasion, evasions};
use interceptor_scan::{Options, Scan};
use serde_json::Value;

/// Everything that is found is replaced, whatever is doubtful goes on.
const REDACT: &str = "
apiVersion: interceptor.dev/v1alpha1
kind: EgressPolicy
metadata: { name: evasion }
spec:
  rules:
    - name: everything
      match: { direction: request, detectors: ['*'], confidence: low }
      action: redact
  uncertain:
    { oversizedBody: audit, undecodableBody: audit, decodeLimit: audit, malformedJson: audit, unknownFormat: audit,
      binaryContent: audit, unrewritable: audit, notInspected: audit }
";

/// One of each kind of value: keys with and without structure, several lines, digits, groups of digits, an address.
const DETECTORS: [&str; 7] = [
    "secret.aws_access_key",
    "secret.github_token",
    "secret.anthropic_key",
    "secret.private_key",
    "pii.card",
    "pii.iban",
    "pii.email",
];

struct Outcome {
    found: bool,
    output: Vec<u8>,
}

fn run(scan: &mut Scan, evasion: &Evasion) -> Outcome {
    let mut answer = Vec::new();
    scan.run(format!("{}\n", evasion.record).as_bytes(), &mut answer).unwrap();
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    let findings = answer["findings"].as_array().unwrap();
    let found = findings.iter().any(|finding| finding["detector"] == evasion.detector);
    Outcome { found, output: STANDARD.decode(answer["output_b64"].as_str().unwrap()).unwrap() }
}

fn scan() -> Scan {
    let policy = Policy::load(&[("evasion.yaml", REDACT)]).unwrap();
    Scan::with_policy(Options { show_values: true }, policy)
}

#[test]
fn every_disguise_is_seen_through_and_redaction_leaves_valid_json() {
    let mut scan = scan();
    let mut missed: BTreeMap<(&str, u8), Vec<&str>> = BTreeMap::new();
    // Five megabytes each are for the harness, and for one of them.
    let long = |evasion: &Evasion| evasion.family == "padding" && evasion.detector != "pii.email";
    let all = evasions(1, |name| DETECTORS.contains(&name));
    assert!(all.len() > 400, "{}", all.len());
    for evasion in all.iter().filter(|evasion| !long(evasion)) {
        let outcome = run(&mut scan, evasion);
        if !outcome.found {
            missed.entry((evasion.family, evasion.tier)).or_default().push(evasion.detector);
            continue;
        }
        let output = String::from_utf8_lossy(&outcome.output);
        assert!(!output.contains(&evasion.value), "{evasion:?} goes on");
        if evasion.family == "depth 200" {
            // Deeper than the reader below goes.
            assert!(
                output.contains(&"[".repeat(195))
                    && output.ends_with(&("]".repeat(195) + "},\"messages\":[]}"))
            );
        } else if !["invalid json", "utf-16"].contains(&evasion.family) {
            assert!(serde_json::from_str::<Value>(&output).is_ok(), "{evasion:?} leaves no JSON");
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

//! The report as SARIF 2.1.0: one run, a result for each problem.

use serde_json::{Value, json};

use super::{ProblemKind, Report};

pub(super) fn render(report: &Report) -> Value {
    let rules: Vec<Value> = ProblemKind::ALL
        .iter()
        .map(|kind| json!({ "id": kind.id(), "shortDescription": { "text": kind.description() } }))
        .collect();
    let results: Vec<Value> = report
        .problems()
        .map(|(suite, case, problem)| {
            let text = match problem.kind {
                ProblemKind::Mistake => problem.message.clone(),
                ProblemKind::Difference => format!("{}: {}", case.name, problem.message),
            };
            json!({
                "ruleId": problem.kind.id(),
                "ruleIndex": ProblemKind::ALL.iter().position(|kind| *kind == problem.kind),
                "level": "error",
                "message": { "text": text },
                "locations": [{
                    "physicalLocation": {
                        "artifactLocation": { "uri": uri(&suite.file) },
                        "region": { "startLine": problem.at.line, "startColumn": problem.at.column },
                    },
                }],
            })
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {
                "driver": {
                    "name": "interceptor policy",
                    "version": env!("CARGO_PKG_VERSION"),
                    "rules": rules,
                },
            },
            // Columns count characters, not bytes.
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

/// A path as a relative reference: what has a meaning in a URI is escaped.
fn uri(path: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    /// The schema of OASIS' technical committee, as it is. That it may be taken in is what GCC, which does so too, quotes
    /// of <https://github.com/oasis-tcs/sarif-spec/issues/583>; there is no licence file of its own.
    const SCHEMA: &str = include_str!("../../../../testdata/sarif-schema-2.1.0.json");

    #[test]
    fn it_is_as_the_standard_says() {
        // Only ECMAScript takes a bracket that nothing opens, as in the pattern of languages.
        let schema = SCHEMA.replace("{2}]?$", r"{2}\\]?$");
        let schema = serde_json::from_str(&schema).expect("it is JSON");
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        let wrong = |log: &Value| -> Vec<String> {
            validator.iter_errors(log).map(|e| format!("{}: {e}", e.instance_path())).collect()
        };
        for report in [sample(), Report::default()] {
            assert_eq!(wrong(&render(&report)), Vec::<String>::new());
        }
        // Without this the test would say nothing.
        let mut log = render(&sample());
        log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] = json!(0);
        log["runs"][0]["results"][1]["severity"] = json!("high");
        assert_eq!(wrong(&log).len(), 2);
    }

    /// What a schema cannot say: rules and places are those that are meant.
    #[test]
    fn every_result_has_its_rule_and_its_place() {
        let log = render(&sample());
        assert_eq!(log["version"], "2.1.0");
        let run = &log["runs"][0];
        let rules = run["tool"]["driver"]["rules"].as_array().expect("a list");
        let results = run["results"].as_array().expect("a list");
        assert_eq!(results.len(), 3);
        for result in results {
            let index = usize::try_from(result["ruleIndex"].as_u64().expect("a number")).expect("small");
            assert_eq!(rules[index]["id"], result["ruleId"]);
            assert!(result["message"]["text"].is_string());
            let place = &result["locations"][0]["physicalLocation"];
            assert_eq!(place["region"], json!({ "startLine": 3, "startColumn": 7 }));
        }
        let uri = |at: usize| &results[at]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
        assert_eq!((uri(0), uri(1)), (&json!("a%20b.yaml"), &json!("tests/%C3%BC.yaml")));
    }
}

//! `interceptor policy test`: plays test cases through the engine. Needs no root, no network and no daemon.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use interceptor_engine::policy::PolicySet;
use interceptor_engine::{Engine, Limits, RedactionKey};

use super::cases::{self, Suite};
use super::report::{self, Format, Problem, ProblemKind, Report};
use super::{compare, play};
use crate::app::StartError;
use crate::cli::exit;

pub(super) const EXAMPLES: &str = "Examples:\n  interceptor policy test policies/tests/*.yaml\n  \
     interceptor policy test --only 'a key' policies/tests/default.yaml\n  \
     interceptor policy test --format junit policies/tests/*.yaml > policies.xml\n\n\
     Exits with 0 if everything came out as expected, with 1 if not, and with 3 if a file is wrong.";

/// `policy test`
#[derive(Debug, Args)]
pub struct Test {
    /// Files of the kind PolicyTest. Each names the policy files that it tests.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Test these policy files instead of those that the cases name. Can be given several times.
    #[arg(long, value_name = "FILE")]
    policy: Vec<PathBuf>,
    /// Only cases in whose name this stands.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// How to report.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl Test {
    pub(super) fn run(&self) -> Result<ExitCode, StartError> {
        let mut report = Report::default();
        let mut mistaken = false;
        for path in &self.files {
            match self.file(path) {
                Ok(suites) => report.suites.extend(suites),
                // Every form of report has to say it; the other files are tested all the same.
                Err(StartError::Mistakes(mistakes)) => {
                    mistaken = true;
                    let mut files: Vec<&str> = mistakes.iter().map(|mistake| &*mistake.file).collect();
                    files.dedup();
                    report.suites.extend(Report::of_mistakes("reads", files, Some(&mistakes)).suites);
                }
                Err(other) => return Err(other),
            }
        }
        let (all, wrong) = report.counts();
        self.say(&report, all, wrong);
        Ok(match (mistaken, wrong) {
            (true, _) => ExitCode::from(exit::MISTAKES),
            (false, 0) if all > 0 => ExitCode::SUCCESS,
            // Nothing that was looked at is nothing that is right.
            _ => ExitCode::from(exit::FAILED),
        })
    }

    fn say(&self, report: &Report, all: usize, wrong: usize) {
        let rendered = report.render(self.format);
        if self.format != Format::Text {
            return super::print(&format!("{}\n", rendered.trim_end()));
        }
        if !rendered.is_empty() {
            eprintln!("{rendered}");
        }
        super::print(&format!("{} passed, {wrong} failed\n", all - wrong));
    }

    fn file(&self, path: &Path) -> Result<Vec<report::Suite>, StartError> {
        let name = path.display().to_string();
        let suites = cases::read(&name, &super::read(path)?, &self.policy).map_err(StartError::Mistakes)?;
        Ok(suites.iter().map(|suite| self.suite(suite)).collect())
    }

    fn suite(&self, suite: &Suite) -> report::Suite {
        let engine = engine(&suite.set);
        let chosen = suite
            .cases
            .iter()
            .filter(|case| self.only.as_ref().is_none_or(|part| case.name.contains(part.as_str())));
        let cases = chosen.map(|case| {
            let problems = compare::differences(case, &play::play(&engine, case))
                .into_iter()
                .map(|message| Problem { kind: ProblemKind::Difference, at: case.at, message });
            report::Case { name: format!("{}: {}", suite.name, case.name), problems: problems.collect() }
        });
        report::Suite { file: suite.file.to_string(), cases: cases.collect() }
    }
}

/// The engine of a set, as the daemon would make it. The key is always the same, and so are tokens.
pub(super) fn engine(set: &PolicySet) -> Arc<Engine> {
    let key = RedactionKey::new([7; 32]);
    Engine::keyed(set.catalogue.clone(), set.policy.clone(), set.detectors.clone(), Limits::STANDARD, key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here(path: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
    }

    fn test(files: Vec<PathBuf>, policy: Vec<PathBuf>) -> Test {
        Test { files, policy, only: None, format: Format::Text }
    }

    /// The files of cases that are shipped.
    fn shipped() -> Vec<PathBuf> {
        let listed = std::fs::read_dir(here("policies/tests")).expect("the directory is there");
        let mut files: Vec<PathBuf> = listed.map(|entry| entry.expect("it is listed").path()).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
        files.sort();
        files
    }

    #[test]
    fn every_shipped_policy_does_what_its_cases_say() {
        let files = shipped();
        let test = test(files.clone(), Vec::new());
        let mut report = Report::default();
        for path in &files {
            let read = test.file(path);
            report.suites.extend(read.unwrap_or_else(|error| panic!("{}", crate::telemetry::chain(&error))));
        }
        let (all, wrong) = report.counts();
        assert_eq!(wrong, 0, "\n{}", report.render(Format::Text));
        assert!(all >= 25, "{all} cases");
        // A policy that nobody tests is a guess.
        for name in ["default", "strict", "coding-agent", "shadow-rollout"] {
            assert!(here(&format!("policies/{name}.yaml")).exists(), "{name}");
            assert!(files.contains(&here(&format!("policies/tests/{name}.yaml"))), "{name} has no cases");
        }
    }

    /// Cases that pass under any policy would prove nothing: under one that only watches, every file has cases that
    /// fail.
    #[test]
    fn shipped_cases_fail_under_another_policy() {
        let directory = tempfile::tempdir().expect("a directory");
        let watch = directory.path().join("watch.yaml");
        let text = "apiVersion: interceptor.dev/v1alpha1\nkind: EgressPolicy\nmetadata: { name: watch }\nspec:\n  rules:\n    - name: watch\n      match: { direction: both, detectors: ['*'] }\n      action: audit\n";
        std::fs::write(&watch, text).expect("it is written");
        for path in shipped() {
            let test = test(vec![path.clone()], vec![watch.clone()]);
            let suites = test.file(&path).expect("it reads");
            assert!(Report { suites }.counts().1 > 0, "{}", path.display());
        }
    }

    fn suite(cases: &str) -> Result<Vec<Suite>, String> {
        let text = format!(
            "apiVersion: interceptor.dev/v1alpha1\nkind: PolicyTest\nmetadata: {{ name: t }}\nspec:\n  policies: [../default.yaml]\n  cases:\n{cases}"
        );
        let file = here("policies/tests/in-a-test.yaml").display().to_string();
        cases::read(&file, &text, &[]).map_err(|mistakes| mistakes.to_string().replace(&file, "t.yaml"))
    }

    #[test]
    fn every_expectation_can_fail() {
        let suites = suite(
            r#"
    - name: all wrong
      request: { host: api.openai.com, path: /v1/chat/completions, headers: { x-a: b }, body: '{"model":"m","messages":[{"role":"user","content":"${pii:email}"}]}' }
      expect:
        verdict: block
        rule: no-secrets-out
        status: 403
        sent: { whole: '{}', unchanged: true, contains: ["${pii:email}"], absent: ["[EMAIL]"] }
        received: { whole: "x", contains: [y] }
        removedHeaders: [x-a, x-b]
        findings: [{ detector: pii.card }]
        shadow: [s]
        doubts: [oversizedBody]
"#,
        )
        .expect("it reads");
        let engine = engine(&suites[0].set);
        let case = &suites[0].cases[0];
        let said = compare::differences(case, &play::play(&engine, case));
        expect_test::expect![[r#"
            expected the verdict `block`, got `redact`
            expected the rule `no-secrets-out` to speak, and there spoke `mask-personal-data`
            expected the status 403, got 200
            the header `x-a` is sent
            the header `x-b` is expected to go, and was never there
            sent is not what was expected:
              expected …{}…
              got      …{"model":"m","messages":[{"role":"user","content":"[EMAIL]"}]}…
            sent was changed:
              expected …s":[{"role":"user","content":"${pii:email}"}]}…
              got      …s":[{"role":"user","content":"[EMAIL]"}]}…
            sent lacks `${pii:email}`:
              {"model":"m","messages":[{"role":"user","content":"[EMAIL]"}]}
            sent holds `[EMAIL]`:
              {"model":"m","messages":[{"role":"user","content":"[EMAIL]"}]}
            received is not what was expected:
              expected …x…
              got      …{}…
            received lacks `y`:
              {}
            expected 1 of `pii.card`, found 0
            did not expect `pii.email` at messages[0].content (redact by mask-personal-data), found 1
            expected in shadow `s`, got none
            expected the doubts `oversizedBody`, got none"#]]
        .assert_eq(&said.join("\n"));
    }

    /// Limits, and cases of how much was used of them before.
    const LIMITS: &str = "\
apiVersion: interceptor.dev/v1alpha1
kind: EgressPolicy
metadata: { name: limits }
spec:
  limits:
    - { name: a-minute, requests: 60, each: minute, per: [subject], match: { models: ['gpt-*'] } }
    - { name: a-day, cost: 5 USD, each: day, per: [namespace] }
    - { name: tried, tokens: 1000, each: hour, mode: shadow }
";

    #[test]
    fn limits_are_tested_by_what_was_used_before() {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("limits.yaml"), LIMITS).expect("it is written");
        let head = "apiVersion: interceptor.dev/v1alpha1\nkind: PolicyTest\nmetadata: { name: t }\nspec:\n  policies: [limits.yaml]\n  cases:\n";
        let request = "request: { host: api.openai.com, path: /v1/chat/completions, body: '{\"model\":\"gpt-4o\",\"messages\":[]}' }";
        let other = request.replace("gpt-4o", "o4-mini");
        let cases = [
            format!("{{ name: fresh, {request}, expect: {{ verdict: pass, shadow: [] }} }}"),
            format!(
                "{{ name: last, used: {{ a-minute: 59, a-day: 4.50 USD }}, {request}, expect: {{ verdict: pass, status: 200 }} }}"
            ),
            format!(
                "{{ name: over, used: {{ a-minute: 60 }}, {request}, expect: {{ verdict: block, rule: a-minute, status: 429 }} }}"
            ),
            format!(
                "{{ name: far over, used: {{ a-day: 7 USD }}, {request}, expect: {{ rule: a-day, status: 429 }} }}"
            ),
            format!(
                "{{ name: shadow, used: {{ tried: 1000 }}, {request}, expect: {{ verdict: pass, rule: tried, shadow: [tried] }} }}"
            ),
            format!("{{ name: fails, used: {{ a-minute: 60 }}, {other}, expect: {{ status: 429 }} }}"),
        ];
        let file = directory.path().join("t.yaml").display().to_string();
        let read = |cases: &str| cases::read(&file, &format!("{head}{cases}"), &[]);
        let suites = read(&cases.map(|case| format!("    - {case}\n")).concat()).expect("it reads");
        let engine = engine(&suites[0].set);
        let said = |case: &cases::Case| compare::differences(case, &play::play(&engine, case));
        let (last, good) = suites[0].cases.split_last().expect("there are some");
        for case in good {
            assert_eq!(said(case), Vec::<String>::new(), "{}", case.name);
        }
        assert_eq!(
            said(last),
            [
                "expected the status 429, got 200",
                "nothing of the limit `a-minute` is used, and of `a-day`, `tried`"
            ]
        );
        let wrong = read(&format!(
            "    - {{ name: a, used: {{ a-minut: 1, a-minute: many, a-day: 5 }}, {request}, expect: {{ verdict: pass }} }}\n"
        ));
        expect_test::expect![[r#"
            t.yaml:7:35: spec.cases[0].used.a-minut: unknown limit `a-minut`; expected the name of a limit of the policy; did you mean `a-minute`?
            t.yaml:7:48: spec.cases[0].used.a-minute: `many` is not allowed; expected a whole number from 0 to 1000000000000000
            t.yaml:7:61: spec.cases[0].used.a-day: `5` is not allowed; expected an amount such as `4.50 USD`"#]]
            .assert_eq(&wrong.expect_err("it is wrong").to_string().replace(&file, "t.yaml"));
    }

    #[test]
    fn what_is_wrong_with_cases_is_said_with_its_place() {
        let said = suite(
            r#"
    - name: a
      subject: { namespaces: [x] }
      request: { host: example.org, path: /, body: "${secret:nothing}", chunks: 0 }
      expect: { verdict: blocked, sent: { has: [x] }, doubts: [oversizeBody] }
    - name: b
      request: { provider: opanai, host: api.openai.com, path: / }
      expect: { findings: [{ rule: x }] }
    - request: { provider: opanai, file: nothing.json }
"#,
        )
        .expect_err("it is wrong");
        expect_test::expect![[r#"
            t.yaml:9:18: spec.cases[0].subject: unknown field `namespaces`; expected one of `namespace`, `namespaceLabels`, `pod`, `podLabels`, `serviceAccount`, `container`, `image`, `executable`, `comm`, `unit`, `user`, `uid`, `cgroup`, `known`; did you mean `namespace`?
            t.yaml:10:24: spec.cases[0].request.host: is no host of an AI provider; expected a host that the catalogue knows
            t.yaml:10:52: spec.cases[0].request.body: unknown placeholder `secret:nothing`; expected a detector such as `${pii:email}`
            t.yaml:10:81: spec.cases[0].request.chunks: `0` is not allowed; expected a whole number from 1 to 1048576
            t.yaml:11:26: spec.cases[0].expect.verdict: unknown value `blocked`; expected one of `pass`, `redact`, `block`, `passthrough`
            t.yaml:11:43: spec.cases[0].expect.sent: unknown field `has`; expected one of `whole`, `unchanged`, `contains`, `absent`
            t.yaml:11:64: spec.cases[0].expect.doubts[0]: unknown value `oversizeBody`; expected one of `oversizedBody`, `undecodableBody`, `decodeLimit`, `malformedJson`, `unknownFormat`, `binaryContent`, `unrewritable`, `signedBody`, `notInspected`, `untrustedClient`, `unknownCaller`, `unknownModel`, `failedCondition`; did you mean `oversizedBody`?
            t.yaml:13:16: spec.cases[1].request: must say who is called; expected either `host` or `provider`
            t.yaml:14:28: spec.cases[1].expect.findings[0]: the field `detector` is missing
            t.yaml:15:7: spec.cases[2]: the field `name` is missing
            t.yaml:15:7: spec.cases[2]: the field `expect` is missing
            t.yaml:15:16: spec.cases[2].request: the field `path` is missing
            t.yaml:15:28: spec.cases[2].request.provider: unknown provider `opanai`; expected a provider of the catalogue; did you mean `openai`?
            t.yaml:15:42: spec.cases[2].request.file: cannot read `nothing.json`: No such file or directory (os error 2)"#]].assert_eq(&said);
    }

    #[test]
    fn credentials_in_clear_are_refused() {
        let mut source = interceptor_engine::detect::SampleSource::new(3);
        let mut all = interceptor_engine::detect::DetectorId::all();
        let detector = all.find(|id| id.detector().name == "secret.github_token").expect("it exists");
        let token = detector.detector().sample(&mut source);
        let said = suite(&format!(
            "    - name: a\n      request: {{ host: api.openai.com, path: /v1/chat/completions, body: 'my {token}' }}\n      expect: {{ verdict: block }}\n"
        ))
        .expect_err("it is refused");
        assert!(said.contains("${secret:github_token}") && !said.contains(&token), "{said}");
    }
}

//! What `policy check` and `policy test` have to say, in the forms in which people and CI systems read it.
//! Knows files, names and problems. Does not know what a policy is.

mod junit;
mod sarif;

use clap::ValueEnum;
use interceptor_engine::document::{Mistake, Mistakes, Position};
use serde_json::{Value, json};

/// The form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Lines for people.
    Text,
    /// One JSON object.
    Json,
    /// JUnit's XML, which most CI systems show as tests.
    Junit,
    /// SARIF 2.1.0, which code hosts show beside the lines.
    Sarif,
}

/// Everything that was looked at.
#[derive(Debug, Default)]
pub struct Report {
    /// What each file was found to be.
    pub suites: Vec<Suite>,
}

/// One file.
#[derive(Debug)]
pub struct Suite {
    /// The file as it was named.
    pub file: String,
    /// What was looked at in it.
    pub cases: Vec<Case>,
}

/// One thing that was looked at.
#[derive(Debug)]
pub struct Case {
    /// What it is, in words.
    pub name: String,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
}

/// Something wrong.
#[derive(Debug)]
pub struct Problem {
    /// Which kind of problem it is.
    pub kind: ProblemKind,
    /// Where.
    pub at: Position,
    /// What, in words.
    pub message: String,
}

/// The kinds of problems.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// A file says what it cannot mean.
    Mistake,
    /// A test case came out otherwise.
    Difference,
}

impl ProblemKind {
    const ALL: [Self; 2] = [Self::Mistake, Self::Difference];

    fn id(self) -> &'static str {
        match self {
            Self::Mistake => "policy-mistake",
            Self::Difference => "policy-test",
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::Mistake => "A policy file says something that it cannot mean.",
            Self::Difference => "An exchange is decided otherwise than its test case expects.",
        }
    }
}

impl Report {
    /// One case for each of these files, with the mistakes that are in it, and for each other file that has some.
    pub fn of_mistakes<'f>(
        name: &str,
        files: impl IntoIterator<Item = &'f str>,
        mistakes: Option<&'f Mistakes>,
    ) -> Self {
        let all: Vec<&Mistake> = mistakes.into_iter().flatten().collect();
        let mut files: Vec<&str> = files.into_iter().collect();
        for mistake in &all {
            if !files.contains(&&*mistake.file) {
                files.push(&mistake.file);
            }
        }
        let suites = files.into_iter().map(|file| {
            let here = all.iter().filter(|mistake| *mistake.file == *file);
            let problems = here.map(|mistake| Problem::of(mistake)).collect();
            Suite { file: file.to_owned(), cases: vec![Case { name: name.to_owned(), problems }] }
        });
        Self { suites: suites.collect() }
    }

    /// How many things were looked at, and how many of them are wrong.
    pub fn counts(&self) -> (usize, usize) {
        let cases = self.suites.iter().flat_map(|suite| &suite.cases);
        let (mut all, mut wrong) = (0, 0);
        for case in cases {
            all += 1;
            wrong += usize::from(!case.problems.is_empty());
        }
        (all, wrong)
    }

    /// The report in a form for machines, or the problems in lines.
    pub fn render(&self, format: Format) -> String {
        match format {
            Format::Text => self.lines(),
            Format::Json => self.json().to_string(),
            Format::Junit => junit::render(self),
            Format::Sarif => sarif::render(self).to_string(),
        }
    }

    fn problems(&self) -> impl Iterator<Item = (&Suite, &Case, &Problem)> {
        { self.suites.iter() }.flat_map(|suite| {
            let cases = suite.cases.iter();
            cases.flat_map(move |case| case.problems.iter().map(move |problem| (suite, case, problem)))
        })
    }

    fn lines(&self) -> String {
        let line = |(suite, case, problem): (&Suite, &Case, &Problem)| {
            let Position { line, column } = problem.at;
            let name = match problem.kind {
                ProblemKind::Mistake => String::new(),
                ProblemKind::Difference => format!("{}: ", case.name),
            };
            format!("{}:{line}:{column}: {name}{}", suite.file, problem.message)
        };
        self.problems().map(line).collect::<Vec<_>>().join("\n")
    }

    fn json(&self) -> Value {
        let (all, wrong) = self.counts();
        let problems: Vec<Value> = self
            .problems()
            .map(|(suite, case, problem)| {
                json!({
                    "kind": problem.kind.id(),
                    "file": suite.file,
                    "line": problem.at.line,
                    "column": problem.at.column,
                    "case": case.name,
                    "message": problem.message,
                })
            })
            .collect();
        json!({ "ok": wrong == 0, "cases": all, "failed": wrong, "problems": problems })
    }
}

impl Problem {
    /// A mistake without its place, which stands beside it.
    pub fn of(mistake: &Mistake) -> Self {
        let mut message = mistake.what.clone();
        if let Some(expected) = &mistake.expected {
            message.push_str(&format!("; expected {expected}"));
        }
        if let Some(word) = &mistake.did_you_mean {
            message.push_str(&format!("; did you mean `{word}`?"));
        }
        Self { kind: ProblemKind::Mistake, at: mistake.at, message }
    }
}

#[cfg(test)]
pub(super) fn sample() -> Report {
    let at = Position { line: 3, column: 7 };
    let problem = |kind, message: &str| Problem { kind, at, message: message.to_owned() };
    Report {
        suites: vec![
            Suite {
                file: "a b.yaml".into(),
                cases: vec![Case {
                    name: "policy".into(),
                    problems: vec![problem(ProblemKind::Mistake, "`<x>` & \"y\"\u{1}")],
                }],
            },
            Suite {
                file: "tests/ü.yaml".into(),
                cases: vec![
                    Case { name: "good".into(), problems: Vec::new() },
                    Case {
                        name: "bad".into(),
                        problems: vec![
                            problem(ProblemKind::Difference, "one"),
                            problem(ProblemKind::Difference, "two"),
                        ],
                    },
                ],
            },
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn lines_name_file_place_and_case() {
        expect![[r#"
            a b.yaml:3:7: `<x>` & "y"
            tests/ü.yaml:3:7: bad: one
            tests/ü.yaml:3:7: bad: two"#]]
        .assert_eq(&sample().render(Format::Text).replace('\u{1}', ""));
    }

    #[test]
    fn json_counts_and_lists() {
        let json: Value = serde_json::from_str(&sample().render(Format::Json)).expect("it is JSON");
        assert_eq!((&json["ok"], &json["cases"], &json["failed"]), (&json!(false), &json!(3), &json!(2)));
        assert_eq!(json["problems"].as_array().map(Vec::len), Some(3));
        assert_eq!(json["problems"][2]["case"], "bad");
    }
}

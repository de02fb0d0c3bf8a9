//! The report as JUnit's XML: a suite for each file, a failure for each problem's case.
//! The common subset that Jenkins, GitLab and GitHub's actions read.

use std::fmt::Write as _;

use super::{Case, Report, Suite};

pub(super) fn render(report: &Report) -> String {
    let (all, wrong) = report.counts();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    line(
        &mut out,
        0,
        &format!(
            "<testsuites name=\"interceptor policy\" tests=\"{all}\" failures=\"{wrong}\" errors=\"0\">"
        ),
    );
    for suite in &report.suites {
        write_suite(&mut out, suite);
    }
    line(&mut out, 0, "</testsuites>");
    out
}

fn write_suite(out: &mut String, suite: &Suite) {
    let failures = suite.cases.iter().filter(|case| !case.problems.is_empty()).count();
    let (file, tests) = (escaped(&suite.file), suite.cases.len());
    line(
        out,
        1,
        &format!(
            "<testsuite name=\"{file}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"0\">"
        ),
    );
    for case in &suite.cases {
        write_case(out, &file, case);
    }
    line(out, 1, "</testsuite>");
}

fn write_case(out: &mut String, file: &str, case: &Case) {
    let head = format!("<testcase classname=\"{file}\" name=\"{}\"", escaped(&case.name));
    let Some(first) = case.problems.first() else {
        return line(out, 2, &format!("{head}/>"));
    };
    line(out, 2, &format!("{head}>"));
    // Readers take one failure for each case; it says all that is wrong.
    let all: Vec<String> = { case.problems.iter() }
        .map(|p| format!("{file}:{}:{}: {}", p.at.line, p.at.column, escaped(&p.message)))
        .collect();
    let (kind, message) = (first.kind.id(), escaped(&first.message));
    line(out, 3, &format!("<failure type=\"{kind}\" message=\"{message}\">{}</failure>", all.join("\n")));
    line(out, 2, "</testcase>");
}

fn line(out: &mut String, depth: usize, text: &str) {
    let _ = writeln!(out, "{:1$}{text}", "", depth * 2);
}

/// Text as it may stand in an element and in an attribute. What XML 1.0 cannot say at all becomes U+FFFD.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            '\r' => out.push_str("&#13;"),
            c if c.is_control() && u32::from(c) < 0x20 => out.push('\u{fffd}'),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use quick_xml::Reader;
    use quick_xml::events::Event;

    /// Reads it with a real parser: names of elements, and how the counts of a suite compare with what is in it.
    #[test]
    fn it_is_well_formed_and_its_counts_are_right() {
        let text = render(&sample());
        let mut reader = Reader::from_str(&text);
        let (mut cases, mut failures) = (0, 0);
        let mut said = Vec::new();
        loop {
            match reader.read_event().expect("it is XML") {
                Event::Start(e) | Event::Empty(e) => match e.name().as_ref() {
                    "testcase" => cases += 1,
                    "failure" => failures += 1,
                    "testsuite" => {
                        for attribute in e.attributes() {
                            let attribute = attribute.expect("a name and a value");
                            said.push((attribute.key.as_ref().to_owned(), attribute.value.into_owned()));
                        }
                    }
                    "testsuites" => {}
                    other => panic!("{other:?}"),
                },
                Event::Eof => break,
                _ => {}
            }
        }
        assert_eq!((cases, failures), (3, 2));
        let sum = |name: &str| -> usize {
            { said.iter() }
                .filter(|(key, _)| key == name)
                .map(|(_, value)| value.parse::<usize>().expect("digits"))
                .sum()
        };
        assert_eq!((sum("tests"), sum("failures")), (3, 2));
    }

    /// What may stand in what, and what has to be said of each: the schema that Jenkins publishes, written down again.
    const ELEMENTS: [(&str, &str, &[&str], &[&str]); 4] = [
        ("testsuites", "", &[], &["name", "time", "tests", "failures", "disabled", "errors"]),
        (
            "testsuite",
            "testsuites",
            &["name", "tests"],
            &["failures", "errors", "time", "disabled", "skipped", "timestamp", "hostname", "id", "package"],
        ),
        ("testcase", "testsuite", &["name", "classname"], &["assertions", "time", "status"]),
        ("failure", "testcase", &[], &["type", "message"]),
    ];

    #[test]
    fn every_element_stands_where_it_may_and_says_what_it_has_to() {
        let text = render(&sample());
        let mut reader = Reader::from_str(&text);
        let mut open: Vec<String> = Vec::new();
        let mut seen = 0;
        loop {
            let event = reader.read_event().expect("it is XML");
            let (element, stays_open) = match &event {
                Event::Start(element) => (element, true),
                Event::Empty(element) => (element, false),
                Event::End(_) => {
                    open.pop();
                    continue;
                }
                Event::Eof => break,
                _ => continue,
            };
            let name = element.name().as_ref().to_owned();
            let (_, around, needed, allowed) =
                ELEMENTS.iter().find(|known| *known.0 == *name).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(open.last().map_or("", |name| name), *around, "{name}");
            let said: Vec<String> = element
                .attributes()
                .map(|a| a.expect("a name and a value").key.as_ref().to_owned())
                .collect();
            assert!(needed.iter().all(|needed| said.iter().any(|said| said == needed)), "{name}: {said:?}");
            assert!(
                said.iter().all(|said| needed.iter().chain(*allowed).any(|known| known == said)),
                "{name}: {said:?}"
            );
            seen += 1;
            if stays_open {
                open.push(name);
            }
        }
        assert!(open.is_empty() && seen == 8, "{open:?} {seen}");
    }

    #[test]
    fn it_is_as_ci_systems_expect() {
        expect_test::expect![[r#"
            <?xml version="1.0" encoding="UTF-8"?>
            <testsuites name="interceptor policy" tests="3" failures="2" errors="0">
              <testsuite name="a b.yaml" tests="1" failures="1" errors="0" skipped="0">
                <testcase classname="a b.yaml" name="policy">
                  <failure type="policy-mistake" message="`&lt;x&gt;` &amp; &quot;y&quot;�">a b.yaml:3:7: `&lt;x&gt;` &amp; &quot;y&quot;�</failure>
                </testcase>
              </testsuite>
              <testsuite name="tests/ü.yaml" tests="2" failures="1" errors="0" skipped="0">
                <testcase classname="tests/ü.yaml" name="good"/>
                <testcase classname="tests/ü.yaml" name="bad">
                  <failure type="policy-test" message="one">tests/ü.yaml:3:7: one
            tests/ü.yaml:3:7: two</failure>
                </testcase>
              </testsuite>
            </testsuites>
        "#]]
        .assert_eq(&render(&sample()));
    }
}

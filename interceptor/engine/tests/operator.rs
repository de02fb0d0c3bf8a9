//! Detectors that an operator wrote: what they find, what is refused, and that streams find what whole texts show.

#![expect(clippy::unwrap_used, reason = "the helpers belong to tests")]

use std::fmt::Write;
use std::sync::Arc;

use expect_test::{Expect, expect};
use interceptor_engine::TextScanner;
use interceptor_engine::detect::{Detectors, Finding, StreamFinding, StreamScanner};
use proptest::prelude::*;

/// A set with these detectors, written as YAML list items.
fn set(detectors: &str) -> Arc<Detectors> {
    load(detectors, &[]).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

fn load(
    detectors: &str,
    lists: &[(&str, &str)],
) -> Result<Arc<Detectors>, interceptor_engine::document::Mistakes> {
    let head = "apiVersion: interceptor.dev/v1alpha1\nkind: DetectorSet\nmetadata: {name: acme}\nspec:\n";
    let text = format!("{head}  detectors:\n{detectors}");
    let mut files = vec![("acme.yaml", &*text)];
    files.extend(lists);
    Detectors::load(&files)
}

fn scan(set: &Detectors, text: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    set.scan(text.as_bytes(), &mut found);
    found
}

/// `name confidence=text` for each finding.
fn shown(set: &Detectors, text: &str) -> String {
    scan(set, text).iter().fold(String::new(), |mut all, f| {
        let (name, sure) = (set.registry().name(f.detector), f.confidence.name());
        writeln!(all, "{name} {sure}={}", &text[f.start..f.end]).unwrap();
        all
    })
}

#[expect(clippy::needless_pass_by_value, reason = "the macro makes a value")]
fn check(detectors: &str, text: &str, expected: Expect) {
    expected.assert_eq(&shown(&set(detectors), text));
}

#[expect(clippy::needless_pass_by_value, reason = "the macro makes a value")]
fn refused(detectors: &str, expected: Expect) {
    expected.assert_eq(&load(detectors, &[]).unwrap_err().to_string());
}

const PROJECTS: &str = "
    - name: acme.project
      literals: [Blue Heron, Blue Heron Two, heron-9, Zürich Süd]
      ignoreCase: true
      confidence: high
    - name: acme.badge
      label: BADGE
      pattern: 'AC-[0-9]{4,6}(-[A-Z])?'
";

#[test]
fn literals_and_patterns_are_found_as_words() {
    check(
        PROJECTS,
        "On blue heron two and BLUE HERON, not xheron-9 nor heron-99, but heron-9: AC-12345-X, AC-1, AC-1234567, \
         zürich süd.",
        expect![[r#"
            acme.project high=blue heron two
            acme.project high=BLUE HERON
            acme.project high=heron-9
            acme.badge medium=AC-12345-X
            acme.project high=zürich süd
        "#]],
    );
}

#[test]
fn an_operators_finding_hides_no_other() {
    check(
        PROJECTS,
        "write to heron-9@example.com",
        expect![[r#"
            pii.email medium=heron-9@example.com
            acme.project high=heron-9
        "#]],
    );
}

#[test]
fn words_before_and_check_digits_decide() {
    let detectors = "
    - name: acme.member
      pattern: '[0-9]{8}'
      context: {words: [member, Mitglied], within: 20, required: true}
      validator: luhn
    - name: acme.ticket
      pattern: 'T[0-9]{5}'
      context: {words: [ticket]}
      confidence: high
    - name: acme.loose
      literals: [heron]
      wholeWord: false
";
    check(
        detectors,
        "MEMBER 12345674, 12345674 alone was far from it; member 12345675. T12345, ticket T12345. xheronx",
        expect![[r#"
            pii.dk_cvr low=12345674
            acme.member medium=12345674
            pii.dk_cvr low=12345674
            acme.member medium=12345674
            pii.tw_company low=12345675
            acme.ticket medium=T12345
            acme.ticket high=T12345
            acme.loose medium=heron
        "#]],
    );
}

#[test]
fn a_list_is_a_file_beside_the_document() {
    let detectors = "\n    - {name: acme.customer, literalsFile: customers.txt}\n";
    let lists = [("customers.txt", "Wayne Enterprises\n\nStark Industries\r\n")];
    let set = load(detectors, &lists).unwrap();
    assert_eq!(shown(&set, "for Stark Industries"), "acme.customer medium=Stark Industries\n");

    let lists = [("clients.txt", "ab\nWayne Enterprises\n trailing \n")];
    expect![[r#"
        acme.yaml:7:43: spec.detectors[0].literalsFile: unknown list `customers.txt`; expected the name of a `.txt` file that is loaded, too
        clients.txt:1:1: no detector reads this list; expected a `literalsFile` with its name"#]]
    .assert_eq(&load(detectors, &lists).unwrap_err().to_string());

    let lists = [("customers.txt", "ab\nWayne Enterprises\n trailing \n")];
    expect![[r#"
        customers.txt:1:1: this literal is not allowed; expected 3 to 128 bytes without spaces at the ends
        customers.txt:3:1: this literal is not allowed; expected 3 to 128 bytes without spaces at the ends"#]]
    .assert_eq(&load(detectors, &lists).unwrap_err().to_string());
}

#[test]
fn patterns_that_could_be_slow_are_refused_in_words() {
    refused(
        "
    - {name: acme.a, pattern: 'AC-[0-9]+'}
    - {name: acme.b, pattern: 'AC-[0-9]{4,}'}
    - {name: acme.c, pattern: '\\bAC[0-9]{4}'}
    - {name: acme.d, pattern: '[0-9]{200}'}
    - {name: acme.e, pattern: '[0-9]?'}
    - {name: acme.f, pattern: 'AC-([0-9]{4}'}
    - {name: acme.g, pattern: '[a-z]{3}[a-z0-9]{0,100}#[a-z0-9]{3}'}
    - {name: acme.h, pattern: '(a{1,9}){1,9}(a{1,9}b){1,9}(b{1,9}a){0,9}x{0,9}'}
    - {name: acme.i, pattern: '[ä]{3}'}
",
        expect![[r#"
            acme.yaml:7:31: spec.detectors[0].pattern: at character 9: the repetition has no end; expected a bound, such as `{1,32}`
            acme.yaml:8:31: spec.detectors[1].pattern: at character 9: the repetition has no end; expected a bound, such as `{1,32}`
            acme.yaml:9:31: spec.detectors[2].pattern: at character 1: it looks at what stands around the match; expected `wholeWord: true` for ends of words, `context` for what stands before
            acme.yaml:10:31: spec.detectors[3].pattern: matches more than 128 bytes; expected at most 128, since a stream is held back for as long
            acme.yaml:11:31: spec.detectors[4].pattern: matches fewer than 3 bytes; expected at least 3: anything shorter is everywhere
            acme.yaml:12:31: spec.detectors[5].pattern: at character 4: unclosed group; expected a regular expression of single bytes (classes are ASCII), without look-around
            acme.yaml:13:31: spec.detectors[6].pattern: could be slow: matching it in one pass takes more than 1024 KiB; expected shorter repetitions, or fewer that can match the same text in several ways
            acme.yaml:14:31: spec.detectors[7].pattern: matches more than 128 bytes; expected at most 128, since a stream is held back for as long
            acme.yaml:15:31: spec.detectors[8].pattern: at character 2: Unicode not allowed here; expected a regular expression of single bytes (classes are ASCII), without look-around"#]],
    );
}

#[test]
fn all_mistakes_are_told_at_once() {
    refused(
        "
    - {name: secret.mine, literals: [abc]}
    - {name: acme.a, literals: [ab, ' abc']}
    - {name: acme.b}
    - {name: acme.c, literals: [abc], validator: crc, confidence: sure, wholeword: true}
    - {name: acme.d, literals: [abc], context: {words: [], within: 900}}
    - {name: acme.e, literals: [abc], label: low}
    - {name: acme.f, literals: [abc]}
    - {name: acme.f, literals: [abc]}
",
        expect![[r#"
            acme.yaml:7:14: spec.detectors[0].name: `secret.mine` is not allowed; expected two to eight words of lower-case letters, digits, `_` and `-` with dots between them, such as `acme.project`; the first is none of `secret`, `pii`, `risk`
            acme.yaml:8:33: spec.detectors[1].literals[0]: `ab` is not allowed; expected 3 to 128 bytes without spaces at the ends
            acme.yaml:8:37: spec.detectors[1].literals[1]: ` abc` is not allowed; expected 3 to 128 bytes without spaces at the ends
            acme.yaml:9:7: spec.detectors[2]: finds nothing; expected `literals`, `literalsFile` or `pattern`
            acme.yaml:10:50: spec.detectors[3].validator: unknown value `crc`; expected one of `luhn`, `verhoeff`, `mod97-10`, `mod11-2`, `mod37-36`
            acme.yaml:10:67: spec.detectors[3].confidence: unknown value `sure`; expected one of `low`, `medium`, `high`
            acme.yaml:10:73: spec.detectors[3]: unknown field `wholeword`; expected one of `name`, `label`, `description`, `literals`, `literalsFile`, `pattern`, `ignoreCase`, `wholeWord`, `context`, `validator`, `confidence`; did you mean `wholeWord`?
            acme.yaml:11:56: spec.detectors[4].context.words: is an empty list; expected at least one element
            acme.yaml:11:68: spec.detectors[4].context.within: `900` is not allowed; expected a whole number from 1 to 192
            acme.yaml:12:46: spec.detectors[5].label: `low` is not allowed; expected at most 32 upper-case letters, digits and `_`
            acme.yaml:14:14: spec.detectors[7].name: the name `acme.f` is taken by another detector; expected another name"#]],
    );
}

#[test]
fn encodings_hide_nothing() {
    let mut scanner = TextScanner::new(set(PROJECTS));
    for text in
        ["see Qmx1ZSBIZXJvbiBUd28gaXMgbGF0ZSBhZ2Fpbg== now", r"on blue\u0020heron two", "blue%20heron two"]
    {
        let mut found = scanner.scan(text);
        found.retain(|found| !found.detector.is_builtin());
        let names: Vec<&str> = found.iter().map(|f| &**scanner.registry().name(f.detector)).collect();
        assert_eq!(names, ["acme.project"], "{text}");
        assert_eq!(String::from_utf8(found[0].value.to_ascii_lowercase()).unwrap(), "blue heron two");
    }
}

/// What a stream finds, and how much it held after each fragment.
fn stream<'a>(
    set: &Arc<Detectors>,
    fragments: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<StreamFinding>, Vec<u64>) {
    let mut scanner = StreamScanner::new(set.clone());
    let (mut found, mut held, mut pushed) = (Vec::new(), Vec::new(), 0);
    for fragment in fragments {
        pushed += fragment.len() as u64;
        held.push(pushed - scanner.push(fragment, &mut found));
    }
    scanner.finish(&mut found);
    (found, held)
}

#[test]
fn nothing_is_held_where_nothing_begins() {
    let set = set(PROJECTS);
    let prose = "the quick dog went over there, and that was it. ";
    let (found, held) = stream(&set, prose.as_bytes().chunks(3));
    assert!(found.is_empty() && held.iter().all(|held| *held == 0), "{held:?}");

    let (found, held) = stream(&set, b"so blue heron two!".chunks(1));
    assert_eq!(found.len(), 1);
    expect!["[0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0]"].assert_eq(&format!("{held:?}"));
}

/// Sets in which much begins and little ends.
const TANGLED: [&str; 3] = [
    "
    - {name: t.a, literals: [aab, aabb, bba, abab, bbabb], wholeWord: false}
    - {name: t.b, literals: [abb, aabba, ba-b], ignoreCase: true}
    - {name: t.c, pattern: '[ab]{2,6}-[ab]{1,4}', wholeWord: false}
",
    "
    - {name: t.a, pattern: 'a{1,4}b{1,4}a', wholeWord: false}
    - {name: t.b, pattern: '(ab|ba){2,5}'}
    - {name: t.c, pattern: 'b-?a-?b-?a', context: {words: [aa], within: 9, required: true}, wholeWord: false}
    - {name: t.d, pattern: '[ab]{3,90}x'}
",
    "
    - {name: t.a, literals: ['a-b', 'b a b', 'xab', 'aXb'], ignoreCase: true}
    - {name: t.b, pattern: '[abx -]{3,40}', validator: luhn}
    - {name: t.c, pattern: '[abx]{3,40}', wholeWord: false}
",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn streams_find_what_whole_texts_show(
        which in 0..TANGLED.len(),
        text in "[abABx -]{0,300}",
        cuts in prop::collection::vec(1usize..40, 1..40),
    ) {
        static SETS: std::sync::LazyLock<Vec<Arc<Detectors>>> =
            std::sync::LazyLock::new(|| TANGLED.iter().map(|detectors| set(detectors)).collect());
        let set = &SETS[which];
        let mut whole: Vec<_> =
            scan(set, &text).iter().map(|f| (f.start as u64, f.end as u64, f.detector, f.confidence)).collect();
        let mut fragments = Vec::new();
        let (mut rest, mut cuts) = (text.as_bytes(), cuts.iter().cycle());
        while !rest.is_empty() {
            let (fragment, behind) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
            fragments.push(fragment);
            rest = behind;
        }
        let (found, held) = stream(set, fragments.iter().copied());
        let mut found: Vec<_> = found.iter().map(|f| (f.start, f.end, f.detector, f.confidence)).collect();
        whole.sort_unstable();
        found.sort_unstable();
        prop_assert_eq!(found, whole);
        prop_assert!(held.iter().all(|held| *held <= 129));
    }

    /// What is found is what a slow search finds: every literal that lies in no longer one.
    #[test]
    fn literals_are_found_wherever_they_stand(text in "[abAB -]{0,120}") {
        const LITERALS: [&str; 5] = ["aab", "aabb", "bba", "abab", "bbabb"];
        let set = set("\n    - {name: t.a, literals: [aab, aabb, bba, abab, bbabb], wholeWord: false}\n");
        let mut all = Vec::new();
        for literal in LITERALS {
            let there = (0..text.len()).filter(|at| text[*at..].starts_with(literal));
            all.extend(there.map(|at| (at, at + literal.len())));
        }
        let inside = |a: &(usize, usize)| all.iter().any(|b| b != a && b.0 <= a.0 && a.1 <= b.1);
        let mut expected: Vec<_> = all.iter().copied().filter(|a| !inside(a)).collect();
        expected.sort_unstable();
        let found: Vec<_> = scan(&set, &text).iter().map(|f| (f.start, f.end)).collect();
        prop_assert_eq!(found, expected);
    }

    /// A pattern's findings match it, do not overlap, and nothing that matches lies between them.
    #[test]
    fn patterns_are_found_wherever_they_stand(text in "[abc]{0,120}") {
        let set = set("\n    - {name: t.a, pattern: 'a{1,4}b{1,4}a', wholeWord: false}\n");
        let matches = |text: &str| {
            let rest = text.trim_start_matches('a');
            let tail = rest.trim_start_matches('b');
            let (a, b) = (text.len() - rest.len(), rest.len() - tail.len());
            (1..=4).contains(&a) && (1..=4).contains(&b) && tail == "a"
        };
        let any = |text: &str| (0..text.len()).any(|s| (s + 1..=text.len()).any(|e| matches(&text[s..e])));
        let mut from = 0;
        for found in scan(&set, &text) {
            prop_assert!(found.start >= from && matches(&text[found.start..found.end]));
            prop_assert!(!any(&text[from..found.start]));
            from = found.end;
        }
        prop_assert!(!any(&text[from..]));
    }
}

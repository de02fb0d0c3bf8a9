//! Addresses in tests of code: fixtures are full of mail addresses, telephones and hosts that are nobody's. They are still
//! reported, of low confidence.
//!
//! Looks at a whole text, further back than a detector sees, which a stream does not keep: what is streamed is told as
//! the detectors tell it. Leaves what a check proves as it is, and all secrets: a key that somebody has put into a test is a
//! key.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use memchr::{memchr, memrchr};

use crate::detect::{Confidence, DetectorId, Finding};

/// So far before a value a test may say that it is one. Tests say so every few lines.
const REACH: usize = 2048;

/// What only tests of code hold, in the languages that are written most. Words of prose are none of them.
const MARKS: [&str; 40] = [
    // Rust.
    "#[test]",
    "#[tokio::test",
    "#[cfg(test)]",
    "#[bench]",
    "assert_eq!(",
    "assert_ne!(",
    "assert!(",
    "black_box(",
    "use criterion",
    "criterion_group!",
    ".bench_function(",
    // Python.
    "import unittest",
    "from unittest",
    "import pytest",
    "@pytest.",
    "pytest.raises",
    "def test_",
    "self.assert",
    "test.support",
    "TestCase)",
    // JavaScript and TypeScript.
    "describe(",
    "expect(",
    "it('",
    "it(\"",
    "test('",
    "test(\"",
    // Go.
    "*testing.T)",
    "*testing.B)",
    "t.Fatal",
    "t.Error",
    // Java, Kotlin, C#, PHP.
    "@Test",
    "assertEquals(",
    "assertThat(",
    "Assert.",
    "[Fact]",
    // Ruby, C and C++.
    "RSpec.",
    "EXPECT_",
    "ASSERT_",
    "TEST_F(",
    "TEST(",
];

/// The longest of them is not longer.
const LONGEST: usize = 16;

/// Ends what it stands behind: a test that was pasted says nothing of what follows it.
const FENCE: &str = "```";

/// Begin and end a literal of several lines, in Python, Java, Kotlin and Swift: letters and records are in it as they are.
const QUOTES: [&str; 2] = ["\"\"\"", "'''"];

static AUTOMATON: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let words = MARKS.iter().chain([&FENCE]).chain(&QUOTES);
    AhoCorasick::new(words).expect("few short words make a small automaton")
});

/// Where people and machines are. No check proves that it is anybody's.
static ADDRESSES: LazyLock<[DetectorId; 6]> = LazyLock::new(|| {
    ["pii.email", "pii.phone", "pii.ipv4", "pii.ipv6", "pii.mac_address", "pii.postal_code"]
        .map(|name| DetectorId::named(name).expect("a detector of this build"))
});

/// Lowers addresses that stand in a test of code. Findings are in order of their beginnings.
pub(super) fn lower(text: &[u8], findings: &mut [Finding]) {
    let mut marks = Marks { text, read: 0, last: None, literal: None };
    for finding in findings {
        let is_address = ADDRESSES.contains(&finding.detector);
        if !is_address || finding.confidence == Confidence::Low {
            continue;
        }
        marks.read_to(finding.start);
        if marks.stand_before(finding.start) && (marks.literal.is_some() || is_written(text, finding)) {
            finding.confidence = Confidence::Low;
        }
    }
}

/// The marks of a text, looked for once.
struct Marks<'t> {
    text: &'t [u8],
    /// Looked at up to here.
    read: usize,
    /// End of the last one, unless a fence followed it.
    last: Option<usize>,
    /// The marks of the literal of several lines that is open there.
    literal: Option<usize>,
}

impl Marks<'_> {
    fn read_to(&mut self, at: usize) {
        if at.saturating_sub(REACH) > self.read {
            (self.read, self.literal) = (at - REACH, None);
        }
        let fence = MARKS.len();
        let from = self.read;
        let Some(rest) = self.text.get(from..at) else { return };
        for found in AUTOMATON.find_iter(rest) {
            self.read = from + found.end();
            match found.pattern().as_usize() {
                mark if mark < fence => self.last = Some(self.read),
                ended if ended == fence => (self.last, self.literal) = (None, None),
                quotes => match self.literal {
                    None => self.literal = Some(quotes),
                    Some(open) if open == quotes => self.literal = None,
                    Some(_) => {}
                },
            }
        }
        // One that is not complete yet is read with what follows.
        self.read = self.read.max(at.saturating_sub(LONGEST));
    }

    fn stand_before(&self, at: usize) -> bool {
        self.last.is_some_and(|last| at - last <= REACH)
    }
}

/// Whether a value is written in code: between quotes of its line, or behind the mark of a comment.
fn is_written(text: &[u8], finding: &Finding) -> bool {
    /// Lines of code are shorter.
    const LINE: usize = 256;
    let before = &text[finding.start.saturating_sub(LINE)..finding.start];
    let before = memrchr(b'\n', before).map_or(before, |end| &before[end + 1..]);
    let behind = &text[finding.end..text.len().min(finding.end + LINE)];
    let behind = memchr(b'\n', behind).map_or(behind, |end| &behind[..end]);
    let is_comment = before.trim_ascii_start().starts_with(b"//");
    is_comment || b"\"'`".iter().any(|quote| before.contains(quote) && behind.contains(quote))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Detectors;

    fn found(text: &str) -> Vec<(&'static str, Confidence)> {
        let mut findings = Vec::new();
        Detectors::builtin().scan(text.as_bytes(), &mut findings);
        lower(text.as_bytes(), &mut findings);
        findings.iter().map(|finding| (finding.detector.name(), finding.confidence)).collect()
    }

    const EMAIL: &str = "pii.email";

    #[test]
    fn the_longest_mark_is_read_again_where_it_was_cut() {
        assert!(MARKS.iter().all(|mark| mark.len() <= LONGEST));
    }

    #[test]
    fn an_address_in_a_test_is_hardly_anybodys() {
        for test in [
            "#[test]\nfn sends() {\n    \"jane.doe@acme-corp.org\",\n}",
            "def test_sends(self):\n    'jane.doe@acme-corp.org',\n",
            "describe('mail', () => {\n  `jane.doe@acme-corp.org`,\n",
            "func TestSends(t *testing.T) {\n\t{\"jane.doe@acme-corp.org\", 1},\n",
            "@Test\nvoid sends() {\n  // to jane.doe@acme-corp.org\n",
            "def test_reads(self):\n    letter = \"\"\"\\\nFrom: jane.doe@acme-corp.org\nHi\n\"\"\"\n",
        ] {
            assert_eq!(found(test), [(EMAIL, Confidence::Low)], "{test}");
        }
    }

    #[test]
    fn what_is_no_fixture_is_what_it_is() {
        for text in [
            // No test.
            "fn sends() {\n    \"jane.doe@acme-corp.org\",\n}",
            // Data, and not code.
            "#[test]\nfn sends() {}\n\njane.doe@acme-corp.org, Jane Doe",
            // A letter behind a literal of several lines.
            "def test_reads(self):\n    letter = \"\"\"Hi\n\"\"\"\nFrom: jane.doe@acme-corp.org\n",
            // A letter behind a test that somebody has pasted.
            "```rust\n#[test]\nfn sends() {}\n```\nWrite to \"jane.doe@acme-corp.org\", please",
        ] {
            assert_eq!(found(text), [(EMAIL, Confidence::High)], "{text}");
        }
        let far = format!("#[test]\n{}\n\"jane.doe@acme-corp.org\",", " ".repeat(REACH));
        assert_eq!(found(&far), [(EMAIL, Confidence::High)]);
    }

    #[test]
    fn a_key_in_a_test_is_a_key() {
        let key = format!("gl{}-Ab3dEf6hIj9lMnOpQr2t", "pat");
        let found = found(&format!("#[test]\nfn asks() {{\n    \"{key}\", \"jane.doe@acme-corp.org\",\n}}"));
        assert!(found[0].0.starts_with("secret.") && found[0].1 > Confidence::Low, "{found:?}");
        assert_eq!(found[1..], [(EMAIL, Confidence::Low)]);
    }

    #[test]
    fn marks_are_read_once_and_found_between_findings() {
        let line = "    \"jane.doe@acme-corp.org\",\n";
        let filler = " ".repeat(REACH);
        let text = format!("{line}assert!(a);\n{line}{line}{filler}{line}{filler}assert_eq!(a, b);\n{line}");
        let levels: Vec<Confidence> = found(&text).into_iter().map(|(_, confidence)| confidence).collect();
        use Confidence::{High, Low};
        assert_eq!(levels, [High, Low, Low, High, Low]);
    }
}

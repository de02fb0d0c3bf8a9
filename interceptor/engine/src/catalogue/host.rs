//! Host names: which provider answers under a name, and which names our authority must be allowed to sign.
//! Exact names are one hash lookup; patterns are grouped by their last two labels.

use std::collections::{BTreeSet, HashMap};

use super::{HostScope, Match, ProviderId};

/// The longest name DNS allows, in its textual form.
const LONGEST_NAME: usize = 253;

/// A host name, or a pattern in which `*` stands for one or more characters other than a dot.
/// Always lower case and without a trailing dot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPattern(Box<str>);

/// Why a text is not a host pattern.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum HostPatternError {
    /// Empty, longer than DNS allows, or with an empty or overlong label.
    #[error("not a host name")]
    Shape,
    /// A character that host names do not have.
    #[error("{0:?} cannot be in a host name")]
    Character(char),
    /// A `*` among the last two labels would match other people's names.
    #[error("the last two labels must be written out")]
    TooWide,
}

impl HostPattern {
    /// Checks and normalises a host name or pattern.
    pub fn parse(text: &str) -> Result<Self, HostPatternError> {
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        if let Some(c) = name.chars().find(|c| !(c.is_ascii_alphanumeric() || "-_.*".contains(*c))) {
            return Err(HostPatternError::Character(c));
        }
        let label_fits = |label: &str| !label.is_empty() && label.len() <= 63;
        if name.is_empty() || name.len() > LONGEST_NAME || !name.split('.').all(label_fits) {
            return Err(HostPatternError::Shape);
        }
        if name.contains('*') && last_two_labels(&name).is_none_or(|tail| tail.contains('*')) {
            return Err(HostPatternError::TooWide);
        }
        Ok(HostPattern(name.into()))
    }

    /// True if the pattern names one host.
    pub fn is_exact(&self) -> bool {
        !self.0.contains('*')
    }

    /// The pattern as normalised text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The longest suffix of whole labels without a `*`: what an X.509 name constraint can express.
    pub fn literal_suffix(&self) -> &str {
        match self.0.rfind('*') {
            None => &self.0,
            Some(star) => {
                let tail = &self.0[star + 1..];
                // What stands beside the `*` in its own label is no label of its own.
                tail.split_once('.').map_or(tail, |(_, whole)| whole)
            }
        }
    }

    /// True if `host` (lower case, no trailing dot) fits the pattern.
    pub fn matches(&self, host: &str) -> bool {
        glob(self.0.as_bytes(), host.as_bytes(), b'.')
    }

    /// How much of the pattern is written out; the most exact of several matches wins.
    fn exactness(&self) -> usize {
        self.0.bytes().filter(|&b| b != b'*').count()
    }
}

/// Matches `text` against a pattern in which `*` stands for one or more bytes other than `separator`.
/// Iterative with one remembered star, so it costs at most pattern x text.
pub(super) fn glob(pattern: &[u8], text: &[u8], separator: u8) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        if p < pattern.len() && pattern[p] == b'*' {
            if text[t] == separator {
                return false;
            }
            // The star takes one byte now and more if what follows does not fit.
            retry = Some((p + 1, t + 1));
            p += 1;
            t += 1;
        } else if p < pattern.len() && pattern[p] == text[t] {
            p += 1;
            t += 1;
        } else if let Some((after_star, next)) = retry
            && text[next] != separator
        {
            retry = Some((after_star, next + 1));
            p = after_star;
            t = next + 1;
        } else {
            return false;
        }
    }
    p == pattern.len()
}

/// The last two labels of a name, or nothing if it has only one.
fn last_two_labels(name: &str) -> Option<&str> {
    let last = name.rfind('.')?;
    Some(name[..last].rfind('.').map_or(name, |dot| &name[dot + 1..]))
}

/// Answers `host -> provider` in constant time for exact names.
#[derive(Debug, Default)]
pub(super) struct HostIndex {
    exact: HashMap<Box<str>, Match>,
    patterns: HashMap<Box<str>, Vec<(HostPattern, Match)>>,
}

impl HostIndex {
    /// Adds a pattern; gives the provider back that has the very same pattern already.
    pub(super) fn insert(&mut self, pattern: &HostPattern, to: Match) -> Result<(), ProviderId> {
        if pattern.is_exact() {
            return match self.exact.insert(pattern.0.clone(), to) {
                Some(other) if other.provider != to.provider => Err(other.provider),
                _ => Ok(()),
            };
        }
        let tail = last_two_labels(&pattern.0).unwrap_or(&pattern.0);
        let group = self.patterns.entry(tail.into()).or_default();
        if let Some((_, other)) = group.iter().find(|(known, _)| known == pattern) {
            return if other.provider == to.provider { Ok(()) } else { Err(other.provider) };
        }
        group.push((pattern.clone(), to));
        group.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.exactness()));
        Ok(())
    }

    /// The provider behind a name in any case, with or without a trailing dot.
    pub(super) fn find(&self, host: &str) -> Option<Match> {
        let host = host.strip_suffix('.').unwrap_or(host);
        if host.len() > LONGEST_NAME {
            return None;
        }
        let mut lower = [0u8; LONGEST_NAME];
        let lower = &mut lower[..host.len()];
        lower.copy_from_slice(host.as_bytes());
        lower.make_ascii_lowercase();
        let host = std::str::from_utf8(lower).ok()?;
        if let Some(found) = self.exact.get(host) {
            return Some(*found);
        }
        let group = self.patterns.get(last_two_labels(host)?)?;
        group.iter().find(|(pattern, _)| pattern.matches(host)).map(|(_, found)| *found)
    }
}

/// The fewest domains that cover all patterns; a domain below another one is left out. Sorted.
pub(super) fn covering_domains<'a>(patterns: impl Iterator<Item = &'a HostPattern>) -> Vec<&'a str> {
    let all: BTreeSet<&str> = patterns.map(HostPattern::literal_suffix).collect();
    let covered = |name: &str| name.match_indices('.').any(|(dot, _)| all.contains(&name[dot + 1..]));
    all.iter().copied().filter(|name| !covered(name)).collect()
}

/// One provider's scope, as the index stores it.
impl Match {
    pub(super) fn new(provider: ProviderId, scope: HostScope) -> Self {
        Match { provider, scope }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_part_of_one_label() {
        let fits = |pattern: &str, host: &str| HostPattern::parse(pattern).unwrap().matches(host);
        assert!(fits("*.openai.azure.com", "corp.openai.azure.com"));
        assert!(!fits("*.openai.azure.com", "a.b.openai.azure.com"));
        assert!(!fits("*.openai.azure.com", ".openai.azure.com"));
        assert!(fits("*-aiplatform.googleapis.com", "europe-west1-aiplatform.googleapis.com"));
        assert!(!fits("*-aiplatform.googleapis.com", "-aiplatform.googleapis.com"));
        assert!(fits("*.*.snowflakecomputing.com", "a.b.snowflakecomputing.com"));
        assert!(!fits("*.*.snowflakecomputing.com", "a.snowflakecomputing.com"));
        assert!(fits("bedrock-runtime.*.amazonaws.com", "bedrock-runtime.eu-west-1.amazonaws.com"));
        assert!(!fits(
            "bedrock-runtime.*.amazonaws.com",
            "bedrock-runtime.eu-west-1.amazonaws.com.evil.test"
        ));
    }

    #[test]
    fn wide_and_broken_patterns_are_refused() {
        assert_eq!(HostPattern::parse("*.com"), Err(HostPatternError::TooWide));
        assert_eq!(HostPattern::parse("*"), Err(HostPatternError::TooWide));
        assert_eq!(HostPattern::parse("a..b"), Err(HostPatternError::Shape));
        assert_eq!(HostPattern::parse("a b.test"), Err(HostPatternError::Character(' ')));
        assert_eq!(HostPattern::parse("API.Example.test.").unwrap().as_str(), "api.example.test");
    }

    #[test]
    fn covering_domains_leave_out_what_is_covered() {
        let patterns: Vec<_> = ["*.a.test", "x.a.test", "q.*.b.test", "eu-*.c.test", "a.test2.test"]
            .iter()
            .map(|text| HostPattern::parse(text).unwrap())
            .collect();
        assert_eq!(covering_domains(patterns.iter()), ["a.test", "a.test2.test", "b.test", "c.test"]);
    }
}

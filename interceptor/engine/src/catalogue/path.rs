//! Request paths: which wire format a provider speaks under a path.
//! Paths are compared without query, without a trailing slash and with harmless percent escapes undone.

use std::borrow::Cow;

use super::host::glob;

/// A path pattern: whole segments, `*` for one or more characters inside a segment,
/// `**` for any number of whole segments, `{model}` for a `*` that is the name of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern(Box<[Segment]>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Literal(Box<str>),
    Glob(Box<str>),
    /// The model, between what stands before and behind it in the segment.
    Model(Box<str>, Box<str>),
    AnySegments,
}

/// Why a text is not a path pattern.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PathPatternError {
    /// Paths start with a slash, unless empty.
    #[error("must start with /")]
    NotAbsolute,
    /// A query or fragment is not part of what is compared.
    #[error("must not contain {0:?}")]
    Character(char),
}

impl PathPattern {
    /// Checks a pattern. The empty pattern is the root.
    pub fn parse(text: &str) -> Result<Self, PathPatternError> {
        if !text.is_empty() && !text.starts_with('/') {
            return Err(PathPatternError::NotAbsolute);
        }
        if let Some(c) = text.chars().find(|c| "?# ".contains(*c)) {
            return Err(PathPatternError::Character(c));
        }
        Ok(PathPattern(segments(text).map(Segment::parse).collect()))
    }

    /// All paths under which a format may be met: its own path as written, and below every base path,
    /// there also without its leading version where the base carries one.
    pub(super) fn below(&self, base: &PathPattern) -> Vec<PathPattern> {
        let join = |tail: &[Segment]| PathPattern(base.0.iter().chain(tail).cloned().collect());
        let mut all = vec![join(&self.0)];
        if base.0.iter().any(Segment::is_version) && self.0.first().is_some_and(Segment::is_version) {
            all.push(join(&self.0[1..]));
        }
        all
    }

    /// A path that fits, with `x` where anything may stand.
    pub(super) fn example(&self) -> String {
        let parts = self.0.iter().filter_map(|segment| match segment {
            Segment::Literal(text) => Some(text.to_string()),
            Segment::Glob(text) => Some(text.replace('*', "x")),
            Segment::Model(before, behind) => Some(format!("{before}x{behind}")),
            Segment::AnySegments => None,
        });
        parts.fold(String::new(), |path, part| path + "/" + &part)
    }

    /// The model that a path names which fits, if it names one.
    pub(super) fn model<'p>(&self, path: &'p str) -> Option<&'p str> {
        // What may stand in front of it has any length, so it is counted from the end.
        let behind = self.0.iter().rev().position(|segment| matches!(segment, Segment::Model(..)))?;
        let Segment::Model(before, after) = &self.0[self.0.len() - 1 - behind] else { return None };
        let part = path.rsplit('/').filter(|part| !part.is_empty()).nth(behind)?;
        part.strip_prefix(&**before)?.strip_suffix(&**after)
    }

    /// True if a path of these segments fits.
    pub(super) fn matches(&self, path: &[&str]) -> bool {
        matches(&self.0, path)
    }
}

/// The segments of a path that was cut by [`normal`].
pub(super) fn parts(path: &str) -> smallvec::SmallVec<[&str; 16]> {
    segments(path).collect()
}

fn segments(text: &str) -> impl Iterator<Item = &str> {
    text.split('/').filter(|part| !part.is_empty())
}

/// Depth of recursion is the number of `**` in the pattern, which the catalogue's author chose.
fn matches(pattern: &[Segment], parts: &[&str]) -> bool {
    let mut parts = parts;
    for (at, segment) in pattern.iter().enumerate() {
        if matches!(segment, Segment::AnySegments) {
            let rest = &pattern[at + 1..];
            return (0..=parts.len()).any(|skip| matches(rest, &parts[skip..]));
        }
        match parts.split_first() {
            Some((part, left)) if segment.fits(part) => parts = left,
            _ => return false,
        }
    }
    parts.is_empty()
}

impl Segment {
    fn parse(text: &str) -> Self {
        match text {
            "**" => Segment::AnySegments,
            text if text.contains("{model}") => {
                let (before, behind) = text.split_once("{model}").unwrap_or((text, ""));
                Segment::Model(before.into(), behind.into())
            }
            text if text.contains('*') => Segment::Glob(text.into()),
            text => Segment::Literal(text.into()),
        }
    }

    fn fits(&self, part: &str) -> bool {
        match self {
            Segment::Literal(text) => **text == *part,
            Segment::Glob(pattern) => glob(pattern.as_bytes(), part.as_bytes(), b'/'),
            Segment::Model(before, behind) => {
                let name = part.strip_prefix(&**before).and_then(|rest| rest.strip_suffix(&**behind));
                name.is_some_and(|name| !name.is_empty())
            }
            Segment::AnySegments => true,
        }
    }

    /// `v1`, `v2beta`, `v4`: a version stands at most once in a path.
    fn is_version(&self) -> bool {
        let (Segment::Literal(text) | Segment::Glob(text)) = self else { return false };
        let mut bytes = text.bytes();
        bytes.next() == Some(b'v') && bytes.next().is_some_and(|b| b.is_ascii_digit())
    }
}

/// The path as it is compared: without query, and with percent escapes of ordinary characters undone,
/// since servers read `/v1/chat/completion%73` and `/v1/chat/completions` alike.
pub(super) fn normal(path_and_query: &str) -> Cow<'_, str> {
    let end = path_and_query.find(['?', '#']).unwrap_or(path_and_query.len());
    let path = &path_and_query[..end];
    if !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let bytes = path.as_bytes();
    let mut out = String::with_capacity(path.len());
    let mut at = 0;
    while let Some(found) = path[at..].find('%').map(|offset| at + offset) {
        out.push_str(&path[at..found]);
        match bytes.get(found + 1..found + 3).and_then(escaped_byte) {
            Some(plain) => {
                out.push(plain);
                at = found + 3;
            }
            None => {
                out.push('%');
                at = found + 1;
            }
        }
    }
    out.push_str(&path[at..]);
    Cow::Owned(out)
}

/// The printable ASCII character behind two hex digits. Others stay escaped: they are in no pattern.
fn escaped_byte(digits: &[u8]) -> Option<char> {
    let text = std::str::from_utf8(digits).ok()?;
    let byte = u8::from_str_radix(text, 16).ok()?;
    byte.is_ascii_graphic().then_some(char::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(pattern: &str, path: &str) -> bool {
        PathPattern::parse(pattern).unwrap().matches(&parts(&normal(path)))
    }

    #[test]
    fn patterns_match_whole_paths() {
        assert!(fits("/v1/chat/completions", "/v1/chat/completions?api-version=1"));
        assert!(fits("/v1/chat/completions", "//v1/chat//completions/"));
        assert!(fits("/v1/chat/completions", "/v1/chat/completion%73"));
        assert!(fits("/v1/chat/completions", "/v1%2fchat/completions"));
        assert!(!fits("/v1/chat/completions", "/v1/chat/completions/x"));
        assert!(!fits("/v1/chat/completions", "/v1/chat"));
        assert!(fits("/model/*/converse", "/model/arn:aws:x%3A1/converse"));
        assert!(fits(
            "/v1beta/models/*:generateContent",
            "/v1beta/models/gemini-2.5:generateContent?alt=sse"
        ));
        assert!(!fits("/v1beta/models/*:generateContent", "/v1beta/models/:generateContent"));
        assert!(fits("/**/chat/completions", "/chat/completions"));
        assert!(fits("/**/chat/completions", "/a/b/c/chat/completions"));
        assert!(fits("/**", "/"));
        assert!(fits("/", ""));
        assert!(!fits("/", "/x"));
    }

    #[test]
    fn a_version_is_not_repeated_below_a_versioned_base() {
        let base = PathPattern::parse("/api/v1").unwrap();
        let all = PathPattern::parse("/v1/embeddings").unwrap().below(&base);
        assert!(all.iter().any(|pattern| pattern.matches(&parts("/api/v1/embeddings"))));
        let deployments = PathPattern::parse("/openai/deployments/*").unwrap();
        let all = PathPattern::parse("/chat/completions").unwrap().below(&deployments);
        assert!(
            all.iter().any(|pattern| pattern.matches(&parts("/openai/deployments/gpt/chat/completions")))
        );
    }

    #[test]
    fn bad_percent_escapes_stay() {
        assert_eq!(normal("/a%zz%4"), "/a%zz%4");
        assert_eq!(normal("/a%00"), "/a%00");
        assert_eq!(normal("/%C3%A9"), "/%C3%A9");
    }
}

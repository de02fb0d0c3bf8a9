//! One line of input, checked. Says what is wrong with a bad one without repeating any of it: lines hold texts
//! that must not reach a log.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use interceptor_engine::policy::Direction;
use serde::Deserialize;
use serde_json::Value;
use serde_json::error::Category;

/// A record that can be scored.
pub(crate) enum Record {
    /// A text by itself.
    Text(String),
    /// A body as it travels.
    Payload(Box<Payload>),
}

/// A body, and what is known of the exchange that it belongs to.
pub(crate) struct Payload {
    pub(crate) direction: Direction,
    pub(crate) content_type: Option<String>,
    pub(crate) content_encoding: Option<String>,
    pub(crate) provider: Option<String>,
    pub(crate) method: Option<String>,
    pub(crate) path: Option<String>,
    pub(crate) chunks: Vec<Bytes>,
    /// Bytes of harmless text that stand for the marker.
    pub(crate) pad: usize,
}

/// What is wrong with a line. Never quotes it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum RecordError {
    #[error("not UTF-8")]
    NotUtf8,
    #[error("not JSON, at column {0}")]
    NotJson(usize),
    #[error("a field has another type than it should, at column {0}")]
    Type(usize),
    #[error("neither `text` nor `chunks` nor `chunks_b64`")]
    Nothing,
    #[error("more than one of `text`, `chunks` and `chunks_b64`")]
    TooMuch,
    #[error("`direction` is neither `request` nor `response`")]
    Direction,
    #[error("chunk {0} is no base64")]
    Base64(usize),
    #[error("`pad_bytes` is more than {MOST_PAD}")]
    Pad,
    #[error("the catalogue has no such provider")]
    Provider,
    #[error("longer than {0} bytes")]
    Long(usize),
}

/// Most bytes that one marker stands for.
const MOST_PAD: usize = 64 << 20;

/// As written.
#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    id: Value,
    text: Option<String>,
    direction: Option<String>,
    content_type: Option<String>,
    content_encoding: Option<String>,
    provider: Option<String>,
    method: Option<String>,
    path: Option<String>,
    chunks: Option<Vec<String>>,
    chunks_b64: Option<Vec<String>>,
    pad_bytes: Option<u64>,
}

/// Reads a line. The id comes back also with an error, if the line has one that can be read.
pub(crate) fn read(line: &[u8]) -> (Value, Result<Record, RecordError>) {
    let Ok(line) = std::str::from_utf8(line) else { return (Value::Null, Err(RecordError::NotUtf8)) };
    match serde_json::from_str::<Line>(line).or_else(|_| serde_json::from_str(&mend(line))) {
        Ok(mut line) => (line.id.take(), line.check()),
        Err(error) => {
            let what = match error.classify() {
                Category::Data => RecordError::Type(error.column()),
                Category::Syntax | Category::Eof | Category::Io => RecordError::NotJson(error.column()),
            };
            (Value::Null, Err(what))
        }
    }
}

/// The line with halves of surrogate pairs replaced by U+FFFD, which counts as one code point like them. Other
/// languages write such strings.
fn mend(line: &str) -> String {
    let mut mended = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find('\\') {
        let unit = |from: usize| {
            let digits = rest.get(from..from + 6)?.strip_prefix("\\u")?;
            u32::from_str_radix(digits, 16).ok()
        };
        let (taken, half) = match (unit(at), unit(at + 6)) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => (12, false),
            (Some(0xD800..=0xDFFF), _) => (6, true),
            // Another escape; its second character may be a backslash.
            _ => (1 + rest[at + 1..].chars().next().map_or(0, char::len_utf8), false),
        };
        mended.push_str(&rest[..at]);
        mended.push_str(if half { "\\ufffd" } else { &rest[at..at + taken] });
        rest = &rest[at + taken..];
    }
    mended + rest
}

impl Line {
    fn check(self) -> Result<Record, RecordError> {
        let chunks = match (self.text, self.chunks, self.chunks_b64) {
            (Some(text), None, None) => return Ok(Record::Text(text)),
            (None, Some(chunks), None) => chunks.into_iter().map(Bytes::from).collect(),
            (None, None, Some(chunks)) => decoded(&chunks)?,
            (None, None, None) => return Err(RecordError::Nothing),
            _ => return Err(RecordError::TooMuch),
        };
        let direction = match self.direction.as_deref() {
            Some("response") => Direction::Response,
            Some("request") | None => Direction::Request,
            Some(_) => return Err(RecordError::Direction),
        };
        let pad = usize::try_from(self.pad_bytes.unwrap_or(0)).map_err(|_| RecordError::Pad)?;
        if pad > MOST_PAD {
            return Err(RecordError::Pad);
        }
        Ok(Record::Payload(Box::new(Payload {
            direction,
            content_type: self.content_type,
            content_encoding: self.content_encoding,
            provider: self.provider,
            method: self.method,
            path: self.path,
            chunks,
            pad,
        })))
    }
}

fn decoded(chunks: &[String]) -> Result<Vec<Bytes>, RecordError> {
    let decode = |(number, chunk): (usize, &String)| {
        STANDARD.decode(chunk).map(Bytes::from).map_err(|_| RecordError::Base64(number))
    };
    chunks.iter().enumerate().map(decode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(line: &str) -> String {
        match read(line.as_bytes()).1 {
            Ok(_) => "none".into(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn half_a_surrogate_pair_is_one_unknown_character() {
        let text = |line: &str| match read(line.as_bytes()).1 {
            Ok(Record::Text(text)) => text,
            _ => "no text".into(),
        };
        assert_eq!(text(r#"{"text":"a\\ud83db"}"#), r"a\ud83db");
        assert_eq!(text(r#"{"text":"a\ud83db\ude00"}"#), "a\u{fffd}b\u{fffd}");
        assert_eq!(text(r#"{"text":"\ud83d\ude00\ud83d\n"}"#), "😀\u{fffd}\n");
        assert_eq!(text(r#"{"text":"\ud83d"#), "no text");
    }

    #[test]
    fn a_bad_line_is_not_quoted() {
        assert_eq!(error(r#"{"text":"hunter2""#), "not JSON, at column 17");
        assert_eq!(error(r#"{"chunks":"hunter2"}"#), "a field has another type than it should, at column 19");
        assert_eq!(error(r#"{"id":1}"#), "neither `text` nor `chunks` nor `chunks_b64`");
        assert_eq!(
            error(r#"{"text":"a","chunks":[]}"#),
            "more than one of `text`, `chunks` and `chunks_b64`"
        );
        assert_eq!(
            error(r#"{"direction":"up","chunks":[]}"#),
            "`direction` is neither `request` nor `response`"
        );
        assert_eq!(error(r#"{"chunks_b64":["aGk=","?"]}"#), "chunk 1 is no base64");
        assert_eq!(error(r#"{"chunks":[],"pad_bytes":99999999999}"#), "`pad_bytes` is more than 67108864");
        assert_eq!(error(r#"{"text":"a","spans":[1],"other":{}}"#), "none");
    }
}

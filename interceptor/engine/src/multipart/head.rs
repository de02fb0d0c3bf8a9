//! What stands in a part's head, and the parameters of header fields. Lenient: nothing is decided by a head alone.

/// What a part says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartHead {
    /// The field's name.
    pub name: Option<Vec<u8>>,
    /// The file's name.
    pub file: Option<Vec<u8>>,
    /// Its content type, as it is written.
    pub content_type: Option<String>,
    /// Its content is written in base64 or quoted-printable.
    pub encoding: PartEncoding,
}

/// How a part's content is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PartEncoding {
    /// As it is.
    #[default]
    Plain,
    /// In base64.
    Base64,
    /// In another way.
    Other,
}

impl PartHead {
    /// Reads a head. What cannot be read is left out: nothing is decided by it alone.
    pub fn parse(head: &[u8]) -> Self {
        let mut part = PartHead::default();
        for line in unfolded(head) {
            let Some(colon) = memchr::memchr(b':', &line) else { continue };
            let (name, value) = (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
            if name.eq_ignore_ascii_case(b"content-disposition") {
                part.name = parameter(value, b"name");
                part.file = parameter(value, b"filename").or_else(|| parameter(value, b"filename*"));
            } else if name.eq_ignore_ascii_case(b"content-type") {
                part.content_type = Some(String::from_utf8_lossy(value).into_owned());
            } else if name.eq_ignore_ascii_case(b"content-transfer-encoding") {
                part.encoding = match value.to_ascii_lowercase().as_slice() {
                    b"base64" => PartEncoding::Base64,
                    b"7bit" | b"8bit" | b"binary" => PartEncoding::Plain,
                    _ => PartEncoding::Other,
                };
            }
        }
        part
    }
}

/// The head's lines; those that begin with a blank belong to the one before.
fn unfolded(head: &[u8]) -> Vec<Vec<u8>> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for line in head.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match (line.first(), lines.last_mut()) {
            (None, _) => {}
            (Some(b' ' | b'\t'), Some(before)) => before.extend_from_slice(line),
            _ => lines.push(line.to_vec()),
        }
    }
    lines
}

/// The value of a parameter, `; name=value` or `; name="value"`, wherever it stands among the others.
pub(super) fn parameter(header: &[u8], wanted: &[u8]) -> Option<Vec<u8>> {
    let mut rest = header;
    while let Some(semicolon) = memchr::memchr(b';', rest) {
        rest = &rest[semicolon + 1..];
        let equals = memchr::memchr2(b'=', b';', rest)?;
        if rest[equals] == b';' {
            rest = &rest[equals..];
            continue;
        }
        let name = rest[..equals].trim_ascii();
        let (value, length) = value(rest[equals + 1..].trim_ascii_start());
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        let skipped = rest.len() - rest[equals + 1..].trim_ascii_start().len();
        rest = &rest[skipped + length..];
    }
    None
}

/// A token or a quoted string, and how long it is as written.
fn value(text: &[u8]) -> (Vec<u8>, usize) {
    let Some(inside) = text.strip_prefix(b"\"") else {
        let end = memchr::memchr(b';', text).unwrap_or(text.len());
        return (text[..end].trim_ascii_end().to_vec(), end);
    };
    let mut value = Vec::new();
    let mut at = 0;
    while at < inside.len() && inside[at] != b'"' {
        // Browsers write a backslash in a file's name as itself, others as two.
        if inside[at] == b'\\' && matches!(inside.get(at + 1), Some(b'"' | b'\\')) {
            at += 1;
        }
        value.push(inside[at]);
        at += 1;
    }
    (value, (at + 2).min(text.len()))
}

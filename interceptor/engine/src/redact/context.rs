//! Where a text is put back, and how it has to be written there. Knows JSON's strings. Does not know tokens.

/// Follows a text to tell strings of JSON from prose: a model that is asked for JSON writes it as its text.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Context {
    kind: Kind,
    quoted: bool,
    escaped: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    /// Nothing but white space has come.
    #[default]
    Unknown,
    Prose,
    Json,
}

impl Context {
    /// Reads on.
    pub(super) fn read(&mut self, text: &[u8]) {
        let mut text = text;
        if self.kind == Kind::Unknown {
            let Some(first) = text.iter().position(|byte| !byte.is_ascii_whitespace()) else { return };
            self.kind = if matches!(text[first], b'{' | b'[') { Kind::Json } else { Kind::Prose };
            text = &text[first..];
        }
        if self.kind == Kind::Prose {
            return;
        }
        while !text.is_empty() {
            if std::mem::take(&mut self.escaped) {
                text = &text[1..];
                continue;
            }
            let Some(found) = memchr::memchr2(b'"', b'\\', text) else { return };
            match text[found] {
                b'"' => self.quoted = !self.quoted,
                _ => self.escaped = self.quoted,
            }
            text = &text[found + 1..];
        }
    }

    /// True inside a string.
    pub(super) fn is_in_string(self) -> bool {
        self.quoted
    }
}

/// A text as it is written inside strings of JSON that are nested so deep.
pub(crate) fn escape(text: &[u8], levels: usize) -> Vec<u8> {
    (0..levels).fold(text.to_vec(), |text, _| once(&text))
}

fn once(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for &byte in text {
        match byte {
            b'"' | b'\\' => out.extend([b'\\', byte]),
            b'\n' => out.extend(b"\\n"),
            b'\r' => out.extend(b"\\r"),
            b'\t' => out.extend(b"\\t"),
            0..0x20 => out.extend(format!("\\u{byte:04x}").bytes()),
            _ => out.push(byte),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_escaped_reads_as_it_was(text in ".{0,40}") {
            let quoted = format!("\"{}\"", String::from_utf8(escape(text.as_bytes(), 1)).unwrap());
            prop_assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), text.clone());
            let twice = format!("\"{}\"", String::from_utf8(escape(text.as_bytes(), 2)).unwrap());
            let inner = format!("\"{}\"", serde_json::from_str::<String>(&twice).unwrap());
            prop_assert_eq!(serde_json::from_str::<String>(&inner).unwrap(), text);
        }
    }
}

//! Writes JSON values as YAML in block style. Every string that YAML might take for something else is quoted as in JSON,
//! which YAML reads too.

use serde_json::Value;

/// The value as a document, with a line break at its end.
pub(super) fn write(value: &Value) -> String {
    let mut out = String::new();
    block(&mut out, value, 0);
    out
}

/// A value at the beginning of a line that is indented by `depth`.
fn block(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (at, (name, value)) in fields.iter().enumerate() {
                // The first field of an element stands behind its dash.
                if at > 0 {
                    indent(out, depth);
                }
                out.push_str(&text(name));
                out.push(':');
                nested(out, value, depth);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    indent(out, depth);
                }
                out.push_str("- ");
                block(out, item, depth + 2);
            }
        }
        plain => {
            out.push_str(&scalar(plain));
            out.push('\n');
        }
    }
}

/// A value behind `name:`.
fn nested(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            out.push('\n');
            indent(out, depth + 2);
            block(out, value, depth + 2);
        }
        // Short lists of plain values are read better in one line.
        Value::Array(items) if !items.is_empty() && items.iter().any(|i| i.is_object() || i.is_array()) => {
            out.push('\n');
            indent(out, depth + 2);
            block(out, value, depth + 2);
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(scalar).collect();
            out.push_str(&format!(" [{}]\n", items.join(", ")));
        }
        plain => out.push_str(&format!(" {}\n", scalar(plain))),
    }
}

fn indent(out: &mut String, depth: usize) {
    out.extend(std::iter::repeat_n(' ', depth));
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(string) => text(string),
        // `{}`, `[]`, numbers, `true`, `null`: the same in both languages.
        other => other.to_string(),
    }
}

/// Words that begin with a letter and hold nothing special are plain, unless they mean something else.
fn text(string: &str) -> String {
    const MEANING: [&str; 8] = ["true", "false", "null", "yes", "no", "on", "off", "n"];
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./".contains(&b);
    let is_plain = string.as_bytes().first().is_some_and(u8::is_ascii_alphabetic)
        && string.bytes().all(plain)
        && !MEANING.contains(&string.to_ascii_lowercase().as_str())
        && string != "y"
        && string != "Y";
    if is_plain { string.to_owned() } else { Value::from(string).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use interceptor_engine::document::{Limits, Node, Report, Value as Tree, parse};
    use serde_json::json;

    fn read(node: &Node) -> Value {
        match &node.value {
            Tree::Scalar { text, plain: true } => {
                serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into())
            }
            Tree::Scalar { text, .. } => text.as_str().into(),
            Tree::List(items) => items.iter().map(read).collect(),
            Tree::Map(entries) => entries
                .iter()
                .map(|e| (e.key.clone(), read(&e.value)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let value = json!({
            "a": { "b": [1, "two", "3", "true", true, null, ""], "c": [], "d": {}, "e: f": "x: y # z" },
            "list": [{ "n": 1, "m": [{ "deep": ["- x"] }] }, { "n": "*" }, ["x", ["y"]]],
            "y": "^[a-z]{1,2}\\\"$\n",
        });
        let text = write(&value);
        let report = Report::new();
        let documents = parse("x", &text, Limits::WRITTEN_BY_HAND, &report);
        assert!(report.is_clean(), "{text}");
        assert_eq!(read(documents[0].node()), value, "{text}");
    }
}

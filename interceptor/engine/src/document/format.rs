//! Writes a document anew with the same meaning: two blanks for each level, fields in the order of their shape, no more
//! than one empty line together. Comments stay with what they stand above or beside.
//!
//! Lines are moved and indented, never written: scalars and values in flow style stay letter for letter. What cannot be
//! taken apart safely is moved as a whole. In the end the result is read again and compared, and formatted again, so that a
//! file is either formatted for good or left alone.

use std::sync::Arc;

use super::mistake::{Mistake, Mistakes, Position, Report};
use super::shape::{Kind, Shape};
use super::tree::{Entry, Limits, Node, Value, parse};

/// Blanks for each level.
const STEP: usize = 2;

/// Formats a file. `shape` names the shape of a document by its `kind`, whose order its fields get.
///
/// # Errors
/// The file is no YAML that could be read, or could not be formatted without changing what it says.
pub fn format(
    file: &str,
    text: &str,
    shape: impl Fn(&str) -> Option<&'static Shape>,
) -> Result<String, Mistakes> {
    let report = Report::new();
    let _ = parse(file, text, Limits::WRITTEN_BY_HAND, &report);
    report.finish(Some(()))?;
    // A carriage return alone ends a line in YAML, and would be a part of one here.
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let formatted = anew(file, &text, &shape);
    // What would be moved once more next time was taken apart wrongly somewhere.
    if means_the_same(file, &text, &formatted) && anew(file, &formatted, &shape) == formatted {
        return Ok(formatted);
    }
    let report = Report::new();
    report.add(Mistake {
        file: Arc::from(file),
        at: Position::START,
        what: "the file cannot be formatted without changing what it says".into(),
        expected: Some("block style, one field in a line".into()),
        did_you_mean: None,
    });
    report.finish(None)
}

fn anew(file: &str, text: &str, shape: &impl Fn(&str) -> Option<&'static Shape>) -> String {
    let mut out: Vec<String> = Vec::new();
    for (at, (marker, chunk)) in chunks(text).iter().enumerate() {
        if at > 0 {
            out.push((*marker).to_owned());
        }
        out.extend(document(file, chunk, shape));
    }
    while out.last().is_some_and(String::is_empty) {
        out.pop();
    }
    out.join("\n") + "\n"
}

/// The documents of a file: the line that begins each, and its own lines.
fn chunks(text: &str) -> Vec<(&str, Vec<&str>)> {
    let mut chunks: Vec<(&str, Vec<&str>)> = vec![("---", Vec::new())];
    for line in text.lines() {
        // What stands behind a marker says nothing: blanks, or a carriage return that ends the file.
        let marker = line.trim_end();
        if marker == "---" || marker == "..." || line.starts_with("--- ") {
            chunks.push((marker, Vec::new()));
        } else if let Some((_, lines)) = chunks.last_mut() {
            lines.push(line);
        }
    }
    // Markers before the first document say nothing.
    while chunks.len() > 1 && chunks[0].1.iter().all(|line| line.trim().is_empty()) && chunks[1].0 == "---" {
        chunks.remove(0);
    }
    chunks
}

fn document(file: &str, lines: &[&str], shape: &impl Fn(&str) -> Option<&'static Shape>) -> Vec<String> {
    let report = Report::new();
    let documents = parse(file, &lines.join("\n"), Limits::WRITTEN_BY_HAND, &report);
    let [document] = documents.as_slice() else { return verbatim(lines) };
    if !report.is_clean() {
        return verbatim(lines);
    }
    let root = document.node();
    let kind = match &root.value {
        Value::Map(entries) => entries.iter().find(|entry| entry.key == "kind"),
        _ => None,
    };
    let shape = match kind.map(|entry| &entry.value.value) {
        Some(Value::Scalar { text, .. }) => shape(text),
        _ => None,
    };
    // What stands at the left margin behind everything is about the whole document.
    let is_tail = |line: &&&str| line.trim().is_empty() || line.starts_with('#');
    let tail = lines.iter().rev().take_while(is_tail).count();
    let (lines, tail) = lines.split_at(lines.len() - tail);
    let writer = Writer { lines };
    // And what stands above everything, before it.
    let head = lines.iter().take_while(|line| line.trim().is_empty() || line.starts_with('#')).count();
    let mut out = verbatim(&lines[..head]);
    let body = writer.block(root, head..lines.len(), 0, shape);
    out.extend(body.unwrap_or_else(|| verbatim(&lines[head..])));
    out.extend(verbatim(tail));
    let first = out.iter().position(|line| !line.is_empty()).unwrap_or_default();
    out.drain(..first);
    out
}

fn verbatim(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

struct Writer<'a> {
    lines: &'a [&'a str],
}

/// A part of a collection: its own first line, and all lines that belong to it.
struct Part<'n> {
    /// Comments and empty lines above it.
    above: std::ops::Range<usize>,
    line: usize,
    end: usize,
    node: &'n Node,
    rank: usize,
    kind: Option<&'static Kind>,
}

impl Writer<'_> {
    /// A mapping or list in block style that fills these lines; `None` if it is not, or cannot be taken apart.
    fn block(
        &self,
        node: &Node,
        lines: std::ops::Range<usize>,
        indent: usize,
        shape: Option<&'static Shape>,
    ) -> Option<Vec<String>> {
        match &node.value {
            Value::Map(entries) if !self.is_flow(node) => self.map(entries, lines, indent, shape),
            Value::List(items) if !self.is_flow(node) => self.list(items, lines, indent, None),
            _ => None,
        }
    }

    fn map(
        &self,
        entries: &[Entry],
        lines: std::ops::Range<usize>,
        indent: usize,
        shape: Option<&'static Shape>,
    ) -> Option<Vec<String>> {
        let column = entries.first()?.at.column - 1;
        let member = |entry: &Entry| shape.and_then(|shape| shape.member(&entry.key));
        let mut parts = self.parts(
            entries.iter().map(|entry| {
                let rank = shape.and_then(|shape| shape.names().position(|name| name == entry.key));
                (entry.at, &entry.value, rank.unwrap_or(usize::MAX), member(entry).map(|member| &member.kind))
            }),
            &lines,
            column,
            indent,
        )?;
        if shape.is_some() {
            parts.sort_by_key(|part| part.rank);
        }
        let mut out = Vec::new();
        for part in &parts {
            self.above(part, indent, &mut out);
            let first = self.lines.get(part.line)?.get(column..)?.trim_end();
            // The first field of an element stands behind its dash.
            out.push(format!("{}{first}", blanks(indent)));
            out.extend(self.value(part, column, indent)?);
        }
        Some(out)
    }

    fn list(
        &self,
        items: &[Node],
        lines: std::ops::Range<usize>,
        indent: usize,
        kind: Option<&'static Kind>,
    ) -> Option<Vec<String>> {
        let first = self.lines.get(items.first()?.at.line - 1)?;
        let dash = first.len() - first.trim_start().len();
        let elements = kind.and_then(Kind::elements);
        let places =
            items.iter().map(|item| (Position { line: item.at.line, column: dash + 1 }, item, 0, elements));
        let mut out = Vec::new();
        for part in self.parts(places, &lines, dash, indent)? {
            self.above(&part, indent, &mut out);
            let line = self.lines.get(part.line)?;
            let inside = part.node.at.column - 1;
            // Nothing but the dash may stand before the element.
            if line.get(dash..inside)?.trim() != "-" {
                return None;
            }
            let shape = part.kind.and_then(Kind::shape);
            let mut element = match self.block(part.node, part.line..part.end, indent + STEP, shape) {
                Some(element) => element,
                None => {
                    let mut lines =
                        vec![format!("{}{}", blanks(indent + STEP), line.get(inside..)?.trim_end())];
                    lines.extend(self.shifted(part.line + 1..part.end, inside, indent + STEP)?);
                    lines
                }
            };
            // Comments above the first field stand above the dash.
            let first = element.iter().position(|line| !is_comment(line))?;
            let dashed = format!("{}- {}", blanks(indent), element.get(first)?.trim_start());
            element[first] = dashed;
            for line in &mut element[..first] {
                *line = format!("{}{}", blanks(indent), line.trim_start());
            }
            out.extend(element);
        }
        Some(out)
    }

    /// Shares lines out among the parts of a collection, which all begin at `column`.
    fn parts<'n>(
        &self,
        places: impl Iterator<Item = (Position, &'n Node, usize, Option<&'static Kind>)>,
        lines: &std::ops::Range<usize>,
        column: usize,
        _indent: usize,
    ) -> Option<Vec<Part<'n>>> {
        let mut parts: Vec<Part<'n>> = Vec::new();
        for (at, node, rank, kind) in places {
            let line = at.line - 1;
            // Two in one line are flow style, or something rarer.
            if at.column - 1 != column || parts.last().is_some_and(|last| last.line >= line) {
                return None;
            }
            let from = parts.last().map_or(lines.start, |last| last.line + 1);
            let before = self.lines.get(line)?.get(..column)?;
            let opens = parts.is_empty() && line == lines.start;
            if !before.trim().is_empty() && !opens {
                return None;
            }
            let mut above = line;
            while above > from && self.may_stand_above(above - 1, column) {
                above -= 1;
            }
            if parts.is_empty() && above != lines.start {
                return None;
            }
            if let Some(last) = parts.last_mut() {
                last.end = above;
            }
            parts.push(Part { above: above..line, line, end: lines.end, node, rank, kind });
        }
        Some(parts)
    }

    /// Whether a line is empty, or a comment that is not indented deeper than what follows: deeper ones end what stands
    /// before, and may be lines of a text.
    fn may_stand_above(&self, line: usize, column: usize) -> bool {
        let Some(text) = self.lines.get(line) else { return false };
        let depth = text.len() - text.trim_start().len();
        text.trim().is_empty() || (is_comment(text) && depth <= column)
    }

    fn above(&self, part: &Part<'_>, indent: usize, out: &mut Vec<String>) {
        for line in part.above.clone().filter_map(|line| self.lines.get(line)) {
            let empty = line.trim().is_empty();
            if !empty {
                out.push(format!("{}{}", blanks(indent), line.trim()));
            } else if out.last().is_some_and(|last| !last.is_empty()) {
                out.push(String::new());
            }
        }
    }

    /// The lines of a part behind its first.
    fn value(&self, part: &Part<'_>, column: usize, indent: usize) -> Option<Vec<String>> {
        let inside = part.line + 1..part.end;
        if part.node.at.line - 1 > part.line {
            // Comments between a name and its value belong to the first part of the value.
            let block = match &part.node.value {
                Value::List(items) if !self.is_flow(part.node) => {
                    self.list(items, inside.clone(), indent + STEP, part.kind)
                }
                _ => self.block(part.node, inside.clone(), indent + STEP, part.kind.and_then(Kind::shape)),
            };
            if let Some(block) = block {
                return Some(block);
            }
        }
        self.shifted(inside, column, indent)
    }

    /// Lines as they are, moved from one indentation to another.
    fn shifted(&self, lines: std::ops::Range<usize>, from: usize, to: usize) -> Option<Vec<String>> {
        let shift = |line: &&str| {
            let depth = line.len() - line.trim_start().len();
            // Only a comment can stand further left than what it belongs to without another meaning.
            if line.trim().is_empty() {
                return Some(String::new());
            }
            match depth.checked_sub(from) {
                Some(deeper) => Some(blanks(to + deeper) + line.trim_start()),
                None => is_comment(line).then(|| blanks(to) + line.trim_start()),
            }
        };
        self.lines.get(lines)?.iter().map(shift).collect()
    }

    fn is_flow(&self, node: &Node) -> bool {
        let line = self.lines.get(node.at.line - 1).copied().unwrap_or_default();
        matches!(line.chars().nth(node.at.column - 1), Some('{' | '['))
    }
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
}

fn blanks(count: usize) -> String {
    " ".repeat(count)
}

/// Whether two texts hold the same values, and the same lines apart from order and indentation.
fn means_the_same(file: &str, before: &str, after: &str) -> bool {
    let read = |text: &str| {
        let report = Report::new();
        let documents = parse(file, text, Limits::WRITTEN_BY_HAND, &report);
        report.is_clean().then_some(documents)
    };
    let (Some(old), Some(new)) = (read(before), read(after)) else { return false };
    let values = old.len() == new.len() && old.iter().zip(&new).all(|(a, b)| same(a.node(), b.node()));
    values && bare_lines(before) == bare_lines(after)
}

fn same(a: &Node, b: &Node) -> bool {
    match (&a.value, &b.value) {
        (Value::Scalar { text: a, plain: p }, Value::Scalar { text: b, plain: q }) => a == b && p == q,
        (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Map(a), Value::Map(b)) => {
            let has = |entry: &Entry| {
                b.iter().any(|other| other.key == entry.key && same(&entry.value, &other.value))
            };
            a.len() == b.len() && a.iter().all(has)
        }
        _ => false,
    }
}

fn bare_lines(text: &str) -> Vec<&str> {
    let bare = |line: &'_ str| -> bool { !line.is_empty() && line != "---" && line != "..." };
    let mut lines: Vec<&str> = { text.lines() }
        .map(|line| {
            let line = line.trim();
            line.strip_prefix("- ").map_or(line, str::trim)
        })
        .filter(|line| bare(line))
        .collect();
    lines.sort_unstable();
    lines
}

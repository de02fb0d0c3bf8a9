//! Puts texts back in an answer that is one document, and in the parts of a stream that are whole.
//! Knows where an answer is prose and where it is the arguments of a tool. Does not know streams.

use std::ops::Range;

use bytes::Bytes;

use crate::edit::Edit;
use crate::json::{Class, Cursor, Sink, Table as Places, Text, Walker, escape};
use crate::redact::{self, Finder, Found, Table};

/// A string in which tokens may stand.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    /// Where it lies in the document.
    pub(super) raw: Range<usize>,
    pub(super) escaped: bool,
    pub(super) class: Class,
}

impl Candidate {
    /// The string as a candidate, if its place is one and a token may begin in it.
    pub(super) fn new(class: Class, text: &Text<'_>) -> Option<Candidate> {
        let place = matches!(class, Class::Text | Class::JsonString | Class::JsonValue) && !text.key;
        let begins = place && memchr::memchr2(b'Q', b'q', text.raw).is_some();
        begins.then(|| Candidate { raw: text.range(), escaped: text.escaped, class })
    }

    /// Pushes what is to be put back in the string, which is written as `raw`.
    pub(super) fn restore(&self, raw: &[u8], table: &mut Table, out: &mut Vec<Edit>) {
        let mut decoded = Vec::new();
        let text = if self.escaped {
            escape::decode(raw, &mut decoded);
            &decoded[..]
        } else {
            raw
        };
        let (mut finder, mut found) = (Finder::default(), Vec::new());
        finder.push(table, text, &mut found);
        finder.finish(table, &mut found);
        for token in found {
            let Some(with) = written(&token, is_in_tools(self.class), 1, table) else { continue };
            let place = |offset: u64| usize::try_from(offset).unwrap_or(text.len());
            let range = place(token.range.start)..place(token.range.end);
            let range = if self.escaped { escape::raw_range(raw, range) } else { range };
            out.push(Edit { range: self.raw.start + range.start..self.raw.start + range.end, with });
        }
    }
}

/// Places that hold what tools are called with.
pub(super) fn is_in_tools(class: Class) -> bool {
    matches!(class, Class::JsonString | Class::JsonValue)
}

/// What takes a token's place in a string of JSON that is `levels` deep, and one deeper if the string is JSON itself.
pub(super) fn written(token: &Found, in_tools: bool, levels: usize, table: &mut Table) -> Option<Bytes> {
    let levels = levels + usize::from(token.in_string);
    let text = table.restore(token.number, in_tools)?;
    Some(redact::escape(text, levels).into())
}

/// Adds what is to be put back in a document to what is to be replaced in it. What a rule replaces wins.
pub(super) fn document(chunks: &[Bytes], places: &Places, table: &mut Table, edits: &mut Vec<Edit>) {
    if table.is_empty() {
        return;
    }
    let mut sink = Restorer { table, edits: Vec::new() };
    let (mut walker, mut at) = (Walker::many(), 0);
    for chunk in chunks {
        walker.feed(places, chunk, at, &mut sink);
        at += chunk.len();
    }
    // What comes after a mistake in the document is not read, and what comes before it stays what it is.
    if walker.finish(places, at, &mut sink).is_ok() {
        add(edits, sink.edits);
    }
}

/// Adds edits that touch none of those that are there.
pub(super) fn add(edits: &mut Vec<Edit>, mut more: Vec<Edit>) {
    more.retain(|edit| {
        !edits.iter().any(|other| other.range.start < edit.range.end && edit.range.start < other.range.end)
    });
    edits.append(&mut more);
    edits.sort_by_key(|edit| edit.range.start);
}

struct Restorer<'t> {
    table: &'t mut Table,
    edits: Vec<Edit>,
}

impl Sink for Restorer<'_> {
    fn text(&mut self, cursor: &Cursor<'_>, text: Text<'_>) {
        if let Some(candidate) = Candidate::new(cursor.class(), &text) {
            candidate.restore(text.raw, self.table, &mut self.edits);
        }
    }

    fn number(&mut self, _cursor: &Cursor<'_>, _raw: &[u8], _start: usize) {}
}

//! The JSON walker: every chunking gives the same calls, and what a strict parser accepts it accepts too.
#![no_main]

use interceptor_engine::json::{Cursor, MOST_DEPTH, Sink, Table, Text, WalkError, Walker, Word};
use libfuzzer_sys::fuzz_target;

/// Writes every call down.
#[derive(Default, PartialEq, Debug)]
struct Calls(Vec<(String, Vec<u8>, usize)>);

impl Sink for Calls {
    fn text(&mut self, cursor: &Cursor<'_>, text: Text<'_>) {
        assert_eq!(text.escaped, text.raw.contains(&b'\\'));
        self.0.push((cursor.place(), text.raw.to_vec(), text.start));
    }

    fn number(&mut self, cursor: &Cursor<'_>, raw: &[u8], start: usize) {
        self.0.push((cursor.place(), raw.to_vec(), start));
    }

    fn word(&mut self, cursor: &Cursor<'_>, word: Word) {
        self.0.push((cursor.place(), format!("{word:?}").into_bytes(), 0));
    }

    fn open(&mut self, cursor: &Cursor<'_>) {
        assert!(cursor.depth() <= MOST_DEPTH);
    }
}

fn walk(table: &Table, text: &[u8], chunk: usize) -> (Calls, Result<(), WalkError>) {
    let mut walker = Walker::new();
    let mut calls = Calls::default();
    let mut at = 0;
    for piece in text.chunks(chunk) {
        walker.feed(table, piece, at, &mut calls);
        at += piece.len();
    }
    let result = walker.finish(table, text.len(), &mut calls);
    (calls, result)
}

fuzz_target!(|data: &[u8]| {
    let Some((&size, text)) = data.split_first() else { return };
    let table = Table::unknown();
    let whole = walk(&table, text, text.len().max(1));
    let cut = walk(&table, text, usize::from(size).max(1));
    assert_eq!(whole, cut);
    for (_, raw, start) in &whole.0.0 {
        if *start > 0 {
            assert_eq!(&text[*start..start + raw.len()], &raw[..]);
        }
    }
    // serde_json gives up at 128 levels, long before the walker does.
    if serde_json::from_slice::<serde_json::Value>(text).is_ok() {
        assert_eq!(whole.1, Ok(()));
    }
});

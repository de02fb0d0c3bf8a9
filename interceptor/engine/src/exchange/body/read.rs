//! Looks at the chunks of a body as they come, in the way that fits it. Knows what each reading does with a chunk; does not
//! know where chunks come from, nor what becomes of what is found.

use bytes::Bytes;

use super::{Body, Reading, table};
use crate::exchange::layers::FragmentScanner;
use crate::extract;
use crate::record::Ledger;
use crate::sniff::Sniffed;

impl Body {
    /// Reads a decoded chunk, and keeps it.
    pub(super) fn read(&mut self, chunk: Bytes) {
        let at = self.decoded_bytes;
        self.decoded_bytes += chunk.len();
        self.inspector.ledger.seen += chunk.len() as u64;
        if let Reading::Undecided(undecided) = &mut self.reading {
            undecided.push(&chunk);
            if undecided.is_decided() {
                self.decide(self.decoded_bytes);
            }
        } else {
            self.look_at(&chunk, at);
        }
        if self.kept {
            self.chunks.push(chunk);
        } else {
            self.passing = chunk;
        }
    }

    /// What the first bytes make of a body, if that is open; `end` is where they end in it.
    pub(super) fn decide(&mut self, end: usize) {
        let undecided = match std::mem::replace(&mut self.reading, Reading::Nothing) {
            Reading::Undecided(undecided) => undecided,
            decided => return self.reading = decided,
        };
        let first = &undecided.first[..];
        self.reading = match undecided.sniff() {
            Sniffed::Nothing => Reading::Nothing,
            Sniffed::Json => Reading::Json(undecided.json),
            Sniffed::Document => Reading::Document(Vec::new()),
            Sniffed::Binary => Reading::Binary,
            // What says that it is an image and looks like text is not an image.
            Sniffed::Text if self.kept => Reading::Text,
            Sniffed::Text => self.passing_text(),
        };
        self.look_at(first, end - first.len());
    }

    fn look_at(&mut self, chunk: &[u8], at: usize) {
        let table = table(&self.tables);
        match &mut self.reading {
            Reading::Json(walker) => {
                walker.feed(table, chunk, at, &mut self.inspector);
                if walker.error().is_some() && !self.kept {
                    self.pass_as_text(chunk);
                }
            }
            Reading::PassingText(scanner) => self.inspector.passing(scanner, Some(chunk)),
            Reading::Parts(parts) => parts.push(chunk, self.kept, table, &mut self.inspector),
            Reading::Form(form) => form.push(chunk, table, &mut self.inspector),
            Reading::Document(document) if document.len() + chunk.len() > extract::MOST_BYTES => {
                self.inspector.ledger.binary += (document.len() + chunk.len()) as u64;
                self.reading = Reading::Binary;
            }
            Reading::Document(document) => document.extend_from_slice(chunk),
            Reading::Binary => self.inspector.ledger.binary += chunk.len() as u64,
            Reading::Undecided(_) | Reading::Text | Reading::Nothing => {}
        }
    }

    /// What is no JSON and is not kept goes on as text, from the chunk that showed it.
    fn pass_as_text(&mut self, chunk: &[u8]) {
        let Some(detectors) = self.inspector.scanner.detectors().cloned() else { return };
        let mut scanner = Box::new(FragmentScanner::new(detectors));
        self.inspector.passing(&mut scanner, Some(chunk));
        self.reading = Reading::PassingText(scanner);
    }

    pub(super) fn passing_text(&self) -> Reading {
        match self.inspector.scanner.detectors() {
            Some(detectors) => Reading::PassingText(Box::new(FragmentScanner::new(detectors.clone()))),
            None => Reading::Binary,
        }
    }

    /// Scans the whole body as text, after what was found in it as a document turned out to be worth nothing.
    pub(super) fn plain_text(&mut self) {
        if !self.kept {
            return;
        }
        let seen = self.inspector.ledger.seen;
        self.inspector.hits.clear();
        self.inspector.ledger = Ledger { seen, unknown: seen, ..Ledger::default() };
        match &self.chunks[..] {
            [only] => self.inspector.plain_text("body", only, 0),
            many => self.inspector.plain_text("body", &many.concat(), 0),
        }
    }
}

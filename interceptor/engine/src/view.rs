//! What a text says once its encodings are undone: base64, percent signs, entities, escapes, invisible and foreign
//! characters, and tokens that were pulled apart. A detector sees plain bytes; these are the views that it is shown.
//!
//! A view never stands alone: each knows its way back to the bytes that it was made from, by making them once more
//! and counting. So nothing is stored for each byte, and a finding costs one more walk.
//!
//! Decides nothing, and knows no detector. A text in which nothing is encoded costs a look and no copy.

mod encoded;
mod entity;
mod fold;
mod glance;
mod glyphs;
mod join;
mod passing;
mod undo;
mod wide;

use std::ops::Range;

pub(crate) use glance::{Brief, Glance, glance};
pub(crate) use join::Join;
pub(crate) use passing::{Passing, Stretch, begins};
pub(crate) use undo::Undo;
pub(crate) use wide::Wide;

/// Walks over a text and writes its view, piece by piece.
pub(crate) trait Steps {
    /// Appends the view of the next piece and says which bytes it was made from; `None` at the end.
    fn step(&mut self, view: &mut Vec<u8>) -> Option<Piece>;
}

/// A piece of a text, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) source: Range<usize>,
    pub(crate) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It stands in the view as it is.
    Same,
    /// Somewhat differently written, as every text with a line end in JSON is.
    Escape,
    /// Encoded, or made of other characters than it seems.
    Hidden,
}

/// What there was to undo.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Undone {
    /// The view differs from the text.
    pub(crate) changed: bool,
    /// By more than ordinary escapes.
    pub(crate) hidden: bool,
}

/// Writes the whole view.
pub(crate) fn write(mut steps: impl Steps, view: &mut Vec<u8>) -> Undone {
    let mut undone = Undone::default();
    while let Some(piece) = steps.step(view) {
        undone.changed |= piece.kind != Kind::Same;
        undone.hidden |= piece.kind == Kind::Hidden;
    }
    undone
}

/// True if there is more than ordinary escapes to undo. Keeps no view.
pub(crate) fn hides(mut steps: impl Steps) -> bool {
    let mut view = Vec::new();
    while let Some(piece) = steps.step(&mut view) {
        if piece.kind == Kind::Hidden {
            return true;
        }
        view.clear();
    }
    false
}

/// Turns ranges of the view into ranges of the text, in place. They are sorted; what they become may overlap, since a
/// piece is never cut in two.
pub(crate) fn trace(mut steps: impl Steps, ranges: &mut [Range<usize>]) {
    let mut way = Way { before: 0, view: Vec::new(), piece: None };
    in_order(ranges, |range| {
        let start = way.made_from(&mut steps, range.start).start;
        let end = if range.is_empty() { start } else { way.made_from(&mut steps, range.end - 1).end };
        start..end.max(start)
    });
}

/// Replaces sorted ranges by what `change` makes of them, each place once and in order: ranges that overlap become
/// one, which stands for all of them.
pub(crate) fn in_order(ranges: &mut [Range<usize>], mut change: impl FnMut(Range<usize>) -> Range<usize>) {
    let mut from = 0;
    while let Some(first) = ranges.get(from) {
        let mut whole = first.clone();
        let mut to = from + 1;
        while let Some(next) = ranges.get(to).filter(|next| next.start < whole.end) {
            whole.end = whole.end.max(next.end);
            to += 1;
        }
        let changed = change(whole);
        ranges[from..to].fill(changed);
        from = to;
    }
}

/// Where a walk that counts has come to.
struct Way {
    /// Bytes of the view before the current piece.
    before: usize,
    /// The view of the current piece.
    view: Vec<u8>,
    piece: Option<Piece>,
}

impl Way {
    /// The bytes that the byte `at` of the view was made from.
    fn made_from(&mut self, steps: &mut impl Steps, at: usize) -> Range<usize> {
        loop {
            if let Some(piece) = &self.piece
                && at < self.before + self.view.len()
            {
                return match piece.kind {
                    Kind::Same => {
                        let start = piece.source.start + (at - self.before);
                        start..start + 1
                    }
                    Kind::Escape | Kind::Hidden => piece.source.clone(),
                };
            }
            self.before += self.view.len();
            self.view.clear();
            let last = self.piece.take().map_or(0, |piece| piece.source.end);
            self.piece = steps.step(&mut self.view);
            if self.piece.is_none() {
                return last..last;
            }
        }
    }
}

#[cfg(test)]
mod tests;

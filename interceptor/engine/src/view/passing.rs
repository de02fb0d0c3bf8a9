//! Undoes a text that comes in fragments, with the walk that undoes whole texts: as far as nothing that follows can
//! change what it says. Knows how far that is, and what of the rest looks as if something were hidden in it.

mod open;

use std::ops::Range;

use super::undo::{self, Undo};
use super::{Kind, Steps, encoded};
use open::Tail;

/// Bytes before the walk that are kept: what stands there says how a word goes on, and where a run began.
const BEHIND: usize = 320;

/// Longest run, wrapped lines included, that is waited for. A longer one is undone in pieces, so that what is found in it
/// is masked piece by piece and not as a whole.
const LONGEST_RUN: usize = 1024;

/// A piece of the text at absolute offsets, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) source: Range<u64>,
    pub(crate) kind: Kind,
}

/// The walk, between two fragments. It holds text, and shows itself to nobody.
pub(crate) struct Passing {
    /// The text from a little before the walk on.
    window: Vec<u8>,
    /// Absolute offset of the window's first byte.
    base: u64,
    /// Where the walk stands in the window.
    at: usize,
    /// No run begins before this: what stands there was undone.
    floor: usize,
    /// The last byte of the view.
    last: u8,
}

/// Where something that could be undone first stands in a text of which everything before `from` was looked at. A run of
/// digits may have begun before.
pub(crate) fn begins(text: &[u8], from: usize) -> Option<usize> {
    let odd = undo::first_odd(text, from).and_then(|odd| changes(text, odd));
    let row = encoded::begin_of_row(text, from, from.saturating_sub(BEHIND));
    // Data begins at the beginning of a row or not at all.
    let row = if from - row < BEHIND { row } else { encoded::end_of_row(text, from) };
    let begun = text.len() - row >= encoded::SHORTEST;
    let run = begun.then(|| encoded::next(text, row)).flatten().map(|run| run.source.start);
    let last = encoded::begin_of_row(text, text.len(), row);
    let likely = Tail::of_row(text, last, last).likely;
    [odd, run, likely].into_iter().flatten().min()
}

/// The first place from `odd` on that is not as it seems, or will not be once more has come. Most signs and most characters
/// of other scripts stand for themselves.
fn changes(text: &[u8], odd: usize) -> Option<usize> {
    let open = Tail::of_signs(text, odd).open;
    let last = text[..odd].last().copied().unwrap_or(b' ');
    let (mut steps, mut view) = (Undo::resume(text, odd, odd, last), Vec::new());
    while let Some(piece) = steps.step(&mut view) {
        // What begins before the end that is open is decided.
        if piece.kind != Kind::Same && open.is_none_or(|open| piece.source.start < open) {
            return Some(piece.source.start);
        }
        if open.is_some_and(|open| open < piece.source.end) {
            return open;
        }
        view.clear();
    }
    None
}

impl Passing {
    /// A walk that begins at `at` of `text`, which stands at `base`.
    pub(crate) fn begin(text: &[u8], at: usize, base: u64) -> Self {
        let behind = at.saturating_sub(BEHIND);
        Passing {
            window: text[behind..at].to_vec(),
            base: base + behind as u64,
            at: at - behind,
            floor: 0,
            last: text[..at].last().copied().unwrap_or(b' '),
        }
    }

    /// Takes the next fragment, appends what is certain to `view` and tells each piece of it.
    /// Returns from where on the text must not leave, because it looks as if something were hidden there.
    pub(crate) fn push(
        &mut self,
        fragment: &[u8],
        complete: bool,
        view: &mut Vec<u8>,
        mut told: impl FnMut(Stretch, &[u8]),
    ) -> Option<u64> {
        self.window.extend_from_slice(fragment);
        loop {
            let end = self.window.len();
            let tail = if complete { Tail::default() } else { Tail::of(&self.window, self.floor, self.at) };
            let limit = tail.open.unwrap_or(end);
            self.walk(limit, end, view, &mut told);
            if end - limit <= LONGEST_RUN {
                let hold = tail.likely.map(|at| self.base + at as u64);
                self.forget();
                return hold;
            }
            // By whole groups of digits, so that the rest is read as the run goes on.
            let cut = limit + (end - limit) / 4 * 4;
            self.walk(cut, cut, view, &mut told);
        }
    }

    /// Up to where the text is undone.
    pub(crate) fn settled(&self) -> u64 {
        self.base + self.at as u64
    }

    /// Goes on to `limit`, in a text that ends at `end`.
    fn walk(&mut self, limit: usize, end: usize, view: &mut Vec<u8>, told: &mut impl FnMut(Stretch, &[u8])) {
        if self.at >= limit {
            return;
        }
        let mut steps = Undo::resume(&self.window[..end], self.floor, self.at, self.last);
        while self.at < limit {
            let before = view.len();
            let Some(mut piece) = steps.step(view) else { return };
            // What stands as it is may be cut anywhere.
            if piece.kind == Kind::Same && piece.source.end > limit {
                view.truncate(view.len() - (piece.source.end - limit));
                piece.source.end = limit;
            }
            self.at = piece.source.end;
            self.last = view.last().copied().unwrap_or(self.last);
            if piece.kind != Kind::Same {
                self.floor = self.at;
            }
            let source = self.base + piece.source.start as u64..self.base + piece.source.end as u64;
            told(Stretch { source, kind: piece.kind }, &view[before..]);
        }
    }

    /// Cuts off what is no longer needed, in large steps because it moves the rest.
    fn forget(&mut self) {
        let gone = self.at.saturating_sub(BEHIND);
        if gone >= BEHIND {
            self.window.drain(..gone);
            self.base += gone as u64;
            self.at -= gone;
            self.floor = self.floor.saturating_sub(gone);
        }
    }
}

#[cfg(test)]
mod tests;

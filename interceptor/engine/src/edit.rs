//! Replaces spans of bytes without copying the rest: what is kept is sliced out of the chunks it came in.
//! Knows offsets. Does not know what the bytes mean.

use std::fmt;
use std::ops::Range;

use bytes::Bytes;

/// One replacement in a sequence of chunks.
#[derive(Clone, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced, in offsets from the first chunk's first byte.
    pub range: Range<usize>,
    /// What stands there afterwards.
    pub with: Bytes,
}

// What is put back in an answer was hidden for a reason.
impl fmt::Debug for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Edit({:?} by {} bytes)", self.range, self.with.len())
    }
}

/// Pushes the chunks with all edits made on `out`. Edits must be sorted and must not overlap; one that
/// does is left out, which `debug_assert` catches in tests.
pub fn apply(chunks: &[Bytes], edits: &[Edit], out: &mut Vec<Bytes>) {
    debug_assert!(edits.windows(2).all(|pair| pair[0].range.end <= pair[1].range.start));
    let mut rope = Rope { chunks, first: 0, base: 0, at: 0, out };
    for edit in edits {
        if edit.range.start < rope.at {
            continue;
        }
        rope.keep_until(edit.range.start);
        if !edit.with.is_empty() {
            rope.out.push(edit.with.clone());
        }
        rope.at = edit.range.end;
    }
    rope.keep_until(usize::MAX);
}

/// Adds an edit to others. Where it overlaps some they become one, which replaces all of it by the first of their
/// texts that says something.
pub(crate) fn unite(edits: &mut Vec<Edit>, mut edit: Edit) {
    while let Some(at) = edits
        .iter()
        .position(|known| known.range.start < edit.range.end && edit.range.start < known.range.end)
    {
        let known = edits.swap_remove(at);
        edit.range = known.range.start.min(edit.range.start)..known.range.end.max(edit.range.end);
        if !known.with.is_empty() {
            edit.with = known.with;
        }
    }
    edits.push(edit);
}

/// Chunks that are read from front to back.
struct Rope<'a> {
    chunks: &'a [Bytes],
    /// The first chunk that reaches beyond `at`, and the offset of its first byte.
    first: usize,
    base: usize,
    /// Everything before this offset is dealt with.
    at: usize,
    out: &'a mut Vec<Bytes>,
}

impl Rope<'_> {
    fn keep_until(&mut self, end: usize) {
        while let Some(chunk) = self.chunks.get(self.first) {
            let chunk_end = self.base + chunk.len();
            let from = self.at.max(self.base);
            let to = end.min(chunk_end);
            if from < to {
                self.out.push(chunk.slice(from - self.base..to - self.base));
                self.at = to;
            }
            if chunk_end > end {
                return;
            }
            self.first += 1;
            self.base = chunk_end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn edits_that_overlap_become_one() {
        let edit = |range, with: &'static str| Edit { range, with: Bytes::from_static(with.as_bytes()) };
        let mut edits = vec![edit(0..2, "a"), edit(4..8, "b"), edit(8..9, "c")];
        unite(&mut edits, edit(6..8, "d"));
        unite(&mut edits, edit(1..5, ""));
        assert_eq!(edits, [edit(8..9, "c"), edit(0..8, "b")]);
    }

    #[test]
    fn what_is_kept_is_not_copied() {
        let chunk = Bytes::from_static(b"hello world");
        let mut out = Vec::new();
        apply(
            std::slice::from_ref(&chunk),
            &[Edit { range: 6..11, with: Bytes::from_static(b"you") }],
            &mut out,
        );
        assert_eq!(out.concat(), b"hello you");
        assert_eq!(out[0].as_ptr(), chunk.as_ptr());
    }

    proptest! {
        #[test]
        fn chunks_and_whole_give_the_same(
            text in proptest::collection::vec(any::<u8>(), 0..60),
            cuts in proptest::collection::vec(0usize..60, 0..6),
            points in proptest::collection::btree_set(0usize..60, 0..8),
        ) {
            let points: Vec<usize> = points.into_iter().filter(|point| *point <= text.len()).collect();
            let edits: Vec<Edit> = points
                .chunks_exact(2)
                .map(|pair| Edit { range: pair[0]..pair[1], with: Bytes::from_static(b"<>") })
                .collect();
            let mut expected = text.clone();
            for edit in edits.iter().rev() {
                expected.splice(edit.range.clone(), edit.with.iter().copied());
            }
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let chunks: Vec<Bytes> =
                cuts.windows(2).map(|pair| Bytes::copy_from_slice(&text[pair[0]..pair[1]])).collect();
            let mut out = Vec::new();
            apply(&chunks, &edits, &mut out);
            prop_assert_eq!(out.concat(), expected);
        }
    }
}

//! The end of a stretch of bytes of one class, read once: where a stretch is asked about from many of its places, its
//! end is the same for all. Knows positions in one text; whoever reads another clears it first.

use std::ops::Range;

use super::super::super::text::Text;

/// So much is read ahead once questions have begun to overlap.
pub(in crate::detect::secret) const AHEAD: usize = 1024;
/// And so much before them: names, values and tokens are asked about in turns, and each begins a little before or behind
/// the last.
pub(in crate::detect::secret) const BACK: usize = 96;

/// The bytes of one class that follow one another.
#[derive(Debug, Default)]
pub(in crate::detect) struct Stretch {
    known: Range<usize>,
    /// They were read to their end.
    whole: bool,
}

impl Stretch {
    /// Forgets the text.
    pub(in crate::detect) fn clear(&mut self) {
        (self.known, self.whole) = (0..0, false);
    }

    /// As [`Text::run_end`], always for the same class. Adds to `read` what nobody has read before.
    pub(in crate::detect) fn end(
        &mut self,
        text: Text<'_>,
        from: usize,
        most: usize,
        class: impl Fn(u8) -> bool,
        read: &mut u64,
    ) -> usize {
        let inside = self.known.contains(&from);
        if !inside || (!self.whole && from + most > self.known.end) {
            let near = inside || from == self.known.end + 1;
            let ahead = if near { AHEAD + most } else { most };
            let end = text.run_end(from, ahead, class);
            *read += (end - from) as u64;
            (self.known, self.whole) = (from..end, end - from < ahead);
        }
        self.known.end.min(from + most)
    }
}

//! What was read of a text and is asked about again by the next anchor. Rows of numbers and tokens are rows of anchors,
//! and what stands before one of them stands before the next. Holds nothing that another reading would not give.

use super::personal::Near;
use super::secret::Scores;

/// What was read, in places of one text: whoever reads another clears it first.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Of the tokens around digits.
    pub(super) scores: Scores,
    /// Of the words before numbers.
    pub(super) near: Near,
}

impl Seen {
    /// Forgets the text.
    pub(super) fn clear(&mut self) {
        self.scores.clear();
        self.near.clear();
    }
}

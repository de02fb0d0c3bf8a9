//! What was read of a text and is asked about again by the next anchor. Rows of numbers and tokens are rows of anchors,
//! and what stands before one of them stands before the next. Holds nothing that another reading would not give.

use super::personal::Kept;
use super::secret::Read;

/// What was read, in places of one text: whoever reads another clears it first.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Of names, values and tokens.
    pub(super) secret: Read,
    /// Of what stands before numbers and addresses.
    pub(super) personal: Kept,
}

impl Seen {
    /// Forgets the text.
    pub(super) fn clear(&mut self) {
        self.secret.clear();
        self.personal.clear();
    }
}

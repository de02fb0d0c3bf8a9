//! The place for a detector that has to understand a text to find something in it: names of persons, addresses, what
//! is merely confidential. Knows what such a detector is given and what it may answer. This build has none, and
//! nothing is claimed for any.
//!
//! It is slow and it may be wrong, so it decides nothing: it looks at copies of texts after they were forwarded, on a
//! thread of whoever runs it, and what it finds is only recorded.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::Confidence;

/// A detector that understands.
pub trait ModelTier: Send {
    /// Looks at one text and pushes what it finds. A place that is none in the text is left out.
    fn look(&mut self, text: &str, out: &mut Vec<TierFinding>);
}

/// What it found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TierFinding {
    /// What it is: `name`.
    pub kind: Arc<str>,
    /// Where, in bytes of the text.
    pub range: Range<usize>,
    /// How sure the tier is.
    pub confidence: Confidence,
}

/// Copies of an exchange's texts, up to a number of bytes. Wiped when they are dropped.
#[derive(Default)]
pub struct Heard {
    texts: Vec<Zeroizing<String>>,
    room: usize,
    left_out: u64,
}

impl Heard {
    /// Room for so many bytes of text.
    pub fn new(room: usize) -> Self {
        Self { room, ..Self::default() }
    }

    /// Keeps a text that fits, and counts one that does not. What is not UTF-8 is kept as it can be read.
    pub(crate) fn keep(&mut self, text: &[u8]) {
        if text.len() > self.room {
            self.left_out += 1;
            return;
        }
        self.room -= text.len();
        self.texts.push(Zeroizing::new(String::from_utf8_lossy(text).into_owned()));
    }

    /// How many texts found no room.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// What a tier finds in them, each with the number of its text.
    pub fn second_look(&self, tier: &mut dyn ModelTier) -> Vec<(usize, TierFinding)> {
        let (mut all, mut found) = (Vec::new(), Vec::new());
        for (number, text) in self.texts.iter().enumerate() {
            tier.look(text, &mut found);
            found.retain(|finding| text.get(finding.range.clone()).is_some_and(|there| !there.is_empty()));
            all.extend(found.drain(..).map(|finding| (number, finding)));
        }
        all
    }
}

impl fmt::Debug for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Heard({} texts, {} left out)", self.texts.len(), self.left_out)
    }
}

//! What was found in a document, and where it stands there.

use std::ops::Range;
use std::sync::Arc;

use crate::detect::{Confidence, DetectorId};
use crate::reveal::Shown;

/// A finding in a document.
#[derive(Clone, Debug)]
pub(in crate::exchange) struct Hit {
    pub(in crate::exchange) detector: DetectorId,
    pub(in crate::exchange) confidence: Confidence,
    /// The place in words; shared by all findings of one string.
    pub(in crate::exchange) place: Arc<str>,
    /// First byte, counted in the decoded text.
    pub(in crate::exchange) start: u64,
    /// Bytes of the decoded text.
    pub(in crate::exchange) length: u64,
    /// What to replace, in offsets of the document.
    pub(in crate::exchange) raw: Range<usize>,
    /// Where it goes on, if it is written in several texts: to be taken away.
    pub(in crate::exchange) rest: Vec<Range<usize>>,
    /// The whole string that it lies in, in offsets of the document.
    pub(in crate::exchange) text: Range<usize>,
    pub(in crate::exchange) quoting: Quoting,
    /// The provider has signed or encrypted this.
    pub(in crate::exchange) sealed: bool,
    /// What was found; only where that was asked for.
    pub(in crate::exchange) shown: Option<Box<Shown>>,
}

/// What a replacement needs around it to leave valid JSON behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::exchange) enum Quoting {
    /// It lies inside a string.
    Inside,
    /// It takes the place of a number: `"[CARD]"`.
    Number,
    /// It takes the place of a number in JSON that is itself in a string: `\"[CARD]\"`.
    InnerNumber,
    /// It lies in a form that is spelt like a URL.
    Form,
}

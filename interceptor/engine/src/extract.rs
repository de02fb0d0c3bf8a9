//! Text inside documents: PDF, what office programs write, and other archives of text. For scanning only: nothing is
//! ever put back.
//! Bounded in what is read, in what that may become, and in how often it may be looked at; knows no clock. What
//! cannot be read within the bounds is an error, never a part of the text.

mod base64;
mod office;
mod pdf;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub(crate) use base64::decode as base64;

/// Largest document that is opened.
pub(crate) const MOST_BYTES: usize = 8 << 20;

/// Most bytes that its parts may become when decoded, all together.
const MOST_DECODED: usize = 32 << 20;

/// Why a document was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// No kind of document that is known.
    #[error("no document of a known kind")]
    Kind,
    /// Larger than what is opened, or than what it may become.
    #[error("a document beyond the bounds")]
    Limit,
    /// Encrypted.
    #[error("an encrypted document")]
    Encrypted,
    /// Not what it says it is.
    #[error("a broken document")]
    Broken,
}

/// True if this is how a document begins that can be read here.
pub fn is_document(first: &[u8]) -> bool {
    first.starts_with(b"%PDF-") || first.starts_with(b"PK\x03\x04")
}

/// All text of a document, in reading order as far as the document tells.
///
/// # Errors
/// See [`Unreadable`].
pub fn text(document: &[u8]) -> Result<String, Unreadable> {
    if document.len() > MOST_BYTES {
        return Err(Unreadable::Limit);
    }
    let read = match document {
        _ if document.starts_with(b"%PDF-") => pdf::text,
        _ if document.starts_with(b"PK\x03\x04") => office::text,
        _ => return Err(Unreadable::Kind),
    };
    // The libraries read what strangers wrote. None is known to panic, and all are fuzzed through here; if one does,
    // it is a document that cannot be read, not the end of a connection.
    catch_unwind(AssertUnwindSafe(|| read(document))).unwrap_or(Err(Unreadable::Broken))
}

#[cfg(test)]
mod tests;

//! What takes the place of found text: a label, a token that stands for it, or a token for which it is put back in the
//! answer. Knows keys, tokens and the table of one exchange. Does not know bodies: where text is found and written is
//! the exchange's business.
//!
//! A token is letters only: `QX`, the detector's label, fourteen letters that a key and the found text decide, and one
//! that checks them. So it survives tokenisers and Markdown, spells no word and looks like no number, and is the same
//! in every turn and request of a tenant, which keeps the provider's prompt cache of use. Who reads it learns the kind
//! of what it stands for, and that two are the same.

mod context;
mod finder;
mod key;
mod table;
mod token;

pub(crate) use context::escape;
pub(crate) use finder::{Finder, Found};
pub use key::RedactionKey;
pub(crate) use key::TenantKey;
pub(crate) use table::{Full, Table};
pub(crate) use token::{is_token, token};

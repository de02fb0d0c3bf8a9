//! Reads JSON as it arrives and tells of every string and number what it is and where it stands.
//! Iterative, bounded in depth, without allocations per value; strings that lie in one piece are not copied.
//! Knows places, not providers. Does not judge what it reads.

pub(crate) mod escape;
mod place;
mod quote;
mod table;
mod walker;

pub use place::{Place, PlaceError};
pub use table::{Capture, Class, Table, Usage};
pub(crate) use table::{Role, StateId};
pub(crate) use walker::Member;
pub use walker::{Cursor, Here, Sink, Stretch, Text, Walker, Word};
pub use walker::{MOST_DEPTH, WalkError};

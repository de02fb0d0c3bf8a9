//! Limits: how many requests, tokens or dollars somebody may use in a minute, hour, day or month, and how many exchanges
//! at a time. Says what an exchange draws on, counts it, and says when there is no more.
//!
//! Does not read a clock and sends nothing: the shell tells the time, and shares counts between nodes if it is told to.

mod draw;
mod limit;
mod table;
mod usage;
mod window;

pub use draw::{Asking, Draw, Drawn, End, draws};
pub use limit::{Caller, Limit, Measure, Money, Per, WhenUnavailable};
pub use table::{Admission, Count, Gauge, Note, Short, Table, Taken, Why};
pub use usage::{Usage, estimate};
pub use window::{Each, Window};

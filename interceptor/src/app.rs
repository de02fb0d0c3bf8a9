//! Puts the daemon together, keeps it running and takes it apart again.
//! Sees every module. The data path itself is in `proxy`; this is what surrounds it.

mod answers;
pub mod coverage;
mod delivery;
pub mod exempt;
mod forbidding;
pub mod handover;
mod interfaces;
pub mod namespaces;
mod proxies;
mod ready;
mod reload;
pub mod resolve;
mod running;
mod start;
pub mod status;
mod told;
pub mod treatment;
mod whose;

pub use delivery::signature;
pub use ready::Ready;
pub use running::{Daemon, Stop};
pub use start::{StartError, engine};

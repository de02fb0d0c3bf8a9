//! WebSocket (RFC 6455): cuts one direction of a connection into frames, and puts messages together from them.
//! Every byte is in exactly one frame, so that what is forwarded is what came. Messages of permessage-deflate
//! (RFC 7692) are inflated to be read. Does not know what the messages mean.

mod extension;
mod frame;
mod message;

pub use extension::{Agreement, Deflate};
pub use frame::{Broken, Frame, Framer, Opcode, Sender, close, whole};
pub use message::{Message, Messages, Unit, Writing};

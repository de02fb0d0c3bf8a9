//! The data path of one connection: accept, peek, route, dial, terminate, serve.
//! Sees every other module; none of them sees it.

pub mod accept;
pub mod body;
pub mod connection;
mod cork;
pub mod dial;
pub mod drain;
pub mod exchange;
pub mod flow;
pub mod framing;
pub mod hints;
pub mod limits;
mod local;
pub mod passthrough;
pub mod peek;
mod pulse;
mod replay;
pub mod route;
pub mod serve;
pub mod shared;
pub mod trust;
pub mod tunnel;
pub mod upstream;
pub mod websocket;
pub mod worker;

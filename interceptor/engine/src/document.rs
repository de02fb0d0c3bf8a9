//! Reads the YAML documents that people write (policies, catalogue overrides, the daemon's configuration)
//! into a tree that knows the line and column of every key and value, and offers typed access to it.
//! All mistakes of a file are collected, never only the first. Does not know what a document is about, and
//! opens no file: text comes in, a tree or mistakes go out.
//!
//! Anchors, aliases, tags and duplicate keys are mistakes, and size, depth and node count are bounded, so
//! a document costs at most a small multiple of its own length.

mod field;
mod format;
mod mistake;
pub(crate) mod resource;
mod shape;
mod tree;
mod units;

pub use field::{Field, Fields};
pub use format::format;
pub(crate) use mistake::nearest as nearest_word;
pub use mistake::{Mistake, Mistakes, Position, Report};
pub use shape::{Kind, Member, Shape, json_schema, structural_schema, words};
pub use tree::{Document, Limits, Node, Value, parse};
pub use units::{NetworkPrefix, UnitError, byte_size, duration, network_prefix, socket_address};

//! `cargo xtask`: one file a verb.

fn main() {}

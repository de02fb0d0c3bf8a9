//! The `interceptor` binary: arguments in, exit code out.

fn main() {}

//! The daemon as a library: capture, proxy, TLS, telemetry and the command line around the pure engine.
//! ARCHITECTURE.md says which module may know which.

pub mod bpf;
pub mod netns;
pub mod hello;
pub mod tls;

/// The command line.
pub mod cli {
    pub mod ca;
}

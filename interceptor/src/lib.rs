//! The daemon as a library: capture, proxy, TLS, telemetry and the command line around the pure engine.
//! ARCHITECTURE.md says which module may know which.

pub mod admin;
pub mod app;
pub mod bpf;
pub mod budget;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod confine;
pub mod hello;
pub mod identity;
pub mod netns;
pub mod proxy;
pub mod signing;
pub mod source;
pub mod telemetry;
pub mod tls;

//! What the daemon says when it serves: one JSON object on a line of its own.

use serde::Serialize;

/// The daemon serves redirected connections from now on.
#[derive(Debug, Serialize)]
pub struct Ready {
    /// Always `ready`.
    pub event: &'static str,
    /// Its process.
    pub pid: u32,
    /// Version of this program.
    pub version: &'static str,
    /// Version of the policy in force.
    pub policy: String,
    /// Where the programs are attached.
    pub cgroup: String,
    /// Network namespaces served.
    pub namespaces: usize,
    /// Addresses and prefixes that are redirected.
    pub endpoints: usize,
    /// Where metrics are served.
    pub admin: Option<String>,
}

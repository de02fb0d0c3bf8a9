//! `interceptor uninstall`: removes from the kernel what a daemon leaves behind on purpose or was killed before
//! removing. Knows pins and cgroups. Does not remove files: configuration, authority and audit trail are the
//! operator's.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::exit;
use super::run::{load, refuse};
use crate::app::{exempt, handover};
use crate::bpf::{self, CaptureError, Pins, cgroup};
use crate::config::Config;

/// Remove every trace from the kernel.
#[derive(Debug, Args)]
pub struct Uninstall {
    /// The configuration that the daemon ran with; without one the standard configuration is used.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Uninstall {
    /// Says what was removed, one thing a line.
    pub fn run(&self) -> ExitCode {
        let config = match load(self.config.as_deref()) {
            Ok(config) => config,
            Err(error) => return refuse(&error),
        };
        match remove(&config) {
            Ok(removed) if removed.is_empty() => println!("nothing is installed"),
            Ok(removed) => removed.iter().for_each(|what| println!("removed {what}")),
            Err(error) => return super::failed(&error, exit::MACHINE),
        }
        ExitCode::SUCCESS
    }
}

/// Pins, and with them programs and maps; then what daemons that have ended left elsewhere.
fn remove(config: &Config) -> Result<Vec<String>, CaptureError> {
    let shown = |path: PathBuf| path.display().to_string();
    let mut removed = Vec::new();
    if let Some(base) = config.capture.pins.as_ref().filter(|base| base.exists()) {
        // A daemon that runs holds the lock: it would go on without its programs, and nobody would notice.
        let pins = Pins::open(base)?;
        // These go first: without the other programs they would take every packet for a raw one.
        removed.extend(bpf::remove_filters().into_iter().map(|name| format!("the filter on {name}")));
        pins.remove()?;
        removed.push(shown(base.clone()));
        removed.extend(handover::remove_abandoned(&config.state).map(shown));
    }
    removed.extend(exempt::remove_abandoned(&cgroup::root()?).into_iter().map(shown));
    Ok(removed)
}

//! `interceptor uninstall`: removes from the kernel what a daemon leaves behind on purpose or was killed before
//! removing. Knows pins and cgroups. Does not remove files: configuration, authority and audit trail are the
//! operator's.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::exit;
use super::run::{load, refuse};
use crate::app::{exempt, handover};
use crate::bpf::{CaptureError, Pins, cgroup};
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
            Ok(removed) => removed.iter().for_each(|path| println!("removed {}", path.display())),
            Err(error) => return super::failed(&error, exit::MACHINE),
        }
        ExitCode::SUCCESS
    }
}

/// Pins, and with them programs and maps; then what daemons that have ended left elsewhere.
fn remove(config: &Config) -> Result<Vec<PathBuf>, CaptureError> {
    let mut removed = Vec::new();
    if let Some(base) = config.capture.pins.as_ref().filter(|base| base.exists()) {
        // A daemon that runs holds the lock: it would go on without its programs, and nobody would notice.
        Pins::open(base)?.remove()?;
        removed.push(base.clone());
        removed.extend(handover::remove_abandoned(&config.state));
    }
    removed.extend(exempt::remove_abandoned(&cgroup::root()?));
    Ok(removed)
}

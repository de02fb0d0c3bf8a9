//! `interceptor run`: the daemon.
//! Knows configuration and signals. The daemon itself is in `app`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

use super::exit;
use crate::app::{Daemon, StartError, Stop};
use crate::config::{Config, ConfigError};
use crate::confine;
use crate::telemetry::chain;

/// Intercept this node until told to stop.
#[derive(Debug, Args)]
pub struct Run {
    /// The configuration file; without one the standard configuration is used.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Take over from the daemon that runs with the same state directory and pins, if there is one: its listeners
    /// first, so that no connection is refused, and then everything; it ends when its open connections have. Without
    /// this, a second daemon does not start.
    #[arg(long)]
    upgrade: bool,
    /// After another daemon has taken over, and what was open has ended, stay idle until told to stop: for a
    /// supervisor that restarts what ends by itself, such as Kubernetes.
    #[arg(long)]
    linger: bool,
    /// Log lines as JSON objects.
    #[arg(long)]
    log_json: bool,
}

impl Run {
    /// Runs the daemon. Prints one JSON line when it serves.
    pub fn run(&self) -> ExitCode {
        let config = match load(self.config.as_deref()) {
            Ok(config) => config,
            Err(error) => return refuse(&error),
        };
        super::log_to_stderr(self.log_json);
        harden();
        raise_descriptors(config.limits.connections);
        give_up(&config);
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return super::failed(&error, exit::FAILED),
        };
        runtime.block_on(serve(config, self.upgrade, self.linger))
    }
}

/// The configuration of a file, or the standard one.
pub(super) fn load(path: Option<&std::path::Path>) -> Result<Config, ConfigError> {
    path.map_or_else(|| Ok(Config::standard()), Config::load)
}

/// Says why a configuration is not used.
pub(super) fn refuse(error: &ConfigError) -> ExitCode {
    match error {
        ConfigError::Mistakes(mistakes) => super::mistaken(mistakes),
        ConfigError::Read { .. } => super::failed(error, exit::MISTAKES),
    }
}

/// Says why the daemon does not start.
pub(super) fn not_started(error: &StartError) -> ExitCode {
    match error {
        StartError::Mistakes(mistakes) => super::mistaken(mistakes),
        StartError::Read { .. } | StartError::Delivery(_) | StartError::Credentials(_) => {
            super::failed(error, exit::MISTAKES)
        }
        _ => super::failed(error, exit::MACHINE),
    }
}

/// What this process holds in memory, prompts and keys, must not end in a core dump or another's debugger.
pub(super) fn harden() {
    if let Err(error) = nix::sys::prctl::set_dumpable(false) {
        tracing::warn!(%error, "a core dump of this process could hold payload");
    }
    if let Err(error) = nix::sys::prctl::set_no_new_privs() {
        tracing::warn!(%error, "this process could gain privileges by executing a program");
    }
}

/// Gives up what the daemon never needs, before there is a thread that could keep it.
fn give_up(config: &Config) {
    let ports = [config.port, config.admin.map(|address| address.port())];
    let low = ports.iter().flatten().any(|port| (1..1024).contains(port));
    if let Err(error) = confine::process(low) {
        tracing::warn!(error = chain(&error), "this process can do more than it needs to");
    }
}

/// Takes as many descriptors as are allowed: a shell's usual 1,024 end at some 500 connections. What is allowed may still
/// be less than the configured connections need, two descriptors each; the fail policy answers from there on.
fn raise_descriptors(connections: usize) {
    let (soft, hard) = match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok(limits) => limits,
        Err(error) => return tracing::warn!(%error, "cannot tell how many descriptors are allowed"),
    };
    if soft < hard
        && let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, hard, hard)
    {
        tracing::warn!(%error, soft, hard, "cannot take as many descriptors as are allowed");
    }
    let wanted = 2 * connections as u64;
    if hard < wanted {
        tracing::warn!(
            allowed = hard,
            wanted,
            "fewer descriptors than limits.connections needs; raise the hard limit (LimitNOFILE, ulimit -Hn)"
        );
    }
}

async fn serve(config: Config, upgrade: bool, linger: bool) -> ExitCode {
    // Signals are caught before anything is attached, so that an early one still ends in order.
    let (mut term, mut interrupt) = match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        (Ok(term), Ok(interrupt)) => (term, interrupt),
        (Err(error), _) | (_, Err(error)) => return super::failed(&error, exit::FAILED),
    };
    let started = if upgrade { Daemon::replace(config).await } else { Daemon::start(config).await };
    let mut daemon = match started {
        Ok(daemon) => daemon,
        Err(error) => return not_started(&error),
    };
    match serde_json::to_string(&daemon.ready()) {
        // Whoever started us may not read; that is no reason to stop.
        Ok(line) => drop(writeln!(std::io::stdout(), "{line}")),
        Err(error) => tracing::warn!(%error, "cannot say that the daemon is ready"),
    }
    let mut stop = async || {
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let ended = daemon.run(stop()).await;
    tracing::info!("stopping: connections may finish");
    match ended {
        Ok(Stop::HandedOver) => {
            daemon.leave().await;
            if linger {
                tracing::info!("idle: another daemon serves");
                // A signal that came meanwhile counts.
                stop().await;
            }
        }
        _ => daemon.stop(),
    }
    match ended {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => super::failed(&error, exit::FAILED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_descriptors_are_taken_as_are_allowed() {
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        // One less hurts nobody who is tested beside us.
        setrlimit(Resource::RLIMIT_NOFILE, hard - 1, hard).unwrap();
        raise_descriptors(1);
        assert_eq!(getrlimit(Resource::RLIMIT_NOFILE).unwrap(), (hard, hard));
    }
}

//! `interceptor exec -- CMD`: one command under interception, and nothing else on the machine.
//! Knows the order of things. The sandbox of the command is in `exec/child.rs`, its trust in `exec/trust.rs`.

mod child;
mod proxies;
mod trust;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use self::child::{Cage, Child};
use self::trust::Trust;
use super::run::{load, not_started, refuse};
use crate::app::Daemon;
use crate::config::{Config, NamespaceSpec};
use crate::telemetry::audit::Destination;

/// What `exec` itself failing looks like, as in docker, env and timeout.
const OWN_FAILURE: u8 = 125;

/// Run one command under interception, and nothing else.
#[derive(Debug, Args)]
pub struct Exec {
    /// A configuration to start from; namespaces, cgroup, authority and admin port are always exec's own.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A policy file instead of the configured or built-in policy. May be given more than once.
    #[arg(long, value_name = "FILE")]
    policy: Vec<PathBuf>,
    /// Append one JSON line for each exchange and connection to this file.
    #[arg(long, value_name = "FILE")]
    audit: Option<PathBuf>,
    /// Run the command as root, even under sudo. Otherwise it runs as the user who called sudo.
    #[arg(long)]
    as_root: bool,
    /// The command and its arguments.
    #[arg(required = true, trailing_var_arg = true, value_name = "CMD")]
    command: Vec<std::ffi::OsString>,
}

impl Exec {
    /// Runs the command and returns its exit code; 125 if interception could not be set up, 126 if the command
    /// could not be run, 127 if it was not found, 128 + N if signal N ended it.
    pub fn run(&self) -> ExitCode {
        let config = match load(self.config.as_deref()) {
            Ok(config) => config,
            Err(error) => return own(refuse(&error)),
        };
        if std::env::var_os("RUST_LOG").is_some() {
            super::log_to_stderr(false);
        }
        if !nix::unistd::geteuid().is_root() {
            eprintln!(
                "interceptor: exec loads BPF programs and needs root; try `sudo interceptor exec -- …`"
            );
            return ExitCode::from(OWN_FAILURE);
        }
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return own(super::failed(&error, OWN_FAILURE)),
        };
        runtime.block_on(self.intercepted(config))
    }

    async fn intercepted(&self, config: Config) -> ExitCode {
        let cage = match Cage::make() {
            Ok(cage) => cage,
            Err(error) => return own(super::failed(&error, OWN_FAILURE)),
        };
        let engine = match crate::app::engine(&self.adapt(config.clone(), &cage, PathBuf::new())) {
            Ok(engine) => engine,
            Err(error) => return own(not_started(&error)),
        };
        let trust = match Trust::make(engine.catalogue()) {
            Ok(trust) => trust,
            Err(error) => return own(super::failed(&*error, OWN_FAILURE)),
        };
        for variable in proxies::of_environment().1 {
            eprintln!("interceptor: {variable} names no HTTP proxy; what goes through it is not inspected");
        }
        let mut daemon = match Daemon::start(self.adapt(config, &cage, trust.authority().to_owned())).await {
            Ok(daemon) => daemon,
            Err(error) => return own(not_started(&error)),
        };
        let user = if self.as_root { None } else { child::sudo_user() };
        let code = match Child::spawn(&self.command, &cage, &trust, user) {
            Ok(mut child) => {
                let mut code = OWN_FAILURE;
                let ended = daemon.run(async { code = child.wait().await }).await;
                if let Err(error) = ended {
                    eprintln!("interceptor: {}", crate::telemetry::chain(&error));
                }
                code
            }
            Err(error) => {
                eprintln!("interceptor: cannot run {}: {error}", self.command[0].display());
                if error.kind() == std::io::ErrorKind::NotFound { 127 } else { 126 }
            }
        };
        daemon.stop();
        ExitCode::from(code)
    }

    fn adapt(&self, mut config: Config, cage: &Cage, authority: PathBuf) -> Config {
        config.cgroup = Some(cage.path().to_owned());
        config.namespaces = vec![NamespaceSpec::Own, NamespaceSpec::Discover];
        // What one command needs ends with it.
        config.capture.pins = None;
        config.workers = Some(config.workers.unwrap_or(1));
        config.authority = authority;
        config.admin = None;
        // The command inherits these variables, and will do as they say.
        config.endpoints.proxies.extend(proxies::of_environment().0);
        config.audit = self.audit.clone().map_or(Destination::Off, Destination::File);
        if !self.policy.is_empty() {
            config.policies = self.policy.clone();
        }
        // The command has ended when we stop; only its connections in TIME_WAIT could still be there.
        config.limits.drain = std::time::Duration::from_millis(200);
        config
    }
}

/// A failure of exec itself, whatever code the same failure has in `run`.
fn own(_: ExitCode) -> ExitCode {
    ExitCode::from(OWN_FAILURE)
}

//! The command line: arguments in, exit code out. One file a command.
//! Knows what to call. Does none of the work.

pub mod ca;
pub mod coverage;
pub mod detectors;
pub mod doctor;
pub mod exec;
pub mod health;
pub mod policy;
pub mod run;
pub mod scan;
pub mod status;
pub mod uninstall;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// See and govern what this machine's software sends to AI providers, without changing the software.
#[derive(Debug, Parser)]
#[command(name = "interceptor", version, max_term_width = 100)]
#[command(after_help = "Exit codes: 0 done, 1 failed, 2 wrong arguments, 3 a file is wrong, \
                        4 this machine lacks something.\n`exec` returns the command's own code.")]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Intercept this node until told to stop.
    #[command(after_help = "Example:\n  interceptor run --config /etc/interceptor/config.yaml")]
    Run(run::Run),
    /// Run one command under interception, and nothing else.
    #[command(after_help = "Examples:\n  sudo interceptor exec -- python agent.py\n  \
                            sudo interceptor exec --policy strict.yaml --audit calls.jsonl -- claude")]
    Exec(exec::Exec),
    /// Say what of this machine is ready, what is not, and what to do.
    #[command(after_help = "Example:\n  interceptor doctor --config /etc/interceptor/config.yaml --json")]
    Doctor(doctor::Doctor),
    /// Say what became of calls to AI providers, workload by workload: inspected, passed, refused, missed, and why.
    #[command(after_help = "Examples:\n  interceptor coverage --config /etc/interceptor/config.yaml\n  \
                            interceptor coverage --admin 127.0.0.1:9465 --strict\n  \
                            interceptor coverage --json | jq '.workloads[] | select(.left != {})'\n\n\
                            Counts are of connections since the programs were loaded. With --strict the exit code is \
                            1 if anything\nreached, or may have reached, an AI provider uninspected, or the counts \
                            do not add up.")]
    Coverage(coverage::Coverage),
    /// Say how the daemon is: what is in force, and whether the container runtime and the API server answer.
    #[command(after_help = "Examples:\n  interceptor status --config /etc/interceptor/config.yaml\n  \
                            interceptor status --json | jq '.sources[] | select(.up == false)'\n\n\
                            Exits with 1 if the last attempt to replace policy or authority was refused, if somebody \
                            who is asked\ndoes not answer, or if there is no daemon.")]
    Status(status::Status),
    /// Say whether the daemon lives, or whether it serves: for probes.
    #[command(
        after_help = "Example:\n  interceptor health --ready --config /etc/interceptor/config.yaml\n\n\
                            Exits with 0 if so, and with 1 if not. Asks at admin.socket where the configuration has \
                            one, and there\nthe very daemon that was started with it; otherwise at admin.address, \
                            which a successor takes over."
    )]
    Health(health::Health),
    /// Make, renew, show and export the certificate authority.
    Ca(ca::Ca),
    /// Remove every trace of the daemon from the kernel: programs, maps, pins and its cgroups. Files stay.
    #[command(after_help = "Example:\n  interceptor uninstall --config /etc/interceptor/config.yaml")]
    Uninstall(uninstall::Uninstall),
    /// Check policies.
    Policy(policy::PolicyCommand),
    /// List what this build looks for, and what confirms it.
    #[command(after_help = detectors::EXAMPLES)]
    Detectors(detectors::Detectors),
    /// Score detectors: find secrets and personal data in records, without touching any traffic.
    #[command(after_help = scan::EXAMPLES)]
    Scan(scan::Scan),
}

/// What the exit codes mean.
pub mod exit {
    /// Something failed while it ran.
    pub const FAILED: u8 = 1;
    /// A configuration, policy or catalogue file is wrong.
    pub const MISTAKES: u8 = 3;
    /// The machine lacks a permission, a kernel feature or a file.
    pub const MACHINE: u8 = 4;
}

/// Parses the arguments and runs the command.
pub fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Run(run) => run.run(),
        Command::Exec(exec) => exec.run(),
        Command::Doctor(doctor) => doctor.run(),
        Command::Coverage(coverage) => coverage.run(),
        Command::Status(status) => status.run(),
        Command::Health(health) => health.run(),
        Command::Ca(ca) => authority(&ca),
        Command::Uninstall(uninstall) => uninstall.run(),
        Command::Policy(policy) => policy.run(),
        Command::Detectors(detectors) => detectors.run(),
        Command::Scan(scan) => scan.run(),
    }
}

/// The authority's constraints come from the catalogue, which the commands about it are given.
fn authority(ca: &ca::Ca) -> ExitCode {
    let catalogue = interceptor_engine::Catalogue::builtin();
    let domains = catalogue.permitted_domains();
    match ca.run(&domains, &mut std::io::stdout()) {
        Ok(ca::Outcome::Good) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(exit::FAILED),
        Err(error) => failed(&error, exit::FAILED),
    }
}

/// Prints what failed, with its causes, and gives the exit code.
fn failed(error: &dyn std::error::Error, code: u8) -> ExitCode {
    eprintln!("interceptor: {}", crate::telemetry::chain(error));
    ExitCode::from(code)
}

/// Prints mistakes as they are: they name their own file and place.
fn mistaken(mistakes: &interceptor_engine::document::Mistakes) -> ExitCode {
    eprintln!("{mistakes}");
    eprintln!("{} {}", mistakes.len(), if mistakes.len() == 1 { "mistake" } else { "mistakes" });
    ExitCode::from(exit::MISTAKES)
}

/// Sends log lines to standard error, which leaves standard output to what machines read.
fn log_to_stderr(json: bool) {
    use tracing_subscriber::EnvFilter;
    // The client of the API server tells of every failed attempt; we tell of the first, and then every minute.
    let filter = EnvFilter::try_from_env("RUST_LOG")
        .unwrap_or_else(|_| EnvFilter::new("info,kube_client=off,tower=off"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_writer(std::io::stderr);
    // The only failure is that a logger is there already, which is as good.
    let _ = if json { builder.json().try_init() } else { builder.with_target(false).try_init() };
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_arguments_of_every_command_are_sound() {
        super::Cli::command().debug_assert();
    }
}

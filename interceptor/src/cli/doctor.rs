//! `interceptor doctor`: what of this machine is ready, what is not, and what to do.
//! Knows how to show checks. The checks are in `doctor/checks.rs`.

mod checks;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use self::checks::Machine;
use super::exit;
use super::run::{load, refuse};

/// Say what of this machine is ready, what is not, and what to do.
#[derive(Debug, Args)]
pub struct Doctor {
    /// The configuration to check against; without one the standard configuration is used.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// One JSON object on standard output.
    #[arg(long)]
    json: bool,
}

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// As it should be.
    Good,
    /// The daemon runs, but something will be missed.
    Warning,
    /// The daemon cannot run.
    Bad,
}

/// One check.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at.
    pub what: &'static str,
    /// How it went.
    pub health: Health,
    /// What was found.
    pub found: String,
    /// What to do about it; nothing if all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub todo: Option<String>,
}

impl Doctor {
    /// Runs every check. Exits with 0 if the daemon can run, with 4 if not.
    pub fn run(&self) -> ExitCode {
        let config = match load(self.config.as_deref()) {
            Ok(config) => config,
            Err(error) => return refuse(&error),
        };
        let checks = checks::all(&Machine::this(), &config);
        let bad = checks.iter().any(|check| check.health == Health::Bad);
        if self.json {
            println!("{}", serde_json::json!({ "ready": !bad, "checks": checks }));
        } else {
            checks.iter().for_each(show);
            println!(
                "{}",
                if bad { "interceptor cannot run here yet." } else { "interceptor can run here." }
            );
        }
        if bad { ExitCode::from(exit::MACHINE) } else { ExitCode::SUCCESS }
    }
}

fn show(check: &Check) {
    let mark = match check.health {
        Health::Good => "ok  ",
        Health::Warning => "warn",
        Health::Bad => "BAD ",
    };
    println!("{mark}  {:<12} {}", check.what, check.found);
    if let Some(todo) = &check.todo {
        println!("      {:<12} -> {todo}", "");
    }
}

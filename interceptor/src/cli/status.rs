//! `interceptor status`: asks the running daemon how it is, and whether those that it asks answer.
//! Knows how to show it. What there is to be shown is in `app/status.rs`.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::coverage::{AskError, admin_of, broken, get};
use super::exit;
use super::run::{load, refuse};
use crate::app::status::Status as Report;
use crate::source::Standing;
use crate::telemetry::reloads::Last;

/// Say how the daemon is: what is in force, and whether the container runtime and the API server answer.
#[derive(Debug, Args)]
pub struct Status {
    /// The configuration that the daemon runs with; without one the standard configuration is used.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the daemon's admin port is, instead of what a configuration says.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "config")]
    admin: Option<SocketAddr>,
    /// One JSON object on standard output.
    #[arg(long)]
    json: bool,
}

impl Status {
    /// Prints it. Exits with 1 if something is not as it should be, or nobody answers.
    pub fn run(&self) -> ExitCode {
        let address = match (self.admin, load(self.config.as_deref())) {
            (Some(address), _) => Ok(address),
            (None, Ok(config)) => admin_of(&config),
            (None, Err(error)) => return refuse(&error),
        };
        match address.and_then(ask) {
            Ok((report, json)) => {
                let text = if self.json { json + "\n" } else { show(&report) };
                // Whoever reads may have seen enough.
                let _ = std::io::stdout().write_all(text.as_bytes());
                if report.is_good() { ExitCode::SUCCESS } else { ExitCode::from(exit::FAILED) }
            }
            Err(error) => super::failed(&error, exit::FAILED),
        }
    }
}

fn ask(address: SocketAddr) -> Result<(Report, String), AskError> {
    let answer = get(address, "/status")?;
    let report = serde_json::from_slice(&answer).map_err(broken(address))?;
    Ok((report, String::from_utf8_lossy(&answer).into_owned()))
}

fn show(report: &Report) -> String {
    let mut text = format!("interceptor {}, process {}\n", report.version, report.pid);
    let mut line = |what: &str, said: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{what:<18} {}", said.replace('\n', &format!("\n{:<19}", "")));
    };
    line("policy", &format!("{} is in force", report.policy));
    report.reloads.iter().filter(|last| !last.taken).for_each(|last| line("", &kept(last)));
    report.sources.iter().for_each(|one| line(&one.source, &source(one)));
    text
}

fn kept(last: &Last) -> String {
    let detail = last.detail.as_deref().unwrap_or_default();
    format!("REFUSED at {}: another {}; {} stays\n{detail}", last.at, last.part, last.in_force)
}

fn source(one: &Standing) -> String {
    let seconds = |time: Option<f64>| format!("{:.0} s", time.unwrap_or_default());
    let mut text = match (one.up, &one.detail) {
        (None, _) => "was not asked yet".to_owned(),
        (Some(true), _) => format!("up, heard {} ago", seconds(one.age_seconds)),
        (Some(false), detail) => {
            let detail = detail.as_deref().unwrap_or_default();
            format!("DOWN for {}: {detail}", seconds(one.failing_seconds))
        }
    };
    if let Some(objects) = one.objects {
        let _ = write!(text, "; {objects} known");
    }
    match (one.up, one.age_seconds) {
        (Some(false), None) => text.push_str("; nothing was ever heard"),
        (Some(false), age) => {
            let _ = write!(text, ", as they were {} ago", seconds(age));
        }
        _ => {}
    }
    text
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::source::Trouble;

    #[test]
    fn what_is_wrong_stands_out() {
        let one = |name: &'static str| Standing { source: name.into(), ..Standing::default() };
        let last = Last {
            part: "policy".into(),
            at: "2026-01-01T00:00:00Z".into(),
            taken: false,
            in_force: "aa11".into(),
            detail: Some("a.yaml:1:1: wrong\nb.yaml:2:2: wrong, too".into()),
        };
        let report = Report {
            version: "0.1.0".into(),
            pid: 7,
            policy: "aa11".into(),
            reloads: vec![last],
            sources: vec![
                Standing { up: Some(true), age_seconds: Some(2.2), ..one("container_runtime") },
                Standing {
                    up: Some(false),
                    age_seconds: Some(71.0),
                    failing_seconds: Some(60.4),
                    objects: Some(12),
                    trouble: Some(Trouble::Unauthorized),
                    detail: Some("401 Unauthorized: no".into()),
                    ..one("pods")
                },
                Standing { up: Some(false), detail: Some("nobody".into()), ..one("namespaces") },
                one("egresspolicies"),
            ],
        };
        assert!(!report.is_good());
        expect![[r#"
            interceptor 0.1.0, process 7
            policy             aa11 is in force
                               REFUSED at 2026-01-01T00:00:00Z: another policy; aa11 stays
                               a.yaml:1:1: wrong
                               b.yaml:2:2: wrong, too
            container_runtime  up, heard 2 s ago
            pods               DOWN for 60 s: 401 Unauthorized: no; 12 known, as they were 71 s ago
            namespaces         DOWN for 0 s: nobody; nothing was ever heard
            egresspolicies     was not asked yet
        "#]]
        .assert_eq(&show(&report));
    }
}

//! `interceptor health`: asks a daemon whether it lives, or whether it serves. Knows where the daemon answers, and that
//! nothing but the status of the answer matters. Does not wait for a daemon that is starting: probes repeat.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::coverage::admin_of;
use super::exit;
use super::run::{load, refuse};
use crate::config::Config;

/// For each step. The answer is made from memory.
const PATIENCE: Duration = Duration::from_secs(2);

/// Say whether the daemon lives, or whether it serves.
#[derive(Debug, Args)]
pub struct Health {
    /// The configuration that the daemon runs with; without one the standard configuration is used.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Ask whether it serves: it does not while it starts, drains, or has handed over.
    #[arg(long)]
    ready: bool,
}

impl Health {
    /// Exits with 0 if the answer is yes. Says what it is otherwise.
    pub fn run(&self) -> ExitCode {
        let config = match load(self.config.as_deref()) {
            Ok(config) => config,
            Err(error) => return refuse(&error),
        };
        let path = if self.ready { "/readyz" } else { "/healthz" };
        match ask(&config, path) {
            Ok(answer) if answer.starts_with("HTTP/1.1 200 ") => ExitCode::SUCCESS,
            Ok(answer) => {
                eprintln!("interceptor: {}", answer.lines().last().unwrap_or("the answer is empty"));
                ExitCode::from(exit::FAILED)
            }
            Err(error) => super::failed(&*error, exit::FAILED),
        }
    }
}

fn ask(config: &Config, path: &str) -> Result<String, Box<dyn std::error::Error>> {
    if let Some(socket) = &config.admin_socket {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        return Ok(exchange(stream, path)?);
    }
    let stream = TcpStream::connect_timeout(&admin_of(config)?, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(exchange(stream, path)?)
}

/// Bounded, whoever answers: the daemon's answers are a few hundred bytes.
fn exchange(mut stream: impl Read + Write, path: &str) -> io::Result<String> {
    const LONGEST: u64 = 4096;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(LONGEST).read_to_string(&mut answer)?;
    Ok(answer)
}

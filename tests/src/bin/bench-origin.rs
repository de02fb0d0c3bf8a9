//! `bench-origin`: the provider's side of the benchmark, its certificates, and a relay as the floor.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Parser;
use interceptor_tests::origin::{self, Listen, pki, relay};

/// The provider's side of the benchmark.
#[derive(Parser)]
#[command(name = "bench-origin", version, about)]
enum Command {
    /// Make the certificates of the origin and of the peers.
    Pki {
        /// The folder to write.
        #[arg(long)]
        folder: PathBuf,
        /// A name to make leafs for; repeat for more.
        #[arg(long = "name", required = true)]
        names: Vec<String>,
    },
    /// Serve chat answers over TLS until stopped.
    Serve {
        /// ADDRESS[,alpn=h1|h2|both][,handshake=MS][,answer=MS]; repeat for more.
        #[arg(long = "listen", required = true)]
        listen: Vec<Listen>,
        /// The folder that `pki` made.
        #[arg(long)]
        pki: PathBuf,
        /// A Unix socket that answers each connection with the counters as JSON.
        #[arg(long)]
        control: Option<PathBuf>,
    },
    /// Carry TCP from one address to another without reading it.
    Relay {
        /// FROM=TO; repeat for more.
        #[arg(long = "route", required = true, value_parser = route)]
        routes: Vec<(SocketAddr, SocketAddr)>,
    },
}

fn route(text: &str) -> anyhow::Result<(SocketAddr, SocketAddr)> {
    let (from, to) = text.split_once('=').context("expected FROM=TO")?;
    Ok((from.parse()?, to.parse()?))
}

fn main() -> anyhow::Result<()> {
    match Command::parse() {
        Command::Pki { folder, names } => pki::write(&folder, &names),
        Command::Serve { listen, pki, control } => origin::serve(&listen, &pki, control),
        Command::Relay { routes } => relay::serve(&routes),
    }
}

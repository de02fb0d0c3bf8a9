//! An application that asks a name server, byte for byte as it is told: sends one message, prints each answer as
//! hexadecimal on a line of its own, and ends after as many as it was told to wait for, or at the end of the stream.
//!
//! `asker [--tcp] [--answers N] HEX SERVER:PORT`

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::Parser;

/// Longer than any test takes.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Parser)]
struct Args {
    /// Ask over TCP, without a length before the message.
    #[arg(long)]
    tcp: bool,
    /// How many datagrams to wait for, from whomever.
    #[arg(long, default_value_t = 1)]
    answers: usize,
    /// What to send.
    question: String,
    /// Where to.
    server: SocketAddr,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let question = bytes(&args.question)?;
    if args.tcp { over_tcp(&args, &question) } else { over_udp(&args, &question) }
}

fn over_udp(args: &Args, question: &[u8]) -> Result<()> {
    let any: SocketAddr = match args.server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    // Not connected, so that a stranger's datagram arrives too.
    let socket = UdpSocket::bind(any)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.send_to(question, args.server)?;
    let mut buffer = vec![0; 65_536];
    for _ in 0..args.answers {
        let (length, _) = socket.recv_from(&mut buffer).context("no answer")?;
        println!("{}", hexadecimal(&buffer[..length]));
    }
    Ok(())
}

fn over_tcp(args: &Args, question: &[u8]) -> Result<()> {
    let mut stream = TcpStream::connect(args.server)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(question)?;
    let mut all = Vec::new();
    stream.read_to_end(&mut all).context("no end")?;
    println!("{}", hexadecimal(&all));
    Ok(())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(text: &str) -> Result<Vec<u8>> {
    ensure!(text.len().is_multiple_of(2), "half a byte");
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).context("not hexadecimal");
    (0..text.len()).step_by(2).map(byte).collect()
}

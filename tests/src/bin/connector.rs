//! An application that opens connections by the thousand, for tests and for measurements. Prints one JSON line. Knows
//! sockets and clocks; does not know whether anybody redirects it.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Parser;
use serde_json::json;
use socket2::{Domain, Socket, Type};

/// An application that opens connections by the thousand.
#[derive(Parser)]
enum Way {
    /// One after the other, each accepted from the listener on standard input before the next. Prints how many
    /// nanoseconds each `connect` took.
    Paced { count: usize, destination: SocketAddrV4 },
    /// One after the other, each of which has to fail with EPERM. Prints how many did.
    Refused { count: u64, destination: SocketAddrV4 },
    /// As fast as it can, to each destination in turn, none of them closed before standard input is. Prints local port
    /// and destination of each.
    Burst { count: usize, destinations: Vec<SocketAddrV4> },
    /// One connection that is written to for so many milliseconds. Prints bytes and nanoseconds.
    Flood { milliseconds: u64, destination: SocketAddrV4 },
    /// A socket for datagrams, open until standard input is closed. Prints its port.
    Datagrams,
}

fn main() -> Result<()> {
    match Way::parse() {
        Way::Paced { count, destination } => paced(count, destination.into()),
        Way::Refused { count, destination } => refused(count, destination.into()),
        Way::Burst { count, destinations } => burst(count, &destinations),
        Way::Flood { milliseconds, destination } => flood(milliseconds, destination.into()),
        Way::Datagrams => {
            let socket = UdpSocket::bind("0.0.0.0:0")?;
            println!("{}", json!({ "port": socket.local_addr()?.port() }));
            wait()
        }
    }
}

fn paced(count: usize, destination: SocketAddr) -> Result<()> {
    let listener = TcpListener::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut took = Vec::with_capacity(count);
    for _ in 0..count {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        // A reset leaves no port in TIME_WAIT.
        socket.set_linger(Some(Duration::ZERO))?;
        let to = destination.into();
        let begun = Instant::now();
        socket.connect(&to)?;
        took.push(u64::try_from(begun.elapsed().as_nanos())?);
        let accepted = listener.accept()?;
        drop(socket);
        drop(accepted);
    }
    println!("{}", json!({ "nanoseconds": took }));
    Ok(())
}

fn refused(count: u64, destination: SocketAddr) -> Result<()> {
    for _ in 0..count {
        let answer = Socket::new(Domain::IPV4, Type::STREAM, None)?.connect(&destination.into());
        ensure!(answer.err().and_then(|error| error.raw_os_error()) == Some(libc::EPERM), "not refused");
    }
    println!("{}", json!({ "refused": count }));
    Ok(())
}

fn burst(count: usize, destinations: &[SocketAddrV4]) -> Result<()> {
    let mut open = Vec::with_capacity(count);
    let mut made = Vec::with_capacity(count);
    for destination in destinations.iter().cycle().take(count) {
        let stream = TcpStream::connect(destination)?;
        made.push(json!([stream.local_addr()?.port(), destination]));
        open.push(stream);
    }
    println!("{}", json!({ "pid": std::process::id(), "connections": made }));
    wait()
}

fn flood(milliseconds: u64, destination: SocketAddr) -> Result<()> {
    let mut stream = TcpStream::connect(destination)?;
    let block = vec![0; 64 * 1024];
    let (begun, window) = (Instant::now(), Duration::from_millis(milliseconds));
    let mut bytes = 0;
    while begun.elapsed() < window {
        bytes += stream.write(&block)?;
    }
    println!("{}", json!({ "bytes": bytes, "nanoseconds": u64::try_from(begun.elapsed().as_nanos())? }));
    Ok(())
}

fn wait() -> Result<()> {
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
